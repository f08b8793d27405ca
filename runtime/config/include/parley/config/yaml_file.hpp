// yaml_file.hpp: a YAML file of ours that is not the settings, such as a scenario: read strictly,
// checked against its schema.
//
// Faults read "file:line: path: what; what to do", as those of the settings do. Nothing is filled
// in from the environment: "$" is a dollar. Beyond the keywords of the settings' schema, `$ref` to
// a definition and `anyOf` that differ in type are understood, and x-unknown words a misspelt key
// ("unknown step").
//
// Thread: a FileSchema is const and may be shared; the rest belongs to its caller.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/core/schema.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley::config {

class FileSchema {
 public:
    // The folder with the *.schema.json files, and the name of one.
    static Checked<std::shared_ptr<const FileSchema>> load(const std::string& schema_dir,
                                                           const std::string& name);

    const json::object& root() const { return root_; }
    const Schema& compiled() const { return compiled_; }
    const std::string& name() const { return name_; }

 private:
    FileSchema(std::string name, json::object root, Schema compiled)
        : name_(std::move(name)), root_(std::move(root)), compiled_(std::move(compiled)) {}

    std::string name_;
    json::object root_;  // every $ref replaced by what it stands for
    Schema compiled_;
};

class YamlFile {
 public:
    template <class T>
    // every fault found, not only the first
    using Loaded = boost::system::result<T, std::vector<Fault>>;

    static Loaded<YamlFile> load(const std::string& path, const FileSchema& schema);
    static Loaded<YamlFile> parse(std::string_view text, const std::string& name,
                                  const FileSchema& schema);

    const json::object& root() const { return root_; }
    // How a Fault about the value at a JSON pointer begins: "scenarios/a.yaml:12: steps.3".
    std::string where(std::string_view pointer) const;
    // The line it was written on; of what is around it where it was not; 1 for the whole.
    std::size_t line(std::string_view pointer) const;

 private:
    std::string name_;
    json::object root_;
    std::map<std::string, std::size_t, std::less<>> lines_;
};

}  // namespace parley::config
