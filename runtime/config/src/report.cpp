#include <parley/config/report.hpp>

#include <algorithm>

namespace parley::config {
namespace {

constexpr std::size_t value_bytes_max = 72;  // greetings would push the sources off the screen

// Columns on the screen: UTF-8 characters, not bytes.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
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
        rows.push_back({on_one_line(line.path), on_one_line(shortened(line.value, value_bytes_max)), on_one_line(line.source)});
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
        table += row.path + padding(path_width, row.path) + row.value + padding(value_width, row.value) + row.source + '\n';
    }
    return table;
}

}  // namespace parley::config
