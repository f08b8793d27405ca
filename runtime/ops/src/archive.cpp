#include <parley/ops/archive.hpp>

#include <parley/core/answer.hpp>
#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <pthread.h>

namespace parley::ops {
namespace {

constexpr std::size_t rows_a_look = 200;
// a search for an outcome that hardly occurs ends here
constexpr std::size_t rows_searched_max = 10'000;
constexpr std::int64_t stats_of_calls = 100;
constexpr std::int64_t past_samples = 500;
// of the journal's end, in which those are looked for
constexpr std::int64_t past_entries = 50'000;

constexpr std::string_view call_columns =
    "call_sid, from_number, to_number, agent, channel, outcome, reason, started_at_ms, "
    "coalesce(ended_at_ms, 0) AS ended_at_ms, coalesce(duration_ms, 0) AS duration_ms, cost_usd, turns, summary";

std::string text_of(const json::object& row, std::string_view column) {
    return json_read::text(row, column);
}
std::int64_t number_of(const json::object& row, std::string_view column) {
    return json_read::integer(row, column).value_or(0);
}

store::CallRow call_row(const json::object& row) {
    store::CallRow call;
    call.call_sid = text_of(row, "call_sid");
    call.from = text_of(row, "from_number");
    call.to = text_of(row, "to_number");
    call.agent = text_of(row, "agent");
    call.channel = text_of(row, "channel");
    call.outcome = text_of(row, "outcome");
    call.reason = text_of(row, "reason");
    call.started_at_ms = number_of(row, "started_at_ms");
    call.ended_at_ms = number_of(row, "ended_at_ms");
    call.duration_ms = number_of(row, "duration_ms");
    call.cost_usd = json_read::number(row, "cost_usd").value_or(0);
    call.turns = static_cast<int>(number_of(row, "turns"));
    return call;
}

json::value summary_of(const json::object& row) {
    const auto text = text_of(row, "summary");
    auto value = text.empty() ? std::nullopt : json_read::parse(text);
    return value && value->is_object() ? std::move(*value) : json::value(nullptr);
}

call::Facts facts_of(store::Reader& reader, const json::object& row) {
    call::Facts facts;
    const auto call_sid = text_of(row, "call_sid");
    for (
        const auto& each : reader.rows(
            "SELECT arguments, output FROM tool_calls WHERE call_sid = ? AND ok = 1 ORDER BY at_ms",
            {call_sid})) {
        const auto& tool = each.as_object();
        facts.learn_from_tool(text_of(tool, "arguments"), text_of(tool, "output"));
    }
    for (const auto& each :
         reader.rows("SELECT fields FROM call_notes WHERE call_sid = ? ORDER BY id", {call_sid})) {
        const auto fields = json_read::parse(text_of(each.as_object(), "fields"));
        if (fields && fields->is_object()) facts.learn(fields->get_object());
    }
    const auto summary = summary_of(row);
    if (summary.is_object()) facts.learn(summary.get_object());
    return facts;
}

json::array history_rows(store::Reader& reader, const HistoryQuery& query, std::int64_t before_ms,
                         std::size_t limit) {
    std::string where = "ended_at_ms IS NOT NULL AND started_at_ms < ?1";
    json::array parameters{before_ms};
    if (!query.text.empty()) {
        std::string any;
        for (const char* column :
             {"call_sid", "from_number", "to_number", "agent", "outcome", "reason", "summary"})
            any += fmt::format("instr(lower({}), ?2) OR ", column);
        where += fmt::format(
            " AND ({} EXISTS (SELECT 1 FROM tool_calls t WHERE t.call_sid = calls.call_sid AND "
            "(instr(lower(t.arguments), ?2) OR instr(lower(t.output), ?2))) OR EXISTS (SELECT 1 FROM transcript x "
            "WHERE x.call_sid = calls.call_sid AND instr(lower(x.text), ?2)))",
            any);
        parameters.emplace_back(lower(query.text));
    }
    return reader.rows(
        fmt::format("SELECT {} FROM calls WHERE {} ORDER BY started_at_ms DESC, call_sid LIMIT {}",
                    call_columns, where, limit),
        parameters);
}

std::int64_t local_midnight_ms(WallTime now) {
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    std::tm local{};
    localtime_r(&seconds, &local);
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    local.tm_isdst = -1;
    return static_cast<std::int64_t>(std::mktime(&local)) * 1'000;
}

bool has_appointments(store::Reader& reader) {
    return !reader
                .rows(
                    "SELECT 1 AS one FROM sqlite_schema WHERE type = 'table' AND name = 'appointments'",
                    {})
                .empty();
}

}  // namespace

std::optional<std::int64_t> parse_iso8601(std::string_view text) {
    const std::string copy(text);
    std::tm at{};
    int end = 0, fraction_end = 0;
    double fraction = 0;
    const int read = std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &at.tm_year, &at.tm_mon,
                                 &at.tm_mday, &at.tm_hour, &at.tm_min, &at.tm_sec, &end);
    if (read != 6) return std::nullopt;
    auto rest = std::string_view(copy).substr(static_cast<std::size_t>(end));
    if (rest.starts_with('.')) {
        if (std::sscanf(copy.c_str() + end, "%lf%n", &fraction, &fraction_end) != 1)
            return std::nullopt;
        rest.remove_prefix(static_cast<std::size_t>(fraction_end));
    }
    if (rest != "Z") return std::nullopt;
    at.tm_year -= 1900;
    at.tm_mon -= 1;
    return static_cast<std::int64_t>(timegm(&at)) * 1'000 +
           static_cast<std::int64_t>(fraction * 1'000 + 0.5);
}

json::array read_history(store::Reader& reader, const HistoryQuery& query) {
    json::array found;
    auto before_ms = query.before_ms.value_or(INT64_MAX);
    for (std::size_t searched = 0; searched < rows_searched_max;) {
        const auto limit = query.outcome.empty() ? query.limit : rows_a_look;
        const auto rows = history_rows(reader, query, before_ms, limit);
        for (const auto& each : rows) {
            const auto& row = each.as_object();
            auto entry = history_entry(call_row(row), facts_of(reader, row));
            const bool is_wanted = query.outcome.empty() ||
                                   text_of(entry, "outcome") == query.outcome ||
                                   text_of(entry, "result") == query.outcome;
            if (!is_wanted) continue;
            entry["hasRecording"] =
                query.has_recording && query.has_recording(text_of(row, "call_sid"));
            found.push_back(std::move(entry));
            if (found.size() == query.limit) return found;
        }
        if (rows.size() < limit) break;
        searched += rows.size();
        before_ms = number_of(rows.back().as_object(), "started_at_ms");
    }
    return found;
}

std::optional<json::array> read_transcript(store::Reader& reader, const std::string& call_sid) {
    if (!reader.call(call_sid)) return std::nullopt;
    json::array entries;
    for (const auto& each : reader.conversation(call_sid)) {
        const auto& row = each.as_object();
        auto entry = transcript_entry(number_of(row, "at_ms"), text_of(row, "type"), row);
        if (entry.is_object()) entries.push_back(std::move(entry));
    }
    return entries;
}

std::optional<json::object> read_call(store::Reader& reader, const std::string& call_sid) {
    const auto rows = reader.rows(
        fmt::format("SELECT {} FROM calls WHERE call_sid = ?", call_columns), {call_sid});
    if (rows.empty()) return std::nullopt;
    const auto& row = rows.front().as_object();
    auto call = history_entry(call_row(row), facts_of(reader, row));
    if (number_of(row, "ended_at_ms") == 0) call["outcome"] = "";
    call["summary"] = summary_of(row);
    json::array transcript, tools, latency, notes, problems, happenings;
    std::map<std::string, std::size_t> tool_at;
    for (const auto& each : reader.conversation(call_sid)) {
        const auto& entry = each.as_object();
        const auto at_ms = number_of(entry, "at_ms");
        const auto at = iso8601(WallTime(milliseconds(at_ms)));
        const auto type = text_of(entry, "type");
        auto said = transcript_entry(at_ms, type, entry);
        if (said.is_object()) transcript.push_back(std::move(said));
        if (type == "tool_started") {
            tool_at[text_of(entry, "tool_call_id")] = tools.size();
            tools.push_back(json::object{{"toolCallId", text_of(entry, "tool_call_id")},
                                         {"name", text_of(entry, "name")},
                                         {"arguments", text_of(entry, "arguments")},
                                         {"result", nullptr},
                                         {"ok", nullptr},
                                         {"timestamp", at},
                                         {"durationMs", nullptr}});
        } else if (type == "tool_returned") {
            const auto known = tool_at.find(text_of(entry, "tool_call_id"));
            if (known == tool_at.end()) continue;
            auto& tool = tools[known->second].as_object();
            tool["result"] = text_of(entry, "output");
            tool["ok"] = json_read::boolean(entry, "ok").value_or(true);
            tool["durationMs"] = number_of(entry, "duration_ms");
        } else if (type == "turn_latency") {
            latency.push_back(turn_entry(at_ms, call_sid, number_of(entry, "model_ms"),
                                         number_of(entry, "first_audio_ms")));
        } else if (type == "note") {
            const auto* fields = json_read::object(entry, "fields");
            notes.push_back(json::object{{"timestamp", at},
                                         {"text", text_of(entry, "text")},
                                         {"fields", fields ? *fields : json::object()}});
        } else if (auto happening = happening_entry(at_ms, type, entry); happening.is_object()) {
            happenings.push_back(std::move(happening));
        } else if (type == "problem" || type == "provider_lost") {
            const bool is_problem = type == "problem";
            problems.push_back(
                json::object{{"timestamp", at},
                             {"what", is_problem ? text_of(entry, "what") : type},
                             {"detail", text_of(entry, is_problem ? "detail" : "reason")}});
        }
    }
    call["transcript"] = std::move(transcript);
    call["tools"] = std::move(tools);
    call["latency"] = std::move(latency);
    call["notes"] = std::move(notes);
    call["problems"] = std::move(problems);
    call["happenings"] = std::move(happenings);
    return call;
}

json::array read_appointments(store::Reader& reader, std::size_t limit) {
    if (!has_appointments(reader)) return {};
    return reader.rows(
        fmt::format("SELECT * FROM appointments ORDER BY rowid DESC LIMIT {}", limit), {});
}

json::object read_stats(store::Reader& reader, WallTime now) {
    const auto midnight = local_midnight_ms(now);
    std::int64_t calls = 0, booked = 0, duration_s = 0, bookings = 0;
    for (const auto& each : read_history(
             reader, {.text = {}, .outcome = {}, .before_ms = {}, .limit = stats_of_calls})) {
        const auto& entry = each.as_object();
        ++calls;
        booked += text_of(entry, "outcome") == "appointment_booked" ? 1 : 0;
        duration_s += entry.at("duration").as_int64();
    }
    if (has_appointments(reader)) {
        const auto day = std::chrono::system_clock::to_time_t(now);
        std::tm local{};
        localtime_r(&day, &local);
        const auto rows = reader.rows(
            "SELECT count(*) AS n FROM appointments WHERE appointment_date = ? AND status = 'confirmed'",
            {fmt::format("{:%Y-%m-%d}", local)});
        if (!rows.empty()) bookings = number_of(rows.front().as_object(), "n");
    }
    const auto today = reader.rows(
        "SELECT count(*) AS n, coalesce(sum(cost_usd), 0.0) AS cost FROM calls WHERE started_at_ms >= ?",
        {midnight});
    json::object stats{{"todayBookings", bookings},
                       {"totalCalls", calls},
                       {"successRate", calls == 0 ? 0 : (100 * booked + calls / 2) / calls},
                       {"avgDuration", calls == 0 ? 0 : (duration_s + calls / 2) / calls},
                       {"callsToday", 0},
                       {"costTodayUsd", 0.0}};
    if (!today.empty()) {
        stats["callsToday"] = number_of(today.front().as_object(), "n");
        stats["costTodayUsd"] = json_read::number(today.front().as_object(), "cost").value_or(0);
    }
    return stats;
}

Board::Past read_past(store::Reader& reader) {
    Board::Past past;
    for (auto& each : read_history(
             reader, {.text = {}, .outcome = {}, .before_ms = {}, .limit = stats_of_calls})) {
        auto& entry = each.as_object();
        past.calls_s.push_back(entry.at("duration").as_int64());
        past.history.push_back(std::move(entry));
    }
    const auto entries = [&](std::string_view type) {
        return reader.rows(
            "SELECT call_sid, at_ms, data FROM journal WHERE id > (SELECT coalesce(max(id), 0) FROM journal) - ? "
            "AND type = ? ORDER BY id DESC LIMIT ?",
            {past_entries, type, past_samples});
    };
    for (const auto& each : entries("turn_latency")) {
        const auto& row = each.as_object();
        const auto data = json_read::parse(text_of(row, "data"));
        if (!data || !data->is_object()) continue;
        past.turns.push_back({number_of(row, "at_ms"), text_of(row, "call_sid"),
                              number_of(data->get_object(), "model_ms"),
                              number_of(data->get_object(), "first_audio_ms")});
    }
    for (const auto& each : entries("tool_returned")) {
        const auto data = json_read::parse(text_of(each.as_object(), "data"));
        if (!data || !data->is_object()) continue;
        const auto& tool = data->get_object();
        past.tools.push_back({text_of(tool, "name"), json_read::boolean(tool, "ok").value_or(true),
                              number_of(tool, "duration_ms")});
    }
    const auto counts = reader.rows(
        "SELECT count(*) AS calls, coalesce(sum(outcome = 'appointment_booked'), 0) AS booked FROM calls "
        "WHERE ended_at_ms IS NOT NULL",
        {});
    if (!counts.empty()) {
        past.total_calls = number_of(counts.front().as_object(), "calls");
        past.booked = number_of(counts.front().as_object(), "booked");
    }
    return past;
}

bool Changes::have_come(store::Reader& reader) {
    const auto rows = reader.rows("PRAGMA data_version", {});
    const auto version =
        rows.empty() ? version_ : number_of(rows.front().as_object(), "data_version");
    return std::exchange(version_, version) != version;
}

// ---- the thread -------------------------------------------------------------------------------

struct Archive::Impl {
    struct Job {
        Look look;
        std::function<void(Checked<json::value>)> done;
    };

    void run() {
        pthread_setname_np(pthread_self(), "parley-archive");
        std::unique_lock lock(mutex);
        while (true) {
            wake.wait(lock, [&] { return is_closing || !jobs.empty(); });
            if (jobs.empty()) return;
            auto job = std::move(jobs.front());
            jobs.pop_front();
            lock.unlock();
            job.done(read(job));
            lock.lock();
        }
    }

    Checked<json::value> read(const Job& job) {
        if (is_closing) return Fault{"the database", "is being closed"};
        try {
            return {boost::system::in_place_value, job.look(*reader)};
        } catch (const std::exception& error) {
            log::error("archive.failed", {{"what", error.what()}});
            return Fault{"the database", "could not be read"};
        }
    }

    std::unique_ptr<store::Reader> reader;  // the thread's
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Job> jobs;
    std::atomic<bool> is_closing = false;
    std::thread thread;
};

Archive::Archive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
    impl_->thread = std::thread([running = impl_.get()] { running->run(); });
}

Archive::~Archive() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_closing = true;
        impl_->wake.notify_one();
    }
    impl_->thread.join();
}

Checked<std::unique_ptr<Archive>> Archive::open(const std::string& path) {
    auto reader = store::Reader::open(path);
    if (!reader) return reader.error();
    auto impl = std::make_unique<Impl>();
    impl->reader = std::move(*reader);
    return std::unique_ptr<Archive>(new Archive(std::move(impl)));
}

Task<Checked<json::value>> Archive::read(Look look) {
    auto add = [this, look = std::move(look)](auto done) mutable {
        std::unique_lock lock(impl_->mutex);
        if (impl_->is_closing || impl_->jobs.size() >= waiting_max) {
            lock.unlock();
            return done(Fault{"the database", "too much is asked at once", "try again"});
        }
        impl_->jobs.push_back({std::move(look), std::move(done)});
        impl_->wake.notify_one();
    };
    return answer_to<Checked<json::value>>(std::move(add));
}

}  // namespace parley::ops
