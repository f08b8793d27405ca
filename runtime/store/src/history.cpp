#include "history.hpp"

#include "deliveries.hpp"
#include "unsaved.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/log.hpp>

namespace parley::store {

std::vector<call::journal::Entry> History::conversation(std::string_view call_sid) {
    std::vector<call::journal::Entry> entries;
    auto select = database_.prepare(
        "SELECT at_ms, type, data FROM journal WHERE call_sid = ? ORDER BY at_ms, id", 0);
    int code = select ? select.bind_all(call_sid) : SQLITE_ERROR;
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = select.step();
        if (code != SQLITE_ROW) continue;
        const auto data = json_read::parse(select.text(2), 64);
        if (!data || !data->is_object()) continue;
        auto event = event_from(select.text(1), data->get_object());
        if (!event) continue;
        entries.push_back(
            {std::string(call_sid), WallTime(milliseconds(select.integer(0))), std::move(*event)});
    }
    if (code != SQLITE_DONE)
        log::error("store.read_failed", {{"what", database_.failure().message}});
    return entries;
}

std::vector<NumberCost> History::costs_since(WallTime since) {
    std::vector<NumberCost> costs;
    auto select = database_.prepare(
        "SELECT iif(EXISTS (SELECT 1 FROM outbound_attempts AS ours WHERE ours.call_sid = "
        "calls.call_sid), calls.to_number, calls.from_number), sum(usage.cost_usd) "
        "FROM usage JOIN calls USING (call_sid) WHERE usage.at_ms >= ?1 AND calls.started_at_ms >= ?1 - 86400000 GROUP BY 1",
        0);
    int code = select ? select.bind_all(unix_ms(since)) : SQLITE_ERROR;
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = select.step();
        if (code == SQLITE_ROW) costs.push_back({select.text(0), select.number(1)});
    }
    if (code != SQLITE_DONE)
        log::error("store.read_failed", {{"what", database_.failure().message}});
    return costs;
}

boost::system::result<std::int64_t, QueryProblem> History::forget(WallTime before) {
    const auto failed = [&] {
        auto problem = as_problem(database_.failure());
        database_.roll_back();
        return problem;
    };
    if (const auto why = database_.run("BEGIN IMMEDIATE")) return as_problem(why);
    if (database_.run("CREATE TEMP TABLE IF NOT EXISTS forgotten(call_sid TEXT PRIMARY KEY)") ||
        database_.run("DELETE FROM temp.forgotten"))
        return failed();
    {
        // By the start first: there is an index for it.
        auto choose = database_.prepare(
            "INSERT INTO temp.forgotten SELECT call_sid FROM calls WHERE started_at_ms < ?1 AND "
            "ended_at_ms < ?1 ORDER BY started_at_ms LIMIT ?2",
            0);
        if (!choose || choose.run(unix_ms(before), forget_calls_max) != SQLITE_OK) return failed();
    }
    const std::int64_t calls = sqlite3_changes64(database_.get());
    if (calls > 0) {
        for (
            const char* sql :
            {"DELETE FROM journal WHERE call_sid IN temp.forgotten",
             "DELETE FROM transcript WHERE call_sid IN temp.forgotten",
             "DELETE FROM tool_calls WHERE call_sid IN temp.forgotten",
             "DELETE FROM usage WHERE call_sid IN temp.forgotten",
             "DELETE FROM call_notes WHERE call_sid IN temp.forgotten",
             "DELETE FROM webhook_deliveries WHERE state <> 'waiting' AND call_sid IN temp.forgotten",
             "DELETE FROM calls WHERE call_sid IN temp.forgotten"}) {
            if (database_.run(sql)) return failed();
        }
    }
    if (database_.run("COMMIT")) return failed();
    return calls;
}

}  // namespace parley::store
