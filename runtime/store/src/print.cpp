#include <parley/store/print.hpp>

#include "describe.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace parley::store {
namespace {

constexpr std::size_t offset_columns = 10;  // "[00:12.3] "
constexpr std::size_t speaker_columns = 8;  // "Caller: "
constexpr std::size_t sid_columns = 6;      // the end of a sid: enough to tell live calls apart

struct Cell {
    std::string text;
    Style style = Style::plain;
    enum class Side { left, right } side = Side::left;
};

Style style_of(const CallRow& call) {
    if (call.ended_at_ms == 0) return Style::warning;
    return call.outcome == "error" ? Style::bad : Style::plain;
}

std::string outcome_of(const CallRow& call) {
    if (call.ended_at_ms == 0) return "in progress";
    return call.outcome.empty() ? "-" : safe(call.outcome);
}

std::string padded(const Cell& cell, std::size_t width, Colour colour) {
    const std::size_t used = columns(cell.text);
    const std::string space(width > used ? width - used : 0, ' ');
    const std::string text = paint(cell.style, cell.text, colour);
    return cell.side == Cell::Side::left ? text + space : space + text;
}

std::string without_trailing_space(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

std::string item_of(const json::object& row) { return json_read::text(row, "item_id"); }

// Tokens and latency of a whole call, from its entries.
struct Summary {
    std::int64_t tokens_in = 0, tokens_cached = 0, tokens_out = 0;
    std::vector<std::int64_t> latencies;

    void add(const json::object& row) {
        const auto whole = [&](std::string_view key) {
            return json_read::integer(row, key).value_or(0);
        };
        const auto type = json_read::text(row, "type");
        if (type == "turn_latency") latencies.push_back(whole("first_audio_ms"));
        // tokens of a transcription are another model's
        if (type != "usage_counted" || !item_of(row).empty()) return;
        tokens_in += whole("input_text_tokens") + whole("input_audio_tokens");
        tokens_cached += whole("cached_text_tokens") + whole("cached_audio_tokens");
        tokens_out += whole("output_text_tokens") + whole("output_audio_tokens");
    }
    std::int64_t median_latency() {
        std::sort(latencies.begin(), latencies.end());
        return latencies.empty() ? 0 : latencies[latencies.size() / 2];
    }
};

}  // namespace

std::string calls_table(std::span<const CallRow> calls, const PrintOptions& options) {
    if (calls.empty()) return "No calls yet.\n";
    using Side = Cell::Side;
    using Line = std::array<Cell, 8>;
    std::vector<Line> lines;
    lines.push_back({Cell{"TIME", Style::bold}, Cell{"CALL", Style::bold},
                     Cell{"FROM", Style::bold}, Cell{"AGENT", Style::bold},
                     Cell{"OUTCOME", Style::bold}, Cell{"LENGTH", Style::bold, Side::right},
                     Cell{"TURNS", Style::bold, Side::right},
                     Cell{"COST", Style::bold, Side::right}});
    for (const auto& call : calls) {
        lines.push_back(
            {Cell{local_time(call.started_at_ms, "%Y-%m-%d %H:%M:%S")}, Cell{safe(call.call_sid)},
             Cell{safe(call.from)}, Cell{safe(call.agent)}, Cell{outcome_of(call), style_of(call)},
             Cell{call.ended_at_ms == 0 ? "-" : duration(call.duration_ms), Style::plain,
                  Side::right},
             Cell{std::to_string(call.turns), Style::plain, Side::right},
             Cell{call.cost_usd > 0 ? dollars(call.cost_usd) : "-", Style::plain, Side::right}});
    }
    std::array<std::size_t, std::tuple_size_v<Line>> widths{};
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], columns(line[i].text));
    }
    std::string out;
    for (const auto& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < line.size(); ++i)
            text += (i == 0 ? "" : "  ") + padded(line[i], widths[i], options.colour);
        out += without_trailing_space(std::move(text)) + '\n';
    }
    return out;
}

std::string transcript(const CallRow& call, const json::array& entries,
                       const PrintOptions& options) {
    std::vector<const json::object*> rows;
    for (const auto& entry : entries) {
        if (entry.is_object()) rows.push_back(&entry.get_object());
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
        return json_read::integer(*a, "at_ms").value_or(0) <
               json_read::integer(*b, "at_ms").value_or(0);
    });
    Summary summary;
    std::set<std::string> cut_in_on;  // items whose interruption has a line of its own
    for (const auto* row : rows) {
        summary.add(*row);
        if (json_read::text(*row, "type") == "interrupted") cut_in_on.insert(item_of(*row));
    }

    const Styled head{{Style::bold, "Call " + safe(call.call_sid)},
                      {Style::dim, local_time(call.started_at_ms, " · %Y-%m-%d %H:%M:%S")}};
    const Styled who{
        {Style::plain, fmt::format("{} → {}", safe(call.from), safe(call.to))},
        {Style::dim, fmt::format(" · agent {} · {}", safe(call.agent), safe(call.channel))}};
    std::string out = paint(head, options.colour) + '\n' + paint(who, options.colour) + "\n\n";
    for (const auto* row : rows) {
        const std::string type = json_read::text(*row, "type");
        // the head and the foot say it
        if (type == "call_started" || type == "call_ended") continue;
        auto [indent, text] = describe(*row, Detail::transcript, options);
        if (text.empty()) continue;
        if (type == "agent_said" && json_read::boolean(*row, "interrupted").value_or(false) &&
            !cut_in_on.contains(item_of(*row))) {
            text.push_back(
                {Style::dim,
                 fmt::format(" (heard {} of {})",
                             seconds(json_read::integer(*row, "heard_ms").value_or(0)),
                             seconds(json_read::integer(*row, "received_ms").value_or(0)))});
        }
        const auto since_start = json_read::integer(*row, "at_ms").value_or(0) - call.started_at_ms;
        out += paint(Style::dim, offset(since_start), options.colour) + ' ';
        if (indent == 0) {  // speech: what follows lines up behind the speaker's name
            out += paint(text.front().style, text.front().text, options.colour);
            text.erase(text.begin());
            out += wrapped(text, offset_columns + speaker_columns, options.width, options.colour);
        } else {
            out.append(speaker_columns, ' ');
            out += wrapped(text, offset_columns + speaker_columns + (options.width == 0 ? 0 : 2),
                           options.width, options.colour);
        }
        out += '\n';
    }

    std::string facts;
    if (call.ended_at_ms != 0) facts += " · " + duration(call.duration_ms);
    facts += fmt::format(" · {} turn{}", call.turns, call.turns == 1 ? "" : "s");
    if (!summary.latencies.empty())
        facts += fmt::format(" · median answer {} ms", summary.median_latency());
    if (summary.tokens_in + summary.tokens_out > 0) {
        facts += fmt::format(" · {} tokens in ({} cached), {} out", summary.tokens_in,
                             summary.tokens_cached, summary.tokens_out);
    }
    if (call.cost_usd > 0) facts += " · " + dollars(call.cost_usd);
    std::string outcome = outcome_of(call);
    if (call.ended_at_ms != 0 && !call.reason.empty() && call.reason != call.outcome)
        outcome += " (" + safe(call.reason) + ")";
    const Style style = call.ended_at_ms == 0     ? Style::warning
                        : call.outcome == "error" ? Style::bad
                                                  : Style::bold;
    const Styled foot{{style, (call.ended_at_ms == 0 ? "▶ " : "■ ") + outcome},
                      {Style::dim, facts}};
    return out + '\n' + wrapped(foot, 2, options.width, options.colour) + '\n';
}

json::object to_row(const call::journal::Entry& entry) {
    json::object row{{"call_sid", to_valid_utf8(entry.call_sid)},
                     {"at_ms", unix_ms(entry.at)},
                     {"type", call::journal::type_name(entry.event)}};
    for (auto& field : call::journal::fields(entry.event))
        row.emplace(field.key(), std::move(field.value()));
    return row;
}

void LiveView::remember(const CallRow& call) {
    // their lines show the time of day then
    if (started_at_ms_.size() >= calls_remembered_max) started_at_ms_.clear();
    started_at_ms_[call.call_sid] = call.started_at_ms;
}

std::string LiveView::line(const json::object& row) {
    const std::string sid = json_read::text(row, "call_sid");
    const std::string type = json_read::text(row, "type");
    const std::int64_t at_ms = json_read::integer(row, "at_ms").value_or(0);
    if (type == "call_started" && !started_at_ms_.contains(sid)) {
        CallRow call;
        call.call_sid = sid;
        call.started_at_ms = at_ms;
        remember(call);
    }
    const auto started = started_at_ms_.find(sid);
    std::string out;
    if (calls_ == Calls::many) {
        const std::string shown = safe(sid);
        const auto cut = shown.size() > sid_columns ? shown.size() - sid_columns : 0;
        const Cell cell{to_valid_utf8(std::string_view(shown).substr(cut)), Style::bold};
        out += padded(cell, sid_columns, options_.colour) + ' ';
    }
    const std::string when = started == started_at_ms_.end() ? local_time(at_ms, "%H:%M:%S ")
                                                             : offset(at_ms - started->second);
    out += paint(Style::dim, when, options_.colour) + ' ';
    const auto [indent, text] = describe(row, Detail::live, options_);
    if (indent > 0) out.append(speaker_columns, ' ');
    out += paint(text, options_.colour);
    if (type == "call_ended") started_at_ms_.erase(sid);
    return out;
}

}  // namespace parley::store
