// finding.hpp: what is wrong, or odd, in scripts and settings, with the line it is about.
//
// A Fault says where in words; a Finding has file and line apart and carries the line's text, so
// that a terminal, an editor and the status page can show it. Lines that may hold a secret are
// shown without their value.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::reload {

enum class Severity { error, warning };

struct Finding {
    Severity severity = Severity::error;
    // as a person in the working folder would name it: "scripts/agents/sarah.lua"; may be empty
    std::string file;
    int line = 0;             // 0: no line of its own
    std::string message;      // "unknown var {clinik}"
    std::string remedy;       // "did you mean {clinic}?", or empty
    std::string source_line;  // the text of that line, or empty

    // "scripts/agents/sarah.lua:6: unknown var {clinik}; did you mean {clinic}?", for a log line.
    std::string text() const;
    std::string where() const;  // "scripts/agents/sarah.lua:6"
};

// For a terminal: "file:line: error: message; remedy", then the offending line under its number.
std::string shown(const Finding& finding);
json::object to_json(const Finding& finding);
Finding finding_from(const json::object& object);

bool has_errors(const std::vector<Finding>& findings);

// Turns Faults into Findings: knows the texts that were read, by the names that messages give them.
class Lines {
 public:
    // Scripts are named in messages by their place in the folder: "agents/sarah.lua" for
    // "scripts/agents/sarah.lua".
    void add_script(const std::string& path, const std::string& shown_path, std::string_view text);
    // A YAML or .env file: what it holds may be secret.
    void add_settings(const std::string& path, std::string_view text);

    Finding finding(const Fault& fault, Severity severity = Severity::error) const;
    // The same for a place that is known already.
    Finding at(const std::string& path, int line, Severity severity, std::string message,
               std::string remedy) const;

 private:
    struct Text {
        std::string shown_path;
        std::string_view text;  // outlives this
        enum class Kind { script, settings } kind = Kind::script;
    };
    std::string line_of(const Text& text, int line) const;
    std::map<std::string, Text, std::less<>> texts_;
};

}  // namespace parley::reload
