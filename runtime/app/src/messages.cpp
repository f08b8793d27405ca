#include "messages.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <boost/asio/co_spawn.hpp>

#include <fmt/format.h>

namespace parley::app {
namespace {

using telephony::NewMessage;
using telephony::RestFailure;
using telephony::TwilioRest;

store::QueryProblem problem_of(const RestFailure& why) {
    using Kind = store::QueryProblem::Kind;
    switch (why.kind) {
        case RestFailure::Kind::refused:
        case RestFailure::Kind::gone:
            return {Kind::mistake, fmt::format("the carrier refused it: {}", why.what)};
        case RestFailure::Kind::credentials:
            return {Kind::mistake, "the carrier did not accept our account"};
        case RestFailure::Kind::busy: return {Kind::busy, "the carrier has too much to do"};
        case RestFailure::Kind::unreachable:
            return {Kind::busy, "the carrier could not be reached"};
        case RestFailure::Kind::unclear: break;
    }
    return {Kind::timeout, "the carrier did not answer; it may have been sent all the same"};
}

Task<script::Messages::Result> sent(TwilioRest::Ask rest, NewMessage message) {
    const std::string to = message.to;
    auto sending = TwilioRest::send(std::move(rest), std::move(message));
    const auto answer = co_await std::move(sending);
    if (answer) co_return answer->sid;
    const auto& why = answer.error();
    log::warn("twilio.message_failed", {{"to", masked_number(to)},
                                        {"status", why.status},
                                        {"code", why.code},
                                        {"what", why.what}});
    co_return problem_of(why);
}

class TwilioMessages final : public script::Messages {
 public:
    TwilioMessages(TwilioRest::Ask rest, boost::asio::any_io_executor home)
        : rest_(std::move(rest)), home_(std::move(home)) {}

    void send(std::string from, std::string to, std::string text,
              std::function<void(Result)> done) override {
        NewMessage message{std::move(to), std::move(from), std::move(text)};
        asio::co_spawn(home_, sent(rest_, std::move(message)),
                       [done = std::move(done)](const std::exception_ptr& failed, Result result) {
                           // no memory: whoever waits is told all the same
                           if (failed) result = store::QueryProblem{.message = "was not sent"};
                           done(std::move(result));
                       });
    }

 private:
    TwilioRest::Ask rest_;
    boost::asio::any_io_executor home_;
};

}  // namespace

std::unique_ptr<script::Messages> twilio_messages(TwilioRest::Ask rest,
                                                  boost::asio::any_io_executor home) {
    if (!rest) return nullptr;
    return std::make_unique<TwilioMessages>(std::move(rest), std::move(home));
}

}  // namespace parley::app
