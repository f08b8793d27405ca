#include "values.hpp"

#include <parley/core/text.hpp>

#include <lua.hpp>

#include <algorithm>
#include <cmath>

namespace parley::script {
namespace {

const char list_mark = 0;  // its address is the key in the registry
constexpr int stack_needed = 4 * value_depth_max + 8;
constexpr double exact_whole_max = 9007199254740992.0;  // 2^53

json::value number_to_json(double number) {
    if (std::trunc(number) == number && std::abs(number) <= exact_whole_max)
        return static_cast<std::int64_t>(number);
    return number;
}

std::string join_path(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

class JsonReader {
 public:
    JsonReader(lua_State* L, const ReadLimits& limits, std::string& problem)
        : L_(L), limits_(limits), problem_(problem) {}

    bool read(int index, const std::string& path, int depth, json::value& out) {
        if (++values_ > limits_.values_max) return refuse(path, "has too many values");
        switch (lua_type(L_, index)) {
            case LUA_TNIL: out = nullptr; return true;
            case LUA_TBOOLEAN: out = lua_toboolean(L_, index) != 0; return true;
            case LUA_TNUMBER: {
                const double number = lua_tonumber(L_, index);
                if (!std::isfinite(number)) return refuse(path, "is not a finite number");
                out = number_to_json(number);
                return true;
            }
            case LUA_TSTRING: {
                std::size_t size = 0;
                const char* text = lua_tolstring(L_, index, &size);
                if (!count(size)) return refuse(path, "is too long");
                const std::string_view seen(text, size);
                out = is_valid_utf8(seen) ? json::string(seen) : json::string(to_valid_utf8(seen));
                return true;
            }
            case LUA_TLIGHTUSERDATA: out = nullptr; return true;  // json.null
            case LUA_TTABLE:
                return read_table(index < 0 ? lua_gettop(L_) + index + 1 : index, path, depth, out);
            default:
                return refuse(path, fmt::format("is a {}", lua_typename(L_, lua_type(L_, index))));
        }
    }

 private:
    bool refuse(const std::string& path, std::string_view what) {
        problem_ = path.empty() ? fmt::format("the value {}", what)
                                : fmt::format("field `{}` {}", path, what);
        return false;
    }
    bool count(std::size_t size) { return (bytes_ += size) <= limits_.bytes_max; }

    bool read_table(int index, const std::string& path, int depth, json::value& out) {
        if (depth >= value_depth_max) return refuse(path, "is nested too deeply");
        const std::size_t length = lua_objlen(L_, index);
        if (length > 0 || is_marked_list(L_, index))
            return read_list(index, length, path, depth, out);
        return read_object(index, path, depth, out);
    }

    bool read_list(int index, std::size_t length, const std::string& path, int depth,
                   json::value& out) {
        if (length > limits_.values_max) return refuse(path, "has too many values");
        std::size_t keys = 0;
        for (lua_pushnil(L_); lua_next(L_, index) != 0; lua_pop(L_, 1)) ++keys;
        if (keys > length) return refuse(path, "mixes a list with named fields or has gaps");
        json::array array;
        array.reserve(length);
        for (std::size_t i = 1; i <= length; ++i) {
            lua_rawgeti(L_, index, static_cast<int>(i));
            json::value item;
            const bool is_good =
                read(lua_gettop(L_), fmt::format("{}[{}]", path, i), depth + 1, item);
            lua_pop(L_, 1);
            if (!is_good) return false;
            array.push_back(std::move(item));
        }
        out = std::move(array);
        return true;
    }

    bool read_object(int index, const std::string& path, int depth, json::value& out) {
        std::vector<std::pair<std::string, json::value>> fields;
        for (lua_pushnil(L_); lua_next(L_, index) != 0; lua_pop(L_, 1)) {
            std::size_t size = 0;
            const char* name =
                lua_type(L_, -2) == LUA_TSTRING ? lua_tolstring(L_, -2, &size) : nullptr;
            if (name == nullptr) {
                lua_pop(L_, 2);
                return refuse(path, "has a key that is neither text nor part of a list");
            }
            if (!count(size)) {
                lua_pop(L_, 2);
                return refuse(path, "is too long");
            }
            std::string key(name, size);
            json::value item;
            if (!read(lua_gettop(L_), join_path(path, key), depth + 1, item)) {
                lua_pop(L_, 2);
                return false;
            }
            fields.emplace_back(to_valid_utf8(key), std::move(item));
        }
        // The order of a Lua table changes from VM to VM; what the model and the log see should
        // not.
        std::sort(fields.begin(), fields.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        json::object object;
        object.reserve(fields.size());
        for (auto& [key, item] : fields) object.emplace(key, std::move(item));
        out = std::move(object);
        return true;
    }

    lua_State* L_;
    const ReadLimits& limits_;
    std::string& problem_;
    std::size_t bytes_ = 0;
    std::size_t values_ = 0;
};

class TreeReader {
 public:
    TreeReader(lua_State* L, std::string& problem) : L_(L), problem_(problem) {}

    bool read(int index, int depth, Tree& out) {
        if (++values_ > 20'000) return refuse("the file's table has too many values");
        switch (lua_type(L_, index)) {
            case LUA_TNIL: return true;
            case LUA_TBOOLEAN:
                out.kind = Tree::Kind::boolean;
                out.truth = lua_toboolean(L_, index) != 0;
                return true;
            case LUA_TNUMBER:
                out.kind = Tree::Kind::number;
                out.number = lua_tonumber(L_, index);
                return true;
            case LUA_TSTRING: {
                std::size_t size = 0;
                const char* text = lua_tolstring(L_, index, &size);
                out.kind = Tree::Kind::text;
                out.text = to_valid_utf8({text, size});
                return true;
            }
            case LUA_TTABLE: return read_table(index, depth, out);
            default: out.kind = Tree::Kind::function; return true;
        }
    }

 private:
    bool refuse(const char* what) {
        problem_ = what;
        return false;
    }

    bool read_table(int index, int depth, Tree& out) {
        if (depth >= value_depth_max) return refuse("the file's table is nested too deeply");
        out.kind = Tree::Kind::table;
        out.is_list_marked = is_marked_list(L_, index);
        const std::size_t length = lua_objlen(L_, index);
        for (std::size_t i = 1; i <= length; ++i) {
            lua_rawgeti(L_, index, static_cast<int>(i));
            const bool is_good = read(lua_gettop(L_), depth + 1, out.list.emplace_back());
            lua_pop(L_, 1);
            if (!is_good) return false;
        }
        for (lua_pushnil(L_); lua_next(L_, index) != 0; lua_pop(L_, 1)) {
            if (lua_type(L_, -2) == LUA_TSTRING) {
                std::size_t size = 0;
                const char* name = lua_tolstring(L_, -2, &size);
                auto& field = out.fields.emplace_back(std::string(name, size), Tree());
                if (!read(lua_gettop(L_), depth + 1, field.second)) {
                    lua_pop(L_, 2);
                    return false;
                }
            } else if (lua_type(L_, -2) != LUA_TNUMBER || lua_tonumber(L_, -2) < 1 ||
                       lua_tonumber(L_, -2) > static_cast<double>(length)) {
                out.has_other_keys = true;
            }
        }
        std::sort(out.fields.begin(), out.fields.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        return true;
    }

    lua_State* L_;
    std::string& problem_;
    std::size_t values_ = 0;
};

}  // namespace

const Tree* Tree::find(std::string_view name) const {
    for (const auto& [key, value] : fields) {
        if (key == name) return &value;
    }
    return nullptr;
}

std::string Tree::describe() const {
    switch (kind) {
        case Kind::nil: return "nothing";
        case Kind::boolean: return truth ? "true" : "false";
        case Kind::number: return fmt::format("the number {}", number);
        case Kind::text: return fmt::format("the text \"{}\"", shortened(text, 40));
        case Kind::function: return "a function";
        case Kind::table: return list.empty() && !is_list_marked ? "a table" : "a list";
    }
    return "nothing";
}

void add_list_mark(lua_State* L) {
    lua_pushlightuserdata(L, const_cast<char*>(&list_mark));
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "list");
    lua_setfield(L, -2, "__metatable");  // a script can neither read nor change the mark
    lua_rawset(L, LUA_REGISTRYINDEX);
}

static void push_list_mark(lua_State* L) {
    lua_pushlightuserdata(L, const_cast<char*>(&list_mark));
    lua_rawget(L, LUA_REGISTRYINDEX);
}

void mark_list(lua_State* L) {
    push_list_mark(L);
    lua_setmetatable(L, -2);
}

bool is_marked_list(lua_State* L, int index) {
    if (lua_getmetatable(L, index) == 0) return false;
    push_list_mark(L);
    const bool is_marked = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return is_marked;
}

void push_json(lua_State* L, const json::value& value) {
    luaL_checkstack(L, 4, "value nested too deeply");
    switch (value.kind()) {
        case json::kind::null: lua_pushnil(L); break;
        case json::kind::bool_: lua_pushboolean(L, value.get_bool() ? 1 : 0); break;
        case json::kind::int64: lua_pushnumber(L, static_cast<double>(value.get_int64())); break;
        case json::kind::uint64: lua_pushnumber(L, static_cast<double>(value.get_uint64())); break;
        case json::kind::double_: lua_pushnumber(L, value.get_double()); break;
        case json::kind::string:
            lua_pushlstring(L, value.get_string().data(), value.get_string().size());
            break;
        case json::kind::array: {
            const auto& array = value.get_array();
            lua_createtable(L, static_cast<int>(array.size()), 0);
            for (std::size_t i = 0; i < array.size(); ++i) {
                if (array[i].is_null()) {
                    lua_pushlightuserdata(L, nullptr);  // a gap would shift what follows
                } else {
                    push_json(L, array[i]);
                }
                lua_rawseti(L, -2, static_cast<int>(i) + 1);
            }
            mark_list(L);
            break;
        }
        case json::kind::object: {
            const auto& object = value.get_object();
            lua_createtable(L, 0, static_cast<int>(object.size()));
            for (const auto& [key, item] : object) {
                if (item.is_null()) continue;
                lua_pushlstring(L, key.data(), key.size());
                push_json(L, item);
                lua_rawset(L, -3);
            }
            break;
        }
    }
}

bool read_json(lua_State* L, int index, const ReadLimits& limits, json::value& out,
               std::string& problem) {
    luaL_checkstack(L, stack_needed, "value nested too deeply");
    return JsonReader(L, limits, problem).read(index, "", 0, out);
}

bool read_tree(lua_State* L, int index, Tree& out, std::string& problem) {
    luaL_checkstack(L, stack_needed, "value nested too deeply");
    return TreeReader(L, problem).read(index < 0 ? lua_gettop(L) + index + 1 : index, 0, out);
}

json::value to_json(const Tree& tree) {
    switch (tree.kind) {
        case Tree::Kind::boolean: return tree.truth;
        case Tree::Kind::number: return number_to_json(tree.number);
        case Tree::Kind::text: return json::value(tree.text);
        case Tree::Kind::table: {
            if (!tree.list.empty() || tree.is_list_marked) {
                json::array array;
                for (const auto& item : tree.list) array.push_back(to_json(item));
                return array;
            }
            json::object object;
            for (const auto& [name, item] : tree.fields) object.emplace(name, to_json(item));
            return object;
        }
        default: return nullptr;
    }
}

}  // namespace parley::script
