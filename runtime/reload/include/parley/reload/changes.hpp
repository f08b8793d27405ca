// changes.hpp: what one generation changes against another, in plain words: `parley diff`.
//
// Compared are contents, not files: what a generation means for callers, as JSON. Secrets are
// masked in it.
#pragma once

#include <parley/reload/generation.hpp>

#include <string>
#include <vector>

namespace parley::reload {

json::object content_of(const Generation& generation);

struct Change {
    // "agent sarah", "tool check_slots", "numbers.default", "restart server.port"
    std::string about;
    std::string what;  // "the prompt changes"
    // lines of a difference: "+ ...", "- ..."; or before and after
    std::vector<std::string> details;
};

// Empty when nothing that callers could notice differs.
std::vector<Change> changes_between(const json::object& before, const json::object& after);
std::string shown(const std::vector<Change>& changes);
json::array to_json(const std::vector<Change>& changes);
std::vector<Change> changes_from(const json::array& changes);

// Lines that only one of two texts has, in their order, marked "- " and "+ ".
std::vector<std::string> line_difference(std::string_view before, std::string_view after);

}  // namespace parley::reload
