#include "overrides.hpp"

#include "yaml_values.hpp"

#include <parley/core/schema.hpp>
#include <parley/core/text.hpp>

#include <algorithm>
#include <functional>

namespace parley::config {
namespace {

using Visit = std::function<void(const std::string& pointer, const json::object& schema)>;

// Every single setting with a fixed name, in the schema's order.
void for_each_setting(const json::object& schema, const std::string& pointer, const Visit& visit) {
    const auto* properties = json_read::object(schema, "properties");
    if (properties == nullptr) return;
    for (const auto& property : *properties) {
        const auto* own = property.value().if_object();
        if (own == nullptr) continue;
        const auto at = pointer_to(pointer, property.key());
        if (schema_type(*own) == "object") {
            for_each_setting(*own, at, visit);
        } else {
            visit(at, *own);
        }
    }
}

// Text from outside YAML has no quotes to tell numbers from text: the schema says what is meant.
// Text that does not fit stays text, and the inspection that follows says so.
json::value typed(std::string_view text, const json::object* schema) {
    if (schema == nullptr) return plain_value(text);
    const auto type = schema_type(*schema);
    if (type == "integer" || type == "number") {
        auto value = plain_value(text);
        return value.is_number() ? value : json::value(text);
    }
    if (type == "array") {  // "a, b" or "[a, b]"
        std::string_view inside = trim(text);
        if (inside.starts_with('[') && inside.ends_with(']'))
            inside = inside.substr(1, inside.size() - 2);
        json::array list;
        for (const auto part : split(inside, ',')) {
            if (!trim(part).empty()) list.emplace_back(trim(part));
        }
        return list;
    }
    const std::string word = lower(text);
    if (type == "boolean") {
        for (const std::string_view yes : {"true", "1", "yes", "on"}) {
            if (word == yes) return true;
        }
        for (const std::string_view no : {"false", "0", "no", "off"}) {
            if (word == no) return false;
        }
        return json::value(text);
    }
    if (const auto* choices = json_read::array(*schema, "enum")) {
        if (std::find(choices->begin(), choices->end(), json::value(word)) != choices->end())
            return json::value(word);
    }
    return json::value(text);
}

std::string flag_name(const std::string& path, const json::object* schema) {
    const auto own = schema == nullptr ? std::string() : json_read::text(*schema, "x-flag");
    return "flag " + (own.empty() ? "--set " + path : own);
}

std::string pointer_of(const std::string& path) {
    std::string pointer;
    for (const auto step : split(path, '.')) pointer = pointer_to(pointer, step);
    return pointer;
}

}  // namespace

std::vector<Fault> apply_environment(Document& document, const json::object& schema,
                                     const Environment& environment) {
    std::vector<Fault> faults;
    for_each_setting(schema, "", [&](const std::string& pointer, const json::object& own) {
        const auto name = json_read::string(own, "x-env");
        if (!name) return;
        auto variable = environment.find(*name);
        if (const auto alias = json_read::string(own, "x-env-alias"); alias && !variable)
            variable = environment.find(*alias);
        if (!variable) return;
        if (!is_valid_utf8(variable->value)) {
            faults.push_back({variable->where, "not valid UTF-8 text", ""});
            return;
        }
        // Where a file has something else than a group in the way, the inspection reports that.
        document.set(pointer, typed(variable->value, &own), {variable->source, variable->where});
    });
    return faults;
}

std::vector<Fault> apply_flags(Document& document, const json::object& schema,
                               const std::map<std::string, std::string>& flags) {
    std::vector<Fault> faults;
    for (const auto& [path, text] : flags) {
        const auto pointer = pointer_of(path);
        const json::object* own = &schema;
        for (const auto& step : pointer_steps(pointer)) {
            // Below a free-form group (an agent's vars) anything goes.
            const bool is_free =
                own == nullptr || json_read::boolean(*own, "additionalProperties") == true;
            own = member_schema(own, step);
            if (own != nullptr || is_free) continue;
            std::vector<std::string> known;
            for_each_setting(schema, "", [&](const std::string& at, const json::object&) {
                known.push_back(dotted(at));
            });
            const auto meant = did_you_mean(path, known);
            faults.push_back(
                {flag_name(path, nullptr), "unknown setting",
                 meant ? "did you mean \"" + *meant + "\"?" : "`parley config` lists them all"});
            break;
        }
        if (!faults.empty() && faults.back().where == flag_name(path, nullptr)) continue;
        const auto name = flag_name(path, own);
        if (!is_valid_utf8(path) || !is_valid_utf8(text)) {
            faults.push_back({"flag", "not valid UTF-8 text", ""});
            continue;
        }
        if (!document.set(pointer, typed(text, own), {name, name})) {
            faults.push_back(
                {name, "what is above it in the files is not a group of settings", ""});
        }
    }
    return faults;
}

void collect_secrets(const Document& document, const json::object& schema, Secrets& secrets) {
    for_each_setting(schema, "", [&](const std::string& pointer, const json::object& own) {
        if (json_read::boolean(own, "writeOnly") != true) return;
        const auto* value = document.find(pointer);
        if (value != nullptr && value->is_string()) secrets.add(value->get_string());
    });
    // The scripts' secrets have names of their own.
    if (const auto* group = json_read::object(document.root, "secrets")) {
        for (const auto& secret : *group) {
            const auto* own = secret.value().if_object();
            if (own == nullptr) continue;
            if (const auto value = json_read::string(*own, "value")) secrets.add(*value);
        }
    }
}

}  // namespace parley::config
