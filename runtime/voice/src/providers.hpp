// providers.hpp: voices that are somewhere else, over HTTP.
#pragma once

#include <parley/net/http.hpp>
#include <parley/voice/voice.hpp>

namespace parley::voice {

// What to ask a provider for; sans-I/O.
struct Asking {
    net::Url url;
    net::Request request;
    std::string head = {};  // goes before what comes
};
boost::system::result<Asking, Failure> ask_openai(const Options& options, const net::Url& base,
                                                  const Wanted& wanted);
boost::system::result<Asking, Failure> ask_elevenlabs(const Options& options, const net::Url& base,
                                                      const Wanted& wanted);
// What a provider says is wrong: {"error":{"message"}} or {"detail":{"message"}}, else the status.
std::string reason_of(const net::Response& response);

Checked<std::unique_ptr<Voice>> make_provider_voice(Options options);

}  // namespace parley::voice
