#include "commands.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/store/print.hpp>
#include <parley/store/store.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace parley::app {
namespace {

// a person's eye; the journal is flushed every 200 ms
constexpr std::chrono::milliseconds poll_every{100};
constexpr std::size_t entries_per_poll = 500;
constexpr std::size_t calls_remembered = 1'000;

std::unique_ptr<store::Reader> open(const std::string& database) {
    auto reader = store::Reader::open(database);
    if (reader) return std::move(*reader);
    fmt::print(stderr, "parley: {}\n", reader.error().text());
    return nullptr;
}

// Colour and wrapping for a terminal; plain lines for a pipe.
store::PrintOptions print_options() {
    if (isatty(STDOUT_FILENO) == 0) return {.colour = store::Colour::plain, .width = 0};
    winsize size{};
    const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
    return {.colour = store::Colour::ansi,
            .width = is_known ? std::min<std::size_t>(size.ws_col, 120) : 100};
}

json::array as_json(const std::vector<store::CallRow>& calls) {
    json::array all;
    for (const auto& call : calls) {
        all.push_back({{"call_sid", call.call_sid},
                       {"from", call.from},
                       {"to", call.to},
                       {"agent", call.agent},
                       {"channel", call.channel},
                       {"started_at_ms", call.started_at_ms},
                       {"ended_at_ms", call.ended_at_ms},
                       {"outcome", call.outcome},
                       {"reason", call.reason},
                       {"turns", call.turns},
                       {"cost_usd", call.cost_usd}});
    }
    return all;
}

}  // namespace

int print_calls(const std::string& database, std::size_t limit, Format format) {
    const auto reader = open(database);
    if (!reader) return 1;
    const auto calls = reader->calls(limit);
    fmt::print("{}", format == Format::json ? json::serialize(as_json(calls)) + "\n"
                                            : store::calls_table(calls, print_options()));
    return 0;
}

int print_transcript(const std::string& database, const std::string& call_sid, Format format) {
    const auto reader = open(database);
    if (!reader) return 1;
    // The beginning of a call's id will do, as long as it means one call.
    const auto sids = reader->sids_beginning(call_sid, 2);
    const auto call = sids.size() == 1 ? reader->call(sids.front()) : reader->call(call_sid);
    if (!call) {
        fmt::print(stderr, "parley: {} {}; `parley calls` lists the latest\n",
                   sids.empty() ? "there is no call" : "several calls begin with", call_sid);
        return 1;
    }
    const auto entries = reader->conversation(call->call_sid);
    fmt::print("{}", format == Format::json ? json::serialize(entries) + "\n"
                                            : store::transcript(*call, entries, print_options()));
    return 0;
}

int print_webhooks(const std::string& database, std::size_t limit, bool with_delivered,
                   Format format) {
    const auto reader = open(database);
    if (!reader) return 1;
    json::array all;
    for (const auto& each : reader->deliveries(limit, with_delivered)) {
        if (format == Format::text) {
            fmt::print("{}  {:9}  {}  {:12}  {}  {} {}{}\n", each.id.substr(0, 8),
                       store::name_of(each.state),
                       iso8601(WallTime(milliseconds(each.created_at_ms))), each.webhook,
                       each.call_sid, each.attempts, each.attempts == 1 ? "attempt" : "attempts",
                       each.problem.empty() ? "" : ": " + each.problem);
            continue;
        }
        all.push_back({{"id", each.id},
                       {"state", store::name_of(each.state)},
                       {"webhook", each.webhook},
                       {"call_sid", each.call_sid},
                       {"created_at_ms", each.created_at_ms},
                       {"next_try_at_ms", each.next_try_at_ms},
                       {"attempts", each.attempts},
                       {"problem", each.problem}});
    }
    if (format == Format::json) fmt::print("{}\n", json::serialize(all));
    return 0;
}

int retry_webhook(const std::string& database, const std::string& id) {
    const auto delivery = store::retry_delivery(database, id);
    if (!delivery) {
        fmt::print(stderr, "parley: {}\n", delivery.error().text());
        return 1;
    }
    fmt::print("{} of call {} is tried again by the service, now or when it starts\n",
               delivery->webhook, delivery->call_sid);
    return 0;
}

int watch(const std::string& database, const WatchOptions& options) {
    std::unique_ptr<store::Reader> reader = open(database);
    if (!reader) return 1;
    store::LiveView view(
        options.call_sid.empty() ? store::LiveView::Calls::many : store::LiveView::Calls::one,
        print_options());
    for (const auto& call : reader->calls(calls_remembered)) view.remember(call);
    // from now on, or one call from its start
    std::int64_t seen = options.call_sid.empty() ? reader->newest_id() : 0;
    while (true) {
        const auto entries = reader->journal(options.call_sid, seen, entries_per_poll);
        for (const auto& entry : entries) {
            const auto& object = entry.as_object();
            seen = json_read::integer(object, "id").value_or(seen);
            fmt::print("{}\n", view.line(object));
            std::fflush(stdout);
            if (options.until_ended && json_read::string(object, "type") == "call_ended") return 0;
        }
        if (entries.size() < entries_per_poll) std::this_thread::sleep_for(poll_every);
    }
}

}  // namespace parley::app
