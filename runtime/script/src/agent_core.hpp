// agent_core.hpp: the inside of one call's agent.
//
// Everything that posted handlers may need. They hold it weakly and stop when it is closed.
//
//   agent.cpp        preparation, the profile, the end
//   agent_adopt.cpp  going on with newer scripts
//   agent_runs.cpp   one handler in progress: start, resume, wait, deadline, end
//   agent_tools.cpp  a call of a tool: check, run, result
//   agent_hooks.cpp  hooks one at a time, and which tools are offered
#pragma once

#include "bundle.hpp"

#include <parley/script/agent.hpp>

#include <boost/asio/post.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace parley::script {

class Core : public std::enable_shared_from_this<Core> {
 public:
    explicit Core(AgentParts parts);

    void prepare(std::function<void(Checked<call::AgentProfile>)> done);
    void run_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done);
    void tell(const call::News& news);
    void adopt(std::function<void(Checked<call::AgentProfile>)> done);
    void end(const call::Finish& ending, std::function<void(json::object)> done);
    void close();

 private:
    // One handler in progress.
    struct Job {
        using Done = std::function<void(Job&, Vm::Step, const std::string& problem)>;
        Job(std::uint64_t job_id, std::shared_ptr<Vm> its_vm) : id(job_id), vm(std::move(its_vm)) {}
        std::uint64_t id;
        std::shared_ptr<Vm> vm;
        Run run;
        std::unique_ptr<Alarm> deadline;
        TimePoint ends_at;
        // while it says something: that time is not its own
        TimePoint stopped_at = TimePoint::max();
        int says = 0;  // under way
        // what it waits for; dropping one cancels it
        std::map<std::uint64_t, std::shared_ptr<void>> pending;
        bool is_paused = false;  // its next turn is posted already
        Done done;
    };
    struct Task {
        std::string what;  // for the log
        const char* entry;
        std::vector<std::string> names;  // the entry's arguments
        json::object arguments = {};     // for the script
        milliseconds timeout;
        bool may_wait = true;
        std::string idempotency_key = {};
    };
    struct Hook {
        const char* name;
        json::array arguments;
        std::function<void(const json::value& answer)> done = {};  // also when it failed: null
    };

    template <class Work>
    void post(Work work) {
        boost::asio::post(parts_.home, [weak = weak_from_this(), work = std::move(work)]() mutable {
            const auto self = weak.lock();
            if (self && !self->is_closed_) work(*self);
        });
    }

    // When the event loop has gone round so often: what is ready then comes first.
    void post_later(std::function<void(Core&)> work, int rounds) {
        if (rounds == 0) return post(std::move(work));
        post([work = std::move(work), rounds](Core& core) mutable {
            core.post_later(std::move(work), rounds - 1);
        });
    }

    // ---- runs ----
    bool make_vm();
    bool begin(Task task, Job::Done done);
    void drive(std::uint64_t id);
    void carry_out(Job& job);
    void send_message(MessageRequest message, std::function<void(Answer)> done);
    std::function<void(Answer)> answer_to(const Job& job, std::uint64_t request);
    void stop_clock(Job& job);
    void start_clock(Job& job);
    void finish(std::uint64_t id, Vm::Step step, const std::string& problem);
    void conclude(Job& job, Vm::Step step, const std::string& problem);
    bool keep_what_it_left(Job& job, Vm::Step step);
    std::string failure_text(const Job& job, Vm::Step step, const std::string& problem) const;
    void log_failure(const Job& job, Vm::Step step, const std::string& problem) const;

    // ---- newer scripts ----
    void adopt_when_idle();
    bool take_over(Newer newer);

    // ---- preparation ----
    using Prepared = std::function<void(Checked<call::AgentProfile>)>;
    void start_with_entry();
    void run_on_start(Prepared done);
    void run_prompt(Prepared done);
    void offer_and_finish(Prepared done);
    call::AgentProfile profile() const;
    call::AgentPrepared rules() const;

    // ---- tools ----
    void start_tool(const call::RunTool& call, std::function<void(call::ToolFinished)> done);
    call::ToolFinished tool_result(Job& job, Vm::Step step, const std::string& problem,
                                   const call::RunTool& call) const;
    void tell_tool_error(const call::ToolFinished& result, const call::RunTool& call,
                         Problem trouble);

    // ---- hooks ----
    void queue(Hook hook);
    void next_hook();
    void find_offered(std::function<void()> then);
    json::array declarations() const;  // of the tools offered

    AgentParts parts_;
    const AgentEntry* entry_ = nullptr;
    std::shared_ptr<const TimeZone> zone_;
    json::object vars_;               // as of the last handler that finished
    std::string prompt_;              // with {vars}: the script's text, or what its function gave
    std::vector<std::string> tools_;  // names; all there are, offered or not
    std::set<std::string, std::less<>> withheld_;  // tools whose `when` says no
    bool has_when_ = false;
    bool is_prepared_ = false;

    std::shared_ptr<Vm> vm_;
    std::map<std::uint64_t, std::unique_ptr<Job>> jobs_;
    std::uint64_t next_job_ = 1;
    std::deque<Hook> hooks_;
    bool is_hook_running_ = false;
    std::map<std::uint64_t, std::function<void(Answer)>> says_;
    std::uint64_t next_say_ = 1;
    int messages_sent_ = 0;  // or tried
    Prepared adopting_;      // set while newer scripts wait for a moment without handlers
    bool is_ended_ = false;  // only on_end runs now
    bool is_closed_ = false;
};

}  // namespace parley::script
