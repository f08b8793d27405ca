// yaml_reader.hpp: reads the scripts' YAML with messages that name file and line. Private to the
// room.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

namespace parley::sim {

// A Fault on its way out of nested parsing; thrown and caught inside the room's parse functions
// only.
struct YamlProblem {
    Fault fault;
};

class YamlReader {
 public:
    explicit YamlReader(std::string_view file) : file_(file) {}

    // Throws YamlProblem, as all below do.
    YAML::Node parse(std::string_view text) const;
    [[noreturn]] void fail(const YAML::Node& node, std::string what, std::string remedy = {}) const;

    void expect_map(const YAML::Node& node, std::string_view what,
                    std::initializer_list<std::string_view> known) const;
    void expect_list(const YAML::Node& node, std::string_view what) const;
    std::string text(const YAML::Node& node, std::string_view what) const;
    std::string text(const YAML::Node& map, const char* key, std::string otherwise) const;
    std::chrono::milliseconds duration_ms(const YAML::Node& map, const char* key,
                                          std::chrono::milliseconds otherwise) const;
    int whole_number(const YAML::Node& map, const char* key, int otherwise) const;
    double number(const YAML::Node& map, const char* key, double otherwise) const;
    json::value to_json(const YAML::Node& node) const;

 private:
    std::string file_;
};

// The file's content; Fault when it cannot be read.
Checked<std::string> read_text_file(const std::string& path);

}  // namespace parley::sim
