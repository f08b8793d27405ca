#include <parley/reload/lint.hpp>

#include <parley/config/report.hpp>
#include <parley/core/text.hpp>
#include <parley/script/catalogue.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace parley::reload {
namespace {

using script::AgentFacts;
using script::ToolFacts;

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Calls `visit` with each word and where it begins.
template <class Visit>
void for_each_word(std::string_view text, Visit visit) {
    for (std::size_t at = 0; at < text.size();) {
        if (!is_word_char(text[at])) {
            ++at;
            continue;
        }
        const std::size_t begin = at;
        while (at < text.size() && is_word_char(text[at])) ++at;
        visit(text.substr(begin, at - begin), begin);
    }
}

// The code of a script without its comments, line by line; a `--` inside a text is taken for one,
// which costs nothing.
std::set<std::string, std::less<>> words_of(std::string_view source, int without_line) {
    std::set<std::string, std::less<>> words;
    int number = 0;
    for (const auto line : split(source, '\n')) {
        if (++number == without_line) continue;
        for_each_word(line.substr(0, line.find("--")),
                      [&](std::string_view word, std::size_t) { words.emplace(word); });
    }
    return words;
}

// Each quoted text of a script, with its line.
template <class Visit>
void for_each_text(std::string_view source, Visit visit) {
    int number = 0;
    for (const auto line : split(source, '\n')) {
        ++number;
        if (trim(line).starts_with("--")) continue;
        for (std::size_t at = 0; at < line.size(); ++at) {
            if (line[at] != '"' && line[at] != '\'') continue;
            const auto end = line.find(line[at], at + 1);
            if (end == std::string_view::npos) break;
            visit(line.substr(at + 1, end - at - 1), line.substr(0, at), number);
            at = end;
        }
    }
}

// "[a, b]" of the table of settings -> a and b.
std::vector<std::string> items_of(std::string_view shown) {
    std::vector<std::string> items;
    if (shown.size() < 2 || shown.front() != '[') return items;
    for (const auto item : split(shown.substr(1, shown.size() - 2), ',')) {
        if (!trim(item).empty()) items.emplace_back(trim(item));
    }
    return items;
}

class Linter {
 public:
    explicit Linter(const Generation& generation)
        : generation_(generation),
          settings_(generation.settings),
          sources_(generation.files.scripts),
          agents_(script::agents_of(*generation.bundle)),
          tools_(script::tools_of(*generation.bundle)) {
        for (const auto& [path, text] : generation.files.settings) lines_.add_settings(path, text);
        for (const auto& [path, text] : sources_)
            lines_.add_script(path, generation.files.path_of(path), text);
        for (const auto& tool : tools_) {
            tool_names_.push_back(tool.name);
            harmless_.insert(tool.params.begin(), tool.params.end());
        }
    }

    std::vector<Finding> run() {
        for (const auto& agent : agents_) {
            unused_vars(agent);
            promised_tools(agent);
        }
        unused_files();
        routes();
        hold_music();
        for (const auto& [path, source] : sources_) {
            secrets(path, source);
            hosts(path, source);
        }
        std::stable_sort(findings_.begin(), findings_.end(),
                         [](const Finding& a, const Finding& b) {
                             return std::tie(a.file, a.line) < std::tie(b.file, b.line);
                         });
        return std::move(findings_);
    }

 private:
    void warn(const std::string& path, int line, std::string message, std::string remedy) {
        findings_.push_back(lines_.at(path, std::max(line, 1), Severity::warning,
                                      std::move(message), std::move(remedy)));
    }
    void warn_setting(std::string_view setting, std::string message, std::string remedy) {
        const auto* line = config::find(settings_, setting);
        findings_.push_back(lines_.finding(
            {line == nullptr ? "" : line->source, std::move(message), std::move(remedy)},
            Severity::warning));
    }

    void unused_vars(const AgentFacts& agent) {
        const auto& source = sources_.at(agent.path);
        std::set<std::string, std::less<>> used;
        for (const auto* text : {&agent.prompt, &agent.greeting}) {
            for (auto& name : script::vars_named_in(*text)) used.insert(std::move(name));
        }
        for (const auto& [name, settings] : settings_.agents) {
            for (auto& var : script::vars_named_in(settings.greeting)) used.insert(std::move(var));
        }
        std::set<std::string, std::less<>> elsewhere;
        for (const auto& [path, text] : sources_) {
            const bool is_its_tool =
                path.starts_with("tools/") &&
                std::find_if(agent.tools.begin(), agent.tools.end(), [&](const auto& tool) {
                    return path == "tools/" + tool + ".lua";
                }) != agent.tools.end();
            if (is_its_tool || path.starts_with("lib/")) elsewhere.merge(words_of(text, 0));
        }
        const int block = std::max(script::line_of_key(source, "vars"), 1);
        for (const auto& var : agent.vars) {
            const std::string name(var.key());
            if (name == "time_zone" || used.contains(name) || elsewhere.contains(name)) continue;
            const int line = std::max(script::line_of_key(source, name, block), block);
            if (words_of(source, line).contains(name)) continue;
            warn(agent.path, line, fmt::format("var `{}` is used nowhere", name),
                 fmt::format(
                     "put {{{}}} into the prompt or use call.vars.{} in a tool, or remove it", name,
                     name));
        }
    }

    // `check_slots` in a prompt is a promise that there is such a tool.
    void promised_tools(const AgentFacts& agent) {
        const auto& source = sources_.at(agent.path);
        std::set<std::string, std::less<>> told;
        for_each_word(agent.prompt, [&](std::string_view word, std::size_t at) {
            if (std::find(agent.tools.begin(), agent.tools.end(), word) != agent.tools.end() ||
                told.contains(word))
                return;
            const bool is_tool =
                std::find(tool_names_.begin(), tool_names_.end(), word) != tool_names_.end();
            // an ordinary word, "transfer"
            if (!is_tool && word.find('_') == std::string_view::npos) return;
            if (is_tool && word.find('_') == std::string_view::npos && !is_called(agent.prompt, at))
                return;
            if (at > 0 && agent.prompt[at - 1] == '{') return;
            const int line = line_in_prompt(source, agent.prompt, at);
            if (is_tool) {
                told.emplace(word);
                return warn(
                    agent.path, line,
                    fmt::format("the prompt names the tool {}, which this agent does not have",
                                word),
                    fmt::format("add \"{}\" to `tools`", word));
            }
            if (harmless_.contains(word) || agent.vars.contains(word)) return;
            const auto meant = did_you_mean(word, tool_names_);
            if (!meant && !is_called(agent.prompt, at)) return;
            told.emplace(word);
            warn(
                agent.path, line,
                fmt::format("the prompt names {}, and there is no such tool", word),
                meant
                    ? fmt::format("did you mean {}?", *meant)
                    : fmt::format(
                          "write tools/{}.lua (`parley new tool {}`), or take it out of the prompt",
                          word, word));
        });
    }

    // "Call check_calendar", "use the transfer tool".
    static bool is_called(std::string_view text, std::size_t at) {
        std::vector<std::string> before;
        for_each_word(text.substr(at < 40 ? 0 : at - 40, std::min<std::size_t>(at, 40)),
                      [&](std::string_view word, std::size_t) { before.push_back(lower(word)); });
        for (std::size_t back = 1; back <= 2 && back <= before.size(); ++back) {
            const auto& word = before[before.size() - back];
            if (word == "call" || word == "use" || word == "run" || word == "invoke" ||
                word == "calling" || word == "using")
                return true;
            if (word != "the" && word != "tool") return false;
        }
        return false;
    }

    static int line_in_prompt(std::string_view source, std::string_view prompt, std::size_t at) {
        // The prompt stands in the file as it is, unless it is put together from pieces.
        const auto begin = source.find(prompt);
        if (begin != std::string_view::npos) {
            return 1 + static_cast<int>(std::count(
                           source.begin(), source.begin() + static_cast<std::ptrdiff_t>(begin + at),
                           '\n'));
        }
        return std::max(script::line_of_key(source, "prompt"), 1);
    }

    void unused_files() {
        std::set<std::string> listed;
        for (const auto& agent : agents_) listed.insert(agent.tools.begin(), agent.tools.end());
        for (const auto& tool : tools_) {
            if (!listed.contains(tool.name))
                warn(tool.path, 1, fmt::format("no agent has the tool {}", tool.name),
                     fmt::format("add \"{}\" to an agent's `tools`", tool.name));
        }
        std::set<std::string> served;
        for (const auto& agent : agents_)
            served.insert(agent.hand_offs.begin(), agent.hand_offs.end());
        for (const auto& [name, agent] : settings_.agents)
            served.insert(agent.script.empty() ? name : agent.script);
        for (const auto& agent : agents_) {
            if (!served.contains(agent.script)) {
                warn(agent.path, 1, "no agent in the settings uses this script",
                     fmt::format("add `{}:` with `script: {}` under `agents:` in {}", agent.script,
                                 agent.script, settings_file()));
            }
        }
    }

    // Where agents stand already: among the files there are also .env and overlays.
    std::string settings_file() const {
        if (settings_.agents.empty()) return "config/parley.yaml";
        const auto& where = settings_.agents.begin()->second.where;
        return where.substr(0, where.rfind(':'));
    }

    void routes() {
        std::set<std::string> reached;
        for (const auto& [number, agent] : settings_.numbers) reached.insert(agent);
        for (const auto& agent : agents_)
            reached.insert(agent.hand_offs.begin(), agent.hand_offs.end());
        for (const auto& [name, agent] : settings_.agents) {
            if (!reached.contains(name)) {
                findings_.push_back(lines_.finding(
                    {agent.where, fmt::format("agents.{}: no number leads to this agent", name),
                     fmt::format("add a line such as `+15550100001: {}` under `numbers:`", name)},
                    Severity::warning));
            }
        }
        const auto& own = settings_.twilio.phone_number;
        if (!own.empty() && !settings_.numbers.contains(own) &&
            !settings_.numbers.contains("default")) {
            warn_setting("twilio.phone_number",
                         fmt::format("twilio.phone_number: nobody answers {}", own),
                         fmt::format("add `{}: NAME` under `numbers:`", own));
        }
    }

    void hold_music() {
        const auto& file = settings_.calls.hold_music;
        std::error_code ignored;
        if (file.empty() || std::filesystem::is_regular_file(file, ignored)) return;
        warn_setting("calls.hold_music", fmt::format("calls.hold_music: there is no file {}", file),
                     "put it there; until then callers on hold hear the built-in music");
    }

    void secrets(const std::string& path, std::string_view source) {
        for_each_text(source, [&](std::string_view text, std::string_view before, int line) {
            before = trim(before);
            if (before.ends_with('(')) before = trim(before.substr(0, before.size() - 1));
            if (!before.ends_with("secrets.get")) return;
            const std::string group = fmt::format("secrets.{}", text);
            const bool is_known = std::any_of(
                settings_.explained.begin(), settings_.explained.end(), [&](const auto& each) {
                    return each.path == group || each.path.starts_with(group + ".");
                });
            if (!is_known) {
                warn(path, line, fmt::format("there is no secret \"{}\" in the settings", text),
                     fmt::format("add {} under `secrets:`, with the scripts that may have it",
                                 text));
                return;
            }
            const auto* scripts = config::find(settings_, group + ".scripts");
            if (scripts == nullptr) return;
            const auto granted = items_of(scripts->value);
            const auto name = path.substr(0, path.size() - 4);  // "tools/check_slots"
            if (std::find(granted.begin(), granted.end(), name) == granted.end()) {
                warn(
                    path, line,
                    fmt::format("the settings do not grant the secret \"{}\" to this script", text),
                    fmt::format("add {} to secrets.{}.scripts ({})", name, text, scripts->source));
            }
        });
    }

    void hosts(const std::string& path, std::string_view source) {
        const auto* allow = config::find(settings_, "scripts.http.allow");
        if (allow == nullptr) return;
        const auto allowed = items_of(allow->value);
        for_each_text(source, [&](std::string_view text, std::string_view, int line) {
            const auto scheme = text.find("://");
            if (scheme == std::string_view::npos ||
                (text.substr(0, scheme) != "https" && text.substr(0, scheme) != "http"))
                return;
            const auto host =
                text.substr(scheme + 3, text.find_first_of("/?#\"' ", scheme + 3) - scheme - 3);
            const auto name = host.substr(
                0, host.rfind(':') == std::string_view::npos ? host.size() : host.rfind(':'));
            if (name.empty() || name.find_first_of("{}.%") == std::string_view::npos ||
                name.find('{') != std::string_view::npos)
                return;
            const bool is_allowed =
                std::any_of(allowed.begin(), allowed.end(), [&](const std::string& each) {
                    if (each.starts_with("*."))
                        return name.ends_with(std::string_view(each).substr(1));
                    return each == name || each == host;
                });
            if (!is_allowed)
                warn(path, line, fmt::format("the host {} is not allowed to scripts", host),
                     fmt::format("add it to scripts.http.allow ({})", allow->source));
        });
    }

    const Generation& generation_;
    const config::Settings& settings_;
    const script::Library::Sources& sources_;
    const std::vector<AgentFacts> agents_;
    const std::vector<ToolFacts> tools_;
    std::vector<std::string> tool_names_;
    // names of parameters, which prompts may speak of
    std::set<std::string, std::less<>> harmless_;
    Lines lines_;
    std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> lint(const Generation& generation) { return Linter(generation).run(); }

}  // namespace parley::reload
