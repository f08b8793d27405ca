// Turns, responses, clocks and faults of the simulated Realtime session.
#include <parley/sim/realtime_session.hpp>

#include <parley/core/text.hpp>

namespace parley::sim {

namespace {

using Kind = InjectedFault::Kind;

constexpr milliseconds rate_limits_after{5};  // behind response.done, as captured
constexpr std::size_t huge_bytes = 1024 * 1024;
constexpr std::size_t metadata_max = 16;

bool acts_inside_response(Kind kind) {
    switch (kind) {
        case Kind::drop:
        case Kind::close_1011:
        case Kind::stall:
        case Kind::unknown_event:
        case Kind::huge_event:
        case Kind::invalid_json: return true;
        default: return false;
    }
}

}  // namespace

// ---- the caller's turn ------------------------------------------------------------------------

void RealtimeSession::on_speech_started(milliseconds at) {
    const auto turn = settings_.turn_detection();
    if (!turn) return;
    idle_due_ = TimePoint::max();
    speech_item_ = make_id("item_");
    speech_begin_ms_ =
        std::max({std::int64_t{0}, buffer_begin_ms_, (at - turn->prefix_padding).count()});
    send({{"type", "input_audio_buffer.speech_started"},
          {"audio_start_ms", speech_begin_ms_},
          {"item_id", speech_item_}});
    if (active_ != nullptr && turn->interrupt_response) cut_off_active("turn_detected");
}

void RealtimeSession::on_speech_stopped(milliseconds at) {
    const auto turn = settings_.turn_detection();
    if (!turn || speech_item_.empty()) return;
    const std::int64_t end = (at + turn->silence).count();
    send({{"type", "input_audio_buffer.speech_stopped"},
          {"audio_end_ms", end},
          {"item_id", speech_item_}});
    commit(end - speech_begin_ms_);
    if (!turn->create_response) return;
    if (active_ != nullptr) {  // interrupt_response is off; not the client's fault
        json::object details{
            {"type", "invalid_request_error"},
            {"code", "conversation_already_has_active_response"},
            {"message",
             fmt::format("Conversation already has an active response in progress: {}. Wait until "
                         "the response is finished before creating a new one.",
                         active_->id())},
            {"param", nullptr},
            {"event_id", nullptr}};
        send({{"type", "error"}, {"error", std::move(details)}});
        return;
    }
    start_response(player_.answer_caller(), default_spec());
}

void RealtimeSession::commit(std::int64_t audio_ms) {
    const std::string id = add_caller_item(audio_ms);
    ++utterance_count_;
    std::string text = player_.caller_spoke();
    tell(text.empty() ? fmt::format("caller spoke for {} ms", audio_ms)
                      : fmt::format("caller: {}", text));
    if (!settings_.transcribes()) return;
    transcriptions_.push_back({now_ + script_->transcription_delay, id, std::move(text), audio_ms,
                               take_fault(Kind::transcription_failed, utterance_count_)});
}

std::string RealtimeSession::add_caller_item(std::int64_t audio_ms) {
    const std::string id = std::exchange(speech_item_, {});
    buffer_begin_ms_ = appended_ms();
    json::array content;
    content.push_back(json::object{{"type", "input_audio"}, {"transcript", nullptr}});
    const json::object body{
        {"id", id},       {"object", "realtime.item"}, {"type", "message"},
        {"role", "user"}, {"status", "completed"},     {"content", std::move(content)}};
    const json::value previous = items_.add(Item{.id = id, .body = body, .audio_ms = audio_ms});
    send({{"type", "input_audio_buffer.committed"},
          {"previous_item_id", previous},
          {"item_id", id}});
    send({{"type", "conversation.item.added"}, {"previous_item_id", previous}, {"item", body}});
    send({{"type", "conversation.item.done"}, {"previous_item_id", previous}, {"item", body}});
    return id;
}

void RealtimeSession::on_idle() {
    idle_due_ = TimePoint::max();
    const auto turn = settings_.turn_detection();
    if (!turn || active_ != nullptr || !speech_item_.empty()) return;
    speech_item_ = make_id("item_");
    send({{"type", "input_audio_buffer.timeout_triggered"},
          {"audio_start_ms", buffer_begin_ms_},
          {"audio_end_ms", appended_ms()},
          {"item_id", speech_item_}});
    add_caller_item(appended_ms() - buffer_begin_ms_);
    start_response(Answer{.says = script_->fallback_says, .calls = {}, .turn = Answer::no_turn},
                   default_spec());
}

// ---- responses --------------------------------------------------------------------------------

ResponseRun::Spec RealtimeSession::default_spec() const {
    ResponseRun::Spec spec;
    spec.is_text = settings_.outputs_text();
    spec.format = settings_.output_format();
    spec.voice = settings_.object().at("audio").at("output").at("voice");
    spec.max_output_tokens = settings_.object().at("max_output_tokens");
    spec.conversation_id = conversation_id_;
    spec.speed = script_->speed;
    spec.delta = script_->delta;
    spec.think = script_->think;
    return spec;
}

std::optional<ApiError> RealtimeSession::read_response_options(const json::object& wanted,
                                                               ResponseRun::Spec& spec) const {
    constexpr std::array<std::string_view, 12> known{
        "output_modalities", "instructions",        "audio",     "tools",
        "tool_choice",       "parallel_tool_calls", "reasoning", "max_output_tokens",
        "metadata",          "conversation",        "input",     "prompt"};
    for (const auto& member : wanted) {
        const std::string path = "response." + std::string(member.key());
        if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end()) {
            return ApiError{"unknown_parameter", fmt::format("Unknown parameter: '{}'.", path),
                            path};
        }
    }
    if (const auto* tools = wanted.if_contains("tools")) {
        if (auto problem = check_tools(*tools, "response.tools")) return problem;
    }
    if (const auto* words = wanted.if_contains("instructions");
        words != nullptr && !words->is_string() && !words->is_null()) {
        return ApiError{"invalid_type",
                        "Invalid type for 'response.instructions': expected a string.",
                        "response.instructions"};
    }
    if (const auto* input = wanted.if_contains("input"); input != nullptr && !input->is_array()) {
        return ApiError{"invalid_type", "Invalid type for 'response.input': expected an array.",
                        "response.input"};
    }
    if (const auto* modalities = wanted.if_contains("output_modalities")) {
        const auto* list = modalities->if_array();
        const bool is_valid = list != nullptr && list->size() == 1 &&
                              (list->front() == "audio" || list->front() == "text");
        if (!is_valid) {
            return ApiError{"invalid_value",
                            "Invalid modalities: supported are ['text'] and ['audio'].",
                            "response.output_modalities"};
        }
        spec.is_text = list->front() == "text";
    }
    if (const auto conversation = json_read::string(wanted, "conversation")) {
        if (*conversation != "auto" && *conversation != "none") {
            return ApiError{
                "invalid_value",
                fmt::format("Invalid value: '{}'. Supported values are: 'auto' and 'none'.",
                            *conversation),
                "response.conversation"};
        }
        spec.is_out_of_band = *conversation == "none";
        if (spec.is_out_of_band) spec.conversation_id = nullptr;
    }
    if (const auto* metadata = wanted.if_contains("metadata");
        metadata != nullptr && !metadata->is_null()) {
        const auto* pairs = metadata->if_object();
        if (pairs == nullptr || pairs->size() > metadata_max) {
            return ApiError{"invalid_value", "Invalid 'metadata': at most 16 pairs of strings.",
                            "response.metadata"};
        }
        spec.metadata = *pairs;
    }
    if (const auto* tokens = wanted.if_contains("max_output_tokens"))
        spec.max_output_tokens = *tokens;
    if (const auto* audio = json_read::object(wanted, "audio")) {
        const auto* output = json_read::object(*audio, "output");
        if (output != nullptr && output->contains("format")) {
            if (auto problem = check_format(output->at("format"), "response.audio.output.format"))
                return problem;
            spec.format = format_named(output->if_contains("format")).value_or(spec.format);
        }
        if (output != nullptr && output->contains("voice")) {
            if (has_spoken_ && output->at("voice") != spec.voice) {
                return ApiError{
                    "cannot_update_voice",
                    "Cannot update a conversation's voice if assistant audio is present.",
                    "response.audio.output.voice"};
            }
            spec.voice = output->at("voice");
        }
    }
    return {};
}

void RealtimeSession::create_response(const json::object& event) {
    ResponseRun::Spec spec = default_spec();
    std::string instructions;
    bool may_call = true;
    if (const auto* value = event.if_contains("response"); value != nullptr) {
        const auto* wanted = value->if_object();
        if (wanted == nullptr) {
            reject(
                {"invalid_type", "Invalid type for 'response': expected an object.", "response"});
            return;
        }
        if (auto problem = read_response_options(*wanted, spec)) {
            reject(std::move(*problem));
            return;
        }
        instructions = json_read::text(*wanted, "instructions");
        may_call = json_read::text(*wanted, "tool_choice") != "none";
    }
    if (spec.is_out_of_band) {
        std::string words = wanted_words(instructions);
        if (words.empty()) words = script_->fallback_says;
        start_response(Answer{.says = std::move(words), .calls = {}, .turn = Answer::no_turn},
                       std::move(spec));
        return;
    }
    if (active_ != nullptr) {
        reject(
            {"conversation_already_has_active_response",
             fmt::format(
                 "Conversation already has an active response in progress: {}. Wait until the response is finished "
                 "before creating a new one.",
                 active_->id()),
             ""});
        return;
    }
    Answer answer = player_.answer_request(instructions);
    if (!may_call) answer.calls.clear();
    start_response(std::move(answer), std::move(spec));
}

void RealtimeSession::start_response(Answer answer, ResponseRun::Spec spec) {
    ++response_count_;
    idle_due_ = TimePoint::max();
    const int turn = answer.turn;
    if (!answer.says.empty()) tell(fmt::format("says: {}", answer.says));
    for (const auto& call : answer.calls)
        tell(fmt::format("calls {}{}", call.tool, json::serialize(call.arguments)));
    spec.answer = std::move(answer);
    spec.has_obfuscation = take_fault(Kind::obfuscation, turn);
    spec.has_null_usage = take_fault(Kind::null_usage, turn);
    const ItemList::Tokens conversation = items_.tokens();
    input_tokens_ = {.text = conversation.text + text_tokens(settings_.instructions()) +
                             text_tokens(json::serialize(settings_.object().at("tools"))),
                     .audio = conversation.audio};
    const AudioFormat format = spec.format;
    const bool is_out_of_band = spec.is_out_of_band;
    auto run =
        std::make_unique<ResponseRun>(std::move(spec), static_cast<ResponseHost&>(*this), now_);
    ask_for_speech(*run, format);
    if (is_out_of_band) {
        aside_.push_back(std::move(run));
        return;
    }
    active_ = std::move(run);
    active_turn_ = turn;
    armed_.clear();
    for (std::size_t i = 0; i < script_->faults.size(); ++i) {
        if (acts_inside_response(script_->faults[i].kind) && applies(script_->faults[i], turn)) {
            armed_.push_back({script_->faults[i], i});
        }
    }
    std::optional<ApiError> failure;
    if (take_fault(Kind::rate_limit, turn)) {
        failure = ApiError{
            "rate_limit_exceeded",
            fmt::format(
                "Rate limit reached for {} in organization org-sim on tokens per min (TPM): Limit 40000, Used "
                "39000, Requested 1500. Please try again in 0.5s. Visit "
                "https://platform.openai.com/account/rate-limits to learn more.",
                settings_.model()),
            "", "tokens"};
    } else if (take_fault(Kind::insufficient_quota, turn)) {
        failure =
            ApiError{"insufficient_quota",
                     "You exceeded your current quota, please check your plan and billing details.",
                     "", "insufficient_quota"};
    } else if (take_fault(Kind::server_error, turn)) {
        failure =
            ApiError{"", "The server had an error while processing your request. Sorry about that!",
                     "", "server_error"};
    }
    if (failure) {
        tell(fmt::format("response fails: {}", failure->message));
        active_->fail(*failure);
        finish_active();
    }
}

void RealtimeSession::ask_for_speech(const ResponseRun& run, AudioFormat format) {
    std::string words = run.words_to_speak();
    if (words.empty()) return;
    speeches_.emplace_back(next_ticket_, run.id());
    output_.push_back(Synthesize{next_ticket_++, std::move(words), sample_rate_hz(format)});
}

void RealtimeSession::speech_ready(std::uint64_t ticket, const Speech& speech, TimePoint now) {
    now_ = now;
    const auto found = std::find_if(speeches_.begin(), speeches_.end(),
                                    [&](const auto& s) { return s.first == ticket; });
    if (found == speeches_.end()) return;
    const std::string response_id = found->second;
    speeches_.erase(found);
    if (active_ != nullptr && active_->id() == response_id) active_->speech_ready(speech);
    for (auto& run : aside_) {
        if (run->id() == response_id) run->speech_ready(speech);
    }
    run_responses();
}

void RealtimeSession::cancel_response(const json::object& event) {
    const auto wanted = json_read::string(event, "response_id");
    if (active_ != nullptr && (!wanted || *wanted == active_->id())) {
        cut_off_active("client_cancelled");
        return;
    }
    for (auto& run : aside_) {
        if (wanted && run->id() == *wanted) {
            run->cancel("client_cancelled", 0);
            return;
        }
    }
    reject({"response_cancel_not_active", "Cancellation failed: no active response found", ""});
}

void RealtimeSession::cut_off_active(std::string_view reason) {
    const int late = take_fault(Kind::late_deltas, active_turn_) ? options_.late_deltas : 0;
    tell(fmt::format("response cut off: {}", reason));
    active_->cancel(reason, late);
    finish_active();
}

void RealtimeSession::run_responses() {
    while (active_ != nullptr && !is_over_ && !is_stalled_) {
        trip_faults(*active_);
        if (is_over_ || is_stalled_) return;
        if (!active_->step(now_)) break;
        if (active_->status() != ResponseRun::Status::running) finish_active();
    }
    for (auto& run : aside_) {
        while (run->step(now_)) {
        }
    }
    std::erase_if(aside_,
                  [](const auto& run) { return run->status() != ResponseRun::Status::running; });
}

void RealtimeSession::finish_active() {
    const auto run = std::move(active_);
    has_spoken_ = has_spoken_ || run->audio_sent() > milliseconds(0);
    if (run->status() != ResponseRun::Status::completed && !run->has_sounded()) {
        player_.put_back();
    } else {
        player_.calls_made(run->call_ids());
    }
    rate_limits_due_ = now_ + rate_limits_after;
    const auto turn = settings_.turn_detection();
    if (turn && turn->idle_timeout && run->call_ids().empty())
        idle_due_ = now_ + run->audio_sent() + *turn->idle_timeout;
}

// ---- time and trouble -------------------------------------------------------------------------

void RealtimeSession::advance(TimePoint now) {
    now_ = now;
    if (is_over_) return;
    if (now >= options_.expires_at) {
        const std::string words = "Your session hit the maximum duration of 60 minutes.";
        json::object details{{"type", "invalid_request_error"},
                             {"code", "session_expired"},
                             {"message", words},
                             {"param", nullptr},
                             {"event_id", nullptr}};
        send({{"type", "error"}, {"error", std::move(details)}});
        output_.push_back(Close{1001, words});
        is_over_ = true;
        return;
    }
    if (is_stalled_) return;
    run_responses();
    if (is_over_ || is_stalled_) return;
    std::erase_if(transcriptions_, [&](const Transcription& words) {
        if (words.due > now) return false;
        if (words.is_failed) {
            json::object details{{"type", "transcription_error"},
                                 {"code", "audio_unintelligible"},
                                 {"message", "The audio could not be transcribed."},
                                 {"param", nullptr}};
            send({{"type", "conversation.item.input_audio_transcription.failed"},
                  {"item_id", words.item_id},
                  {"content_index", 0},
                  {"error", std::move(details)}});
            return true;
        }
        if (!words.text.empty()) {
            send({{"type", "conversation.item.input_audio_transcription.delta"},
                  {"item_id", words.item_id},
                  {"content_index", 0},
                  {"delta", words.text}});
        }
        const std::int64_t heard = words.audio_ms / 100;
        const std::int64_t written = text_tokens(words.text);
        json::object input{{"text_tokens", 0}, {"audio_tokens", heard}};
        json::object tokens{{"type", "tokens"},
                            {"total_tokens", heard + written},
                            {"input_tokens", heard},
                            {"input_token_details", std::move(input)},
                            {"output_tokens", written}};
        send({{"type", "conversation.item.input_audio_transcription.completed"},
              {"item_id", words.item_id},
              {"content_index", 0},
              {"transcript", words.text},
              {"usage", std::move(tokens)}});
        return true;
    });
    if (now >= rate_limits_due_) {
        rate_limits_due_ = TimePoint::max();
        json::array limits;
        limits.push_back(json::object{
            {"name", "tokens"}, {"limit", 40'000}, {"remaining", 38'000}, {"reset_seconds", 3.0}});
        send({{"type", "rate_limits.updated"}, {"rate_limits", std::move(limits)}});
    }
    if (now >= idle_due_) on_idle();
}

TimePoint RealtimeSession::next_due() const {
    if (is_over_) return TimePoint::max();
    TimePoint due = options_.expires_at;
    if (is_stalled_) return due;
    if (active_ != nullptr) due = std::min(due, active_->next_due());
    for (const auto& run : aside_) due = std::min(due, run->next_due());
    for (const auto& words : transcriptions_) due = std::min(due, words.due);
    return std::min({due, rate_limits_due_, idle_due_});
}

void RealtimeSession::trip_faults(const ResponseRun& run) {
    for (std::size_t i = 0; i < armed_.size() && !is_over_ && !is_stalled_;) {
        if (run.audio_sent() < armed_[i].fault.after && !run.is_at_end()) {
            ++i;
            continue;
        }
        const PendingFault tripped = armed_[i];
        armed_.erase(armed_.begin() + static_cast<std::ptrdiff_t>(i));
        use_up(tripped.index);
        trip(tripped.fault);
    }
}

void RealtimeSession::trip(const InjectedFault& fault) {
    switch (fault.kind) {
        case Kind::drop:
            tell("fault: the connection breaks");
            output_.push_back(Drop{});
            is_over_ = true;
            break;
        case Kind::close_1011:
            output_.push_back(Close{1011, "internal error"});
            is_over_ = true;
            break;
        case Kind::stall:
            tell("fault: nothing more is sent");
            is_stalled_ = true;
            break;
        case Kind::unknown_event:
            send({{"type", "response.telepathy.delta"}, {"delta", "?"}, {"weight", 0.5}});
            break;
        case Kind::huge_event:
            send({{"type", "response.telepathy.delta"}, {"delta", std::string(huge_bytes, 'x')}});
            break;
        case Kind::invalid_json:
            output_.push_back(Send{"{\"type\":\"response.output_audio.delta\",\"delta\":"});
            break;
        default: break;
    }
}

bool RealtimeSession::applies(const InjectedFault& fault, int turn) const {
    const std::size_t index = static_cast<std::size_t>(&fault - script_->faults.data());
    return (fault.session == InjectedFault::any || fault.session == options_.number) &&
           (fault.response == InjectedFault::any || fault.response == response_count_) &&
           (fault.turn == InjectedFault::any || fault.turn == turn) &&
           (fault.times == 0 || fault_hits_[index] < fault.times);
}

bool RealtimeSession::take_fault(Kind kind, int turn) {
    for (std::size_t i = 0; i < script_->faults.size(); ++i) {
        if (script_->faults[i].kind != kind || !applies(script_->faults[i], turn)) continue;
        use_up(i);
        return true;
    }
    return false;
}

void RealtimeSession::use_up(std::size_t index) { ++fault_hits_[index]; }

}  // namespace parley::sim
