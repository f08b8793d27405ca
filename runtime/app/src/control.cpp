#include "control.hpp"

#include "totals.hpp"

#include <parley/core/answer.hpp>
#include <parley/ops/answers.hpp>
#include <parley/ops/process_figures.hpp>
#include <parley/reload/changes.hpp>
#include <parley/reload/status.hpp>

#include <algorithm>

namespace parley::app {
namespace {

using reload::Outcome;

Task<Outcome> outcome_of(reload::Reloader& reloader, reload::Reloader::Ask what) {
    auto ask = [&reloader, what](auto done) {
        reloader.ask(what, reload::Cause::asked, std::move(done));
    };
    return answer_to<Outcome>(std::move(ask));
}

Task<std::vector<call::Session::Snapshot>> snapshots_of(const call::Switchboard& switchboard) {
    auto ask = [&switchboard](auto done) { switchboard.snapshots(std::move(done)); };
    return answer_to<std::vector<call::Session::Snapshot>>(std::move(ask));
}

double seconds_of(milliseconds span) { return std::chrono::duration<double>(span).count(); }

double seconds_of(WallTime when) { return static_cast<double>(unix_ms(when)) / 1'000; }

}  // namespace

void Control::add_to(ops::Routes& routes) {
    using ops::Access;
    using Ask = reload::Reloader::Ask;
    const auto asks = [this](Ask what) {
        return [this, what](const ops::Asked&) { return ask(what); };
    };
    routes.add({{"GET"},
                "/api/status",
                Access::viewer,
                "what serves, since when, and what is wrong with the files",
                [this](const ops::Asked&) -> Task<net::Response> {
                    co_return ops::as_json(200, status());
                }});
    routes.add(
        {{"GET"}, "/metrics", Access::viewer, "figures for Prometheus", [this](const ops::Asked&) {
             return figures();
         }});
    routes.add(
        {{"GET"}, "/api/diff", Access::viewer, "what a reload would change", asks(Ask::preview)});
    routes.add({{"POST"},
                "/api/reload",
                Access::operating,
                "take over the files on disk for new calls",
                asks(Ask::reload)});
    routes.add({{"POST"},
                "/api/rollback",
                Access::operating,
                "go back to what was served before",
                asks(Ask::roll_back)});
}

json::object Control::status() const {
    auto body = reload::to_json(parts_.generations.status(), parts_.reloader.watching());
    body["parley"] = PARLEY_VERSION;
    body["calls"] = parts_.switchboard.live_count();
    body["uptime_s"] = std::chrono::duration_cast<std::chrono::seconds>(
                           std::chrono::steady_clock::now() - started_)
                           .count();
    return body;
}

Task<net::Response> Control::figures() {
    auto looking = snapshots_of(parts_.switchboard);
    const auto calls = co_await std::move(looking);
    publish(calls);
    parts_.publish();
    ops::publish_process(parts_.registry);
    net::Response response;
    response.content_type = metrics::content_type;
    response.body = parts_.registry.text();
    co_return response;
}

void Control::publish(const std::vector<call::Session::Snapshot>& calls) {
    const auto status = parts_.generations.status();
    auto& all = parts_.registry;
    milliseconds queued{0};
    milliseconds longest{0};
    for (const auto& call : calls) {
        queued += call.queued;
        longest = std::max(longest, call.queued);
    }
    int on_older = 0;
    for (const auto& line : status.generations)
        on_older += line.is_serving ? 0 : line.generation->calls.load();
    const bool has_failed = status.failure && status.failure->is_current;
    all.gauge("parley_build_info", "The version that runs.", {{"version", PARLEY_VERSION}}).set(1);
    all.gauge("parley_calls_active", "Calls announced or in progress.")
        .set(static_cast<double>(parts_.switchboard.live_count()));
    all.gauge("parley_playout_queue_seconds",
              "Speech of all agents that has not been sent to the callers yet.")
        .set(seconds_of(queued));
    all.gauge("parley_playout_longest_queue_seconds", "The same of the call that has most of it.")
        .set(seconds_of(longest));
    all.gauge("parley_calls_on_older_generations",
              "Calls that keep scripts and settings which new calls no longer get.")
        .set(on_older);
    all.gauge("parley_script_generation",
              "Number of the generation of scripts and settings that new calls get.")
        .set(static_cast<double>(status.serving->number));
    all.gauge("parley_reload_last_success_timestamp_seconds",
              "When the files were last found good.")
        .set(seconds_of(status.last_success));
    all.gauge("parley_reload_failed",
              "1 while the files on disk are not fit to serve and an older generation does.")
        .set(has_failed ? 1 : 0);
    all.gauge("parley_settings_waiting_for_restart",
              "Settings that differ from those the process runs with.")
        .set(static_cast<double>(status.serving->needs_restart.size()));
    bring_to(all.counter("parley_reloads_total",
                         "Generations published since the start, the first not counted."),
             status.successes);
    bring_to(all.counter("parley_reload_failures_total", "Generations refused since the start."),
             status.failures);
    bring_to(all.counter("parley_rollbacks_total", "Rollbacks since the start."), status.rollbacks);
}

Task<net::Response> Control::ask(reload::Reloader::Ask what) {
    const auto outcome = co_await outcome_of(parts_.reloader, what);
    auto body = reload::to_json(outcome);
    int status = 200;
    if (outcome.kind == Outcome::Kind::refused) {
        status = 422;
        body["error"] = "the files are not right; the generation before serves on";
    } else if (outcome.kind == Outcome::Kind::nothing_before) {
        status = 409;
        body["error"] = "there is no generation before this one";
    } else if (outcome.kind == Outcome::Kind::previewed && outcome.next) {
        const auto changes = reload::changes_between(reload::content_of(*outcome.serving),
                                                     reload::content_of(*outcome.next));
        body["changes"] = reload::to_json(changes);
    } else if (outcome.kind == Outcome::Kind::previewed) {
        status = 422;
        body["error"] = "the files are not right: a reload would be refused";
    } else if (outcome.kind == Outcome::Kind::stopping) {
        status = 503;
        body["error"] = "the service is stopping";
    }
    co_return ops::as_json(status, body);
}

}  // namespace parley::app
