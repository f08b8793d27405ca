// text.hpp: small string work that several rooms need.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

std::string_view trim(std::string_view text);
std::string lower(std::string_view text);  // ASCII only
std::vector<std::string_view> split(std::string_view text, char separator);
bool is_valid_utf8(std::string_view text);
// Replaces each invalid sequence with U+FFFD.
std::string to_valid_utf8(std::string_view text);
// At most `bytes_max` bytes, never cutting a UTF-8 character, with "…" when shortened.
std::string shortened(std::string_view text, std::size_t bytes_max);

// The nearest of `known` to `word`, or nothing when none is near enough to be what was meant.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> known);

// "+15550100001" -> "+1555*****01", for logs.
std::string masked_number(std::string_view number);

// A value that must not be shown: no formatter, no stream operator; reveal() is easy to grep for.
class Secret {
 public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }

 private:
    std::string value_;
};

}  // namespace parley
