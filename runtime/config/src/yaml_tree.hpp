// yaml_tree.hpp: a YAML document as written: lines, quotes and aliases still visible, nothing
// interpreted.
#pragma once

#include <parley/core/result.hpp>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace parley::config {

constexpr std::size_t yaml_bytes_max = 1024 * 1024;
constexpr std::size_t yaml_depth_max = 32;
constexpr std::size_t yaml_nodes_max = 20'000;  // as written, and again after aliases are followed

struct YamlNode {
    enum class Kind { null, scalar, list, map };
    struct Member {
        const YamlNode* key;  // null in a list
        const YamlNode* value;
    };
    Kind kind = Kind::null;
    std::size_t line = 0;         // from 1
    std::string text;             // a scalar's
    bool is_plain = false;        // a scalar without quotes
    std::vector<Member> members;  // aliases point at the same node, which may even contain itself
};

struct YamlTree {
    std::deque<YamlNode> nodes;     // owns them; deque: addresses stay
    const YamlNode* top = nullptr;  // null: nothing but comments
};

// A Fault at the first place where `text` is not YAML, or is YAML that settings cannot be made of.
// `name` stands for the file in messages.
Checked<YamlTree> parse_yaml(std::string_view text, const std::string& name);

}  // namespace parley::config
