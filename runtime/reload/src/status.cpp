#include <parley/reload/status.hpp>

#include <parley/reload/changes.hpp>

#include <parley/core/text.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace parley::reload {
namespace {

json::array findings_json(const std::vector<Finding>& findings) {
    json::array all;
    for (const auto& each : findings) all.push_back(to_json(each));
    return all;
}

std::string_view kind_name(Watcher::Kind kind) {
    switch (kind) {
        case Watcher::Kind::inotify: return "inotify";
        case Watcher::Kind::poll: return "poll";
        case Watcher::Kind::off: return "off";
    }
    return "";
}

std::string ago(std::int64_t at_ms, WallTime now) {
    const auto seconds = std::max<std::int64_t>(0, (unix_ms(now) - at_ms) / 1'000);
    if (seconds < 120) return fmt::format("{} s ago", seconds);
    if (seconds < 2 * 3'600) return fmt::format("{} min ago", seconds / 60);
    if (seconds < 2 * 86'400) return fmt::format("{} h ago", seconds / 3'600);
    return fmt::format("{} days ago", seconds / 86'400);
}

std::string clock_of(std::int64_t at_ms) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                       fmt::localtime(static_cast<std::time_t>(at_ms / 1'000)));
}

std::string cause_words(std::string_view cause) {
    if (cause == "start") return "read at start";
    if (cause == "saved") return "a file was saved";
    if (cause == "asked") return "asked for";
    if (cause == "signal") return "asked for by SIGHUP";
    if (cause == "rollback") return "rolled back to";
    return std::string(cause);
}

std::string shown_findings(const json::object& holder) {
    std::string out;
    const auto* findings = json_read::array(holder, "findings");
    if (findings == nullptr) return out;
    for (const auto& each : *findings) {
        if (const auto* object = each.if_object()) out += shown(finding_from(*object));
    }
    return out;
}

std::string shown_restarts(const json::object& holder) {
    std::string out;
    const auto* waiting = json_read::array(holder, "needs_restart");
    if (waiting == nullptr) return out;
    for (const auto& each : *waiting) {
        const auto* setting = each.if_object();
        if (setting == nullptr) continue;
        out +=
            fmt::format("  {}: {} runs, {} is wanted  ({})\n", json_read::text(*setting, "setting"),
                        json_read::text(*setting, "running"), json_read::text(*setting, "wanted"),
                        json_read::text(*setting, "source"));
    }
    return out;
}

}  // namespace

json::object to_json(const Generations::Status& status, Watcher::Kind watching) {
    json::object out;
    out["generation"] = status.serving->number;
    out["version"] = status.serving->version;
    out["since"] = iso8601(status.since);
    out["since_ms"] = unix_ms(status.since);
    out["made_at"] = iso8601(status.serving->made_at);
    out["cause"] = to_string(status.cause);
    out["watching"] = kind_name(watching);
    json::array generations;
    for (const auto& line : status.generations) {
        generations.push_back(json::object{{"generation", line.generation->number},
                                           {"version", line.generation->version},
                                           {"made_at", iso8601(line.generation->made_at)},
                                           {"made_at_ms", unix_ms(line.generation->made_at)},
                                           {"calls", line.generation->calls.load()},
                                           {"serving", line.is_serving},
                                           {"can_be_rolled_back_to", line.can_be_rolled_back_to}});
    }
    out["generations"] = std::move(generations);
    out["last_failure"] = nullptr;
    if (status.failure) {
        out["last_failure"] = json::object{{"at", iso8601(status.failure->at)},
                                           {"at_ms", unix_ms(status.failure->at)},
                                           {"cause", to_string(status.failure->cause)},
                                           {"version", status.failure->version},
                                           {"is_current", status.failure->is_current},
                                           {"findings", findings_json(status.failure->findings)}};
    }
    json::array waiting;
    for (const auto& each : status.serving->needs_restart) waiting.push_back(to_json(each));
    out["needs_restart"] = std::move(waiting);
    out["reloads"] = status.successes;
    out["failures"] = status.failures;
    out["rollbacks"] = status.rollbacks;
    return out;
}

std::string shown_status(const json::object& status, WallTime now) {
    const auto since = json_read::integer(status, "since_ms").value_or(0);
    std::string out = fmt::format(
        "Generation {} serves since {} ({}; {}), version {}\n",
        json_read::integer(status, "generation").value_or(0), clock_of(since), ago(since, now),
        cause_words(json_read::text(status, "cause")), json_read::text(status, "version"));
    const auto calls = json_read::integer(status, "calls").value_or(0);
    out += fmt::format("{} in progress\n", calls == 1 ? "1 call" : fmt::format("{} calls", calls));
    if (json_read::text(status, "watching") == "off")
        out += "Files are not watched: `parley reload` takes changes over\n";

    const auto* failure = json_read::object(status, "last_failure");
    if (failure != nullptr && json_read::boolean(*failure, "is_current") == true) {
        const auto at = json_read::integer(*failure, "at_ms").value_or(0);
        out += fmt::format(
            "\nThe files are not right, and generation {} serves on. Found {} ({}):\n\n{}",
            json_read::integer(status, "generation").value_or(0), clock_of(at), ago(at, now),
            shown_findings(*failure));
    }
    const auto restarts = shown_restarts(status);
    if (!restarts.empty()) out += "\nSettings that wait for a restart\n" + restarts;

    if (const auto* generations = json_read::array(status, "generations")) {
        out += "\nGenerations\n";
        for (const auto& each : *generations) {
            const auto& line = each.as_object();
            const auto made = json_read::integer(line, "made_at_ms").value_or(0);
            std::string note;
            if (json_read::boolean(line, "serving") == true) note = "  serves";
            if (json_read::boolean(line, "serving") != true &&
                json_read::boolean(line, "can_be_rolled_back_to") != true)
                note = "  until its calls end";
            const auto its_calls = json_read::integer(line, "calls").value_or(0);
            out += fmt::format("  {:>4}  {}  {}  {:>4} {}{}\n",
                               json_read::integer(line, "generation").value_or(0),
                               json_read::text(line, "version"), clock_of(made), its_calls,
                               its_calls == 1 ? "call " : "calls", note);
        }
    }
    if (failure != nullptr && json_read::boolean(*failure, "is_current") != true) {
        out += fmt::format("\nThe last failure was {} and is mended.\n",
                           ago(json_read::integer(*failure, "at_ms").value_or(0), now));
    }
    return out;
}

std::string shown_outcome(const json::object& outcome) {
    const auto result = json_read::text(outcome, "result");
    const auto generation = json_read::integer(outcome, "generation").value_or(0);
    std::string out;
    if (result == "refused") {
        out = shown_findings(outcome);
        return out + fmt::format("\nNothing has changed: generation {} serves on.\n", generation);
    }
    if (result == "nothing_before")
        return fmt::format("There is no generation before {}.\n", generation);
    if (result == "reloaded") {
        out = fmt::format("Generation {} serves new calls, version {} ({} ms).\n", generation,
                          json_read::text(outcome, "version"),
                          json_read::integer(outcome, "took_ms").value_or(0));
    }
    if (result == "rolled_back") {
        out = fmt::format(
            "Generation {} serves new calls again, version {}.\nThe files still hold what was rolled back: mend them; the next save is "
            "built from them.\n",
            generation, json_read::text(outcome, "version"));
    }
    if (result == "unchanged")
        out = fmt::format("The files are what serves already: generation {}.\n", generation);
    if (const auto* migrations = json_read::array(outcome, "migrations")) {
        for (const auto& each : *migrations)
            out += fmt::format("Applied migrations/{}\n",
                               each.is_string() ? std::string_view(each.get_string()) : "");
    }
    out += shown_findings(outcome);
    const auto restarts = shown_restarts(outcome);
    if (!restarts.empty()) out += "These wait for a restart:\n" + restarts;
    return out;
}

std::string shown_preview(const json::object& preview) {
    const auto generation = json_read::integer(preview, "generation").value_or(0);
    const auto* changes = json_read::array(preview, "changes");
    if (changes == nullptr)
        return shown_findings(preview) +
               fmt::format("\nA reload would be refused; generation {} serves.\n", generation);
    std::string out;
    if (const auto* migrations = json_read::array(preview, "migrations");
        migrations != nullptr && !migrations->empty()) {
        for (const auto& each : *migrations)
            out += fmt::format("migrations/{}: is new; `parley reload` applies it\n",
                               each.is_string() ? std::string_view(each.get_string()) : "");
    }
    out += shown(changes_from(*changes));
    if (out.empty())
        return fmt::format("Nothing changes: generation {} serves what the files hold.\n",
                           generation);
    return fmt::format("Against generation {}, which serves now:\n\n", generation) + out;
}

}  // namespace parley::reload
