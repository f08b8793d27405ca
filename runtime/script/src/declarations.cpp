// What all declarations share: words, places in a file, kinds of values.
#include "declarations.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

constexpr int api_current = 1;

}  // namespace

// ---- places in a file -------------------------------------------------------------------------

void FileCheck::fault(int line, std::string what, std::string remedy) const {
    faults.push_back({fmt::format("{}:{}", path, line), std::move(what), std::move(remedy)});
}

int FileCheck::line_of_key(std::string_view key) const {
    int number = 0;
    for (const auto line : split(source, '\n')) {
        ++number;
        if (trim(line).starts_with("--")) continue;
        for (auto at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
            if (at > 0 && (is_word_char(line[at - 1]) || line[at - 1] == '.')) continue;
            const auto rest = trim(line.substr(at + key.size()));
            if (at + key.size() < line.size() && is_word_char(line[at + key.size()])) continue;
            if (rest.starts_with('=') && !rest.starts_with("==")) return number;
        }
    }
    return 1;
}

int FileCheck::line_of_text(std::string_view text) const {
    const auto at = source.find(text);
    if (at == std::string::npos) return 1;
    return 1 + static_cast<int>(std::count(source.begin(),
                                           source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// ---- words and kinds --------------------------------------------------------------------------

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_identifier(std::string_view name) {
    if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9')) return false;
    return std::all_of(name.begin(), name.end(), is_word_char);
}

std::string mean(std::string_view word, const std::vector<std::string>& known) {
    if (const auto near = did_you_mean(word, known))
        return fmt::format("did you mean `{}`?", *near);
    // "silence" for silence_ms: the unit was forgotten.
    const auto longer = std::find_if(known.begin(), known.end(), [&](const std::string& one) {
        return one.starts_with(std::string(word) + "_");
    });
    if (longer != known.end()) return fmt::format("did you mean `{}`?", *longer);
    std::string all;
    for (const auto& one : known) all += (all.empty() ? "" : ", ") + one;
    return "known here: " + all;
}

void check_keys(const FileCheck& check, const Tree& spec, const std::vector<std::string>& known) {
    for (const auto& [key, value] : spec.fields) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            check.fault(check.line_of_key(key), fmt::format("unknown key `{}`", key),
                        mean(key, known));
        }
    }
    if (!spec.list.empty() || spec.has_other_keys)
        check.fault(1, "a value without a name stands in the table", "write: name = value");
}

void check_api(const FileCheck& check, const Tree& spec) {
    const Tree* api = spec.find("api");
    if (api == nullptr) {
        check.fault(1, "`api` is missing", "add: api = 1");
    } else if (api->kind != Tree::Kind::number || api->number != api_current) {
        check.fault(check.line_of_key("api"),
                    fmt::format("expected api = {}, found {}", api_current, api->describe()),
                    "this runtime knows version 1 of the file format");
    }
}

std::string text_of(const FileCheck& check, const Tree& spec, const char* key, Need need,
                    const char* remedy, std::size_t bytes_max) {
    const Tree* value = spec.find(key);
    if (value == nullptr) {
        if (need == Need::required) check.fault(1, fmt::format("`{}` is missing", key), remedy);
        return {};
    }
    if (value->kind != Tree::Kind::text) {
        check.fault(check.line_of_key(key),
                    fmt::format("`{}`: expected text, found {}", key, value->describe()));
        return {};
    }
    if (need == Need::required && trim(value->text).empty())
        check.fault(check.line_of_key(key), fmt::format("`{}` is empty", key), remedy);
    if (value->text.size() > bytes_max)
        check.fault(check.line_of_key(key),
                    fmt::format("`{}` is longer than {} characters", key, bytes_max));
    return value->text;
}

bool function_of(const FileCheck& check, const Tree& spec, const char* key) {
    const Tree* value = spec.find(key);
    if (value == nullptr) return false;
    if (value->kind == Tree::Kind::function) return true;
    check.fault(check.line_of_key(key),
                fmt::format("`{}`: expected a function, found {}", key, value->describe()));
    return false;
}

bool flag_of(const FileCheck& check, const Tree& spec, const char* key, bool otherwise) {
    const Tree* value = spec.find(key);
    if (value == nullptr) return otherwise;
    if (value->kind == Tree::Kind::boolean) return value->truth;
    check.fault(check.line_of_key(key),
                fmt::format("`{}`: expected true or false, found {}", key, value->describe()));
    return otherwise;
}

std::vector<std::string> names_of(const FileCheck& check, const Tree& spec, const char* key,
                                  const char* thing, const char* example) {
    std::vector<std::string> names;
    const Tree* list = spec.find(key);
    if (list == nullptr) return names;
    const int line = check.line_of_key(key);
    if (list->kind != Tree::Kind::table || !list->fields.empty() || list->has_other_keys) {
        check.fault(line, fmt::format("`{}`: expected a list of names", key),
                    fmt::format("write: {} = {{ \"{}\" }}", key, example));
        return names;
    }
    for (const auto& item : list->list) {
        if (item.kind != Tree::Kind::text) {
            check.fault(line, fmt::format("`{}`: expected the name of {} {}, found {}", key,
                                          *thing == 'a' ? "an" : "a", thing, item.describe()));
        } else if (std::find(names.begin(), names.end(), item.text) != names.end()) {
            check.fault(line, fmt::format("{} \"{}\" is listed twice", thing, item.text));
        } else {
            names.push_back(item.text);
        }
    }
    return names;
}

const Tree* spec_of(const FileCheck& check, const Tree& tree, std::string_view kind) {
    const Tree* found = tree.find("kind");
    const Tree* spec = tree.find("spec");
    if (found != nullptr && spec != nullptr && found->text == kind) return spec;
    check.fault(1,
                fmt::format("the file does not return {} {}", kind == "agent" ? "an" : "a", kind),
                fmt::format("begin with: return {} {{", kind));
    return nullptr;
}

}  // namespace parley::script
