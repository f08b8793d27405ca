#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* good_tool =
    "return tool { api = 1, about = \"Does it.\", run = function() return {} end }";

TEST(Library, LoadsTheShippedScripts) {
    const auto built = Library::build(shipped_scripts());
    ASSERT_TRUE(built.has_value()) << built.error().front().text();
    const auto& bundle = *built;
    EXPECT_THAT(bundle->agents(), ElementsAre("sarah"));
    EXPECT_THAT(bundle->tools(), ElementsAre("book_appointment", "cancel_appointment",
                                             "check_slots", "end_call", "find_appointment"));
    EXPECT_EQ(bundle->version().size(), 12u);
}

TEST(Library, TurnsDeclarationsIntoStrictSchemas) {
    const auto bundle = bundle_of({{"tools/all.lua", R"(return tool {
        api = 1, about = "Everything.",
        params = {
            date = param.date { "A day", required = true },
            at = param.time { "A time" },
            count = param.integer { "How many", min = 1, max = 5, default = 2 },
            price = param.number { "How much" },
            sure = param.yes_no { "Sure?" },
            phone = param.phone { "Where to call" },
            kind = param.choice { "Which", "small", "large", default = "small" },
            names = param.list { "Who", of = param.text { max = 20 }, max = 3 },
            place = param.object { "Where", fields = { street = param.text { "Street", required = true } } },
        },
        run = function() return {} end,
    })"}});
    ASSERT_NE(bundle, nullptr);
    const auto expected = json::parse(R"({
        "type": "function", "name": "all", "description": "Everything.",
        "parameters": {
            "type": "object",
            "properties": {
                "date": {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "A day"},
                "at": {"type": "string", "pattern": "^(([01]?[0-9]|2[0-3]):[0-5][0-9]|(0?[1-9]|1[0-2])(:[0-5][0-9])? ?[AaPp]\\.? ?[Mm]\\.?)$", "description": "A time"},
                "count": {"type": "integer", "minimum": 1, "maximum": 5, "description": "How many", "default": 2},
                "price": {"type": "number", "description": "How much"},
                "sure": {"type": "boolean", "description": "Sure?"},
                "phone": {"type": "string", "pattern": "^\\+?[0-9 ().-]{3,30}$", "description": "Where to call"},
                "kind": {"type": "string", "enum": ["small", "large"], "description": "Which", "default": "small"},
                "names": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3, "description": "Who"},
                "place": {"type": "object", "properties": {"street": {"type": "string", "description": "Street"}},
                          "required": ["street"], "additionalProperties": false, "description": "Where"}
            },
            "required": ["date"], "additionalProperties": false
        }})");
    EXPECT_EQ(json::value(*bundle->tool("all")), expected) << json::serialize(*bundle->tool("all"));
    EXPECT_EQ(bundle->tool("none"), nullptr);
}

TEST(Library, VersionChangesWithAnyFileAndOnlyThen) {
    const Folder folder(Files{{"tools/a.lua", good_tool}});
    const auto first = Library::build(folder.path());
    const auto same = Library::build(folder.path());
    folder.write("tools/a.lua", std::string(good_tool) + "\n");
    const auto other = Library::build(folder.path());
    ASSERT_TRUE(first && same && other);
    EXPECT_EQ((*first)->version(), (*same)->version());
    EXPECT_NE((*first)->version(), (*other)->version());
}

TEST(Library, PassesOverWhatEditorsLeaveBehind) {
    EXPECT_THAT(faults_of({{"tools/a.lua", good_tool},
                           {"tools/.a.lua.swp", "x"},
                           {"tools/.#a.lua", "x"},
                           {"tools/a.lua~", "x"},
                           {"README", "x"}}),
                IsEmpty());
}

// ---- faults: the exact text people see --------------------------------------------------------

TEST(Faults, NameTheLineOfASyntaxError) {
    EXPECT_THAT(
        faults_of({{"tools/a.lua", "return tool {\n  api = 1\n  about = 'x',\n}"}}),
        ElementsAre(
            "tools/a.lua:3: '}' expected (to close '{' at line 1) near 'about'; is a comma missing before it?"));
}

TEST(Faults, NameUnknownKeysWithTheNearestKnownOne) {
    EXPECT_THAT(
        faults_of(
            {{"tools/a.lua",
              "return tool {\n api = 1,\n abuot = 'x',\n about = 'y',\n run = function() end }"}}),
        ElementsAre("tools/a.lua:3: unknown key `abuot`; did you mean `about`?"));
    EXPECT_THAT(faults_of({{"agents/a.lua",
                            "return agent {\n api = 1,\n prompt = 'x',\n greting = 'hi',\n}"}}),
                ElementsAre("agents/a.lua:4: unknown key `greting`; did you mean `greeting`?"));
}

TEST(Faults, NameMissingTools) {
    EXPECT_THAT(
        faults_of({{"agents/a.lua",
                    "return agent { api = 1, prompt = 'x',\n tools = {\n \"check_slot\" } }"},
                   {"tools/check_slots.lua", good_tool}}),
        ElementsAre(
            "agents/a.lua:3: there is no tool \"check_slot\": no file tools/check_slot.lua; did you "
            "mean \"check_slots\"?"));
}

TEST(Faults, NameUnknownVarsInTexts) {
    EXPECT_THAT(
        faults_of(
            {{"agents/a.lua",
              "return agent { api = 1,\n prompt = 'At {clinc}, {today}, {\"a\":1}.',\n greeting = "
              "'{zebra}{{raw}}',\n vars = { clinic = 'x' } }"}}),
        ElementsAre(
            "agents/a.lua:2: unknown var {clinc}; did you mean {clinic}?",
            "agents/a.lua:3: unknown var {zebra}; add it to `vars`, with a value for when nothing else is set"));
    EXPECT_THAT(
        faults_of(
            {{"agents/a.lua",
              "return agent { api = 1, prompt = '{hours}', vars = { hours = { monday = '9' } } }"}}),
        ElementsAre(
            "agents/a.lua:1: {hours} is a table and cannot be put into a text; use a var that is text or a number"));
    EXPECT_THAT(
        faults_of(
            {{"agents/a.lua", "return agent { api = 1, prompt = 'x',\nvars = { today = 'x' } }"}}),
        ElementsAre(
            "agents/a.lua:2: var `today` has a name that the runtime fills in itself; choose another name"));
}

TEST(Faults, SayWhatIsMissing) {
    EXPECT_THAT(
        faults_of({{"tools/a.lua", "return tool { api = 1 }"}}),
        ElementsAre(
            "tools/a.lua:1: `about` is missing; say in one sentence what the tool does: the model reads it",
            "tools/a.lua:1: `run` is missing; add: run = function(args, call) ... end"));
    EXPECT_THAT(
        faults_of({{"tools/a.lua", "return { api = 1 }"}}),
        ElementsAre("tools/a.lua:1: the file does not return a tool; begin with: return tool {"));
    EXPECT_THAT(
        faults_of({{"agents/a.lua", good_tool}}),
        ElementsAre(
            "agents/a.lua:1: the file does not return an agent; begin with: return agent {"));
    EXPECT_THAT(faults_of({{"tools/a.lua", "local x = 1"}}),
                ElementsAre("tools/a.lua: the file returns nothing; end it with: return ..."));
    EXPECT_THAT(faults_of({{"tools/a.lua", "return tool { about = 'x', run = function() end }"}}),
                ElementsAre("tools/a.lua:1: `api` is missing; add: api = 1"));
    EXPECT_THAT(
        faults_of({{"tools/a.lua", "return tool {\napi = 2, about = 'x', run = function() end }"}}),
        ElementsAre(
            "tools/a.lua:2: expected api = 1, found the number 2; this runtime knows version 1 of the file format"));
}

TEST(Faults, NameWrongKinds) {
    EXPECT_THAT(faults_of({{"tools/a.lua", "return tool { api = 1, about = 'x',\n run = 'x' }"}}),
                ElementsAre("tools/a.lua:2: `run`: expected a function, found the text \"x\""));
    EXPECT_THAT(
        faults_of(
            {{"agents/a.lua", "return agent { api = 1,\nprompt = 5,\ntools = 'x',\nvars = {1} }"}}),
        ElementsAre(
            "agents/a.lua:2: `prompt`: expected text, found the number 5",
            "agents/a.lua:4: `vars`: expected names and values; write: vars = { clinic = \"Smile Dental\" }",
            "agents/a.lua:3: `tools`: expected a list of names; write: tools = { \"check_slots\" }"));
    EXPECT_THAT(
        faults_of({{"tools/a.lua",
                    "return tool { api = 1, about = 'x', timeout = 0, run = function() end }"}}),
        ElementsAre("tools/a.lua:1: `timeout`: expected seconds up to 60, found the number 0"));
}

std::vector<std::string> param_faults(const std::string& params) {
    return faults_of(
        {{"tools/a.lua", "return tool { api = 1, about = 'x', run = function() end, params = {\n" +
                             params + "\n} }"}});
}

TEST(Faults, NameMistakesInParameters) {
    EXPECT_THAT(
        param_faults("day = param.date { 'x', requird = true }"),
        ElementsAre(
            "tools/a.lua:2: parameter `day`: unknown key `requird`; did you mean `required`?"));
    EXPECT_THAT(
        param_faults("day = param.date {}"),
        ElementsAre(
            "tools/a.lua:2: parameter `day`: the description is missing; begin with a text for the "
            "model: param.text { \"what it is\" }"));
    EXPECT_THAT(
        param_faults("day = 'date'"),
        ElementsAre(
            "tools/a.lua:2: parameter `day`: expected param.text { ... } or another kind, found the text \"date\""));
    EXPECT_THAT(
        param_faults("n = param.integer { 'x', default = 'two' }"),
        ElementsAre(
            "tools/a.lua:2: parameter `n`: default: expected a whole number, found \"two\""));
    EXPECT_THAT(param_faults("n = param.integer { 'x', min = 5, max = 2 }"),
                ElementsAre("tools/a.lua:2: parameter `n`: `min` is greater than `max`"));
    EXPECT_THAT(
        param_faults("n = param.choice { 'x' }"),
        ElementsAre(
            "tools/a.lua:2: parameter `n`: the choices are missing; write: param.choice { \"what it "
            "is\", \"first\", \"second\" }"));
    EXPECT_THAT(
        param_faults("n = param.list { 'x' }"),
        ElementsAre("tools/a.lua:2: parameter `n`: `of` is missing; write: of = param.text {}"));
    EXPECT_THAT(param_faults("d = param.datum { 'x' }"),
                ElementsAre("tools/a.lua:2: `datum` is nil, not a function; check the spelling"));
    EXPECT_THAT(param_faults("d = param.text 'x'"),
                ElementsAre("tools/a.lua:2: param.text: expected param.text { ... }"));
}

TEST(Faults, NameMistakesAtTheTopLevelOfAFile) {
    EXPECT_THAT(faults_of({{"tools/a.lua", "x = 1\nreturn tool {}"}}),
                ElementsAre("tools/a.lua:1: `x` would be a global variable; write: local x = ..."));
    EXPECT_THAT(faults_of({{"tools/a.lua", "local a = 1\nreturn toool {}"}}),
                ElementsAre("tools/a.lua:2: unknown name `toool`; did you mean `tool`?"));
    EXPECT_THAT(
        faults_of({{"tools/a.lua", "db.query('select 1')\nreturn tool {}"}}),
        ElementsAre(
            "tools/a.lua:1: db.query cannot be used here: it waits, and this part of the file runs at "
            "loading; use it inside a function"));
    EXPECT_THAT(faults_of({{"tools/a.lua", "while true do end"}}),
                ElementsAre("tools/a.lua: the file takes longer than 100 ms to load"));
    EXPECT_THAT(faults_of({{"tools/a.lua", "local s = 'x' while true do s = s .. s end"}}),
                ElementsAre("tools/a.lua: the file uses too much memory while it is loaded"));
}

TEST(Faults, RefuseBytecodeAndBadNames) {
    EXPECT_THAT(
        faults_of({{"tools/a.lua", std::string("\033LJ\002\n") + "rest"}}),
        ElementsAre(testing::AllOf(HasSubstr("tools/a.lua"),
                                   HasSubstr("scripts are text; bytecode is not accepted"))));
    EXPECT_THAT(
        faults_of({{"tools/Check-Slots.lua", good_tool}}),
        ElementsAre(
            "tools/Check-Slots.lua: the file's name must consist of a-z, 0-9 and _; rename it"));
}

TEST(Faults, AreAllReportedAtOnce) {
    EXPECT_EQ(faults_of({{"tools/a.lua", "return tool {"},
                         {"tools/b.lua", "return 1"},
                         {"agents/c.lua", "return agent { api = 1 }"}})
                  .size(),
              3u);
}

TEST(Faults, NameAMissingFolder) {
    const auto built = Library::build("/nowhere/scripts");
    ASSERT_FALSE(built);
    EXPECT_EQ(
        built.error().front().text(),
        "/nowhere/scripts: there is no such folder; set scripts.dir to the folder that holds agents/ and tools/");
}

// ---- require ----------------------------------------------------------------------------------

TEST(Require, LoadsAFileOfLibOnce) {
    EXPECT_THAT(
        faults_of(
            {{"lib/deep/one.lua", "return { n = 1 }"},
             {"tools/a.lua",
              "local a, b = require 'lib.deep.one', require 'lib.deep.one'\nassert(a == b and a.n == 1)\n" +
                  std::string(good_tool)}}),
        IsEmpty());
}

TEST(Require, NamesACircle) {
    EXPECT_THAT(
        faults_of({{"lib/a.lua", "local b = require 'lib.b' return b"},
                   {"lib/b.lua", "local a = require 'lib.a' return a"}}),
        ElementsAre(
            "lib/b.lua:1: files require each other in a circle: lib/a.lua -> lib/b.lua -> lib/a.lua",
            "lib/a.lua:1: files require each other in a circle: lib/b.lua -> lib/a.lua -> lib/b.lua"));
}

TEST(Require, StaysInsideLib) {
    for (const char* name : {"lib..secret", "lib./etc/passwd", "lib.../x", "os", "tools.a", "lib.",
                             "lib.A", "lib.a.", "../lib.a", "lib/a"}) {
        EXPECT_THAT(
            faults_of({{"lib/a.lua", "return 1"},
                       {"tools/a.lua", fmt::format("require \"{}\"\n{}", name, good_tool)}}),
            ElementsAre(fmt::format(
                "tools/a.lua:1: require \"{}\": expected a name like \"lib.calendar\": lower-case "
                "words of scripts/lib joined by dots",
                name)));
    }
    EXPECT_THAT(
        faults_of({{"lib/calendar.lua", "return 1"},
                   {"tools/a.lua", "require 'lib.calender'\n" + std::string(good_tool)}}),
        ElementsAre(
            "tools/a.lua:1: require \"lib.calender\": there is no file lib/calender.lua; did you mean "
            "\"lib.calendar\"?"));
}

TEST(Require, ReportsABrokenModuleOnce) {
    EXPECT_THAT(
        faults_of({{"lib/m.lua", "local x = nil\nreturn x.y"},
                   {"tools/a.lua", "require 'lib.m'\n" + std::string(good_tool)}}),
        ElementsAre("lib/m.lua:2: `x` is nil, so it has no fields; check where it gets its value"));
}

// ---- settings ---------------------------------------------------------------------------------

std::vector<std::string> setting_faults(json::object vars, const std::string& script = "sarah",
                                        const std::string& greeting = "") {
    const auto bundle = Library::build(shipped_scripts());
    if (!bundle) return {"the shipped scripts are broken"};
    config::AgentSettings settings;
    settings.name = "front";
    settings.script = script;
    settings.greeting = greeting;
    settings.vars = std::move(vars);
    settings.where = "config/parley.yaml:40";
    return texts((*bundle)->check(settings));
}

TEST(Settings, AreCheckedAgainstTheScript) {
    EXPECT_THAT(setting_faults({}), IsEmpty());
    EXPECT_THAT(
        setting_faults({{"clinc", "x"}}),
        ElementsAre(
            "config/parley.yaml:40: agents.front: vars.clinc: agents/sarah.lua has no such var; did "
            "you mean \"clinic\"?"));
    EXPECT_THAT(
        setting_faults({}, "sara"),
        ElementsAre(
            "config/parley.yaml:40: agents.front: there is no script agents/sara.lua; did you mean \"sarah\"?"));
    EXPECT_THAT(
        setting_faults({{"time_zone", "America/Newyork"}}),
        ElementsAre("config/parley.yaml:40: agents.front: vars.time_zone: there is no time zone "
                    "\"America/Newyork\"; use a name such as \"America/New_York\""));
    EXPECT_THAT(setting_faults({}, "sarah", "Hello from {clinik}"),
                ElementsAre("config/parley.yaml:40: agents.front: greeting: unknown var {clinik}"));
    EXPECT_THAT(
        setting_faults({{"clinic", json::object{{"a", 1}}}}),
        ElementsAre(
            "config/parley.yaml:40: agents.front: vars.clinic: expected text or a number, because it "
            "is put into a text"));
}

TEST(Settings, AreCheckedByTheScriptItself) {
    const std::string at = "config/parley.yaml:40: agents.front: vars.";
    EXPECT_THAT(
        setting_faults({{"slot_minutes", "thirty"}}),
        ElementsAre(
            at + "slot_minutes: expected a whole number of minutes from 5 to 480, found thirty"));
    EXPECT_THAT(setting_faults({{"hours", json::object{{"mondy", "09:00-17:00"}}}}),
                ElementsAre(at + "hours: \"mondy\" is not a day; expected monday, tuesday, ..."));
    EXPECT_THAT(
        setting_faults({{"hours", json::object{{"monday", "9 to 5"}}}}),
        ElementsAre(at + "hours.monday: expected hours like \"09:00-17:00\", found \"9 to 5\""));
    EXPECT_THAT(setting_faults({{"hours", json::object{{"monday", "17:00-09:00"}}}}),
                ElementsAre(at + "hours.monday: \"17:00-09:00\" ends before it begins"));
    EXPECT_THAT(setting_faults({{"breaks", json::array{"noon"}}}),
                ElementsAre(at + "breaks: expected hours like \"09:00-17:00\", found \"noon\""));
    EXPECT_THAT(setting_faults({{"closed_days", json::array{"2026-02-30"}}}),
                ElementsAre(at + "closed_days: expected dates like 2026-12-25, found 2026-02-30"));
    EXPECT_THAT(
        setting_faults({{"booking_horizon_days", -1}}),
        ElementsAre(
            at + "booking_horizon_days: expected a whole number of days from 0 to 730, found -1"));
    EXPECT_THAT(setting_faults({{"hours", json::object{{"saturday", "09:00-12:00, 13:00-15:00"},
                                                       {"sunday", "closed"},
                                                       {"monday", false}}}}),
                IsEmpty());
}

TEST(Settings, ThatDoNotSuitStopTheLoad) {
    Library::Agents agents;
    agents["front"].name = "front";
    agents["front"].script = "nobody";
    EXPECT_FALSE(Library::build(shipped_scripts(), agents));
}

}  // namespace
}  // namespace parley::script
