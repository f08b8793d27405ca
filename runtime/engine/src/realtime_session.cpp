#include <parley/engine/realtime_session.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace parley::engine {
namespace {

using namespace realtime;

// How far back late events are recognised. A turn has a handful of responses and items.
constexpr std::size_t responses_max = 32;
constexpr std::size_t items_max = 64;
constexpr std::size_t tool_calls_max = 256;
constexpr std::size_t calls_of_response_max = 32;
constexpr std::size_t quoted_bytes_max = 300;  // of the server's words, in our logs and problems
// Beyond this the two clocks disagree, or the server means something else.
constexpr std::chrono::hours session_life_max{24 * 7};
// the year 2242; system_clock counts nanoseconds to 2262
constexpr std::int64_t unix_seconds_max = 1LL << 33;

template <class T>
void trim_to(std::deque<T>& list, std::size_t size_max) {
    while (list.size() > size_max) list.pop_front();
}

TokenPrice price_of(const OpenAiOptions& options, const std::string& model) {
    const auto found = options.prices.find(model);
    return found == options.prices.end() ? TokenPrice{} : found->second;
}

double transcription_price_of(const OpenAiOptions& options) {
    const auto found = options.transcription_prices.find(options.transcription_model);
    return found == options.transcription_prices.end() ? 0 : found->second;
}

std::string said_by(const ServerError& error) {
    const std::string& name = error.code.empty() ? error.type : error.code;
    std::string text = name.empty() ? "error" : name;
    if (!error.message.empty()) text += ": " + error.message;
    if (!error.param.empty()) text += " (" + error.param + ")";
    return shortened(text, quoted_bytes_max);
}

const std::string& or_default(const std::string& value, const std::string& fallback) {
    return value.empty() ? fallback : value;
}

// The agent's own wishes over the settings of all.
TurnDetectionOptions turn_detection_of(const OpenAiOptions& options,
                                       const call::AgentProfile& profile) {
    TurnDetectionOptions turns = options.turn_detection;
    const call::TurnTaking& own = profile.turn_taking;
    if (own.type == "server_vad") turns.type = TurnDetectionOptions::Type::server_vad;
    if (own.type == "semantic_vad") turns.type = TurnDetectionOptions::Type::semantic_vad;
    turns.threshold = own.threshold.value_or(turns.threshold);
    turns.prefix_padding_ms = own.prefix_padding_ms.value_or(turns.prefix_padding_ms);
    turns.silence_duration_ms = own.silence_ms.value_or(turns.silence_duration_ms);
    if (!own.eagerness.empty()) turns.eagerness = own.eagerness;
    turns.interrupts = profile.rules.interruptions == call::AgentPrepared::Interruptions::allowed;
    return turns;
}

}  // namespace

RealtimeSession::RealtimeSession(const OpenAiOptions& options, const call::AgentProfile& profile,
                                 std::vector<call::Turn> history, std::string call_sid,
                                 TimePoint now, WallTime wall_now)
    : call_sid_(std::move(call_sid)),
      model_(or_default(profile.model, options.model)),
      price_(price_of(options, model_)),
      transcription_price_(transcription_price_of(options)),
      bad_messages_max_(options.bad_messages_max),
      setup_{or_default(profile.voice, options.voice),
             options.audio,
             options.transcription_model,
             profile.language,
             turn_detection_of(options, profile),
             profile.instructions,
             profile.tools,
             options.speech},
      opened_at_(now),
      opened_at_wall_(wall_now),
      history_(std::move(history)) {
    if (options.audio == ModelAudio::pcm16_24k) transcoders_.emplace();
}

// ---- from the server --------------------------------------------------------------------------

void RealtimeSession::receive(std::string_view text, Output& out) {
    if (state_ == State::over) return;
    if (const auto delta = scan_audio_delta(text)) {
        audio(delta->response_id, delta->item_id, delta->content_index, delta->base64, out);
        return;
    }
    event_ = parse_event(text);
    if (!std::holds_alternative<Malformed>(event_) && !std::holds_alternative<AudioDelta>(event_))
        bad_messages_ = 0;
    std::visit([&](const auto& event) { on(event, out); }, event_);
}

void RealtimeSession::receive_binary(Output& out) {
    if (state_ != State::over) on(Malformed{"a binary message"}, out);
}

void RealtimeSession::setup_timed_out(Output& out) {
    if (state_ == State::ready) return;
    end(state_ == State::connecting ? "no session.created in time" : "no session.updated in time",
        true, out);
}

void RealtimeSession::closed(std::uint16_t code, std::string_view reason, Output& out) {
    std::string text = fmt::format("closed with {}", code);
    const std::string words =
        reason.empty() ? last_error_ : shortened(to_valid_utf8(reason), quoted_bytes_max);
    if (!words.empty()) text += ": " + words;
    end(std::move(text), may_reconnect_after_close(code), out);
}

void RealtimeSession::lost(std::string_view reason, Output& out) {
    end(shortened(to_valid_utf8(reason), quoted_bytes_max), true, out);
}

void RealtimeSession::settle(Output& out) { create_due(out); }

void RealtimeSession::on(const Malformed& event, Output& out) {
    ++bad_messages_;
    log::debug("openai.bad_message",
               {{"call", call_sid_}, {"what", event.what}, {"in_a_row", bad_messages_}});
    out.events.push_back(call::EngineProblem{"bad_message", event.what});
    if (bad_messages_ >= bad_messages_max_)
        end(fmt::format("{} bad messages in a row", bad_messages_), true, out);
}

void RealtimeSession::on(const SessionCreated& event, Output& out) {
    if (state_ != State::connecting) return;
    state_ = State::configuring;
    note_expiry(event.expires_at);
    out.messages.push_back(session_update(next_event_id("session"), setup_));
}

void RealtimeSession::on(const SessionUpdated& event, Output& out) {
    if (state_ != State::configuring) return;
    // Audio in a format other than agreed is loud noise in the caller's ear.
    for (const auto* format : {&event.input, &event.output}) {
        if (setup_.speech == ModelSpeech::written || is_accepted(setup_.audio, *format)) continue;
        const char* wanted =
            setup_.audio == ModelAudio::pcmu ? "audio/pcmu" : "audio/pcm at 24000 Hz";
        return end(fmt::format("the server set the {} format to {} where {} was asked for",
                               format == &event.input ? "input" : "output",
                               shortened(format->text(), quoted_bytes_max), wanted),
                   false, out);
    }
    if (event.input.type.empty() || event.output.type.empty()) {
        log::warn("openai.format_not_echoed", {{"call", call_sid_}, {"model", model_}});
    }
    note_expiry(event.expires_at);
    state_ = State::ready;
    if (std::exchange(is_revision_late_, false)) {
        are_tools_late_ = false;
        out.messages.push_back(
            agent_update(next_event_id("agent"), setup_.instructions, setup_.tools));
    }
    if (std::exchange(are_tools_late_, false)) offer_tools(setup_.tools, out);
    for (const auto& turn : std::exchange(history_, {})) inject(turn, out);
    out.events.push_back(call::EngineReady{expires_at_});
}

void RealtimeSession::on(const ServerError& error, Output& out) {
    last_error_ = said_by(error);
    const auto severity = severity_of(error);
    if (severity == Severity::fatal) return end(last_error_, false, out);
    if (severity == Severity::expired) return end(last_error_, true, out);
    if (state_ != State::ready) return fail_setup(error, out);

    switch (gate_.on_error(error.event_id, error.code, error.param)) {
        case ResponseGate::Refusal::requeued:
            log::debug("openai.response_waits", {{"call", call_sid_}, {"what", last_error_}});
            return;
        case ResponseGate::Refusal::dropped:
            // Whoever asked for the response waits for it: tell them that it will not come.
            out.events.push_back(call::ResponseDone{"",
                                                    call::ResponseDone::Status::failed,
                                                    last_error_,
                                                    true,
                                                    retry_delay(error.message),
                                                    {}});
            return;
        case ResponseGate::Refusal::not_ours: break;
    }
    if (severity == Severity::benign || error.event_id.starts_with("truncate")) {
        log::debug("openai.benign_error", {{"call", call_sid_}, {"what", last_error_}});
        return;
    }
    log::debug("openai.error",
               {{"call", call_sid_}, {"what", last_error_}, {"about", error.event_id}});
    out.events.push_back(call::EngineProblem{error.code.empty() ? error.type : error.code,
                                             shortened(error.message, quoted_bytes_max)});
}

// A model of its own writes down what callers say, and those come and go: a session without it is
// better than none.
bool RealtimeSession::retry_without_transcription(const ServerError& error, Output& out) {
    if (state_ != State::configuring || setup_.transcription_model.empty() ||
        error.param.find("transcription") == std::string::npos)
        return false;
    log::warn("openai.no_transcription",
              {{"call", call_sid_},
               {"what", last_error_},
               {"remedy", "set openai.transcription_model to one the server knows"}});
    setup_.transcription_model.clear();
    out.messages.push_back(session_update(next_event_id("session"), setup_));
    return true;
}

// Nothing but session.update has been sent, so the error is about it or about the connection
// itself; the server has dropped the update as a whole and no session.updated will come.
void RealtimeSession::fail_setup(const ServerError& error, Output& out) {
    if (retry_without_transcription(error, out)) return;
    const bool is_passing = error.type == "server_error" || error.code == "server_error" ||
                            error.code == "rate_limit_exceeded";
    end((state_ == State::connecting ? "the server refused the session: "
                                     : "the server refused the settings: ") +
            last_error_,
        is_passing, out);
}

void RealtimeSession::on(const SpeechStarted& event, Output& out) {
    if (state_ != State::ready) return;
    // Without a name it must still interrupt the agent, and not be mistaken for an earlier
    // utterance.
    out.events.push_back(call::CallerSpeechStarted{
        event.item_id.empty() ? fmt::format("unnamed-{}", ++unnamed_utterances_) : event.item_id});
}

void RealtimeSession::on(const SpeechStopped& event, Output& out) {
    if (state_ == State::ready) out.events.push_back(call::CallerSpeechStopped{event.item_id});
}

void RealtimeSession::on(const Transcribed& event, Output& out) {
    if (state_ != State::ready) return;
    call::CallerTranscribed said{event.item_id, std::string(trim(event.text)), event.usage};
    if (said.usage)
        said.usage->cost_usd = transcription_cost_usd(*said.usage, transcription_price_);
    out.events.push_back(std::move(said));
}

void RealtimeSession::on(const TranscriptionFailed& event, Output& out) {
    if (state_ != State::ready) return;
    out.events.push_back(call::EngineProblem{
        "transcription_failed",
        shortened(event.message.empty() ? event.code : event.message, quoted_bytes_max)});
}

void RealtimeSession::on(const ResponseCreated& event, Output& out) {
    if (state_ != State::ready || find_response(event.response_id) != nullptr) return;
    response(event.response_id);
    const auto began = gate_.on_created(event.response_id, event.create_id);
    if (began.is_cancel_due) send_cancel(event.response_id, out);
    out.events.push_back(call::ResponseStarted{event.response_id, began.is_asked_for});
}

void RealtimeSession::on(const AudioDelta& event, Output& out) {
    audio(event.response_id, event.item_id, event.content_index, event.base64, out);
}

void RealtimeSession::audio(std::string_view response_id, std::string_view item_id,
                            int content_index, std::string_view base64, Output& out) {
    if (!base64::decode(base64, decoded_)) return on(Malformed{"audio delta: not base64"}, out);
    bad_messages_ = 0;
    if (state_ != State::ready || decoded_.empty() || is_discarded(response_id)) return;
    item(item_id, content_index, response_id).bytes += decoded_.size();

    call::Bytes speech = decoded_;
    if (transcoders_) {
        if (transcoders_->speaking_item != item_id) {
            drop_tail();  // of an item that ended without its audio.done
            transcoders_->speaking_item = item_id;
        }
        speech_.clear();
        transcoders_->from_model.convert(decoded_, speech_);
        if (speech_.empty()) return;
        speech = speech_;
    }
    out.events.push_back(call::AgentAudio{response_id, item_id, content_index, speech});
}

void RealtimeSession::on(const AudioDone& event, Output& out) {
    flush_tail(event.response_id, event.item_id, event.content_index, out);
}

void RealtimeSession::flush_tail(std::string_view response_id, std::string_view item_id,
                                 int content_index, Output& out) {
    if (!transcoders_ || transcoders_->speaking_item.empty() ||
        transcoders_->speaking_item != item_id)
        return;
    transcoders_->speaking_item.clear();
    speech_.clear();
    transcoders_->from_model.flush(speech_);
    transcoders_->from_model.reset();
    if (!speech_.empty())
        out.events.push_back(call::AgentAudio{response_id, item_id, content_index, speech_});
}

void RealtimeSession::drop_tail() {
    if (!transcoders_ || transcoders_->speaking_item.empty()) return;
    transcoders_->speaking_item.clear();
    transcoders_->from_model.reset();
}

void RealtimeSession::on(const TextDelta& event, Output& out) {
    if (state_ != State::ready || is_discarded(event.response_id)) return;
    out.events.push_back(call::AgentText{event.response_id, event.item_id, event.delta});
}

void RealtimeSession::on(const TextDone& event, Output&) {
    if (state_ != State::ready || is_discarded(event.response_id)) return;
    item(event.item_id, 0, event.response_id).text = event.text;
}

void RealtimeSession::on(const OutputItemDone& event, Output& out) {
    if (state_ != State::ready) return;
    if (event.item.kind == OutputItem::Kind::function_call)
        return tool_called(event.response_id, event.item, out);
    if (event.item.kind != OutputItem::Kind::message || is_discarded(event.response_id)) return;
    flush_tail(event.response_id, event.item.id, 0, out);
    const auto* known = find_item(event.item.id, 0);
    const bool is_text_missing = event.item.text.empty() && known != nullptr;
    out.events.push_back(call::AgentItemDone{event.response_id, event.item.id,
                                             is_text_missing ? known->text : event.item.text});
}

// A call made in full is run even if the response was cut off after it: the model believes to have
// made it.
void RealtimeSession::tool_called(std::string_view response_id, const OutputItem& item,
                                  Output& out) {
    // its arguments may end in the middle
    if (!item.status.empty() && item.status != "completed") return;
    if (std::find(tool_calls_.begin(), tool_calls_.end(), item.call_id) != tool_calls_.end())
        return;
    tool_calls_.push_back(item.call_id);
    trim_to(tool_calls_, tool_calls_max);
    out.events.push_back(call::ToolCalled{std::string(response_id), item.call_id, item.name,
                                          item.arguments.empty() ? "{}" : item.arguments});
}

// Waits for the response to end well: until then the call may be taken back, and its item says the
// same again.
void RealtimeSession::on(const ArgumentsDone& event, Output&) {
    if (state_ != State::ready || event.item.name.empty()) return;
    auto& calls = response(event.response_id.empty() ? gate_.active_id() : event.response_id).calls;
    if (calls.size() < calls_of_response_max) calls.push_back(event.item);
}

void RealtimeSession::on(const ResponseFinished& event, Output& out) {
    if (state_ != State::ready) return;
    Response& known = response(event.response_id);
    if (std::exchange(known.is_done, true)) return;
    gate_.on_done(event.response_id);

    using Status = call::ResponseDone::Status;
    call::ResponseDone done{event.response_id, event.status, event.reason, false, {}, event.usage};
    if (done.usage) done.usage->cost_usd = cost_usd(*done.usage, price_);
    if (event.status == Status::completed) {
        // Each has come with its own output_item.done before; a server that leaves those out is
        // heard too.
        for (const auto& each : event.function_calls) tool_called(event.response_id, each, out);
        for (const auto& each : std::exchange(known.calls, {}))
            tool_called(event.response_id, each, out);
    } else if (event.status == Status::failed) {
        done.detail = said_by({event.error_type, event.error_code, event.error_message, {}, {}});
        done.may_retry = may_retry_response(event.error_type, event.error_code);
        done.retry_after = retry_delay(event.error_message);
        log::debug("openai.response_failed",
                   {{"call", call_sid_}, {"response", event.response_id}, {"what", done.detail}});
    } else if (event.status == Status::cancelled) {
        discard(event.response_id);  // whatever comes after it is late
    }
    out.events.push_back(std::move(done));
}

// ---- from the call ----------------------------------------------------------------------------

std::string_view RealtimeSession::append(call::Bytes audio) {
    if (state_ != State::ready || audio.empty()) return {};
    if (transcoders_) {
        heard_.clear();
        transcoders_->to_model.convert(audio, heard_);
        if (heard_.empty()) return {};
        audio = heard_;
    }
    build_append(append_, audio);
    return append_;
}

void RealtimeSession::respond(std::string_view instructions, Output& out) {
    if (state_ != State::ready) return;
    gate_.respond(instructions);
    create_due(out);
}

void RealtimeSession::create_due(Output& out) {
    if (state_ != State::ready || gate_.state() != ResponseGate::State::free ||
        !gate_.has_follow_up())
        return;
    const std::string event_id = next_event_id("create");
    const auto wish = gate_.take_due(event_id);
    if (!wish) return;
    // Instructions of a response replace the session's own: without those the agent would forget
    // who it is.
    std::string instructions = *wish;
    if (!wish->empty() && !setup_.instructions.empty())
        instructions = setup_.instructions + "\n\n" + *wish;
    out.messages.push_back(create_response(event_id, instructions));
}

void RealtimeSession::cancel(Output& out) {
    if (state_ != State::ready) return;
    if (const auto to_cancel = gate_.cancel()) send_cancel(*to_cancel, out);
}

void RealtimeSession::send_cancel(const std::string& response_id, Output& out) {
    if (!response_id.empty()) discard(response_id);
    out.messages.push_back(cancel_response(next_event_id("cancel"), response_id));
}

void RealtimeSession::truncate(std::string_view item_id, int content_index,
                               std::int64_t audio_end_ms, Output& out) {
    if (state_ != State::ready) return;
    const Item* cut = find_item(item_id, content_index);
    if (cut != nullptr) discard(cut->response_id);
    if (cut == nullptr || cut->bytes == 0) {
        // An earlier connection's, or one without audio: the server would only refuse.
        log::debug("openai.nothing_to_truncate", {{"call", call_sid_}, {"item", item_id}});
        return;
    }
    const auto received_ms = static_cast<std::int64_t>(cut->bytes / bytes_per_ms(setup_.audio));
    out.messages.push_back(truncate_item(next_event_id("truncate"), item_id, content_index,
                                         std::clamp<std::int64_t>(audio_end_ms, 0, received_ms)));
}

void RealtimeSession::tool_output(std::string_view tool_call_id, std::string_view output,
                                  Output& out) {
    if (state_ != State::ready) return;
    if (std::find(tool_calls_.begin(), tool_calls_.end(), tool_call_id) == tool_calls_.end()) {
        // Asked for by an earlier connection: this one does not know the id and would refuse it.
        return inject({call::Turn::Speaker::system,
                       fmt::format("A tool called earlier has returned: {}", output)},
                      out);
    }
    out.messages.push_back(create_tool_output(next_event_id("tool"), tool_call_id, output));
}

void RealtimeSession::offer_tools(const json::array& tools, Output& out) {
    if (&tools != &setup_.tools) setup_.tools = tools;
    if (state_ == State::configuring) are_tools_late_ = true;
    if (state_ == State::ready)
        out.messages.push_back(tools_update(next_event_id("tools"), setup_.tools));
}

void RealtimeSession::revise(const call::AgentProfile& profile, Output& out) {
    setup_.instructions = profile.instructions;
    setup_.tools = profile.tools;
    if (state_ == State::configuring) is_revision_late_ = true;
    if (state_ == State::ready)
        out.messages.push_back(
            agent_update(next_event_id("agent"), setup_.instructions, setup_.tools));
}

void RealtimeSession::inject(const call::Turn& turn, Output& out) {
    if (turn.text.empty() || state_ == State::over) return;
    if (state_ != State::ready) {
        history_.push_back(turn);
        return;
    }
    out.messages.push_back(create_text_item(next_event_id("text"), turn));
}

// ---- the rest ---------------------------------------------------------------------------------

void RealtimeSession::end(std::string reason, bool may_retry, Output& out) {
    if (state_ == State::over) return;
    state_ = State::over;
    out.events.push_back(call::EngineLost{std::move(reason), may_retry});
}

void RealtimeSession::discard(std::string_view response_id) {
    Response& cut = response(response_id);
    if (std::exchange(cut.is_discarded, true)) return;
    drop_tail();
}

bool RealtimeSession::is_discarded(std::string_view response_id) const {
    for (auto it = responses_.rbegin(); it != responses_.rend(); ++it) {
        if (it->id == response_id) return it->is_discarded;
    }
    return false;
}

RealtimeSession::Response* RealtimeSession::find_response(std::string_view id) {
    for (auto it = responses_.rbegin(); it != responses_.rend(); ++it) {
        if (it->id == id) return &*it;
    }
    return nullptr;
}

RealtimeSession::Response& RealtimeSession::response(std::string_view id) {
    if (auto* known = find_response(id)) return *known;
    responses_.push_back({std::string(id)});
    trim_to(responses_, responses_max);
    return responses_.back();
}

RealtimeSession::Item* RealtimeSession::find_item(std::string_view id, int content_index) {
    for (auto it = items_.rbegin(); it != items_.rend(); ++it) {
        if (it->id == id && it->content_index == content_index) return &*it;
    }
    return nullptr;
}

RealtimeSession::Item& RealtimeSession::item(std::string_view id, int content_index,
                                             std::string_view response_id) {
    if (auto* known = find_item(id, content_index)) return *known;
    items_.push_back({std::string(id), content_index, std::string(response_id), 0, {}});
    trim_to(items_, items_max);
    return items_.back();
}

std::string RealtimeSession::next_event_id(std::string_view what) {
    return fmt::format("{}-{}", what, ++event_ids_);
}

void RealtimeSession::note_expiry(std::optional<std::int64_t> expires_at) {
    if (!expires_at || *expires_at <= 0 || *expires_at > unix_seconds_max) return;
    const auto life =
        std::chrono::system_clock::from_time_t(static_cast<std::time_t>(*expires_at)) -
        opened_at_wall_;
    // our clock is wrong, not the server's
    if (life <= life.zero() || life > session_life_max) return;
    expires_at_ = opened_at_ + std::chrono::duration_cast<Clock::duration>(life);
}

}  // namespace parley::engine
