#include "key_table.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace parley::store {
namespace {

using Kind = QueryProblem::Kind;
using Verb = KeyRequest::Verb;

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

QueryProblem KeyTable::problem() {
    auto failure = database_.failure();
    switch (failure.primary()) {
        case SQLITE_FULL: return {Kind::full, std::move(failure.message)};
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return {Kind::busy, "the database is locked by another program"};
        default: return {Kind::busy, std::move(failure.message)};
    }
}

bool KeyTable::prepare() {
    if (find_) return true;
    find_ = database_.prepare(
        "SELECT value, expires_at_ms FROM script_keys WHERE key = ?1 AND expires_at_ms > ?2");
    put_ = database_.prepare(
        "INSERT INTO script_keys(key, value, expires_at_ms) VALUES (?1, ?2, ?3) "
        "ON CONFLICT(key) DO UPDATE SET value = excluded.value, expires_at_ms = excluded.expires_at_ms");
    remove_ = database_.prepare("DELETE FROM script_keys WHERE key = ?1");
    return find_ && put_ && remove_;
}

KeyResult KeyTable::run(const KeyRequest& request, WallTime now) {
    if (!prepare()) return problem();
    const std::int64_t now_ms = unix_ms(now);
    database_.set_busy_timeout(limits_.busy_timeout);
    if (request.verb == Verb::get) return get(request, now_ms);
    if (now_ms >= purge_at_ms_) {
        purge(now_ms);
        purge_at_ms_ = now_ms + std::chrono::milliseconds(limits_.purge_every).count();
    }
    return change(request, now_ms);
}

KeyResult KeyTable::get(const KeyRequest& request, std::int64_t now_ms) {
    KeyAnswer answer;
    find_.bind_all(std::string_view(request.key), now_ms);
    const int code = find_.step();
    if (code == SQLITE_ROW) answer.value = find_.text(0);
    KeyResult result = code == SQLITE_ROW || code == SQLITE_DONE ? KeyResult(std::move(answer))
                                                                 : KeyResult(problem());
    find_.reset();
    return result;
}

KeyResult KeyTable::change(const KeyRequest& request, std::int64_t now_ms) {
    if (database_.run("BEGIN IMMEDIATE")) return problem();
    auto result = changed(request, now_ms);
    if (result.has_error()) {
        database_.roll_back();
        return result;
    }
    if (database_.run("COMMIT")) {
        auto why = problem();
        database_.roll_back();
        return why;
    }
    return result;
}

KeyResult KeyTable::changed(const KeyRequest& request, std::int64_t now_ms) {
    KeyAnswer answer;
    std::int64_t expires_at_ms = now_ms + std::chrono::milliseconds(request.lifetime).count();
    find_.bind_all(std::string_view(request.key), now_ms);
    const bool is_there = find_.step() == SQLITE_ROW;
    const std::string before = is_there ? find_.text(0) : "";
    // it keeps its time
    if (is_there && request.verb == Verb::increment) expires_at_ms = find_.integer(1);
    find_.reset();

    if (request.verb == Verb::remove) {
        answer.did_change = is_there;
        if (remove_.run(std::string_view(request.key)) != SQLITE_OK) return problem();
        return answer;
    }
    if (request.verb == Verb::set_if_absent && is_there) {
        answer.value = before;
        return answer;
    }
    if (!is_there && is_full_)
        return QueryProblem{Kind::full, fmt::format("there are {} keys already, which is the limit",
                                                    limits_.keys_max)};
    std::string value = request.value;
    if (request.verb == Verb::increment) {
        const auto number = is_there ? whole_number(before) : std::optional<std::int64_t>(0);
        if (!number) return QueryProblem{Kind::mistake, "the value is not a whole number"};
        if (__builtin_add_overflow(*number, request.by, &answer.number))
            return QueryProblem{Kind::mistake, "the sum is too large"};
        value = std::to_string(answer.number);
    }
    if (put_.run(std::string_view(request.key), std::string_view(value), expires_at_ms) !=
        SQLITE_OK)
        return problem();
    answer.did_change = true;
    return answer;
}

void KeyTable::purge(std::int64_t now_ms) {
    auto old = database_.prepare(
        "DELETE FROM script_keys WHERE key IN (SELECT key FROM script_keys WHERE expires_at_ms <= ?1 LIMIT ?2)",
        0);
    // what fails now is tried again at the next
    if (old) old.run(now_ms, std::int64_t{limits_.purge_rows_max});
    const std::string count = database_.value("SELECT count(*) FROM script_keys");
    is_full_ = static_cast<std::size_t>(whole_number(count).value_or(0)) >= limits_.keys_max;
}

void KeyTable::close() {
    find_ = Prepared();
    put_ = Prepared();
    remove_ = Prepared();
}

}  // namespace parley::store
