#include <parley/sim/twilio_server.hpp>

#include <parley/core/text.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <random>

namespace parley::sim {

namespace {

using Effect = TwilioAccount::Effect;

constexpr milliseconds callback_delay_max{80};  // of shuffled ones
constexpr int callbacks_repeated_percent = 25;
constexpr int callback_tries_max = 3;

std::string_view answered_by_of(Callee::Answer answer, bool waits_for_end) {
    if (answer == Callee::Answer::human) return "human";
    return waits_for_end ? "machine_end_beep" : "machine_start";
}

}  // namespace

struct TwilioServer::Impl {
    explicit Impl(Options wanted)
        : options(std::move(wanted)),
          account({options.account_sid, options.auth_token, options.api_key, options.api_secret,
                   options.numbers, options.creates_per_second, options.geo_prefixes}) {}

    struct Line {
        std::shared_ptr<TwilioCall> call;  // once it is answered
        asio::steady_timer* timer = nullptr;
        bool is_end_wanted = false;
        std::deque<Effect> callbacks;  // waiting for the one before
        bool is_telling = false;
    };

    Options options;
    net::IoThreads threads{1};
    std::unique_ptr<net::Server> server;
    // On the io thread only.
    TwilioAccount account;
    std::map<std::string, Line> lines;  // by call
    std::minstd_rand random{7};
    mutable std::mutex mutex;  // for what follows
    std::vector<RestRequest> requests;
    std::map<std::string, CallReport> reports;
    asio::thread_pool workers{2};

    boost::asio::any_io_executor home() { return threads.context(0).get_executor(); }

    void watch(std::string_view call_sid, std::string_view line) const {
        if (options.watch) options.watch(fmt::format("{} {}", call_sid.substr(0, 8), line));
    }

    Task<net::Response> on_request(net::Request request) {
        for (const auto& [sid, line] : lines) {
            const auto* known = account.find(sid);
            if (line.call && known != nullptr && known->direction == "inbound")
                account.moved(sid, line.call->status(), std::chrono::system_clock::now());
        }
        auto answer = account.answer(request, std::chrono::system_clock::now());
        {
            const std::lock_guard lock(mutex);
            requests.push_back({request.method, std::string(request.path()), request.body,
                                answer.response.status});
        }
        carry_out(std::move(answer.effects));
        co_return std::move(answer.response);
    }

    void carry_out(std::vector<Effect> effects) {
        for (auto& effect : effects) {
            switch (effect.kind) {
                case Effect::Kind::dial:
                    asio::co_spawn(home(), ring(this, effect.call_sid), asio::detached);
                    break;
                case Effect::Kind::end: end(effect.call_sid); break;
                case Effect::Kind::replace:
                    if (const auto line = lines.find(effect.call_sid);
                        line != lines.end() && line->second.call) {
                        line->second.call->replace(effect.url,
                                                   effect.method == "GET"
                                                       ? CallOptions::Method::get
                                                       : CallOptions::Method::post,
                                                   effect.twiml);
                    }
                    break;
                case Effect::Kind::callback: tell(std::move(effect)); break;
            }
        }
    }

    void end(const std::string& sid) {
        auto& line = lines[sid];
        line.is_end_wanted = true;
        if (line.timer != nullptr) line.timer->cancel();
        if (line.call) line.call->end_by_rest();
    }

    // Whom a call in progress can reach, and what it must show them.
    void equip(CallOptions& call) const {
        if (call.callees.empty()) call.callees = options.callees;
        if (!call.numbers.empty()) return;
        for (const auto& each : options.numbers) call.numbers.push_back(each.phone_number);
    }

    // ---- a call that was placed through the API ------------------------------------------------

    // The timer lives in the coroutine, which may end with the io context.
    static Task<> wait(Impl* self, std::string sid, milliseconds length) {
        asio::steady_timer timer(self->home(), length);
        self->lines[sid].timer = &timer;
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        self->lines[sid].timer = nullptr;
    }

    void move(const std::string& sid, std::string_view status) {
        watch(sid, fmt::format("is {}", status));
        carry_out(account.moved(sid, status, std::chrono::system_clock::now()));
    }

    static Task<> ring(Impl* self, std::string sid) {
        const auto* placed = self->account.find(sid);
        const TwilioAccount::Call call = *placed;
        const Callee callee = callee_of(self->options.callees, call.to);
        self->watch(sid, fmt::format("is dialled: {} from {}", call.to, call.from));
        self->move(sid, "initiated");
        if (callee.answer == Callee::Answer::failed) {
            self->move(sid, "failed");
            co_return;
        }
        auto& line = self->lines[sid];
        if (!line.is_end_wanted) {
            self->move(sid, "ringing");
            auto ringing = wait(self, sid, callee.rings);
            co_await std::move(ringing);
        }
        if (line.is_end_wanted) {
            self->move(sid, "canceled");
            co_return;
        }
        if (callee.answer == Callee::Answer::busy || callee.answer == Callee::Answer::no_answer) {
            self->move(sid, callee.answer == Callee::Answer::busy ? "busy" : "no-answer");
            co_return;
        }
        self->move(sid, "in-progress");
        if (const auto digits = call.field("SendDigits"); !digits.empty())
            self->watch(sid, fmt::format("hears the digits {}", digits));
        CallOptions options;
        // Where digits are sent, Twilio detects no machines.
        const auto detection =
            call.field("SendDigits").empty() ? call.field("MachineDetection") : std::string();
        if (!detection.empty()) {
            const auto who = answered_by_of(callee.answer, detection == "DetectMessageEnd");
            if (call.field("AsyncAmd") == "true") {
                asio::co_spawn(self->home(), detect(self, sid, who, callee.detection),
                               asio::detached);
            } else {
                auto detecting = wait(self, sid, callee.detection);
                co_await std::move(detecting);
                self->account.detected(sid, who, callee.detection);
                options.extra = {
                    {"AnsweredBy", std::string(who)},
                    {"MachineDetectionDuration", std::to_string(callee.detection.count())}};
            }
        }
        options.webhook = call.field("Url");
        options.twiml = options.webhook.empty() ? call.field("Twiml") : std::string();
        options.connect_to = self->options.connect_to;
        options.account_sid = self->options.account_sid;
        options.auth_token = self->options.auth_token;
        options.call_sid = sid;
        options.from = call.from;
        options.to = call.to;
        options.script = callee.script;
        options.direction = "outbound-api";
        options.scheme = self->options.scheme;
        if (call.field("Method") == "GET") options.method = CallOptions::Method::get;
        self->equip(options);
        options.watch = self->options.watch;
        auto talking =
            std::make_shared<TwilioCall>(std::move(options), self->home(), self->workers);
        line.call = talking;
        if (!line.is_end_wanted) {
            auto running = talking->run();
            co_await std::move(running);
            auto report = talking->report();
            const std::lock_guard lock(self->mutex);
            self->reports[sid] = std::move(report);
        }
        self->move(sid, "completed");
    }

    static Task<> detect(Impl* self, std::string sid, std::string_view who, milliseconds took) {
        asio::steady_timer timer(self->home(), took);
        co_await timer.async_wait(asio::use_awaitable);
        self->carry_out(self->account.detected(sid, who, took));
    }

    // ---- callbacks ----------------------------------------------------------------------------

    void tell(Effect callback) {
        if (options.callbacks == Options::Callbacks::shuffled) {
            const auto delay = [&] {
                return milliseconds(
                    std::uniform_int_distribution<int>(0, callback_delay_max.count())(random));
            };
            const bool is_repeated =
                std::uniform_int_distribution<int>(0, 99)(random) < callbacks_repeated_percent;
            if (is_repeated) asio::co_spawn(home(), send(this, callback, delay()), asio::detached);
            asio::co_spawn(home(), send(this, std::move(callback), delay()), asio::detached);
            return;
        }
        auto& line = lines[callback.call_sid];
        line.callbacks.push_back(std::move(callback));
        if (std::exchange(line.is_telling, true)) return;
        asio::co_spawn(home(), send_all(this, line.callbacks.front().call_sid), asio::detached);
    }

    static Task<> send_all(Impl* self, std::string sid) {
        while (!self->lines[sid].callbacks.empty()) {
            Effect next = std::move(self->lines[sid].callbacks.front());
            self->lines[sid].callbacks.pop_front();
            auto sending = send(self, std::move(next), milliseconds(0));
            co_await std::move(sending);
        }
        self->lines[sid].is_telling = false;
    }

    static Task<> send(Impl* self, Effect callback, milliseconds delay) {
        for (int tries = 0; tries < callback_tries_max; ++tries) {
            asio::steady_timer timer(self->home(), delay);
            co_await timer.async_wait(asio::use_awaitable);
            auto url = net::Url::parse(callback.url);
            if (!url) co_return self->watch(callback.call_sid, "bad callback: " + callback.url);
            net::Request request;
            request.method = "POST";
            request.target = url->target;
            request.body = net::encode_form(callback.form);
            request.headers.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
            request.headers.set("User-Agent", "TwilioProxy/1.1");
            request.headers.set("X-Twilio-Signature",
                                twilio_signature(self->options.auth_token,
                                                 url_to_sign(callback.url), callback.form));
            if (auto place = net::Url::parse(self->options.connect_to);
                place && !self->options.connect_to.empty()) {
                place->target = url->target;
                url = std::move(place);
            }
            auto asking = net::fetch(std::move(*url), std::move(request));
            const auto response = co_await std::move(asking);
            if (response && response->status < 500) {
                if (response->status >= 300)
                    self->watch(callback.call_sid, fmt::format("callback -> {}", response->status));
                co_return;
            }
            delay = callback_delay_max;
        }
        self->watch(callback.call_sid, "a callback was not taken");
    }

    // Runs `ask` on the io thread and waits for what it says.
    template <class Ask>
    auto on_home(Ask ask) {
        return asio::post(home(), asio::use_future(ask)).get();
    }
};

TwilioServer::TwilioServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Checked<std::unique_ptr<TwilioServer>> TwilioServer::start(Options options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    net::ServerOptions wanted;
    wanted.host = impl->options.host;
    wanted.port = impl->options.port;
    net::Server::Handlers handlers;
    handlers.on_request = [raw = impl.get()](net::Request request) {
        return raw->on_request(std::move(request));
    };
    handlers.on_upgrade = [](net::Request) -> Task<net::UpgradeAnswer> {
        net::UpgradeAnswer answer;
        answer.refusal = net::Response{.status = 404, .body = "Not found"};
        co_return answer;
    };
    auto server = net::Server::listen(impl->threads, std::move(wanted), std::move(handlers));
    if (!server) return server.error();
    impl->server = std::move(*server);
    impl->threads.start();
    return std::unique_ptr<TwilioServer>(new TwilioServer(std::move(impl)));
}

TwilioServer::~TwilioServer() {
    if (impl_ == nullptr) return;
    impl_->server->close();
    impl_->threads.stop();
    impl_->workers.join();
    for (auto& [sid, line] : impl_->lines) {
        if (line.call) line.call->abandon();
    }
}

std::uint16_t TwilioServer::port() const { return impl_->server->port(); }

std::string TwilioServer::base_url() const {
    return fmt::format("http://{}:{}", impl_->options.host, port());
}

std::shared_ptr<TwilioCall> TwilioServer::dial(CallOptions options) {
    options.account_sid = impl_->options.account_sid;
    if (options.auth_token.empty()) options.auth_token = impl_->options.auth_token;
    if (!options.watch) options.watch = impl_->options.watch;
    impl_->equip(options);
    auto call = std::make_shared<TwilioCall>(std::move(options), impl_->home(), impl_->workers);
    const auto begin = [](std::shared_ptr<TwilioCall> placed) -> Task<> { co_await placed->run(); };
    asio::post(impl_->home(), [impl = impl_.get(), call, begin] {
        impl->lines[call->sid()].call = call;
        TwilioAccount::Call known{
            .sid = call->sid(), .to = call->options().to, .from = call->options().from};
        known.direction = "inbound";
        known.status = "ringing";
        known.created_at = std::chrono::system_clock::now();
        impl->account.add(std::move(known));
        asio::co_spawn(impl->home(), begin(call), asio::detached);
    });
    return call;
}

std::vector<TwilioServer::RestRequest> TwilioServer::rest_requests() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->requests;
}

std::vector<TwilioAccount::Call> TwilioServer::calls() const {
    return impl_->on_home([impl = impl_.get()] {
        std::vector<TwilioAccount::Call> all;
        for (const auto* call : impl->account.calls()) all.push_back(*call);
        return all;
    });
}

std::optional<CallReport> TwilioServer::report_of(const std::string& call_sid) const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->reports.find(call_sid);
    return found == impl_->reports.end() ? std::nullopt : std::optional(found->second);
}

void TwilioServer::connect_to(std::string address) {
    impl_->on_home([impl = impl_.get(), address = std::move(address)] {
        impl->options.connect_to = address;
        return true;
    });
}

}  // namespace parley::sim
