#include <parley/engine/realtime_protocol.hpp>

#include <parley/core/base64.hpp>

#include <fmt/format.h>

#include <iterator>

namespace parley::engine::realtime {
namespace {

// A client event up to where its own fields go; the closing brace is the caller's.
std::string begin_event(std::string_view type, std::string_view event_id) {
    std::string out = "{\"type\":";
    append_json_string(out, type);
    out += ",\"event_id\":";
    append_json_string(out, event_id);
    return out;
}

void append_field(std::string& out, std::string_view key, std::string_view text) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":", key);
    append_json_string(out, text);
}

std::string_view format_json(ModelAudio audio) {
    // The rate is optional in the types, but the server has refused PCM output without it.
    return audio == ModelAudio::pcmu ? R"({"type":"audio/pcmu"})"
                                     : R"({"type":"audio/pcm","rate":24000})";
}

// Every field is named: what a fresh session assumes differs from what the documents say.
void append_turn_detection(std::string& out, const TurnDetectionOptions& options) {
    if (options.type == TurnDetectionOptions::Type::semantic_vad) {
        out += R"({"type":"semantic_vad","eagerness":)";
        append_json_string(out, options.eagerness);
    } else {
        fmt::format_to(
            std::back_inserter(out),
            R"({{"type":"server_vad","threshold":{},"prefix_padding_ms":{},"silence_duration_ms":{},"idle_timeout_ms":null)",
            options.threshold, options.prefix_padding_ms, options.silence_duration_ms);
    }
    out += R"(,"create_response":true,"interrupt_response":)";
    out += options.interrupts ? "true}" : "false}";
}

void append_tools(std::string& out, const json::array& tools) {
    // does not look at the encoding of its strings
    const std::string text = json::serialize(tools);
    out += ",\"tools\":";
    out += is_valid_utf8(text) ? text : to_valid_utf8(text);
}

void append_audio(std::string& out, const SessionSetup& setup) {
    out += R"(,"audio":{"input":{"format":)";
    out += format_json(setup.audio);
    // Neither noise reduction nor, without a model, transcription: both are off in a fresh session,
    // and the types know no null.
    if (!setup.transcription_model.empty()) {
        out += R"(,"transcription":{"model":)";
        append_json_string(out, setup.transcription_model);
        // The transcriber knows ISO 639-1: "en", not "en-US".
        if (!setup.language.empty())
            append_field(out, "language",
                         std::string_view(setup.language).substr(0, setup.language.find('-')));
        out += '}';
    }
    out += ",\"turn_detection\":";
    append_turn_detection(out, setup.turn_detection);
    out += R"(},"output":{"format":)";
    out += format_json(setup.audio);
    append_field(out, "voice", setup.voice);
    out += "}}";
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    if (!is_valid_utf8(text)) {
        const std::string repaired = to_valid_utf8(text);
        append_json_string(out, repaired);
        return;
    }
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
                } else {
                    out += c;
                }
        }
    }
    out += '"';
}

void build_append(std::string& out, call::Bytes audio) {
    out.assign(R"({"type":"input_audio_buffer.append","audio":")");
    base64::append(out, audio);
    out += "\"}";
}

std::string session_update(std::string_view event_id, const SessionSetup& setup) {
    std::string out = begin_event("session.update", event_id);
    const bool is_written = setup.speech == ModelSpeech::written;
    out += fmt::format(R"(,"session":{{"type":"realtime","output_modalities":["{}"])",
                       is_written ? "text" : "audio");
    append_field(out, "instructions", setup.instructions);
    if (!is_written) append_audio(out, setup);
    append_tools(out, setup.tools);
    out += R"(,"tool_choice":"auto"}})";
    return out;
}

std::string tools_update(std::string_view event_id, const json::array& tools) {
    std::string out = begin_event("session.update", event_id);
    out += R"(,"session":{"type":"realtime")";
    append_tools(out, tools);
    out += "}}";
    return out;
}

std::string agent_update(std::string_view event_id, std::string_view instructions,
                         const json::array& tools) {
    std::string out = begin_event("session.update", event_id);
    out += R"(,"session":{"type":"realtime")";
    append_field(out, "instructions", instructions);
    append_tools(out, tools);
    out += "}}";
    return out;
}

std::string create_text_item(std::string_view event_id, const call::Turn& turn) {
    using Speaker = call::Turn::Speaker;
    const std::string_view role = turn.speaker == Speaker::agent    ? "assistant"
                                  : turn.speaker == Speaker::caller ? "user"
                                                                    : "system";
    std::string out = begin_event("conversation.item.create", event_id);
    out += R"(,"item":{"type":"message")";
    append_field(out, "role", role);
    out += R"(,"content":[{"type":)";
    append_json_string(out, turn.speaker == Speaker::agent ? "output_text" : "input_text");
    append_field(out, "text", turn.text);
    out += "}]}}";
    return out;
}

std::string create_tool_output(std::string_view event_id, std::string_view call_id,
                               std::string_view output) {
    std::string out = begin_event("conversation.item.create", event_id);
    out += R"(,"item":{"type":"function_call_output")";
    append_field(out, "call_id", call_id);
    append_field(out, "output", output);
    out += "}}";
    return out;
}

std::string create_response(std::string_view event_id, std::string_view instructions) {
    std::string out = begin_event("response.create", event_id);
    out += R"(,"response":{"metadata":{")";
    out += create_id_key;
    out += R"(":)";
    append_json_string(out, event_id);
    out += '}';
    if (!instructions.empty()) append_field(out, "instructions", instructions);
    out += "}}";
    return out;
}

std::string cancel_response(std::string_view event_id, std::string_view response_id) {
    std::string out = begin_event("response.cancel", event_id);
    if (!response_id.empty()) append_field(out, "response_id", response_id);
    out += '}';
    return out;
}

std::string truncate_item(std::string_view event_id, std::string_view item_id, int content_index,
                          std::int64_t audio_end_ms) {
    std::string out = begin_event("conversation.item.truncate", event_id);
    append_field(out, "item_id", item_id);
    fmt::format_to(std::back_inserter(out), ",\"content_index\":{},\"audio_end_ms\":{}}}",
                   content_index, audio_end_ms);
    return out;
}

}  // namespace parley::engine::realtime
