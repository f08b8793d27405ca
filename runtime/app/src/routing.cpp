#include "routing.hpp"

namespace parley::app {

std::optional<telephony::TwilioService::Route> route_of(const reload::Generations& generations,
                                                        std::string_view to) {
    auto generation = generations.current();
    const auto* agent = generation->settings.agent_for(to);
    if (agent == nullptr) return std::nullopt;
    return telephony::TwilioService::Route{
        agent->name, std::make_shared<const reload::CallTicket>(std::move(generation))};
}

config::AgentSettings settings_for(const config::AgentSettings& agent, const call::CallInfo& info) {
    auto settings = agent;
    for (const auto& var : info.vars) settings.vars[var.key()] = var.value();
    return settings;
}

std::shared_ptr<const void> ticket_of(const reload::Generations& generations) {
    return std::make_shared<const reload::CallTicket>(generations.current());
}

std::shared_ptr<const reload::Generation> generation_of(const call::CallInfo& info) {
    const auto* ticket = static_cast<const reload::CallTicket*>(info.basis.get());
    return ticket == nullptr ? nullptr : ticket->generation();
}

std::optional<script::Newer> newer_for(const reload::Generations& generations,
                                       const call::CallInfo& info) {
    const auto* ticket = static_cast<const reload::CallTicket*>(info.basis.get());
    auto current = generations.current();
    if (ticket == nullptr || ticket->generation() == current) return std::nullopt;
    const auto agent = current->settings.agents.find(info.agent);
    if (agent == current->settings.agents.end()) return std::nullopt;
    script::Newer newer{current->bundle, settings_for(agent->second, info),
                        current->settings.scripts};
    ticket->move_to(std::move(current));
    return newer;
}

}  // namespace parley::app
