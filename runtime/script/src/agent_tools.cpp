#include "agent_core.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

using Failure = call::ToolFinished::Failure;

constexpr std::size_t arguments_bytes_max = 64 * 1024;
constexpr const char* apology = "I'm having trouble with our system right now.";

std::string to_text(const json::object& object) { return json::serialize(object); }

std::string failed_output() { return to_text({{"error", "tool_failed"}, {"message", apology}}); }

std::string rejected_output(const char* error, std::string_view message) {
    return to_text({{"error", error}, {"message", message}});
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : separator) + part;
    return text;
}

}  // namespace

void Core::run_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done) {
    post([call, done = std::move(done)](Core& core) mutable {
        if (!core.is_ended_) core.start_tool(call, std::move(done));
    });
}

void Core::start_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done) {
    const auto reject = [&](std::string output, std::string_view why, Failure failure) {
        log::warn("script.tool_rejected", {{"call", parts_.info.call_sid},
                                           {"tool", shortened(call.name, 64)},
                                           {"what", shortened(why, 500)}});
        done({call.tool_call_id, false, std::move(output), failure});
    };
    const bool is_listed =
        entry_ != nullptr && std::find(tools_.begin(), tools_.end(), call.name) != tools_.end();
    if (!is_listed || withheld_.contains(call.name)) {
        std::vector<std::string> offered;
        if (entry_ != nullptr) {
            std::copy_if(tools_.begin(), tools_.end(), std::back_inserter(offered),
                         [&](const std::string& name) { return !withheld_.contains(name); });
        }
        std::string message =
            is_listed
                ? fmt::format("the tool \"{}\" cannot be used at this point of the call", call.name)
                : fmt::format("there is no tool \"{}\"", shortened(to_valid_utf8(call.name), 64));
        if (!offered.empty()) message += "; the tools are " + joined(offered, ", ");
        return reject(rejected_output("unknown_tool", message), message, Failure::refused);
    }
    const auto& tools = parts_.bundle->content().tools;
    const ToolEntry& tool = tools.find(call.name)->second;

    const std::string_view text = trim(call.arguments);
    auto parsed = text.empty() ? json::value(json::object()) : json::value();
    if (!text.empty() && text.size() <= arguments_bytes_max) {
        if (auto value = json_read::parse(text, value_depth_max)) parsed = std::move(*value);
    }
    auto* arguments = parsed.if_object();
    if (arguments == nullptr) {
        const std::string message =
            "the arguments are not a JSON object such as {\"name\": \"value\"}";
        return reject(rejected_output("bad_arguments", message), message, Failure::refused);
    }
    auto problems = check_arguments(tool.params, *arguments);
    if (problems.empty()) {
        for (const auto& violation : tool.schema->check(parsed))
            problems.push_back(fmt::format("{}: {}", violation.path, violation.what));
    }
    if (!problems.empty()) {
        const std::string message = joined(problems, "; ");
        return reject(rejected_output("bad_arguments", message), message, Failure::refused);
    }
    if (call.purpose == call::RunTool::Purpose::check)
        return done({call.tool_call_id, true, "{}", Failure::none});
    const auto break_off = [&](std::string_view why) {
        tell_tool_error({call.tool_call_id, false, {}, Failure::broken}, call,
                        {"limit", std::string(why), false});
        return reject(failed_output(), why, Failure::broken);
    };
    if (jobs_.size() >= parts_.budgets.runs_max) return break_off("too many tools at once");
    if (!zone_ || !make_vm()) return break_off("there is no VM");

    Task task{tool.path,
              "run_tool",
              {tool.path},
              std::move(*arguments),
              tool.timeout.value_or(parts_.limits.tool_timeout)};
    task.idempotency_key = fmt::format("{}:{}", parts_.info.call_sid, call.tool_call_id);
    auto finished = [this, call, done](Job& job, Vm::Step step, const std::string& problem) {
        const auto result = tool_result(job, step, problem, call);
        Problem trouble = job.run.problem;
        if (result.failure != Failure::gave_up) {
            const char* kind = result.failure == Failure::timeout  ? "timeout"
                               : result.failure == Failure::broken ? "limit"
                                                                   : "error";
            trouble = {kind, failure_text(job, step, problem), false};
        }
        tell_tool_error(result, call, std::move(trouble));
        done(result);
    };
    if (!begin(std::move(task), std::move(finished))) {
        vm_.reset();
        break_off("not enough memory to start the tool");
    }
}

call::ToolFinished Core::tool_result(Job& job, Vm::Step step, const std::string& problem,
                                     const call::RunTool& call) const {
    if (step != Vm::Step::finished) {
        log_failure(job, step, problem);
        const auto failure = !problem.empty()           ? Failure::timeout
                             : step == Vm::Step::killed ? Failure::broken
                                                        : Failure::error;
        return {call.tool_call_id, false, failed_output(), failure};
    }
    if (job.run.gave_up && job.run.output.is_null()) {
        return {call.tool_call_id, false, to_text({{"failed", job.run.sentence}}),
                Failure::gave_up};
    }
    std::string output = json::serialize(job.run.output);
    if (output.size() > parts_.limits.output_bytes_max) {
        job.run.error = fmt::format("the result has {} bytes; the limit is {}", output.size(),
                                    parts_.limits.output_bytes_max);
        log_failure(job, Vm::Step::failed, {});
        return {call.tool_call_id, false, failed_output(), Failure::error};
    }
    return {call.tool_call_id, true, std::move(output), Failure::none};
}

// For on_tool_error. What the model did wrong it mends itself, and a broken run that is done again
// is no error yet.
void Core::tell_tool_error(const call::ToolFinished& result, const call::RunTool& call,
                           Problem trouble) {
    if (entry_ == nullptr || !entry_->has_on_tool_error) return;
    if (result.failure == Failure::none || result.failure == Failure::refused) return;
    const auto& tools = parts_.bundle->content().tools;
    const bool is_done_again = result.failure == Failure::broken && call.attempt == 1 &&
                               tools.find(call.name)->second.options.is_idempotent;
    if (is_done_again) return;
    json::object problem{{"kind", trouble.kind},
                         {"message", to_valid_utf8(shortened(trouble.message, 1'000))}};
    queue({"on_tool_error", json::array{call.name, std::move(problem)}});
}

}  // namespace parley::script
