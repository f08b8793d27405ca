#include "compare.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <regex>

namespace parley::rehearsal {
namespace {

constexpr std::size_t matched_bytes_max = 16 * 1024;  // std::regex recurses per character
constexpr std::size_t shown_bytes_max = 300;

bool is_expression(std::string_view text) {
    return text.size() > 2 && text.front() == '/' && text.back() == '/';
}

bool matches(std::string_view text, std::string_view expression) {
    try {
        const std::regex compiled(std::string(expression),
                                  std::regex::ECMAScript | std::regex::icase);
        const std::string bounded(text.substr(0, matched_bytes_max));
        return std::regex_search(bounded, compiled);
    } catch (const std::regex_error&) {
        return false;
    }
}

std::string plain(std::string_view text) {
    std::string out;
    for (const char c : lower(text)) {
        const bool is_space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!is_space) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    return std::string(trim(out));
}

std::string shown(const json::value& value) {
    return shortened(json::serialize(value), shown_bytes_max);
}

bool is_same_scalar(const json::value& wanted, const json::value& found) {
    if (wanted.is_number() && found.is_number())
        return wanted.to_number<double>() == found.to_number<double>();
    const auto* expression = wanted.if_string();
    const auto* text = found.if_string();
    if (expression != nullptr && text != nullptr && is_expression(*expression)) {
        return matches(*text, std::string_view(*expression).substr(1, expression->size() - 2));
    }
    return wanted == found;
}

}  // namespace

bool contains_words(std::string_view text, std::string_view wanted) {
    if (is_expression(wanted)) return matches(text, wanted.substr(1, wanted.size() - 2));
    return plain(text).find(plain(wanted)) != std::string::npos;
}

std::optional<std::string> shortfall(const json::value& wanted, const json::value& found,
                                     const std::string& path) {
    const auto differs = [&]() -> std::optional<std::string> {
        return fmt::format("{}expected {}, found {}", path.empty() ? "" : path + ": ",
                           shown(wanted), shown(found));
    };
    if (const auto* members = wanted.if_object()) {
        const auto* object = found.if_object();
        if (object == nullptr) return differs();
        for (const auto& member : *members) {
            const std::string at = path.empty()
                                       ? std::string(member.key())
                                       : fmt::format("{}.{}", path, std::string_view(member.key()));
            const auto* value = object->if_contains(member.key());
            if (value == nullptr) {
                if (member.value().is_null()) continue;  // null and absent are one in Lua
                return fmt::format("{}: expected {}, found nothing", at, shown(member.value()));
            }
            if (auto what = shortfall(member.value(), *value, at)) return what;
        }
        return std::nullopt;
    }
    if (const auto* items = wanted.if_array()) {
        const auto* array = found.if_array();
        if (array == nullptr || array->size() != items->size()) return differs();
        for (std::size_t i = 0; i < items->size(); ++i) {
            if (auto what = shortfall((*items)[i], (*array)[i], fmt::format("{}[{}]", path, i)))
                return what;
        }
        return std::nullopt;
    }
    if (is_same_scalar(wanted, found)) return std::nullopt;
    return differs();
}

}  // namespace parley::rehearsal
