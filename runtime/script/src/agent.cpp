#include <parley/script/agent.hpp>

#include "bundle.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <boost/asio/post.hpp>

namespace parley::script {
namespace {

namespace asio = boost::asio;

constexpr std::size_t arguments_bytes_max = 64 * 1024;
constexpr const char* apology = "I'm having trouble with our system right now.";

std::string to_text(const json::object& object) {
    return json::serialize(object);
}

std::string failed_output() {
    return to_text({{"error", "tool_failed"}, {"message", apology}});
}

std::string rejected_output(const char* error, std::string_view message) {
    return to_text({{"error", error}, {"message", message}});
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : separator) + part;
    return text;
}

// Everything of an agent that posted handlers may need. They hold it weakly and stop when it is closed.
class Core : public std::enable_shared_from_this<Core> {
 public:
    explicit Core(AgentParts parts) : parts_(std::move(parts)) {
        entry_ = parts_.bundle->content().agent_for(parts_.settings);
        if (entry_ != nullptr) vars_ = merged_vars(*entry_, parts_.settings);
    }

    void prepare(std::function<void(Checked<call::AgentProfile>)> done);
    void run_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done);
    void end(std::string_view outcome, std::string_view reason);
    void close();

 private:
    // One handler in progress.
    struct Job {
        Job(std::uint64_t job_id, std::shared_ptr<Vm> its_vm) : id(job_id), vm(std::move(its_vm)) {}
        std::uint64_t id;
        std::shared_ptr<Vm> vm;
        Run run;
        std::unique_ptr<Alarm> deadline;
        std::unique_ptr<Alarm> nap;
        std::uint64_t waits = 0;  // an answer to an earlier wait is stale
        std::function<void(Job&, Vm::Step, std::string problem)> done;
    };

    template <class Work>
    void post(Work work) {
        asio::post(parts_.home, [weak = weak_from_this(), work = std::move(work)]() mutable {
            const auto self = weak.lock();
            if (self && !self->is_closed_) work(*self);
        });
    }
    bool make_vm();
    bool begin(std::string what, const char* entry, const std::vector<std::string>& arguments,
               json::object tool_arguments, milliseconds timeout,
               std::function<void(Job&, Vm::Step, std::string)> done);
    void drive(std::uint64_t id);
    void carry_out(Job& job);
    std::function<void(Answer)> answer_to(Job& job);
    void finish(std::uint64_t id, Vm::Step step, std::string problem);
    void keep_what_it_left(Job& job, Vm::Step step);
    void log_failure(const Job& job, Vm::Step step, const std::string& problem) const;
    std::string tool_output(Job& job, Vm::Step step, const std::string& problem, bool& ok) const;
    void start_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done);
    call::AgentProfile profile() const;

    AgentParts parts_;
    const AgentEntry* entry_ = nullptr;
    std::shared_ptr<const TimeZone> zone_;
    json::object vars_;  // as of the last handler that finished
    std::shared_ptr<Vm> vm_;
    std::map<std::uint64_t, std::unique_ptr<Job>> jobs_;
    std::uint64_t next_job_ = 1;
    bool is_closed_ = false;
};

bool Core::make_vm() {
    if (vm_) return true;
    Vm::Limits limits;
    limits.memory_bytes_max = parts_.limits.memory_bytes_max;
    limits.output_bytes_max = parts_.limits.output_bytes_max;
    limits.budgets = parts_.budgets;
    Vm::World world;
    world.call_sid = parts_.info.call_sid;
    world.from = parts_.info.from;
    world.to = parts_.info.to;
    world.vars = vars_;
    world.wall_now = [time = parts_.time] { return time->wall_now(); };
    world.zone = zone_;
    world.random_seed = parts_.random_seed;
    vm_ = Vm::create(parts_.bundle->content().files, limits, std::move(world));
    if (!vm_)
        log::error("script.vm_failed", {{"call", parts_.info.call_sid},
                                        {"what", "not enough memory for the agent's VM"},
                                        {"memory_bytes_max", limits.memory_bytes_max}});
    return vm_ != nullptr;
}

void Core::prepare(std::function<void(Checked<call::AgentProfile>)> done) {
    post([done = std::move(done)](Core& core) mutable {
        const auto& settings = core.parts_.settings;
        if (core.entry_ == nullptr) {
            const std::string& script = settings.script.empty() ? settings.name : settings.script;
            return done(Fault{settings.where, fmt::format("there is no script agents/{}.lua", script), ""});
        }
        core.zone_ = TimeZone::find("UTC");
        if (const auto* name = core.vars_.if_contains("time_zone")) {
            auto zone = name->is_string() ? TimeZone::find(std::string_view(name->get_string())) : nullptr;
            if (!zone)
                return done(Fault{settings.where,
                                  fmt::format("vars.time_zone: there is no time zone {}", json::serialize(*name)), ""});
            core.zone_ = std::move(zone);
        }
        if (!core.make_vm())
            return done(Fault{settings.where, "there is not enough memory for the agent's script",
                              "raise scripts.memory_bytes_max"});
        if (!core.entry_->has_on_start) return done(core.profile());
        const bool has_begun =
            core.begin(core.entry_->path, "run_handler", {core.entry_->path, "on_start"}, {},
                       core.parts_.limits.tool_timeout, [&core, done](Job& job, Vm::Step step, std::string problem) {
                           if (step != Vm::Step::finished) core.log_failure(job, step, problem);
                           done(core.profile());
                       });
        if (!has_begun) done(core.profile());
    });
}

call::AgentProfile Core::profile() const {
    const LocalTime now = zone_->local(parts_.time->wall_now());
    const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
        if (name == "today") return format_date(now.date);
        if (name == "now") return spoken_time(now.minutes);
        if (name == "weekday") {
            std::string day(weekday_name(now.date));
            day[0] = static_cast<char>(day[0] - 'a' + 'A');
            return day;
        }
        if (name == "caller") return parts_.info.from;
        const auto* value = vars_.if_contains(name);
        return value == nullptr ? std::nullopt : shown(*value);
    };
    const auto first_of = [](const std::string& setting, const std::string& script) {
        return setting.empty() ? script : setting;
    };
    call::AgentProfile profile;
    profile.name = entry_->name;
    profile.instructions = filled(entry_->prompt, value_of);
    profile.greeting = filled(first_of(parts_.settings.greeting, entry_->greeting), value_of);
    profile.language = first_of(parts_.settings.language, entry_->language);
    profile.voice = first_of(parts_.settings.voice, entry_->voice);
    profile.model = first_of(parts_.settings.model, entry_->model);
    profile.tools = entry_->declarations;
    return profile;
}

void Core::run_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done) {
    post([call, done = std::move(done)](Core& core) mutable { core.start_tool(call, std::move(done)); });
}

void Core::start_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done) {
    const auto reject = [&](std::string output, std::string_view why) {
        log::warn("script.tool_rejected",
                  {{"call", parts_.info.call_sid}, {"tool", shortened(call.name, 64)}, {"what", shortened(why, 500)}});
        done({call.tool_call_id, false, std::move(output)});
    };
    const bool is_listed =
        entry_ != nullptr && std::find(entry_->tools.begin(), entry_->tools.end(), call.name) != entry_->tools.end();
    if (!is_listed) {
        std::string message = fmt::format("there is no tool \"{}\"", shortened(to_valid_utf8(call.name), 64));
        if (entry_ != nullptr && !entry_->tools.empty()) message += "; the tools are " + joined(entry_->tools, ", ");
        return reject(rejected_output("unknown_tool", message), message);
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
        const std::string message = "the arguments are not a JSON object such as {\"name\": \"value\"}";
        return reject(rejected_output("bad_arguments", message), message);
    }
    auto problems = check_arguments(tool.params, *arguments);
    if (problems.empty()) {
        for (const auto& violation : tool.schema->check(parsed))
            problems.push_back(fmt::format("{}: {}", violation.path, violation.what));
    }
    if (!problems.empty()) {
        const std::string message = joined(problems, "; ");
        return reject(rejected_output("bad_arguments", message), message);
    }
    if (jobs_.size() >= parts_.budgets.runs_max || !zone_ || !make_vm())
        return reject(failed_output(), "too many tools at once, or no VM");

    const auto timeout = tool.timeout.value_or(parts_.limits.tool_timeout);
    auto finished = [this, id = call.tool_call_id, done](Job& job, Vm::Step step, std::string problem) {
        bool ok = false;
        std::string output = tool_output(job, step, problem, ok);
        done({id, ok, std::move(output)});
    };
    if (!begin(tool.path, "run_tool", {tool.path}, std::move(*arguments), timeout, std::move(finished))) {
        return reject(failed_output(), "not enough memory to start the tool");
    }
}

std::string Core::tool_output(Job& job, Vm::Step step, const std::string& problem, bool& ok) const {
    ok = false;
    if (step != Vm::Step::finished) {
        log_failure(job, step, problem);
        return failed_output();
    }
    if (job.run.gave_up && job.run.output.is_null()) return to_text({{"failed", job.run.sentence}});
    std::string output = json::serialize(job.run.output);
    if (output.size() > parts_.limits.output_bytes_max) {
        log_failure(
            job, Vm::Step::failed,
            fmt::format("the result has {} bytes; the limit is {}", output.size(), parts_.limits.output_bytes_max));
        return failed_output();
    }
    ok = true;
    return output;
}

void Core::log_failure(const Job& job, Vm::Step step, const std::string& problem) const {
    std::string what = problem;
    if (what.empty() && step == Vm::Step::killed) {
        switch (job.run.kill) {
            case Kill::memory:
                what = fmt::format("used more than {} bytes of memory", parts_.limits.memory_bytes_max);
                break;
            case Kill::unyielding: what = "took too long inside a sort or gsub function"; break;
            default: what = fmt::format("used more than {} ms of computing time", parts_.limits.cpu_max.count()); break;
        }
    }
    if (what.empty()) what = job.run.error;
    const auto cpu_us = std::chrono::duration_cast<std::chrono::microseconds>(job.run.cpu_used).count();
    log::error("script.failed", {{"call", parts_.info.call_sid},
                                 {"script", job.run.what},
                                 {"what", shortened(what, 1'000)},
                                 {"traceback", shortened(job.run.traceback, 2'000)},
                                 {"cpu_us", cpu_us},
                                 {"bundle", parts_.bundle->version()}});
}

// ---- handlers ---------------------------------------------------------------------------------

bool Core::begin(std::string what, const char* entry, const std::vector<std::string>& arguments,
                 json::object tool_arguments, milliseconds timeout,
                 std::function<void(Job&, Vm::Step, std::string)> done) {
    const std::uint64_t id = next_job_++;
    auto job = std::make_unique<Job>(id, vm_);
    job->run.what = std::move(what);
    job->run.cpu_max = parts_.limits.cpu_max;
    job->run.arguments = std::move(tool_arguments);
    job->done = std::move(done);
    if (!vm_->start(job->run, entry, arguments)) return false;
    job->deadline = parts_.time->make_alarm([weak = weak_from_this(), id, timeout] {
        const auto self = weak.lock();
        if (!self || self->is_closed_) return;
        self->finish(id, Vm::Step::failed, fmt::format("gave no result within {} ms", timeout.count()));
    });
    job->deadline->arm(parts_.time->now() + timeout);
    jobs_.emplace(id, std::move(job));
    drive(id);
    return true;
}

void Core::drive(std::uint64_t id) {
    const auto self = shared_from_this();  // an event may lead to our destruction
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    Job& job = *found->second;
    const Vm::Step step = job.vm->resume(job.run);
    const auto events = std::exchange(job.run.events, {});
    for (const auto& event : events) {
        parts_.events->on(event);
        if (is_closed_ || !jobs_.contains(id)) return;
    }
    switch (step) {
        case Vm::Step::paused: return post([id](Core& core) { core.drive(id); });
        case Vm::Step::waiting: return carry_out(job);
        default: return finish(id, step, {});
    }
}

std::function<void(Answer)> Core::answer_to(Job& job) {
    return [weak = weak_from_this(), home = parts_.home, id = job.id, waits = ++job.waits](Answer answer) {
        asio::post(home, [weak, id, waits, answer = std::move(answer)]() mutable {
            const auto self = weak.lock();
            if (!self || self->is_closed_) return;
            const auto found = self->jobs_.find(id);
            if (found == self->jobs_.end() || found->second->waits != waits) return;  // given up meanwhile
            ++found->second->waits;
            found->second->run.answer = std::move(answer);
            self->drive(id);
        });
    };
}

void Core::carry_out(Job& job) {
    auto done = answer_to(job);
    if (const auto* sleep = std::get_if<SleepRequest>(&job.run.request)) {
        job.nap = parts_.time->make_alarm([done = std::move(done)] { done(std::monostate{}); });
        return job.nap->arm(parts_.time->now() + sleep->span);
    }
    ask(std::move(job.run.request), parts_.services, std::move(done));
}

void Core::keep_what_it_left(Job& job, Vm::Step step) {
    if (job.run.vars) vars_ = std::move(*job.run.vars);
    if (step == Vm::Step::killed) {
        if (job.vm == vm_) vm_.reset();  // the next handler gets a fresh one; others in this VM may end there
    } else {
        job.vm->forget(job.run);
    }
}

void Core::finish(std::uint64_t id, Vm::Step step, std::string problem) {
    const auto self = shared_from_this();
    auto node = jobs_.extract(id);
    if (node.empty()) return;
    Job& job = *node.mapped();
    job.deadline->cancel();
    keep_what_it_left(job, step);
    job.done(job, step, std::move(problem));
    if (is_closed_ || !vm_) return;
    // A full collection keeps a call at half the memory; after the answer is on its way, it delays nothing.
    post([](Core& core) {
        if (core.vm_) core.vm_->collect();
    });
}

void Core::end(std::string_view outcome, std::string_view reason) {
    if (is_closed_) return;
    jobs_.clear();
    if (entry_ != nullptr && entry_->has_on_end && vm_) {
        Job job(next_job_++, vm_);
        job.run.what = entry_->path;
        job.run.cpu_max = parts_.budgets.on_end_cpu_max;
        Vm::Step step = Vm::Step::failed;
        if (vm_->start(job.run, "run_handler", {entry_->path, "on_end", std::string(outcome), std::string(reason)})) {
            step = vm_->resume_to_end(job.run);
        }
        if (step == Vm::Step::waiting) {
            carry_out(job);  // sent; nobody waits for the answer any more
        } else if (step != Vm::Step::finished) {
            log_failure(job, step, {});
        }
    }
    close();
}

void Core::close() {
    is_closed_ = true;
    jobs_.clear();
    vm_.reset();
}

class ScriptAgent final : public call::Agent {
 public:
    explicit ScriptAgent(AgentParts parts) : core_(std::make_shared<Core>(std::move(parts))) {}
    ~ScriptAgent() override { core_->close(); }
    ScriptAgent(const ScriptAgent&) = delete;
    ScriptAgent& operator=(const ScriptAgent&) = delete;

    void prepare(std::function<void(Checked<call::AgentProfile>)> done) override { core_->prepare(std::move(done)); }
    void run_tool(const call::RunTool& tool, std::function<void(call::ToolFinished)> done) override {
        core_->run_tool(tool, std::move(done));
    }
    void ended(std::string_view outcome, std::string_view reason) override { core_->end(outcome, reason); }

 private:
    std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<call::Agent> make_agent(AgentParts parts) {
    ensure(parts.bundle != nullptr, "an agent needs a bundle");
    ensure(parts.events != nullptr, "an agent needs an event sink");
    ensure(parts.time != nullptr, "an agent needs a clock");
    return std::make_unique<ScriptAgent>(std::move(parts));
}

}  // namespace parley::script
