#include "deliveries.hpp"

#include <parley/core/clock.hpp>

#include <fmt/format.h>

#include <cstdlib>

namespace parley::store {
namespace {

Delivery::State state_named(std::string_view name) {
    if (name == "delivered") return Delivery::State::delivered;
    return name == "dead" ? Delivery::State::dead : Delivery::State::waiting;
}

json::object object_of(const std::string& text) {
    auto parsed = json_read::parse(text, 64);
    return parsed && parsed->is_object() ? std::move(parsed->get_object()) : json::object();
}

std::string iso8601_of(std::int64_t ms) { return iso8601(WallTime(milliseconds(ms))); }

}  // namespace

std::string_view name_of(Delivery::State state) {
    switch (state) {
        case Delivery::State::waiting: return "waiting";
        case Delivery::State::delivered: return "delivered";
        case Delivery::State::dead: return "dead";
    }
    return "";
}

QueryProblem as_problem(const SqlFailure& failure) {
    using Kind = QueryProblem::Kind;
    return {failure.primary() == SQLITE_FULL ? Kind::full : Kind::busy, failure.message};
}

Delivery delivery_row(const Prepared& row) {
    Delivery delivery;
    delivery.id = row.text(0);
    delivery.webhook = row.text(1);
    delivery.call_sid = row.text(2);
    delivery.created_at_ms = row.integer(3);
    delivery.next_try_at_ms = row.integer(4);
    delivery.attempts = static_cast<int>(row.integer(5));
    delivery.state = state_named(row.text(6));
    delivery.problem = row.text(7);
    delivery.body = row.text(8);
    return delivery;
}

boost::system::result<std::vector<Delivery>, QueryProblem> Deliveries::due(WallTime now,
                                                                           std::size_t limit) {
    std::vector<Delivery> found;
    {
        auto select = database_.prepare(
            fmt::format("SELECT {} FROM webhook_deliveries WHERE state = 'waiting' AND "
                        "next_try_at_ms <= ?1 ORDER BY next_try_at_ms LIMIT ?2",
                        delivery_columns),
            0);
        int code =
            select ? select.bind_all(unix_ms(now), static_cast<std::int64_t>(limit)) : SQLITE_ERROR;
        while (code == SQLITE_OK || code == SQLITE_ROW) {
            code = select.step();
            if (code == SQLITE_ROW) found.push_back(delivery_row(select));
        }
        if (code != SQLITE_DONE) return as_problem(database_.failure());
    }
    // A body is made once: a receiver that has seen an attempt sees the very same bytes in the next.
    for (auto& delivery : found) {
        if (!delivery.body.empty()) continue;
        delivery.body = body_of(delivery);
        auto keep = database_.prepare("UPDATE webhook_deliveries SET body = ?2 WHERE id = ?1", 0);
        if (!keep ||
            keep.run(std::string_view(delivery.id), std::string_view(delivery.body)) != SQLITE_OK)
            return as_problem(database_.failure());
    }
    return found;
}

std::string Deliveries::body_of(const Delivery& delivery) {
    json::object call{{"call_sid", delivery.call_sid}};
    json::object summary;
    auto row = database_.prepare(
        "SELECT from_number, to_number, agent, channel, started_at_ms, coalesce(ended_at_ms, 0), "
        "outcome, reason, coalesce(duration_ms, 0), cost_usd, turns, summary FROM calls WHERE "
        "call_sid = ?",
        0);
    if (row && row.bind_all(std::string_view(delivery.call_sid)) == SQLITE_OK &&
        row.step() == SQLITE_ROW) {
        call["from"] = row.text(0);
        call["to"] = row.text(1);
        call["agent"] = row.text(2);
        call["channel"] = row.text(3);
        call["started_at"] = iso8601_of(row.integer(4));
        call["ended_at"] = iso8601_of(row.integer(5));
        call["outcome"] = row.text(6);
        call["reason"] = row.text(7);
        call["duration_ms"] = row.integer(8);
        call["cost_usd"] = row.number(9);
        call["turns"] = row.integer(10);
        summary = object_of(row.text(11));
    }
    json::array notes;
    auto note = database_.prepare(
        "SELECT at_ms, text, fields FROM call_notes WHERE call_sid = ? ORDER BY at_ms, id", 0);
    if (note && note.bind_all(std::string_view(delivery.call_sid)) == SQLITE_OK) {
        while (note.step() == SQLITE_ROW) {
            notes.push_back({{"at", iso8601_of(note.integer(0))},
                             {"text", note.text(1)},
                             {"fields", object_of(note.text(2))}});
        }
    }
    return json::serialize(json::object{{"id", delivery.id},
                                        {"type", "call.ended"},
                                        {"call", std::move(call)},
                                        {"summary", std::move(summary)},
                                        {"notes", std::move(notes)}});
}

std::optional<QueryProblem> Deliveries::settle(const Delivery& delivery) {
    auto update = database_.prepare(
        "UPDATE webhook_deliveries SET state = ?2, attempts = ?3, next_try_at_ms = ?4, problem = ?5 "
        "WHERE id = ?1",
        0);
    if (update && update.run(std::string_view(delivery.id), name_of(delivery.state),
                             std::int64_t{delivery.attempts}, delivery.next_try_at_ms,
                             std::string_view(delivery.problem)) == SQLITE_OK)
        return std::nullopt;
    return as_problem(database_.failure());
}

Store::DeliveryCounts Deliveries::counts() {
    Store::DeliveryCounts counts;
    auto select = database_.prepare(
        "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'dead'), "
        "coalesce(min(created_at_ms) FILTER (WHERE state = 'waiting'), 0) FROM webhook_deliveries "
        "WHERE state <> 'delivered'",
        0);
    if (select && select.step() == SQLITE_ROW)
        counts = {select.integer(0), select.integer(1), select.integer(2)};
    return counts;
}

Checked<Delivery> retry_delivery(const std::string& path, std::string_view id_beginning) {
    Database database;
    if (const auto why = database.open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)) {
        return Fault{path, "cannot be opened: " + why.message, remedy_for(why.code, path)};
    }
    database.set_busy_timeout(milliseconds(5'000));
    std::vector<Delivery> found;
    auto select = database.prepare(
        fmt::format(
            "SELECT {} FROM webhook_deliveries WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2",
            delivery_columns),
        0);
    if (!select) return Fault{path, database.failure().message, "start `parley serve` once"};
    select.bind_all(id_beginning);
    while (select.step() == SQLITE_ROW) found.push_back(delivery_row(select));
    select.reset();
    if (found.size() != 1 || id_beginning.empty()) {
        return Fault{std::string(id_beginning),
                     found.empty() ? "there is no delivery with this id"
                                   : "several deliveries begin with this",
                     "`parley webhooks --all` lists them"};
    }
    auto& delivery = found.front();
    delivery.state = Delivery::State::waiting;
    // Days count from now on, and it is due at once.
    delivery.created_at_ms = delivery.next_try_at_ms = unix_ms(std::chrono::system_clock::now());
    auto update = database.prepare(
        "UPDATE webhook_deliveries SET state = 'waiting', created_at_ms = ?2, next_try_at_ms = ?2 "
        "WHERE id = ?1",
        0);
    if (!update || update.run(std::string_view(delivery.id), delivery.created_at_ms) != SQLITE_OK) {
        const auto why = database.failure();
        return Fault{path, why.message, remedy_for(why.code, path)};
    }
    return delivery;
}

}  // namespace parley::store
