#include "support.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;

std::string log_of(const std::string& body) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(result_of(body).text, failed_text) << body;
    return testing::internal::GetCapturedStderr();
}

TEST(TimeModule, TellsTheTimeInAZone) {
    EXPECT_EQ(result_of("return { time.today('America/New_York'), time.now('America/New_York'), "
                        "time.now('Asia/Kolkata'), time.today(), time.now() }")
                  .text,
              R"(["2026-11-20","10:00","20:30","2026-11-20","15:00"])");
    EXPECT_EQ(
        result_of(
            "return { time.is_zone('Europe/Paris'), time.is_zone('Europe/Pari'), time.is_zone(nil), "
            "time.is_zone('../x') }")
            .text,
        "[true,false,false,false]");
    EXPECT_THAT(
        log_of("return time.today('Mars')"),
        HasSubstr(
            "time.today: there is no time zone \\\"Mars\\\"; expected a name such as \\\"America/New_York\\\""));
}

TEST(TimeModule, TakesTheZoneOfTheCall) {
    Probe probe("return time.today() .. ' ' .. time.now()", "vars = { time_zone = 'Asia/Tokyo' }");
    EXPECT_EQ(probe.run().text, R"("2026-11-21 00:00")");
}

TEST(TimeModule, CalculatesWithDates) {
    EXPECT_EQ(
        result_of(
            "return { time.add_days('2026-12-30', 3), time.add_days('2028-03-01', -1), "
            "time.days_between('2026-12-01', '2027-01-01'), time.days_between('2026-12-01', '2026-11-30') }")
            .text,
        R"(["2027-01-02","2028-02-29",31,-1])");
    EXPECT_EQ(result_of("return { time.weekday('2026-12-01'), time.spoken_date('2026-12-01'), "
                        "time.is_date('2026-12-01'), time.is_date('2026-02-30'), time.is_date(5) }")
                  .text,
              R"(["tuesday","Tuesday, December 1st",true,false,false])");
    EXPECT_THAT(
        log_of("local day = time.weekday('tomorrow') return day"),
        HasSubstr(
            "tools/probe.lua:2: time.weekday: expected a date like 2026-12-01, found \\\"tomorrow\\\""));
    EXPECT_THAT(log_of("return time.add_days('2026-12-01', 'x')"),
                HasSubstr("time.add_days: expected a whole number of days, found \\\"x\\\""));
    EXPECT_THAT(log_of("return time.add_days('9999-12-31', 1)"), HasSubstr("beyond the year 9999"));
}

TEST(TimeModule, ConvertsTimesOfDay) {
    EXPECT_EQ(
        result_of(
            "return { time.minutes('14:30'), time.minutes('2:30 PM'), time.from_minutes(870), "
            "time.spoken_time('14:30'), time.spoken_time(0), time.spoken_time(720) }")
            .text,
        R"([870,870,"14:30","2:30 PM","12:00 AM","12:00 PM"])");
    EXPECT_EQ(
        result_of(
            "return { time.parse('2026-12-01'), time.parse('2:30 PM'), time.parse('soon') == nil }")
            .text,
        R"([{"day":1,"month":12,"year":2026},{"hour":14,"minute":30,"text":"14:30"},true])");
    EXPECT_EQ(
        result_of(
            "return { time.format { year = 2026, month = 2, day = 3 }, time.format { hour = 9 }, "
            "time.format { hour = 14, minute = 5 } }")
            .text,
        R"(["2026-02-03","09:00","14:05"])");
    for (const char* bad : {"time.format { year = 2026, month = 2, day = 30 }",
                            "time.format { hour = 24 }", "time.format {}", "time.format 'x'",
                            "time.minutes('x')", "time.from_minutes(-1)", "time.spoken_time({})"}) {
        EXPECT_EQ(result_of(fmt::format("return {}", bad)).text, failed_text) << bad;
    }
}

TEST(JsonModule, KeepsListsAndDropsNulls) {
    EXPECT_EQ(
        result_of("return json.encode { a = json.list {}, o = {}, n = json.null, l = { 1, 'x' } }")
            .text,
        R"("{\"a\":[],\"l\":[1,\"x\"],\"n\":null,\"o\":{}}")");
    EXPECT_EQ(
        result_of(
            R"(local v = json.decode('{"a":null,"l":[1,null,3],"e":[],"o":{}}') return { v.a == nil, #v.l, v.l[2] == json.null, json.encode(v) })")
            .text,
        R"([true,3,true,"{\"e\":[],\"l\":[1,null,3],\"o\":{}}"])");
    EXPECT_EQ(result_of("local v, problem = json.decode('{') return { v == nil, problem }").text,
              R"([true,{"kind":"mistake","message":"this is not JSON","retry":false}])");
    EXPECT_THAT(log_of("local out = json.encode { a = { b = print } } return out"),
                HasSubstr("tools/probe.lua:2: json.encode: field `a.b` is a function"));
    EXPECT_THAT(log_of("return json.list(5)"),
                HasSubstr("json.list: expected a table, found the number 5"));
    EXPECT_EQ(result_of("return json.decode(('['):rep(100) .. (']'):rep(100)) == nil").text,
              "true");
}

TEST(TextModule, TrimsSplitsAndSpells) {
    EXPECT_EQ(
        result_of(
            "return { text.trim('  a b \\n'), text.split('a, b,,c'), text.split(''), text.split('a--b', "
            "'--'), text.spell('Jo Smith'), text.spell('Zoë') }")
            .text,
        "[\"a b\",[\"a\",\"b\",\"\",\"c\"],[],[\"a\",\"b\"],\"J-O, S-M-I-T-H\",\"Z-O-ë\"]");
    EXPECT_THAT(log_of("local out = text.trim(nil) return out"),
                HasSubstr("tools/probe.lua:2: text.trim: expected text, found nothing"));
    EXPECT_THAT(log_of("return text.split('a', '')"), HasSubstr("the separator must not be empty"));
}

TEST(ListHelpers, PickMapAndFind) {
    EXPECT_EQ(
        result_of(
            "return { pick({ 1, 2, 3 }, function(x) return x > 1 end), map({ 1, 2 }, function(x) return x "
            "* 2 end), find({ 1, 2, 3 }, function(x) return x > 1 end), pick({ 1 }, function() end) }")
            .text,
        "[[2,3],[2,4],2,[]]");
    EXPECT_EQ(result_of("return find({}, function() return true end) == nil").text, "true");
    EXPECT_THAT(log_of("local out = map(5, function() end) return out"),
                HasSubstr("tools/probe.lua:2: map: expected a list, found number"));
    EXPECT_THAT(log_of("return pick({}, 5)"), HasSubstr("pick: expected a function, found number"));
}

TEST(ListHelpers, MayWaitInside) {
    Probe probe("return map({ 1, 2 }, function(n) return db.query('select ?', n)[1].n end)");
    probe.database.answers.push_back(
        store::QueryAnswer{json::array{json::object{{"n", 10}}}, 0, 0});
    probe.database.answers.push_back(
        store::QueryAnswer{json::array{json::object{{"n", 20}}}, 0, 0});
    EXPECT_EQ(probe.run().text, "[10,20]");
}

TEST(StringModule, KeepsLuasPatterns) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"('hello world'):find('o w')", "[5,7]"},
        {"('hello'):find('l')", "[3,3]"},
        {"('hello'):find('xyz')", "[null]"},
        {"('hello'):find('')", "[1,0]"},
        {"('hello'):find('', 10)", "[6,5]"},
        {"('hello'):find('l', -2)", "[4,4]"},
        {"('a.b'):find('.', 1, true)", "[2,2]"},
        {"('a+b'):find('+', 1, true)", "[2,2]"},
        {"('key = value'):match('^(%w+)%s*=%s*(%w+)$')", R"(["key","value"])"},
        {"('  trim  '):match('^%s*(.-)%s*$')", R"(["trim"])"},
        {"('2026-12-01'):match('(%d+)-(%d+)-(%d+)')", R"(["2026","12","01"])"},
        {"('hello'):match('()ll()')", "[3,5]"},
        {"('f(a(b)c)d'):match('%b()')", R"x(["(a(b)c)"])x"},
        {"('THE (quick) fox'):find('%f[%a]%a+%f[%A]')", "[1,3]"},
        {"('abcabc'):match('(a)(b)c%1%2')", R"(["a","b"])"},
        {"('x]y'):match('[]]')", R"(["]"])"},
        {"('x-y'):match('[a-]')", R"(["-"])"},
        {"('x^y'):match('[x^]+')", R"(["x^"])"},
        {"('abc'):match('[^a]+')", R"(["bc"])"},
        {"('caf9'):match('[%a_][%w_]*')", R"(["caf9"])"},
        {"('aaa'):match('a-')", R"([""])"},
        {"('aaab'):match('a-b')", R"(["aaab"])"},
        {"('color colour'):gsub('colou?r', 'x')", R"(["x x",2])"},
        {"('hello'):gsub('', '-')", R"(["-h-e-l-l-o-",6])"},
        {"('hello'):gsub('l', { l = 'L' })", R"(["heLLo",2])"},
        {"('hello'):gsub('l', function() end)", R"(["hello",2])"},
        {"('hello'):gsub('l', function(l) return l:upper() end)", R"(["heLLo",2])"},
        {"('hello'):gsub('(h)(e)', function(h, e) return e .. h end)", R"(["ehllo",1])"},
        {"('hello'):gsub('', function(s) return '-' .. s end)", R"(["-h-e-l-l-o-",6])"},
        {"('abc'):gsub('%w*', function() return 'x' end)", R"(["xx",2])"},
        {"('aab'):gsub('^a', function() return 'x' end)", R"(["xab",1])"},
        {"('hello'):gsub('l', function() return 7 end, 1)", R"(["he7lo",1])"},
        {"('hello'):gsub('l', function() return 'x' end, 0)", R"(["hello",0])"},
        {"('h.h'):gsub('.', function(c) return c == '.' and '!' or false end)", R"(["h!h",3])"},
        {"('hello'):gsub('()l', function(at) return at end)", R"(["he34o",2])"},
        {"('hello'):gsub('(h)(e)', '%2%1%0%%')", R"(["ehhe%llo",1])"},
        {"('hello'):gsub('l', 'x', 1)", R"(["hexlo",1])"},
        {"('abc'):gsub('^a', 'x')", R"(["xbc",1])"},
        {"('a,b'):gsub('%w', '%0%0')", R"(["aa,bb",2])"},
        {"('x'):rep(3)", R"(["xxx"])"},
        {"('x'):rep(-1)", R"([""])"},
        {"('%5.2f|%-4s|%q'):format(1.5, 'a', 'b')", R"([" 1.50|a   |\"b\""])"},
        {"('aB'):upper() .. ('aB'):lower() .. ('ab'):reverse()", R"(["ABabba"])"},
        {"('abc'):sub(2, -1), ('a'):byte(), #'abc', string.char(65)", R"(["bc",97,3,"A"])"},
    };
    for (const auto& [expression, expected] : cases) {
        const auto output = result_of("local out = { " + expression +
                                      " } if #out == 0 then return { json.null } end return out");
        EXPECT_EQ(output.text, expected) << expression;
    }
    EXPECT_EQ(
        result_of(
            "local out = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do out[#out + 1] = k .. v end return out")
            .text,
        R"(["a1","b2"])");
    EXPECT_EQ(
        result_of(
            "local out = {} for w in ('a bb'):gmatch('%a*') do out[#out + 1] = w end return out")
            .text,
        R"(["a","","bb",""])");
    for (const char* bad :
         {"('x'):find('[')", "('x'):find('[a')", "('x'):find('%')", "('x'):find('(x')",
          "('x'):find('.)')", "('x'):find('%1')", "('x'):find('%b')", "('x'):find('%fx')",
          "('x'):gsub('x', '%9')", "('x'):gsub('x', print())", "string.format('%d', 'x')",
          "string.find(nil, 'x')"}) {
        EXPECT_EQ(result_of(fmt::format("return {}", bad)).text, failed_text) << bad;
    }
    EXPECT_THAT(
        log_of("local out = string.format('%d', 'x') return out"),
        HasSubstr(
            "tools/probe.lua:2: bad argument #2 to string.format (number expected, got string)"));
}

TEST(TableModule, WorksAsUsual) {
    EXPECT_EQ(
        result_of(
            "local t = { 3, 1, 2 } table.sort(t) table.insert(t, 9) table.insert(t, 1, 0) local last = "
            "table.remove(t) local first = table.remove(t, 1) return { table.concat(t, '-'), last, first, "
            "#t, table.remove({}) == nil }")
            .text,
        R"(["1-2-3",9,0,3,true])");
    EXPECT_EQ(
        result_of(
            "return { table.concat({ 1, 2.5, 'x' }), table.concat({}, ','), table.concat({ 1, 2, 3 }, ',', "
            "2, 3), unpack({ 1, 2 }) }")
            .text,
        R"(["12.5x","","2,3",1,2])");
    EXPECT_THAT(
        log_of("local out = table.concat({ 1, {} }) return out"),
        HasSubstr(
            "tools/probe.lua:2: table.concat: item 2 is a table; only text and numbers can be joined"));
    EXPECT_THAT(log_of("table.insert(nil, 1)"),
                HasSubstr("table.insert: expected a table, found nothing"));
    EXPECT_THAT(log_of("table.sort({ 1, 'x' })"),
                HasSubstr("tools/probe.lua:2: attempt to compare"));
    EXPECT_THAT(log_of("table.sort({ {}, {} })"),
                HasSubstr("tools/probe.lua:2: attempt to compare two table values"));
    EXPECT_THAT(log_of("table.sort({ 1 }, 'x')"),
                HasSubstr("table.sort: expected a function that compares two items, found"));
    EXPECT_THAT(
        log_of("local out = ('x'):gsub('x', function() return {} end) return out"),
        HasSubstr(
            "tools/probe.lua:2: string.gsub: the replacement for a match is a table; expected text"));
    EXPECT_THAT(
        log_of("local t = { 3, 2, 1 } table.sort(t, function(a, b) local x = nil return x.y end)"),
        HasSubstr("tools/probe.lua:2: `x` is nil"));
}

TEST(TableModule, SortsListsOfAnyLength) {
    for (const int size : {0, 1, 2, 3, 499, 500, 501, 1'000, 1'001, 2'500, 20'000}) {
        for (const char* less : {"nil", "function(a, b) return a < b end"}) {
            Probe probe(fmt::format(
                "local t = {{}} for i = 1, {0} do t[i] = i * 7919 % 20011 end table.sort(t, {1}) "
                "for i = 2, #t do if t[i - 1] > t[i] then return 'not sorted' end end return #t",
                size, less));
            // a busy machine must not make time the limit
            probe.parts.limits.cpu_max = std::chrono::seconds(5);
            EXPECT_EQ(probe.run().text, std::to_string(size)) << less;
        }
    }
    EXPECT_EQ(
        result_of(
            "local t = {} for i = 1, 600 do t[i] = 'n' .. i % 10 end t[601] = 'a' table.sort(t) "
            "return { t[1], t[2], t[601], #t }")
            .text,
        R"(["a","n0","n9",601])");
}

TEST(TableModule, LeavesAListAsItWasWhenAComparisonFails) {
    EXPECT_EQ(
        result_of(
            "local t = { 3, 1, 2 } local n = 0 local ok = pcall(table.sort, t, function(a, b) n = n + 1 "
            "if n == 2 then error('x') end return a < b end) return { ok, t[1], t[2], t[3] }")
            .text,
        "[false,3,1,2]");
}

TEST(TableModule, MayWaitInAComparison) {
    Probe probe(
        "local t = { 2, 1 } table.sort(t, function(a, b) db.query('select 1') return a < b end) return t");
    for (int i = 0; i < 4; ++i)
        probe.database.answers.push_back(store::QueryAnswer{json::array{}, 0, 0});
    EXPECT_EQ(probe.run().text, "[1,2]");
}

TEST(DbModule, GivesRowsCountsAndProblems) {
    Probe rows(
        "local rows = db.query('select * from t where a = ? and b = ?', nil, 5) return { rows, #rows }");
    rows.database.answers.push_back(store::QueryAnswer{json::array{}, 0, 0});
    EXPECT_EQ(rows.run().text, "[[],0]");
    EXPECT_EQ(rows.database.statements[0].parameters, (json::array{nullptr, 5}));

    Probe counts("return db.exec('insert into t values (?, ?, ?)', 'x', true, 1.5)");
    counts.database.answers.push_back(store::QueryAnswer{{}, 1, 42});
    EXPECT_EQ(counts.run().text, R"({"changes":1,"last_id":42})");
    EXPECT_EQ(counts.database.statements[0].parameters, (json::array{"x", true, 1.5}));

    using Kind = store::QueryProblem::Kind;
    for (const auto& [kind, expected] : std::vector<std::pair<Kind, std::string>>{
             {Kind::constraint, R"({"kind":"constraint","message":"m","retry":false})"},
             {Kind::busy, R"({"kind":"busy","message":"m","retry":true})"},
             {Kind::timeout, R"({"kind":"timeout","message":"m","retry":true})"},
             {Kind::full, R"({"kind":"full","message":"m","retry":false})"},
             {Kind::mistake, R"({"kind":"mistake","message":"m","retry":false})"}}) {
        Probe probe("local rows, problem = db.query('x') assert(rows == nil) return problem");
        probe.database.answers.push_back(store::QueryProblem{kind, "m"});
        EXPECT_EQ(probe.run().text, expected);
    }
}

TEST(DbModule, RunsTransactions) {
    Probe probe("return db.transaction { { 'insert', 1, nil, 'x' }, { 'update' } }");
    probe.database.transaction_answer = std::vector<store::QueryAnswer>{{{}, 1, 7}, {{}, 2, 0}};
    EXPECT_EQ(probe.run().text,
              R"([{"changes":1,"last_id":7,"rows":[]},{"changes":2,"last_id":0,"rows":[]}])");
    ASSERT_EQ(probe.database.statements.size(), 2u);
    EXPECT_EQ(probe.database.statements[0].parameters, (json::array{1, nullptr, "x"}));
    EXPECT_EQ(result_of("return db.transaction {}").text, failed_text);
    EXPECT_EQ(result_of("return db.transaction { 'insert' }").text, failed_text);
    EXPECT_EQ(result_of("return db.transaction { { 5 } }").text, failed_text);
}

TEST(DbModule, WithoutADatabaseGivesAProblem) {
    Probe probe(
        "local rows, problem = db.query('select 1') return { rows == nil, problem.message }");
    probe.parts.services.database = nullptr;
    EXPECT_EQ(probe.run().text, R"([true,"no database is configured"])");
}

TEST(DbModule, SaysWhereItCannotBeUsed) {
    EXPECT_THAT(
        log_of(
            "local t = setmetatable({}, { __tostring = function() local rows = db.query('select 1') return rows end }) "
            "local out = string.format('%s', t) return out"),
        HasSubstr(
            "tools/probe.lua:2: db.query cannot be used inside a function that cannot wait, such as __tostring"));
    EXPECT_THAT(log_of("return db.query(nil)"),
                HasSubstr("db.query: the statement: expected text, found nothing"));
    EXPECT_THAT(
        log_of("return db.query('x', 1, {})"),
        HasSubstr("db.query: parameter 2 is a table; expected text, a number, true, false or nil"));
    EXPECT_THAT(
        log_of("return db.query('x', { 1, 2 })"),
        HasSubstr(
            "db.query: a list is no parameter; give its values one by one, or by name: { name = value }"));
    EXPECT_THAT(log_of("return db.query('x', { a = print })"),
                HasSubstr("db.query: field `a` is a function"));
    Probe many("for i = 1, 21 do db.query('select 1') end");
    for (int i = 0; i < 21; ++i) many.database.answers.push_back(store::QueryAnswer{});
    EXPECT_EQ(many.run().text, failed_text);
    EXPECT_EQ(many.database.statements.size(), 20u);
}

TEST(DbModule, MayBeUsedInsidePcall) {
    Probe probe(
        "local ok, rows = pcall(db.query, 'select 1') local ok2, rows2 = pcall(function() return db.query('select "
        "2')[1].n end) return { ok, #rows, ok2, rows2 }");
    probe.database.answers.push_back(store::QueryAnswer{});
    probe.database.answers.push_back(store::QueryAnswer{json::array{json::object{{"n", 3}}}, 0, 0});
    EXPECT_EQ(probe.run().text, "[true,0,true,3]");
}

TEST(LogModule, WritesLinesWithTheCall) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(
        result_of(
            "log.warn('slow calendar', { tool = 'x', ms = 5 }) log.error('bad\\nline') for i = 1, 100 do "
            "log.warn('n') end return 1")
            .text,
        "1");
    const std::string logged = testing::internal::GetCapturedStderr();
    EXPECT_THAT(logged, HasSubstr("script.log"));
    EXPECT_THAT(logged, HasSubstr("call=CA1"));
    EXPECT_THAT(logged, HasSubstr("slow calendar ms=5 tool=x"));
    EXPECT_THAT(logged, HasSubstr("script.log_limit"));
    EXPECT_LT(std::count(logged.begin(), logged.end(), '\n'), 60);
    EXPECT_EQ(result_of("log.info(nil)").text, failed_text);
    EXPECT_EQ(result_of("log.info('x', 5)").text, failed_text);
    EXPECT_EQ(result_of("print('x', 1, nil, {}) return 1").text, "1");
}

}  // namespace
}  // namespace parley::script
