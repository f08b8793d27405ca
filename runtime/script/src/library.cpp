#include <parley/script/library.hpp>

#include "bundle.hpp"

#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>

#include <filesystem>
#include <fstream>
#include <set>

namespace parley::script {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_bytes_max = 1024 * 1024;
constexpr std::size_t files_max = 1'000;
constexpr std::size_t version_length = 12;
// Of a file's top level and of check_vars, in a VM that is thrown away.
constexpr std::chrono::milliseconds scratch_cpu_max{100};
constexpr std::size_t scratch_memory_max = 64 * 1024 * 1024;

bool is_file_name(std::string_view stem) {
    if (stem.empty() || stem.size() > 40) return false;
    return std::all_of(stem.begin(), stem.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

// "tools/check_slots.lua" -> text. Files that editors leave behind are passed over.
std::map<std::string, std::string> read_folder(const std::string& dir, std::vector<Fault>& faults) {
    std::map<std::string, std::string> sources;
    std::error_code error;
    if (!fs::is_directory(dir, error)) {
        faults.push_back({dir, "there is no such folder",
                          "set scripts.dir to the folder that holds agents/ and tools/"});
        return sources;
    }
    for (const std::string part : {"agents", "tools", "lib"}) {
        const fs::path root = fs::path(dir) / part;
        if (!fs::is_directory(root, error)) continue;
        fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied,
                                            error);
        for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
            const fs::path file = it->path();
            if (it->is_directory(error)) {
                if (part != "lib") it.disable_recursion_pending();
                continue;
            }
            if (file.extension() != ".lua" || file.filename().string().starts_with(".")) continue;
            const std::string path = (fs::path(part) / fs::relative(file, root, error)).string();
            bool is_named_well = !error;
            for (const auto& step : fs::path(path).parent_path())
                is_named_well = is_named_well && is_file_name(step.string());
            if (!is_named_well || !is_file_name(file.stem().string())) {
                faults.push_back(
                    {path, "the file's name must consist of a-z, 0-9 and _", "rename it"});
                continue;
            }
            const auto size = fs::file_size(file, error);
            std::ifstream in(file, std::ios::binary);
            if (error || !in || size > file_bytes_max || sources.size() >= files_max) {
                faults.push_back({path,
                                  size > file_bytes_max ? "the file is larger than 1 MB"
                                                        : "the file cannot be read",
                                  ""});
                error.clear();
                continue;
            }
            sources[path] = std::string(std::istreambuf_iterator<char>(in), {});
        }
        if (error) faults.push_back({part, "the folder cannot be read: " + error.message(), ""});
    }
    return sources;
}

std::string name_of(std::string_view path) {  // "tools/check_slots.lua" -> "check_slots"
    const auto slash = path.rfind('/');
    return std::string(path.substr(slash + 1, path.size() - slash - 1 - 4));
}

// "tools/x.lua:17: what" -> the fault at that place.
Fault fault_of(const std::string& path, const std::string& message) {
    const auto end = message.find(": ");
    const auto colon = message.find(".lua:");
    if (end != std::string::npos && colon != std::string::npos && colon + 4 < end)
        return {message.substr(0, end), message.substr(end + 2), ""};
    if (message.starts_with(path + ": ")) return {path, message.substr(path.size() + 2), ""};
    return {path, message, ""};
}

std::string message_of(Vm::Step step, const Run& run) {
    switch (step) {
        case Vm::Step::killed:
            if (run.kill == Kill::memory) return "the file uses too much memory while it is loaded";
            return fmt::format("the file takes longer than {} ms to load", scratch_cpu_max.count());
        case Vm::Step::waiting: return "the file waits while it is loaded";
        default: return run.error;
    }
}

std::shared_ptr<Vm> scratch_vm(const Bytecode& files, const json::object& vars,
                               std::shared_ptr<const TimeZone> zone) {
    Vm::Limits limits;
    limits.memory_bytes_max = scratch_memory_max;
    limits.output_bytes_max = 1024 * 1024;
    Vm::World world;
    world.vars = vars;
    world.wall_now = [] { return std::chrono::system_clock::now(); };
    world.zone = zone ? std::move(zone) : TimeZone::find("UTC");
    world.has_call = false;
    return Vm::create(files, limits, std::move(world));
}

// Runs one of the scratch entries; the message when it fails.
std::optional<std::string> run_scratch(Vm& vm, Run& run, const char* entry,
                                       const std::string& path) {
    run.what = path;
    run.cpu_max = scratch_cpu_max;
    run.may_wait = false;
    if (!vm.start(run, entry, {path})) return "not enough memory to load the file";
    const Vm::Step step = vm.resume_to_end(run);
    if (step == Vm::Step::finished) return std::nullopt;
    return message_of(step, run);
}

std::string version_of(const std::map<std::string, std::string>& sources) {
    std::string all;
    for (const auto& [path, source] : sources)
        all += fmt::format("{}\n{}\n{}", path, source.size(), source);
    return crypto::sha256_hex(all).substr(0, version_length);
}

// The zone in vars.time_zone; a problem when there is no such zone.
std::shared_ptr<const TimeZone> zone_of(const json::object& vars, std::string& problem) {
    const auto* value = vars.if_contains("time_zone");
    if (value == nullptr) return TimeZone::find("UTC");
    auto zone =
        value->is_string() ? TimeZone::find(std::string_view(value->get_string())) : nullptr;
    if (!zone) problem = fmt::format("there is no time zone {}", json::serialize(*value));
    return zone;
}

constexpr const char* zone_remedy = "use a name such as \"America/New_York\"";

}  // namespace

// ---- checks -----------------------------------------------------------------------------------

std::vector<std::string> check_vars(const Bundle::Content& content, const AgentEntry& agent,
                                    const json::object& vars) {
    if (!agent.has_check_vars) return {};
    std::string problem;
    const auto vm = scratch_vm(content.files, vars, zone_of(vars, problem));
    if (!vm) return {"not enough memory to check the vars"};
    Run run;
    if (const auto failed = run_scratch(*vm, run, "check_vars", agent.path)) return {*failed};
    std::vector<std::string> problems;
    if (run.tree.kind == Tree::Kind::text) problems.push_back(run.tree.text);
    for (const auto& one : run.tree.list)
        problems.push_back(one.kind == Tree::Kind::text ? one.text : one.describe());
    return problems;
}

json::object merged_vars(const AgentEntry& agent, const config::AgentSettings& settings) {
    json::object vars = agent.vars;
    for (const auto& [name, value] : settings.vars) vars[name] = value;
    return vars;
}

void check_agent(const FileCheck& check, AgentEntry& agent, const Bundle::Content& content) {
    std::vector<std::string> tool_names;
    for (const auto& [name, tool] : content.tools) tool_names.push_back(name);
    for (const auto& name : agent.tools) {
        if (content.tools.contains(name)) continue;
        // its own faults are reported
        if (content.files.contains("tools/" + name + ".lua")) continue;
        const auto near = did_you_mean(name, tool_names);
        check.fault(check.line_of_text("\"" + name + "\""),
                    fmt::format("there is no tool \"{}\": no file tools/{}.lua", name, name),
                    near ? fmt::format("did you mean \"{}\"?", *near) : "");
    }
    std::vector<std::string> agent_names;
    for (const auto& [name, other] : content.agents) agent_names.push_back(name);
    for (const auto& name : agent.hand_offs) {
        const int line = check.line_of_text("\"" + name + "\"");
        if (name == agent.script) {
            check.fault(line, fmt::format("`hand_offs`: \"{}\" is this agent itself", name),
                        "name another agent");
        } else if (!content.files.contains("agents/" + name + ".lua")) {
            const auto near = did_you_mean(name, agent_names);
            check.fault(line,
                        fmt::format("there is no agent \"{}\": no file agents/{}.lua", name, name),
                        near ? fmt::format("did you mean \"{}\"?", *near) : "");
        }
    }
    std::vector<std::string> var_names{"today", "now", "weekday", "caller"};
    for (const auto& [name, value] : agent.vars) var_names.emplace_back(name);
    std::set<std::string> reported;
    for (const auto* text : {&agent.prompt, &agent.greeting, &agent.voicemail}) {
        for (const auto& name : names_in(*text)) {
            if (is_always_known(name) || !reported.insert(name).second) continue;
            const int line = check.line_of_text("{" + name + "}");
            if (const auto* value = agent.vars.if_contains(name)) {
                if (!shown(*value))
                    check.fault(
                        line, fmt::format("{{{}}} is a table and cannot be put into a text", name),
                        "use a var that is text or a number");
                continue;
            }
            const auto near = did_you_mean(name, var_names);
            check.fault(line, fmt::format("unknown var {{{}}}", name),
                        near ? fmt::format("did you mean {{{}}}?", *near)
                             : "add it to `vars`, with a value for when nothing else is set");
        }
    }
    std::string problem;
    if (!zone_of(agent.vars, problem))
        check.fault(check.line_of_key("time_zone"), "vars.time_zone: " + problem, zone_remedy);
}

std::vector<Fault> check_settings(const Bundle::Content& content,
                                  const config::AgentSettings& settings) {
    std::vector<Fault> faults;
    const auto fault = [&](std::string what, std::string remedy = {}) {
        faults.push_back(
            {settings.where, fmt::format("agents.{}: {}", settings.name, what), std::move(remedy)});
    };
    const AgentEntry* agent = content.agent_for(settings);
    if (agent == nullptr) {
        std::vector<std::string> names;
        for (const auto& [name, entry] : content.agents) names.push_back(name);
        const std::string wanted = settings.script.empty() ? settings.name : settings.script;
        const auto near = did_you_mean(wanted, names);
        fault(fmt::format("there is no script agents/{}.lua", wanted),
              near ? fmt::format("did you mean \"{}\"?", *near) : "");
        return faults;
    }
    std::vector<std::string> names;
    for (const auto& [name, value] : agent->vars) names.emplace_back(name);
    for (const auto& [name, value] : settings.vars) {
        if (agent->vars.contains(name)) continue;
        const auto near = did_you_mean(name, names);
        fault(fmt::format("vars.{}: {} has no such var", std::string_view(name), agent->path),
              near ? fmt::format("did you mean \"{}\"?", *near)
                   : fmt::format("add it to `vars` in {}", agent->path));
    }
    const json::object vars = merged_vars(*agent, settings);
    for (const auto& name : names_in(settings.greeting)) {
        if (!is_always_known(name) && !vars.contains(name))
            fault(fmt::format("greeting: unknown var {{{}}}", name));
    }
    std::set<std::string> seen;
    for (const auto* text :
         {&agent->prompt, &agent->greeting, &agent->voicemail, &settings.greeting}) {
        for (const auto& name : names_in(*text)) {
            const auto* value = vars.if_contains(name);
            if (value != nullptr && !shown(*value) && seen.insert(name).second)
                fault(fmt::format(
                    "vars.{}: expected text or a number, because it is put into a text", name));
        }
    }
    std::string problem;
    if (!zone_of(vars, problem)) {
        fault("vars.time_zone: " + problem, zone_remedy);
        return faults;  // the script would only say it again
    }
    if (faults.empty()) {
        for (auto& what : check_vars(content, *agent, vars)) fault("vars." + what);
    }
    return faults;
}

// ---- Bundle -----------------------------------------------------------------------------------

const AgentEntry* Bundle::Content::agent_for(const config::AgentSettings& settings) const {
    const auto found = agents.find(settings.script.empty() ? settings.name : settings.script);
    return found == agents.end() ? nullptr : &found->second;
}

Bundle::Bundle(std::unique_ptr<const Content> content) : content_(std::move(content)) {}
Bundle::~Bundle() = default;

const std::string& Bundle::version() const { return content_->version; }

std::vector<std::string> Bundle::agents() const {
    std::vector<std::string> names;
    for (const auto& [name, agent] : content_->agents) names.push_back(name);
    return names;
}

std::vector<std::string> Bundle::tools() const {
    std::vector<std::string> names;
    for (const auto& [name, tool] : content_->tools) names.push_back(name);
    return names;
}

const json::object* Bundle::tool(std::string_view name) const {
    const auto found = content_->tools.find(name);
    return found == content_->tools.end() ? nullptr : &found->second.declaration;
}

std::vector<Fault> Bundle::check(const config::AgentSettings& settings) const {
    return check_settings(*content_, settings);
}

json::object Bundle::vars(const config::AgentSettings& settings) const {
    const AgentEntry* agent = content_->agent_for(settings);
    return agent == nullptr ? settings.vars : merged_vars(*agent, settings);
}

std::shared_ptr<const TimeZone> Bundle::time_zone(const config::AgentSettings& settings) const {
    std::string ignored;
    auto zone = zone_of(vars(settings), ignored);
    return zone ? zone : TimeZone::find("UTC");
}

// ---- Library ----------------------------------------------------------------------------------

Library::Sources Library::read(const std::string& dir, std::vector<Fault>& faults) {
    return read_folder(dir, faults);
}

Library::Loaded<std::shared_ptr<const Bundle>> Library::build(const std::string& dir,
                                                              const Agents& agents) {
    std::vector<Fault> faults;
    const auto sources = read_folder(dir, faults);
    auto built = build_from(sources, agents);
    if (faults.empty()) return built;
    if (built.has_error()) faults.insert(faults.end(), built.error().begin(), built.error().end());
    return faults;
}

Library::Loaded<std::shared_ptr<const Bundle>> Library::build_from(const Sources& sources,
                                                                   const Agents& agents) {
    std::vector<Fault> faults;
    auto content = std::make_unique<Bundle::Content>();
    content->version = version_of(sources);

    auto prelude = compile_prelude();
    if (prelude.has_error()) return std::vector<Fault>{prelude.error()};
    content->files.emplace(prelude_path, std::move(*prelude));
    for (const auto& [path, source] : sources) {
        auto bytecode = compile(path, source);
        if (bytecode.has_error()) {
            faults.push_back(bytecode.error());
        } else {
            content->files.emplace(path, std::move(*bytecode));
        }
    }

    for (const auto& [path, source] : sources) {
        if (!content->files.contains(path)) continue;
        const FileCheck check{path, source, faults};
        const auto vm = scratch_vm(content->files, {}, nullptr);
        Run run;
        const auto failed =
            vm ? run_scratch(*vm, run, "inspect", path) : "not enough memory to load the file";
        if (failed) {
            Fault fault = fault_of(path, *failed);
            const bool is_known = std::any_of(faults.begin(), faults.end(), [&](const Fault& one) {
                return one.where == fault.where && one.what == fault.what;
            });
            // a broken lib is reported once, not by all who use it
            if (!is_known) faults.push_back(std::move(fault));
        } else if (path.starts_with("tools/")) {
            if (auto tool = read_tool(check, name_of(path), run.tree))
                content->tools.emplace(name_of(path), std::move(*tool));
        } else if (path.starts_with("agents/")) {
            if (auto agent = read_agent(check, name_of(path), run.tree))
                content->agents.emplace(name_of(path), std::move(*agent));
        }
    }
    for (auto& [name, agent] : content->agents) {
        const FileCheck check{agent.path, sources.at(agent.path), faults};
        check_agent(check, agent, *content);
    }
    if (faults.empty()) {
        for (const auto& [name, agent] : content->agents) {
            const FileCheck check{agent.path, sources.at(agent.path), faults};
            for (auto& what : check_vars(*content, agent, agent.vars))
                check.fault(check.line_of_key("vars"), "vars." + what);
        }
    }
    if (faults.empty()) {
        for (const auto& [name, settings] : agents) {
            for (auto& fault : check_settings(*content, settings))
                faults.push_back(std::move(fault));
        }
    }
    if (!faults.empty()) return faults;
    return std::shared_ptr<const Bundle>(std::make_shared<Bundle>(std::move(content)));
}

}  // namespace parley::script
