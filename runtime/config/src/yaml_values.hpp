// yaml_values.hpp: YAML as written -> a Document: aliases followed, variables filled in, scalars
// typed.
//
// Plain scalars become what YAML 1.2 and JSON agree on: 3000, 0.5, true. All else is text, above
// all telephone numbers (+15550100001), times (09:00) and yes/no/on/off. Where the schema wants
// text, a plain scalar stays the text that was written, so that a token made of digits keeps its
// zeros. Quoted scalars are always text.
#pragma once

#include "document.hpp"
#include "environment.hpp"
#include "yaml_tree.hpp"

#include <set>

namespace parley::config {

// of all values together, after aliases and variables
constexpr std::size_t yaml_text_max = 4 * 1024 * 1024;

struct Reading {
    Document document;
    std::vector<Fault> faults;
    // pointers that have a fault already; "" where nothing can be made of the file
    std::set<std::string, std::less<>> broken;
};

Reading read_values(const YamlTree& tree, const std::string& name, const json::object& schema,
                    const Environment& environment, Secrets& secrets);
// The same without variables: "$" is a dollar.
Reading read_values(const YamlTree& tree, const std::string& name, const json::object& schema);

// A number or a boolean where the text is plainly one; the text itself otherwise.
json::value plain_value(std::string_view text);

// Of alternatives (anyOf) the one for a type, where they differ in type; `schema` itself where
// there are none.
const json::object* alternative(const json::object* schema, std::string_view type);

// The schema of the member `key` of what `schema` describes; null where nothing is known about it.
const json::object* member_schema(const json::object* schema, std::string_view key);

}  // namespace parley::config
