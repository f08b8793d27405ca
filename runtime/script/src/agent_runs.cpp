#include "agent_core.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <sched.h>

namespace parley::script {
namespace {

// One frame of audio goes through the event loop in several steps, each of which is posted: read,
// handled, written. If the next slice were posted at once, each step would wait for a slice.
constexpr int rounds_between_slices = 8;

}  // namespace

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
    world.other_party = parts_.info.other_party();
    world.agent = parts_.info.agent;
    world.direction = parts_.info.direction;
    world.started_at = parts_.info.started_at;
    world.script = entry_ == nullptr ? "" : entry_->script;
    world.vars = vars_;
    world.wall_now = [time = parts_.time] { return time->wall_now(); };
    world.zone = zone_;
    world.random_seed = parts_.random_seed;
    world.settings = &parts_.limits;
    world.metrics = parts_.services.metrics;
    world.messages_sent = &messages_sent_;
    vm_ = Vm::create(parts_.bundle->content().files, limits, std::move(world));
    if (!vm_)
        log::error("script.vm_failed", {{"call", parts_.info.call_sid},
                                        {"what", "not enough memory for the agent's VM"},
                                        {"memory_bytes_max", limits.memory_bytes_max}});
    return vm_ != nullptr;
}

bool Core::begin(Task task, Job::Done done) {
    const std::uint64_t id = next_job_++;
    auto job = std::make_unique<Job>(id, vm_);
    job->run.what = std::move(task.what);
    job->run.cpu_max = parts_.limits.cpu_max;
    job->run.arguments = std::move(task.arguments);
    job->run.may_wait = task.may_wait;
    job->run.idempotency_key = std::move(task.idempotency_key);
    job->done = std::move(done);
    if (!vm_->start(job->run, task.entry, task.names)) return false;
    job->ends_at = parts_.time->now() + task.timeout;
    job->deadline = parts_.time->make_alarm([weak = weak_from_this(), id, timeout = task.timeout] {
        const auto self = weak.lock();
        if (!self || self->is_closed_) return;
        const auto late = self->jobs_.find(id);
        if (late != self->jobs_.end())
            late->second->run.where = late->second->vm->where(late->second->run);
        self->finish(id, Vm::Step::failed,
                     fmt::format("gave no result within {} ms", timeout.count()));
    });
    job->deadline->arm(job->ends_at);
    jobs_.emplace(id, std::move(job));
    drive(id);
    return true;
}

void Core::drive(std::uint64_t id) {
    const auto self = shared_from_this();  // an event may lead to our destruction
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    Job& job = *found->second;
    job.is_paused = false;
    Vm::Step step = job.vm->resume(job.run);
    while (step == Vm::Step::paused && !parts_.budgets.gives_way) step = job.vm->resume(job.run);
    const auto events = std::exchange(job.run.events, {});
    for (const auto& event : events) {
        parts_.events->on(event);
        if (is_closed_ || !jobs_.contains(id)) return;
    }
    switch (step) {
        case Vm::Step::paused:
            job.is_paused = true;
            // To other threads of this core, too: what brings and takes the calls' audio.
            ::sched_yield();
            post_later([id](Core& core) { core.drive(id); }, rounds_between_slices);
            return carry_out(job);  // another branch may have asked for something in the same turn
        case Vm::Step::waiting: return carry_out(job);
        default: return finish(id, step, {});
    }
}

std::function<void(Answer)> Core::answer_to(const Job& job, std::uint64_t request) {
    return [weak = weak_from_this(), home = parts_.home, id = job.id, request](Answer answer) {
        boost::asio::post(home, [weak, id, request, answer = std::move(answer)]() mutable {
            const auto self = weak.lock();
            if (!self || self->is_closed_) return;
            const auto found = self->jobs_.find(id);
            if (found == self->jobs_.end()) return;  // given up meanwhile
            Job& waiting = *found->second;
            waiting.pending.erase(request);
            if (std::holds_alternative<call::SayDone>(answer)) self->start_clock(waiting);
            if (waiting.vm->answer(waiting.run, request, std::move(answer)) && !waiting.is_paused)
                self->drive(id);
        });
    };
}

void Core::carry_out(Job& job) {
    const auto id = job.id;
    const Around around{parts_.services, *parts_.time, parts_.home};
    for (auto& [request, wanted] : std::exchange(job.run.requests, {})) {
        auto done = answer_to(job, request);
        if (auto* say = std::get_if<SayRequest>(&wanted)) {
            if (is_ended_) {  // nobody listens
                done(call::SayDone{0, call::SayDone::How::hung_up, ""});
                continue;
            }
            const std::uint64_t say_id = next_say_++;
            says_.emplace(say_id, std::move(done));
            stop_clock(job);
            const call::SayAsked event{say_id, std::move(say->text)};
            parts_.events->on(event);  // may lead to our destruction; drive() holds us
            if (is_closed_ || !jobs_.contains(id)) return;
        } else if (auto* message = std::get_if<MessageRequest>(&wanted)) {
            send_message(std::move(*message), std::move(done));
        } else {
            job.pending[request] = ask(std::move(wanted), around, std::move(done));
        }
    }
}

// What has gone out is in the journal, also when the handler that sent it is no more.
void Core::send_message(MessageRequest message, std::function<void(Answer)> done) {
    const auto told = [weak = weak_from_this(), to = message.to,
                       done = std::move(done)](const Messages::Result& result) {
        const auto self = weak.lock();
        if (!self) return;
        call::MessageTold event{to, result.has_value(), result ? *result : result.error().message};
        self->post([event = std::move(event)](Core& core) { core.parts_.events->on(event); });
        done(result ? Outcome(json::value(*result)) : Outcome(problem_of(result.error())));
    };
    if (parts_.services.messages == nullptr)
        return told(store::QueryProblem{store::QueryProblem::Kind::mistake,
                                        "no account that could send text messages is configured"});
    const auto& info = parts_.info;
    const std::string& from = info.direction == "outbound" ? info.from : info.to;
    parts_.services.messages->send(from, std::move(message.to), std::move(message.text), told);
}

// A sentence takes as long as it takes: the handler's time goes on when it has been heard.
void Core::stop_clock(Job& job) {
    if (++job.says > 1) return;
    job.stopped_at = parts_.time->now();
    job.deadline->cancel();
}

void Core::start_clock(Job& job) {
    if (--job.says > 0 || job.stopped_at == TimePoint::max()) return;
    job.ends_at += parts_.time->now() - std::exchange(job.stopped_at, TimePoint::max());
    job.deadline->arm(job.ends_at);
}

// True when the handler has changed the vars.
bool Core::keep_what_it_left(Job& job, Vm::Step step) {
    bool has_changed = false;
    if (job.run.vars) {
        has_changed = vars_ != *job.run.vars;
        vars_ = std::move(*job.run.vars);
        if (parts_.vars_kept) parts_.vars_kept(vars_);
    }
    if (step == Vm::Step::killed || job.run.has_bad_vars) {
        // the next handler gets a fresh one; others in this VM may end there
        if (job.vm == vm_) vm_.reset();
    } else {
        job.vm->forget(job.run);
    }
    return has_changed;
}

void Core::finish(std::uint64_t id, Vm::Step step, const std::string& problem) {
    auto node = jobs_.extract(id);
    if (node.empty()) return;
    const std::shared_ptr<Job> job = std::move(node.mapped());
    job->deadline->cancel();
    const bool has_changed = keep_what_it_left(*job, step);
    if (!has_changed || !has_when_ || !is_prepared_ || is_ended_)
        return conclude(*job, step, problem);
    // Before its result is told: the model must know the new tools when it answers.
    find_offered([this, job, step, problem] { conclude(*job, step, problem); });
}

void Core::conclude(Job& job, Vm::Step step, const std::string& problem) {
    const auto self = shared_from_this();
    job.done(job, step, problem);
    if (!is_closed_ && adopting_) post([](Core& core) { core.adopt_when_idle(); });
    if (is_closed_ || !vm_) return;
    // A full collection keeps a call at half the memory; after the answer is on its way, it delays
    // nothing.
    post([](Core& core) {
        if (core.vm_) core.vm_->collect();
    });
}

std::string Core::failure_text(const Job& job, Vm::Step step, const std::string& problem) const {
    const std::string where = job.run.where.empty() ? "" : job.run.where + ": ";
    if (!problem.empty()) return where + problem;
    if (step != Vm::Step::killed) return job.run.error;
    switch (job.run.kill) {
        case Kill::memory:
            return fmt::format("{}used more than {} bytes of memory", where,
                               parts_.limits.memory_bytes_max);
        case Kill::unyielding:
            return where + "took too long inside a function that cannot pause, such as __tostring";
        default:
            return fmt::format("{}used more than {} ms of computing time", where,
                               parts_.limits.cpu_max.count());
    }
}

void Core::log_failure(const Job& job, Vm::Step step, const std::string& problem) const {
    const auto cpu_us =
        std::chrono::duration_cast<std::chrono::microseconds>(job.run.cpu_used).count();
    log::error("script.failed", {{"call", parts_.info.call_sid},
                                 {"script", job.run.what},
                                 {"what", shortened(failure_text(job, step, problem), 1'000)},
                                 {"traceback", shortened(job.run.traceback, 2'000)},
                                 {"cpu_us", cpu_us},
                                 {"bundle", parts_.bundle->version()}});
}

}  // namespace parley::script
