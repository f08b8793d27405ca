#include "reference.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

namespace parley::script {
namespace {

constexpr auto page_order = std::to_array<std::string_view>(
    {"agent", "tool", "param", "call", "globals", "db", "http", "kv", "time", "text", "json",
     "crypto", "secrets", "log", "metrics", "os"});

// The type at the beginning of `rest`, which may hold spaces inside brackets, strings and after a
// colon or a comma: "table<string, any> Added to the URL", "fun(item: T): any", "1 Version".
std::string_view take_type(std::string_view& rest) {
    int depth = 0;
    bool is_quoted = false;
    std::size_t end = 0;
    for (; end < rest.size(); ++end) {
        const char c = rest[end];
        if (c == '"') is_quoted = !is_quoted;
        if (is_quoted) continue;
        if (c == '(' || c == '<' || c == '{') ++depth;
        if (c == ')' || c == '>' || c == '}') --depth;
        if (c == ' ' && depth == 0 && (end == 0 || (rest[end - 1] != ':' && rest[end - 1] != ',')))
            break;
    }
    const auto type = rest.substr(0, end);
    rest = trim(rest.substr(end));
    return type;
}

std::string_view take_word(std::string_view& rest) {
    const auto end = std::min(rest.find(' '), rest.size());
    const auto word = rest.substr(0, end);
    rest = trim(rest.substr(end));
    return word;
}

AnnotatedValue named_value(std::string_view rest) {
    AnnotatedValue value;
    value.name = take_word(rest);
    value.type = take_type(rest);
    value.text = rest;
    return value;
}

AnnotatedValue returned_value(std::string_view rest) {
    AnnotatedValue value;
    value.type = take_type(rest);
    value.name = take_word(rest);
    value.text = rest;
    return value;
}

// One run of lines that begin with three dashes.
struct Block {
    std::string text, example;
    std::optional<std::string> class_name;
    std::vector<AnnotatedValue> fields, params, returns;
    int line = 0;
    bool is_empty() const {
        return text.empty() && !class_name && params.empty() && returns.empty() && example.empty();
    }
};

class Reader {
 public:
    Reader(std::string name, std::string_view text, std::vector<Fault>& faults)
        : text_(text), faults_(faults) {
        file_.name = std::move(name);
    }

    AnnotatedFile run() {
        for (const auto raw : split(text_, '\n')) {
            ++line_;
            const std::string_view line = trim(raw);
            if (line == "---@meta") continue;
            if (line.starts_with("---")) {
                comment(line.substr(3));
            } else if (line.starts_with("-- standard")) {
                standard(line.substr(std::string_view("-- standard").size()));
            } else if (line.empty()) {
                end_block();
            } else if (line.starts_with("function ")) {
                function(line.substr(std::string_view("function ").size()));
            } else if (line.ends_with("= {}")) {
                table();
            } else if (!line.starts_with("return ")) {
                fault(line_, fmt::format("\"{}\" is not understood here", line));
            }
        }
        end_block();
        return std::move(file_);
    }

 private:
    void fault(int line, std::string what) {
        faults_.push_back(
            {fmt::format("schemas/lua/{}.lua:{}", file_.name, line), std::move(what), ""});
    }

    void comment(std::string_view rest) {
        if (block_.line == 0) block_.line = line_;
        if (rest.starts_with(' ')) rest.remove_prefix(1);
        if (rest == "```lua") {
            is_in_example_ = true;
        } else if (rest == "```") {
            is_in_example_ = false;
        } else if (is_in_example_) {
            block_.example += std::string(rest) + "\n";
        } else if (!rest.starts_with('@')) {
            block_.text += std::string(rest) + "\n";
        } else {
            const auto tag = take_word(rest);
            if (tag == "@class") {
                if (block_.class_name) end_block();
                block_.class_name = std::string(rest.substr(0, rest.find(' ')));
            } else if (tag == "@field") {
                block_.fields.push_back(named_value(rest));
            } else if (tag == "@param") {
                block_.params.push_back(named_value(rest));
            } else if (tag == "@return") {
                block_.returns.push_back(returned_value(rest));
            } else if (tag != "@generic") {
                fault(line_, fmt::format("{} is not understood", tag));
            }
        }
    }

    void standard(std::string_view rest) {
        if (!block_.is_empty()) end_block();
        const auto colon = rest.find(':');
        const std::string table(trim(rest.substr(0, colon)));
        for (const auto name : split(rest.substr(std::min(colon + 1, rest.size())), ' ')) {
            if (!trim(name).empty())
                file_.standard.push_back(table.empty() ? std::string(trim(name))
                                                       : fmt::format("{}.{}", table, trim(name)));
        }
    }

    Block take_block() {
        if (is_in_example_) fault(line_, "the example has no end");
        is_in_example_ = false;
        Block block = std::move(block_);
        block_ = Block();
        return block;
    }

    void end_block() {
        if (block_.is_empty() && block_.line == 0) return;
        Block block = take_block();
        if (block.class_name) {
            file_.classes.push_back(
                {*block.class_name, std::string(trim(block.text)), std::move(block.fields)});
        } else if (file_.intro.empty()) {
            file_.intro = trim(block.text);
        } else {
            fault(block.line, "a text that belongs to nothing");
        }
    }

    // `http = {}`: its block describes the table itself.
    void table() {
        Block block = take_block();
        file_.intro = trim(block.text);
        if (!block.class_name) {
            fault(line_, "a table without ---@class");
        } else {
            file_.classes.push_back({*block.class_name, "", std::move(block.fields)});
        }
    }

    void function(std::string_view rest) {
        Block block = take_block();
        const auto end = rest.rfind(" end");
        AnnotatedFunction function;
        function.signature = rest.substr(0, end);
        const auto open = function.signature.find('(');
        const auto close = function.signature.rfind(')');
        if (end == std::string_view::npos || open == std::string::npos ||
            close == std::string::npos) {
            return fault(line_, "expected: function name(arguments) end");
        }
        function.name = function.signature.substr(0, open);
        function.text = trim(block.text);
        function.example = std::move(block.example);
        function.params = std::move(block.params);
        function.returns = std::move(block.returns);
        std::vector<std::string> arguments;
        const std::string_view inside =
            std::string_view(function.signature).substr(open + 1, close - open - 1);
        for (const auto argument : split(inside, ',')) {
            if (!trim(argument).empty()) arguments.emplace_back(trim(argument));
        }
        std::vector<std::string> described;
        for (const auto& param : function.params)
            described.push_back(param.name.ends_with('?')
                                    ? param.name.substr(0, param.name.size() - 1)
                                    : param.name);
        if (arguments != described)
            fault(line_,
                  fmt::format("{}: the arguments and the ---@param lines differ", function.name));
        if (function.text.empty())
            fault(line_, fmt::format("{}: a text is missing", function.name));
        if (function.example.empty())
            fault(line_, fmt::format("{}: an example is missing", function.name));
        file_.functions.push_back(std::move(function));
    }

    const std::string_view text_;
    std::vector<Fault>& faults_;
    AnnotatedFile file_;
    Block block_;
    int line_ = 0;
    bool is_in_example_ = false;
};

std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

void append_values(std::string& page, const std::vector<AnnotatedValue>& values) {
    for (const auto& value : values) {
        const bool is_optional = value.name.ends_with('?');
        const std::string name =
            is_optional ? value.name.substr(0, value.name.size() - 1) : value.name;
        page += fmt::format("| `{}` | `{}`{} | {} |\n", name, cell(value.type),
                            is_optional ? ", optional" : "", cell(value.text));
    }
}

void append_function(std::string& page, const AnnotatedFunction& function) {
    page += fmt::format("### `{}`\n\n{}\n\n", function.signature, function.text);
    if (!function.params.empty()) {
        page += "| argument | type | |\n|---|---|---|\n";
        append_values(page, function.params);
        page += '\n';
    }
    if (!function.returns.empty()) {
        page += "Returns ";
        for (std::size_t i = 0; i < function.returns.size(); ++i) {
            const auto& value = function.returns[i];
            if (i > 0) page += i + 1 == function.returns.size() ? ", and " : ", ";
            page += fmt::format("`{}`", cell(value.type));
            if (!value.name.empty()) page += " " + value.name;
            if (!value.text.empty()) page += fmt::format(" ({})", value.text);
        }
        page += ".\n\n";
    }
    page += fmt::format("```lua\n{}```\n\n", function.example);
}

std::string title_of(const AnnotatedFile& file) {
    return file.name == "globals" ? "everywhere" : file.name;
}

}  // namespace

const AnnotatedClass* AnnotatedFile::find_class(std::string_view class_name) const {
    for (const auto& one : classes) {
        if (one.name == class_name) return &one;
    }
    return nullptr;
}

AnnotatedFile read_annotations(const std::string& file_name, std::string_view text,
                               std::vector<Fault>& faults) {
    return Reader(file_name, text, faults).run();
}

boost::system::result<std::vector<AnnotatedFile>, std::vector<Fault>> read_all_annotations(
    const std::string& dir) {
    std::vector<Fault> faults;
    std::vector<AnnotatedFile> files;
    for (const auto name : page_order) {
        const auto path = std::filesystem::path(dir) / fmt::format("{}.lua", name);
        std::ifstream in(path, std::ios::binary);
        if (!in) {
            faults.push_back({path.string(), "cannot be read", ""});
            continue;
        }
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        files.push_back(read_annotations(std::string(name), text, faults));
    }
    std::error_code error;
    for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end;
         it.increment(error)) {
        const std::string stem = it->path().stem().string();
        if (it->path().extension() == ".lua" &&
            std::find(page_order.begin(), page_order.end(), stem) == page_order.end())
            faults.push_back({it->path().string(), "is not part of the reference",
                              "add it to page_order in reference.cpp"});
    }
    if (!faults.empty()) return faults;
    return files;
}

std::vector<std::string> annotated_names(const std::vector<AnnotatedFile>& files) {
    std::set<std::string> names;
    for (const auto& file : files) {
        for (const auto& function : file.functions) names.insert(function.name);
        names.insert(file.standard.begin(), file.standard.end());
        if (const auto* table = file.find_class(file.name)) {
            for (const auto& field : table->fields) {
                const std::string name = field.name.ends_with('?')
                                             ? field.name.substr(0, field.name.size() - 1)
                                             : field.name;
                names.insert(fmt::format("{}.{}", file.name, name));
            }
        }
    }
    return {names.begin(), names.end()};
}

std::string reference_page(const std::vector<AnnotatedFile>& files) {
    std::string page =
        "# Reference\n\n"
        "Everything that scripts can use. This page is made by `./dev docs` from the annotations in `schemas/lua/`, which editors "
        "complete from:\nchange those. For an introduction, see [the index](README.md).\n\n";
    for (const auto& file : files) page += fmt::format("- [{0}](#{0})\n", title_of(file));
    page += '\n';
    for (const auto& file : files) {
        page += fmt::format("## {}\n\n", title_of(file));
        if (!file.intro.empty()) page += file.intro + "\n\n";
        if (!file.standard.empty()) {
            page += "| Lua's own | |\n|---|---|\n";
            std::string table = "?", line;
            for (std::size_t i = 0; i <= file.standard.size(); ++i) {
                const std::string name = i < file.standard.size() ? file.standard[i] : ".";
                const auto dot = name.find('.');
                const std::string owner = dot == std::string::npos ? "" : name.substr(0, dot);
                if (owner != table || i == file.standard.size()) {
                    if (table != "?")
                        page += fmt::format("| {} |{} |\n",
                                            table.empty() ? "base" : "`" + table + "`", line);
                    table = owner;
                    line.clear();
                }
                line +=
                    fmt::format(" `{}`", dot == std::string::npos ? name : name.substr(dot + 1));
            }
            page += '\n';
        }
        for (const auto& one : file.classes) {
            if (one.fields.empty()) continue;
            const bool is_table = one.name == file.name;
            if (!is_table) page += fmt::format("### {}\n\n", one.name);
            if (!one.text.empty() && one.text != file.intro) page += one.text + "\n\n";
            page += "| field | type | |\n|---|---|---|\n";
            append_values(page, one.fields);
            page += '\n';
        }
        for (const auto& function : file.functions) append_function(page, function);
    }
    while (page.ends_with("\n\n")) page.pop_back();
    return page;
}

}  // namespace parley::script
