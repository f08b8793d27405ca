#include <parley/app/app.hpp>

#include "commands.hpp"
#include "paths.hpp"
#include "service.hpp"
#include "staff.hpp"

#include <parley/config/report.hpp>
#include <parley/config/settings.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace parley::app {

int run(int argc, char** argv) {
    CLI::App cli{"Parley answers phone calls with voice agents that are scripted in Lua and selected in YAML."};
    cli.set_version_flag("--version", "parley " PARLEY_VERSION);
    cli.require_subcommand(1);
    cli.fallthrough();

    SettingsChoice choice;
    cli.add_option("-c,--config", choice.file, "settings file (default: config/parley.yaml)")->type_name("FILE");
    cli.add_option("--overlay", choice.overlays, "settings merged on top of it; may be repeated")->type_name("FILE");
    const auto flag = [&](CLI::App* command, const std::string& name, const std::string& path, const std::string& help) {
        command->add_option_function<std::string>(name, [&choice, path](const std::string& value) { choice.flags[path] = value; }, help);
    };

    auto* serve_command = cli.add_subcommand("serve", "answer calls");
    flag(serve_command, "--host", "server.host", "address to listen on (HOST)");
    flag(serve_command, "--port", "server.port", "port to listen on (PORT)");
    flag(serve_command, "--public-url", "server.public_url", "how the carrier reaches this server (PUBLIC_URL)");
    flag(serve_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    flag(serve_command, "--log-level", "log.level", "debug, info, warn or error (LOG_LEVEL)");

    auto calls_in_progress = CallsInProgress::keep;
    serve_command->add_flag_callback("--dev", [&] { calls_in_progress = CallsInProgress::follow; },
                                     "calls in progress take saved changes over at their next turn: to try out, not for callers");

    auto* config_command = cli.add_subcommand("config", "print the effective settings, where each comes from, secrets masked");

    Format format = Format::text;
    const auto add_json = [&](CLI::App* command) {
        command->add_flag_callback("--json", [&format] { format = Format::json; }, "print JSON");
    };
    auto* calls_command = cli.add_subcommand("calls", "list the latest calls");
    std::size_t limit = 20;
    calls_command->add_option("-n,--limit", limit, "how many")->check(CLI::Range(1, 10'000))->capture_default_str();
    flag(calls_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    add_json(calls_command);

    auto* transcript_command = cli.add_subcommand("transcript", "print what was said in a call, heard and unheard");
    std::string call_sid;
    transcript_command->add_option("CALL_SID", call_sid, "as `parley calls` shows it")->required();
    flag(transcript_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    add_json(transcript_command);

    auto* watch_command = cli.add_subcommand("watch", "follow calls as they happen");
    WatchOptions watching;
    watch_command->add_option("--call", watching.call_sid, "only this call");
    watch_command->add_flag("--until-ended", watching.until_ended, "stop when a call has ended");
    flag(watch_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");

    StaffCommands staff(cli, choice);

    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? 0 : 2;
    }
    if (*serve_command) return serve(recipe_of(choice), calls_in_progress);
    if (const auto status = staff.run()) return *status;
    const auto settings = load_settings(choice);
    if (!settings) return 2;
    if (*config_command) {
        fmt::print("{}", config::explain(*settings));
        return 0;
    }
    if (*calls_command) return print_calls(settings->store.path, limit, format);
    if (*transcript_command) return print_transcript(settings->store.path, call_sid, format);
    return watch(settings->store.path, watching);
}

}  // namespace parley::app
