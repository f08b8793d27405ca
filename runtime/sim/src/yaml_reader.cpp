#include "yaml_reader.hpp"

#include <parley/core/text.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace parley::sim {

YAML::Node YamlReader::parse(std::string_view text) const {
    try {
        return YAML::Load(std::string(text));
    } catch (const YAML::Exception& error) {
        throw YamlProblem{{fmt::format("{}:{}", file_, error.mark.line + 1), error.msg, {}}};
    }
}

void YamlReader::fail(const YAML::Node& node, std::string what, std::string remedy) const {
    const int line = node.IsDefined() ? node.Mark().line + 1 : 0;
    throw YamlProblem{
        {line > 0 ? fmt::format("{}:{}", file_, line) : file_, std::move(what), std::move(remedy)}};
}

void YamlReader::expect_map(const YAML::Node& node, std::string_view what,
                            std::initializer_list<std::string_view> known) const {
    if (!node.IsMap()) fail(node, fmt::format("{}: expected keys and values", what));
    const std::vector<std::string> names(known.begin(), known.end());
    for (const auto& member : node) {
        const std::string key = text(member.first, "a key");
        if (std::find(names.begin(), names.end(), key) != names.end()) continue;
        const auto meant = did_you_mean(key, names);
        fail(member.first, fmt::format("{}: unknown key \"{}\"", what, key),
             meant ? fmt::format("did you mean \"{}\"?", *meant)
                   : fmt::format("use one of: {}", fmt::join(names, ", ")));
    }
}

void YamlReader::expect_list(const YAML::Node& node, std::string_view what) const {
    if (!node.IsSequence()) fail(node, fmt::format("{}: expected a list", what));
}

std::string YamlReader::text(const YAML::Node& node, std::string_view what) const {
    if (!node.IsScalar()) fail(node, fmt::format("{}: expected text", what));
    return node.Scalar();
}

std::string YamlReader::text(const YAML::Node& map, const char* key, std::string otherwise) const {
    const YAML::Node node = map[key];
    return node.IsDefined() && !node.IsNull() ? text(node, key) : otherwise;
}

std::chrono::milliseconds YamlReader::duration_ms(const YAML::Node& map, const char* key,
                                                  std::chrono::milliseconds otherwise) const {
    const double value = number(map, key, static_cast<double>(otherwise.count()));
    if (value < 0 || value > 24 * 3600 * 1000.0)
        fail(map[key], fmt::format("{}: out of range", key));
    return std::chrono::milliseconds(static_cast<std::int64_t>(value));
}

int YamlReader::whole_number(const YAML::Node& map, const char* key, int otherwise) const {
    const YAML::Node node = map[key];
    if (!node.IsDefined()) return otherwise;
    int value = 0;
    if (!node.IsScalar() || !YAML::convert<int>::decode(node, value)) {
        fail(node, fmt::format("{}: expected a whole number", key));
    }
    return value;
}

double YamlReader::number(const YAML::Node& map, const char* key, double otherwise) const {
    const YAML::Node node = map[key];
    if (!node.IsDefined()) return otherwise;
    double value = 0;
    if (!node.IsScalar() || !YAML::convert<double>::decode(node, value)) {
        fail(node, fmt::format("{}: expected a number", key));
    }
    return value;
}

json::value YamlReader::to_json(const YAML::Node& node) const {
    if (node.IsSequence()) {
        json::array list;
        for (const auto& element : node) list.push_back(to_json(element));
        return list;
    }
    if (node.IsMap()) {
        json::object members;
        for (const auto& member : node)
            members[text(member.first, "a key")] = to_json(member.second);
        return members;
    }
    if (!node.IsScalar()) return nullptr;
    // Quoted scalars stay text: a date or a number that must reach the tool as a string can be
    // written so.
    if (node.Tag() != "!") {
        std::int64_t whole = 0;
        double fraction = 0;
        bool flag = false;
        if (YAML::convert<std::int64_t>::decode(node, whole)) return whole;
        if (YAML::convert<double>::decode(node, fraction)) return fraction;
        if (YAML::convert<bool>::decode(node, flag)) return flag;
    }
    return json::value(node.Scalar());
}

Checked<std::string> read_text_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Fault{path, fmt::format("cannot be read: {}", std::strerror(errno)), {}};
    std::string content{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) return Fault{path, "cannot be read to the end", {}};
    return {boost::system::in_place_value, std::move(content)};
}

}  // namespace parley::sim
