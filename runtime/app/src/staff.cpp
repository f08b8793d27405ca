#include "staff.hpp"

#include "service_client.hpp"

#include <parley/reload/explain.hpp>
#include <parley/reload/generation.hpp>
#include <parley/reload/lint.hpp>
#include <parley/reload/status.hpp>
#include <parley/reload/templates.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

namespace parley::app {
namespace {

namespace fs = std::filesystem;

int fail(const Fault& fault) {
    fmt::print(stderr, "parley: {}\n", fault.text());
    return 1;
}

void print_json(const json::value& value) { fmt::print("{}\n", json::serialize(value)); }

json::array to_json(const std::vector<reload::Finding>& findings) {
    json::array all;
    for (const auto& each : findings) all.push_back(reload::to_json(each));
    return all;
}

std::string counted(std::size_t count, const char* thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

// Errors go to stderr; null then.
std::shared_ptr<reload::Generation> generation_or_errors(const SettingsChoice& choice) {
    auto built = reload::build(recipe_of(choice), nullptr, {});
    if (built.generation) return std::move(built.generation);
    for (const auto& each : built.findings) fmt::print(stderr, "{}", reload::shown(each));
    fmt::print(stderr, "\n{} to mend first.\n", counted(built.findings.size(), "error"));
    return nullptr;
}

// What PATH of `parley check` means: another folder of scripts, a whole tree, or one file to tell
// of.
struct Scope {
    reload::Recipe recipe;
    std::string only_file;
};
Checked<Scope> scope_of(const SettingsChoice& choice, const std::string& path) {
    Scope scope{recipe_of(choice), ""};
    if (path.empty()) return {boost::system::in_place_value, std::move(scope)};
    const fs::path at(path);
    if (fs::is_directory(at)) {
        const bool is_tree = fs::exists(at / "config" / "parley.yaml");
        if (is_tree && choice.file.empty())
            scope.recipe.options.file = (at / "config" / "parley.yaml").lexically_normal().string();
        scope.recipe.scripts_dir = (is_tree ? at / "scripts" : at).lexically_normal().string();
        return {boost::system::in_place_value, std::move(scope)};
    }
    if (!fs::exists(at))
        return Fault{path, "there is no such file or folder",
                     "name a scripts folder, or one file of it"};
    scope.only_file = path;
    return {boost::system::in_place_value, std::move(scope)};
}

}  // namespace

StaffCommands::StaffCommands(CLI::App& cli, SettingsChoice& choice) : choice_(choice) {
    const auto add_json = [this](CLI::App* command) {
        command->add_flag_callback(
            "--json", [this] { format_ = Format::json; }, "print JSON");
    };
    const auto add_service = [&](CLI::App* command) {
        command->add_option("--url", url_,
                            "the running service (default: as written beside the database)");
        command->add_option_function<std::string>(
            "--database", [this](const std::string& value) { choice_.flags["store.path"] = value; },
            "SQLite file (DATABASE_PATH)");
        add_json(command);
    };
    check_ = cli.add_subcommand(
        "check", "check settings and scripts as a start would, and warn of what is hardly meant");
    check_->add_option("PATH", path_, "another scripts folder, or one file to tell of");
    add_json(check_);
    explain_ = cli.add_subcommand(
        "explain", "what a call to a number would get, and where each part is written");
    explain_->add_option("NUMBER", number_, "the called number, such as +15550100001")->required();
    add_json(explain_);
    diff_ = cli.add_subcommand("diff",
                               "what the files would change against what the running service has");
    add_service(diff_);
    new_ = cli.add_subcommand(
        "new", "write a commented template of an agent or a tool, with its first test");
    new_->require_subcommand(1);
    new_agent_ = new_->add_subcommand("agent", "an agent in scripts/agents");
    new_agent_->add_option("NAME", name_, "a-z, 0-9 and _")->required();
    new_tool_ = new_->add_subcommand("tool", "a tool in scripts/tools");
    new_tool_->add_option("NAME", name_, "a-z, 0-9 and _")->required();
    reload_ = cli.add_subcommand(
        "reload", "have the running service take over the files, and say what comes of it");
    add_service(reload_);
    rollback_ =
        cli.add_subcommand("rollback", "have the running service go back to what it served before");
    add_service(rollback_);
    status_ = cli.add_subcommand(
        "status", "what the running service serves, and what is wrong with the files");
    add_service(status_);
    routes_ = cli.add_subcommand("routes",
                                 "every path the running service answers, and who may ask for it");
    add_service(routes_);
}

std::optional<int> StaffCommands::run() {
    if (*check_) return check();
    if (*explain_) return explain();
    if (*diff_) return diff();
    if (*new_) return make();
    if (*reload_) return ask_for("/api/reload");
    if (*rollback_) return ask_for("/api/rollback");
    if (*status_) return status();
    if (*routes_) return routes();
    return std::nullopt;
}

int StaffCommands::check() {
    const auto scope = scope_of(choice_, path_);
    if (!scope) return fail(scope.error());
    auto built = reload::build(scope->recipe, nullptr, {});
    auto findings = std::move(built.findings);
    if (built.generation) {
        auto warnings = reload::lint(*built.generation);
        findings.insert(findings.end(), std::make_move_iterator(warnings.begin()),
                        std::make_move_iterator(warnings.end()));
    }
    const auto everywhere = findings.size();
    if (!scope->only_file.empty()) {
        std::error_code ignored;
        std::erase_if(findings, [&](const auto& each) {
            return !fs::equivalent(each.file, scope->only_file, ignored);
        });
    }
    const auto errors = static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [](const auto& each) { return each.severity == reload::Severity::error; }));
    if (format_ == Format::json) {
        print_json(to_json(findings));
        return errors == 0 ? 0 : 1;
    }
    for (const auto& each : findings) fmt::print("{}", reload::shown(each));
    if (!findings.empty()) fmt::print("\n");
    fmt::print("{}, {}", errors == 0 ? "No errors" : counted(errors, "error"),
               counted(findings.size() - errors, "warning"));
    if (everywhere > findings.size())
        fmt::print("; {} more in other files", everywhere - findings.size());
    fmt::print("\n");
    return errors == 0 ? 0 : 1;
}

int StaffCommands::explain() {
    const auto generation = generation_or_errors(choice_);
    if (!generation) return 1;
    const auto explanation = reload::explain(*generation, number_);
    if (!explanation) return fail(explanation.error());
    if (format_ == Format::json) {
        print_json(*explanation);
    } else {
        fmt::print("{}", reload::shown_explanation(*explanation));
    }
    return 0;
}

// The service compares: it has its own environment, flags and overlays, which this shell may not
// have.
int StaffCommands::diff() {
    const auto access = access_of(settings_to_reach_it(choice_), url_);
    if (!access) return fail(access.error());
    const auto answer = ask_service(*access, "GET", "/api/diff");
    if (!answer) return fail(answer.error());
    if (format_ == Format::json) {
        print_json(answer->body);
    } else if (answer->body.contains("result")) {
        fmt::print("{}", reload::shown_preview(answer->body));
    } else {
        fmt::print(stderr, "parley: {}\n", json_read::text(answer->body, "error"));
    }
    return answer->status == 200 ? 0 : 1;
}

int StaffCommands::make() {
    const auto recipe = recipe_of(choice_);
    auto settings = config::load(recipe.options);
    const auto dir = reload::scripts_dir_of(
        recipe, settings ? settings->scripts.dir : config::Settings().scripts.dir);
    const auto what = *new_agent_ ? reload::New::agent : reload::New::tool;
    const auto plan = reload::plan(what, name_, dir, recipe.options.file);
    if (!plan) return fail(plan.error());
    if (const auto written = reload::write(*plan); !written) return fail(written.error());
    for (const auto& file : plan->files) fmt::print("wrote {}\n", file.path);
    fmt::print("\n{}", plan->next_steps);
    return 0;
}

int StaffCommands::status() {
    const auto access = access_of(settings_to_reach_it(choice_), url_);
    if (!access) return fail(access.error());
    const auto answer = ask_service(*access, "GET", "/api/status");
    if (!answer) return fail(answer.error());
    if (format_ == Format::json) {
        print_json(answer->body);
    } else {
        fmt::print("{}", reload::shown_status(answer->body, std::chrono::system_clock::now()));
    }
    return 0;
}

int StaffCommands::routes() {
    const auto access = access_of(settings_to_reach_it(choice_), url_);
    if (!access) return fail(access.error());
    const auto answer = ask_service(*access, "GET", "/api/routes");
    if (!answer) return fail(answer.error());
    const auto* all = json_read::array(answer->body, "routes");
    if (all == nullptr)
        return fail({access->url, "has no table of routes", "is the service of this version?"});
    if (format_ == Format::json) {
        print_json(*all);
        return 0;
    }
    for (const auto& each : *all) {
        const auto& route = each.as_object();
        std::string methods;
        for (const auto& method : route.at("methods").as_array())
            methods += (methods.empty() ? "" : ",") + std::string(method.as_string());
        fmt::print("{:<9} {:<42} {:<9} {}\n", methods, json_read::text(route, "path"),
                   json_read::text(route, "access"), json_read::text(route, "about"));
    }
    return 0;
}

int StaffCommands::ask_for(const std::string& path) {
    const auto access = access_of(settings_to_reach_it(choice_), url_);
    if (!access) return fail(access.error());
    const auto answer = ask_service(*access, "POST", path);
    if (!answer) return fail(answer.error());
    const bool is_good = answer->status == 200;
    if (format_ == Format::json) {
        print_json(answer->body);
    } else if (answer->body.contains("result")) {
        fmt::print("{}", reload::shown_outcome(answer->body));
    } else {
        fmt::print(stderr, "parley: {}\n", json_read::text(answer->body, "error"));
    }
    return is_good ? 0 : 1;
}

}  // namespace parley::app
