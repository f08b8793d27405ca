// expectations.hpp: what was expected of a call, held against what happened. Sans-I/O but for the
// database's rows.
#pragma once

#include <parley/rehearsal/record.hpp>
#include <parley/rehearsal/scenario.hpp>

#include <functional>
#include <string>
#include <vector>

namespace parley::rehearsal {

// What can be looked at besides the record.
struct Seen {
    const std::vector<Happening>& happenings;
    std::size_t window = 0;         // the first happening of the caller's last step
    std::string instructions = {};  // the prompt the model got
    std::vector<std::string> tools_offered = {};
    json::object vars = {};
    bool is_over = false;
    std::string hang_up_by = {};  // agent, caller, parley; once it is over
    std::function<store::QueryResult(const store::Statement&)> sql = {};
};

// Nothing when it is met; otherwise what was expected, and what was found instead, as a Happening
// of Kind::broken.
std::optional<Happening> check(const Expectation& expectation, const Seen& seen);

// The errors of scripts that none of the expectations names.
std::vector<Happening> unexpected_errors(const std::vector<Happening>& happenings,
                                         const std::vector<const Expectation*>& expectations);

}  // namespace parley::rehearsal
