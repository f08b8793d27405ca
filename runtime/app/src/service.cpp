#include "service.hpp"

#include "health.hpp"
#include "phrases.hpp"
#include "stop_signal.hpp"
#include "wiring.hpp"

#include <parley/call/switchboard.hpp>
#include <parley/core/log.hpp>
#include <parley/engine/openai_realtime.hpp>
#include <parley/net/server.hpp>
#include <parley/script/agent.hpp>
#include <parley/script/library.hpp>
#include <parley/store/store.hpp>
#include <parley/telephony/twilio.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

namespace parley::app {
namespace {

// The log has a thread of its own that must end before main does.
struct LogThread {
    explicit LogThread(const std::string& level) { log::start(log::level_named(level)); }
    ~LogThread() { log::stop(); }
    LogThread(const LogThread&) = delete;
    LogThread& operator=(const LogThread&) = delete;
};

int refuse(const std::vector<Fault>& faults) {
    for (const auto& fault : faults) fmt::print(stderr, "parley: {}\n", fault.text());
    return 2;
}

Task<net::Response> route(const Health& health, telephony::TwilioService& twilio, net::Request request) {
    if (request.path() == "/health") co_return health.answer();
    co_return co_await twilio.on_request(std::move(request));
}

std::vector<boost::asio::any_io_executor> executors(net::IoThreads& threads) {
    std::vector<boost::asio::any_io_executor> all;
    for (std::size_t i = 0; i < threads.count(); ++i) all.push_back(threads.context(i).get_executor());
    return all;
}

}  // namespace

int serve(config::Settings settings) {
    const LogThread log_thread(settings.log.level);
    std::signal(SIGPIPE, SIG_IGN);
    if (settings.openai.api_key.empty()) {
        log::warn("openai.no_key", {{"effect", "callers will hear an apology"}, {"remedy", "set OPENAI_API_KEY"}});
    }
    if (settings.twilio.validate_signatures && settings.twilio.auth_token.empty()) {
        return refuse({{"twilio.auth_token", "is not set, so no webhook can be validated",
                        "set TWILIO_AUTH_TOKEN (or, for a test on your own machine, ENABLE_WEBHOOK_VALIDATION=false)"}});
    }

    // The parts, each built on those before it; destroyed in the opposite order.
    auto store = store::Store::open({.path = settings.store.path,
                                     .migrations_dir = (std::filesystem::path(settings.scripts.dir) / "migrations").string()});
    if (!store) return refuse({store.error()});
    auto database = script::database_of(**store);
    auto library = script::Library::load(settings.scripts.dir, settings.agents);
    if (!library) return refuse(library.error());
    const PhraseBook phrases(settings.calls.phrases);

    const std::size_t thread_count = settings.server.io_threads != 0 ? settings.server.io_threads
                                                                     : std::max(1u, std::thread::hardware_concurrency());
    net::IoThreads threads(thread_count);
    const auto homes = executors(threads);
    const auto model = engine_options(settings.openai);

    const auto make_parts = [&](const call::CallInfo& info, std::size_t home) -> Checked<call::Session::Parts> {
        const auto agent = settings.agents.find(info.agent);
        if (agent == settings.agents.end()) return Fault{"agents", fmt::format("there is no agent \"{}\"", info.agent)};
        call::Session::Parts parts;
        parts.time = std::make_unique<IoTimekeeper>(homes[home]);
        parts.make_agent = [&, home, chosen = agent->second](call::EventSink& sink, const call::CallInfo& call, Timekeeper& time) {
            return script::make_agent({.bundle = (*library)->current(),
                                       .settings = chosen,
                                       .limits = settings.scripts,
                                       .info = call,
                                       .events = &sink,
                                       .home = homes[home],
                                       .time = &time,
                                       .services = {.database = database.get()}});
        };
        parts.make_engine = [&, home](call::EventSink& sink, const call::CallInfo& call) {
            return engine::make_openai_realtime(homes[home], model, sink, call.call_sid);
        };
        parts.journal = {store->get()};
        parts.phrases = phrases.current();
        parts.policy = call_policy(settings.calls);
        return parts;
    };
    call::Switchboard switchboard(
        {.calls_max = settings.server.calls_max, .claim_within = std::chrono::seconds(60), .drain_limit = settings.server.drain_limit},
        homes, make_parts, [&] { return threads.least_loaded(); },
        [&](std::size_t home, int change) { change > 0 ? threads.add_load(home) : threads.drop_load(home); });

    auto carrier = twilio_options(settings, thread_count);
    if (!carrier) return refuse({carrier.error()});
    telephony::TwilioService twilio(std::move(*carrier), std::make_shared<telephony::SwitchboardCalls>(switchboard), [&](std::string_view to) -> std::optional<std::string> {
        const auto* agent = settings.agent_for(to);
        if (agent == nullptr) return std::nullopt;
        return agent->name;
    });
    const Health health(switchboard, **store);

    net::Server::Handlers handlers;
    handlers.on_request = [&](net::Request request) { return route(health, twilio, std::move(request)); };
    handlers.on_upgrade = [&](net::Request request) { return twilio.on_upgrade(std::move(request)); };
    auto server = net::Server::listen(threads, {.host = settings.server.host, .port = settings.server.port}, std::move(handlers));
    if (!server) return refuse({server.error()});

    StopSignal stop(threads.context(0), switchboard, settings.server.drain_limit);
    threads.start();
    log::info("server.listening", {{"host", settings.server.host}, {"port", (*server)->port()}, {"threads", thread_count},
                                   {"scripts", (*library)->current()->version()}});
    stop.wait();
    (*server)->close();
    threads.stop();
    (*store)->close();
    log::info("server.stopped");
    return 0;
}

}  // namespace parley::app
