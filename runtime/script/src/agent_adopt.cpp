// A call in progress goes on with newer scripts: for those who write them (`parley serve --dev`).
#include "agent_core.hpp"

#include <parley/core/log.hpp>

namespace parley::script {

void Core::adopt(Prepared done) {
    if (!parts_.newer) return;
    post([done = std::move(done)](Core& core) mutable {
        core.adopting_ = std::move(done);
        core.adopt_when_idle();
    });
}

// A handler that runs ends in the VM and with the vars it began with; then we are called again.
void Core::adopt_when_idle() {
    if (!adopting_ || !is_prepared_ || is_ended_ || is_hook_running_ || !jobs_.empty()) return;
    auto done = std::exchange(adopting_, nullptr);
    auto newer = parts_.newer();
    if (!newer || !take_over(std::move(*newer))) return;
    log::info("script.adopted",
              {{"call", parts_.info.call_sid}, {"bundle", parts_.bundle->version()}});
    run_prompt(std::move(done));
}

bool Core::take_over(Newer newer) {
    const AgentEntry* entry = newer.bundle->content().agent_for(newer.settings);
    if (entry == nullptr) return false;  // its script is gone: the call ends with the one it has
    json::object vars = merged_vars(*entry, newer.settings);
    const auto zone = [&]() -> std::shared_ptr<const TimeZone> {
        const auto* name = vars.if_contains("time_zone");
        return name == nullptr || !name->is_string()
                   ? zone_
                   : TimeZone::find(std::string_view(name->get_string()));
    }();
    if (zone == nullptr) return false;
    // What the call has changed stays; what it never touched is as the newer files have it.
    const json::object before = merged_vars(*entry_, parts_.settings);
    for (const auto& [name, value] : vars_) {
        const auto* original = before.if_contains(name);
        if (original == nullptr || *original != value) vars[name] = value;
    }
    parts_.bundle = std::move(newer.bundle);
    parts_.settings = std::move(newer.settings);
    parts_.limits = newer.limits;
    entry_ = entry;
    vars_ = std::move(vars);
    zone_ = zone;
    vm_.reset();
    start_with_entry();
    return true;
}

}  // namespace parley::script
