#include <parley/script/agent.hpp>

#include "agent_core.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <cmath>

namespace parley::script {

Core::Core(AgentParts parts) : parts_(std::move(parts)) {
    entry_ = parts_.bundle->content().agent_for(parts_.settings);
    if (entry_ == nullptr) return;
    vars_ = merged_vars(*entry_, parts_.settings);
    start_with_entry();
}

void Core::start_with_entry() {
    prompt_ = entry_->prompt;
    has_when_ = false;
    withheld_.clear();
    tools_ = parts_.tools.value_or(entry_->tools);
    for (const auto& name : tools_) {
        if (!parts_.bundle->content().tools.find(name)->second.has_when) continue;
        has_when_ = true;
        withheld_.insert(name);  // until it has been asked
    }
}

// ---- preparation ------------------------------------------------------------------------------

void Core::prepare(Prepared done) {
    post([done = std::move(done)](Core& core) mutable {
        const auto& settings = core.parts_.settings;
        if (core.entry_ == nullptr) {
            const std::string& script = settings.script.empty() ? settings.name : settings.script;
            return done(
                Fault{settings.where, fmt::format("there is no script agents/{}.lua", script), ""});
        }
        core.zone_ = TimeZone::find("UTC");
        if (const auto* name = core.vars_.if_contains("time_zone")) {
            auto zone =
                name->is_string() ? TimeZone::find(std::string_view(name->get_string())) : nullptr;
            if (!zone)
                return done(Fault{
                    settings.where,
                    fmt::format("vars.time_zone: there is no time zone {}", json::serialize(*name)),
                    ""});
            core.zone_ = std::move(zone);
        }
        if (!core.make_vm())
            return done(Fault{settings.where, "there is not enough memory for the agent's script",
                              "raise scripts.memory_bytes_max"});
        core.run_on_start(std::move(done));
    });
}

void Core::run_on_start(Prepared done) {
    if (!entry_->has_on_start) return run_prompt(std::move(done));
    Task task{entry_->path,
              "run_hook",
              {entry_->path, "on_start"},
              {{"list", json::array()}},
              parts_.limits.tool_timeout};
    const bool has_begun =
        begin(std::move(task), [this, done](Job& job, Vm::Step step, const std::string& problem) {
            if (step != Vm::Step::finished) log_failure(job, step, problem);
            run_prompt(done);
        });
    if (!has_begun) run_prompt(std::move(done));
}

// Without its prompt the agent would not know who it is: better an apology than a stranger.
void Core::run_prompt(Prepared done) {
    if (!entry_->has_prompt_function) return offer_and_finish(std::move(done));
    const Fault no_memory{entry_->path, "prompt: there is not enough memory to run the function",
                          "raise scripts.memory_bytes_max"};
    if (!make_vm()) return done(no_memory);
    Task task{entry_->path + " prompt", "prompt", {entry_->path}, {}, parts_.limits.tool_timeout};
    const bool has_begun =
        begin(std::move(task), [this, done](Job& job, Vm::Step step, const std::string& problem) {
            if (step != Vm::Step::finished) {
                log_failure(job, step, problem);
                return done(Fault{entry_->path, "prompt: " + failure_text(job, step, problem), ""});
            }
            prompt_ = json::value_to<std::string>(job.run.output);
            offer_and_finish(done);
        });
    if (!has_begun) done(no_memory);
}

void Core::offer_and_finish(Prepared done) {
    auto finish = [this, done = std::move(done)] {
        is_prepared_ = true;
        done(profile());
    };
    if (!has_when_) return finish();
    find_offered(std::move(finish));
}

call::AgentPrepared Core::rules() const {
    const config::TurnTaking turns = parts_.settings.turn_taking.over(entry_->turn_taking);
    call::AgentPrepared rules;
    for (const auto& name : tools_) {
        const ToolEntry& tool = parts_.bundle->content().tools.find(name)->second;
        if (!tool.has_options) continue;
        call::ToolOptions options = tool.options;
        options.timeout = tool.timeout.value_or(parts_.limits.tool_timeout);
        rules.tools.emplace(name, std::move(options));
    }
    rules.hooks = entry_->hooks;
    rules.silence_before_prompt = turns.silence_before_prompt;
    if (turns.interruptions == false)
        rules.interruptions = call::AgentPrepared::Interruptions::ignored;
    return rules;
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
        if (name == "caller") return parts_.info.other_party();
        const auto* value = vars_.if_contains(name);
        return value == nullptr ? std::nullopt : shown(*value);
    };
    const auto first_of = [](const std::string& setting, const std::string& script) {
        return setting.empty() ? script : setting;
    };
    call::AgentProfile profile;
    profile.name = entry_->name;
    profile.instructions = filled(prompt_, value_of);
    profile.greeting = filled(first_of(parts_.settings.greeting, entry_->greeting), value_of);
    if (entry_->voicemail != "hang up") profile.voicemail = filled(entry_->voicemail, value_of);
    if (const auto& said = parts_.info.greeted_with; !said.empty()) {
        profile.greeting.clear();
        profile.instructions += fmt::format(
            "\n\nThe caller has just been greeted with these words: \"{}\" Do not greet again; wait "
            "for what the caller says.",
            said);
    }
    profile.language = first_of(parts_.settings.language, entry_->language);
    profile.voice = first_of(parts_.settings.voice, entry_->voice);
    profile.model = first_of(parts_.settings.model, entry_->model);
    profile.tools = declarations();
    const config::TurnTaking turns = parts_.settings.turn_taking.over(entry_->turn_taking);
    profile.turn_taking = {turns.type, turns.threshold, turns.prefix_padding_ms, turns.silence_ms,
                           turns.eagerness};
    profile.rules = rules();
    return profile;
}

// ---- the end ----------------------------------------------------------------------------------

void Core::end(const call::Finish& ending, std::function<void(json::object)> done) {
    if (is_closed_ || is_ended_) return;
    const auto self = shared_from_this();
    is_ended_ = true;
    jobs_.clear();
    hooks_.clear();
    says_.clear();
    adopting_ = nullptr;
    if (entry_ == nullptr || !entry_->has_on_end || !zone_ || !make_vm()) {
        close();
        return done({});
    }
    const auto& totals = ending.totals;
    const json::object summary{
        {"outcome", ending.outcome},
        {"reason", ending.reason},
        {"duration_s", std::round(static_cast<double>(totals.duration.count()) / 100) / 10},
        {"turns", totals.turns},
        {"interruptions", totals.interruptions},
        {"tool_calls", totals.tool_calls},
        {"cost_usd", totals.cost_usd}};
    Task task{entry_->path + " on_end",
              "run_hook",
              {entry_->path, "on_end"},
              {{"list", json::array{ending.outcome, summary}}},
              parts_.budgets.on_end_max};
    const bool has_begun =
        begin(std::move(task), [this, done](Job& job, Vm::Step step, const std::string& problem) {
            json::object fields;
            if (step != Vm::Step::finished) {
                log_failure(job, step, problem);
            } else if (auto* kept = job.run.output.if_object()) {
                fields = std::move(*kept);
            } else if (const auto* list = job.run.output.if_array();
                       !job.run.output.is_null() && (list == nullptr || !list->empty())) {
                log::warn("script.summary_dropped",
                          {{"call", parts_.info.call_sid},
                           {"script", job.run.what},
                           {"what", "on_end returned no fields such as { mood = \"happy\" }"}});
            }
            close();
            done(std::move(fields));
        });
    if (has_begun) return;
    close();
    done({});
}

void Core::close() {
    is_closed_ = true;
    jobs_.clear();
    hooks_.clear();
    says_.clear();
    vm_.reset();
}

namespace {

class ScriptAgent final : public call::Agent {
 public:
    explicit ScriptAgent(AgentParts parts) : core_(std::make_shared<Core>(std::move(parts))) {}
    ~ScriptAgent() override { core_->close(); }
    ScriptAgent(const ScriptAgent&) = delete;
    ScriptAgent& operator=(const ScriptAgent&) = delete;

    void prepare(std::function<void(Checked<call::AgentProfile>)> done) override {
        core_->prepare(std::move(done));
    }
    void run_tool(const call::RunTool& tool,
                  std::function<void(call::ToolFinished)> done) override {
        core_->run_tool(tool, std::move(done));
    }
    void tell(const call::News& news) override { core_->tell(news); }
    void adopt(std::function<void(Checked<call::AgentProfile>)> done) override {
        core_->adopt(std::move(done));
    }
    void ended(const call::Finish& ending, std::function<void(json::object)> done) override {
        core_->end(ending, std::move(done));
    }

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
