// fill.hpp: a checked Document -> typed Settings.
#pragma once

#include "document.hpp"

#include <parley/config/settings.hpp>

namespace parley::config {

// Numbers must lead to agents that exist.
std::vector<Fault> check_routes(const Document& document);

// No two of twilio.paths may clash, nor one with a path of the service itself.
std::vector<Fault> check_paths(const Document& document);
// Patterns that can be used.
std::vector<Fault> check_masks(const Document& document);

// Brings values into the form the runtime uses: addresses with a scheme and without a trailing
// slash, models that are alive. Returns what an operator should know.
std::vector<std::string> settle(Document& document);

// `document` has passed its schema. What it does not say keeps the default of the struct.
Settings fill(const Document& document);

// Caps on cost that cannot be kept, because what a model costs is not known.
std::vector<std::string> check_caps(const Document& document, const Settings& settings);

// Writes into `document` what an agent gets from elsewhere, so that `parley config` can show it.
void resolve_agents(Document& document, const Settings& settings);

}  // namespace parley::config
