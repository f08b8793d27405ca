#include "script_sql.hpp"

#include <parley/core/base64.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

namespace parley::store {

void throw_exception_from_error(const QueryProblem& problem, const boost::source_location&) {
    throw std::runtime_error(problem.message);
}

namespace {

using Kind = QueryProblem::Kind;

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::optional<QueryProblem> ScriptSql::bind_value(Prepared& prepared, int index, const std::string& name,
                                       const json::value& value) {
    int code = SQLITE_OK;
    switch (value.kind()) {
        case json::kind::null: code = prepared.bind(index, nullptr); break;
        case json::kind::bool_: code = prepared.bind(index, std::int64_t{value.get_bool()}); break;
        case json::kind::int64: code = prepared.bind(index, value.get_int64()); break;
        case json::kind::uint64:
            code = prepared.bind(index, static_cast<double>(value.get_uint64()));
            break;
        case json::kind::double_: code = prepared.bind(index, value.get_double()); break;
        case json::kind::string:
            code = prepared.bind(index, std::string_view(value.get_string()));
            break;
        case json::kind::array:
        case json::kind::object:
            return QueryProblem{
                Kind::mistake,
                fmt::format("parameter {} is a table; pass a string, a number, a boolean or null "
                            "(json.encode makes a string of a table)",
                            name)};
    }
    if (code == SQLITE_OK) return std::nullopt;
    return QueryProblem{Kind::mistake, fmt::format("parameter {}: {}", name, sqlite3_errstr(code))};
}

json::value ScriptSql::column(const Prepared& prepared, int index, std::size_t& bytes) {
    switch (sqlite3_column_type(prepared.get(), index)) {
        case SQLITE_INTEGER: return prepared.integer(index);
        case SQLITE_FLOAT: {
            const double number = prepared.number(index);
            if (!std::isfinite(number)) return nullptr;  // JSON has no infinity
            return number;
        }
        case SQLITE_TEXT: {
            const std::string text = prepared.text(index);
            bytes += text.size();
            return json::string(text);
        }
        case SQLITE_BLOB: {
            const auto* data =
                static_cast<const std::uint8_t*>(sqlite3_column_blob(prepared.get(), index));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(prepared.get(), index));
            const std::string text = base64::encode(std::span(data, size));
            bytes += text.size();
            return json::string(text);
        }
        default: return nullptr;
    }
}

QueryProblem ScriptSql::problem() {
    if (auto refusal = gate_.take_refusal(); !refusal.empty())
        return {Kind::mistake, std::move(refusal)};
    auto failure = database_.failure();
    switch (failure.primary()) {
        case SQLITE_CONSTRAINT: return {Kind::constraint, std::move(failure.message)};
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return {Kind::busy, "the database is locked by another program"};
        case SQLITE_INTERRUPT:
            return {Kind::timeout, fmt::format("took longer than {} ms and was stopped",
                                               limits_.time_max.count())};
        case SQLITE_FULL: broken_ = failure; return {Kind::full, std::move(failure.message)};
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_NOMEM: broken_ = failure; return {Kind::busy, std::move(failure.message)};
        default: break;
    }
    if (failure.message.starts_with("cannot VACUUM"))
        failure.message = "ATTACH, DETACH and VACUUM are not available to scripts";
    return {Kind::mistake, to_valid_utf8(failure.message)};
}

boost::system::result<Prepared*, QueryProblem> ScriptSql::prepared(const std::string& sql) {
    if (auto* kept = cache_.find(sql)) return kept;
    if (sql.find('\0') != std::string::npos)
        return QueryProblem{Kind::mistake, "the SQL holds a zero byte"};
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    const int size = static_cast<int>(std::min<std::size_t>(sql.size(), INT32_MAX));
    const int code = sqlite3_prepare_v3(database_.get(), sql.data(), size,
                                        SQLITE_PREPARE_PERSISTENT, &raw, &rest);
    Prepared statement(raw);
    if (code != SQLITE_OK) return problem();
    if (!statement) return QueryProblem{Kind::mistake, "there is no statement in the SQL"};

    // Comments and semicolons may follow, a second statement may not.
    sqlite3_stmt* second = nullptr;
    const int left = static_cast<int>(sql.data() + sql.size() - rest);
    const int second_code = sqlite3_prepare_v3(database_.get(), rest, left, 0, &second, nullptr);
    const bool is_alone = second_code == SQLITE_OK && second == nullptr;
    sqlite3_finalize(second);
    if (!is_alone) {
        gate_.take_refusal();
        return QueryProblem{
            Kind::mistake,
            "there is more than one statement in the SQL; send one at a time, or use db.transaction"};
    }
    return cache_.keep(sql, std::move(statement));
}

std::optional<QueryProblem> ScriptSql::bind_in_order(Prepared& prepared,
                                                     const json::array& parameters) {
    const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(prepared.get()));
    if (wanted != parameters.size()) {
        return QueryProblem{
            Kind::mistake,
            fmt::format("the statement has {}, and {} given", counted(wanted, "parameter"),
                        parameters.size() == 1 ? "1 value was"
                                               : fmt::format("{} values were", parameters.size()))};
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        if (auto wrong =
                bind_value(prepared, static_cast<int>(i) + 1, std::to_string(i + 1), parameters[i]))
            return wrong;
    }
    return std::nullopt;
}

std::optional<QueryProblem> ScriptSql::bind_by_name(Prepared& prepared,
                                                    const json::object& parameters) {
    static const json::value absent;
    std::vector<std::string> names;
    for (int i = 1; i <= sqlite3_bind_parameter_count(prepared.get()); ++i) {
        const char* name = sqlite3_bind_parameter_name(prepared.get(), i);
        if (name == nullptr || name[0] == '?') {
            return QueryProblem{
                Kind::mistake,
                fmt::format(
                    "parameter {} is a table; pass a string, a number, a boolean or null, or name the "
                    "parameters in the SQL: :name",
                    i)};
        }
        names.emplace_back(name + 1);
        // A name without a value is NULL: that is how Lua's nil arrives.
        const auto* value = parameters.if_contains(names.back());
        if (auto wrong =
                bind_value(prepared, i, ":" + names.back(), value == nullptr ? absent : *value))
            return wrong;
    }
    for (const auto& [name, value] : parameters) {
        if (std::find(names.begin(), names.end(), std::string_view(name)) != names.end()) continue;
        const auto near = did_you_mean(name, names);
        return QueryProblem{Kind::mistake,
                            fmt::format("the statement has no :{}{}", std::string_view(name),
                                        near ? fmt::format("; did you mean :{}?", *near) : "")};
    }
    return std::nullopt;
}

QueryResult ScriptSql::run(Prepared& prepared, const json::array& parameters) {
    struct Reset {
        Prepared& statement;
        ~Reset() { statement.reset(); }
    } reset{prepared};

    const auto* named = parameters.size() == 1 ? parameters.front().if_object() : nullptr;
    if (auto wrong =
            named != nullptr ? bind_by_name(prepared, *named) : bind_in_order(prepared, parameters))
        return std::move(*wrong);

    const bool is_write = sqlite3_stmt_readonly(prepared.get()) == 0;
    if (is_write) sqlite3_set_last_insert_rowid(database_.get(), 0);
    const std::int64_t changes_before = sqlite3_total_changes64(database_.get());
    QueryAnswer answer;
    std::size_t bytes = 0;
    const int columns = sqlite3_column_count(prepared.get());
    while (true) {
        const int code = prepared.step();
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW) return problem();
        if (answer.rows.size() >= limits_.rows_max) {
            return QueryProblem{Kind::mistake,
                                fmt::format("more than {} rows; add LIMIT", limits_.rows_max)};
        }
        json::object row;
        row.reserve(static_cast<std::size_t>(columns));
        for (int i = 0; i < columns; ++i) {
            const std::string name = to_valid_utf8(sqlite3_column_name(prepared.get(), i));
            bytes += name.size();
            row[name] = column(prepared, i, bytes);
        }
        if (bytes > limits_.result_bytes_max) {
            return QueryProblem{
                Kind::mistake,
                fmt::format("the rows hold more than {} MB; ask for fewer or shorter columns",
                            limits_.result_bytes_max >> 20)};
        }
        answer.rows.emplace_back(std::move(row));
    }
    if (is_write) {
        // sqlite3_changes() alone keeps the count of an earlier statement when this one touched no
        // row.
        if (sqlite3_total_changes64(database_.get()) != changes_before)
            answer.changes = sqlite3_changes64(database_.get());
        answer.last_id = sqlite3_last_insert_rowid(database_.get());
    }
    return answer;
}

std::optional<QueryProblem> ScriptSql::control(const char* sql) {
    // Ours, not the script's: the gate lets it through only outside a Pass.
    auto failure = database_.run(sql);
    if (!failure) return std::nullopt;
    auto why = problem();
    database_.roll_back();
    return why;
}

QueryResult ScriptSql::query(const Statement& statement) {
    database_.set_busy_timeout(limits_.busy_timeout);
    {
        Gate::Pass pass(gate_, who_,
                        std::chrono::steady_clock::now() + limits_.time_max);
        auto found = prepared(statement.sql);
        if (!found) return found.error();
        if (sqlite3_stmt_readonly((*found)->get()) != 0) return run(**found, statement.parameters);
    }
    // A write gets its own transaction: one with RETURNING that is given up midway would otherwise
    // stay written.
    auto answers = transaction({statement});
    if (!answers) return answers.error();
    return std::move(answers->front());
}

TransactionResult ScriptSql::transaction(const std::vector<Statement>& statements) {
    database_.set_busy_timeout(limits_.busy_timeout);
    const auto deadline = std::chrono::steady_clock::now() + limits_.time_max;
    if (auto why = control("BEGIN IMMEDIATE")) return std::move(*why);
    std::vector<QueryAnswer> answers;
    answers.reserve(statements.size());
    for (const auto& statement : statements) {
        std::optional<QueryProblem> wrong;
        {
            Gate::Pass pass(gate_, who_, deadline);
            auto found = prepared(statement.sql);
            if (found) {
                auto answer = run(**found, statement.parameters);
                if (answer) {
                    answers.push_back(std::move(*answer));
                } else {
                    wrong = std::move(answer.error());
                }
            } else {
                wrong = std::move(found.error());
            }
        }
        if (wrong) {
            database_.roll_back();
            if (statements.size() > 1)
                wrong->message =
                    fmt::format("statement {}: {}", answers.size() + 1, wrong->message);
            return std::move(*wrong);
        }
    }
    if (auto why = control("COMMIT")) return std::move(*why);
    return answers;
}

}  // namespace parley::store
