#include <parley/ops/board.hpp>

#include <parley/core/text.hpp>

#include <algorithm>
#include <cmath>

namespace parley::ops {
namespace {

namespace journal = call::journal;

constexpr std::size_t samples_shown = 20;
constexpr std::size_t turns_shown = 40;
// a snapshot may have been taken before the call's first entry came
constexpr std::chrono::seconds missing_for{10};

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

// "listening", "speaking" or "processing_tool".
std::string_view ai_status(std::string_view state) {
    if (state == "running_tool") return "processing_tool";
    return state == "speaking" || state == "ending" ? "speaking" : "listening";
}

// null without samples.
json::object figures_of(const std::vector<std::int64_t>& samples) {
    const auto figure = [&](double share) {
        return samples.empty() ? json::value(nullptr) : json::value(percentile(samples, share));
    };
    return {{"p50", figure(0.5)}, {"p95", figure(0.95)}, {"p99", figure(0.99)}};
}

// Samples newest first.
json::object average_of(const std::vector<std::int64_t>& samples) {
    json::array shown;
    double sum = 0;
    for (const auto value : samples) {
        if (shown.size() < samples_shown) shown.emplace_back(value);
        sum += static_cast<double>(value);
    }
    const auto count = static_cast<double>(samples.size());
    return {{"avg", samples.empty() ? 0 : std::llround(sum / count)},
            {"samples", std::move(shown)}};
}

std::string iso8601_of(std::int64_t at_ms) { return iso8601(WallTime(milliseconds(at_ms))); }

}  // namespace

json::object history_entry(const store::CallRow& call, const call::Facts& facts) {
    json::object entry{
        {"callSid", call.call_sid},
        {"phoneNumber", call.from},
        {"customerName", text_or_null(facts.customer_name)},
        {"startTime", iso8601_of(call.started_at_ms)},
        {"endTime",
         call.ended_at_ms == 0 ? json::value(nullptr) : json::value(iso8601_of(call.ended_at_ms))},
        {"duration", (call.duration_ms + 500) / 1'000},
        {"outcome", call::outcome_word(call.outcome, call.reason, facts)}};
    if (!facts.confirmation_number.empty()) {
        entry["confirmationNumber"] = facts.confirmation_number;
        entry["appointmentDetails"] = json::object{{"date", facts.date}, {"time", facts.time}};
    }
    entry["to"] = call.to;
    entry["agent"] = call.agent;
    entry["channel"] = call.channel;
    entry["result"] = call.outcome;
    entry["reason"] = call.reason;
    entry["turns"] = call.turns;
    entry["costUsd"] = call.cost_usd;
    return entry;
}

json::value transcript_entry(std::int64_t at_ms, std::string_view type,
                             const json::object& fields) {
    json::object entry{{"timestamp", iso8601_of(at_ms)}};
    const auto field = [&](std::string_view key) { return json_read::text(fields, key); };
    if (type == "caller_said") {
        entry["role"] = "user";
        entry["content"] = field("text");
    } else if (type == "agent_said") {
        entry["role"] = "assistant";
        entry["content"] = field("heard");
        entry["unheard"] = field("unheard");
        entry["interrupted"] = json_read::boolean(fields, "interrupted").value_or(false);
    } else if (type == "tool_started") {
        const auto arguments = json_read::parse(field("arguments"));
        entry["role"] = "function_call";
        entry["content"] = field("name") + "(" + field("arguments") + ")";
        entry["metadata"] =
            json::object{{"functionName", field("name")},
                         {"arguments", arguments ? *arguments : json::value(field("arguments"))}};
    } else if (type == "tool_returned") {
        const auto result = json_read::parse(field("output"));
        entry["role"] = "function_result";
        entry["content"] = field("output");
        entry["metadata"] =
            json::object{{"functionName", field("name")},
                         {"result", result ? *result : json::value(field("output"))},
                         {"ok", json_read::boolean(fields, "ok").value_or(true)},
                         {"durationMs", json_read::integer(fields, "duration_ms").value_or(0)}};
    } else {
        return nullptr;
    }
    if (auto item = field("item_id"); !item.empty()) entry["id"] = std::move(item);
    if (auto id = field("tool_call_id"); !id.empty()) entry["id"] = std::move(id);
    return entry;
}

json::value happening_entry(std::int64_t at_ms, std::string_view type, const json::object& fields) {
    const auto field = [&](std::string_view key) { return json_read::text(fields, key); };
    std::string detail;
    if (type == "transfer_started") {
        detail = field("to");
    } else if (type == "transfer_ended") {
        detail = field("how");
        if (const auto more = field("detail"); !more.empty()) detail += ": " + more;
    } else if (type == "digits_sent") {
        detail = std::to_string(json_read::integer(fields, "count").value_or(0));
    } else if (type == "recording_started") {
        detail = field("notice");
    } else if (type == "message_sent") {
        detail = field("to");
        if (!json_read::boolean(fields, "ok").value_or(true))
            detail += ": not sent: " + field("detail");
    } else if (type != "hold_started" && type != "hold_ended" && type != "recording_stopped") {
        return nullptr;
    }
    return json::object{
        {"timestamp", iso8601_of(at_ms)}, {"what", type}, {"detail", std::move(detail)}};
}

json::object turn_entry(std::int64_t at_ms, std::string_view call_sid, std::int64_t model_ms,
                        std::int64_t total_ms) {
    return {{"timestamp", iso8601_of(at_ms)},
            {"callSid", call_sid},
            {"modelMs", model_ms},
            {"lineMs", std::max<std::int64_t>(0, total_ms - model_ms)},
            {"totalMs", total_ms}};
}

std::int64_t percentile(std::vector<std::int64_t> samples, double share) {
    if (samples.empty()) return 0;
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
    const auto at = std::clamp<std::size_t>(rank, 1, samples.size()) - 1;
    std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at),
                     samples.end());
    return samples[at];
}

void Board::add_newest(Samples& samples, std::int64_t value) const {
    samples.push_front(value);
    if (samples.size() > limits_.samples_max) samples.pop_back();
}

void Board::add_turn(Turn turn) {
    turns_.push_front(std::move(turn));
    if (turns_.size() > limits_.samples_max) turns_.pop_back();
}

void Board::add_tool(const ToolRun& run) {
    add_newest(tool_runs_ms_, run.duration_ms);
    if (!tools_.contains(run.name) && tools_.size() >= limits_.tool_names_max) return;
    auto& tool = tools_[run.name];
    ++tool.runs;
    tool.errors += run.ok ? 0 : 1;
    add_newest(tool.durations_ms, run.duration_ms);
}

void Board::remember(Past past) {
    for (auto turn = past.turns.rbegin(); turn != past.turns.rend(); ++turn)
        add_turn(std::move(*turn));
    for (auto run = past.tools.rbegin(); run != past.tools.rend(); ++run) add_tool(*run);
    for (auto each = past.calls_s.rbegin(); each != past.calls_s.rend(); ++each)
        add_newest(calls_s_, *each);
    for (auto& entry : past.history) {
        if (finished_.size() < limits_.finished_max) finished_.push_back(std::move(entry));
    }
    total_calls_ += past.total_calls;
    booked_ += past.booked;
    ++versions_.metrics;
    ++versions_.history;
}

std::string Board::cut(const std::string& text) const {
    return shortened(text, limits_.text_bytes_max);
}

Board::Call& Board::call_of(const journal::Entry& entry) {
    auto& call = calls_[entry.call_sid];
    if (call.call_sid.empty()) {
        call.call_sid = entry.call_sid;
        call.started = call.last_activity = entry.at;
    }
    return call;
}

json::object Board::state_of(const Call& call) const {
    return {{"callSid", call.call_sid},
            {"state", call.state},
            {"tool", call.tools.empty() ? json::value(nullptr)
                                        : json::value(call.tools.begin()->second.name)},
            {"aiStatus", ai_status(call.state)},
            {"currentStep", call.facts.step()}};
}

std::vector<Board::Event> Board::take(const journal::Entry& entry) {
    std::vector<Event> events;
    const auto at_ms = unix_ms(entry.at);
    const auto tell = [&](std::string name, json::object data) {
        data["callSid"] = entry.call_sid;
        events.push_back({std::move(name), entry.call_sid, std::move(data)});
    };
    const auto text = [&](const std::string& from) { return to_valid_utf8(cut(from)); };
    const auto trouble = [&](std::string what, std::string detail) {
        tell("problem", {{"problem", json::object{{"timestamp", iso8601(entry.at)},
                                                  {"what", std::move(what)},
                                                  {"detail", std::move(detail)}}}});
    };
    const auto* started = std::get_if<journal::CallStarted>(&entry.event);
    if (started == nullptr && !calls_.contains(entry.call_sid)) return events;
    if (started != nullptr && calls_.size() >= limits_.active_max) return events;
    auto& call = call_of(entry);
    call.last_activity = std::max(call.last_activity, entry.at);
    call.facts.take(entry.event);
    ++versions_.active;

    const auto fields = journal::fields(entry.event);
    const auto said = transcript_entry(at_ms, journal::type_name(entry.event), fields);
    if (said.is_object()) {
        if (call.transcript.size() < limits_.transcript_max)
            call.transcript.push_back(json::serialize(said));
        events.push_back({"transcript", entry.call_sid, said.get_object()});
    }
    if (started != nullptr) {
        call.from = to_valid_utf8(started->from);
        call.to = to_valid_utf8(started->to);
        call.agent = started->agent;
        call.channel = started->channel;
        tell("call_started", {{"phoneNumber", call.from},
                              {"to", call.to},
                              {"agent", call.agent},
                              {"startTime", iso8601(entry.at)}});
    } else if (std::holds_alternative<journal::CallerSaid>(entry.event) ||
               std::holds_alternative<journal::AgentSaid>(entry.event)) {
        ++call.turns;
        tell("turn", {{"entry", said}});
    } else if (const auto* cut_in = std::get_if<journal::Interrupted>(&entry.event)) {
        ++call.interruptions;
        tell("interrupted", {{"timestamp", iso8601(entry.at)},
                             {"heardMs", cut_in->heard_ms},
                             {"receivedMs", cut_in->received_ms}});
    } else if (const auto* tool = std::get_if<journal::ToolStarted>(&entry.event)) {
        ++call.tool_calls;
        call.tools[tool->tool_call_id] = {tool->name, tool->arguments, entry.at};
        tell("tool", {{"tool", json::object{{"toolCallId", tool->tool_call_id},
                                            {"name", tool->name},
                                            {"arguments", text(tool->arguments)},
                                            {"result", nullptr},
                                            {"ok", nullptr},
                                            {"timestamp", iso8601(entry.at)},
                                            {"durationMs", nullptr}}}});
    } else if (const auto* returned = std::get_if<journal::ToolReturned>(&entry.event)) {
        const auto running = call.tools.find(returned->tool_call_id);
        Tool known{returned->name, "", entry.at - milliseconds(returned->duration_ms)};
        if (running != call.tools.end()) {
            known = std::move(running->second);
            call.tools.erase(running);
        }
        add_tool({returned->name, returned->ok, returned->duration_ms});
        ++versions_.metrics;
        tell("tool", {{"tool", json::object{{"toolCallId", returned->tool_call_id},
                                            {"name", returned->name},
                                            {"arguments", text(known.arguments)},
                                            {"result", text(returned->output)},
                                            {"ok", returned->ok},
                                            {"timestamp", iso8601(known.started)},
                                            {"durationMs", returned->duration_ms}}}});
    } else if (const auto* latency = std::get_if<journal::TurnLatency>(&entry.event)) {
        add_turn({at_ms, call.call_sid, latency->model_ms, latency->first_audio_ms});
        ++versions_.metrics;
        tell("latency", {{"turn", turn_entry(at_ms, call.call_sid, latency->model_ms,
                                             latency->first_audio_ms)}});
    } else if (const auto* usage = std::get_if<journal::UsageCounted>(&entry.event)) {
        call.cost_usd += usage->usage.cost_usd;
        tell("cost", {{"costUsd", call.cost_usd}});
    } else if (const auto* note = std::get_if<journal::Note>(&entry.event)) {
        tell("note", {{"note", json::object{{"timestamp", iso8601(entry.at)},
                                            {"text", text(note->text)},
                                            {"fields", note->fields}}}});
    } else if (const auto* lost = std::get_if<journal::ProviderLost>(&entry.event)) {
        trouble("provider_lost", text(lost->reason));
    } else if (const auto* restored = std::get_if<journal::ProviderRestored>(&entry.event)) {
        if (!restored->planned)
            trouble("provider_restored", std::to_string(restored->gap_ms) + " ms later");
    } else if (const auto* problem = std::get_if<journal::Problem>(&entry.event)) {
        trouble(text(problem->what), text(problem->detail));
    } else if (auto happening = happening_entry(at_ms, journal::type_name(entry.event), fields);
               happening.is_object()) {
        tell("happening", {{"happening", std::move(happening)}});
    } else if (const auto* ended = std::get_if<journal::CallEnded>(&entry.event)) {
        store::CallRow row;
        row.call_sid = call.call_sid;
        row.from = call.from;
        row.to = call.to;
        row.agent = call.agent;
        row.channel = call.channel;
        row.outcome = ended->outcome;
        row.reason = ended->reason;
        row.started_at_ms = unix_ms(call.started);
        row.ended_at_ms = at_ms;
        row.duration_ms = ended->duration_ms;
        row.cost_usd = call.cost_usd;
        row.turns = call.turns;
        auto past = history_entry(row, call.facts);
        ++total_calls_;
        booked_ += json_read::text(past, "outcome") == "appointment_booked" ? 1 : 0;
        add_newest(calls_s_, (ended->duration_ms + 500) / 1'000);
        tell("ended", {{"call", past}});
        finished_.push_front(std::move(past));
        if (finished_.size() > limits_.finished_max) finished_.pop_back();
        ++versions_.history;
        ++versions_.metrics;
        calls_.erase(entry.call_sid);
    }
    return events;
}

std::vector<Board::Event> Board::see(const std::vector<Seen>& seen, WallTime now) {
    std::vector<Event> events;
    std::set<std::string_view> there;
    for (const auto& each : seen) {
        there.insert(each.call_sid);
        const auto found = calls_.find(each.call_sid);
        if (found == calls_.end()) continue;
        auto& call = found->second;
        if (call.stream_sid != each.stream_sid || call.generation != each.generation) {
            call.stream_sid = each.stream_sid;
            call.generation = each.generation;
            ++versions_.active;
        }
        if (call.state == each.state) continue;
        call.state = each.state;
        if (call.state == "ending") call.facts.end();
        ++versions_.active;
        events.push_back({"state", call.call_sid, state_of(call)});
    }
    // The end of a call may have been among entries that were dropped.
    const auto before = calls_.size();
    std::erase_if(calls_, [&](const auto& each) {
        return !there.contains(each.first) && now - each.second.last_activity > missing_for;
    });
    if (calls_.size() != before) ++versions_.active;
    return events;
}

json::array Board::active(WallTime now) const {
    json::array all;
    for (const auto& [call_sid, call] : calls_) {
        const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - call.started);
        all.push_back(json::object{
            {"callSid", call.call_sid},
            {"streamSid", call.stream_sid},
            {"phoneNumber", call.from},
            {"customerName", text_or_null(call.facts.customer_name)},
            {"startTime", iso8601(call.started)},
            {"duration", std::max<std::int64_t>(0, lasted.count())},
            {"currentStep", call.facts.step()},
            {"aiStatus", ai_status(call.state)},
            {"lastActivity", iso8601(call.last_activity)},
            {"to", call.to},
            {"agent", call.agent},
            {"channel", call.channel},
            {"state", call.state},
            {"tool", call.tools.empty() ? json::value(nullptr)
                                        : json::value(call.tools.begin()->second.name)},
            {"turns", call.turns},
            {"interruptions", call.interruptions},
            {"toolCalls", call.tool_calls},
            {"costUsd", call.cost_usd},
            {"generation", call.generation}});
    }
    return all;
}

json::array Board::history(std::size_t limit) const {
    json::array all;
    for (const auto& entry : finished_) {
        if (all.size() == limit) break;
        all.push_back(entry);
    }
    return all;
}

json::object Board::metrics() const {
    std::vector<std::int64_t> totals, models, lines;
    json::array recent;
    for (const auto& turn : turns_) {
        totals.push_back(turn.total_ms);
        models.push_back(turn.model_ms);
        lines.push_back(std::max<std::int64_t>(0, turn.total_ms - turn.model_ms));
        if (recent.size() < turns_shown)
            recent.push_back(turn_entry(turn.at_ms, turn.call_sid, turn.model_ms, turn.total_ms));
    }
    std::reverse(recent.begin(), recent.end());
    json::object latency = figures_of(totals);
    latency["count"] = totals.size();
    latency["model"] = figures_of(models);
    latency["line"] = figures_of(lines);
    latency["recent"] = std::move(recent);
    json::array tools;
    for (const auto& [name, tool] : tools_) {
        auto figures = figures_of({tool.durations_ms.begin(), tool.durations_ms.end()});
        tools.push_back(json::object{{"name", name},
                                     {"calls", tool.runs},
                                     {"errors", tool.errors},
                                     {"p50", figures.at("p50")},
                                     {"p95", figures.at("p95")}});
    }
    return {
        {"audioLatency", average_of(totals)},
        {"toolExecution", average_of({tool_runs_ms_.begin(), tool_runs_ms_.end()})},
        {"callDuration", average_of({calls_s_.begin(), calls_s_.end()})},
        {"counters", json::object{{"totalCalls", total_calls_}, {"appointmentsBooked", booked_}}},
        {"turnLatency", std::move(latency)},
        {"tools", std::move(tools)}};
}

std::optional<std::vector<std::string>> Board::transcript(std::string_view call_sid) const {
    const auto found = calls_.find(call_sid);
    if (found == calls_.end()) return std::nullopt;
    return found->second.transcript;
}

}  // namespace parley::ops
