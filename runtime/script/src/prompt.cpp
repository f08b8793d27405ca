// {name} in prompts and greetings.
#include "bundle.hpp"

#include <array>

namespace parley::script {
namespace {

constexpr std::array always_known{"today", "now", "weekday", "caller"};

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The name in "{name}" at `at`; empty when there is none. Other braces, as in JSON, are plain text.
std::string_view name_at(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && is_name_char(text[end])) ++end;
    if (end == at + 1 || end >= text.size() || text[end] != '}' ||
        (text[at + 1] >= '0' && text[at + 1] <= '9'))
        return {};
    return text.substr(at + 1, end - at - 1);
}

// Calls on_text for plain stretches and on_name for each {name}.
template <class OnText, class OnName>
void walk(std::string_view text, OnText on_text, OnName on_name) {
    std::size_t plain = 0;
    for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at)) {
        if (at + 1 < text.size() && text[at + 1] == '{') {
            const auto name = name_at(text, at + 1);
            const std::size_t end = at + 3 + name.size();
            if (!name.empty() && end < text.size() && text[end] == '}') {  // "{{name}}"
                on_text(text.substr(plain, at - plain));
                on_text(text.substr(at + 1, name.size() + 2));
                at = plain = end + 1;
                continue;
            }
            ++at;
            continue;
        }
        const auto name = name_at(text, at);
        if (name.empty()) {
            ++at;
            continue;
        }
        on_text(text.substr(plain, at - plain));
        on_name(name);
        at = plain = at + name.size() + 2;
    }
    on_text(text.substr(plain));
}

}  // namespace

bool is_always_known(std::string_view name) {
    return std::find(always_known.begin(), always_known.end(), name) != always_known.end();
}

std::vector<std::string> names_in(std::string_view text) {
    std::vector<std::string> names;
    walk(
        text, [](std::string_view) {}, [&](std::string_view name) { names.emplace_back(name); });
    return names;
}

std::optional<std::string> shown(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return "";
        case json::kind::string: return std::string(value.get_string());
        case json::kind::bool_: return value.get_bool() ? "yes" : "no";
        case json::kind::object: return std::nullopt;
        case json::kind::array: {
            std::string joined;
            for (const auto& item : value.get_array()) {
                const auto text = shown(item);
                if (!text || item.is_array()) return std::nullopt;
                joined += (joined.empty() ? "" : ", ") + *text;
            }
            return joined;
        }
        default: return json::serialize(value);
    }
}

std::string filled(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view)>& value_of) {
    std::string out;
    walk(
        text, [&](std::string_view plain) { out += plain; },
        [&](std::string_view name) {
            if (const auto value = value_of(name)) {
                out += *value;
            } else {
                out += fmt::format("{{{}}}", name);
            }
        });
    return out;
}

}  // namespace parley::script
