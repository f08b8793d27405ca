#include "yaml_values.hpp"

#include <parley/core/schema.hpp>
#include <parley/core/text.hpp>

#include <charconv>

namespace parley::config {
namespace {

constexpr std::size_t key_bytes_max = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A number as JSON writes it: no plus sign, no leading zeros, no hexadecimal, no underscores.
bool is_json_number(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const auto first = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return at - first;
    };
    if (at < text.size() && text[at] == '-') ++at;
    const auto whole = at;
    const auto whole_digits = digits();
    if (whole_digits == 0 || (text[whole] == '0' && whole_digits > 1)) return false;
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digits() == 0) return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (digits() == 0) return false;
    }
    return at == text.size();
}

class Reader {
 public:
    // Without an environment, "$" is a dollar.
    Reader(const std::string& name, const Environment* environment, Secrets& secrets,
           Reading& reading)
        : name_(name), environment_(environment), secrets_(secrets), reading_(reading) {}

    json::value read(const YamlNode& node, const json::object* schema, const std::string& pointer,
                     std::size_t depth) {
        if (!spend(node, pointer)) return nullptr;
        if (depth > yaml_depth_max) {
            refuse(node, pointer,
                   "an alias leads back into itself, or values are nested too deeply");
            reading_.broken.insert(pointer);
            return nullptr;
        }
        switch (node.kind) {
            case YamlNode::Kind::scalar:
                return scalar(node, alternative(schema, "string"), pointer);
            case YamlNode::Kind::list:
                return list(node, alternative(schema, "array"), pointer, depth);
            case YamlNode::Kind::map:
                return map(node, alternative(schema, "object"), pointer, depth);
            case YamlNode::Kind::null: break;
        }
        // A group whose every line is commented out is an empty group.
        if (wants(schema, "object")) return json::object();
        return nullptr;
    }

 private:
    static bool wants(const json::object* schema, std::string_view type) {
        return schema != nullptr && schema_type(*schema) == type;
    }

    std::string at_line(const YamlNode& node) const {
        return name_ + ":" + std::to_string(node.line);
    }

    // False, with one Fault, once the whole file comes to more than settings can need.
    bool spend(const YamlNode& node, const std::string& pointer) {
        if (is_spent_) return false;
        is_spent_ = ++nodes_ > yaml_nodes_max || text_bytes_ > yaml_text_max;
        if (is_spent_) {
            reading_.faults.push_back({at_line(node) + ": " + dotted(pointer),
                                       "aliases and variables add up to too much",
                                       "use fewer aliases"});
            reading_.broken.insert("");
        }
        return !is_spent_;
    }

    void refuse(const YamlNode& node, const std::string& pointer, std::string what,
                std::string remedy = {}) {
        if (reading_.faults.size() >= faults_max) return;
        const auto path = dotted(pointer);
        reading_.faults.push_back({path.empty() ? at_line(node) : at_line(node) + ": " + path,
                                   std::move(what), std::move(remedy)});
    }

    json::value scalar(const YamlNode& node, const json::object* schema,
                       const std::string& pointer) {
        if (environment_ == nullptr || node.text.find('$') == std::string::npos) {
            text_bytes_ += node.text.size();
            if (node.is_plain && !wants(schema, "string")) return plain_value(node.text);
            return json::value(node.text);
        }
        const auto filled = environment_->substitute(node.text, secrets_);
        if (!filled) {
            refuse(node, pointer, filled.error().what, filled.error().remedy);
            reading_.broken.insert(pointer);
            return nullptr;
        }
        text_bytes_ += filled->size();
        if (node.is_plain && !wants(schema, "string")) return plain_value(*filled);
        return json::value(*filled);
    }

    json::value list(const YamlNode& node, const json::object* schema, const std::string& pointer,
                     std::size_t depth) {
        json::array items;
        const json::object* item_schema =
            schema == nullptr ? nullptr : json_read::object(*schema, "items");
        for (const auto& member : node.members) {
            const auto at = pointer + "/" + std::to_string(items.size());
            reading_.document.origins.insert_or_assign(at, Origin{at_line(*member.value)});
            items.push_back(read(*member.value, item_schema, at, depth + 1));
        }
        return items;
    }

    // The key as text; nothing, with a Fault, where it cannot be one.
    const std::string* key_text(const YamlNode& node, const std::string& pointer) {
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
        if (node.kind != YamlNode::Kind::scalar || node.text.empty()) {
            refuse(node, pointer, "expected `name: value`, found a line without a name");
        } else if (node.text.size() > key_bytes_max) {
            refuse(node, pointer,
                   "a name of more than " + std::to_string(key_bytes_max) + " bytes");
        } else if (std::any_of(node.text.begin(), node.text.end(), is_control)) {
            refuse(node, pointer, "a name of several lines");
        } else {
            return &node.text;
        }
        return nullptr;
    }

    json::value map(const YamlNode& node, const json::object* schema, const std::string& pointer,
                    std::size_t depth) {
        json::object group;
        add_members(node, schema, pointer, depth, Take::own, group);
        add_members(node, schema, pointer, depth, Take::merged, group);
        return group;
    }

    // `<<: *base` brings in what the map does not say itself, so own members are taken first.
    enum class Take { own, merged };
    static bool is_merge(const YamlNode& key) {
        return key.kind == YamlNode::Kind::scalar && key.is_plain && key.text == "<<";
    }

    void add_members(const YamlNode& node, const json::object* schema, const std::string& pointer,
                     std::size_t depth, Take take, json::object& group) {
        std::map<std::string_view, std::size_t> lines;  // of this map's own keys
        for (const auto& member : node.members) {
            if (is_merge(*member.key) != (take == Take::merged)) continue;
            if (take == Take::merged) {
                merge(*member.key, *member.value, schema, pointer, depth, group);
                continue;
            }
            const auto* key = key_text(*member.key, pointer);
            if (key == nullptr) continue;
            const auto at = pointer_to(pointer, *key);
            if (const auto [first, is_new] = lines.emplace(*key, member.key->line); !is_new) {
                refuse(*member.key, at,
                       "written twice, first on line " + std::to_string(first->second),
                       "remove one of the two");
                continue;
            }
            add(*member.key, *member.value, schema, at, depth, group);
        }
    }

    void add(const YamlNode& key, const YamlNode& value, const json::object* schema,
             const std::string& at, std::size_t depth, json::object& group) {
        reading_.document.origins.insert_or_assign(at, Origin{at_line(key)});
        auto read_value = read(value, member_schema(schema, key.text), at, depth + 1);
        group.insert_or_assign(key.text, std::move(read_value));
    }

    void merge(const YamlNode& key, const YamlNode& from, const json::object* schema,
               const std::string& pointer, std::size_t depth, json::object& group) {
        if (is_spent_) return;
        if (depth > yaml_depth_max) {
            refuse(key, pointer,
                   "an alias leads back into itself, or values are nested too deeply");
            return;
        }
        if (from.kind == YamlNode::Kind::list) {
            for (const auto& member : from.members) {
                if (member.value->kind == YamlNode::Kind::map) {
                    merge(key, *member.value, schema, pointer, depth + 1, group);
                } else {
                    refuse(key, pointer, "<< takes a group of settings, or a list of groups");
                }
            }
            return;
        }
        if (from.kind != YamlNode::Kind::map) {
            refuse(key, pointer, "<< takes a group of settings, or a list of groups",
                   "write <<: *name");
            return;
        }
        for (const auto& member : from.members) {
            if (!spend(key, pointer)) return;
            if (is_merge(*member.key)) continue;
            const auto* name = key_text(*member.key, pointer);
            if (name == nullptr || group.contains(*name)) continue;
            add(*member.key, *member.value, schema, pointer_to(pointer, *name), depth, group);
        }
        for (const auto& member : from.members) {
            if (is_merge(*member.key)) merge(key, *member.value, schema, pointer, depth + 1, group);
        }
    }

    const std::string& name_;
    const Environment* environment_;
    Secrets& secrets_;
    Reading& reading_;
    std::size_t nodes_ = 0;
    std::size_t text_bytes_ = 0;
    bool is_spent_ = false;
};

}  // namespace

json::value plain_value(std::string_view text) {
    for (const std::string_view word : {"true", "True", "TRUE"}) {
        if (text == word) return true;
    }
    for (const std::string_view word : {"false", "False", "FALSE"}) {
        if (text == word) return false;
    }
    if (!is_json_number(text)) return json::value(text);
    const char* end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string_view::npos) {
        std::int64_t whole = 0;
        if (std::from_chars(text.data(), end, whole).ec == std::errc{}) return whole;
        return json::value(text);  // too long to be a quantity: an identifier
    }
    double number = 0;
    if (std::from_chars(text.data(), end, number).ec == std::errc{}) return number;
    return json::value(text);
}

const json::object* member_schema(const json::object* schema, std::string_view key) {
    if (schema == nullptr) return nullptr;
    if (const auto* properties = json_read::object(*schema, "properties")) {
        if (const auto* own = json_read::object(*properties, key)) return own;
    }
    return json_read::object(*schema, "additionalProperties");
}

namespace {

Reading read_tree(const YamlTree& tree, const std::string& name, const json::object& schema,
                  const Environment* environment, Secrets& secrets) {
    Reading reading;
    reading.document.origins.emplace("", Origin{name});
    if (tree.top == nullptr || tree.top->kind == YamlNode::Kind::null) return reading;
    if (tree.top->kind != YamlNode::Kind::map) {
        reading.faults.push_back(
            {name + ":" + std::to_string(tree.top->line),
             std::string("expected `name: value` lines, found ") +
                 (tree.top->kind == YamlNode::Kind::list ? "a list" : "a single value"),
             ""});
        reading.broken.insert("");
        return reading;
    }
    Reader reader(name, environment, secrets, reading);
    auto root = reader.read(*tree.top, &schema, "", 0);
    if (auto* group = root.if_object()) reading.document.root = std::move(*group);
    return reading;
}

}  // namespace

const json::object* alternative(const json::object* schema, std::string_view type) {
    const auto* all = schema == nullptr ? nullptr : json_read::array(*schema, "anyOf");
    if (all == nullptr) return schema;
    for (const auto& each : *all) {
        const auto* one = each.if_object();
        if (one != nullptr && json_read::string(*one, "type") == type) return one;
    }
    return nullptr;
}

Reading read_values(const YamlTree& tree, const std::string& name, const json::object& schema,
                    const Environment& environment, Secrets& secrets) {
    return read_tree(tree, name, schema, &environment, secrets);
}

Reading read_values(const YamlTree& tree, const std::string& name, const json::object& schema) {
    Secrets none;
    return read_tree(tree, name, schema, nullptr, none);
}

}  // namespace parley::config
