// rest.hpp: the one thing we ask of Twilio's REST API: to end a call.
//
// Owner:  TwilioService, shared with the streams that are hanging up.
// Thread: any io thread; each request runs on the caller's.
// End:    every request ends within its limits.
#pragma once

#include <parley/core/text.hpp>
#include <parley/net/http.hpp>

#include <memory>
#include <string>

namespace parley::telephony {

class TwilioRest {
 public:
    struct Options {
        std::string base_url = "https://api.twilio.com";
        std::string account_sid;
        Secret auth_token;
        net::RequestLimits limits = {};  // 10 s
        // after 429, which Twilio has not processed; nothing else is repeated
        int tries_max = 3;
    };
    enum class Ended { now, before, failed };  // `before`: the call was over already

    // Fault when base_url or account_sid cannot be used.
    static Checked<std::shared_ptr<const TwilioRest>> make(Options options);

    // Never throws for what Twilio answers; failures are logged.
    static Task<Ended> end_call(std::shared_ptr<const TwilioRest> rest, std::string call_sid);

 private:
    TwilioRest(Options options, net::Url base);

    Options options_;
    net::Url base_;
    std::string authorization_;
};

}  // namespace parley::telephony
