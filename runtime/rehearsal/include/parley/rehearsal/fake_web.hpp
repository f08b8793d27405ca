// fake_web.hpp: the web as a test says it is. What no test has an answer for is refused, and says
// so.
//
// Owner:  one call or one test. Thread: one; answers come by the virtual clock, at the earliest in
// the next turn.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/core/virtual_clock.hpp>
#include <parley/script/services.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley::rehearsal {

struct WebAnswer {
    enum class Fault { none, timeout, refused, unknown_host, broken };
    std::string method;  // empty: any
    std::string url;     // the whole, or its beginning up to "?"
    int status = 200;
    std::string body = {};
    std::string content_type = "application/json";
    Fault fault = Fault::none;
    milliseconds after{50};  // from the request to the answer
    int times = 0;           // how often; 0: always
};

// {"url", "method", "status", "json" or "text", "fault", "after", "times"}, as scenarios and tests
// write it; a Fault without `where` for what cannot be understood.
Checked<WebAnswer> web_answer_of(const json::object& object);

class FakeWeb final : public script::HttpClient {
 public:
    struct Sent {
        std::string method, url, body;
    };
    explicit FakeWeb(const VirtualClock& clock) : clock_(clock) {}

    void add(WebAnswer answer) { answers_.push_back(std::move(answer)); }
    const std::vector<Sent>& sent() const { return sent_; }
    // Told of each request.
    void watch(std::function<void(const Sent&)> each) { watch_ = std::move(each); }

    std::shared_ptr<void> send(boost::asio::any_io_executor home, net::Url url,
                               net::Request request, net::RequestLimits limits,
                               std::function<void(Result)> done) override;

 private:
    WebAnswer* find(std::string_view method, std::string_view url);

    const VirtualClock& clock_;
    std::vector<WebAnswer> answers_;
    std::vector<Sent> sent_;
    std::function<void(const Sent&)> watch_;
};

}  // namespace parley::rehearsal
