// What is said of tests of scripts that fail.
#include "support.hpp"

namespace parley::rehearsal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Failures of a test file whose one test has this body, which begins on line 2.
std::vector<std::string> failures_of(const std::string& source, const Stage& stage = shipped()) {
    Folder folder;
    folder.write("x_test.lua", source);
    std::vector<std::string> lines;
    Suite suite(stage, schema(), {.paths = {folder.path()}, .filter = ""});
    suite.run([&](const TestResult& result) {
        for (const auto& broken : result.broken) {
            std::string where = broken.where;
            if (const auto slash = where.rfind('/'); slash != std::string::npos)
                where = where.substr(slash + 1);
            lines.push_back(
                fmt::format("{} {}: {}; found {}",
                            result.name.find('/') == std::string::npos ? result.name : "file",
                            where, broken.what, broken.found));
        }
    });
    return lines;
}

std::vector<std::string> failures_in(const std::string& body) {
    return failures_of("it(\"does\", function()\n" + body + "\nend)\n");
}

TEST(ScriptTest, SaysWhatWasExpectedAndFound) {
    EXPECT_THAT(failures_in("expect(1 + 1).to_equal(3)"),
                ElementsAre("does x_test.lua:2: expected 3; found 2"));
    EXPECT_THAT(failures_in("expect({ a = { 1, 2 } }).to_equal({ a = { 1, 3 } })"),
                ElementsAre("does x_test.lua:2: expected {\"a\":[1,3]}; found {\"a\":[1,2]}"));
    EXPECT_THAT(failures_in("expect('abc').to_contain('x')"),
                ElementsAre("does x_test.lua:2: expected something with \"x\"; found \"abc\""));
    EXPECT_THAT(
        failures_in("expect('abc').never.to_contain('b')"),
        ElementsAre(
            "does x_test.lua:2: expected anything but something with \"b\"; found \"abc\""));
    EXPECT_THAT(failures_in("expect(nil).to_be_true()"),
                ElementsAre("does x_test.lua:2: expected true; found nothing"));
}

TEST(ScriptTest, AgreesWhereAllIsWell) {
    EXPECT_THAT(failures_in("expect({ a = 1, b = 2 }).to_contain { a = 1 }\n"
                            "expect({ 'x', 'y' }).to_contain('y')\n"
                            "expect('abc').to_match('^a')\n"
                            "expect(nil).to_be_nil()\n"
                            "expect(3).to_be_above(2)\n"
                            "expect(function() error('no way') end).to_fail('no way')\n"
                            "expect(function() end).never.to_fail()"),
                IsEmpty());
}

TEST(ScriptTest, NamesTheWordThatWasMeant) {
    EXPECT_THAT(
        failures_in("expect(1).to_eqaul(1)"),
        ElementsAre(
            "does x_test.lua:2: expect(...) has no `to_eqaul`; did you mean `to_equal`?; found "));
    EXPECT_THAT(
        failures_in("run_tool('check_slot')"),
        ElementsAre(
            "does x_test.lua:2: run_tool: there is no tool \"check_slot\"; did you mean \"check_slots\"?; found "));
    EXPECT_THAT(
        failures_in("run_tool('check_slots', {}, { vers = '+1' })"),
        ElementsAre(
            "does x_test.lua:2: run_tool: unknown option `vers`; did you mean `vars`?; found "));
}

TEST(ScriptTest, PassesOnTheErrorOfATool) {
    const OwnStage own(
        {{"agents/tester.lua", "return agent { api = 1, prompt = 'p' }"},
         {"tools/probe.lua",
          "return tool { api = 1, about = 'a', run = function()\n  local rows\n  return rows.x\nend }"}});
    EXPECT_THAT(
        failures_of("it(\"does\", function()\n  run_tool('probe')\nend)\n", own.stage),
        ElementsAre(
            "does x_test.lua:2: tools/probe.lua:3: `rows` is nil, so it has no fields; check where it gets its value; found "));
}

TEST(ScriptTest, KeepsTheSandboxAndItsLimits) {
    EXPECT_THAT(failures_in("io.open('/etc/passwd')"),
                ElementsAre("does x_test.lua:2: unknown name `io`; found "));
    EXPECT_THAT(failures_in("while true do end"),
                ElementsAre("does x_test.lua: used more than 1000 ms of computing time; found "));
}

TEST(ScriptTest, SaysWhatIsWrongWithTheFile) {
    EXPECT_THAT(failures_of("it(\"does\" function() end)"),
                ElementsAre(testing::HasSubstr("file x_test.lua:1: ")));
    EXPECT_THAT(
        failures_of("it('does')"),
        ElementsAre(
            "file x_test.lua:1: it: expected a name and a function, as in it(\"name\", function() ... end); found "));
    EXPECT_THAT(
        failures_of("clock.set('2026-12-01 10:00')"),
        ElementsAre(
            "file x_test.lua:1: clock.set cannot be used here; use it inside it(\"...\", function() ... end); found "));
}

TEST(ScriptTest, GivesEachTestADatabaseAndAClockOfItsOwn) {
    EXPECT_THAT(
        failures_of(
            "describe('a', function()\n"
            "  before_each(function() clock.set('2026-11-20 10:00') end)\n"
            "  it('one', function() run_tool('book_appointment', { customer_name = 'Jo', date = '2026-11-24', time = '2:00 PM' })\n"
            "    expect(time.today()).to_equal('2026-11-20') end)\n"
            "  it('two', function() expect(#db.query('SELECT 1 FROM appointments')).to_equal(0) end)\n"
            "end)\n"
            "it('three', function() expect(time.today()).to_equal('2026-12-01') end)\n"),
        IsEmpty());
}

}  // namespace
}  // namespace parley::rehearsal
