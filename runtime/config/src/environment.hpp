// environment.hpp: environment variables above those of a .env file.
//
// An empty variable counts as unset, so that `PORT=` in a unit file or a compose file means "the
// default".
#pragma once

#include <parley/core/result.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace parley::config {

// What must never be printed, whatever setting it turns up in.
class Secrets {
 public:
    void add(std::string_view value);
    // `text` with every known secret replaced.
    std::string redacted(std::string text) const;

 private:
    std::set<std::string, std::less<>> values_;
};

// Whether a name such as CRM_API_KEY or db_password promises a secret.
bool names_secret(std::string_view name);
// "set (…cdef)", "set" where four characters would give too much away, "not set".
std::string masked(std::string_view secret);

class Environment {
 public:
    struct Variable {
        std::string value;   // trimmed, not empty
        std::string source;  // "environment PORT", ".env PORT"
        std::string where;   // "environment PORT", ".env:3: PORT"
    };

    explicit Environment(std::map<std::string, std::string> own) : own_(std::move(own)) {}

    // KEY=value lines, without expansion. Every bad line is a Fault; the good ones count all the
    // same.
    std::vector<Fault> read_env_file(std::string_view text, const std::string& name);

    std::optional<Variable> find(std::string_view name) const;

    // Fills in `${NAME}` and `${NAME:-default}`; `$$` is a dollar. The Fault has no `where`.
    // Values of variables that sound like secrets are added to `secrets`.
    Checked<std::string> substitute(std::string_view text, Secrets& secrets) const;

 private:
    struct Line {
        std::string value;
        std::size_t number;
    };
    std::map<std::string, std::string> own_;
    std::map<std::string, Line, std::less<>> from_file_;
    std::string file_;
};

}  // namespace parley::config
