#include "calling_commands.hpp"

#include "service_client.hpp"

#include <parley/core/phone_number.hpp>
#include <parley/outbound/ledger.hpp>
#include <parley/store/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <cstdio>

namespace parley::app {
namespace {

int fail(const Fault& fault) {
    fmt::print(stderr, "parley: {}\n", fault.text());
    return 1;
}

// "5" is a number and "true" is true; what is no JSON is text.
json::value value_of(const std::string& text) {
    auto parsed = json_read::parse(text);
    return parsed ? std::move(*parsed) : json::value(text);
}

// Runs a question to the ledger to its end.
template <class Answer>
std::optional<Answer> wait_for(Task<outbound::Stored<Answer>> asking) {
    asio::io_context io;
    std::optional<outbound::Stored<Answer>> answer;
    const auto work = asio::make_work_guard(io);
    asio::co_spawn(io, std::move(asking), [&](std::exception_ptr, outbound::Stored<Answer> result) {
        answer.emplace(std::move(result));
        io.stop();
    });
    io.run();
    if (answer && *answer) return std::move(**answer);
    fail({"the database", answer ? answer->error().message : "interrupted", "try again"});
    return std::nullopt;
}

}  // namespace

CallingCommands::CallingCommands(CLI::App& cli, SettingsChoice& choice) : choice_(choice) {
    const auto add_database = [this](CLI::App* command) {
        command->add_option_function<std::string>(
            "--database", [this](const std::string& value) { choice_.flags["store.path"] = value; },
            "SQLite file (DATABASE_PATH)");
    };
    call_ = cli.add_subcommand("call", "have the running service call a number");
    call_->add_option("NUMBER", number_, "whom, such as +15550100001")->required();
    call_->add_option("--agent", agent_, "who speaks (default: outbound.agent)");
    call_->add_option("--from", from_, "our number (default: TWILIO_PHONE_NUMBER)");
    call_->add_option("--var", vars_, "a var of the agent, for this call; may be repeated")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    call_->add_option("--url", url_,
                      "the running service (default: as written beside the database)");
    add_database(call_);
    call_->add_flag_callback(
        "--json", [this] { format_ = Format::json; }, "print JSON");

    dnc_ = cli.add_subcommand("dnc", "who is not to be called");
    dnc_->require_subcommand(1);
    add_ = dnc_->add_subcommand("add", "a number is not called any more");
    add_->add_option("NUMBER", number_, "such as +15550100001")->required();
    add_->add_option("--reason", reason_, "for whoever reads the list");
    remove_ = dnc_->add_subcommand("remove", "a number may be called again");
    remove_->add_option("NUMBER", number_, "such as +15550100001")->required();
    list_ = dnc_->add_subcommand("list", "print the list");
    for (auto* command : {add_, remove_, list_}) add_database(command);
    list_->add_flag_callback(
        "--json", [this] { format_ = Format::json; }, "print JSON");
}

std::optional<int> CallingCommands::run() {
    if (*call_) return call();
    if (*dnc_) return change_list();
    return std::nullopt;
}

int CallingCommands::call() {
    json::object body{{"number", number_}};
    if (!agent_.empty()) body["agent"] = agent_;
    if (!from_.empty()) body["fromNumber"] = from_;
    json::object vars;
    for (const auto& each : vars_) {
        const auto equals = each.find('=');
        if (equals == std::string::npos || equals == 0)
            return fail({"--var " + each, "expected NAME=VALUE", "write --var name=Ann"});
        vars[each.substr(0, equals)] = value_of(each.substr(equals + 1));
    }
    if (!vars.empty()) body["vars"] = std::move(vars);
    const auto access = access_of(settings_to_reach_it(choice_), url_);
    if (!access) return fail(access.error());
    const auto answer = ask_service(*access, "POST", "/api/call", body);
    if (!answer) return fail(answer.error());
    if (format_ == Format::json) {
        fmt::print("{}\n", json::serialize(answer->body));
        return answer->status == 200 ? 0 : 1;
    }
    if (answer->status != 200)
        return fail({number_, json_read::text(answer->body, "error"),
                     json_read::text(answer->body, "details")});
    fmt::print("{}: {}\n", json_read::text(answer->body, "message"),
               json_read::text(answer->body, "callSid"));
    return 0;
}

int CallingCommands::change_list() {
    if (!*list_ && !is_e164(number_))
        return fail({number_, "is not a number in E.164 form", "write for instance +15550100001"});
    auto store = store::Store::open({.path = settings_to_reach_it(choice_).store.path});
    if (!store) return fail(store.error());
    outbound::Ledger ledger(**store);
    const auto now = std::chrono::system_clock::now();
    if (*add_) {
        const auto added = wait_for(ledger.add(number_, reason_, now));
        if (!added) return 1;
        fmt::print("{} {}\n", number_,
                   *added ? "is not called any more" : "was on the list already");
        return 0;
    }
    if (*remove_) {
        const auto removed = wait_for(ledger.remove(number_));
        if (!removed) return 1;
        fmt::print("{} {}\n", number_, *removed ? "may be called again" : "was not on the list");
        return 0;
    }
    const auto listed = wait_for(ledger.list());
    if (!listed) return 1;
    json::array all;
    for (const auto& each : *listed) {
        const auto added = iso8601(WallTime(milliseconds(each.added_at_ms)));
        if (format_ == Format::json) {
            all.push_back({{"number", each.number}, {"reason", each.reason}, {"added_at", added}});
        } else {
            fmt::print("{:<16} {} {}\n", each.number, added, each.reason);
        }
    }
    if (format_ == Format::json) fmt::print("{}\n", json::serialize(all));
    return 0;
}

}  // namespace parley::app
