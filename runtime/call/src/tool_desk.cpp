#include <parley/call/tool_desk.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::call {
namespace {

// A tool keeps its own deadline; the answer comes a moment after it.
constexpr milliseconds answer_after_deadline{500};

json::value parsed(std::string_view arguments) {
    if (arguments.empty()) return json::object();
    auto value = json_read::parse(arguments);
    return value ? std::move(*value) : json::value(nullptr);
}

// Two calls are the same when their arguments are, in whatever order.
bool is_same(const json::value& a, const json::value& b) { return !a.is_null() && a == b; }

std::string ask_first(const RunTool& run, const std::string& question,
                      const json::value& arguments) {
    return json::serialize(json::object{
        {"confirm",
         fmt::format(
             "Nothing has been done yet. Ask the caller: \"{}\" If they agree, call {} again with exactly the same "
             "arguments. If they do not, do not call it.",
             filled_question(question, arguments), run.name)}});
}

}  // namespace

std::string filled_question(std::string_view question, const json::value& arguments) {
    std::string out;
    while (!question.empty()) {
        const auto open = question.find('{');
        const auto close = open == question.npos ? question.npos : question.find('}', open);
        if (close == question.npos) break;
        out += question.substr(0, open);
        const auto name = question.substr(open + 1, close - open - 1);
        const auto* object = arguments.if_object();
        const auto* value = object == nullptr ? nullptr : object->if_contains(name);
        if (value == nullptr) {
            out += question.substr(open, close - open + 1);
        } else {
            out += value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
        }
        question.remove_prefix(close + 1);
    }
    out += question;
    return out;
}

const ToolOptions& ToolDesk::options(const std::string& name) const {
    static const ToolOptions none;
    const auto found = options_.find(name);
    return found == options_.end() ? none : found->second;
}

std::optional<RunTool> ToolDesk::called(const ToolCalled& call, int connection, TimePoint now) {
    if (!seen_.insert(call.tool_call_id).second) return std::nullopt;
    const ToolOptions& wanted = options(call.name);
    json::value arguments = parsed(call.arguments);
    if (!wanted.is_idempotent) {
        for (auto& [id, running] : running_) {
            const bool is_repeated = running.connection != connection &&
                                     running.run.name == call.name &&
                                     running.run.purpose == RunTool::Purpose::run &&
                                     is_same(running.arguments, arguments);
            if (!is_repeated) continue;
            running.joined.push_back({call.tool_call_id, call.name, {}, true, now, connection});
            return std::nullopt;
        }
    }
    RunTool run{call.tool_call_id, call.name, call.arguments};
    if (!wanted.confirm.empty()) {
        const auto question = questions_.find(call.name);
        const bool is_confirmed = question != questions_.end() &&
                                  caller_turns_ > question->second.caller_turns &&
                                  is_same(question->second.arguments, arguments);
        if (is_confirmed) {
            questions_.erase(question);  // one word, one run
        } else {
            run.purpose = RunTool::Purpose::check;
        }
    }
    const bool is_run = run.purpose == RunTool::Purpose::run;
    running_[call.tool_call_id] = Running{run,
                                          std::move(arguments),
                                          now,
                                          connection,
                                          is_run && !wanted.slow_phrase.empty(),
                                          TimePoint::max(),
                                          {}};
    return run;
}

ToolDesk::Finished ToolDesk::finished(const ToolFinished& event) {
    Finished out;
    const auto found = running_.find(event.tool_call_id);
    if (found == running_.end()) return out;  // delivered already: once is enough
    Running& running = found->second;
    const ToolOptions& wanted = options(running.run.name);
    if (event.failure == ToolFinished::Failure::broken && wanted.is_idempotent &&
        running.run.attempt == 1) {
        running.run.attempt = 2;
        out.again = running.run;
        return out;
    }
    Result result{event.tool_call_id, running.run.name, event.output,
                  event.ok,           running.started,  running.connection};
    if (running.run.purpose == RunTool::Purpose::check && event.ok) {
        result.output = ask_first(running.run, wanted.confirm, running.arguments);
        questions_[running.run.name] = Question{std::move(running.arguments), caller_turns_};
    }
    auto joined = std::move(running.joined);
    running_.erase(found);
    for (auto& each : joined) {
        each.output = result.output;
        each.ok = result.ok;
    }
    out.results.push_back(std::move(result));
    out.results.insert(out.results.end(), std::make_move_iterator(joined.begin()),
                       std::make_move_iterator(joined.end()));
    return out;
}

TimePoint ToolDesk::next_slow() const {
    TimePoint next = TimePoint::max();
    for (const auto& [id, running] : running_) {
        if (running.is_phrase_due)
            next = std::min(next, running.started + options(running.run.name).slow_after);
    }
    return next;
}

std::optional<ToolDesk::SlowTool> ToolDesk::take_slow(TimePoint now) {
    for (auto& [id, running] : running_) {
        const ToolOptions& wanted = options(running.run.name);
        if (!running.is_phrase_due || now < running.started + wanted.slow_after) continue;
        running.is_phrase_due = false;
        return SlowTool{id, wanted.slow_phrase};
    }
    return std::nullopt;
}

void ToolDesk::caller_gone(TimePoint now, milliseconds grace) {
    for (auto& [id, running] : running_) {
        const ToolOptions& wanted = options(running.run.name);
        const TimePoint own_end = running.started + wanted.timeout + answer_after_deadline;
        running.give_up_at =
            wanted.runs_after_hang_up ? std::max(own_end, now + grace) : now + grace;
        running.is_phrase_due = false;
    }
}

TimePoint ToolDesk::wait_until() const {
    TimePoint last = TimePoint::min();
    for (const auto& [id, running] : running_) last = std::max(last, running.give_up_at);
    return last;
}

}  // namespace parley::call
