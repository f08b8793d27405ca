// database.hpp: SQLite's C interface with owners.
//
// Codes are SQLite's own extended result codes; SQLITE_OK, SQLITE_ROW and SQLITE_DONE are
// successes.
// Thread: one at a time.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace parley::store {

struct SqlFailure {
    int code = SQLITE_OK;
    std::string message;

    int primary() const { return code & 0xFF; }
    explicit operator bool() const { return code != SQLITE_OK; }
};

// What an operator can do about a failure of the database itself: "free space on the disk of
// data/parley.db".
std::string remedy_for(int code, const std::string& path);

class Prepared {
 public:
    Prepared() = default;
    explicit Prepared(sqlite3_stmt* statement) : statement_(statement) {}

    explicit operator bool() const { return statement_ != nullptr; }
    sqlite3_stmt* get() const { return statement_.get(); }

    int bind(int index, std::nullptr_t) { return sqlite3_bind_null(get(), index); }
    int bind(int index, std::int64_t value) { return sqlite3_bind_int64(get(), index, value); }
    int bind(int index, double value) { return sqlite3_bind_double(get(), index, value); }
    // The text must outlive the next reset().
    int bind(int index, std::string_view text) {
        return sqlite3_bind_text64(get(), index, text.data() == nullptr ? "" : text.data(),
                                   text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }

    int step() { return sqlite3_step(get()); }
    void reset() {
        sqlite3_reset(get());
        sqlite3_clear_bindings(get());
    }

    // Binds all parameters in order; SQLITE_OK or what failed.
    template <class... Values>
    int bind_all(const Values&... values) {
        int index = 0;
        int code = SQLITE_OK;
        ((code = code == SQLITE_OK ? bind(++index, values) : code), ...);
        return code;
    }
    // Binds, runs to the end and resets: SQLITE_OK or what failed.
    template <class... Values>
    int run(const Values&... values) {
        int code = bind_all(values...);
        if (code == SQLITE_OK) {
            do code = step();
            while (code == SQLITE_ROW);
            if (code == SQLITE_DONE) code = SQLITE_OK;
        }
        reset();
        return code;
    }

    std::int64_t integer(int column) const { return sqlite3_column_int64(get(), column); }
    double number(int column) const { return sqlite3_column_double(get(), column); }
    std::string text(int column) const;  // valid UTF-8, whatever is stored

 private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
    // `flags` of sqlite3_open_v2. The failure, or one that is false.
    SqlFailure open(const std::string& path, int flags);
    void close();

    sqlite3* get() const { return handle_.get(); }
    // Null with failure() set when `sql` is wrong or holds no statement.
    Prepared prepare(std::string_view sql, unsigned flags = SQLITE_PREPARE_PERSISTENT);
    // One or more statements without parameters.
    SqlFailure run(const char* sql);
    SqlFailure failure() const;
    void set_busy_timeout(std::chrono::milliseconds limit);
    // Ends a transaction if one is still open; SQLite ends some by itself when they fail.
    void roll_back();
    // The single value of a query such as "PRAGMA user_version"; "" on failure.
    std::string value(std::string_view sql);

 private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

// Statements of scripts kept prepared, the longest unused thrown out first.
class StatementCache {
 public:
    explicit StatementCache(std::size_t statements_max) : statements_max_(statements_max) {}

    Prepared* find(std::string_view sql);
    Prepared* keep(std::string sql, Prepared statement);
    void clear();
    std::size_t size() const { return newest_first_.size(); }

 private:
    struct Kept {
        std::string sql;
        Prepared statement;
    };
    std::size_t statements_max_;
    std::list<Kept> newest_first_;
    // views into newest_first_
    std::unordered_map<std::string_view, std::list<Kept>::iterator> by_sql_;
};

}  // namespace parley::store
