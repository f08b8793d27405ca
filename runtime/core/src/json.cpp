#include <parley/core/json.hpp>

#include <charconv>
#include <cmath>

// Boost.JSON is linked as a library; nothing of it is compiled here.

namespace parley::json_read {

const json::value* find(const json::object& object, std::string_view key) {
    return object.if_contains(key);
}

std::optional<std::string_view> string(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string_view(value->get_string());
}

std::optional<std::int64_t> integer(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return value->get_int64();
    if (value->is_uint64() && value->get_uint64() <= INT64_MAX)
        return static_cast<std::int64_t>(value->get_uint64());
    if (value->is_double()) {
        const double whole = value->get_double();
        if (std::abs(whole) < 9.0e15 && std::trunc(whole) == whole)
            return static_cast<std::int64_t>(whole);
        return std::nullopt;
    }
    if (value->is_string()) {
        const auto& text = value->get_string();
        std::int64_t parsed = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
        if (error == std::errc{} && end == text.data() + text.size() && !text.empty())
            return parsed;
    }
    return std::nullopt;
}

std::optional<double> number(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

std::optional<bool> boolean(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_bool()) return std::nullopt;
    return value->get_bool();
}

const json::object* object(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

const json::array* array(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

std::optional<json::value> parse(std::string_view text, std::size_t depth_max) {
    json::parse_options options;
    options.max_depth = depth_max;
    boost::system::error_code error;
    auto value = json::parse(text, error, {}, options);
    if (error) return std::nullopt;
    return value;
}

}  // namespace parley::json_read
