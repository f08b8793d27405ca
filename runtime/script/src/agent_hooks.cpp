#include "agent_core.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

namespace parley::script {
namespace {

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

std::string_view why_returned(call::TransferEnded::How how) {
    switch (how) {
        case call::TransferEnded::How::answered: return "answered";
        case call::TransferEnded::How::no_answer: return "no_answer";
        case call::TransferEnded::How::busy: return "busy";
        case call::TransferEnded::How::declined: return "declined";
        case call::TransferEnded::How::failed: return "failed";
    }
    return "";
}

json::string text(const std::string& from) {
    return json::string(is_valid_utf8(from) ? from : to_valid_utf8(from));
}

}  // namespace

void Core::tell(const call::News& news) {
    if (is_closed_ || is_ended_ || entry_ == nullptr) return;
    std::visit(
        Match{
            [this](const call::CallerWasHeard& each) {
                queue({"on_caller_said", json::array{text(each.text)}});
            },
            [this](const call::AgentWasHeard& each) {
                queue({"on_agent_said", json::array{text(each.heard), text(each.unheard)}});
            },
            [this](const call::AgentWasCutOff& each) {
                queue({"on_interrupted", json::array{text(each.heard), text(each.unheard)}});
            },
            [this](const call::KeyPressed& each) {
                queue({"on_dtmf", json::array{json::string(1, each.digit)},
                       [this, id = each.key_id](const json::value& answer) {
                           const bool is_handled = answer.is_bool() && answer.get_bool();
                           parts_.events->on(call::KeyAnswered{id, is_handled});
                       }});
            },
            [this](const call::CallerIsSilent& each) {
                queue({"on_silence", json::array{static_cast<std::int64_t>(each.lasted.count())}});
            },
            [this](const call::CallerReturned& each) {
                queue({"on_returned", json::array{why_returned(each.how)}});
            },
            [this](const call::SayDone& each) {
                const auto found = says_.find(each.say_id);
                if (found == says_.end()) return;
                const auto answer = std::move(found->second);
                says_.erase(found);
                answer(each);
            },
        },
        news);
}

void Core::queue(Hook hook) {
    if (hooks_.size() >= parts_.budgets.hooks_queued_max) {
        log::warn(
            "script.hook_dropped",
            {{"call", parts_.info.call_sid}, {"hook", hook.name}, {"waiting", hooks_.size()}});
        // Whoever waits for an answer gets one; not in here, for this may be inside tell().
        if (hook.done) post([done = std::move(hook.done)](Core&) { done(nullptr); });
        return;
    }
    hooks_.push_back(std::move(hook));
    post([](Core& core) { core.next_hook(); });
}

// One at a time and in order: a hook may rely on the one before it.
void Core::next_hook() {
    if (is_hook_running_ || is_ended_ || hooks_.empty()) return;
    Hook hook = std::move(hooks_.front());
    hooks_.pop_front();
    is_hook_running_ = true;
    const auto over = [this, done = std::move(hook.done)](const json::value& answer) {
        const auto self = shared_from_this();
        is_hook_running_ = false;
        if (done) done(answer);
        if (!is_closed_) post([](Core& core) { core.next_hook(); });
    };
    if (!zone_ || !make_vm()) return over(nullptr);
    Task task{fmt::format("{} {}", entry_->path, hook.name),
              "run_hook",
              {entry_->path, hook.name},
              {{"list", std::move(hook.arguments)}},
              parts_.limits.tool_timeout};
    const bool has_begun =
        begin(std::move(task), [this, over](Job& job, Vm::Step step, const std::string& problem) {
            if (step != Vm::Step::finished) log_failure(job, step, problem);
            over(step == Vm::Step::finished ? job.run.output : json::value(nullptr));
        });
    if (!has_begun) {
        vm_.reset();
        over(nullptr);
    }
}

// ---- which tools are offered ------------------------------------------------------------------

json::array Core::declarations() const {
    json::array all;
    for (const auto& name : tools_) {
        if (!withheld_.contains(name))
            all.push_back(parts_.bundle->content().tools.find(name)->second.declaration);
    }
    return all;
}

// Asks each `when`. A tool whose `when` fails is not offered; if none can be asked, everything
// stays as it is.
void Core::find_offered(std::function<void()> then) {
    json::array paths;
    std::vector<std::string> names;
    for (const auto& name : tools_) {
        const ToolEntry& tool = parts_.bundle->content().tools.find(name)->second;
        if (!tool.has_when) continue;
        names.push_back(name);
        paths.emplace_back(tool.path);
    }
    if (!make_vm()) return then();
    Task task{entry_->path + " (when)",
              "offered",
              {},
              {{"list", std::move(paths)}},
              parts_.limits.tool_timeout};
    task.may_wait = false;
    const bool has_begun = begin(std::move(task), [this, names, then](Job& job, Vm::Step step,
                                                                      const std::string& problem) {
        const auto* answers = job.run.output.if_array();
        if (step != Vm::Step::finished || answers == nullptr || answers->size() != names.size()) {
            log_failure(job, step, problem);
            return then();
        }
        std::set<std::string, std::less<>> withheld;
        for (std::size_t i = 0; i < names.size(); ++i) {
            const json::value& answer = (*answers)[i];
            if (!answer.is_bool()) {
                log::error("script.failed",
                           {{"call", parts_.info.call_sid},
                            {"script", fmt::format("tools/{}.lua when", names[i])},
                            {"what", shortened(json::value_to<std::string>(answer), 1'000)},
                            {"bundle", parts_.bundle->version()}});
            }
            if (!answer.is_bool() || !answer.get_bool()) withheld.insert(names[i]);
        }
        const auto self = shared_from_this();
        if (std::exchange(withheld_, std::move(withheld)) != withheld_ && is_prepared_) {
            parts_.events->on(call::ToolsOffered{declarations()});
        }
        if (!is_closed_) then();
    });
    if (!has_begun) then();
}

}  // namespace parley::script
