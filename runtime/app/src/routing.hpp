// routing.hpp: which generation of scripts and settings a call gets, and how it keeps it.
#pragma once

#include <parley/call/ports.hpp>
#include <parley/reload/generations.hpp>
#include <parley/script/agent.hpp>
#include <parley/telephony/twilio.hpp>

namespace parley::app {

// The agent for a called number by the generation that serves now; the call keeps that one.
std::optional<telephony::TwilioService::Route> route_of(const reload::Generations& generations,
                                                        std::string_view to);

// What an agent is set to for one call: the call's own vars count before those of the settings.
config::AgentSettings settings_for(const config::AgentSettings& agent, const call::CallInfo& info);

// For a call that begins now: the generation that serves.
std::shared_ptr<const void> ticket_of(const reload::Generations& generations);

// Null for a call that was not routed by route_of().
std::shared_ptr<const reload::Generation> generation_of(const call::CallInfo& info);

// With --dev: what the call goes on with when the generation that serves is not its own any more;
// its ticket moves along.
std::optional<script::Newer> newer_for(const reload::Generations& generations,
                                       const call::CallInfo& info);

}  // namespace parley::app
