#include <parley/rehearsal/record.hpp>

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::rehearsal {
namespace {

constexpr std::size_t shown_bytes_max = 600;  // of a tool's arguments or result

using Kind = Happening::Kind;

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

// What callers, models and tools said must not move the cursor.
std::string safe(std::string_view text) {
    std::string out;
    for (const char c : to_valid_utf8(text)) {
        if (c == '\n') {
            out += "⏎";
        } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
            out += c;
        }
    }
    return out;
}

std::string_view label(Kind kind) {
    switch (kind) {
        case Kind::began: return "call";
        case Kind::caller_said:
        case Kind::caller_pressed:
        case Kind::caller_left: return "caller";
        case Kind::agent_said: return "agent";
        case Kind::phrase: return "parley";
        case Kind::interrupted: return "✂";
        case Kind::tool_called: return "tool";
        case Kind::tool_returned: return "  gave";
        case Kind::model_told: return "told";
        case Kind::model_speechless: return "model";
        case Kind::latency: return "";
        case Kind::script_failed: return "ERROR";
        case Kind::logged: return "log";
        case Kind::noted: return "note";
        case Kind::web: return "  web";
        case Kind::summed_up: return "summary";
        case Kind::provider:
        case Kind::problem: return "trouble";
        case Kind::handed_off: return "hand-off";
        case Kind::put_through:
        case Kind::transfer_ended: return "transfer";
        case Kind::briefed: return "  told";
        case Kind::on_hold:
        case Kind::off_hold: return "hold";
        case Kind::keys_sent: return "keys";
        case Kind::recorded:
        case Kind::recorded_no_more: return "record";
        case Kind::message_sent: return "sms";
        case Kind::ended: return "end";
        case Kind::broken: return "✗";
    }
    return "";
}

std::string_view colour(const Happening& happening) {
    switch (happening.kind) {
        case Kind::broken:
        case Kind::script_failed: return "\033[31m";
        case Kind::agent_said:
        case Kind::phrase: return "\033[36m";
        case Kind::tool_returned: return happening.ok ? "\033[2m" : "\033[33m";
        case Kind::provider:
        case Kind::problem: return "\033[33m";
        case Kind::caller_said:
        case Kind::caller_pressed:
        case Kind::caller_left: return "";
        default: return "\033[2m";
    }
}

std::string words(const Happening& happening) {
    const std::string text = safe(happening.text);
    switch (happening.kind) {
        case Kind::caller_pressed: return "presses " + text;
        case Kind::agent_said:
            return happening.detail.empty()
                       ? text
                       : fmt::format("{} ✂ [not heard: {}]", text, safe(happening.detail));
        case Kind::web:
        case Kind::tool_called:
            return fmt::format("{} {}", safe(happening.name), shortened(text, shown_bytes_max));
        case Kind::tool_returned:
            return happening.took_ms > 0
                       ? fmt::format("{}  ({} ms)", shortened(text, shown_bytes_max),
                                     happening.took_ms)
                       : shortened(text, shown_bytes_max);
        case Kind::logged: return fmt::format("{} {}", happening.name, text);
        case Kind::put_through: return fmt::format("to {}", text);
        case Kind::on_hold: return "music";
        case Kind::off_hold:
            return fmt::format("is over after {}.{} s", happening.took_ms / 1000,
                               happening.took_ms % 1000 / 100);
        case Kind::recorded: return fmt::format("from here on, after: {}", text);
        case Kind::recorded_no_more: return "no longer";
        case Kind::message_sent: return fmt::format("to {}: {}", safe(happening.name), text);
        case Kind::ended: return fmt::format("{} ({})", text, safe(happening.detail));
        case Kind::broken:
            return fmt::format(
                "{}{}{}", happening.line == 0 ? "" : fmt::format("line {}: ", happening.line), text,
                happening.detail.empty()
                    ? ""
                    : fmt::format("\n                found: {}", safe(happening.detail)));
        default:
            return happening.detail.empty() ? text
                                            : fmt::format("{}: {}", text, safe(happening.detail));
    }
}

}  // namespace

void Record::add(const call::journal::Entry& entry) {
    namespace journal = call::journal;
    const auto at = since_start(entry.at);
    std::visit(
        Match{
            [&](const journal::CallStarted& each) {
                add({.kind = Kind::began,
                     .at = at,
                     .text = fmt::format("{} calls {}", each.from, each.to),
                     .detail = each.agent});
            },
            [&](const journal::CallerSaid& each) {
                add({.kind = Kind::caller_said, .at = at, .text = each.text});
            },
            [&](const journal::AgentSaid& each) {
                add({.kind = Kind::agent_said,
                     .at = at,
                     .text = each.heard,
                     .detail = each.unheard,
                     .took_ms = each.heard_ms});
            },
            [&](const journal::ToolStarted& each) {
                add({.kind = Kind::tool_called,
                     .at = at,
                     .name = each.name,
                     .text = each.arguments,
                     .detail = each.tool_call_id});
            },
            [&](const journal::ToolReturned& each) {
                add({.kind = Kind::tool_returned,
                     .at = at,
                     .name = each.name,
                     .text = each.output,
                     .detail = each.tool_call_id,
                     .took_ms = each.duration_ms,
                     .ok = each.ok});
            },
            [&](const journal::TransferStarted& each) {
                add({.kind = Kind::put_through, .at = at, .text = each.to});
            },
            [&](const journal::TransferEnded& each) {
                std::string how = each.how;
                std::replace(how.begin(), how.end(), '_', ' ');
                add({.kind = Kind::transfer_ended,
                     .at = at,
                     .text = std::move(how),
                     .detail = each.detail,
                     .took_ms = each.duration_ms});
            },
            [&](const journal::HoldStarted&) { add({.kind = Kind::on_hold, .at = at}); },
            [&](const journal::HoldEnded& each) {
                add({.kind = Kind::off_hold, .at = at, .took_ms = each.duration_ms});
            },
            [&](const journal::RecordingStarted& each) {
                add({.kind = Kind::recorded, .at = at, .text = each.notice});
            },
            [&](const journal::RecordingStopped&) {
                add({.kind = Kind::recorded_no_more, .at = at});
            },
            [&](const journal::TurnLatency& each) {
                add({.kind = Kind::latency, .at = at, .took_ms = each.first_audio_ms});
            },
            [&](const journal::ProviderLost& each) {
                add({.kind = Kind::provider,
                     .at = at,
                     .text = "provider lost",
                     .detail = each.reason});
            },
            [&](const journal::ProviderRestored& each) {
                add({.kind = Kind::provider,
                     .at = at,
                     .text = fmt::format("provider back after {} ms", each.gap_ms)});
            },
            [&](const journal::Problem& each) {
                add({.kind = Kind::problem, .at = at, .text = each.what, .detail = each.detail});
            },
            [&](const journal::Note& each) {
                add({.kind = Kind::noted,
                     .at = at,
                     .text = each.text +
                             (each.fields.empty() ? "" : " " + json::serialize(each.fields))});
            },
            [&](const journal::Summary& each) {
                add({.kind = Kind::summed_up, .at = at, .text = json::serialize(each.fields)});
            },
            [&](const journal::CallEnded& each) {
                add({.kind = Kind::ended,
                     .at = at,
                     .text = each.outcome,
                     .detail = each.reason,
                     .took_ms = each.duration_ms});
            },
            [](const auto&) {},
        },
        entry.event);
}

std::string line_of(const Happening& happening, Ink ink) {
    const auto ms = happening.at.count();
    std::string line = fmt::format("{:>7}.{}  {:<8} {}", ms / 1000, ms % 1000 / 100,
                                   label(happening.kind), words(happening));
    if (happening.kind == Kind::broken) line = fmt::format("  ✗ {}", words(happening));
    const auto paint = ink == Ink::ansi ? colour(happening) : std::string_view();
    return paint.empty() ? line : fmt::format("{}{}\033[0m", paint, line);
}

std::string conversation(const Record& record, Ink ink) {
    std::vector<const Happening*> order;
    for (const auto& happening : record.all()) {
        if (happening.kind != Kind::latency) order.push_back(&happening);
    }
    // Speech is noted when it is over, and belongs where it began.
    std::stable_sort(order.begin(), order.end(),
                     [](const auto* one, const auto* other) { return one->at < other->at; });
    std::string text;
    for (const auto* happening : order) text += line_of(*happening, ink) + "\n";
    return text;
}

}  // namespace parley::rehearsal
