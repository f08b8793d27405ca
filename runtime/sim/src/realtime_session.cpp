// Client events in, and the bookkeeping around them. Turns, responses and faults are in
// realtime_turns.cpp.
#include <parley/sim/realtime_session.hpp>

#include <parley/audio/g711.hpp>
#include <parley/core/base64.hpp>
#include <parley/core/text.hpp>

#include <initializer_list>

namespace parley::sim {

namespace {

constexpr std::size_t append_bytes_max = 15 * 1024 * 1024;
constexpr std::size_t event_id_max = 512;
constexpr std::int64_t commit_min_ms = 100;
constexpr std::size_t violations_max = 1'000;

struct EventShape {
    std::string_view type;
    std::initializer_list<std::string_view> fields;  // besides type and event_id
    std::initializer_list<std::string_view> required;
};

const std::array<EventShape, 10>& event_shapes() {
    static const std::array<EventShape, 10> shapes{{
        {"session.update", {"session"}, {"session"}},
        {"input_audio_buffer.append", {"audio"}, {"audio"}},
        {"input_audio_buffer.commit", {}, {}},
        {"input_audio_buffer.clear", {}, {}},
        {"conversation.item.create", {"item", "previous_item_id"}, {"item"}},
        {"conversation.item.retrieve", {"item_id"}, {"item_id"}},
        {"conversation.item.truncate",
         {"item_id", "content_index", "audio_end_ms"},
         {"item_id", "content_index", "audio_end_ms"}},
        {"conversation.item.delete", {"item_id"}, {"item_id"}},
        {"response.create", {"response"}, {}},
        {"response.cancel", {"response_id"}, {}},
    }};
    return shapes;
}

std::string all_types() {
    std::string names;
    for (const auto& shape : event_shapes()) {
        if (!names.empty()) names += ", ";
        names += fmt::format("'{}'", shape.type);
    }
    return names;
}

// Errors that a race can cause in a careful client, too.
bool is_benign(std::string_view code) {
    return code == "response_cancel_not_active" || code == "input_audio_buffer_commit_empty";
}

}  // namespace

RealtimeSession::RealtimeSession(Options options, const ModelScript& script, ScriptPlayer player,
                                 TimePoint now)
    : options_(std::move(options)),
      script_(&script),
      player_(std::move(player)),
      settings_(fmt::format("sess_sim{:04}", options_.number), options_.model,
                options_.expires_at_s),
      now_(now),
      fault_hits_(script.faults.size(), 0) {
    conversation_id_ = make_id("conv_");
    listen_afresh();
    send({{"type", "session.created"}, {"session", settings_.object()}});
}

std::int64_t RealtimeSession::appended_ms() const { return appended_eighths_ / 8; }

void RealtimeSession::send(json::object event) {
    if (is_over_ || is_stalled_) return;
    event["event_id"] = make_id("event_");
    output_.push_back(Send{json::serialize(event)});
}

std::string RealtimeSession::make_id(std::string_view prefix) {
    return fmt::format("{}s{}n{}", prefix, options_.number, next_id_++);
}

void RealtimeSession::note(std::string_view code, std::string_view what) {
    if (violations_.size() < violations_max)
        violations_.push_back({now_, std::string(code), std::string(what)});
}

void RealtimeSession::tell(std::string line) {
    if (!is_over_) output_.push_back(Tell{std::move(line)});
}

void RealtimeSession::reject(ApiError error) {
    tell(fmt::format("error to the client: {}: {}", error.code, shortened(error.message, 160)));
    if (!is_benign(error.code)) note(error.code, error.message);
    json::object details{{"type", error.type},
                         {"code", nullptr},
                         {"message", error.message},
                         {"param", nullptr},
                         {"event_id", error_event_id_}};
    if (!error.code.empty()) details["code"] = error.code;
    if (!error.param.empty()) details["param"] = error.param;
    send({{"type", "error"}, {"error", std::move(details)}});
}

void RealtimeSession::receive_binary(TimePoint now) {
    now_ = now;
    error_event_id_ = nullptr;
    if (is_over_ || is_stalled_) return;
    reject({"invalid_event", "Binary frames are not supported.", ""});
}

void RealtimeSession::receive(std::string_view text, TimePoint now) {
    now_ = now;
    error_event_id_ = nullptr;
    if (is_over_ || is_stalled_) return;
    auto parsed = json_read::parse(text);
    if (!parsed) {
        client_events_.push_back({now, "", {}});
        reject({"invalid_json", "We failed to parse the JSON value of your event.", ""});
        return;
    }
    auto* event = parsed->if_object();
    const auto type = event != nullptr ? json_read::string(*event, "type") : std::nullopt;
    if (!type) {
        client_events_.push_back({now, "", {}});
        reject({"invalid_event", "The event has no 'type'.", "type"});
        return;
    }
    const std::string name(*type);
    if (const auto id = json_read::string(*event, "event_id")) {
        if (id->size() > event_id_max) {
            reject({"string_above_max_length", "Invalid 'event_id': string too long.", "event_id"});
            return;
        }
        error_event_id_ = *id;
    }
    dispatch(name, *event);
    if (client_events_.size() < options_.events_kept_max) {
        if (name == "input_audio_buffer.append") {
            event->erase("audio");
            (*event)["audio_bytes"] = bytes_.size();
        }
        client_events_.push_back({now, name, std::move(*event)});
    }
    run_responses();
}

void RealtimeSession::dispatch(const std::string& type, const json::object& event) {
    const auto& shapes = event_shapes();
    const auto shape = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const EventShape& s) { return s.type == type; });
    if (shape == shapes.end()) {
        reject({"invalid_value",
                fmt::format("Invalid value: '{}'. Supported values are: {}.", type, all_types()),
                "type"});
        return;
    }
    for (const auto& member : event) {
        const std::string_view key = member.key();
        const bool is_known =
            key == "type" || key == "event_id" ||
            std::find(shape->fields.begin(), shape->fields.end(), key) != shape->fields.end();
        if (!is_known) {
            reject({"unknown_parameter", fmt::format("Unknown parameter: '{}'.", key),
                    std::string(key)});
            return;
        }
    }
    for (const auto key : shape->required) {
        if (event.contains(key)) continue;
        reject({"missing_required_parameter", fmt::format("Missing required parameter: '{}'.", key),
                std::string(key)});
        return;
    }
    if (type == "session.update") {
        session_update(event);
    } else if (type == "input_audio_buffer.append") {
        append(event);
    } else if (type == "input_audio_buffer.commit") {
        commit_by_client();
    } else if (type == "input_audio_buffer.clear") {
        buffer_begin_ms_ = appended_ms();
        speech_item_.clear();
        listen_afresh();
        send({{"type", "input_audio_buffer.cleared"}});
    } else if (type == "conversation.item.create") {
        create_item(event);
    } else if (type == "conversation.item.truncate") {
        truncate_item(event);
    } else if (type == "response.create") {
        create_response(event);
    } else if (type == "response.cancel") {
        cancel_response(event);
    } else {
        const std::string id = json_read::text(event, "item_id");
        Item* item = items_.find(id);
        const bool is_delete = type == "conversation.item.delete";
        if (item == nullptr) {
            reject({is_delete ? "item_delete_invalid_item_id" : "item_retrieve_invalid_item_id",
                    fmt::format("the item with id '{}' does not exist.", id), "item_id"});
        } else if (is_delete) {
            items_.erase(id);
            send({{"type", "conversation.item.deleted"}, {"item_id", id}});
        } else {
            send({{"type", "conversation.item.retrieved"}, {"item", item->body}});
        }
    }
}

void RealtimeSession::session_update(const json::object& event) {
    const auto* patch = json_read::object(event, "session");
    if (patch == nullptr) {
        reject({"invalid_type", "Invalid type for 'session': expected an object.", "session"});
        return;
    }
    const bool had_detection = settings_.turn_detection().has_value();
    const AudioFormat format = settings_.input_format();
    const json::value detection = settings_.object().at("audio").at("input").at("turn_detection");
    const SessionSettings::Moment moment{.has_spoken = has_spoken_,
                                         .is_responding = active_ != nullptr};
    if (auto problem = settings_.update(*patch, moment)) {
        reject(std::move(*problem));
        return;
    }
    is_updated_ = true;
    const bool is_detection_new =
        detection != settings_.object().at("audio").at("input").at("turn_detection");
    if (is_detection_new || format != settings_.input_format() || !had_detection) {
        speech_item_.clear();
        listen_afresh();
    }
    send({{"type", "session.updated"}, {"session", settings_.object()}});
}

void RealtimeSession::listen_afresh() {
    const auto turn = settings_.turn_detection();
    vad_.reset();
    vad_base_ms_ = appended_ms();
    if (!turn) return;
    // 0.5 is -40 dBFS, a quiet voice on the telephone; the ends of the scale are a whisper and a
    // shout.
    vad_.emplace(audio::EnergyVad::Options{.rate_hz = sample_rate_hz(settings_.input_format()),
                                           .threshold_dbfs = -55 + 30 * turn->threshold,
                                           .start_after = options_.speech_start,
                                           .hangover = turn->silence});
}

void RealtimeSession::append(const json::object& event) {
    bytes_.clear();
    const auto audio = json_read::string(event, "audio");
    if (!audio || !base64::decode(*audio, bytes_)) {
        reject({"invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes.", "audio"});
        return;
    }
    if (bytes_.size() > append_bytes_max) {
        reject({"string_above_max_length", "Invalid 'audio': more than 15 MiB.", "audio"});
        return;
    }
    if (!is_updated_)
        note("audio_before_session_updated",
             "input_audio_buffer.append before the first session.updated");
    const AudioFormat format = settings_.input_format();
    switch (format) {
        case AudioFormat::pcmu:
            samples_.resize(bytes_.size());
            audio::decode_mulaw(bytes_, samples_);
            break;
        case AudioFormat::pcma:
            samples_.resize(bytes_.size());
            audio::decode_alaw(bytes_, samples_);
            break;
        case AudioFormat::pcm24k:
            samples_.resize(bytes_.size() / 2);
            for (std::size_t i = 0; i < samples_.size(); ++i) {
                samples_[i] = static_cast<std::int16_t>(bytes_[2 * i] | (bytes_[2 * i + 1] << 8));
            }
            break;
    }
    appended_eighths_ += static_cast<std::int64_t>(bytes_.size() * 8 / bytes_per_ms(format));
    if (!vad_) return;
    changes_.clear();
    const std::int64_t base = vad_base_ms_;
    vad_->hear(samples_, changes_);
    for (const auto& change : changes_) {
        const milliseconds at = milliseconds(base) + change.at;
        change.what == audio::EnergyVad::Change::What::started ? on_speech_started(at)
                                                               : on_speech_stopped(at);
    }
}

void RealtimeSession::commit_by_client() {
    const std::int64_t buffered = appended_ms() - buffer_begin_ms_;
    if (buffered < commit_min_ms) {
        reject(
            {"input_audio_buffer_commit_empty",
             fmt::format(
                 "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but "
                 "buffer only has {:.2f}ms of audio.",
                 static_cast<double>(buffered)),
             ""});
        return;
    }
    if (speech_item_.empty()) speech_item_ = make_id("item_");
    commit(buffered);
    listen_afresh();
}

void RealtimeSession::create_item(const json::object& event) {
    const auto* wanted = json_read::object(event, "item");
    if (wanted == nullptr) {
        reject({"invalid_type", "Invalid type for 'item': expected an object.", "item"});
        return;
    }
    const auto previous_id = json_read::string(event, "previous_item_id");
    if (auto problem = items_.check_new(*wanted, previous_id)) {
        reject(std::move(*problem));
        return;
    }
    json::object body = *wanted;
    std::string id = json_read::text(body, "id");
    if (id.empty()) id = make_id("item_");
    body["id"] = id;
    body["object"] = "realtime.item";
    body["status"] = "completed";
    const std::string type = json_read::text(body, "type");
    if (type == "function_call_output") {
        const std::string call_id = json_read::text(body, "call_id");
        for (const auto& item : items_.all()) {
            if (json_read::text(item.body, "call_id") != call_id ||
                json_read::text(item.body, "type") != "function_call")
                continue;
            Item* call = items_.find(item.id);
            if (call->is_answered_call)
                note("duplicate_tool_output", fmt::format("second output for {}", call_id));
            call->is_answered_call = true;
        }
        player_.tool_result(call_id, json_read::text(body, "output"));
        tell(fmt::format("tool result: {}", shortened(json_read::text(body, "output"), 160)));
    } else if (const auto* content = json_read::array(body, "content")) {
        std::string text;
        for (const auto& part : *content) {
            if (const auto* fields = part.if_object()) text += json_read::text(*fields, "text");
        }
        player_.client_wrote(json_read::text(body, "role"), text);
    }
    Item item{.id = id, .body = body};
    json::value previous =
        previous_id ? items_.add_after(std::move(item), *previous_id) : items_.add(std::move(item));
    send({{"type", "conversation.item.added"}, {"previous_item_id", previous}, {"item", body}});
    send({{"type", "conversation.item.done"}, {"previous_item_id", previous}, {"item", body}});
}

void RealtimeSession::truncate_item(const json::object& event) {
    const auto id = json_read::string(event, "item_id");
    const auto* index = event.if_contains("content_index");
    const auto* end = event.if_contains("audio_end_ms");
    if (!id || !index->is_int64() || !end->is_int64()) {
        reject(
            {"invalid_type",
             "Invalid type: 'item_id' is a string, 'content_index' and 'audio_end_ms' are integers.",
             !id                  ? "item_id"
             : !index->is_int64() ? "content_index"
                                  : "audio_end_ms"});
        return;
    }
    if (auto problem = items_.truncate(*id, index->get_int64(), end->get_int64())) {
        reject(std::move(*problem));
        return;
    }
    tell(fmt::format("truncated at {} ms", end->get_int64()));
    send({{"type", "conversation.item.truncated"},
          {"item_id", *id},
          {"content_index", *index},
          {"audio_end_ms", *end}});
}

json::value RealtimeSession::usage(std::int64_t text_out, std::int64_t audio_out) {
    const auto [text_in, audio_in] = input_tokens_;
    // What the last response already carried comes from the cache, in whole blocks of 64, text
    // first.
    const std::int64_t cached = std::min(cached_tokens_, text_in + audio_in) / 64 * 64;
    const std::int64_t cached_text =
        std::max(std::min({cached, text_in, cached_text_tokens_}), cached - audio_in);
    cached_tokens_ = text_in + audio_in;
    cached_text_tokens_ = text_in;
    json::object cached_details{
        {"text_tokens", cached_text}, {"audio_tokens", cached - cached_text}, {"image_tokens", 0}};
    json::object input{{"text_tokens", text_in},
                       {"audio_tokens", audio_in},
                       {"image_tokens", 0},
                       {"cached_tokens", cached},
                       {"cached_tokens_details", std::move(cached_details)}};
    json::object output{{"text_tokens", text_out}, {"audio_tokens", audio_out}};
    return json::object{{"total_tokens", text_in + audio_in + text_out + audio_out},
                        {"input_tokens", text_in + audio_in},
                        {"output_tokens", text_out + audio_out},
                        {"input_token_details", std::move(input)},
                        {"output_token_details", std::move(output)}};
}

}  // namespace parley::sim
