#include <parley/reload/finding.hpp>

#include <parley/config/report.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace parley::reload {
namespace {

constexpr std::size_t line_shown_max = 160;

// "config/parley.yaml:12: server.port": the three parts; line 0 where there is none.
struct Place {
    std::string path;
    int line = 0;
    std::string rest;
};

Place place_of(const std::string& where) {
    for (auto at = where.find(':'); at != std::string::npos; at = where.find(':', at + 1)) {
        int line = 0;
        const auto* begin = where.data() + at + 1;
        const auto [end, error] = std::from_chars(begin, where.data() + where.size(), line);
        const auto stop = static_cast<std::size_t>(end - where.data());
        if (error != std::errc{} || end == begin || line <= 0) continue;
        if (stop == where.size()) return {where.substr(0, at), line, ""};
        if (where.compare(stop, 2, ": ") == 0)
            return {where.substr(0, at), line, where.substr(stop + 2)};
    }
    return {where, 0, ""};
}

std::string joined(const std::string& rest, const std::string& what) {
    return rest.empty() ? what : rest + ": " + what;
}

}  // namespace

std::string Finding::where() const { return line > 0 ? fmt::format("{}:{}", file, line) : file; }

std::string Finding::text() const { return Fault{where(), message, remedy}.text(); }

std::string shown(const Finding& finding) {
    std::string text = finding.where();
    if (!text.empty()) text += ": ";
    text += finding.severity == Severity::error ? "error: " : "warning: ";
    text += Fault{"", finding.message, finding.remedy}.text() + "\n";
    if (!finding.source_line.empty())
        text += fmt::format("{:>6} | {}\n", finding.line, finding.source_line);
    return text;
}

json::object to_json(const Finding& finding) {
    return {{"file", finding.file},
            {"line", finding.line},
            {"severity", finding.severity == Severity::error ? "error" : "warning"},
            {"message", finding.message},
            {"remedy", finding.remedy},
            {"source_line", finding.source_line}};
}

Finding finding_from(const json::object& object) {
    Finding finding;
    finding.severity =
        json_read::text(object, "severity") == "warning" ? Severity::warning : Severity::error;
    finding.file = json_read::text(object, "file");
    finding.line = static_cast<int>(json_read::integer(object, "line").value_or(0));
    finding.message = json_read::text(object, "message");
    finding.remedy = json_read::text(object, "remedy");
    finding.source_line = json_read::text(object, "source_line");
    return finding;
}

bool has_errors(const std::vector<Finding>& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& each) { return each.severity == Severity::error; });
}

void Lines::add_script(const std::string& path, const std::string& shown_path,
                       std::string_view text) {
    texts_[path] = {shown_path, text, Text::Kind::script};
    if (shown_path != path) texts_[shown_path] = {shown_path, text, Text::Kind::script};
}

void Lines::add_settings(const std::string& path, std::string_view text) {
    texts_[path] = {path, text, Text::Kind::settings};
}

std::string Lines::line_of(const Text& text, int line) const {
    const auto lines = split(text.text, '\n');
    if (line < 1 || static_cast<std::size_t>(line) > lines.size()) return {};
    std::string found = to_valid_utf8(lines[static_cast<std::size_t>(line) - 1]);
    while (!found.empty() && (found.back() == '\r' || found.back() == ' ')) found.pop_back();
    for (char& c : found) {
        // must not move a terminal's cursor
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    if (text.kind == Text::Kind::settings) found = config::without_secrets(found);
    return shortened(found, line_shown_max);
}

Finding Lines::at(const std::string& path, int line, Severity severity, std::string message,
                  std::string remedy) const {
    Finding finding{severity, path, line, std::move(message), std::move(remedy), ""};
    const auto known = texts_.find(path);
    if (known == texts_.end()) return finding;
    finding.file = known->second.shown_path;
    finding.source_line = line_of(known->second, line);
    return finding;
}

Finding Lines::finding(const Fault& fault, Severity severity) const {
    const auto place = place_of(fault.where);
    return at(place.path, place.line, severity, joined(place.rest, fault.what), fault.remedy);
}

}  // namespace parley::reload
