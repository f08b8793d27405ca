// inspect.hpp: what a document does against its schema, in people's words.
//
// parley::Schema decides; its messages name neither the line nor the remedy. So this walks the same
// schema for the keywords settings use and words each fault itself. The two must agree: what Schema
// refuses and inspect() misses is reported in Schema's words.
#pragma once

#include "document.hpp"
#include "environment.hpp"

#include <parley/core/result.hpp>

#include <set>
#include <vector>

namespace parley::config {

// Every fault but those at the pointers in `broken`, which have been reported before.
std::vector<Fault> inspect(const Document& document, const json::object& schema,
                           const std::set<std::string, std::less<>>& broken,
                           const Secrets& secrets);

// Faults by the compiled schema itself. Only for documents that inspect() has passed: patterns are
// matched by std::regex, which recurses per character, and inspect() has bounded the lengths.
std::vector<Fault> check_by_schema(const Document& document, const json::value& schema,
                                   const std::string& schema_file);

}  // namespace parley::config
