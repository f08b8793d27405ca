// db.*: statements with bound values. The store checks them; here they only become values.
#include "bind.hpp"

#include <algorithm>

namespace parley::script {
namespace {

constexpr std::size_t statements_max = 50;

bool read_parameter(lua_State* L, int index, const char* function, int number, json::array& out,
                    std::string& problem) {
    switch (lua_type(L, index)) {
        case LUA_TNIL:
        case LUA_TLIGHTUSERDATA: out.emplace_back(nullptr); return true;
        case LUA_TBOOLEAN: out.emplace_back(lua_toboolean(L, index) != 0); return true;
        case LUA_TNUMBER:
        case LUA_TSTRING: {
            json::value value;
            if (!read_json(L, index, {}, value, problem)) return false;
            out.push_back(std::move(value));
            return true;
        }
        default:
            problem =
                fmt::format("{}: parameter {} is {}; expected text, a number, true, false or nil",
                            function, number, describe(L, index));
            return false;
    }
}

// Values by name, for :name in the SQL.
bool read_named(lua_State* L, int index, const char* function, json::array& out,
                std::string& problem) {
    json::value named;
    if (!read_json(L, index, {}, named, problem)) {
        problem = fmt::format("{}: {}", function, problem);
        return false;
    }
    if (named.is_array()) {
        problem = fmt::format(
            "{}: a list is no parameter; give its values one by one, or by name: {{ name = value }}",
            function);
        return false;
    }
    out.push_back(std::move(named));
    return true;
}

// query("rows" | "counts", sql, ...)
int query(lua_State* L, Vm& vm, std::string& problem) {
    const bool wants_rows = std::string_view(lua_tostring(L, 1)) == "rows";
    const char* function = wants_rows ? "db.query" : "db.exec";
    if (!may_wait(L, vm, function, problem, Waits::for_database)) return refused;
    const auto sql =
        text_argument(L, 2, fmt::format("{}: the statement", function).c_str(), problem);
    if (!sql) return refused;
    QueryRequest request;
    request.wants = wants_rows ? QueryRequest::Wants::rows : QueryRequest::Wants::counts;
    request.statement.sql = std::string(*sql);
    if (lua_gettop(L) == 3 && lua_type(L, 3) == LUA_TTABLE) {
        if (!read_named(L, 3, function, request.statement.parameters, problem)) return refused;
        return wait_for(L, vm, std::move(request));
    }
    for (int i = 3; i <= lua_gettop(L); ++i) {
        if (!read_parameter(L, i, function, i - 2, request.statement.parameters, problem))
            return refused;
    }
    return wait_for(L, vm, std::move(request));
}

// transaction{ {sql, ...}, ... }
int transaction(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "db.transaction";
    if (!may_wait(L, vm, function, problem, Waits::for_database)) return refused;
    const std::size_t count = lua_type(L, 1) == LUA_TTABLE ? lua_objlen(L, 1) : 0;
    if (count == 0 || count > statements_max) {
        problem = fmt::format(
            "{}: expected 1 to {} statements such as {{ {{\"insert ...\", value}}, {{...}} }}",
            function, statements_max);
        return refused;
    }
    TransactionRequest request;
    for (std::size_t i = 1; i <= count; ++i) {
        lua_rawgeti(L, 1, static_cast<int>(i));
        if (lua_type(L, -1) != LUA_TTABLE) {
            problem = fmt::format("{}: statement {} is {}; expected {{\"insert ...\", value}}",
                                  function, i, describe(L, -1));
            return refused;
        }
        const int statement_at = lua_gettop(L);
        lua_rawgeti(L, statement_at, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            problem = fmt::format("{}: statement {} begins with {}; expected its SQL", function, i,
                                  describe(L, -1));
            return refused;
        }
        auto& statement = request.statements.emplace_back();
        statement.sql = lua_tostring(L, -1);
        lua_pop(L, 1);
        lua_rawgeti(L, statement_at, 2);
        if (lua_type(L, -1) == LUA_TTABLE && lua_objlen(L, statement_at) == 2) {
            if (!read_named(L, lua_gettop(L), function, statement.parameters, problem))
                return refused;
            lua_pop(L, 2);
            continue;
        }
        lua_pop(L, 1);
        // The border of a table with nil parameters is not its length: take the greatest index.
        int last = 1;
        for (lua_pushnil(L); lua_next(L, statement_at) != 0; lua_pop(L, 1)) {
            if (lua_type(L, -2) == LUA_TNUMBER)
                last = std::max(last, static_cast<int>(std::min(lua_tonumber(L, -2), 1'000.0)));
        }
        for (int k = 2; k <= last; ++k) {
            lua_rawgeti(L, statement_at, k);
            if (!read_parameter(L, lua_gettop(L), function, k - 1, statement.parameters, problem))
                return refused;
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    return wait_for(L, vm, std::move(request));
}

}  // namespace

void add_database_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"query", bound<query>},
                                           {"transaction", bound<transaction>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
