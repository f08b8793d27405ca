#include <parley/engine/realtime_protocol.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace parley::engine::realtime {
namespace {

constexpr std::size_t depth_max = 64;  // the echoed session holds the tools' schemas, which nest
constexpr milliseconds retry_delay_max = std::chrono::hours{1};

// Reads the fields of one event; remembers the first that is missing or of the wrong kind.
class Fields {
 public:
    explicit Fields(const json::object& object) : object_(object) {}

    std::string id(std::string_view key) {
        const auto found = json_read::string(object_, key);
        if (!found || found->empty() || found->size() > id_bytes_max) {
            wrong(key);
            return {};
        }
        return std::string(*found);
    }
    // "" when absent.
    std::string optional_id(std::string_view key) {
        return json_read::find(object_, key) == nullptr ? std::string() : id(key);
    }
    std::string text(std::string_view key) {
        const auto found = json_read::string(object_, key);
        if (!found) wrong(key);
        return found ? std::string(*found) : std::string();
    }
    // 0 when absent.
    int index(std::string_view key) {
        if (json_read::find(object_, key) == nullptr) return 0;
        const auto found = json_read::integer(object_, key);
        if (found && *found >= 0 && *found <= std::numeric_limits<int>::max())
            return static_cast<int>(*found);
        wrong(key);
        return 0;
    }
    const json::object* object(std::string_view key) {
        const auto* found = json_read::object(object_, key);
        if (found == nullptr) wrong(key);
        return found;
    }
    void wrong(std::string_view key) {
        if (wrong_.empty()) wrong_ = key;
    }

    // The event, or what is wrong with it.
    ServerEvent finish(ServerEvent event) const {
        if (wrong_.empty()) return event;
        return Malformed{fmt::format("\"{}\" is missing or of the wrong kind", wrong_)};
    }

 private:
    const json::object& object_;
    std::string wrong_;
};

AudioFormat read_format(const json::object& session, std::string_view direction) {
    const auto* audio = json_read::object(session, "audio");
    const auto* side = audio == nullptr ? nullptr : json_read::object(*audio, direction);
    const auto* format = side == nullptr ? nullptr : json_read::object(*side, "format");
    if (format == nullptr) return {};
    return {json_read::text(*format, "type"), json_read::integer(*format, "rate")};
}

OutputItem read_item(const json::object& item) {
    OutputItem read;
    const auto type = json_read::string(item, "type").value_or("");
    read.id = json_read::text(item, "id");
    read.status = json_read::text(item, "status");
    if (type == "function_call") {
        read.kind = OutputItem::Kind::function_call;
        read.call_id = json_read::text(item, "call_id");
        read.name = json_read::text(item, "name");
        read.arguments = json_read::text(item, "arguments");
    } else if (type == "message") {
        read.kind = OutputItem::Kind::message;
        const auto* content = json_read::array(item, "content");
        if (content == nullptr) return read;
        for (const auto& entry : *content) {
            const auto* part = entry.if_object();
            if (part == nullptr) continue;
            // Parts are called output_audio or audio, output_text or text; one of the two fields
            // says it.
            const auto spoken = json_read::string(*part, "transcript");
            read.text += spoken ? *spoken : json_read::string(*part, "text").value_or("");
        }
    }
    return read;
}

std::int64_t count(const json::object* from, std::string_view key) {
    const auto found = from == nullptr ? std::nullopt : json_read::integer(*from, key);
    return found && *found > 0 ? *found : 0;
}

std::optional<call::Usage> read_usage(const json::object& response) {
    const auto* usage = json_read::object(response, "usage");
    // null on some cancelled and failed responses, absent from some transcriptions
    if (usage == nullptr) return std::nullopt;
    const auto* in = json_read::object(*usage, "input_token_details");
    const auto* out = json_read::object(*usage, "output_token_details");
    const auto* cached = in == nullptr ? nullptr : json_read::object(*in, "cached_tokens_details");
    call::Usage read;
    if (const auto seconds = json_read::number(*usage, "seconds"); seconds && *seconds > 0)
        read.audio_seconds = *seconds;
    // Without the split, tokens count as text.
    read.input_text_tokens =
        in == nullptr ? count(usage, "input_tokens") : count(in, "text_tokens");
    read.input_audio_tokens = count(in, "audio_tokens");
    read.output_text_tokens =
        out == nullptr ? count(usage, "output_tokens") : count(out, "text_tokens");
    read.output_audio_tokens = count(out, "audio_tokens");
    read.cached_text_tokens =
        cached == nullptr ? count(in, "cached_tokens") : count(cached, "text_tokens");
    read.cached_audio_tokens = count(cached, "audio_tokens");
    read.cached_text_tokens = std::min(read.cached_text_tokens, read.input_text_tokens);
    read.cached_audio_tokens = std::min(read.cached_audio_tokens, read.input_audio_tokens);
    return read;
}

// ---- one function per event of interest -------------------------------------------------------

ServerEvent session_created(const json::object& event) {
    Fields fields(event);
    SessionCreated read;
    if (const auto* session = json_read::object(event, "session"))
        read.expires_at = json_read::integer(*session, "expires_at");
    return fields.finish(read);
}

ServerEvent session_updated(const json::object& event) {
    Fields fields(event);
    SessionUpdated read;
    if (const auto* session = json_read::object(event, "session")) {
        read.input = read_format(*session, "input");
        read.output = read_format(*session, "output");
        read.expires_at = json_read::integer(*session, "expires_at");
    }
    return fields.finish(std::move(read));
}

ServerEvent error(const json::object& event) {
    Fields fields(event);
    ServerError read;
    if (const auto* error = fields.object("error")) {
        read = {json_read::text(*error, "type"), json_read::text(*error, "code"),
                json_read::text(*error, "message"), json_read::text(*error, "param"),
                json_read::text(*error, "event_id")};
    }
    return fields.finish(std::move(read));
}

template <class Event>
ServerEvent item_event(const json::object& event) {
    Fields fields(event);
    Event read{fields.optional_id("item_id")};
    return fields.finish(std::move(read));
}

ServerEvent transcribed(const json::object& event) {
    Fields fields(event);
    Transcribed read{fields.id("item_id"), fields.text("transcript"), read_usage(event)};
    return fields.finish(std::move(read));
}

ServerEvent transcription_failed(const json::object& event) {
    Fields fields(event);
    TranscriptionFailed read{fields.id("item_id"), {}, {}};
    if (const auto* error = json_read::object(event, "error")) {
        read.code = json_read::text(*error, "code");
        read.message = json_read::text(*error, "message");
    }
    return fields.finish(std::move(read));
}

ServerEvent response_created(const json::object& event) {
    Fields fields(event);
    ResponseCreated read;
    if (const auto* response = fields.object("response")) {
        Fields inner(*response);
        read.response_id = inner.id("id");
        if (read.response_id.empty()) fields.wrong("response.id");
        // null where the server answers by itself
        if (const auto* metadata = json_read::object(*response, "metadata"))
            read.create_id = json_read::text(*metadata, create_id_key);
    }
    return fields.finish(std::move(read));
}

ServerEvent audio_delta(const json::object& event) {
    Fields fields(event);
    AudioDelta read{fields.id("response_id"), fields.id("item_id"), fields.index("content_index"),
                    fields.text("delta")};
    return fields.finish(std::move(read));
}

ServerEvent audio_done(const json::object& event) {
    Fields fields(event);
    AudioDone read{fields.id("response_id"), fields.id("item_id"), fields.index("content_index")};
    return fields.finish(std::move(read));
}

ServerEvent text_delta(const json::object& event) {
    Fields fields(event);
    TextDelta read{fields.id("response_id"), fields.id("item_id"), fields.text("delta")};
    return fields.finish(std::move(read));
}

template <class Key>
ServerEvent text_done(const json::object& event, Key key) {
    Fields fields(event);
    TextDone read{fields.id("response_id"), fields.id("item_id"), fields.text(key)};
    return fields.finish(std::move(read));
}
ServerEvent transcript_done(const json::object& event) { return text_done(event, "transcript"); }
ServerEvent written_done(const json::object& event) { return text_done(event, "text"); }

ServerEvent output_item_done(const json::object& event) {
    Fields fields(event);
    OutputItemDone read{fields.id("response_id"), {}};
    if (const auto* item = fields.object("item")) {
        read.item = read_item(*item);
        const bool is_call = read.item.kind == OutputItem::Kind::function_call;
        const auto& needed = is_call ? read.item.call_id : read.item.id;
        if (read.item.kind != OutputItem::Kind::other &&
            (needed.empty() || needed.size() > id_bytes_max)) {
            fields.wrong(is_call ? "item.call_id" : "item.id");
        }
        if (is_call && read.item.name.empty()) fields.wrong("item.name");
    }
    return fields.finish(std::move(read));
}

ServerEvent arguments_done(const json::object& event) {
    Fields fields(event);
    ArgumentsDone read{fields.optional_id("response_id"), {}};
    read.item.kind = OutputItem::Kind::function_call;
    read.item.call_id = fields.id("call_id");
    read.item.name = json_read::text(event, "name");
    read.item.arguments = json_read::text(event, "arguments");
    return fields.finish(std::move(read));
}

// Lenient inside: an unread response.done would leave the agent mute for good.
ServerEvent response_done(const json::object& event) {
    Fields fields(event);
    ResponseFinished read;
    const auto* response = fields.object("response");
    if (response == nullptr) return fields.finish(Ignored{});
    Fields inner(*response);
    read.response_id = inner.id("id");
    if (read.response_id.empty()) fields.wrong("response.id");

    using Status = call::ResponseDone::Status;
    const auto status = json_read::string(*response, "status").value_or("completed");
    read.status = status == "cancelled"    ? Status::cancelled
                  : status == "incomplete" ? Status::incomplete
                  : status == "failed"     ? Status::failed
                                           : Status::completed;
    if (const auto* details = json_read::object(*response, "status_details")) {
        read.reason = json_read::text(*details, "reason");
        if (const auto* error = json_read::object(*details, "error")) {
            read.error_type = json_read::text(*error, "type");
            read.error_code = json_read::text(*error, "code");
            read.error_message = json_read::text(*error, "message");
        }
    }
    read.usage = read_usage(*response);
    if (const auto* output = json_read::array(*response, "output")) {
        for (const auto& entry : *output) {
            if (const auto* item = entry.if_object()) {
                auto call = read_item(*item);
                const bool is_usable = !call.call_id.empty() &&
                                       call.call_id.size() <= id_bytes_max && !call.name.empty();
                if (is_usable) read.function_calls.push_back(std::move(call));
            }
        }
    }
    return fields.finish(std::move(read));
}

using Reader = ServerEvent (*)(const json::object&);
constexpr auto readers = std::to_array<std::pair<std::string_view, Reader>>({
    {"response.output_audio_transcript.delta", text_delta},
    {"response.output_audio.delta", audio_delta},
    {"response.output_audio.done", audio_done},
    {"response.output_audio_transcript.done", transcript_done},
    {"response.output_text.delta", text_delta},
    {"response.output_text.done", written_done},
    {"response.output_item.done", output_item_done},
    {"response.function_call_arguments.done", arguments_done},
    {"response.created", response_created},
    {"response.done", response_done},
    {"input_audio_buffer.speech_started", item_event<SpeechStarted>},
    {"input_audio_buffer.speech_stopped", item_event<SpeechStopped>},
    {"conversation.item.input_audio_transcription.completed", transcribed},
    {"conversation.item.input_audio_transcription.failed", transcription_failed},
    {"session.created", session_created},
    {"session.updated", session_updated},
    {"error", error},
});

}  // namespace

std::string AudioFormat::text() const {
    return rate ? fmt::format("{} at {} Hz", type, *rate) : type;
}

ServerEvent parse_event(std::string_view text) {
    // Most events fit in the buffer, so that reading one allocates only what is kept of it.
    std::array<unsigned char, 4096> buffer;
    json::monotonic_resource memory(buffer.data(), buffer.size());
    json::parse_options options;
    options.max_depth = depth_max;
    boost::system::error_code error;
    const json::value document = json::parse(text, error, &memory, options);
    if (error) return Malformed{"not JSON: " + error.message()};
    const auto* event = document.if_object();
    if (event == nullptr) return Malformed{"not a JSON object"};
    const auto type = json_read::string(*event, "type");
    if (!type) return Malformed{"\"type\" is missing or of the wrong kind"};
    for (const auto& [name, read] : readers) {
        if (name == *type) return read(*event);
    }
    return Ignored{};
}

std::optional<milliseconds> retry_delay(std::string_view message) {
    constexpr std::string_view words = "try again in ";
    const auto found = message.find(words);
    if (found == std::string_view::npos) return std::nullopt;
    const char* at = message.data() + found + words.size();
    const char* const end = message.data() + message.size();
    double total_ms = 0;
    bool is_known = false;
    while (at != end && *at >= '0' && *at <= '9') {
        double value = 0;
        const auto [rest, error] = std::from_chars(at, end, value, std::chars_format::fixed);
        if (error != std::errc{}) return std::nullopt;
        const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
        const bool is_ms = unit.starts_with("ms");
        const double unit_ms = is_ms                   ? 1
                               : unit.starts_with('s') ? 1e3
                               : unit.starts_with('m') ? 60e3
                               : unit.starts_with('h') ? 3600e3
                                                       : 0;
        if (unit_ms == 0) return std::nullopt;
        total_ms += value * unit_ms;
        is_known = true;
        at = rest + (is_ms ? 2 : 1);
    }
    if (!is_known) return std::nullopt;
    const double capped = std::min(total_ms, static_cast<double>(retry_delay_max.count()));
    return milliseconds(static_cast<std::int64_t>(capped + 0.999));  // rather late than early
}

double cost_usd(const call::Usage& usage, const TokenPrice& price) {
    const auto dollars = [](std::int64_t tokens, double per_million) {
        return static_cast<double>(tokens) * per_million / 1e6;
    };
    return dollars(usage.input_text_tokens - usage.cached_text_tokens, price.text_in) +
           dollars(usage.input_audio_tokens - usage.cached_audio_tokens, price.audio_in) +
           dollars(usage.cached_text_tokens, price.text_cached) +
           dollars(usage.cached_audio_tokens, price.audio_cached) +
           dollars(usage.output_text_tokens, price.text_out) +
           dollars(usage.output_audio_tokens, price.audio_out);
}

double transcription_cost_usd(const call::Usage& usage, double price_per_minute) {
    constexpr double tokens_per_second = 10;
    // not told apart
    const auto tokens =
        usage.input_audio_tokens > 0 ? usage.input_audio_tokens : usage.input_text_tokens;
    const double seconds = usage.audio_seconds > 0
                               ? usage.audio_seconds
                               : static_cast<double>(tokens) / tokens_per_second;
    return seconds / 60 * price_per_minute;
}

bool is_accepted(ModelAudio wanted, const AudioFormat& echoed) {
    if (echoed.type.empty()) return true;
    if (wanted == ModelAudio::pcmu) return echoed.type == "audio/pcmu";
    return echoed.type == "audio/pcm" && echoed.rate.value_or(24'000) == 24'000;
}

std::size_t bytes_per_ms(ModelAudio audio) { return audio == ModelAudio::pcmu ? 8 : 48; }

}  // namespace parley::engine::realtime
