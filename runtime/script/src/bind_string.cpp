// string.*: the metered patterns, and limits on functions that make long texts.
#include "bind.hpp"
#include "pattern.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace parley::script {
namespace {

constexpr std::size_t text_bytes_max = 1024 * 1024;
constexpr std::size_t format_bytes_max = 16 * 1024;
constexpr std::uint64_t step_ns = 3;  // measured: what one step of the matcher costs
constexpr const char* too_slow = "stopped: text patterns that take too long, again and again";

// `index` as a starting place in a text of `size`: counts from 1, or from the end when negative.
std::size_t start_at(lua_State* L, int index, std::size_t size) {
    double at = lua_isnumber(L, index) ? lua_tonumber(L, index) : 1;
    if (at < 0) at += static_cast<double>(size) + 1;
    if (!(at >= 1)) return 0;
    // past the end means at the end
    return at > static_cast<double>(size) ? size : static_cast<std::size_t>(at) - 1;
}

// Pushes capture `index`, or the whole match when the pattern has none. False: an unfinished
// capture.
bool push_capture(lua_State* L, const Matcher& match, int index, std::string_view subject,
                  std::size_t at) {
    if (index >= match.capture_count()) {
        if (index > 0) return false;
        lua_pushlstring(L, subject.data() + at, match.end() - at);
        return true;
    }
    const auto& capture = match.capture(index);
    if (capture.length == Matcher::Capture::position) {
        lua_pushnumber(L, static_cast<double>(capture.start) + 1);
    } else if (capture.length < 0) {
        return false;
    } else {
        lua_pushlstring(L, subject.data() + capture.start,
                        static_cast<std::size_t>(capture.length));
    }
    return true;
}

// Pushes all captures; `whole` decides whether a pattern without any gives the match itself.
int push_captures(lua_State* L, const Matcher& match, std::string_view subject, std::size_t at,
                  bool whole, std::string& problem) {
    const int count = match.capture_count() == 0 && whole ? 1 : match.capture_count();
    luaL_checkstack(L, count, "too many captures");
    for (int i = 0; i < count; ++i) {
        if (!push_capture(L, match, i, subject, at)) {
            problem = "unfinished capture in pattern";
            return refused;
        }
    }
    return count;
}

enum class Search { find, match };

template <Search kind>
int search(lua_State* L, Vm& vm, std::string& problem) {
    const char* name = kind == Search::find ? "string.find" : "string.match";
    const auto subject = text_argument(L, 1, name, problem);
    if (!subject) return refused;
    auto pattern = text_argument(L, 2, fmt::format("{}: the pattern", name).c_str(), problem);
    if (!pattern) return refused;
    std::size_t at = start_at(L, 3, subject->size());
    if (kind == Search::find && (lua_toboolean(L, 4) != 0 ||
                                 pattern->find_first_of("^$*+?.([%-") == std::string_view::npos)) {
        const char* begin = subject->data() + at;
        const void* found = pattern->empty() ? begin
                                             : memmem(begin, subject->size() - at, pattern->data(),
                                                      pattern->size());
        if (!vm.charge(L, (subject->size() - at) / 2 + pattern->size())) {
            problem = too_slow;
            return refused;
        }
        if (found == nullptr) {
            lua_pushnil(L);
            return 1;
        }
        const auto place =
            static_cast<std::size_t>(static_cast<const char*>(found) - subject->data());
        lua_pushnumber(L, static_cast<double>(place) + 1);
        lua_pushnumber(L, static_cast<double>(place + pattern->size()));
        return 2;
    }
    const bool is_anchored = pattern->starts_with('^');
    if (is_anchored) pattern->remove_prefix(1);
    Matcher matcher(*subject, *pattern);
    bool is_found = false;
    for (;; ++at) {
        is_found = matcher.match_at(at);
        if (is_found || is_anchored || at >= subject->size() || matcher.error() != nullptr) break;
    }
    const bool may_go_on = vm.charge(L, matcher.steps() * step_ns);
    if (matcher.error() != nullptr || !may_go_on) {
        problem = matcher.error() != nullptr ? matcher.error() : too_slow;
        return refused;
    }
    if (!is_found) {
        lua_pushnil(L);
        return 1;
    }
    if (kind == Search::match) return push_captures(L, matcher, *subject, at, true, problem);
    lua_pushnumber(L, static_cast<double>(at) + 1);
    lua_pushnumber(L, static_cast<double>(matcher.end()));
    const int captures = push_captures(L, matcher, *subject, at, false, problem);
    return captures < 0 ? captures : captures + 2;
}

// Upvalues: the text, the pattern, the place to go on from.
int next_match(lua_State* L, Vm& vm, std::string& problem) {
    const auto subject = text_argument(L, lua_upvalueindex(1), "string.gmatch", problem);
    const auto pattern =
        text_argument(L, lua_upvalueindex(2), "string.gmatch: the pattern", problem);
    if (!subject || !pattern) return refused;
    auto at = static_cast<std::size_t>(lua_tonumber(L, lua_upvalueindex(3)));
    Matcher matcher(*subject, *pattern);
    bool is_found = false;
    for (; at <= subject->size(); ++at) {
        is_found = matcher.match_at(at);
        if (is_found || matcher.error() != nullptr) break;
    }
    const bool may_go_on = vm.charge(L, matcher.steps() * step_ns);
    if (matcher.error() != nullptr || !may_go_on) {
        problem = matcher.error() != nullptr ? matcher.error() : too_slow;
        return refused;
    }
    if (!is_found) return 0;
    lua_pushnumber(L, static_cast<double>(matcher.end() == at ? at + 1 : matcher.end()));
    lua_replace(L, lua_upvalueindex(3));
    return push_captures(L, matcher, *subject, at, true, problem);
}

int gmatch(lua_State* L, Vm&, std::string& problem) {
    if (!text_argument(L, 1, "string.gmatch", problem) ||
        !text_argument(L, 2, "string.gmatch: the pattern", problem))
        return refused;
    lua_settop(L, 2);
    lua_pushnumber(L, 0);
    lua_pushcclosure(L, bound<next_match>, 3);
    return 1;
}

// Appends what takes the place of one match. Returns refused on trouble, else 0.
int replace(lua_State* L, const Matcher& match, std::string_view subject, std::size_t at,
            std::string& out, std::string& problem) {
    const int kind = lua_type(L, 3);
    if (kind == LUA_TSTRING || kind == LUA_TNUMBER) {
        std::size_t size = 0;
        const char* text = lua_tolstring(L, 3, &size);
        for (std::size_t i = 0; i < size; ++i) {
            if (text[i] != '%' || i + 1 >= size) {
                out += text[i];
                continue;
            }
            const char next = text[++i];
            if (std::isdigit(static_cast<unsigned char>(next)) == 0) {
                out += next;
            } else if (next == '0') {
                out += subject.substr(at, match.end() - at);
            } else {
                if (!push_capture(L, match, next - '1', subject, at)) {
                    problem = "string.gsub: invalid capture index in the replacement";
                    return refused;
                }
                std::size_t length = 0;
                const char* capture = lua_tolstring(L, -1, &length);
                out.append(capture, length);
                lua_pop(L, 1);
            }
        }
        return 0;
    }
    if (!push_capture(L, match, 0, subject, at)) {
        problem = "unfinished capture in pattern";
        return refused;
    }
    lua_rawget(L, 3);
    if (lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER) {
        std::size_t length = 0;
        const char* text = lua_tolstring(L, -1, &length);
        out.append(text, length);
    } else if (lua_toboolean(L, -1) == 0) {
        out += subject.substr(at, match.end() - at);
    } else {
        problem = fmt::format("string.gsub: the replacement for a match is {}; expected text",
                              describe(L, -1));
        return refused;
    }
    lua_pop(L, 1);
    return 0;
}

// With a text or a table; the prelude has the one with a function.
int gsub(lua_State* L, Vm& vm, std::string& problem) {
    const auto subject = text_argument(L, 1, "string.gsub", problem);
    if (!subject) return refused;
    auto pattern = text_argument(L, 2, "string.gsub: the pattern", problem);
    if (!pattern) return refused;
    const int kind = lua_type(L, 3);
    if (kind != LUA_TSTRING && kind != LUA_TNUMBER && kind != LUA_TTABLE) {
        problem = fmt::format(
            "string.gsub: expected text, a table or a function as replacement, found {}",
            describe(L, 3));
        return refused;
    }
    const double limit =
        lua_isnumber(L, 4) ? lua_tonumber(L, 4) : static_cast<double>(subject->size()) + 1;
    lua_settop(L, 3);
    const bool is_anchored = pattern->starts_with('^');
    if (is_anchored) pattern->remove_prefix(1);
    Matcher matcher(*subject, *pattern);
    std::string out;
    std::size_t at = 0;
    int count = 0;
    std::uint64_t charged_steps = 0;
    while (count < limit) {
        const bool is_found = matcher.match_at(at);
        if (matcher.error() != nullptr) {
            problem = matcher.error();
            break;
        }
        if (is_found) {
            ++count;
            const int outcome = replace(L, matcher, *subject, at, out, problem);
            if (outcome != 0) return outcome;
        }
        if (out.size() > text_bytes_max) {
            problem = fmt::format("string.gsub: the text would be longer than {} characters",
                                  text_bytes_max);
            break;
        }
        if (!vm.charge(L, (matcher.steps() - charged_steps) * step_ns + 20)) {
            problem = too_slow;
            break;
        }
        charged_steps = matcher.steps();
        if (is_found && matcher.end() > at) {
            at = matcher.end();
        } else if (at < subject->size()) {
            out += (*subject)[at++];
        } else {
            break;
        }
        if (is_anchored) break;
    }
    if (!problem.empty()) return refused;
    if (at < subject->size()) out += subject->substr(at);
    lua_pushlstring(L, out.data(), out.size());
    lua_pushnumber(L, count);
    return 2;
}

int rep(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "string.rep", problem);
    if (!text) return refused;
    if (lua_type(L, 2) != LUA_TNUMBER) {
        problem = fmt::format("string.rep: expected how many times, found {}", describe(L, 2));
        return refused;
    }
    const double times = std::floor(std::max(0.0, lua_tonumber(L, 2)));
    const double size = times * static_cast<double>(text->size());
    if (!(size <= static_cast<double>(text_bytes_max))) {
        problem =
            fmt::format("string.rep: the text would be longer than {} characters", text_bytes_max);
        return refused;
    }
    std::string out;
    out.reserve(static_cast<std::size_t>(size));
    const auto wanted = static_cast<std::size_t>(size);
    out.append(text->substr(0, wanted));
    while (out.size() < wanted) out.append(out, 0, wanted - out.size());  // doubles
    if (!vm.charge(L, out.size())) {
        problem = "stopped: making long texts, again and again";
        return refused;
    }
    lua_pushlstring(L, out.data(), out.size());
    return 1;
}

// The built-in one, with a guard: %s may call __tostring, which cannot yield.
int format(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "string.format", problem);
    if (!text) return refused;
    if (text->size() > format_bytes_max) {
        problem =
            fmt::format("string.format: the format is longer than {} characters", format_bytes_max);
        return refused;
    }
    const int arguments = lua_gettop(L);
    std::uint64_t bytes = text->size();
    for (int i = 2; i <= arguments; ++i)
        bytes += lua_type(L, i) == LUA_TSTRING ? lua_objlen(L, i) : 100;
    lua_getfield(L, LUA_REGISTRYINDEX, "parley.format");
    lua_insert(L, 1);
    if (!vm.enter_callback()) {
        problem = "functions call each other too deeply through string.format";
        return refused;
    }
    const int status = lua_pcall(L, arguments, 1, 0);
    vm.leave_callback();
    if (status != 0) {
        if (lua_type(L, -1) == LUA_TSTRING)
            luaL_gsub(L, lua_tostring(L, -1), "'?'", "string.format");
        return raised;
    }
    if (!vm.charge(L, bytes)) {
        problem = "stopped: making long texts, again and again";
        return refused;
    }
    return 1;
}

// The letters from `first` on, 26 of them, become the other case; a loop without a call, for the
// text may be long and nothing pauses here.
template <char first>
int changed(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "string.upper or string.lower", problem);
    if (!text) return refused;
    if (!vm.charge(L, text->size() * 2)) {
        problem = "stopped: changing long texts, again and again";
        return refused;
    }
    std::string out(*text);
    for (char& c : out) {
        const bool is_letter = static_cast<unsigned char>(c - first) < 26;
        c = static_cast<char>(c ^ (is_letter ? 0x20 : 0));
    }
    lua_pushlstring(L, out.data(), out.size());
    return 1;
}

int reverse(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "string.reverse", problem);
    if (!text) return refused;
    if (!vm.charge(L, text->size() * 2)) {
        problem = "stopped: changing long texts, again and again";
        return refused;
    }
    const std::string out(text->rbegin(), text->rend());
    lua_pushlstring(L, out.data(), out.size());
    return 1;
}

}  // namespace

void add_string_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"find", bound<search<Search::find>>},
                                           {"match", bound<search<Search::match>>},
                                           {"gmatch", bound<gmatch>},
                                           {"gsub", bound<gsub>},
                                           {"rep", bound<rep>},
                                           {"format", bound<format>},
                                           {"upper", bound<changed<'a'>>},
                                           {"lower", bound<changed<'A'>>},
                                           {"reverse", bound<reverse>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
