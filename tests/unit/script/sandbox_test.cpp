// Scripts that go wrong in every way we know. None may crash, hang, or reach out of its call.
#include "support.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;

constexpr const char* cpu = "used more than 50 ms of computing time";

// The body must fail as a tool, its VM or a fresh one must serve the next call, and other work on
// the same thread must get its turn within a few slices.
void expect_stopped(const std::string& body, const char* logged = "") {
    SCOPED_TRACE(body);
    Probe probe("if args.again then return 'alive' end\n" + body, "",
                "params = { again = param.yes_no { 'x' } },");
    // Where memory is to be the limit, a busy machine must not make it time.
    if (std::string_view(logged).ends_with("bytes of memory"))
        probe.parts.limits.cpu_max = std::chrono::seconds(5);
    probe.parts.limits.tool_timeout = std::chrono::seconds(60);  // nor the clock on the wall
    testing::internal::CaptureStderr();
    const auto before = cpu_now();
    const auto output = probe.run();
    const auto used = cpu_now() - before;
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(output.text, failed_text);
    EXPECT_FALSE(output.ok);
#ifdef PARLEY_SANITIZED
    // instrumented code may run out of time first
    EXPECT_THAT(log, testing::AnyOf(HasSubstr(logged), HasSubstr(cpu)));
#else
    EXPECT_THAT(log, HasSubstr(logged));
#endif
    EXPECT_LT(used, std::chrono::seconds(10));
    EXPECT_EQ(probe.run(R"({"again":true})").text, R"("alive")");
}

constexpr const char* memory = "used more than 8388608 bytes of memory";
constexpr const char* unyielding =
    "took too long inside a function that cannot pause, such as __tostring";

TEST(Sandbox, StopsPlainLoops) {
    expect_stopped("while true do end", cpu);
    expect_stopped("local x = 0 while true do x = x + 1 end", cpu);
    expect_stopped("for i = 1, math.huge do end", cpu);
    expect_stopped("repeat until false", cpu);
    expect_stopped("::again:: goto again", cpu);
    expect_stopped("local function f() return f() end f()", cpu);
    expect_stopped(
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() "
        "return t[1] end) end");
    expect_stopped("local t = { 1 } while true do for k in pairs(t) do end end", cpu);
}

TEST(Sandbox, StopsLoopsThatCatchTheirErrors) {
    expect_stopped("while true do pcall(function() while true do end end) end", cpu);
    expect_stopped("while true do pcall(error, 'x') end", cpu);
    expect_stopped("local function f() while true do pcall(f) end end f()");
    expect_stopped(
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        cpu);
    expect_stopped("xpcall(error, function() while true do end end)", cpu);
    expect_stopped("local function h() error('again') end while true do xpcall(error, h) end", cpu);
}

TEST(Sandbox, StopsMemoryBombs) {
    expect_stopped("local t = {} while true do t[#t + 1] = {} end", memory);
    expect_stopped("local s = 'x' while true do s = s .. s end", memory);
    expect_stopped("local t = {} for i = 1, 1e9 do t['k' .. i] = i end", memory);
    expect_stopped("local t = {} for i = 1, 1e9 do t[i] = function() return i end end", memory);
    expect_stopped("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", memory);
    expect_stopped(
        "local t = {} while true do pcall(function() while true do t[#t + 1] = { #t } end end) end",
        memory);
    expect_stopped(
        "local t = {} while true do xpcall(function() while true do t[#t + 1] = { #t } end end, function() return t "
        "end) end",
        memory);
    expect_stopped("local t = {} while true do t[#t + 1] = string.gmatch('x', 'x') end", memory);
    expect_stopped("local t = {} while true do t[#t + 1] = setmetatable({}, {}) end", memory);
}

TEST(Sandbox, StopsDeepRecursion) {
    expect_stopped("local function f() return 1 + f() end f()", "stack overflow");
    expect_stopped("local function f() return (('x'):gsub('x', f)) end f()");
    expect_stopped("local function f() table.sort({ 1, 2, 3 }, f) return true end f()");
    expect_stopped(
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return string.format('%s', t) end "
        "string.format('%s', t)");
    expect_stopped(
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end tostring(t)");
    expect_stopped(
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x");
    expect_stopped(
        "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end return t .. t");
    expect_stopped(
        "local t = setmetatable({}, {}) getmetatable(t).__lt = function(a, b) return a < b end return t < t");
    expect_stopped("local function f(n) pcall(f, n) error('x') end f(1)");
    expect_stopped("local t = {} for i = 1, 200 do t = { t } end return t", "nested too deeply");
}

TEST(Sandbox, StopsPatternsThatBacktrack) {
    expect_stopped("return (('a'):rep(1e5)):find('.-b')", "pattern takes too long");
    expect_stopped("return ('x' .. (' '):rep(1e5) .. 'x'):match('^%s*(.-)%s*$')",
                   "pattern takes too long");
    expect_stopped("return (('a'):rep(100)):find(('.-'):rep(4) .. 'b')", "pattern takes too long");
    expect_stopped("return ((' '):rep(5e4) .. 'x'):gsub('%s+$', '')", "pattern takes too long");
    expect_stopped("return (('('):rep(1e5)):find('%b()')", "pattern takes too long");
    expect_stopped("while true do pcall(string.find, ('a'):rep(1e5), '.-b') end", cpu);
    expect_stopped("for _ in (('a'):rep(1e5)):gmatch('.-b') do end", "pattern takes too long");
    expect_stopped(
        "local s, p = ('a'):rep(5e5), ('a'):rep(2e5) .. 'b' while true do s:find(p, 1, true) end",
        cpu);
    expect_stopped("local s = ('x'):rep(1e5) while true do s:gsub('x', 'y') end", cpu);
    expect_stopped("return ('x'):find(('('):rep(40))", "too many captures");
    expect_stopped("return ('x'):rep(300):find(('x?'):rep(300) .. 'y')");
}

TEST(Sandbox, StopsSlowLibraryCalls) {
    expect_stopped("local t = {} for i = 1, 20001 do t[i] = i end table.sort(t)",
                   "20001 items are too many");
    expect_stopped("local t = {} for i = 1, 20000 do t[i] = -i end while true do table.sort(t) end",
                   cpu);
    expect_stopped("table.sort({ 3, 2, 1 }, function() while true do end end)", cpu);
    expect_stopped(
        "while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end", cpu);
    expect_stopped(
        "while true do pcall(string.gsub, 'x', 'x', function() while true do pcall(function() while true do end end) "
        "end end) end",
        cpu);
    expect_stopped(
        "table.sort({ 3, 2, 1 }, function() pcall(function() while true do pcall(function() while true do end end) end "
        "end) end)",
        cpu);
    expect_stopped(
        "string.format('%s', setmetatable({}, { __tostring = function() while true do end end }))",
        unyielding);
    expect_stopped(
        "while true do pcall(string.format, '%s', setmetatable({}, { __tostring = function() while true do "
        "pcall(function() while true do end end) end end })) end",
        unyielding);
    expect_stopped("return ('x'):rep(1e9)",
                   "string.rep: the text would be longer than 1048576 characters");
    expect_stopped("return ('x'):rep(1e300)");
    expect_stopped("while true do local s = ('x'):rep(1e6) end");
    expect_stopped("local t = {} for i = 1, 60000 do t[i] = 'x' end return table.concat(t)",
                   "items are too many");
    expect_stopped(
        "local t = {} for i = 1, 2000 do t[i] = ('x'):rep(1000) end return table.concat(t)",
        "longer than 1048576");
    expect_stopped("return string.format('%99999s', 'x')");
    expect_stopped("return string.format(('%d'):rep(10000), 1)");
    expect_stopped(
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end",
        cpu);
    expect_stopped("local s = ('x'):rep(1e6) while true do s:upper() end", cpu);
    expect_stopped("local s = ('1'):rep(1e6) while true do tonumber(s) end", cpu);
    expect_stopped("return unpack({}, 1, 1e8)");
    expect_stopped("local s = ('x,'):rep(1e5) while true do text.split(s, ',') end");
    expect_stopped(
        "local s = ('[1,'):rep(10) .. '1' .. (']'):rep(10) while true do json.decode(s) end", cpu);
}

TEST(Sandbox, HasNothingThatReachesOut) {
    for (const char* name : {"load", "loadstring", "loadfile", "dofile", "getfenv", "setfenv",
                             "module", "debug", "ffi", "jit", "package", "io", "newproxy",
                             "coroutine", "collectgarbage", "gcinfo", "_G", "arg"}) {
        EXPECT_EQ(
            result_of(
                fmt::format(
                    "local ok, message = pcall(function() return {} end) return {{ ok, message }}",
                    name))
                .text.substr(0, 7),
            "[false,")
            << name;
    }
    for (const char* gone : {"string.dump", "string.buffer", "math.randomseed", "table.foreach",
                             "table.maxn", "os.execute", "os.exit", "os.getenv", "os.remove",
                             "os.rename", "os.tmpname", "os.setlocale"}) {
        EXPECT_EQ(result_of(fmt::format("return {} == nil", gone)).text, "true") << gone;
    }
    EXPECT_EQ(result_of("return getmetatable('') == false").text, "true");
    EXPECT_EQ(result_of("return pcall(setmetatable, json.list {}, {})").text, "false");
    EXPECT_EQ(result_of("return getmetatable(call) == false").text, "true");
    expect_stopped("x = 1", "`x` would be a global variable; write: local x = ...");
    expect_stopped("return htpp.get('x')", "unknown name `htpp`");
    expect_stopped("require 'ffi'", "expected a name like");
}

TEST(Sandbox, ShowsExactlyTheseNames) {
    // What stands on the left of a dot or is called in the scripts' documentation; a new name is
    // added here on purpose.
    const std::vector<std::string> names{
        "agent",        "assert",   "bit",    "db",           "error",  "fail",     "find",
        "getmetatable", "ipairs",   "json",   "log",          "map",    "math",     "next",
        "pairs",        "param",    "pcall",  "pick",         "print",  "rawequal", "rawget",
        "rawset",       "require",  "select", "setmetatable", "string", "table",    "text",
        "time",         "tonumber", "tool",   "tostring",     "type",   "unpack",   "xpcall"};
    std::string body = "local seen = {}\n";
    for (const auto& name : names)
        body += fmt::format("seen[#seen + 1] = type({}) ~= 'nil'\n", name);
    body += "for _, is_there in ipairs(seen) do assert(is_there) end return #seen";
    EXPECT_EQ(result_of(body).text, std::to_string(names.size()));
}

TEST(Sandbox, KeepsCallsApart) {
    const auto bundle =
        bundle_of({{"agents/tester.lua", agent_file()},
                   {"lib/state.lua", "return { n = 0 }"},
                   {"tools/probe.lua",
                    "local state = require 'lib.state'\n" +
                        tool_file("state.n = state.n + 1 string.upper = nil return state.n")}});
    TestCall first(bundle);
    TestCall second(bundle);
    ASSERT_TRUE(first.prepare());
    ASSERT_TRUE(second.prepare());
    EXPECT_EQ(first.run_tool("probe").text, "1");
    EXPECT_EQ(first.run_tool("probe").text, "2");
    EXPECT_EQ(second.run_tool("probe").text, "1");
}

TEST(Sandbox, DrawsOtherRandomNumbersInEachCall) {
    const std::string body = "return math.random(1e9)";
    EXPECT_NE(result_of(body).text, result_of(body).text);
    Probe one(body);
    Probe two(body);
    one.parts.random_seed = two.parts.random_seed = 7;
    EXPECT_EQ(one.run().text, two.run().text);
}

TEST(Sandbox, LetsTheEventLoopRunBetweenSlices) {
    Probe probe("local x = 0 for i = 1, 3e6 do x = x + i % 7 end return x");
    probe.parts.limits.cpu_max = std::chrono::seconds(20);
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    int turns = 0;
    std::function<void()> tick = [&] {
        ++turns;
        if (!is_done) boost::asio::post(probe.io, tick);
    };
    boost::asio::post(probe.io, tick);
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return is_done; });
    EXPECT_GT(turns, 3);
    EXPECT_EQ(output.text, "8999997");
}

TEST(Sandbox, KeepsItsTurnWhereItGivesNoWay) {
    Probe probe("local x = 0 for i = 1, 1e5 do x = x + 1 end return x");
    probe.parts.budgets.slice = std::chrono::microseconds(0);
    probe.parts.budgets.gives_way = false;
    probe.parts.limits.cpu_max = std::chrono::seconds(20);
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    bool was_let_in = false;
    probe.start_tool("probe", "{}", output, is_done);
    boost::asio::post(probe.io, [&] { was_let_in = !is_done; });
    probe.run_until([&] { return is_done; });
    probe.settle();
    EXPECT_FALSE(was_let_in);
    EXPECT_EQ(output.text, "100000");
}

constexpr const char* mixed_program = R"(
    local out = {}
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    out[#out + 1] = fib(15)
    local words = {}
    for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = word end
    table.sort(words, function(a, b) return a > b end)
    out[#out + 1] = table.concat(words, " ")
    out[#out + 1] = (("a-b-c"):gsub("%a", function(c) return c:upper() .. c end))
    local ok, message = pcall(function() error({ code = 5 }) end)
    out[#out + 1] = message.code
    local t = setmetatable({}, { __index = function(_, k) return k * 2 end, __call = function(_, x) return x + 1 end,
                                 __concat = function() return "joined" end, __eq = function() return true end })
    out[#out + 1] = t[21] + t(1)
    out[#out + 1] = t .. "x"
    for i, v in ipairs(map({ 1, 2, 3 }, function(x) return x * x end)) do out[#out + 1] = i * v end
    local ok2, message2 = xpcall(function() local x = nil; return x.y end, function(m) return "handled" end)
    out[#out + 1] = message2
    out[#out + 1] = select("#", pcall(pcall, pcall, error, nil, nil))
    for i = 1, 300 do out[#out + 1 - 1] = i .. "" end
    return out)";

TEST(Sandbox, SlicesChangeNoResult) {
    const std::string expected = result_of(mixed_program).text;
    ASSERT_NE(expected, failed_text);
    for (const int instructions : {1, 2, 3, 5, 7, 10, 17, 50, 99, 250, 1'000}) {
        Probe probe(mixed_program);
        probe.parts.budgets.slice = std::chrono::microseconds(0);
        probe.parts.budgets.instructions_per_check = instructions;
        probe.parts.budgets.unyielding_max = std::chrono::seconds(5);
        probe.parts.limits.cpu_max = std::chrono::seconds(20);
        probe.parts.limits.tool_timeout = std::chrono::seconds(60);
        EXPECT_EQ(probe.run().text, expected)
            << "a yield every " << instructions << " instructions";
    }
}

TEST(Sandbox, SlicesLoseNoAnswer) {
    for (const int instructions : {1, 2, 3, 5, 7, 10}) {
        Probe probe(
            "local out = {} for i = 1, 3 do local rows = db.query('select 1') out[i] = rows[1].n end return out");
        probe.parts.budgets.slice = std::chrono::microseconds(0);
        probe.parts.budgets.instructions_per_check = instructions;
        probe.parts.limits.cpu_max = std::chrono::seconds(20);
        for (int i = 1; i <= 3; ++i)
            probe.database.answers.push_back(
                store::QueryAnswer{json::array{json::object{{"n", i}}}, 0, 0});
        EXPECT_EQ(probe.run().text, "[1,2,3]")
            << "a yield every " << instructions << " instructions";
    }
}

TEST(Sandbox, SurvivesRunningOutOfMemoryAnywhere) {
    const std::string body = R"(
        local t = {}
        for i = 1, 20 do t[i] = { name = "n" .. i, value = ("x"):rep(i * 3), when = time.spoken_date("2026-12-01") } end
        table.sort(t, function(a, b) return a.value > b.value end)
        local s = json.encode(t)
        local back = json.decode(s)
        local parts = text.split(s, ",")
        local up = s:gsub("%a+", function(w) return w:upper() end)
        local ok = pcall(function() error("x" .. #up) end)
        log.info("done", { n = #parts })
        return { back[1], #parts, ok })";
    Probe unlimited(body);
    const std::string expected = unlimited.run().text;
    ASSERT_NE(expected, failed_text);
    int refused_vms = 0;
    int failed_runs = 0;
    int good_runs = 0;
    testing::internal::CaptureStderr();
#ifdef PARLEY_SANITIZED
    constexpr std::size_t step = 1'999;
#else
    constexpr std::size_t step = 211;
#endif
    for (std::size_t limit = 10'000; limit < 200'000; limit += step) {
        TestCall call(unlimited.parts.bundle);
        call.parts.limits.memory_bytes_max = limit;
        if (!call.prepare()) {
            ++refused_vms;
            continue;
        }
        const auto output = call.run_tool("probe");
        if (output.ok) {
            EXPECT_EQ(output.text, expected) << limit;
            ++good_runs;
        } else {
            EXPECT_EQ(output.text, failed_text) << limit;
            ++failed_runs;
        }
        call.end();
    }
    testing::internal::GetCapturedStderr();
    EXPECT_GT(refused_vms, 10);
    EXPECT_GT(failed_runs, 5);
    EXPECT_GT(good_runs, 10);
}

}  // namespace
}  // namespace parley::script
