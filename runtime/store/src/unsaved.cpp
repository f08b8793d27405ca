#include "unsaved.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace parley::store {
namespace {

using namespace call::journal;

std::int64_t whole(const json::object& from, std::string_view key) {
    return json_read::integer(from, key).value_or(0);
}
bool flag(const json::object& from, std::string_view key) {
    return json_read::boolean(from, key).value_or(false);
}

std::string reason_of(int error) { return std::system_category().message(error); }

}  // namespace

std::string unsaved_path(const std::string& database_path) {
    return database_path + ".unsaved.jsonl";
}

std::optional<std::string> save_unsaved(const std::string& file, std::span<const Entry> entries) {
    const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0) return reason_of(errno);
    std::string text;
    // an earlier write may have been cut off in mid-line
    if (::lseek(out, 0, SEEK_END) > 0) text = "\n";
    for (const auto& entry : entries) {
        json::object line{{"type", type_name(entry.event)},
                          {"at_ms", unix_ms(entry.at)},
                          {"call_sid", to_valid_utf8(entry.call_sid)}};
        line["fields"] = fields(entry.event);
        text += json::serialize(line);
        text += '\n';
    }
    int error = 0;
    for (std::size_t at = 0; at < text.size() && error == 0;) {
        const auto wrote = ::write(out, text.data() + at, text.size() - at);
        if (wrote >= 0) {
            at += static_cast<std::size_t>(wrote);
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (error == 0 && ::fsync(out) != 0) error = errno;
    if (::close(out) != 0 && error == 0) error = errno;
    if (error != 0) return reason_of(error);
    return std::nullopt;
}

Checked<std::optional<Unsaved>> load_unsaved(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::optional<Unsaved>();
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in)
        return Fault{file, "holds entries of an earlier run and cannot be read",
                     "check its permissions, or move it away"};

    Unsaved found;
    found.sha256 = crypto::sha256_hex(text);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = std::string_view(text).substr(at, end - at);
        at = end + 1;
        if (line.empty()) continue;
        const auto value = json_read::parse(line);
        const auto* object = value ? value->if_object() : nullptr;
        const auto* inner = object == nullptr ? nullptr : json_read::object(*object, "fields");
        auto event =
            inner == nullptr ? std::nullopt : event_from(json_read::text(*object, "type"), *inner);
        if (!event) {
            ++found.lines_unreadable;
            continue;
        }
        found.entries.push_back({json_read::text(*object, "call_sid"),
                                 WallTime(milliseconds(whole(*object, "at_ms"))),
                                 std::move(*event)});
    }
    return std::optional<Unsaved>(std::move(found));
}

std::optional<Event> event_from(std::string_view type, const json::object& f) {
    using json_read::text;
    if (type == "call_started")
        return CallStarted{text(f, "from"), text(f, "to"), text(f, "agent"), text(f, "channel"),
                           text(f, "direction") == "outbound" ? "outbound" : "inbound"};
    if (type == "caller_said") return CallerSaid{text(f, "item_id"), text(f, "text")};
    if (type == "agent_said") {
        return AgentSaid{text(f, "item_id"),   text(f, "heard"),        text(f, "unheard"),
                         whole(f, "heard_ms"), whole(f, "received_ms"), flag(f, "interrupted")};
    }
    if (type == "interrupted")
        return Interrupted{text(f, "item_id"), whole(f, "heard_ms"), whole(f, "received_ms")};
    if (type == "tool_started")
        return ToolStarted{text(f, "tool_call_id"), text(f, "name"), text(f, "arguments")};
    if (type == "tool_returned") {
        return ToolReturned{text(f, "tool_call_id"), text(f, "name"), flag(f, "ok"),
                            text(f, "output"), whole(f, "duration_ms")};
    }
    if (type == "dtmf_received") return DtmfReceived{};
    if (type == "transfer_started")
        return TransferStarted{text(f, "to"), flag(f, "briefed")};
    if (type == "transfer_ended")
        return TransferEnded{text(f, "how"), text(f, "detail"), whole(f, "duration_ms")};
    if (type == "hold_started") return HoldStarted{};
    if (type == "hold_ended") return HoldEnded{whole(f, "duration_ms")};
    if (type == "digits_sent") return DigitsSent{static_cast<int>(whole(f, "count"))};
    if (type == "recording_started") return RecordingStarted{text(f, "notice")};
    if (type == "recording_stopped") return RecordingStopped{};
    if (type == "message_sent")
        return MessageSent{text(f, "to"), flag(f, "ok"), text(f, "detail")};
    if (type == "turn_latency")
        return TurnLatency{whole(f, "model_ms"), whole(f, "first_audio_ms")};
    if (type == "usage_counted") {
        UsageCounted counted{text(f, "response_id"), {}, text(f, "item_id")};
        counted.usage.input_text_tokens = whole(f, "input_text_tokens");
        counted.usage.input_audio_tokens = whole(f, "input_audio_tokens");
        counted.usage.cached_text_tokens = whole(f, "cached_text_tokens");
        counted.usage.cached_audio_tokens = whole(f, "cached_audio_tokens");
        counted.usage.output_text_tokens = whole(f, "output_text_tokens");
        counted.usage.output_audio_tokens = whole(f, "output_audio_tokens");
        counted.usage.audio_seconds = json_read::number(f, "audio_seconds").value_or(0);
        counted.usage.cost_usd = json_read::number(f, "cost_usd").value_or(0);
        counted.call_cost_usd = json_read::number(f, "call_cost_usd").value_or(0);
        return counted;
    }
    if (type == "provider_ready") return ProviderReady{whole(f, "ready_ms")};
    if (type == "provider_lost") return ProviderLost{text(f, "reason")};
    if (type == "provider_restored")
        return ProviderRestored{whole(f, "gap_ms"), flag(f, "planned")};
    if (type == "problem") return Problem{text(f, "what"), text(f, "detail")};
    const auto* inner = json_read::object(f, "fields");
    if (type == "note") return Note{text(f, "text"), inner == nullptr ? json::object() : *inner};
    if (type == "summary") return Summary{inner == nullptr ? json::object() : *inner};
    if (type == "call_ended")
        return CallEnded{text(f, "outcome"), text(f, "reason"), whole(f, "duration_ms")};
    return std::nullopt;
}

}  // namespace parley::store
