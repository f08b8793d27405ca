// explained.hpp: every effective setting with its source, for `parley config`.
#pragma once

#include "document.hpp"
#include "environment.hpp"

#include <parley/config/settings.hpp>

namespace parley::config {

// In the schema's order; names of agents, numbers and models alphabetically. Secrets are masked.
std::vector<Explained> explain_all(const Document& document, const json::object& schema,
                                   const Secrets& secrets);

}  // namespace parley::config
