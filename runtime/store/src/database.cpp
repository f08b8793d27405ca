#include "database.hpp"

#include <parley/core/text.hpp>

namespace parley::store {

std::string remedy_for(int code, const std::string& path) {
    switch (code & 0xFF) {
        case SQLITE_FULL: return "free space on the disk that holds " + path;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "another program holds a lock on " + path + "; end its transaction or close it";
        case SQLITE_IOERR:
            return "the disk that holds " + path +
                   " refuses reads or writes; check it and its mount";
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
            return "make " + path + " and its folder writable for the user that runs parley";
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return "stop parley, move " + path +
                   " away and put a backup in its place, or start with an empty one";
        case SQLITE_NOMEM: return "the machine is out of memory";
        default: return "see the message; the file is " + path;
    }
}

std::string Prepared::text(int column) const {
    const auto* bytes = sqlite3_column_text(get(), column);
    const std::string_view raw(reinterpret_cast<const char*>(bytes),
                               static_cast<std::size_t>(sqlite3_column_bytes(get(), column)));
    if (bytes == nullptr) return {};
    return is_valid_utf8(raw) ? std::string(raw) : to_valid_utf8(raw);
}

SqlFailure Database::open(const std::string& path, int flags) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) {
        SqlFailure why{code, handle == nullptr ? "out of memory" : sqlite3_errmsg(handle)};
        handle_.reset();
        return why;
    }
    sqlite3_extended_result_codes(handle, 1);
    return {};
}

void Database::close() { handle_.reset(); }

Prepared Database::prepare(std::string_view sql, unsigned flags) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), flags, &statement, nullptr);
    return Prepared(statement);
}

SqlFailure Database::run(const char* sql) {
    if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
    return {};
}

SqlFailure Database::failure() const {
    return {sqlite3_extended_errcode(get()), sqlite3_errmsg(get())};
}

void Database::set_busy_timeout(std::chrono::milliseconds limit) {
    sqlite3_busy_timeout(get(), static_cast<int>(limit.count()));
}

void Database::roll_back() {
    if (sqlite3_get_autocommit(get()) == 0)
        sqlite3_exec(get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

std::string Database::value(std::string_view sql) {
    auto statement = prepare(sql, 0);
    if (!statement || statement.step() != SQLITE_ROW) return {};
    return statement.text(0);
}

Prepared* StatementCache::find(std::string_view sql) {
    const auto found = by_sql_.find(sql);
    if (found == by_sql_.end()) return nullptr;
    newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
    return &found->second->statement;
}

Prepared* StatementCache::keep(std::string sql, Prepared statement) {
    while (newest_first_.size() >= statements_max_) {
        by_sql_.erase(newest_first_.back().sql);
        newest_first_.pop_back();
    }
    newest_first_.push_front({std::move(sql), std::move(statement)});
    by_sql_.emplace(newest_first_.front().sql, newest_first_.begin());
    return &newest_first_.front().statement;
}

void StatementCache::clear() {
    by_sql_.clear();
    newest_first_.clear();
}

}  // namespace parley::store
