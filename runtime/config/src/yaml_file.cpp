#include <parley/config/yaml_file.hpp>

#include "inspect.hpp"
#include "read_file.hpp"
#include "yaml_values.hpp"

#include <filesystem>

namespace parley::config {
namespace {

constexpr std::string_view definitions = "#/definitions/";
constexpr std::size_t schema_depth_max = 64;

// Definitions do not name themselves, so this ends.
json::value resolved(const json::value& schema, const json::object& root) {
    if (const auto* array = schema.if_array()) {
        json::array items;
        for (const auto& item : *array) items.push_back(resolved(item, root));
        return items;
    }
    const auto* object = schema.if_object();
    if (object == nullptr) return schema;
    const auto reference = json_read::string(*object, "$ref");
    if (reference && reference->starts_with(definitions)) {
        const auto* all = json_read::object(root, "definitions");
        const auto* meant =
            all == nullptr ? nullptr : all->if_contains(reference->substr(definitions.size()));
        if (meant != nullptr) return resolved(*meant, root);
    }
    json::object members;
    for (const auto& member : *object) {
        if (member.key() != "definitions") members[member.key()] = resolved(member.value(), root);
    }
    return members;
}

}  // namespace

Checked<std::shared_ptr<const FileSchema>> FileSchema::load(const std::string& schema_dir,
                                                            const std::string& name) {
    const std::string path = (std::filesystem::path(schema_dir) / name).string();
    const std::string remedy = "restore the file that came with this version";
    const auto text = read_file(path, remedy);
    if (!text) return text.error();
    const auto parsed = json_read::parse(*text, schema_depth_max);
    if (!parsed || !parsed->is_object()) return Fault{path, "is not a JSON object", remedy};
    auto root = resolved(*parsed, parsed->get_object());
    auto compiled = Schema::compile(root);
    if (!compiled) return Fault{path, compiled.error().what, remedy};
    return std::shared_ptr<const FileSchema>(
        new FileSchema(name, std::move(root.get_object()), std::move(*compiled)));
}

YamlFile::Loaded<YamlFile> YamlFile::load(const std::string& path, const FileSchema& schema) {
    const auto text = read_file(path, "name another file");
    if (!text) return std::vector<Fault>{text.error()};
    return parse(*text, path, schema);
}

YamlFile::Loaded<YamlFile> YamlFile::parse(std::string_view text, const std::string& name,
                                           const FileSchema& schema) {
    const auto tree = parse_yaml(text, name);
    if (!tree) return std::vector<Fault>{tree.error()};
    auto reading = read_values(*tree, name, schema.root());
    std::vector<Fault> faults = std::move(reading.faults);
    if (!reading.broken.contains("")) {
        for (auto& fault : inspect(reading.document, schema.root(), reading.broken, Secrets()))
            faults.push_back(std::move(fault));
    }
    if (faults.empty()) {
        // What the schema refuses and inspect() has no words for.
        for (const auto& violation : schema.compiled().check(reading.document.root)) {
            faults.push_back({reading.document.where(violation.path), violation.what,
                              "see schemas/" + schema.name()});
        }
    }
    if (!faults.empty()) return faults;
    YamlFile file;
    file.name_ = name;
    file.root_ = std::move(reading.document.root);
    for (const auto& [pointer, origin] : reading.document.origins) {
        const auto colon = origin.source.rfind(':');
        if (colon != std::string::npos)
            file.lines_[pointer] = std::stoul(origin.source.substr(colon + 1));
    }
    return file;
}

std::size_t YamlFile::line(std::string_view pointer) const {
    while (!pointer.empty()) {
        if (const auto found = lines_.find(pointer); found != lines_.end()) return found->second;
        pointer = pointer.substr(0, pointer.rfind('/'));
    }
    return 1;
}

std::string YamlFile::where(std::string_view pointer) const {
    std::string text = name_ + ":" + std::to_string(line(pointer));
    if (!pointer.empty()) text += ": " + dotted(pointer);
    return text;
}

}  // namespace parley::config
