#include "yaml_tree.hpp"

#include <parley/core/text.hpp>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace parley::config {
namespace {

std::size_t line_of(const YAML::Mark& mark) {
    return static_cast<std::size_t>(std::max(mark.line, 0)) + 1;
}

// Builds the tree; refuses by throwing what yaml-cpp itself throws, since parse_yaml() catches that
// anyway.
class TreeBuilder final : public YAML::EventHandler {
 public:
    explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ > 0)
            throw YAML::ParserException(mark,
                                        "a second document begins; settings are one document");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        place(make(YamlNode::Kind::null, mark, anchor));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            throw YAML::ParserException(mark, "an alias without its anchor");
        place(found->second);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        const auto is_text_tag = tag == "!" || tag == "tag:yaml.org,2002:str";
        if (!is_text_tag) check_tag(tag, mark);
        const auto is_control = [](char c) {
            return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
        };
        if (std::any_of(value.begin(), value.end(), is_control) || !is_valid_utf8(value)) {
            throw YAML::ParserException(mark, "a control character in a value");
        }
        YamlNode& node = make(YamlNode::Kind::scalar, mark, anchor);
        node.text = value;
        node.is_plain = !is_text_tag;
        place(node);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(YamlNode::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(YamlNode::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { open_.pop_back(); }

 private:
    struct Open {
        YamlNode* node;
        const YamlNode* key = nullptr;  // waits for its value
    };

    static void check_tag(const std::string& tag, const YAML::Mark& mark) {
        constexpr std::string_view standard = "tag:yaml.org,2002:";
        if (tag.empty() || tag == "?" || tag == "!") return;
        if (tag == std::string(standard) + "map" || tag == std::string(standard) + "seq") return;
        throw YAML::ParserException(mark, "YAML tags have no meaning here");
    }

    YamlNode& make(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (tree_.nodes.size() >= yaml_nodes_max) {
            throw YAML::ParserException(mark,
                                        "more than " + std::to_string(yaml_nodes_max) + " values");
        }
        YamlNode& node = tree_.nodes.emplace_back();
        node.kind = kind;
        node.line = line_of(mark);
        if (anchor != 0) anchors_.insert_or_assign(anchor, &node);
        return node;
    }

    void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        check_tag(tag, mark);
        if (open_.size() >= yaml_depth_max) {
            throw YAML::ParserException(
                mark, "nested more than " + std::to_string(yaml_depth_max) + " levels deep");
        }
        YamlNode& node = make(kind, mark, anchor);
        place(node);
        open_.push_back({&node});
    }

    void place(YamlNode& node) { place(static_cast<const YamlNode*>(&node)); }
    void place(const YamlNode* node) {
        if (open_.empty()) {
            tree_.top = node;
            return;
        }
        Open& parent = open_.back();
        if (parent.node->kind == YamlNode::Kind::list) {
            parent.node->members.push_back({nullptr, node});
        } else if (parent.key == nullptr) {
            parent.key = node;
        } else {
            parent.node->members.push_back({parent.key, node});
            parent.key = nullptr;
        }
        if (++placed_ > yaml_nodes_max * 2)
            throw YAML::ParserException(YAML::Mark(), "too many aliases");
    }

    YamlTree& tree_;
    std::map<YAML::anchor_t, const YamlNode*> anchors_;
    std::vector<Open> open_;
    std::size_t placed_ = 0;
    int documents_ = 0;
};

Fault syntax_fault(std::string_view text, const std::string& name, std::size_t line,
                   std::string what) {
    Fault fault{name + ":" + std::to_string(line), std::move(what), {}};
    // yaml-cpp stumbles over a tab at the tab, or at the end of the block it broke: look at both
    // lines.
    const auto lines = split(text, '\n');
    for (std::size_t candidate = line > 1 ? line - 1 : line;
         candidate <= line && candidate <= lines.size(); ++candidate) {
        const auto content = lines[candidate - 1];
        const auto indent = content.substr(0, content.find_first_not_of(" \t"));
        if (indent.find('\t') == std::string_view::npos) continue;
        return {name + ":" + std::to_string(candidate), "a tab stands where YAML wants spaces",
                "indent with spaces"};
    }
    // What yaml-cpp says of a plain text with a question mark or a colon inside {...} or [...].
    if (fault.what == "unknown token")
        fault.remedy = "put a text with signs such as ? or : into quotation marks";
    return fault;
}

// yaml-cpp reads 0x04 as the end of the file and guesses UTF-16 from zero bytes: such bytes stop
// here.
std::optional<Fault> refuse_bytes(std::string_view text, const std::string& name) {
    if (text.size() > yaml_bytes_max) {
        return Fault{name, "larger than " + std::to_string(yaml_bytes_max / 1024) + " KiB",
                     "settings are small; is this the right file?"};
    }
    std::size_t number = 0;
    for (const auto line : split(text, '\n')) {
        ++number;
        const auto where = [&] { return name + ":" + std::to_string(number); };
        if (!is_valid_utf8(line))
            return Fault{where(), "not valid UTF-8 text", "save the file as UTF-8"};
        for (const char c : line) {
            if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') {
                return Fault{where(), "a control character",
                             "remove it, or write it as an escape in double quotes"};
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Checked<YamlTree> parse_yaml(std::string_view text, const std::string& name) {
    if (auto refused = refuse_bytes(text, name)) return *refused;
    YamlTree tree;
    TreeBuilder builder(tree);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        return syntax_fault(text, name, line_of(error.mark), error.msg);
    } catch (const std::exception& error) {
        return Fault{name, std::string("cannot be read as YAML: ") + error.what(), ""};
    }
    return tree;
}

}  // namespace parley::config
