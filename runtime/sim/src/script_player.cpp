#include <parley/sim/script_player.hpp>

#include <parley/core/text.hpp>

namespace parley::sim {

namespace {

constexpr std::string_view default_greeting = "Hello, how can I help you?";
constexpr std::size_t problems_max = 100;

bool is_true(const json::value* value) {
    if (value == nullptr || value->is_null()) return false;
    if (const auto* flag = value->if_bool()) return *flag;
    if (const auto* text = value->if_string()) return !text->empty();
    if (const auto* list = value->if_array()) return !list->empty();
    if (value->is_number()) return value->to_number<double>() != 0;
    return true;
}

// The last text between `open` and `close`: clients put the agent's prompt, which may quote too,
// before the cue.
std::string_view quotation(std::string_view text, std::string_view open, std::string_view close) {
    const auto end = text.rfind(close);
    if (end == text.npos || end == 0) return {};
    const auto begin = text.rfind(open, end - 1);
    if (begin == text.npos) return {};
    return trim(text.substr(begin + open.size(), end - begin - open.size()));
}

}  // namespace

std::string wanted_words(std::string_view instructions) {
    if (const auto words = quotation(instructions, "\"", "\""); !words.empty())
        return std::string(words);
    if (const auto words = quotation(instructions, "\u201C", "\u201D"); !words.empty())
        return std::string(words);
    const auto colon = instructions.find(": ");
    return colon == instructions.npos ? std::string()
                                      : std::string(trim(instructions.substr(colon + 2)));
}

std::string ScriptPlayer::caller_spoke() {
    is_unanswered_ = true;
    if (is_next_turn_heard_) return {};
    is_next_turn_heard_ = true;
    return next_turn_ < script_->turns.size() ? heard_of(next_turn_) : std::string();
}

Answer ScriptPlayer::answer_caller() {
    is_greeted_ = true;  // whoever speaks first
    // Results that wait and that the script has nothing to say about have been overtaken by the
    // caller.
    std::erase_if(waiting_,
                  [](const Waiting& w) { return w.outstanding.empty() && w.turn->then.empty(); });
    if (finished_results() != waiting_.end()) {
        is_unanswered_ = false;
        return answer_results();
    }
    return next_turn();
}

Answer ScriptPlayer::answer_request(std::string_view instructions) {
    if (!is_greeted_ && !is_unanswered_) return greeting(instructions);
    const std::string words = wanted_words(instructions);
    if (words.empty()) {
        if (!told_.empty()) {
            source_ = Source::request;
            spoken_tools_.clear();
            return Answer{.says = std::exchange(told_, {}), .calls = {}, .turn = Answer::no_turn};
        }
        if (finished_results() != waiting_.end()) return answer_results();
        if (is_unanswered_) return next_turn();
        source_ = Source::none;
        spoken_tools_.clear();
        if (trim(instructions).empty()) return {};  // nothing new has happened: nothing to say
        return fallback();
    }
    source_ = Source::request;
    spoken_tools_.clear();
    return Answer{.says = words, .calls = {}, .turn = Answer::no_turn};
}

Answer ScriptPlayer::greeting(std::string_view instructions) {
    is_greeted_ = true;
    source_ = Source::greeting;
    spoken_tools_.clear();
    Answer answer{.says = {}, .calls = {}, .turn = 0};
    if (script_->greeting == "none") return answer;
    if (script_->greeting != "from_instructions") {
        auto filled = render(script_->greeting, variables_, today_);
        if (!filled) {
            problems_.push_back(filled.error().text());
            return fallback();
        }
        answer.says = std::move(*filled);
        return answer;
    }
    answer.says = wanted_words(instructions);
    if (answer.says.empty()) answer.says = default_greeting;
    return answer;
}

Answer ScriptPlayer::next_turn() {
    source_ = Source::turn;
    is_unanswered_ = false;
    is_next_turn_heard_ = false;
    spoken_tools_.clear();
    const std::size_t index = next_turn_++;
    if (index >= script_->turns.size()) return fallback();
    return speak(script_->turns[index], static_cast<int>(index) + 1, nullptr);
}

std::deque<ScriptPlayer::Waiting>::iterator ScriptPlayer::finished_results() {
    return std::find_if(waiting_.begin(), waiting_.end(),
                        [](const Waiting& w) { return w.outstanding.empty(); });
}

Answer ScriptPlayer::answer_results() {
    const auto found = finished_results();
    spoken_results_ = std::move(*found);
    waiting_.erase(found);
    source_ = Source::results;
    spoken_tools_.clear();
    const Waiting& results = *spoken_results_;
    if (results.turn->then.empty()) return Answer{.says = {}, .calls = {}, .turn = results.number};
    for (const ModelTurn& alternative : results.turn->then) {
        if (applies(alternative.when, results.result))
            return speak(alternative, results.number, results.result);
    }
    problems_.push_back(
        fmt::format("turn {}: no alternative under `then` applies", results.number));
    return fallback();
}

Answer ScriptPlayer::speak(const ModelTurn& turn, int number, const json::value& result) {
    if (problems_.size() > problems_max) problems_.resize(problems_max);
    const json::object known = scope(result);
    Answer answer{.says = {}, .calls = {}, .turn = number};
    auto says = render(turn.says, known, today_);
    if (!says) {
        problems_.push_back(fmt::format("turn {}: says: {}", number, says.error().text()));
        return fallback();
    }
    answer.says = std::move(*says);
    spoken_turn_ = &turn;
    spoken_number_ = number;
    for (const ModelTurn::Call& call : turn.calls) {
        auto arguments = render_value(call.arguments, known, today_);
        if (!arguments) {
            problems_.push_back(
                fmt::format("turn {}: {}: {}", number, call.tool, arguments.error().text()));
            spoken_tools_.clear();
            return fallback();
        }
        answer.calls.push_back({call.tool, std::move(arguments->get_object())});
        spoken_tools_.push_back(call.tool);
    }
    if (turn.calls.empty()) remember(turn, result);
    return answer;
}

Answer ScriptPlayer::fallback() {
    return Answer{.says = script_->fallback_says, .calls = {}, .turn = Answer::no_turn};
}

void ScriptPlayer::put_back() {
    switch (source_) {
        case Source::greeting: is_greeted_ = false; break;
        case Source::turn:
            if (next_turn_ > 0) --next_turn_;
            is_unanswered_ = true;
            is_next_turn_heard_ = true;
            break;
        case Source::results:
            if (spoken_results_) waiting_.push_front(std::move(*spoken_results_));
            break;
        case Source::request:
        case Source::none: break;
    }
    source_ = Source::none;
    spoken_results_.reset();
    spoken_tools_.clear();
}

void ScriptPlayer::calls_made(const std::vector<std::string>& call_ids) {
    if (call_ids.empty() || spoken_turn_ == nullptr) return;
    Waiting waiting{
        .turn = spoken_turn_, .number = spoken_number_, .outstanding = {}, .result = nullptr};
    for (std::size_t i = 0; i < call_ids.size() && i < spoken_tools_.size(); ++i) {
        waiting.outstanding.emplace_back(call_ids[i], spoken_tools_[i]);
    }
    waiting_.push_back(std::move(waiting));
}

void ScriptPlayer::tool_result(std::string_view call_id, std::string_view output) {
    for (Waiting& waiting : waiting_) {
        const auto found = std::find_if(waiting.outstanding.begin(), waiting.outstanding.end(),
                                        [&](const auto& call) { return call.first == call_id; });
        if (found == waiting.outstanding.end()) continue;
        auto parsed = json_read::parse(output);
        waiting.result = parsed ? std::move(*parsed) : json::value(output);
        auto& results = variables_["results"];
        if (!results.is_object()) results = json::object();
        results.get_object()[found->second] = waiting.result;
        waiting.outstanding.erase(found);
        if (waiting.outstanding.empty()) remember(*waiting.turn, waiting.result);
        return;
    }
}

void ScriptPlayer::remember(const ModelTurn& turn, const json::value& result) {
    for (const auto& [name, text] : turn.remember) {
        // The whole of a value where the template is just one variable, so that lists stay lists.
        auto value = render_value(json::value(text), scope(result), today_);
        if (value) {
            variables_[name] = std::move(*value);
        } else {
            problems_.push_back(fmt::format("remember {}: {}", name, value.error().text()));
        }
    }
}

json::object ScriptPlayer::scope(const json::value& result) const {
    json::object known = variables_;
    if (!result.is_null()) known["result"] = result;
    return known;
}

bool ScriptPlayer::applies(const std::string& condition, const json::value& result) const {
    std::string_view path = trim(condition);
    if (path.empty()) return true;
    const bool is_negated = path.starts_with("not ");
    if (is_negated) path = trim(path.substr(4));
    return is_true(find_path(scope(result), path)) != is_negated;
}

std::string ScriptPlayer::heard_of(std::size_t turn) {
    auto filled = render(script_->turns[turn].heard, variables_, today_);
    if (filled) return std::move(*filled);
    problems_.push_back(fmt::format("turn {}: heard: {}", turn + 1, filled.error().text()));
    return script_->turns[turn].heard;
}

void ScriptPlayer::client_wrote(std::string_view role, std::string_view text) {
    if (role == "system") {
        for (const auto& [part, says] : script_->told) {
            if (text.find(part) != text.npos) told_ = says;
        }
    }
    if (role != "user" && role != "assistant") return;
    if (!is_greeted_ && variables_.empty()) variables_ = std::exchange(offered_, {});
    if (is_unanswered_ && role == "assistant") {  // that user message has its answer
        ++next_turn_;
        is_unanswered_ = false;
        is_next_turn_heard_ = false;
    }
    is_greeted_ = true;
    if (role == "assistant") return;
    // Find the turn these words belong to; the caller may have said more, or less, than the script
    // has turns for.
    const std::string said = lower(trim(text));
    for (std::size_t i = next_turn_; i < script_->turns.size(); ++i) {
        const std::string heard = heard_of(i);
        if (heard.empty() || lower(trim(heard)) != said) continue;
        next_turn_ = i;
        break;
    }
    is_unanswered_ = true;
    is_next_turn_heard_ = true;
}

}  // namespace parley::sim
