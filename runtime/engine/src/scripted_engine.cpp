#include <parley/engine/scripted_engine.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::engine {
namespace {

using Status = call::ResponseDone::Status;

// The sentence that a cue wants said word for word: what stands between its quotation marks.
std::optional<std::string> sentence_in(std::string_view instructions) {
    const auto first = instructions.find('"');
    const auto last = instructions.rfind('"');
    if (first == std::string_view::npos || last <= first + 1) return std::nullopt;
    return std::string(instructions.substr(first + 1, last - first - 1));
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// The byte where the character after `count` characters begins.
std::size_t offset_of(std::string_view text, std::size_t count) {
    std::size_t at = 0;
    while (at < text.size() && count > 0) {
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
        --count;
    }
    return at;
}

call::ResponseDone failure(std::string id, ScriptedLine::Fails how) {
    call::ResponseDone done{.response_id = std::move(id), .status = Status::failed};
    switch (how) {
        case ScriptedLine::Fails::rate_limit:
            done.detail = "rate_limit_exceeded: the scenario wants it";
            done.retry_after = milliseconds(500);
            done.may_retry = true;
            break;
        case ScriptedLine::Fails::quota:
            done.detail = "insufficient_quota: the scenario wants it";
            break;
        default:
            done.detail = "server_error: the scenario wants it";
            done.may_retry = true;
            break;
    }
    return done;
}

}  // namespace

milliseconds spoken_length(std::string_view text, milliseconds per_character) {
    return per_character * static_cast<std::int64_t>(characters_in(text));
}

ScriptedEngine::ScriptedEngine(Timekeeper& time, call::EventSink& sink, Prompter& prompter)
    : ScriptedEngine(time, sink, prompter, Options()) {}

ScriptedEngine::ScriptedEngine(Timekeeper& time, call::EventSink& sink, Prompter& prompter,
                               Options options)
    : time_(time),
      sink_(sink),
      prompter_(prompter),
      options_(options),
      alarm_(time.make_alarm([this] { ring(); })) {}

// ---- what is due ------------------------------------------------------------------------------

bool ScriptedEngine::tell(const call::Event& event) {
    const std::weak_ptr<int> alive = alive_;
    sink_.on(event);
    return !alive.expired();
}

void ScriptedEngine::after(milliseconds delay, Part part, std::function<void()> work) {
    due_.emplace(time_.now() + delay, Due{part, std::move(work)});
    arm();
}

void ScriptedEngine::arm() {
    if (due_.empty()) {
        alarm_->cancel();
    } else {
        alarm_->arm(due_.begin()->first);
    }
}

// One at a time: what it calls forth may change what comes next.
void ScriptedEngine::ring() {
    if (due_.empty()) return;
    auto node = due_.extract(due_.begin());
    arm();
    node.mapped().work();
}

void ScriptedEngine::drop_response() {
    std::erase_if(due_, [](const auto& each) { return each.second.part == Part::response; });
    response_.reset();
    arm();
}

// ---- commands ---------------------------------------------------------------------------------

void ScriptedEngine::open(const call::AgentProfile& profile,
                          const std::vector<call::Turn>& history) {
    prompter_.opened(profile, history);
    after(options_.connect, Part::connection, [this] {
        if (refusals_ > 0) {
            --refusals_;
            if (is_connected_) {
                tell(call::EngineProblem{"rotation_failed", "the scenario refuses the connection"});
            } else {
                tell(call::EngineLost{"the scenario refuses the connection",
                                      refusal_retry_ == Retry::allowed});
            }
            return;
        }
        forget();
        is_connected_ = true;
        tell(call::EngineReady{});
    });
}

void ScriptedEngine::respond(std::string_view instructions) {
    prompter_.asked(instructions);
    if (!is_connected_) return;
    if (response_ || pending_) {
        pending_ = std::string(instructions);
        return;
    }
    begin(std::string(instructions));
}

void ScriptedEngine::begin(std::string instructions) {
    response_ = Response{fmt::format("resp_{}", ++next_id_), std::move(instructions)};
    after(options_.think, Part::response, [this] {
        if (!tell(call::ResponseStarted{response_->id}) || !response_) return;
        if (auto sentence = sentence_in(response_->instructions))
            return speak({.says = std::move(*sentence)});
        if (auto line = prompter_.next_line(response_->instructions))
            return speak(std::move(*line));
        if (response_) response_->is_waiting = true;
    });
}

void ScriptedEngine::give_line(ScriptedLine line) {
    if (!is_waiting_for_line()) return;
    response_->is_waiting = false;
    after(milliseconds(0), Part::response,
          [this, given = std::move(line)]() mutable { speak(std::move(given)); });
}

void ScriptedEngine::cancel() {
    pending_.reset();
    if (!response_) return;
    end_response(
        {.response_id = response_->id, .status = Status::cancelled, .detail = "client_cancelled"});
}

void ScriptedEngine::inject(const call::Turn& turn) { prompter_.told(turn); }

// ---- the caller -------------------------------------------------------------------------------

void ScriptedEngine::caller_starts() {
    if (!is_connected_) return;
    caller_item_ = fmt::format("item_caller_{}", ++next_id_);
    if (!tell(call::CallerSpeechStarted{caller_item_})) return;
    // The provider stops talking when it hears the caller.
    pending_.reset();
    if (response_)
        end_response(
            {.response_id = response_->id, .status = Status::cancelled, .detail = "turn_detected"});
}

void ScriptedEngine::caller_stops(std::string text) {
    if (!is_connected_ || caller_item_.empty()) return;
    after(options_.end_of_speech, Part::connection, [this, item = caller_item_] {
        if (tell(call::CallerSpeechStopped{item}) && !response_) begin({});
    });
    after(options_.end_of_speech + options_.transcription, Part::connection,
          [this, item = caller_item_, said = std::move(text)] {
              tell(call::CallerTranscribed{item, said});
          });
    caller_item_.clear();
}

// ---- a response -------------------------------------------------------------------------------

void ScriptedEngine::speak(ScriptedLine line) {
    if (!response_) return;
    if (line.fails == ScriptedLine::Fails::stall) return;  // and nothing more
    if (line.fails != ScriptedLine::Fails::no)
        return end_response(failure(response_->id, line.fails));
    if (line.says.empty()) return finish(std::move(line.calls));
    const auto whole = spoken_length(line.says, options_.per_character);
    piece(fmt::format("item_{}", ++next_id_), std::move(line.says), 0, whole,
          std::move(line.calls));
}

void ScriptedEngine::piece(std::string item_id, std::string text, std::size_t said,
                           milliseconds left, std::vector<ScriptedLine::Call> calls) {
    const auto span = std::min(left, options_.piece);
    const auto until =
        offset_of(text, characters_in(std::string_view(text).substr(0, said)) +
                            static_cast<std::size_t>(span / options_.per_character) + 1);
    const auto end = left == span ? text.size() : std::min(until, text.size());
    const std::string id = response_->id;
    const bool is_heard =
        end == said ||
        tell(call::AgentText{id, item_id, std::string_view(text).substr(said, end - said)});
    if (!is_heard || !response_) return;
    audio_.assign(static_cast<std::size_t>(span.count()) * options_.bytes_per_ms, speech_byte);
    if (!tell(call::AgentAudio{id, item_id, 0, audio_}) || !response_) return;
    if (left > span) {
        return after(span / options_.speed, Part::response,
                     [this, item = std::move(item_id), words = std::move(text), end,
                      rest = left - span, then = std::move(calls)]() mutable {
                         piece(std::move(item), std::move(words), end, rest, std::move(then));
                     });
    }
    if (tell(call::AgentItemDone{id, std::move(item_id), std::move(text)}) && response_)
        finish(std::move(calls));
}

void ScriptedEngine::finish(std::vector<ScriptedLine::Call> calls) {
    const std::string id = response_->id;
    for (auto& each : calls) {
        const call::ToolCalled called{id, fmt::format("call_{}", ++next_id_), std::move(each.tool),
                                      std::move(each.arguments)};
        if (!tell(called) || !response_) return;
    }
    end_response({.response_id = id});
}

// Its end is told by an alarm: this may run inside a command.
void ScriptedEngine::end_response(call::ResponseDone done) {
    drop_response();
    after(milliseconds(0), Part::connection, [this, told = std::move(done)] {
        if (!tell(told) || !pending_ || response_ || !is_connected_) return;
        begin(*std::exchange(pending_, std::nullopt));
    });
}

// ---- faults -----------------------------------------------------------------------------------

void ScriptedEngine::forget() {
    drop_response();
    pending_.reset();
    caller_item_.clear();
}

void ScriptedEngine::lose(std::string reason, Retry retry) {
    forget();
    due_.clear();
    is_connected_ = false;
    after(milliseconds(0), Part::connection, [this, why = std::move(reason), retry] {
        tell(call::EngineLost{why, retry == Retry::allowed});
    });
}

}  // namespace parley::engine
