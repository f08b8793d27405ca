#include "service.hpp"

#include "admin_token.hpp"
#include "calling.hpp"
#include "control.hpp"
#include "first_process.hpp"
#include "health.hpp"
#include "listening.hpp"
#include "messages.hpp"
#include "papers.hpp"
#include "papers_routes.hpp"
#include "paths.hpp"
#include "phrases.hpp"
#include "publish.hpp"
#include "reload_signal.hpp"
#include "routing.hpp"
#include "service_manager.hpp"
#include "stop_signal.hpp"
#include "wiring.hpp"

#include <parley/call/switchboard.hpp>
#include <parley/core/log.hpp>
#include <parley/engine/openai_realtime.hpp>
#include <parley/net/server.hpp>
#include <parley/ops/archive.hpp>
#include <parley/ops/audit.hpp>
#include <parley/ops/dashboard.hpp>
#include <parley/ops/doorkeeper.hpp>
#include <parley/ops/journal_figures.hpp>
#include <parley/ops/keyring.hpp>
#include <parley/ops/live.hpp>
#include <parley/ops/pages.hpp>
#include <parley/ops/routes.hpp>
#include <parley/outbound/list_keeper.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/reload/reloader.hpp>
#include <parley/script/agent.hpp>
#include <parley/store/store.hpp>
#include <parley/telephony/twilio.hpp>

#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <random>
#include <thread>

namespace parley::app {
namespace {

constexpr std::size_t appointments_shown = 20;
// Debian's package libjs-chart.js.
constexpr const char* chart_file = "/usr/share/javascript/chart.js/chart.min.js";

constexpr std::chrono::seconds orphans_reaped_every{1};

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

// Each call as its thread sees it. Of its basis only app knows what it is.
void look_at_calls(const call::Switchboard& switchboard,
                   std::function<void(std::vector<ops::Board::Seen>)> done) {
    switchboard.snapshots([done = std::move(done)](std::vector<call::Session::Snapshot> all) {
        std::vector<ops::Board::Seen> seen;
        for (const auto& each : all) {
            const auto generation = generation_of(each.info);
            seen.push_back({each.info.call_sid, each.stream_id, each.state,
                            generation ? static_cast<std::int64_t>(generation->number) : 0});
        }
        done(std::move(seen));
    });
}

// What `systemctl status` shows.
std::string status_line(const call::Switchboard& switchboard,
                        const reload::Generations& generations) {
    const auto calls = switchboard.live_count();
    const auto scripts = generations.status();
    auto line = fmt::format("{}{} {}, generation {}", switchboard.is_draining() ? "draining, " : "",
                            calls, calls == 1 ? "call" : "calls", scripts.serving->number);
    if (scripts.failure && scripts.failure->is_current)
        line += "; the files are not right, see parley status";
    return line;
}

// Blocks the main thread until the service is to end.
void wait_for(StopSignal& stop) {
    if (!is_first_process()) return stop.wait();
    while (!stop.has_come_within(orphans_reaped_every)) reap_orphans();
}

// What viewers are told beside the calls, when it is another than before.
std::vector<ops::Live::Extra> extras_of(store::Reader* reader, const Control& control,
                                        const call::Switchboard& switchboard) {
    std::vector<ops::Live::Extra> extras;
    extras.push_back(
        {"scripts", [&control, last = json::object()]() mutable -> std::optional<json::value> {
             auto status = control.status();
             auto lasting = status;
             lasting.erase("uptime_s");
             if (lasting == last) return std::nullopt;
             last = std::move(lasting);
             return status;
         }});
    if (reader == nullptr) return extras;
    const auto add = [&](std::string name, std::function<json::value()> read) {
        auto make = [reader, read = std::move(read), changes = ops::Changes(),
                     last = json::value()]() mutable -> std::optional<json::value> {
            if (!changes.have_come(*reader)) return std::nullopt;
            auto now = read();
            if (now == last) return std::nullopt;
            last = now;
            return now;
        };
        extras.push_back({std::move(name), std::move(make)});
    };
    add("stats", [reader, &switchboard] {
        auto stats = ops::read_stats(*reader, std::chrono::system_clock::now());
        stats["activeCalls"] = switchboard.live_count();
        return json::value(std::move(stats));
    });
    add("appointments",
        [reader] { return json::value(ops::read_appointments(*reader, appointments_shown)); });
    return extras;
}

// The carrier's paths. What they answer is the carrier's room's business, its refusals too.
void add_carrier(ops::Routes& routes, telephony::TwilioService& twilio) {
    const auto answer = [&twilio](ops::Asked asked) {
        return twilio.on_request(std::move(asked.request));
    };
    for (auto& door : twilio.doors()) {
        routes.add({std::move(door.methods), std::move(door.path), ops::Access::carrier,
                    "Twilio: " + door.about, answer});
    }
}

rehearsal::RecordedCall recorded_call(const call::Session::Parts& parts,
                                      const script::AgentParts& script, const std::string& record) {
    using Keep = rehearsal::RecordedCall::Keep;
    rehearsal::RecordedCall call;
    call.keep = record == "asked" ? Keep::asked : Keep::all;
    call.agent = script.settings;
    call.policy = parts.policy;
    call.phrases = parts.phrases;
    call.seed = script.random_seed.value_or(0);
    call.bundle = script.bundle->version();
    call.masker = parts.masker;
    return call;
}

// The first generation: with a fault in any file nothing starts.
std::shared_ptr<reload::Generation> first_generation(const reload::Recipe& recipe) {
    auto built = reload::build(recipe, nullptr, {});
    for (const auto& finding : built.findings) {
        fmt::print(stderr, "parley: {}{}\n",
                   finding.severity == reload::Severity::warning ? "warning: " : "",
                   finding.text());
    }
    if (built.generation) return std::move(built.generation);
    fmt::print(stderr, "parley: nothing was started; {} to mend\n",
               built.findings.size() == 1
                   ? "there is one fault"
                   : fmt::format("there are {} faults", built.findings.size()));
    return nullptr;
}

reload::Watcher::Wanted watching(const config::Settings& settings) {
    if (settings.scripts.watch == "off") return reload::Watcher::Wanted::off;
    return settings.scripts.watch == "poll" ? reload::Watcher::Wanted::poll
                                            : reload::Watcher::Wanted::inotify;
}

// A scripts folder need not have migrations.
std::string migrations_dir(const reload::Generation& generation) {
    const auto dir = std::filesystem::path(generation.files.scripts_dir) / "migrations";
    std::error_code ignored;
    return std::filesystem::is_directory(dir, ignored) ? dir.string() : std::string();
}

std::vector<boost::asio::any_io_executor> executors(net::IoThreads& threads) {
    std::vector<boost::asio::any_io_executor> all;
    for (std::size_t i = 0; i < threads.count(); ++i)
        all.push_back(threads.context(i).get_executor());
    return all;
}

}  // namespace

int serve(reload::Recipe recipe, CallsInProgress calls) {
    if (is_first_process()) end_on_signals_as_others_do();
    auto first = first_generation(recipe);
    if (!first) return 2;
    // what the process is built on; calls go by their generation's
    const config::Settings settings = first->settings;
    recipe.scripts_dir = first->files.scripts_dir;
    const std::string migrations = migrations_dir(*first);
    const LogThread log_thread(settings.log.level);
    std::signal(SIGPIPE, SIG_IGN);
    // until ReloadSignal listens: a reload asked for too early must not end us
    std::signal(SIGHUP, SIG_IGN);
    // a file that may not grow is a failed write like any other, not the end of every call
    std::signal(SIGXFSZ, SIG_IGN);
    if (settings.openai.api_key.empty()) {
        log::warn("openai.no_key",
                  {{"effect", "callers will hear an apology"}, {"remedy", "set OPENAI_API_KEY"}});
    }
    if (settings.twilio.validate_signatures && settings.twilio.auth_token.empty()) {
        return refuse(
            {{"twilio.auth_token", "is not set, so no webhook can be validated",
              "set TWILIO_AUTH_TOKEN (or, for a test on your own machine, ENABLE_WEBHOOK_VALIDATION=false)"}});
    }

    // The parts, each built on those before it; destroyed in the opposite order.
    metrics::Registry registry;
    call::Figures figures(registry);
    ops::JournalFigures journal_figures(registry);
    auto store = store::Store::open({.path = settings.store.path,
                                     .migrations_dir = migrations,
                                     .webhooks = webhook_names(settings),
                                     .write_seconds = &store_write_seconds(registry)});
    if (!store) return refuse({store.error()});
    auto papers = Papers::open(settings, **store);
    if (!papers) return refuse({papers.error()});
    const auto database = script::database_of(**store);
    const auto keys = script::keys_of(**store);
    const auto web = script::web_client();
    std::unique_ptr<rehearsal::Recordings> recorder;
    if (settings.calls.record != "off") {
        auto opened =
            rehearsal::Recordings::open({.dir = rehearsal::recordings_dir(settings.store.path)});
        if (!opened) return refuse({opened.error()});
        recorder = std::move(*opened);
    }
    reload::Generations generations(std::move(first), std::chrono::system_clock::now());
    outbound::ListKeeper list_keeper(**store);
    PhraseBook phrases(settings.calls);
    ops::Live live;  // outlives every session

    const std::size_t thread_count = settings.server.io_threads != 0
                                         ? settings.server.io_threads
                                         : std::max(1u, std::thread::hardware_concurrency());
    net::IoThreads threads(thread_count);
    const auto homes = executors(threads);
    auto voice = voice_of(settings);
    if (!voice) return refuse({voice.error()});
    auto carrier = twilio_options(settings, thread_count);
    if (!carrier) return refuse({carrier.error()});
    const auto rest = carrier->rest;
    const auto messages = twilio_messages(rest, homes.front());

    const auto make_parts = [&](const call::CallInfo& info,
                                std::size_t home) -> Checked<call::Session::Parts> {
        const auto generation = generation_of(info);
        const auto agent =
            generation ? generation->settings.agents.find(info.agent) : settings.agents.end();
        if (!generation || agent == generation->settings.agents.end())
            return Fault{"agents", fmt::format("there is no agent \"{}\"", info.agent)};
        log::debug("call.generation",
                   {{"call", info.call_sid}, {"generation", generation->number}});
        call::Session::Parts parts;
        parts.time = std::make_unique<IoTimekeeper>(homes[home]);
        parts.phrases = phrases.of(generation->settings.calls);
        parts.policy = call_policy(generation->settings.calls);
        parts.journal = {store->get(), &list_keeper, &live, &journal_figures};
        parts.figures = &figures;
        (*papers)->add_to(parts, generation->settings);
        script::AgentParts script{.bundle = generation->bundle,
                                  .settings = settings_for(agent->second, info),
                                  .limits = generation->settings.scripts,
                                  .info = {},
                                  .events = nullptr,
                                  .home = homes[home],
                                  .time = nullptr,
                                  .services = {.database = database.get(),
                                               .keys = keys.get(),
                                               .http = web.get(),
                                               .metrics = &registry,
                                               .messages = messages.get()}};
        if (recorder) {
            script.random_seed = std::random_device()();
            auto recording = recorder->begin(recorded_call(parts, script, settings.calls.record));
            script.services = recording->record(script.services);
            parts.recorder = std::move(recording);
        }
        parts.make_agent = [&generations, calls, script](call::EventSink& sink,
                                                         const call::CallInfo& call,
                                                         Timekeeper& time) {
            auto own = script;
            own.info = call;
            own.events = &sink;
            own.time = &time;
            if (calls == CallsInProgress::follow)
                own.newer = [&generations, call] { return newer_for(generations, call); };
            return script::make_agent(std::move(own));
        };
        parts.make_engine = [&, home, generation](call::EventSink& sink,
                                                  const call::CallInfo& call) {
            auto options = engine_options(generation->settings.openai);
            options.figures = &figures;
            return engine::make_openai_realtime(homes[home], std::move(options), sink,
                                                call.call_sid);
        };
        return parts;
    };
    call::Switchboard switchboard(
        {.calls_max = settings.server.calls_max,
         .claim_within = std::chrono::seconds(60),
         .drain_limit = settings.server.drain_limit},
        homes, make_parts, [&] { return threads.least_loaded(); },
        [&](std::size_t home, int change) {
            change > 0 ? threads.add_load(home) : threads.drop_load(home);
        });

    const auto dialler =
        make_dialler(settings, *carrier, generations, switchboard, **store,
                     {store->get(), &live, &journal_figures}, registry, homes.front());
    if (dialler) {
        carrier->outgoing = [dialler](std::string_view attempt, std::string_view call_sid) {
            return dialler->outgoing(attempt, call_sid);
        };
        carrier->told = [dialler](const telephony::TwilioService::StatusReport& report) {
            dialler->told(report);
        };
    }
    carrier->figures = &figures;
    carrier->apology = [&] { return generations.current()->settings.calls.phrases.at("apology"); };
    telephony::TwilioService twilio(std::move(*carrier),
                                    std::make_shared<telephony::SwitchboardCalls>(switchboard),
                                    [&](std::string_view to) { return route_of(generations, to); });

    reload::Reloader::Hooks hooks;
    hooks.applied_migrations = [&] { return (*store)->migrations(); };
    hooks.migrate = [&](store::MigrationTexts texts) {
        std::promise<Checked<void>> done;
        (*store)->migrate(std::move(texts),
                          [&done](Checked<void> result) { done.set_value(std::move(result)); });
        return done.get_future().get();
    };
    hooks.before_publish = [&](const reload::Generation& next) {
        phrases.render(next.settings.calls);
        log::set_threshold(log::level_named(next.settings.log.level));
        (*papers)->adopt(next.settings);
    };
    if (calls == CallsInProgress::follow) {
        hooks.published = [&](const auto&) {
            switchboard.for_each([](call::Session& session) { session.adopt_newest(); });
        };
    }
    reload::Reloader reloader({.recipe = recipe, .watch = watching(settings)}, generations,
                              std::move(hooks));
    const Health health(switchboard, **store, [&] { return (*papers)->problems(); });

    // what the dashboard reads; two connections, so that a long search holds up no event
    const bool has_file = settings.store.path != ":memory:";
    std::unique_ptr<ops::Archive> archive;
    std::unique_ptr<store::Reader> reader;  // of the live view
    if (has_file) {
        auto opened = ops::Archive::open(settings.store.path);
        if (!opened) return refuse({opened.error()});
        archive = std::move(*opened);
        auto second = store::Reader::open(settings.store.path);
        if (!second) return refuse({second.error()});
        reader = std::move(*second);
    }
    std::optional<Listening> listening;
    if (archive) listening.emplace(*archive, rehearsal::recordings_dir(settings.store.path));
    ops::Dashboard dashboard(
        {.live = live,
         .archive = archive.get(),
         .end_call = [&](const std::string& call_sid,
                         std::string words) { return switchboard.end(call_sid, std::move(words)); },
         .transfer = [&](const std::string& call_sid,
                         call::TransferAsked asked) -> std::optional<ops::Dashboard::Refused> {
             const auto current = generations.current();
             if (auto refused = refuse_transfer(current->settings, asked.transfer.to))
                 return refused;
             if (switchboard.transfer(call_sid, std::move(asked))) return std::nullopt;
             return ops::Dashboard::Refused{404, "there is no such call"};
         },
         .has_recording =
             [&](std::string_view call_sid) { return listening && listening->has(call_sid); }});
    ops::Audit audit(**store);
    auto pages = ops::Pages::load(page_dir(), {{"chart.js", chart_file}});
    if (!pages) log::warn("dashboard.missing", {{"what", pages.error().text()}});
    Calling calling(
        {generations, settings.twilio.phone_number, dialler, rest, missing_for_calls(settings)});
    Control control({switchboard, generations, reloader, registry, [&] {
                         publish(registry, **store);
                         publish(registry, live);
                         if (dialler) publish(registry, *dialler);
                         (*papers)->publish(registry);
                     }});
    std::optional<ops::Doorkeeper> doorkeeper;  // needs a token that names the port
    std::optional<ops::Routes> routes;
    net::Server::Handlers handlers;
    handlers.on_request = [&](net::Request request) { return routes->answer(std::move(request)); };
    handlers.on_upgrade = [&](net::Request request) {
        return twilio.on_upgrade(std::move(request));
    };
    auto server = net::Server::listen(
        threads, {.host = settings.server.host, .port = settings.server.port}, std::move(handlers));
    if (!server) return refuse({server.error()});
    auto admin = AdminToken::make(settings, (*server)->port());
    if (!admin) return refuse({admin.error()});
    doorkeeper.emplace(admin->token(), settings.server.admin_token.empty()
                                           ? ops::Doorkeeper::Token::random
                                           : ops::Doorkeeper::Token::chosen);
    ops::Keyring keyring(*doorkeeper, **store);
    if (const auto loaded = keyring.load(); !loaded) return refuse({loaded.error()});
    routes.emplace(*doorkeeper);
    routes->set_witness([&audit](const ops::Deed& deed) { audit.note(deed); });
    doorkeeper->add_to(*routes, pages ? pages->text("login.html") : "",
                       {{"version", PARLEY_VERSION}});
    keyring.add_to(*routes);
    audit.add_to(*routes);
    dashboard.add_to(*routes);
    if (listening) listening->add_to(*routes);
    if (pages) pages->add_to(*routes);
    add_carrier(*routes, twilio);
    health.add_to(*routes);
    control.add_to(*routes);
    calling.add_to(*routes);
    add_papers(*routes, **store, **voice);
    add_root(*routes, settings.server.root_answer);
    ops::add_table(*routes);

    const ReloadSignal hang_up(threads.context(0), reloader);
    ServiceManager manager(ServiceManager::from_environment(), homes,
                           [&] { return status_line(switchboard, generations); });
    // A service that is about to go must not begin calls.
    StopSignal stop(threads.context(0), switchboard, settings.server.drain_limit, [&] {
        if (dialler) dialler->stop();
        manager.draining();
    });
    if (dialler) boost::asio::post(homes.front(), [&] { dialler->start(); });
    auto past = reader ? ops::read_past(*reader) : ops::Board::Past();
    const auto look = [&](std::function<void(std::vector<ops::Board::Seen>)> done) {
        look_at_calls(switchboard, [&, done = std::move(done)](auto seen) {
            (*papers)->see(seen);
            done(std::move(seen));
        });
    };
    live.start(look, std::move(past), extras_of(reader.get(), control, switchboard));
    threads.start();
    log::info("server.listening", {{"host", settings.server.host},
                                   {"port", (*server)->port()},
                                   {"threads", thread_count},
                                   {"scripts", generations.current()->version}});
    log::info("dashboard.ready",
              {{"url", admin->url() + "/dashboard"}, {"log_in_with", admin->where()}});
    reloader.start();
    manager.ready();
    wait_for(stop);
    (*server)->close();
    reloader.stop();
    live.stop();
    threads.stop();
    (*papers)->stop();
    (*store)->close();
    log::info("server.stopped");
    return 0;
}

}  // namespace parley::app
