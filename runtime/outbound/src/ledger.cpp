#include <parley/outbound/ledger.hpp>

#include <parley/core/answer.hpp>

#include <fmt/format.h>

#include <array>

namespace parley::outbound {
namespace {

constexpr std::chrono::hours day{24};

// Attempts that count for the caps: not those that never reached anybody's phone through no fault of
// ours.
constexpr std::string_view counts = "outcome <> 'not_placed'";

constexpr std::string_view columns =
    "id, to_number, from_number, agent, vars, state, call_sid, status, answered_by, outcome, detail, "
    "created_at_ms, placing_at_ms";

constexpr std::array<std::string_view, 4> state_names{"planned", "placing", "placed", "over"};

WallTime from_ms(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

Attempt attempt_of(const json::object& row) {
    Attempt attempt;
    const auto text = [&](std::string_view key) { return json_read::text(row, key); };
    attempt.id = text("id");
    attempt.to = text("to_number");
    attempt.from = text("from_number");
    attempt.agent = text("agent");
    if (auto vars = json_read::parse(text("vars")); vars && vars->is_object())
        attempt.vars = std::move(vars->get_object());
    for (std::size_t i = 0; i < state_names.size(); ++i) {
        if (state_names[i] == text("state")) attempt.state = static_cast<Attempt::State>(i);
    }
    attempt.call_sid = text("call_sid");
    attempt.status = text("status");
    attempt.answered_by = text("answered_by");
    attempt.outcome = text("outcome");
    attempt.detail = text("detail");
    attempt.created_at = from_ms(json_read::integer(row, "created_at_ms").value_or(0));
    attempt.placing_at = from_ms(json_read::integer(row, "placing_at_ms").value_or(0));
    return attempt;
}

std::vector<Attempt> attempts_of(const json::array& rows) {
    std::vector<Attempt> all;
    for (const auto& row : rows) {
        if (row.is_object()) all.push_back(attempt_of(row.get_object()));
    }
    return all;
}

json::value or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

Task<store::TransactionResult> Ledger::run_all(std::vector<store::Statement> statements) {
    auto ask = [this, statements = std::move(statements)](auto done) mutable {
        store_.run_all(std::move(statements), std::move(done));
    };
    return answer_to<store::TransactionResult>(std::move(ask));
}

Task<store::QueryResult> Ledger::run(std::string sql, json::array parameters) {
    auto ask = [this, statement = store::Statement{std::move(sql), std::move(parameters)}](
                   auto done) mutable { store_.run(std::move(statement), std::move(done)); };
    return answer_to<store::QueryResult>(std::move(ask));
}

Task<Stored<Ledger::Admission>> Ledger::admit(Attempt attempt, Rules rules, WallTime now) {
    const std::int64_t since = unix_ms(now - day);
    std::vector<store::Statement> statements;
    statements.push_back(
        {fmt::format(
             "SELECT (SELECT count(*) FROM do_not_call WHERE number = ?1) AS listed, "
             "(SELECT count(*) FROM outbound_attempts WHERE to_number = ?1 AND state <> 'over') AS live, "
             "(SELECT count(*) FROM outbound_attempts WHERE to_number = ?1 AND created_at_ms > ?2 AND {0}) "
             "AS to_number, "
             "(SELECT count(*) FROM outbound_attempts WHERE created_at_ms > ?2 AND {0}) AS to_all",
             counts),
         {attempt.to, since}});
    statements.push_back(
        {fmt::format(
             "INSERT INTO outbound_attempts(id, to_number, from_number, agent, vars, state, "
             "created_at_ms, updated_at_ms) "
             "SELECT ?1, ?2, ?3, ?4, ?5, 'planned', ?6, ?6 "
             "WHERE NOT EXISTS (SELECT 1 FROM do_not_call WHERE number = ?2) "
             "AND NOT EXISTS (SELECT 1 FROM outbound_attempts WHERE to_number = ?2 AND state <> 'over') "
             "AND (SELECT count(*) FROM outbound_attempts WHERE to_number = ?2 AND created_at_ms > ?7 "
             "AND {0}) < ?8 "
             "AND (SELECT count(*) FROM outbound_attempts WHERE created_at_ms > ?7 AND {0}) < ?9",
             counts),
         {attempt.id, attempt.to, attempt.from, attempt.agent, json::serialize(attempt.vars),
          unix_ms(now), since, rules.per_number_per_day, rules.per_day}});
    auto running = run_all(std::move(statements));
    const auto answers = co_await std::move(running);
    if (!answers) co_return answers.error();
    Admission admission;
    if (const auto* row =
            answers->front().rows.empty() ? nullptr : answers->front().rows.front().if_object()) {
        const auto count = [&](std::string_view key) {
            return static_cast<int>(json_read::integer(*row, key).value_or(0));
        };
        admission.facts = {count("listed") > 0, count("live") > 0, count("to_number"),
                           count("to_all")};
    }
    admission.is_written = answers->back().changes > 0;
    co_return admission;
}

Task<Stored<void>> Ledger::write(Attempt attempt, WallTime now) {
    auto running = run(
        "UPDATE outbound_attempts SET state = ?2, call_sid = ?3, status = ?4, answered_by = ?5, "
        "outcome = ?6, detail = ?7, placing_at_ms = ?8, updated_at_ms = ?9 WHERE id = ?1",
        {attempt.id, state_names[static_cast<std::size_t>(attempt.state)],
         or_null(attempt.call_sid), attempt.status, attempt.answered_by, attempt.outcome,
         attempt.detail, unix_ms(attempt.placing_at), unix_ms(now)});
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    co_return Stored<void>();
}

Task<Stored<std::vector<Attempt>>> Ledger::open_attempts() {
    std::vector<Attempt> all;
    std::int64_t after = 0;
    while (true) {  // a query has a limit of rows
        auto running =
            run(fmt::format("SELECT rowid AS row, {} FROM outbound_attempts WHERE state <> "
                            "'over' AND rowid > ?1 ORDER BY rowid LIMIT 500",
                            columns),
                {after});
        const auto answer = co_await std::move(running);
        if (!answer) co_return answer.error();
        const auto& rows = answer->rows;
        if (rows.empty()) co_return all;
        after = json_read::integer(rows.back().get_object(), "row").value_or(after + 1);
        for (auto& attempt : attempts_of(rows)) all.push_back(std::move(attempt));
    }
}

Task<Stored<std::optional<Attempt>>> Ledger::find(std::string id) {
    auto running =
        run(fmt::format("SELECT {} FROM outbound_attempts WHERE id = ?1", columns), {id});
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    auto found = attempts_of(answer->rows);
    if (found.empty()) co_return std::optional<Attempt>();
    co_return std::optional<Attempt>(std::move(found.front()));
}

Task<Stored<std::vector<std::string>>> Ledger::known_calls(std::string to) {
    auto running =
        run("SELECT call_sid FROM outbound_attempts WHERE to_number = ?1 AND call_sid IS "
            "NOT NULL ORDER BY created_at_ms DESC LIMIT 900",
            {to});
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    std::vector<std::string> all;
    for (const auto& row : answer->rows)
        all.push_back(json_read::text(row.get_object(), "call_sid"));
    co_return all;
}

Task<Stored<std::vector<Ledger::Listed>>> Ledger::list() {
    std::vector<Listed> all;
    std::string after;
    while (true) {
        auto running =
            run("SELECT number, reason, added_at_ms FROM do_not_call WHERE number > ?1 "
                "ORDER BY number LIMIT 500",
                {after});
        const auto answer = co_await std::move(running);
        if (!answer) co_return answer.error();
        const auto& rows = answer->rows;
        if (rows.empty()) co_return all;
        for (const auto& row : rows) {
            const auto& fields = row.get_object();
            all.push_back({json_read::text(fields, "number"), json_read::text(fields, "reason"),
                           json_read::integer(fields, "added_at_ms").value_or(0)});
        }
        after = all.back().number;
    }
}

Task<Stored<bool>> Ledger::add(std::string number, std::string reason, WallTime now) {
    auto running =
        run("INSERT INTO do_not_call(number, reason, added_at_ms) VALUES (?1, ?2, ?3) ON "
            "CONFLICT(number) DO NOTHING",
            {number, reason, unix_ms(now)});
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    co_return answer->changes > 0;
}

Task<Stored<bool>> Ledger::remove(std::string number) {
    auto running = run("DELETE FROM do_not_call WHERE number = ?1", {number});
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    co_return answer->changes > 0;
}

}  // namespace parley::outbound
