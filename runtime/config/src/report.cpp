#include <parley/config/report.hpp>

#include "environment.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <cctype>

namespace parley::config {
namespace {

constexpr std::size_t value_bytes_max = 72;  // greetings would push the sources off the screen

// Columns on the screen: UTF-8 characters, not bytes.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// On one line, and not able to move the cursor of the terminal that shows it.
std::string on_one_line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            out += ' ';
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

std::string explain(const Settings& settings) {
    std::vector<Explained> rows{{"SETTING", "VALUE", "SOURCE"}};
    for (const auto& line : settings.explained) {
        rows.push_back({on_one_line(line.path), on_one_line(shortened(line.value, value_bytes_max)),
                        on_one_line(line.source)});
    }
    std::size_t path_width = 0;
    std::size_t value_width = 0;
    for (const auto& row : rows) {
        path_width = std::max(path_width, width(row.path));
        value_width = std::max(value_width, width(row.value));
    }
    const auto padding = [](std::size_t wanted, const std::string& text) {
        return std::string(wanted - width(text) + 2, ' ');
    };
    std::string table;
    for (const auto& row : rows) {
        table += row.path + padding(path_width, row.path) + row.value +
                 padding(value_width, row.value) + row.source + '\n';
    }
    return table;
}

const Explained* find(const Settings& settings, std::string_view path) {
    const auto found = std::find_if(settings.explained.begin(), settings.explained.end(),
                                    [&](const Explained& line) { return line.path == path; });
    return found == settings.explained.end() ? nullptr : &*found;
}

std::string masked_secret(std::string_view value) { return masked(value); }

bool sounds_secret(std::string_view name) { return names_secret(name); }

std::string without_secrets(std::string_view line) {
    const auto is_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    };
    for (std::size_t at = 0; at < line.size();) {
        if (!is_word(line[at])) {
            ++at;
            continue;
        }
        const std::size_t begin = at;
        while (at < line.size() && is_word(line[at])) ++at;
        const auto word = line.substr(begin, at - begin);
        if (word.starts_with("sk-")) return std::string(line.substr(0, begin)) + "sk-***";
        std::size_t next = at;
        while (next < line.size() && (line[next] == ' ' || line[next] == '"' || line[next] == '\''))
            ++next;
        const bool is_name = next < line.size() && (line[next] == ':' || line[next] == '=');
        // `value:` is what a granted secret has in YAML, whatever its name.
        if (is_name && (names_secret(word) || word == "value") &&
            !trim(line.substr(next + 1)).empty()) {
            return std::string(line.substr(0, next + 1)) + " ***";
        }
        // "https://user:password@host"
        if (is_name && line.substr(next).starts_with("://")) {
            const auto rest = line.substr(next + 3);
            const auto user = rest.substr(0, rest.find_first_of("/ \"'")).rfind('@');
            if (user != std::string_view::npos)
                return std::string(line.substr(0, next + 3)) + "***" +
                       without_secrets(rest.substr(user));
        }
    }
    return std::string(line);
}

}  // namespace parley::config
