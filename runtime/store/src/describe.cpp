#include "describe.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace parley::store {
namespace {

using json_read::integer;
using json_read::text;

std::int64_t whole(const json::object& row, std::string_view key) {
    return integer(row, key).value_or(0);
}

// Spaces after commas and colons, where lines may then be broken.
std::string spaced(std::string_view json_text) {
    std::string out;
    bool is_in_string = false;
    for (std::size_t i = 0; i < json_text.size(); ++i) {
        const char c = json_text[i];
        out += c;
        if (is_in_string && c == '\\' && i + 1 < json_text.size()) {
            out += json_text[++i];
        } else if (c == '"') {
            is_in_string = !is_in_string;
        } else if (!is_in_string && (c == ',' || c == ':')) {
            out += ' ';
        }
    }
    return out;
}

// What a tool was given or gave: JSON set for reading, anything else as it is.
std::string tool_text(const std::string& raw, std::size_t bytes_max) {
    const auto value = json_read::parse(raw);
    return shortened(safe(value ? spaced(json::serialize(*value)) : raw), bytes_max);
}

// {"date":"2026-11-24","part":"morning"} -> date: "2026-11-24", part: "morning"
std::string argument_list(const std::string& raw, std::size_t bytes_max) {
    const auto value = json_read::parse(raw);
    if (!value || !value->is_object()) return tool_text(raw, bytes_max);
    std::string out;
    for (const auto& member : value->get_object()) {
        if (!out.empty()) out += ", ";
        out += std::string_view(member.key());
        out += ": ";
        // 37.2, where the JSON library would write 3.72E1.
        out += member.value().is_double() ? fmt::format("{}", member.value().get_double())
                                          : spaced(json::serialize(member.value()));
    }
    return shortened(safe(out), bytes_max);
}

// The `fields` of an entry that a script wrote.
std::string field_list(const json::object& row, std::size_t bytes_max) {
    const auto* fields = json_read::object(row, "fields");
    return fields == nullptr || fields->empty()
               ? ""
               : argument_list(json::serialize(*fields), bytes_max);
}

Styled agent_said(const json::object& row) {
    Styled out{{Style::agent, "Agent:  "}};
    const std::string heard = safe(text(row, "heard"));
    const std::string unheard = safe(text(row, "unheard"));
    if (!heard.empty()) out.push_back({Style::plain, heard});
    const bool is_cut = json_read::boolean(row, "interrupted").value_or(false);
    if (!is_cut && unheard.empty()) return out;
    out.push_back({Style::bad, heard.empty() ? "✂" : " ✂"});
    if (!unheard.empty()) out.push_back({Style::dim, " [not heard: " + unheard + "]"});
    return out;
}

std::string ending(const std::string& outcome, const std::string& reason) {
    if (reason.empty() || reason == outcome) return outcome.empty() ? "no outcome" : outcome;
    return outcome + " (" + reason + ")";
}

}  // namespace

std::string duration(std::int64_t ms) {
    const auto total = std::max<std::int64_t>(ms, 0) / 1'000;
    if (total >= 3'600)
        return fmt::format("{}:{:02}:{:02}", total / 3'600, total / 60 % 60, total % 60);
    return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string seconds(std::int64_t ms) {
    return fmt::format("{}.{} s", ms / 1'000, ms % 1'000 / 100);
}

std::string offset(std::int64_t ms) {
    ms = std::max<std::int64_t>(ms, 0);
    return fmt::format("[{:02}:{:02}.{}]", ms / 60'000, ms / 1'000 % 60, ms / 100 % 10);
}

std::string dollars(double usd) { return fmt::format("${:.4f}", usd); }

std::string local_time(std::int64_t at_ms, const char* format) {
    const std::time_t when = static_cast<std::time_t>(at_ms / 1'000);
    std::tm parts{};
    localtime_r(&when, &parts);
    char buffer[64];
    return {buffer, std::strftime(buffer, sizeof buffer, format, &parts)};
}

Description describe(const json::object& row, Detail detail, const PrintOptions& options) {
    const std::string type = text(row, "type");
    if (type == "caller_said")
        return {0, {{Style::caller, "Caller: "}, {Style::plain, safe(text(row, "text"))}}};
    if (type == "agent_said") return {0, agent_said(row)};
    if (type == "interrupted") {
        return {2,
                {{Style::bad, "✂ "},
                 {Style::dim, fmt::format("caller cut in: heard {} of {} received",
                                          seconds(whole(row, "heard_ms")),
                                          seconds(whole(row, "received_ms")))}}};
    }
    if (type == "tool_started") {
        return {2,
                {{Style::tool, "⚙ " + safe(text(row, "name"))},
                 {Style::plain,
                  "(" + argument_list(text(row, "arguments"), options.tool_bytes_max) + ")"}}};
    }
    if (type == "tool_returned") {
        const bool is_ok = json_read::boolean(row, "ok").value_or(true);
        return {2,
                {{is_ok ? Style::tool : Style::bad, is_ok ? "→ " : "✗ "},
                 {Style::plain, tool_text(text(row, "output"), options.tool_bytes_max)},
                 {Style::dim, fmt::format(" ({} · {} ms)", safe(text(row, "name")),
                                          whole(row, "duration_ms"))}}};
    }
    if (type == "turn_latency") {
        return {2,
                {{Style::dim, fmt::format("⏱ answered after {} ms (model {} ms)",
                                          whole(row, "first_audio_ms"), whole(row, "model_ms"))}}};
    }
    if (type == "usage_counted") {
        if (detail == Detail::transcript) return {};
        const std::string cost = dollars(json_read::number(row, "cost_usd").value_or(0));
        if (!text(row, "item_id").empty())
            return {2, {{Style::dim, "∑ the caller's words written down · " + cost}}};
        const auto in = whole(row, "input_text_tokens") + whole(row, "input_audio_tokens");
        const auto cached = whole(row, "cached_text_tokens") + whole(row, "cached_audio_tokens");
        const auto out = whole(row, "output_text_tokens") + whole(row, "output_audio_tokens");
        return {2,
                {{Style::dim,
                  fmt::format("∑ {} tokens in ({} cached), {} out · {}", in, cached, out, cost)}}};
    }
    if (type == "dtmf_received")
        return {2, {{Style::dim, "# a key was pressed (which one is not kept)"}}};
    if (type == "transfer_started") {
        const bool is_briefed = json_read::boolean(row, "briefed").value_or(false);
        return {2,
                {{Style::bold, "⇢ "},
                 {Style::plain, "put through to " + safe(text(row, "to"))},
                 {Style::dim, is_briefed ? ", who is told first what it is about" : ""}}};
    }
    if (type == "transfer_ended") {
        const std::string how = text(row, "how");
        const std::string why = safe(text(row, "detail"));
        return {2,
                {{how == "answered" ? Style::bold : Style::warning,
                  how == "answered" ? "⇢ the other one has taken the call"
                                    : "⇠ nobody took the call: " + safe(how)},
                 {Style::plain, why.empty() ? "" : ": " + why},
                 {Style::dim, " (" + seconds(whole(row, "duration_ms")) + ")"}}};
    }
    if (type == "hold_started") return {2, {{Style::dim, "♫ on hold"}}};
    if (type == "hold_ended")
        return {2,
                {{Style::dim, "♫ no longer on hold, after " + seconds(whole(row, "duration_ms"))}}};
    if (type == "digits_sent") {
        const auto count = whole(row, "count");
        return {2,
                {{Style::dim, fmt::format("# {} tone{} sent (which is not kept)", count,
                                          count == 1 ? "" : "s")}}};
    }
    if (type == "recording_started") {
        const std::string notice = safe(text(row, "notice"));
        return {2,
                {{Style::bold, "● recorded from here on"},
                 {Style::dim, notice.empty() ? "" : ", after \"" + notice + "\""}}};
    }
    if (type == "recording_stopped") return {2, {{Style::bold, "○ no longer recorded"}}};
    if (type == "message_sent") {
        const bool is_ok = json_read::boolean(row, "ok").value_or(true);
        return {2,
                {{is_ok ? Style::tool : Style::bad, "✉ "},
                 {Style::plain, fmt::format("text message to {}{}", safe(text(row, "to")),
                                            is_ok ? "" : " was not sent")},
                 {Style::dim, is_ok ? "" : ": " + safe(text(row, "detail"))}}};
    }
    if (type == "call_started") {
        return {
            0,
            {{Style::bold, "☎ "},
             {Style::plain, fmt::format("{} → {}", safe(text(row, "from")), safe(text(row, "to")))},
             {Style::dim, fmt::format(" · agent {} · {}", safe(text(row, "agent")),
                                      safe(text(row, "channel")))}}};
    }
    if (type == "call_ended") {
        const std::string outcome = text(row, "outcome");
        return {0,
                {{outcome == "error" ? Style::bad : Style::bold,
                  "■ " + safe(ending(outcome, text(row, "reason")))},
                 {Style::dim, " · " + duration(whole(row, "duration_ms"))}}};
    }
    if (type == "note") {
        const std::string more = field_list(row, options.tool_bytes_max);
        return {2,
                {{Style::tool, "✎ "},
                 {Style::plain, safe(text(row, "text"))},
                 {Style::dim, more.empty() ? "" : " (" + more + ")"}}};
    }
    if (type == "summary")
        return {2, {{Style::tool, "Σ "}, {Style::plain, field_list(row, options.tool_bytes_max)}}};
    if (type == "provider_ready") {
        if (detail == Detail::transcript) return {};
        return {2,
                {{Style::dim, "↻ the model was ready after " + seconds(whole(row, "ready_ms"))}}};
    }
    if (type == "provider_lost")
        return {2,
                {{Style::warning, "⚠ the model's connection was lost: "},
                 {Style::plain, safe(text(row, "reason"))}}};
    if (type == "provider_restored") {
        const bool is_planned = json_read::boolean(row, "planned").value_or(false);
        return {2,
                {{Style::dim,
                  is_planned ? std::string("↻ the model's session was renewed before its limit")
                             : "↻ the model is back after " + seconds(whole(row, "gap_ms"))}}};
    }
    if (type == "problem") {
        const std::string what = safe(text(row, "detail"));
        return {2,
                {{Style::warning, "⚠ " + safe(text(row, "what"))},
                 {Style::plain, what.empty() ? "" : ": " + what}}};
    }
    return {2, {{Style::dim, "· " + safe(type)}}};
}

}  // namespace parley::store
