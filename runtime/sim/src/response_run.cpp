#include <parley/sim/response_run.hpp>

#include <parley/audio/g711.hpp>
#include <parley/core/base64.hpp>
#include <parley/core/text.hpp>

namespace parley::sim {

namespace {

constexpr std::size_t arguments_piece = 16;  // characters in one function_call_arguments.delta
constexpr std::int64_t model_ms_per_token = 50;

std::vector<std::uint8_t> encoded(const std::vector<std::int16_t>& samples, AudioFormat format) {
    std::vector<std::uint8_t> bytes;
    switch (format) {
        case AudioFormat::pcmu:
            bytes.resize(samples.size());
            audio::encode_mulaw(samples, bytes);
            break;
        case AudioFormat::pcma:
            bytes.resize(samples.size());
            audio::encode_alaw(samples, bytes);
            break;
        case AudioFormat::pcm24k:
            bytes.reserve(samples.size() * 2);
            for (const std::int16_t sample : samples) {
                const auto word = static_cast<std::uint16_t>(sample);
                bytes.push_back(static_cast<std::uint8_t>(word & 0xFF));
                bytes.push_back(static_cast<std::uint8_t>(word >> 8));
            }
            break;
    }
    return bytes;
}

// `count` bytes, or a little more: up to the end of the word, and never inside a character.
std::size_t end_of_word(std::string_view text, std::size_t count) {
    std::size_t end = std::min(count, text.size());
    while (end < text.size() && text[end] != ' ') ++end;
    return end;
}

}  // namespace

ResponseRun::ResponseRun(Spec spec, ResponseHost& host, TimePoint now)
    : spec_(std::move(spec)), host_(host), id_(host.make_id("resp_")), due_(now + spec_.think) {
    is_waiting_for_speech_ = !words_to_speak().empty();
    json::object created{{"type", "response.created"},
                         {"response", response_object("in_progress")}};
    host_.send(std::move(created));
}

std::string ResponseRun::words_to_speak() const {
    return is_spoken() ? std::string(trim(spec_.answer.says)) : std::string();
}

void ResponseRun::speech_ready(const Speech& speech) {
    if (!is_waiting_for_speech_ || status_ != Status::running) return;
    is_waiting_for_speech_ = false;
    if (speech != nullptr) audio_ = encoded(*speech, spec_.format);
}

TimePoint ResponseRun::next_due() const {
    return is_waiting_for_speech_ || status_ != Status::running ? TimePoint::max() : due_;
}

bool ResponseRun::is_at_end() const { return phase_ == Phase::ending || phase_ == Phase::ended; }

milliseconds ResponseRun::audio_sent() const {
    return milliseconds(static_cast<std::int64_t>(sent_bytes_ / bytes_per_ms(spec_.format)));
}

std::size_t ResponseRun::piece_bytes() const {
    return static_cast<std::size_t>(spec_.delta.count()) * bytes_per_ms(spec_.format);
}

bool ResponseRun::step(TimePoint now) {
    if (status_ != Status::running || next_due() > now) return false;
    switch (phase_) {
        case Phase::thinking:
            if (trim(spec_.answer.says).empty()) {
                phase_ = Phase::calling;
            } else {
                begin_message();
                phase_ = Phase::speaking;
            }
            return true;
        case Phase::speaking: {
            const bool is_all_sent =
                sent_bytes_ >= audio_.size() && sent_chars_ >= spec_.answer.says.size();
            if (is_all_sent) {
                end_message("completed");
                phase_ = Phase::calling;
                return true;
            }
            send_piece();
            // The deadline follows from the count, so that late steps do not add up.
            if (spec_.speed > 0) {
                due_ += std::chrono::duration_cast<Clock::duration>(
                    std::chrono::duration<double, std::milli>(
                        static_cast<double>(spec_.delta.count()) / spec_.speed));
            }
            return true;
        }
        case Phase::calling:
            if (next_call_ < spec_.answer.calls.size()) {
                make_call(spec_.answer.calls[next_call_++]);
            } else {
                phase_ = Phase::ending;
            }
            return true;
        case Phase::ending: finish(Status::completed, nullptr); return true;
        case Phase::ended: break;
    }
    return false;
}

void ResponseRun::begin_message() {
    item_id_ = host_.make_id("item_");
    const json::object item = message_item("in_progress");
    json::object added = event("response.output_item.added");
    added["output_index"] = output_index_;
    added["item"] = item;
    host_.send(std::move(added));
    send_item_added(item, 0);
    json::object part = part_event("response.content_part.added");
    part["part"] = is_spoken() ? json::object{{"type", "audio"}, {"transcript", ""}}
                               : json::object{{"type", "text"}, {"text", ""}};
    host_.send(std::move(part));
}

void ResponseRun::send_piece() {
    const std::string_view says = spec_.answer.says;
    ++pieces_;
    // The transcript keeps step with the audio, a word ahead.
    const std::size_t sent_after = std::min(audio_.size(), pieces_ * piece_bytes());
    const std::size_t chars_wanted = audio_.empty() ? std::min(says.size(), sent_chars_ + 24)
                                                    : says.size() * sent_after / audio_.size();
    const std::size_t chars_end = end_of_word(says, chars_wanted);
    if (chars_end > sent_chars_) {
        json::object text = part_event(is_spoken() ? "response.output_audio_transcript.delta"
                                                   : "response.output_text.delta");
        text["delta"] = says.substr(sent_chars_, chars_end - sent_chars_);
        if (spec_.has_obfuscation) text["obfuscation"] = "x7Kq2";
        host_.send(std::move(text));
        sent_chars_ = chars_end;
    }
    if (sent_after > sent_bytes_) {
        json::object sound = part_event("response.output_audio.delta");
        sound["delta"] = base64::encode(
            std::span<const std::uint8_t>(audio_).subspan(sent_bytes_, sent_after - sent_bytes_));
        if (spec_.has_obfuscation) sound["obfuscation"] = "p0Zr";
        host_.send(std::move(sound));
        sent_bytes_ = sent_after;
        if (!spec_.is_out_of_band) {
            if (Item* item = host_.items().find(item_id_)) item->audio_ms = audio_sent().count();
        }
    }
}

void ResponseRun::end_message(std::string_view item_status) {
    const std::string said = spec_.answer.says.substr(0, sent_chars_);
    if (is_spoken()) {
        host_.send(part_event("response.output_audio.done"));
        json::object transcript = part_event("response.output_audio_transcript.done");
        transcript["transcript"] = said;
        host_.send(std::move(transcript));
    } else {
        json::object text = part_event("response.output_text.done");
        text["text"] = said;
        host_.send(std::move(text));
    }
    json::object part = part_event("response.content_part.done");
    part["part"] = is_spoken() ? json::object{{"type", "audio"}, {"transcript", said}}
                               : json::object{{"type", "text"}, {"text", said}};
    host_.send(std::move(part));

    const json::object item = message_item(item_status);
    send_item_done(item);
    json::object done = event("response.output_item.done");
    done["output_index"] = output_index_;
    done["item"] = item;
    host_.send(std::move(done));
    output_.push_back(item);
    ++output_index_;
}

void ResponseRun::make_call(const Answer::Call& call) {
    const std::string item_id = host_.make_id("item_");
    const std::string call_id = host_.make_id("call_");
    const std::string arguments = json::serialize(call.arguments);
    json::object item{{"id", item_id},           {"object", "realtime.item"},
                      {"type", "function_call"}, {"status", "in_progress"},
                      {"name", call.tool},       {"call_id", call_id},
                      {"arguments", ""}};
    json::object added = event("response.output_item.added");
    added["output_index"] = output_index_;
    added["item"] = item;
    host_.send(std::move(added));
    send_item_added(item, 0);

    const auto ids = [&](std::string_view type) {
        json::object out = event(type);
        out["item_id"] = item_id;
        out["output_index"] = output_index_;
        out["call_id"] = call_id;
        return out;
    };
    for (std::size_t at = 0; at < arguments.size();) {
        std::size_t end = std::min(arguments.size(), at + arguments_piece);
        // whole characters
        while (end < arguments.size() &&
               (static_cast<unsigned char>(arguments[end]) & 0xC0) == 0x80)
            ++end;
        json::object delta = ids("response.function_call_arguments.delta");
        delta["delta"] = arguments.substr(at, end - at);
        if (spec_.has_obfuscation) delta["obfuscation"] = "Yb3";
        host_.send(std::move(delta));
        at = end;
    }
    json::object done = ids("response.function_call_arguments.done");
    done["name"] = call.tool;
    done["arguments"] = arguments;
    host_.send(std::move(done));

    item["status"] = "completed";
    item["arguments"] = arguments;
    send_item_done(item);
    json::object item_done = event("response.output_item.done");
    item_done["output_index"] = output_index_;
    item_done["item"] = item;
    host_.send(std::move(item_done));
    output_.push_back(item);
    ++output_index_;
    call_ids_.push_back(call_id);
    call_tokens_ += text_tokens(arguments) + text_tokens(call.tool);
}

void ResponseRun::cancel(std::string_view reason, int late_deltas) {
    if (status_ != Status::running) return;
    if (phase_ == Phase::speaking) {
        for (int i = 0; i < late_deltas && sent_bytes_ < audio_.size(); ++i) send_piece();
        end_message("incomplete");
    }
    finish(Status::cancelled, json::object{{"type", "cancelled"}, {"reason", reason}});
}

void ResponseRun::fail(const ApiError& error) {
    if (status_ != Status::running) return;
    if (phase_ == Phase::speaking) end_message("incomplete");
    json::object details{{"type", error.type}, {"code", nullptr}, {"message", error.message}};
    if (!error.code.empty()) details["code"] = error.code;
    finish(Status::failed, json::object{{"type", "failed"}, {"error", std::move(details)}});
}

void ResponseRun::finish(Status status, json::value details) {
    phase_ = Phase::ended;
    status_ = status;
    json::object response = response_object(status == Status::completed   ? "completed"
                                            : status == Status::cancelled ? "cancelled"
                                                                          : "failed");
    response["status_details"] = std::move(details);
    response["output"] = output_;
    if (!spec_.has_null_usage && status != Status::failed) {
        const std::int64_t said =
            text_tokens(std::string_view(spec_.answer.says).substr(0, sent_chars_));
        response["usage"] =
            host_.usage(said + call_tokens_, audio_sent().count() / model_ms_per_token);
    }
    json::object done{{"type", "response.done"}, {"response", std::move(response)}};
    host_.send(std::move(done));
}

json::object ResponseRun::event(std::string_view type) const {
    return {{"type", type}, {"response_id", id_}};
}

json::object ResponseRun::part_event(std::string_view type) const {
    json::object out = event(type);
    out["item_id"] = item_id_;
    out["output_index"] = output_index_;
    out["content_index"] = 0;
    return out;
}

json::object ResponseRun::response_object(std::string_view status) const {
    json::object response{
        {"object", "realtime.response"},
        {"id", id_},
        {"status", status},
        {"status_details", nullptr},
        {"output", json::array()},
        {"conversation_id", spec_.conversation_id},
        {"output_modalities", json::array({json::value(spec_.is_text ? "text" : "audio")})},
        {"max_output_tokens", spec_.max_output_tokens},
        {"usage", nullptr},
        {"metadata", spec_.metadata}};
    if (!spec_.is_text) {
        json::object format{{"type", spec_.format == AudioFormat::pcmu   ? "audio/pcmu"
                                     : spec_.format == AudioFormat::pcma ? "audio/pcma"
                                                                         : "audio/pcm"}};
        if (spec_.format == AudioFormat::pcm24k) format["rate"] = 24'000;
        json::object output{{"format", std::move(format)}, {"voice", spec_.voice}};
        response["audio"] = json::object{{"output", std::move(output)}};
    }
    return response;
}

json::object ResponseRun::message_item(std::string_view status) const {
    json::array content;
    if (status != "in_progress") {
        const std::string said = spec_.answer.says.substr(0, sent_chars_);
        content.push_back(is_spoken() ? json::object{{"type", "output_audio"}, {"transcript", said}}
                                      : json::object{{"type", "output_text"}, {"text", said}});
    }
    return {{"id", item_id_},      {"object", "realtime.item"}, {"type", "message"},
            {"role", "assistant"}, {"status", status},          {"content", std::move(content)}};
}

void ResponseRun::send_item_added(const json::object& item, std::int64_t audio_ms) {
    if (spec_.is_out_of_band) return;
    const std::string id = json_read::text(item, "id");
    json::value previous = host_.items().add(Item{.id = id, .body = item, .audio_ms = audio_ms});
    json::object added{{"type", "conversation.item.added"},
                       {"previous_item_id", std::move(previous)},
                       {"item", item}};
    host_.send(std::move(added));
}

void ResponseRun::send_item_done(const json::object& item) {
    if (spec_.is_out_of_band) return;
    const std::string id = json_read::text(item, "id");
    if (Item* kept = host_.items().find(id)) kept->body = item;
    json::object done{{"type", "conversation.item.done"},
                      {"previous_item_id", host_.items().previous_of(id)},
                      {"item", item}};
    host_.send(std::move(done));
}

}  // namespace parley::sim
