#include <parley/telephony/rest.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <random>

namespace parley::telephony {
namespace {

constexpr int call_not_in_progress = 21220;  // Twilio's code for updating a call that is over
constexpr milliseconds first_pause{100};     // full jitter, doubling, as Twilio's own libraries do
constexpr milliseconds pause_max{3'000};

milliseconds pause_before(int attempt) {
    thread_local std::minstd_rand random(std::random_device{}());
    const milliseconds most = std::min(pause_max, first_pause * (1 << attempt));
    return milliseconds(
        std::uniform_int_distribution<int>(0, static_cast<int>(most.count()))(random));
}

// Twilio's own error code; 0 when the body has none, such as a proxy's HTML.
std::int64_t error_code(const std::string& body) {
    const auto parsed = json_read::parse(body);
    if (!parsed || !parsed->is_object()) return 0;
    return json_read::integer(parsed->get_object(), "code").value_or(0);
}

}  // namespace

Checked<std::shared_ptr<const TwilioRest>> TwilioRest::make(Options options) {
    auto base = net::Url::parse(options.base_url);
    if (!base) return base.error();
    if (base->scheme != "https" && base->scheme != "http") {
        return Fault{"TWILIO_BASE_URL", "expected an https address", "use https://api.twilio.com"};
    }
    if (options.account_sid.empty() || options.auth_token.empty()) {
        return Fault{"twilio", "ending calls needs account_sid and auth_token",
                     "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"};
    }
    return std::shared_ptr<const TwilioRest>(new TwilioRest(std::move(options), std::move(*base)));
}

TwilioRest::TwilioRest(Options options, net::Url base)
    : options_(std::move(options)), base_(std::move(base)) {
    base_.target = base_.target.substr(0, base_.target.find_first_of("?#"));
    while (!base_.target.empty() && base_.target.back() == '/') base_.target.pop_back();
    authorization_ =
        "Basic " + base64::encode(options_.account_sid + ":" + options_.auth_token.reveal());
}

Task<TwilioRest::Ended> TwilioRest::end_call(std::shared_ptr<const TwilioRest> rest,
                                             std::string call_sid) {
    net::Url url = rest->base_;
    url.target += "/2010-04-01/Accounts/" + net::percent_encode(rest->options_.account_sid) +
                  "/Calls/" + net::percent_encode(call_sid) + ".json";
    for (int attempt = 0; attempt < rest->options_.tries_max; ++attempt) {
        if (attempt > 0) {
            asio::steady_timer timer(co_await asio::this_coro::executor, pause_before(attempt));
            co_await timer.async_wait(asio::use_awaitable);
        }
        net::Request request;
        request.method = "POST";
        request.target = url.target;
        request.headers.set("Authorization", rest->authorization_);
        request.headers.set("Content-Type", "application/x-www-form-urlencoded");
        request.headers.set("Accept", "application/json");
        request.body = "Status=completed";
        auto asking = net::fetch(url, std::move(request), rest->options_.limits);
        const auto answer = co_await std::move(asking);
        if (!answer) {
            log::warn("twilio.end_call_failed",
                      {{"call", call_sid}, {"what", answer.error().message()}});
            co_return Ended::failed;
        }
        if (answer->status >= 200 && answer->status < 300) co_return Ended::now;
        if (answer->status == 404) co_return Ended::before;
        const std::int64_t code = error_code(answer->body);
        if (answer->status == 400 && code == call_not_in_progress) co_return Ended::before;
        if (answer->status == 429) continue;
        const bool is_refused = answer->status == 401 || answer->status == 403;
        log::warn("twilio.end_call_failed",
                  {{"call", call_sid},
                   {"status", answer->status},
                   {"code", code},
                   {"what", is_refused ? "refused: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
                                       : "not accepted"}});
        co_return Ended::failed;
    }
    log::warn("twilio.end_call_failed",
              {{"call", call_sid}, {"status", 429}, {"what", "too many requests"}});
    co_return Ended::failed;
}

}  // namespace parley::telephony
