#include <parley/app/app.hpp>

#include "calling_commands.hpp"
#include "commands.hpp"
#include "paths.hpp"
#include "rehearsal_commands.hpp"
#include "service.hpp"
#include "staff.hpp"
#include "token_commands.hpp"

#include <parley/config/report.hpp>
#include <parley/config/settings.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace parley::app {

int run(int argc, char** argv) {
    CLI::App cli{
        "Parley answers phone calls with voice agents that are scripted in Lua and selected in YAML."};
    cli.set_version_flag("--version", "parley " PARLEY_VERSION);
    cli.require_subcommand(1);
    cli.fallthrough();

    SettingsChoice choice;
    cli.add_option("-c,--config", choice.file, "settings file (default: config/parley.yaml)")
        ->type_name("FILE");
    cli.add_option("--overlay", choice.overlays, "settings merged on top of it; may be repeated")
        ->type_name("FILE");
    const auto set = [&choice](const std::vector<std::string>& pairs) {
        for (const auto& pair : pairs) {
            const auto equals = pair.find('=');
            if (equals == std::string::npos)
                throw CLI::ValidationError(
                    "--set", "expected SETTING=VALUE, such as calls.filler_after_ms=3000");
            choice.flags[pair.substr(0, equals)] = pair.substr(equals + 1);
        }
    };
    cli.add_option_function<std::vector<std::string>>(
           "--set", set, "one setting, named as `parley config` names it; may be repeated")
        ->type_name("SETTING=VALUE")
        ->allow_extra_args(false);
    const auto flag = [&](CLI::App* command, const std::string& name, const std::string& path,
                          const std::string& help) {
        command->add_option_function<std::string>(
            name, [&choice, path](const std::string& value) { choice.flags[path] = value; }, help);
    };

    auto* serve_command = cli.add_subcommand("serve", "answer calls");
    flag(serve_command, "--host", "server.host", "address to listen on (HOST)");
    flag(serve_command, "--port", "server.port", "port to listen on (PORT)");
    flag(serve_command, "--public-url", "server.public_url",
         "how the carrier reaches this server (PUBLIC_URL)");
    flag(serve_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    flag(serve_command, "--log-level", "log.level", "debug, info, warn or error (LOG_LEVEL)");

    auto calls_in_progress = CallsInProgress::keep;
    serve_command->add_flag_callback(
        "--dev", [&] { calls_in_progress = CallsInProgress::follow; },
        "calls in progress take saved changes over at their next turn: to try out, not for callers");

    auto* config_command = cli.add_subcommand(
        "config", "print the effective settings, where each comes from, secrets masked");

    Format format = Format::text;
    const auto add_json = [&](CLI::App* command) {
        command->add_flag_callback(
            "--json", [&format] { format = Format::json; }, "print JSON");
    };
    auto* calls_command = cli.add_subcommand("calls", "list the latest calls");
    std::size_t limit = 20;
    calls_command->add_option("-n,--limit", limit, "how many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    flag(calls_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    add_json(calls_command);

    auto* transcript_command =
        cli.add_subcommand("transcript", "print what was said in a call, heard and unheard");
    std::string call_sid;
    transcript_command->add_option("CALL_SID", call_sid, "as `parley calls` shows it")->required();
    flag(transcript_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    add_json(transcript_command);

    auto* watch_command = cli.add_subcommand("watch", "follow calls as they happen");
    WatchOptions watching;
    watch_command->add_option("--call", watching.call_sid, "only this call");
    watch_command->add_flag("--until-ended", watching.until_ended, "stop when a call has ended");
    flag(watch_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");

    auto* webhooks_command = cli.add_subcommand(
        "webhooks", "list what webhooks have still to be told, and what was given up");
    bool with_delivered = false;
    webhooks_command->add_option("-n,--limit", limit, "how many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    webhooks_command->add_flag("--all", with_delivered, "also what was delivered");
    flag(webhooks_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    add_json(webhooks_command);
    auto* retry_command = webhooks_command->add_subcommand("retry", "try one again at once");
    std::string delivery;
    retry_command->add_option("ID", delivery, "as listed, or its beginning")->required();

    auto* test_command = cli.add_subcommand(
        "test", "play scenarios and run tests of scripts: no network, no key, no waiting");
    TestCommand testing;
    test_command->add_option("PATH", testing.paths,
                             "files or folders (default: tests/scenarios tests/scripts)");
    test_command->add_option("--filter", testing.filter,
                             "only tests whose file or name contains this");
    auto* live_flag = test_command->add_flag_callback(
        "--live", [&testing] { testing.model = TestCommand::Model::real; },
        "scenarios with the real model, by text (OPENAI_API_KEY)");
    test_command->add_option("--times", testing.times, "with --live: play each so often")
        ->check(CLI::Range(1, 1'000))
        ->needs(live_flag);
    test_command->add_flag_callback(
        "--json", [&testing] { testing.format = Format::json; }, "print JSON");

    auto* talk_command = cli.add_subcommand(
        "talk",
        "type to an agent: with the real model if a key is set, else with a scenario's lines");
    TalkCommand talking;
    talk_command->add_option("AGENT", talking.agent,
                             "name of an agent (default: the one that answers)");
    talk_command->add_option("--as", talking.from, "the caller's number");
    talk_command->add_option("--scenario", talking.scenario, "this scenario plays the model")
        ->type_name("FILE");

    auto* replay_command = cli.add_subcommand(
        "replay", "run a recorded call through these scripts and show the first difference");
    replay_command
        ->add_option("CALL_SID", call_sid,
                     "of a call made with calls.record: events, or the beginning of it; or a file")
        ->required();
    flag(replay_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    auto* scenario_command = cli.add_subcommand("scenario", "scenarios made of calls");
    scenario_command->require_subcommand(1);
    auto* from_command =
        scenario_command->add_subcommand("from", "print a recorded call as a scenario");
    from_command->add_option("CALL_SID", call_sid, "as for replay")->required();
    flag(from_command, "--database", "store.path", "SQLite file (DATABASE_PATH)");
    StaffCommands staff(cli, choice);
    TokenCommands tokens(cli, choice);
    CallingCommands calling(cli, choice);

    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? 0 : 2;
    }
    if (*serve_command) return serve(recipe_of(choice), calls_in_progress);
    if (const auto status = staff.run()) return *status;
    if (const auto status = tokens.run()) return *status;
    if (const auto status = calling.run()) return *status;
    auto settings = load_settings(choice);
    if (!settings) return 2;
    if (*test_command) return test(std::move(*settings), testing);
    if (*talk_command) return talk(std::move(*settings), talking);
    if (*replay_command) return replay(std::move(*settings), call_sid);
    if (*from_command) return scenario_from(std::move(*settings), call_sid);
    if (*config_command) {
        fmt::print("{}", config::explain(*settings));
        return 0;
    }
    if (*calls_command) return print_calls(settings->store.path, limit, format);
    if (*retry_command) return retry_webhook(settings->store.path, delivery);
    if (*webhooks_command)
        return print_webhooks(settings->store.path, limit, with_delivered, format);
    if (*transcript_command) return print_transcript(settings->store.path, call_sid, format);
    return watch(settings->store.path, watching);
}

}  // namespace parley::app
