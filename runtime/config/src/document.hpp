// document.hpp: settings as JSON, with a memory of where each value was written.
//
// A JSON pointer ("/server/port") leads to the value in `root` and to its Origin. What was never
// written has no origin of its own; messages then name the nearest thing around it that was.
#pragma once

#include <parley/core/json.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::config {

struct Origin {
    // for `parley config`: "config/parley.yaml:4", "environment PORT", ".env PORT"
    std::string source;
    std::string where = {};  // how a Fault begins; empty: the source, then the setting's path
};

class Document {
 public:
    json::object root;
    std::map<std::string, Origin, std::less<>> origins;  // "" is the whole document

    // How a Fault about the value at `pointer` begins: "config/parley.yaml:12: server.port",
    // "environment PORT".
    std::string where(std::string_view pointer) const;
    // Where the value, or else what is around it, was written: "config/parley.yaml:12".
    std::string source(std::string_view pointer) const;

    const json::value* find(std::string_view pointer) const;
    // Sets one value, making the groups above it. False where something else than a group is in the
    // way.
    bool set(std::string_view pointer, json::value value, Origin origin);
    // Lays `upper` on top: groups merge, everything else is replaced.
    void merge(Document upper);

 private:
    const Origin& origin_around(std::string_view pointer) const;
    void merge_object(json::object& base, json::object& upper, const std::string& pointer,
                      Document& from);
};

constexpr std::size_t faults_max = 200;  // nobody reads more

// "/numbers/+1555" from "/numbers" and "+1555", with ~ and / escaped.
std::string pointer_to(std::string_view parent, std::string_view key);
std::vector<std::string> pointer_steps(std::string_view pointer);
// "/server/port" -> "server.port"
std::string dotted(std::string_view pointer);

// 0.4, 3000, 3000.0: the last is not a whole number, and looks it.
std::string number_text(const json::value& number);
// A value for a message: short, quoted, on one line. What looks like a provider's key or a password
// in a URL is left out: it may have been put into the wrong setting.
std::string shown(const json::value& value);

}  // namespace parley::config
