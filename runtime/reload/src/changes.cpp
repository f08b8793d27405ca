#include <parley/reload/changes.hpp>

#include <parley/config/report.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>
#include <parley/script/catalogue.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace parley::reload {
namespace {

constexpr std::size_t lines_compared_max = 2'000;  // of each text: the comparison takes the product
constexpr std::size_t value_shown_max = 200;

const json::object& group(const json::object& content, std::string_view name) {
    static const json::object none;
    const auto* found = json_read::object(content, name);
    return found == nullptr ? none : *found;
}

std::set<std::string> keys_of(const json::object& a, const json::object& b) {
    std::set<std::string> keys;
    for (const auto& each : a) keys.emplace(each.key());
    for (const auto& each : b) keys.emplace(each.key());
    return keys;
}

std::string text_of(const json::value* value) {
    if (value == nullptr) return "nothing";
    return shortened(
        value->is_string() ? std::string(value->get_string()) : json::serialize(*value),
        value_shown_max);
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::set<std::string> names_in(const json::object& agent, std::string_view key) {
    std::set<std::string> names;
    if (const auto* list = json_read::array(agent, key)) {
        for (const auto& each : *list)
            names.emplace(each.is_string() ? std::string_view(each.get_string()) : "");
    }
    return names;
}

class Comparison {
 public:
    Comparison(const json::object& before, const json::object& after)
        : before_(before), after_(after) {}

    std::vector<Change> run() {
        each_of("agents", [this](const std::string& name, const json::object& was,
                                 const json::object& is) { agent(name, was, is); });
        each_of("tools", [this](const std::string& name, const json::object& was,
                                const json::object& is) { tool(name, was, is); });
        each_of("files", [this](const std::string& name, const json::object&, const json::object&) {
            if (name.starts_with("lib/"))
                add("lib " + name, "its code changes, for all who use it");
        });
        settings();
        return std::move(changes_);
    }

 private:
    void add(std::string about, std::string what, std::vector<std::string> details = {}) {
        changes_.push_back({std::move(about), std::move(what), std::move(details)});
    }

    template <class Changed>
    void each_of(const char* kind, Changed changed) {
        const auto& was = group(before_, kind);
        const auto& is = group(after_, kind);
        const std::string word = std::string_view(kind) == "agents"  ? "script of agent"
                                 : std::string_view(kind) == "tools" ? "tool"
                                                                     : "";
        for (const auto& name : keys_of(was, is)) {
            const auto* old_value = was.if_contains(name);
            const auto* new_value = is.if_contains(name);
            const bool is_told = !word.empty() || name.starts_with("lib/");
            const std::string about = word.empty() ? name : word + " " + name;
            if (old_value == nullptr) {
                if (is_told) add(about, "is new");
            } else if (new_value == nullptr) {
                if (is_told) add(about, "goes");
            } else if (*old_value != *new_value) {
                static const json::object none;
                changed(name, old_value->is_object() ? old_value->get_object() : none,
                        new_value->is_object() ? new_value->get_object() : none);
            }
        }
    }

    void agent(const std::string& name, const json::object& was, const json::object& is) {
        const std::string about = "script of agent " + name;
        const auto had = changes_.size();
        for (const char* key : {"prompt", "greeting"}) {
            const auto before = json_read::text(was, key);
            const auto after = json_read::text(is, key);
            if (before != after)
                add(about, fmt::format("the {} changes", key), line_difference(before, after));
        }
        for (const char* key : {"tools", "functions", "hand_offs"}) {
            const auto before = names_in(was, key);
            const auto after = names_in(is, key);
            std::vector<std::string> gained;
            std::vector<std::string> lost;
            std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                                std::back_inserter(gained));
            std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                                std::back_inserter(lost));
            if (!gained.empty()) add(about, fmt::format("gets {}: {}", key, listed(gained)));
            if (!lost.empty()) add(about, fmt::format("loses {}: {}", key, listed(lost)));
        }
        const auto& old_vars = group(was, "vars");
        const auto& new_vars = group(is, "vars");
        for (const auto& var : keys_of(old_vars, new_vars))
            value(about, "vars." + var, old_vars.if_contains(var), new_vars.if_contains(var));
        for (const auto& key : keys_of(was, is)) {
            if (key == "prompt" || key == "greeting" || key == "tools" || key == "functions" ||
                key == "hand_offs" || key == "vars" || key == "code")
                continue;
            value(about, key, was.if_contains(key), is.if_contains(key));
        }
        // The same to look at, but its functions differ.
        if (changes_.size() == had) add(about, "its code changes");
    }

    void tool(const std::string& name, const json::object& was, const json::object& is) {
        const std::string about = "tool " + name;
        const auto* before = was.if_contains("declaration");
        const auto* after = is.if_contains("declaration");
        if (before != nullptr && after != nullptr && *before != *after) {
            std::vector<std::string> details;
            if (const auto* old_one = before->if_object(), *new_one = after->if_object();
                old_one != nullptr && new_one != nullptr) {
                if (json_read::text(*old_one, "description") !=
                    json_read::text(*new_one, "description")) {
                    details = line_difference(json_read::text(*old_one, "description"),
                                              json_read::text(*new_one, "description"));
                }
                const auto& old_params = group(group(*old_one, "parameters"), "properties");
                const auto& new_params = group(group(*new_one, "parameters"), "properties");
                for (const auto& param : keys_of(old_params, new_params)) {
                    const auto* old_param = old_params.if_contains(param);
                    const auto* new_param = new_params.if_contains(param);
                    if (old_param != nullptr && new_param != nullptr && *old_param == *new_param)
                        continue;
                    if (old_param != nullptr)
                        details.push_back(fmt::format("- {}: {}", param, text_of(old_param)));
                    if (new_param != nullptr)
                        details.push_back(fmt::format("+ {}: {}", param, text_of(new_param)));
                }
            }
            add(about, "what the model is told of it changes", std::move(details));
        }
        if (json_read::text(was, "code") != json_read::text(is, "code") &&
            (before == nullptr || after == nullptr || *before == *after))
            add(about, "its code changes");
    }

    void value(const std::string& about, const std::string& name, const json::value* was,
               const json::value* is) {
        if (was != nullptr && is != nullptr && *was == *is) return;
        if (was == nullptr && is == nullptr) return;
        add(about, fmt::format("{}: {} -> {}", name, text_of(was), text_of(is)));
    }

    void settings() {
        const auto& was = group(before_, "settings");
        const auto& is = group(after_, "settings");
        std::set<std::string> told;
        for (const auto& name : keys_of(was, is)) {
            const auto* before = was.if_contains(name);
            const auto* after = is.if_contains(name);
            if (before != nullptr && after != nullptr && *before == *after) continue;
            // An agent that comes or goes as a whole is one change, not one for each of its
            // settings.
            if (const auto agent = agent_of(name);
                !agent.empty() && has_agent(was, agent) != has_agent(is, agent)) {
                if (!told.insert(agent).second) continue;
                const auto* script =
                    (has_agent(is, agent) ? is : was).if_contains("agents." + agent + ".script");
                add("agent " + agent,
                    has_agent(is, agent) ? "is new, with the script " + text_of(script) : "goes");
                continue;
            }
            const bool waits = taken_over(name) == TakenOver::by_restart;
            add(name, fmt::format("{} -> {}{}", text_of(before), text_of(after),
                                  waits ? "   (needs a restart)" : ""));
        }
    }

    // "agents.sarah.vars.clinic" -> "sarah"
    static std::string agent_of(std::string_view setting) {
        constexpr std::string_view group_name = "agents.";
        if (!setting.starts_with(group_name)) return {};
        const auto rest = setting.substr(group_name.size());
        return std::string(rest.substr(0, rest.find('.')));
    }
    static bool has_agent(const json::object& all, const std::string& agent) {
        return all.contains("agents." + agent + ".script");
    }

    const json::object& before_;
    const json::object& after_;
    std::vector<Change> changes_;
};

}  // namespace

json::object content_of(const Generation& generation) {
    json::object content;
    content["version"] = generation.version;
    content["generation"] = generation.number;
    const auto code_of = [&](const std::string& path) {
        const auto source = generation.files.scripts.find(path);
        return source == generation.files.scripts.end()
                   ? std::string()
                   : crypto::sha256_hex(source->second).substr(0, 12);
    };
    json::object agents;
    for (auto& agent : script::agents_of(*generation.bundle)) {
        json::array tools;
        for (const auto& tool : agent.tools) tools.push_back(json::value(tool));
        json::array hand_offs;
        for (const auto& name : agent.hand_offs) hand_offs.push_back(json::value(name));
        json::array functions;
        if (agent.has_prompt_function) functions.emplace_back("prompt");
        for (const auto& name : agent.functions) functions.push_back(json::value(name));
        json::object vars;
        for (const auto& [name, value] : agent.vars)
            vars[name] = config::sounds_secret(name) ? json::value("***") : value;
        agents[agent.script] = json::object{{"name", agent.name},
                                            {"greeting", agent.greeting},
                                            {"prompt", agent.prompt},
                                            {"voice", agent.voice},
                                            {"model", agent.model},
                                            {"language", agent.language},
                                            {"vars", std::move(vars)},
                                            {"tools", std::move(tools)},
                                            {"functions", std::move(functions)},
                                            {"hand_offs", std::move(hand_offs)},
                                            {"about", agent.about},
                                            {"code", code_of(agent.path)}};
    }
    content["agents"] = std::move(agents);
    json::object tools;
    for (auto& tool : script::tools_of(*generation.bundle)) {
        tools[tool.name] = json::object{{"declaration", std::move(tool.declaration)},
                                        {"code", code_of(tool.path)}};
    }
    content["tools"] = std::move(tools);
    json::object files;
    for (const auto& [path, source] : generation.files.scripts) files[path] = code_of(path);
    for (const auto& [name, text] : generation.files.migrations)
        files["migrations/" + name] = crypto::sha256_hex(text).substr(0, 12);
    content["files"] = std::move(files);
    json::object settings;
    for (const auto& line : generation.settings.explained) settings[line.path] = line.value;
    content["settings"] = std::move(settings);
    return content;
}

std::vector<Change> changes_between(const json::object& before, const json::object& after) {
    return Comparison(before, after).run();
}

std::string shown(const std::vector<Change>& changes) {
    std::string out;
    for (const auto& change : changes) {
        out += fmt::format("{}: {}\n", change.about, change.what);
        for (const auto& detail : change.details) out += "    " + detail + "\n";
    }
    return out;
}

json::array to_json(const std::vector<Change>& changes) {
    json::array all;
    for (const auto& change : changes) {
        json::array details;
        for (const auto& detail : change.details) details.push_back(json::value(detail));
        all.push_back(json::object{
            {"about", change.about}, {"what", change.what}, {"details", std::move(details)}});
    }
    return all;
}

std::vector<Change> changes_from(const json::array& changes) {
    std::vector<Change> all;
    for (const auto& each : changes) {
        const auto* object = each.if_object();
        if (object == nullptr) continue;
        Change change{json_read::text(*object, "about"), json_read::text(*object, "what"), {}};
        if (const auto* details = json_read::array(*object, "details")) {
            for (const auto& detail : *details)
                change.details.emplace_back(
                    detail.is_string() ? std::string_view(detail.get_string()) : "");
        }
        all.push_back(std::move(change));
    }
    return all;
}

std::vector<std::string> line_difference(std::string_view before, std::string_view after) {
    auto was = split(before, '\n');
    auto is = split(after, '\n');
    was.resize(std::min(was.size(), lines_compared_max));
    is.resize(std::min(is.size(), lines_compared_max));
    // Longest common subsequence: kept[i][j] is its length for the texts from line i and j on.
    const std::size_t width = is.size() + 1;
    std::vector<std::uint16_t> kept((was.size() + 1) * width, 0);
    for (std::size_t i = was.size(); i-- > 0;) {
        for (std::size_t j = is.size(); j-- > 0;) {
            kept[i * width + j] =
                was[i] == is[j] ? static_cast<std::uint16_t>(kept[(i + 1) * width + j + 1] + 1)
                                : std::max(kept[(i + 1) * width + j], kept[i * width + j + 1]);
        }
    }
    std::vector<std::string> lines;
    for (std::size_t i = 0, j = 0; i < was.size() || j < is.size();) {
        if (i < was.size() && j < is.size() && was[i] == is[j]) {
            ++i;
            ++j;
        } else if (j == is.size() ||
                   (i < was.size() && kept[(i + 1) * width + j] >= kept[i * width + j + 1])) {
            lines.push_back("- " + std::string(was[i++]));
        } else {
            lines.push_back("+ " + std::string(is[j++]));
        }
    }
    return lines;
}

}  // namespace parley::reload
