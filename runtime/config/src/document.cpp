#include "document.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <charconv>

namespace parley::config {
namespace {

constexpr std::size_t shown_bytes_max = 60;  // longer values are cut in messages

const Origin nowhere{"settings"};

const json::value* step_into(const json::value& value, const std::string& step) {
    if (const auto* object = value.if_object()) return object->if_contains(step);
    if (const auto* array = value.if_array()) {
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
        if (error != std::errc{} || end != step.data() + step.size()) return nullptr;
        return array->if_contains(index);
    }
    return nullptr;
}

// "https://user:password@host" without what stands before the @.
std::string without_user(std::string_view text) {
    const auto scheme = text.find("://");
    if (scheme == std::string_view::npos) return std::string(text);
    const auto host = scheme + 3;
    const auto at = text.substr(host, text.find_first_of("/?#", host) - host).rfind('@');
    if (at == std::string_view::npos) return std::string(text);
    return std::string(text.substr(0, host)) + "***" + std::string(text.substr(host + at));
}

}  // namespace

std::string pointer_to(std::string_view parent, std::string_view key) {
    std::string pointer(parent);
    pointer += '/';
    for (const char c : key) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
    return pointer;
}

std::vector<std::string> pointer_steps(std::string_view pointer) {
    std::vector<std::string> steps;
    if (pointer.empty()) return steps;
    for (const auto part : split(pointer.substr(1), '/')) {
        std::string step;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] == '~' && i + 1 < part.size()) {
                step += part[++i] == '1' ? '/' : '~';
            } else {
                step += part[i];
            }
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

std::string dotted(std::string_view pointer) {
    std::string path;
    for (const auto& step : pointer_steps(pointer)) {
        if (!path.empty()) path += '.';
        path += step;
    }
    return path;
}

std::string number_text(const json::value& number) {
    if (!number.is_double()) return json::serialize(number);
    std::string text = fmt::format("{}", number.get_double());
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
}

std::string shown(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return "nothing";
        case json::kind::array: return "a list";
        case json::kind::object: return "a group of settings";
        case json::kind::bool_: return value.get_bool() ? "true" : "false";
        case json::kind::string: {
            const std::string_view text = value.get_string();
            if (text.starts_with("sk-")) return "\"sk-***\"";
            return json::serialize(json::string(shortened(without_user(text), shown_bytes_max)));
        }
        default: return number_text(value);
    }
}

const Origin& Document::origin_around(std::string_view pointer) const {
    while (true) {
        if (const auto found = origins.find(pointer); found != origins.end()) return found->second;
        if (pointer.empty()) return nowhere;
        pointer = pointer.substr(0, pointer.rfind('/'));
    }
}

std::string Document::where(std::string_view pointer) const {
    const Origin& origin = origin_around(pointer);
    if (!origin.where.empty()) return origin.where;
    const std::string path = dotted(pointer);
    return path.empty() ? origin.source : origin.source + ": " + path;
}

std::string Document::source(std::string_view pointer) const {
    return origin_around(pointer).source;
}

const json::value* Document::find(std::string_view pointer) const {
    const auto steps = pointer_steps(pointer);
    if (steps.empty()) return nullptr;
    const json::value* value = root.if_contains(steps.front());
    for (std::size_t i = 1; value != nullptr && i < steps.size(); ++i)
        value = step_into(*value, steps[i]);
    return value;
}

bool Document::set(std::string_view pointer, json::value value, Origin origin) {
    const auto steps = pointer_steps(pointer);
    json::object* group = &root;
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
        json::value& next = group->emplace(steps[i], json::object()).first->value();
        group = next.if_object();
        if (group == nullptr) return false;
    }
    group->insert_or_assign(steps.back(), std::move(value));
    origins.insert_or_assign(std::string(pointer), std::move(origin));
    return true;
}

void Document::merge(Document upper) {
    if (const auto whole = upper.origins.find("");
        whole != upper.origins.end() && !origins.contains("")) {
        origins.emplace("", whole->second);
    }
    merge_object(root, upper.root, "", upper);
}

void Document::merge_object(json::object& base, json::object& upper, const std::string& pointer,
                            Document& from) {
    for (auto& member : upper) {
        const std::string at = pointer_to(pointer, member.key());
        json::value* below = base.if_contains(member.key());
        if (below != nullptr && below->is_object() && member.value().is_object()) {
            merge_object(below->get_object(), member.value().get_object(), at, from);
            continue;
        }
        base.insert_or_assign(member.key(), std::move(member.value()));
        // The origins of what was replaced go with it; its successor brings its own.
        const auto is_within = [&at](const std::string& candidate) {
            return candidate.starts_with(at) &&
                   (candidate.size() == at.size() || candidate[at.size()] == '/');
        };
        std::erase_if(origins, [&](const auto& entry) { return is_within(entry.first); });
        for (auto entry = from.origins.lower_bound(at);
             entry != from.origins.end() && entry->first.starts_with(at); ++entry) {
            if (is_within(entry->first)) origins.insert_or_assign(entry->first, entry->second);
        }
    }
}

}  // namespace parley::config
