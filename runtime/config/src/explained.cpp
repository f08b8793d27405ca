#include "explained.hpp"

#include "yaml_values.hpp"

#include <parley/core/schema.hpp>

#include <algorithm>

namespace parley::config {
namespace {

std::string value_text(const json::value& value) {
    std::string text;
    const auto comma = [&text] { return text.size() > 1 ? ", " : ""; };
    switch (value.kind()) {
        case json::kind::null: return "null";
        case json::kind::bool_: return value.get_bool() ? "true" : "false";
        case json::kind::string: return std::string(value.get_string());
        case json::kind::array:
            text = "[";
            for (const auto& item : value.get_array()) text += comma() + value_text(item);
            return text + "]";
        case json::kind::object:
            text = "{";
            for (const auto& member : value.get_object()) {
                text += comma() + std::string(member.key()) + ": " + value_text(member.value());
            }
            return text + "}";
        default: return number_text(value);
    }
}

class Explainer {
 public:
    Explainer(const Document& document, const Secrets& secrets)
        : document_(document), secrets_(secrets) {}

    void group(const json::object& schema, const json::object* values, const std::string& pointer) {
        if (const auto* properties = json_read::object(schema, "properties")) {
            for (const auto& property : *properties) {
                const auto* value =
                    values == nullptr ? nullptr : values->if_contains(property.key());
                setting(property.value().get_object(), value, pointer_to(pointer, property.key()));
            }
        }
        if (values == nullptr) return;
        if (const auto* each = json_read::object(schema, "additionalProperties")) {
            for (const auto& name : sorted_keys(*values)) {
                setting(*each, values->if_contains(name), pointer_to(pointer, name));
            }
        } else if (json_read::boolean(schema, "additionalProperties") == true) {
            free_form(*values, pointer, Shown::plainly);
        }
    }

    std::vector<Explained> lines;

 private:
    enum class Shown { plainly, masked };

    static std::vector<std::string> sorted_keys(const json::object& object) {
        std::vector<std::string> keys;
        for (const auto& member : object) keys.emplace_back(member.key());
        std::sort(keys.begin(), keys.end());
        return keys;
    }

    void setting(const json::object& schema, const json::value* value, const std::string& pointer) {
        if (schema_type(schema) == "object") {
            return group(schema, value == nullptr ? nullptr : value->if_object(), pointer);
        }
        const bool is_default = value == nullptr;
        if (is_default) value = schema.if_contains("default");
        if (value == nullptr) return;
        const bool is_secret = json_read::boolean(schema, "writeOnly") == true;
        line(*value, pointer, is_secret ? Shown::masked : Shown::plainly,
             is_default ? "default" : document_.source(pointer));
    }

    void free_form(const json::object& values, const std::string& pointer, Shown how) {
        for (const auto& member : values) {
            const auto at = pointer_to(pointer, member.key());
            const auto member_how = names_secret(member.key()) ? Shown::masked : how;
            if (const auto* inner = member.value().if_object();
                inner != nullptr && !inner->empty()) {
                free_form(*inner, at, member_how);
            } else {
                line(member.value(), at, member_how, document_.source(at));
            }
        }
    }

    void line(const json::value& value, const std::string& pointer, Shown how, std::string source) {
        std::string text;
        if (how == Shown::plainly) {
            text = secrets_.redacted(value_text(value));
            if (text.empty()) text = "not set";
        } else {
            text = value.is_string() ? masked(value.get_string()) : "set";
        }
        lines.push_back({dotted(pointer), std::move(text), std::move(source)});
    }

    const Document& document_;
    const Secrets& secrets_;
};

}  // namespace

std::vector<Explained> explain_all(const Document& document, const json::object& schema,
                                   const Secrets& secrets) {
    Explainer explainer(document, secrets);
    explainer.group(schema, &document.root, "");
    return std::move(explainer.lines);
}

}  // namespace parley::config
