#include "token_commands.hpp"

#include "service_client.hpp"

#include <parley/core/clock.hpp>
#include <parley/ops/keyring.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

namespace parley::app {
namespace {

int fail(const Fault& fault) {
    fmt::print(stderr, "parley: {}\n", fault.text());
    return 1;
}

int fail(const ServiceAnswer& answer) {
    fmt::print(stderr, "parley: {}\n", json_read::text(answer.body, "error"));
    return 1;
}

void print_json(const json::value& value) { fmt::print("{}\n", json::serialize(value)); }

// A service leaves its address beside the database for as long as it runs.
bool is_running(const config::Settings& settings, const std::string& url) {
    const auto folder = std::filesystem::path(settings.store.path).parent_path();
    std::error_code ignored;
    return !url.empty() || std::filesystem::exists(folder / "admin.url", ignored);
}

Checked<std::unique_ptr<store::Store>> open_store(const config::Settings& settings) {
    return store::Store::open({.path = settings.store.path, .migrations_dir = {}});
}

json::object to_json(const ops::TokenRow& row) {
    return {{"name", row.name},
            {"role", ops::name_of(row.role)},
            {"createdAt", iso8601(WallTime(milliseconds(row.created_at_ms)))}};
}

}  // namespace

TokenCommands::TokenCommands(CLI::App& cli, SettingsChoice& choice) : choice_(choice) {
    token_ = cli.add_subcommand("token", "who may use the dashboard and the API, and how far");
    token_->require_subcommand(1);
    const auto add_place = [&](CLI::App* command) {
        command->add_option("--url", url_,
                            "the running service (default: as written beside the database)");
        command->add_option_function<std::string>(
            "--database", [this](const std::string& value) { choice_.flags["store.path"] = value; },
            "SQLite file (DATABASE_PATH)");
        command->add_flag_callback(
            "--json", [this] { format_ = Format::json; }, "print JSON");
    };
    new_ = token_->add_subcommand("new", "make a token; it is shown this once");
    new_->add_option("NAME", name_, "whose it is, such as maria or prometheus")->required();
    new_->add_option("--role", role_,
                     "viewer: may look; operator: may also reload and end calls; admin: everything")
        ->capture_default_str();
    add_place(new_);
    list_ = token_->add_subcommand("list", "the names and roles of all tokens");
    add_place(list_);
    revoke_ = token_->add_subcommand("revoke",
                                     "a token and its sessions are good for nothing from now on");
    revoke_->add_option("NAME", name_, "as `parley token list` shows it")->required();
    add_place(revoke_);
}

std::optional<int> TokenCommands::run() {
    if (!*token_) return std::nullopt;
    if (*new_) return make();
    if (*list_) return list();
    return revoke();
}

int TokenCommands::make() {
    const auto role = ops::role_named(role_);
    if (!role) return fail(role.error());
    const auto settings = settings_to_reach_it(choice_);
    std::string token;
    if (is_running(settings, url_)) {
        const auto access = access_of(settings, url_);
        if (!access) return fail(access.error());
        const auto answer =
            ask_service(*access, "POST", "/api/tokens",
                        json::object{{"name", name_}, {"role", ops::name_of(*role)}});
        if (!answer) return fail(answer.error());
        if (answer->status != 201) return fail(*answer);
        token = json_read::text(answer->body, "token");
    } else {
        const auto made = ops::make_token(name_, *role, std::chrono::system_clock::now());
        if (!made) return fail(made.error());
        const auto store = open_store(settings);
        if (!store) return fail(store.error());
        if (const auto saved = ops::save_token(**store, made->row); !saved)
            return fail(saved.error());
        token = made->token;
    }
    if (format_ == Format::json) {
        print_json(json::object{{"name", name_}, {"role", role_}, {"token", token}});
    } else {
        fmt::print("{}\n", token);
        fmt::print(stderr,
                   "This is the token of {} ({}). It is not kept and cannot be shown again.\n"
                   "Paste it at /login, or send the header Authorization: Bearer TOKEN.\n",
                   name_, role_);
    }
    return 0;
}

int TokenCommands::list() {
    const auto settings = settings_to_reach_it(choice_);
    json::array all;
    if (is_running(settings, url_)) {
        const auto access = access_of(settings, url_);
        if (!access) return fail(access.error());
        const auto answer = ask_service(*access, "GET", "/api/tokens");
        if (!answer) return fail(answer.error());
        if (answer->status != 200) return fail(*answer);
        if (const auto* tokens = json_read::array(answer->body, "tokens")) all = *tokens;
    } else {
        const auto store = open_store(settings);
        if (!store) return fail(store.error());
        const auto rows = ops::load_tokens(**store);
        if (!rows) return fail(rows.error());
        for (const auto& row : *rows) all.push_back(to_json(row));
    }
    if (format_ == Format::json) {
        print_json(all);
        return 0;
    }
    for (const auto& each : all) {
        const auto& row = each.as_object();
        const auto created = json_read::text(row, "createdAt");
        fmt::print("{:<24} {:<9} {}\n", json_read::text(row, "name"), json_read::text(row, "role"),
                   created.empty() ? "of the settings" : created);
    }
    return 0;
}

int TokenCommands::revoke() {
    const auto settings = settings_to_reach_it(choice_);
    if (is_running(settings, url_)) {
        const auto access = access_of(settings, url_);
        if (!access) return fail(access.error());
        const auto answer =
            ask_service(*access, "DELETE", "/api/tokens/" + net::percent_encode(name_));
        if (!answer) return fail(answer.error());
        if (answer->status != 200) return fail(*answer);
    } else {
        const auto store = open_store(settings);
        if (!store) return fail(store.error());
        const auto gone = ops::delete_token(**store, name_);
        if (!gone) return fail(gone.error());
        if (!*gone)
            return fail(Fault{name_, "there is no token of that name", "see `parley token list`"});
    }
    fmt::print("revoked {}\n", name_);
    return 0;
}

}  // namespace parley::app
