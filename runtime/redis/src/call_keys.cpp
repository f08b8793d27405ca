#include <parley/redis/call_keys.hpp>

#include <parley/core/text.hpp>

#include <fmt/format.h>

namespace parley::redis {
namespace {

using namespace call::journal;

constexpr const char* active_seconds = "3600";
constexpr const char* transcript_seconds = "86400";
constexpr const char* history_beyond_newest = "-501";
constexpr const char* metrics_last = "99";

json::value text_or_null(const std::string& text) {
    if (text.empty()) return nullptr;
    return json::string(to_valid_utf8(text));
}

void add_metric(std::vector<Command>& to, std::string_view name, double value, WallTime at) {
    const std::string key = fmt::format("metrics:{}", name);
    to.push_back({"LPUSH", key,
                  json::serialize(json::object{{"value", value}, {"timestamp", iso8601(at)}})});
    to.push_back({"LTRIM", key, "0", metrics_last});
}

json::value parsed_or_text(const std::string& text) {
    if (auto parsed = json_read::parse(text, 64)) return std::move(*parsed);
    return json::string(to_valid_utf8(text));
}

}  // namespace

Command CallKeys::set_active(const std::string& call_sid, const Call& call) const {
    const char* status = call.is_speaking ? "speaking" : "listening";
    const json::object value{
        {"callSid", to_valid_utf8(call_sid)},
        {"streamSid", to_valid_utf8(call.stream_sid)},
        {"phoneNumber", to_valid_utf8(call.number)},
        {"customerName", text_or_null(call.facts.customer_name)},
        {"startTime", iso8601(call.started)},
        {"duration",
         std::chrono::duration_cast<std::chrono::seconds>(call.last - call.started).count()},
        {"currentStep", to_valid_utf8(call.facts.step())},
        {"aiStatus", call.tools_running > 0 ? "processing_tool" : status},
        {"lastActivity", iso8601(call.last)},
        {"instance", instance_}};
    return {"SETEX", "active_call:" + call_sid, active_seconds, json::serialize(value)};
}

void CallKeys::say(std::vector<Command>& to, const std::string& call_sid, Call& call,
                   json::object entry) {
    std::string text = json::serialize(entry);
    const std::string key = "transcript:" + call_sid;
    if (call.transcript.size() < transcript_max) call.transcript.push_back(text);
    to.push_back({"RPUSH", key, std::move(text)});
    to.push_back({"EXPIRE", key, transcript_seconds});
}

std::vector<Command> CallKeys::on(const Entry& entry) {
    std::vector<Command> commands;
    const std::string& sid = entry.call_sid;
    if (const auto* started = std::get_if<CallStarted>(&entry.event)) {
        const bool is_new = !calls_.contains(sid);
        auto& call = calls_[sid];
        if (!is_new) return commands;
        call.number = started->other_party();
        call.started = call.last = entry.at;
        commands.push_back(set_active(sid, call));
        commands.push_back({"INCR", "counter:total_calls"});
        return commands;
    }
    const auto found = calls_.find(sid);
    if (found == calls_.end()) return commands;
    auto& call = found->second;
    call.facts.take(entry.event);
    const std::string at = iso8601(entry.at);
    if (const auto* said = std::get_if<CallerSaid>(&entry.event)) {
        say(commands, sid, call,
            {{"timestamp", at}, {"role", "user"}, {"content", to_valid_utf8(said->text)}});
    } else if (const auto* spoken = std::get_if<AgentSaid>(&entry.event)) {
        say(commands, sid, call,
            {{"timestamp", at}, {"role", "assistant"}, {"content", to_valid_utf8(spoken->heard)}});
    } else if (const auto* tool = std::get_if<ToolStarted>(&entry.event)) {
        ++call.tools_running;
        say(commands, sid, call,
            {{"timestamp", at},
             {"role", "function_call"},
             {"content", to_valid_utf8(fmt::format("{}({})", tool->name, tool->arguments))},
             {"metadata",
              {{"functionName", to_valid_utf8(tool->name)},
               {"arguments", parsed_or_text(tool->arguments)}}}});
    } else if (const auto* returned = std::get_if<ToolReturned>(&entry.event)) {
        if (call.tools_running > 0) --call.tools_running;
        say(commands, sid, call,
            {{"timestamp", at},
             {"role", "function_result"},
             {"content", to_valid_utf8(returned->output)},
             {"metadata",
              {{"functionName", to_valid_utf8(returned->name)},
               {"result", parsed_or_text(returned->output)}}}});
        add_metric(commands, "tool_execution", static_cast<double>(returned->duration_ms),
                   entry.at);
    } else if (const auto* latency = std::get_if<TurnLatency>(&entry.event)) {
        add_metric(commands, "audio_processing_latency",
                   static_cast<double>(latency->first_audio_ms), entry.at);
    } else if (const auto* ended = std::get_if<CallEnded>(&entry.event)) {
        auto last = over(sid, call, *ended, entry.at);
        calls_.erase(found);
        return last;
    } else if (!std::holds_alternative<Note>(entry.event)) {
        return commands;
    }
    call.last = std::max(call.last, entry.at);
    commands.push_back(set_active(sid, call));
    return commands;
}

std::vector<Command> CallKeys::see(const std::vector<Seen>& calls) {
    std::vector<Command> commands;
    for (const auto& each : calls) {
        const auto found = calls_.find(each.call_sid);
        if (found == calls_.end()) continue;
        auto& call = found->second;
        const bool is_ending = each.state == "ending";
        const bool is_speaking = is_ending || each.state == "speaking";
        const bool is_last_step = !is_ending || call.facts.step() == "farewell";
        if (call.stream_sid == each.stream_sid && call.is_speaking == is_speaking && is_last_step)
            continue;
        call.stream_sid = each.stream_sid;
        call.is_speaking = is_speaking;
        if (is_ending) call.facts.end();
        commands.push_back(set_active(each.call_sid, call));
    }
    return commands;
}

std::vector<Command> CallKeys::over(const std::string& call_sid, Call& call, const CallEnded& ended,
                                    WallTime at) {
    const double seconds = static_cast<double>(ended.duration_ms) / 1'000;
    const auto outcome = call::outcome_word(ended.outcome, ended.reason, call.facts);
    json::object history{{"callSid", to_valid_utf8(call_sid)},
                         {"phoneNumber", to_valid_utf8(call.number)},
                         {"customerName", text_or_null(call.facts.customer_name)},
                         {"startTime", iso8601(call.started)},
                         {"endTime", iso8601(at)},
                         {"duration", static_cast<std::int64_t>(seconds + 0.5)},
                         {"outcome", outcome},
                         {"result", to_valid_utf8(ended.outcome)}};
    if (!call.facts.confirmation_number.empty()) {
        history["confirmationNumber"] = to_valid_utf8(call.facts.confirmation_number);
        history["appointmentDetails"] = json::object{{"date", to_valid_utf8(call.facts.date)},
                                                     {"time", to_valid_utf8(call.facts.time)}};
    }
    std::vector<Command> commands;
    commands.push_back({"DEL", "active_call:" + call_sid});
    commands.push_back(
        {"ZADD", "call_history", std::to_string(unix_ms(at)), json::serialize(history)});
    commands.push_back({"ZREMRANGEBYRANK", "call_history", "0", history_beyond_newest});
    add_metric(commands, "call_duration", seconds, at);
    if (outcome == "appointment_booked")
        commands.push_back({"INCR", "counter:appointments_booked"});
    return commands;
}

std::vector<CallKeys::Active> CallKeys::active() const {
    std::vector<Active> all;
    for (const auto& [sid, call] : calls_)
        all.push_back({sid, set_active(sid, call), call.transcript});
    return all;
}

}  // namespace parley::redis
