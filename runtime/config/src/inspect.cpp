#include "inspect.hpp"

#include "yaml_values.hpp"

#include <parley/core/schema.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace parley::config {
namespace {

constexpr std::size_t pattern_characters_max = 4096;  // std::regex recurses per character
constexpr std::size_t known_listed_max = 12;

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

bool has_type(const json::value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    return true;
}

// "a whole number between 0 and 65535"
std::string quantity(std::string_view type, const json::object& schema) {
    const std::string noun = type == "integer" ? "a whole number" : "a number";
    const auto* low = schema.if_contains("minimum");
    const auto* high = schema.if_contains("maximum");
    if (low != nullptr && high != nullptr) {
        return noun + " between " + number_text(*low) + " and " + number_text(*high);
    }
    if (low != nullptr) return noun + " of at least " + number_text(*low);
    if (high != nullptr) return noun + " of at most " + number_text(*high);
    return noun;
}

std::vector<std::string> choices(const json::object& schema) {
    std::vector<std::string> words;
    if (const auto* allowed = json_read::array(schema, "enum")) {
        for (const auto& choice : *allowed) {
            words.push_back(choice.is_string() ? std::string(choice.get_string())
                                               : json::serialize(choice));
        }
    }
    return words;
}

// "a whole number between 0 and 65535", "one of low, high", "text"
std::string expectation(const json::object& schema) {
    const auto type = schema_type(schema);
    if (auto own = json_read::text(schema, "x-expected"); !own.empty()) return own;
    if (const auto words = choices(schema); !words.empty()) return "one of " + joined(words);
    if (type == "integer" || type == "number") return quantity(type, schema);
    if (type == "boolean") return "true or false";
    if (type == "array") return "a list";
    if (type == "object") return "a group of settings";
    return "text";
}

class Inspector {
 public:
    Inspector(const Document& document, const std::set<std::string, std::less<>>& broken,
              const Secrets& secrets)
        : document_(document), broken_(broken), secrets_(secrets) {}

    void check(const json::value& value, const json::object& schema, const std::string& pointer) {
        if (broken_.contains(pointer)) return;
        if (const auto* alternatives = json_read::array(schema, "anyOf")) {
            for (const auto& each : *alternatives) {
                const auto* one = each.if_object();
                if (one != nullptr && has_type(value, schema_type(*one)))
                    return check(value, *one, pointer);
            }
            return wrong_type(value, schema, pointer);
        }
        if (!has_type(value, schema_type(schema))) return wrong_type(value, schema, pointer);
        if (const auto* object = value.if_object()) return check_object(*object, schema, pointer);
        if (const auto* array = value.if_array()) return check_array(*array, schema, pointer);
        check_choice(value, schema, pointer);
        if (value.is_number()) check_bounds(value, schema, pointer);
        if (value.is_string()) check_text(value.get_string(), schema, pointer, value);
    }

    void check_object(const json::object& object, const json::object& schema,
                      const std::string& pointer) {
        if (const auto* required = json_read::array(schema, "required")) {
            for (const auto& name : *required) {
                if (object.contains(name.get_string())) continue;
                const auto* missing = member_schema(&schema, name.get_string());
                refuse(pointer_to(pointer, name.get_string()), "missing",
                       missing == nullptr ? json::object() : *missing);
            }
        }
        if (const auto least = json_read::integer(schema, "minProperties");
            least && object.size() < static_cast<std::size_t>(*least)) {
            refuse(pointer, "expected at least one entry, found none", schema);
        }
        const auto* names = json_read::object(schema, "propertyNames");
        for (const auto& member : object) {
            const std::string at = pointer_to(pointer, member.key());
            if (broken_.contains(at)) continue;
            if (names != nullptr && !check_name(member.key(), *names, at)) continue;
            if (const auto* known = member_schema(&schema, member.key())) {
                check(member.value(), *known, at);
            } else if (json_read::boolean(schema, "additionalProperties") == false) {
                unknown(member.key(), schema, at);
            }
        }
    }

    std::vector<Fault> faults;

 private:
    void refuse(const std::string& pointer, std::string what, const json::object& schema) {
        refuse(pointer, std::move(what), json_read::text(schema, "x-remedy"));
    }
    void refuse(const std::string& pointer, std::string what, std::string remedy) {
        if (faults.size() < faults_max)
            faults.push_back({document_.where(pointer), std::move(what), std::move(remedy)});
    }

    std::string found(const json::value& value, const json::object& schema) const {
        if (json_read::boolean(schema, "writeOnly") == true && value.is_primitive() &&
            !value.is_null())
            return "";
        if (!value.is_string()) return ", found " + shown(value);
        return ", found " + shown(json::string(secrets_.redacted(std::string(value.get_string()))));
    }

    void wrong_type(const json::value& value, const json::object& schema,
                    const std::string& pointer) {
        std::string remedy = json_read::text(schema, "x-remedy");
        // "3000" in quotes where 3000 is wanted: name the quotes, or nobody sees what is wrong.
        if (value.is_string() && has_type(plain_value(value.get_string()), schema_type(schema))) {
            remedy = "write it without quotes";
        }
        refuse(pointer, "expected " + expectation(schema) + found(value, schema),
               std::move(remedy));
    }

    void check_choice(const json::value& value, const json::object& schema,
                      const std::string& pointer) {
        const auto* allowed = json_read::array(schema, "enum");
        if (allowed == nullptr ||
            std::find(allowed->begin(), allowed->end(), value) != allowed->end())
            return;
        const auto words = choices(schema);
        std::optional<std::string> meant;
        if (value.is_string()) meant = did_you_mean(value.get_string(), words);
        refuse(pointer, "expected one of " + joined(words) + found(value, schema),
               meant ? "did you mean " + *meant + "?" : json_read::text(schema, "x-remedy"));
    }

    void check_bounds(const json::value& value, const json::object& schema,
                      const std::string& pointer) {
        const double number = value.to_number<double>();
        const auto low = json_read::number(schema, "minimum");
        const auto high = json_read::number(schema, "maximum");
        if ((low && number < *low) || (high && number > *high)) {
            refuse(pointer, "expected " + expectation(schema) + found(value, schema), schema);
        }
    }

    void check_text(std::string_view text, const json::object& schema, const std::string& pointer,
                    const json::value& value) {
        const auto length = characters(text);
        if (const auto least = json_read::integer(schema, "minLength");
            least && length < static_cast<std::size_t>(*least)) {
            return refuse(pointer, "expected text" + found(value, schema), schema);
        }
        if (const auto most = json_read::integer(schema, "maxLength");
            most && length > static_cast<std::size_t>(*most)) {
            return refuse(pointer,
                          fmt::format("expected at most {} characters, found {}", *most, length),
                          schema);
        }
        if (!matches(text, schema))
            refuse(pointer, pattern_words(schema) + found(value, schema), schema);
    }

    bool check_name(std::string_view name, const json::object& schema, const std::string& pointer) {
        const auto most = json_read::integer(schema, "maxLength");
        const bool fits = !most || characters(name) <= static_cast<std::size_t>(*most);
        if (fits && matches(name, schema)) return true;
        refuse(pointer, pattern_words(schema) + ", found " + shown(json::string(name)), schema);
        return false;
    }

    static std::string pattern_words(const json::object& schema) {
        const auto words = json_read::text(schema, "patternErrorMessage");
        return words.empty() ? "expected text that matches " + json_read::text(schema, "pattern")
                             : words;
    }

    bool matches(std::string_view text, const json::object& schema) {
        const auto pattern = json_read::string(schema, "pattern");
        if (!pattern) return true;
        if (text.size() > pattern_characters_max) return false;
        auto compiled = patterns_.find(*pattern);
        if (compiled == patterns_.end()) {
            compiled =
                patterns_.emplace(std::string(*pattern), std::regex(std::string(*pattern))).first;
        }
        return std::regex_search(text.begin(), text.end(), compiled->second);
    }

    void check_array(const json::array& array, const json::object& schema,
                     const std::string& pointer) {
        if (const auto least = json_read::integer(schema, "minItems");
            least && array.size() < static_cast<std::size_t>(*least))
            refuse(pointer,
                   fmt::format(
                       "expected at least {}, found {}",
                       *least == 1 ? std::string("one entry") : fmt::format("{} entries", *least),
                       array.size()),
                   schema);
        if (const auto most = json_read::integer(schema, "maxItems");
            most && array.size() > static_cast<std::size_t>(*most))
            refuse(pointer,
                   fmt::format("expected at most {} entries, found {}", *most, array.size()),
                   schema);
        const auto* items = json_read::object(schema, "items");
        if (items == nullptr) return;
        for (std::size_t i = 0; i < array.size(); ++i)
            check(array[i], *items, pointer + "/" + std::to_string(i));
    }

    void unknown(std::string_view name, const json::object& schema, const std::string& pointer) {
        std::vector<std::string> known;
        if (const auto* properties = json_read::object(schema, "properties")) {
            for (const auto& property : *properties) known.emplace_back(property.key());
        }
        std::string remedy;
        if (const auto meant = did_you_mean(name, known)) {
            remedy = "did you mean \"" + *meant + "\"?";
        } else if (!known.empty() && known.size() <= known_listed_max) {
            remedy = "known here: " + joined(known);
        }
        auto words = json_read::text(schema, "x-unknown");
        refuse(pointer, words.empty() ? "unknown setting" : std::move(words), std::move(remedy));
    }

    const Document& document_;
    const std::set<std::string, std::less<>>& broken_;
    const Secrets& secrets_;
    std::map<std::string, std::regex, std::less<>> patterns_;
};

}  // namespace

std::vector<Fault> inspect(const Document& document, const json::object& schema,
                           const std::set<std::string, std::less<>>& broken,
                           const Secrets& secrets) {
    Inspector inspector(document, broken, secrets);
    inspector.check_object(document.root, schema, "");
    return std::move(inspector.faults);
}

std::vector<Fault> check_by_schema(const Document& document, const json::value& schema,
                                   const std::string& schema_file) {
    const auto compiled = Schema::compile(schema);
    if (!compiled)
        return {Fault{schema_file, compiled.error().what,
                      "restore the file that came with this version"}};
    std::vector<Fault> faults;
    for (const auto& violation : compiled->check(document.root)) {
        faults.push_back({document.where(violation.path), violation.what, "see " + schema_file});
    }
    return faults;
}

}  // namespace parley::config
