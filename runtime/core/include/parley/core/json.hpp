// json.hpp: Boost.JSON with the few reads that untrusted input needs. None of these throws.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

namespace json = boost::json;

namespace json_read {

// The member `key` as the wanted kind; nothing when absent or of another kind.
const json::value* find(const json::object& object, std::string_view key);
std::optional<std::string_view> string(const json::object& object, std::string_view key);
// a whole number, or one in a string
std::optional<std::int64_t> integer(const json::object& object, std::string_view key);
std::optional<double> number(const json::object& object, std::string_view key);
std::optional<bool> boolean(const json::object& object, std::string_view key);
const json::object* object(const json::object& object, std::string_view key);
const json::array* array(const json::object& object, std::string_view key);

// "" when absent.
inline std::string text(const json::object& from, std::string_view key) {
    const auto found = string(from, key);
    return found ? std::string(*found) : std::string();
}

// Parses at most `depth_max` levels; nothing on any error.
std::optional<json::value> parse(std::string_view text, std::size_t depth_max = 32);

}  // namespace json_read
}  // namespace parley
