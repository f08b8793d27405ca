#include <parley/sim/session_settings.hpp>

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

namespace parley::sim {

namespace {

using Problem = std::optional<ApiError>;

constexpr std::array<std::string_view, 10> voices{"alloy", "ash",     "ballad", "coral", "echo",
                                                  "sage",  "shimmer", "verse",  "marin", "cedar"};
// documented for an object that omits it; fresh sessions echo 200
constexpr int silence_default_ms = 500;

ApiError wrong_type(const std::string& path, std::string_view expected) {
    return {"invalid_type", fmt::format("Invalid type for '{}': expected {}.", path, expected),
            path};
}

ApiError unknown(const std::string& path) {
    return {"unknown_parameter", fmt::format("Unknown parameter: '{}'.", path), path};
}

ApiError missing(const std::string& path) {
    return {"missing_required_parameter", fmt::format("Missing required parameter: '{}'.", path),
            path};
}

ApiError bad_value(const std::string& path, std::string_view found, std::string_view supported) {
    return {"invalid_value",
            fmt::format("Invalid value: '{}'. Supported values are: {}.", found, supported), path};
}

Problem check_text(const json::value& value, const std::string& path) {
    return value.is_string() ? Problem() : wrong_type(path, "a string");
}

Problem check_flag(const json::value& value, const std::string& path) {
    return value.is_bool() ? Problem() : wrong_type(path, "a boolean");
}

Problem check_number(const json::value& value, const std::string& path, double min, double max) {
    if (!value.is_number()) return wrong_type(path, "a number");
    const double number = value.to_number<double>();
    if (number < min) {
        return ApiError{"decimal_below_min_value",
                        fmt::format("Invalid '{}': Expected a value >= {}.", path, min), path};
    }
    if (number > max) {
        return ApiError{"decimal_above_max_value",
                        fmt::format("Invalid '{}': Expected a value <= {}.", path, max), path};
    }
    return {};
}

Problem check_whole(const json::value& value, const std::string& path, std::int64_t min,
                    std::int64_t max) {
    if (!value.is_int64() && !value.is_uint64()) return wrong_type(path, "an integer");
    const auto number = value.is_int64() ? value.get_int64() : std::int64_t{INT64_MAX};
    if (number < min) {
        return ApiError{"integer_below_min_value",
                        fmt::format("Invalid '{}': Expected a value >= {}.", path, min), path};
    }
    if (number > max) {
        return ApiError{"integer_above_max_value",
                        fmt::format("Invalid '{}': Expected a value <= {}.", path, max), path};
    }
    return {};
}

Problem check_choice(const json::value& value, const std::string& path,
                     std::span<const std::string_view> choices) {
    if (!value.is_string()) return wrong_type(path, "a string");
    const std::string_view found = value.get_string();
    if (std::find(choices.begin(), choices.end(), found) != choices.end()) return {};
    return bad_value(path, found, fmt::format("'{}'", fmt::join(choices, "', '")));
}

Problem check_choice(const json::value& value, const std::string& path,
                     std::initializer_list<std::string_view> choices) {
    return check_choice(value, path,
                        std::span<const std::string_view>(choices.begin(), choices.size()));
}

Problem check_members(const json::object& object, const std::string& path,
                      std::initializer_list<std::string_view> known) {
    for (const auto& member : object) {
        if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end()) {
            return unknown(fmt::format("{}.{}", path, std::string_view(member.key())));
        }
    }
    return {};
}

bool is_reasoning_model(std::string_view model) { return model.starts_with("gpt-realtime-2"); }

Problem check_turn_detection(const json::object& object, const std::string& path) {
    const auto* type = object.if_contains("type");
    if (type == nullptr) return missing(path + ".type");
    if (auto problem = check_choice(*type, path + ".type", {"server_vad", "semantic_vad"}))
        return problem;
    const bool is_semantic = type->get_string() == "semantic_vad";
    for (const auto& member : object) {
        const std::string key(member.key());
        const std::string here = path + "." + key;
        Problem problem;
        if (key == "type") continue;
        if (key == "create_response" || key == "interrupt_response") {
            problem = check_flag(member.value(), here);
        } else if (!is_semantic && key == "threshold") {
            problem = check_number(member.value(), here, 0, 1);
        } else if (!is_semantic && (key == "prefix_padding_ms" || key == "silence_duration_ms")) {
            problem = check_whole(member.value(), here, 0, 60'000);
        } else if (!is_semantic && key == "idle_timeout_ms") {
            if (!member.value().is_null())
                problem = check_whole(member.value(), here, 5'000, 30'000);
        } else if (is_semantic && key == "eagerness") {
            problem = check_choice(member.value(), here, {"low", "medium", "high", "auto"});
        } else {
            problem = unknown(here);
        }
        if (problem) return problem;
    }
    return {};
}

// The object with the defaults of fields left out, as the server echoes it.
json::object complete_turn_detection(const json::object& patch) {
    json::object full;
    if (patch.at("type").get_string() == "semantic_vad") {
        full = {{"type", "semantic_vad"},
                {"eagerness", "auto"},
                {"create_response", true},
                {"interrupt_response", true}};
    } else {
        full = {{"type", "server_vad"},       {"threshold", 0.5},
                {"prefix_padding_ms", 300},   {"silence_duration_ms", silence_default_ms},
                {"idle_timeout_ms", nullptr}, {"create_response", true},
                {"interrupt_response", true}};
    }
    for (const auto& member : patch) full[member.key()] = member.value();
    return full;
}

Problem merge_transcription(json::value& target, const json::value& patch,
                            const std::string& path) {
    if (patch.is_null()) {
        target = nullptr;
        return {};
    }
    const auto* fields = patch.if_object();
    if (fields == nullptr) return wrong_type(path, "an object");
    if (auto problem = check_members(
            *fields, path, {"model", "language", "languages", "prompt", "keywords", "delay"})) {
        return problem;
    }
    for (const char* key : {"model", "language", "prompt"}) {
        const auto* value = fields->if_contains(key);
        if (value == nullptr || value->is_null()) continue;
        if (auto problem = check_text(*value, path + "." + key)) return problem;
    }
    if (!target.is_object())
        target = json::object{{"model", nullptr}, {"language", nullptr}, {"prompt", nullptr}};
    for (const auto& member : *fields) target.get_object()[member.key()] = member.value();
    if (target.get_object()["model"].is_null()) return missing(path + ".model");
    return {};
}

Problem merge_noise_reduction(json::value& target, const json::value& patch,
                              const std::string& path) {
    if (patch.is_null()) {
        target = nullptr;
        return {};
    }
    const auto* fields = patch.if_object();
    if (fields == nullptr) return wrong_type(path, "an object");
    if (auto problem = check_members(*fields, path, {"type", "strength"})) return problem;
    const auto* type = fields->if_contains("type");
    if (type == nullptr) return missing(path + ".type");
    if (auto problem = check_choice(*type, path + ".type", {"near_field", "far_field"}))
        return problem;
    target = *fields;
    return {};
}

Problem merge_input(json::object& input, const json::value& patch, const std::string& path) {
    const auto* fields = patch.if_object();
    if (fields == nullptr) return wrong_type(path, "an object");
    for (const auto& member : *fields) {
        const std::string key(member.key());
        const std::string here = path + "." + key;
        if (key == "format") {
            if (auto problem = check_format(member.value(), here)) return problem;
            input["format"] = member.value();
        } else if (key == "transcription") {
            if (auto problem = merge_transcription(input["transcription"], member.value(), here))
                return problem;
        } else if (key == "noise_reduction") {
            if (auto problem =
                    merge_noise_reduction(input["noise_reduction"], member.value(), here))
                return problem;
        } else if (key == "turn_detection") {
            if (member.value().is_null()) {
                input["turn_detection"] = nullptr;
                continue;
            }
            if (!member.value().is_object()) return wrong_type(here, "an object");
            // Without a type the fields change what is there; with one they start from its
            // defaults.
            json::object wanted = member.value().get_object();
            const bool is_partial = !wanted.contains("type") && input["turn_detection"].is_object();
            if (is_partial) wanted["type"] = input["turn_detection"].get_object()["type"];
            if (auto problem = check_turn_detection(wanted, here)) return problem;
            if (!is_partial) {
                input["turn_detection"] = complete_turn_detection(wanted);
            } else {
                for (const auto& field : wanted)
                    input["turn_detection"].get_object()[field.key()] = field.value();
            }
        } else {
            return unknown(here);
        }
    }
    return {};
}

Problem check_voice(const json::value& voice, const std::string& path) {
    if (const auto* custom = voice.if_object()) {
        const auto* id = custom->if_contains("id");
        return id != nullptr && id->is_string() ? Problem() : missing(path + ".id");
    }
    return check_choice(voice, path, std::span<const std::string_view>(voices));
}

Problem merge_output(json::object& output, const json::value& patch, const std::string& path,
                     SessionSettings::Moment moment) {
    const auto* fields = patch.if_object();
    if (fields == nullptr) return wrong_type(path, "an object");
    for (const auto& member : *fields) {
        const std::string key(member.key());
        const std::string here = path + "." + key;
        if (key == "format") {
            if (auto problem = check_format(member.value(), here)) return problem;
            // Seen on the wire: optional by the types, demanded for output.
            if (member.value().at("type") == "audio/pcm" &&
                !member.value().get_object().contains("rate")) {
                return missing(here + ".rate");
            }
        } else if (key == "voice") {
            if (auto problem = check_voice(member.value(), here)) return problem;
            if (moment.has_spoken && member.value() != output["voice"]) {
                return ApiError{
                    "cannot_update_voice",
                    "Cannot update a conversation's voice if assistant audio is present.", here};
            }
        } else if (key == "speed") {
            if (auto problem = check_number(member.value(), here, 0.25, 1.5)) return problem;
            if (moment.is_responding && member.value() != output["speed"]) {
                return ApiError{"invalid_value",
                                "Cannot change the speed while a response is in progress.", here};
            }
        } else {
            return unknown(here);
        }
        output[member.key()] = member.value();
    }
    return {};
}

Problem check_tool_choice(const json::value& choice, const std::string& path) {
    const auto* fields = choice.if_object();
    if (fields == nullptr) return check_choice(choice, path, {"auto", "none", "required"});
    const auto* type = fields->if_contains("type");
    if (type == nullptr) return missing(path + ".type");
    return check_choice(*type, path + ".type", {"function", "mcp"});
}

Problem check_truncation(const json::value& truncation, const std::string& path) {
    const auto* fields = truncation.if_object();
    if (fields == nullptr) return check_choice(truncation, path, {"auto", "disabled"});
    const auto* ratio = fields->if_contains("retention_ratio");
    if (ratio == nullptr) return missing(path + ".retention_ratio");
    return check_number(*ratio, path + ".retention_ratio", 0, 1);
}

Problem check_max_tokens(const json::value& value, const std::string& path) {
    if (value.is_string()) return check_choice(value, path, {"inf"});
    return check_whole(value, path, 1, 4096);
}

Problem check_modalities(const json::value& value, const std::string& path) {
    const auto* list = value.if_array();
    if (list == nullptr) return wrong_type(path, "an array");
    if (list->size() != 1) return bad_value(path, json::serialize(value), "['text'] and ['audio']");
    return check_choice(list->front(), path + "[0]", {"audio", "text"});
}

}  // namespace

std::size_t bytes_per_ms(AudioFormat format) { return format == AudioFormat::pcm24k ? 48 : 8; }
int sample_rate_hz(AudioFormat format) { return format == AudioFormat::pcm24k ? 24'000 : 8'000; }

std::optional<AudioFormat> format_named(const json::value* format) {
    if (format == nullptr || !format->is_object()) return std::nullopt;
    const auto type = json_read::string(format->get_object(), "type");
    if (type == "audio/pcm") return AudioFormat::pcm24k;
    if (type == "audio/pcmu") return AudioFormat::pcmu;
    if (type == "audio/pcma") return AudioFormat::pcma;
    return std::nullopt;
}

std::optional<ApiError> check_format(const json::value& format, const std::string& path) {
    const auto* fields = format.if_object();
    if (fields == nullptr) return wrong_type(path, "an object");
    if (auto problem = check_members(*fields, path, {"type", "rate"})) return problem;
    const auto* type = fields->if_contains("type");
    if (type == nullptr) return missing(path + ".type");
    if (auto problem =
            check_choice(*type, path + ".type", {"audio/pcm", "audio/pcmu", "audio/pcma"}))
        return problem;
    const auto* rate = fields->if_contains("rate");
    if (rate == nullptr) return {};
    if (type->get_string() != "audio/pcm") return unknown(path + ".rate");
    return check_whole(*rate, path + ".rate", 24'000, 24'000);
}

std::optional<ApiError> check_tools(const json::value& tools, const std::string& path) {
    const auto* list = tools.if_array();
    if (list == nullptr) return wrong_type(path, "an array");
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string here = fmt::format("{}[{}]", path, i);
        const auto* tool = (*list)[i].if_object();
        if (tool == nullptr) return wrong_type(here, "an object");
        const auto* type = tool->if_contains("type");
        if (type == nullptr) return missing(here + ".type");
        if (auto problem = check_choice(*type, here + ".type", {"function", "mcp"})) return problem;
        if (type->get_string() == "mcp") continue;
        // Chat Completions nests these under "function"; here that is an unknown parameter.
        if (auto problem =
                check_members(*tool, here, {"type", "name", "description", "parameters"}))
            return problem;
        const auto* name = tool->if_contains("name");
        if (name == nullptr) return missing(here + ".name");
        if (auto problem = check_text(*name, here + ".name")) return problem;
        const std::string_view text = name->get_string();
        const bool is_plain =
            !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
            });
        if (!is_plain) {
            return ApiError{
                "invalid_value",
                fmt::format(
                    "Invalid '{}.name': expected a string that matches '^[a-zA-Z0-9_-]{{1,64}}$'.",
                    here),
                here + ".name"};
        }
        if (const auto* parameters = tool->if_contains("parameters");
            parameters != nullptr && !parameters->is_object()) {
            return wrong_type(here + ".parameters", "an object");
        }
    }
    return {};
}

SessionSettings::SessionSettings(std::string id, std::string model, std::int64_t expires_at_s) {
    const bool reasons = is_reasoning_model(model);
    const json::object pcm{{"type", "audio/pcm"}, {"rate", 24'000}};
    json::object turn_detection{{"type", "server_vad"},
                                {"threshold", 0.5},
                                // as fresh sessions echo it
                                {"prefix_padding_ms", 300},
                                {"silence_duration_ms", 200},
                                {"idle_timeout_ms", nullptr},
                                {"create_response", true},
                                {"interrupt_response", true}};
    json::object input{{"format", pcm},
                       {"transcription", nullptr},
                       {"noise_reduction", nullptr},
                       {"turn_detection", std::move(turn_detection)}};
    json::object output{{"format", pcm}, {"voice", "alloy"}, {"speed", 1.0}};
    session_ = {{"type", "realtime"},
                {"object", "realtime.session"},
                {"id", std::move(id)},
                {"model", std::move(model)},
                {"output_modalities", json::array{"audio"}},
                {"instructions", "You are a helpful, friendly assistant."},
                {"tools", json::array{}},
                {"tool_choice", "auto"},
                {"max_output_tokens", "inf"},
                {"tracing", nullptr},
                {"truncation", "auto"},
                {"prompt", nullptr},
                {"expires_at", expires_at_s},
                {"audio", json::object{{"input", std::move(input)}, {"output", std::move(output)}}},
                {"include", nullptr}};
    if (reasons) {
        session_["reasoning"] = json::object{{"effort", "low"}};
        session_["parallel_tool_calls"] = true;
    }
}

std::optional<ApiError> SessionSettings::update(const json::object& patch, Moment moment) {
    const auto* type = patch.if_contains("type");
    if (type == nullptr) return missing("session.type");
    if (auto problem = check_choice(*type, "session.type", {"realtime", "transcription"}))
        return problem;
    if (*type != session_["type"]) {
        return ApiError{"invalid_value", "The type of a session cannot be changed.",
                        "session.type"};
    }
    json::object next = session_;  // changes go here, and count only when all are valid
    const bool reasons = is_reasoning_model(model());
    for (const auto& member : patch) {
        const std::string key(member.key());
        const json::value& value = member.value();
        const std::string path = "session." + key;
        Problem problem;
        if (key == "type") continue;
        if (key == "model") {
            problem = check_text(value, path);
            if (!problem && value != session_["model"]) {
                problem =
                    ApiError{"invalid_value", "The model of a session cannot be changed.", path};
            }
        } else if (key == "instructions") {
            problem = check_text(value, path);
        } else if (key == "output_modalities") {
            problem = check_modalities(value, path);
        } else if (key == "tools") {
            problem = check_tools(value, path);
        } else if (key == "tool_choice") {
            problem = check_tool_choice(value, path);
        } else if (key == "max_output_tokens") {
            problem = check_max_tokens(value, path);
        } else if (key == "truncation") {
            problem = check_truncation(value, path);
        } else if (key == "tracing") {
            if (!session_["tracing"].is_null() && value != session_["tracing"]) {
                problem = ApiError{"invalid_value", "Tracing cannot be changed once it is enabled.",
                                   path};
            }
        } else if (key == "include") {
            if (!value.is_null() && !value.is_array()) problem = wrong_type(path, "an array");
        } else if (key == "prompt") {
            if (!value.is_null() && !value.is_object()) problem = wrong_type(path, "an object");
        } else if (key == "parallel_tool_calls") {
            problem = reasons ? check_flag(value, path) : unknown(path);
        } else if (key == "reasoning") {
            if (!reasons) {
                problem = ApiError{
                    "unsupported_parameter",
                    fmt::format(
                        "Unsupported parameter: 'session.reasoning' is not supported with the '{}' model.",
                        model()),
                    path};
            } else if (!value.is_object() || !value.get_object().contains("effort")) {
                problem = missing(path + ".effort");
            } else {
                problem = check_choice(value.at("effort"), path + ".effort",
                                       {"minimal", "low", "medium", "high", "xhigh"});
            }
        } else if (key == "audio") {
            const auto* fields = value.if_object();
            if (fields == nullptr) return wrong_type(path, "an object");
            if ((problem = check_members(*fields, path, {"input", "output"}))) return problem;
            auto& audio = next["audio"].get_object();
            if (const auto* input = fields->if_contains("input")) {
                problem = merge_input(audio["input"].get_object(), *input, path + ".input");
            }
            if (const auto* output = fields->if_contains("output"); output != nullptr && !problem) {
                problem =
                    merge_output(audio["output"].get_object(), *output, path + ".output", moment);
            }
            if (problem) return problem;
            continue;
        } else {
            problem = unknown(path);  // beta names end here, too
        }
        if (problem) return problem;
        next[member.key()] = value;
    }
    session_ = std::move(next);
    return {};
}

namespace {
const json::object& audio_side(const json::object& session, std::string_view side) {
    return session.at("audio").get_object().at(side).get_object();
}
}  // namespace

AudioFormat SessionSettings::input_format() const {
    return format_named(audio_side(session_, "input").if_contains("format"))
        .value_or(AudioFormat::pcm24k);
}

AudioFormat SessionSettings::output_format() const {
    return format_named(audio_side(session_, "output").if_contains("format"))
        .value_or(AudioFormat::pcm24k);
}

std::optional<TurnDetection> SessionSettings::turn_detection() const {
    const auto* fields = json_read::object(audio_side(session_, "input"), "turn_detection");
    if (fields == nullptr) return std::nullopt;
    TurnDetection turn;
    turn.create_response = json_read::boolean(*fields, "create_response").value_or(true);
    turn.interrupt_response = json_read::boolean(*fields, "interrupt_response").value_or(true);
    if (json_read::string(*fields, "type") == "semantic_vad") {
        // A stand-in for understanding: the longer the caller may think, the longer the silence.
        const auto eagerness = json_read::text(*fields, "eagerness");
        turn.silence = milliseconds(eagerness == "high" ? 350 : eagerness == "low" ? 1'200 : 600);
        return turn;
    }
    turn.threshold = json_read::number(*fields, "threshold").value_or(0.5);
    turn.prefix_padding =
        milliseconds(json_read::integer(*fields, "prefix_padding_ms").value_or(300));
    turn.silence = milliseconds(json_read::integer(*fields, "silence_duration_ms").value_or(200));
    if (const auto idle = json_read::integer(*fields, "idle_timeout_ms"))
        turn.idle_timeout = milliseconds(*idle);
    return turn;
}

bool SessionSettings::transcribes() const {
    return json_read::object(audio_side(session_, "input"), "transcription") != nullptr;
}

bool SessionSettings::outputs_text() const {
    const auto* modalities = json_read::array(session_, "output_modalities");
    return modalities != nullptr && !modalities->empty() && modalities->front() == "text";
}

std::string SessionSettings::instructions() const {
    return json_read::text(session_, "instructions");
}
std::string SessionSettings::model() const { return json_read::text(session_, "model"); }

}  // namespace parley::sim
