// How YAML is read: what is refused, with which line, and what scalars become.
#include "loading.hpp"

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

json::value variable(std::string_view yaml_value, const LoadOptions& options = bare_options()) {
    const auto settings = settings_of("agents: {sarah: {vars: {x: " + std::string(yaml_value) +
                                          "}}}\nnumbers: {default: sarah}\n",
                                      options);
    return settings.agents.at("sarah").vars.at("x");
}

TEST(Yaml, FileWithNothingInItLacksAgentsAndNumbers) {
    const auto expected = ElementsAre(
        "parley.yaml: agents: missing; add an agent, such as `sarah:` with `script: sarah`",
        "parley.yaml: numbers: missing; add a line such as `default: sarah`");
    EXPECT_THAT(faults_of(""), expected);
    EXPECT_THAT(faults_of("# nothing but a comment\n"), expected);
    EXPECT_THAT(faults_of("---\n"), expected);
    EXPECT_THAT(faults_of("\xEF\xBB\xBF"), expected);
}

TEST(Yaml, TopLevelMustBeAMap) {
    EXPECT_THAT(faults_of("# list\n- a\n"),
                ElementsAre("parley.yaml:2: expected `name: value` lines, found a list"));
    EXPECT_THAT(faults_of("hello"),
                ElementsAre("parley.yaml:1: expected `name: value` lines, found a single value"));
}

TEST(Yaml, TabInIndentationIsNamedWithItsLine) {
    EXPECT_THAT(
        faults_of("server:\n\tport: 80\n"),
        ElementsAre("parley.yaml:2: a tab stands where YAML wants spaces; indent with spaces"));
    EXPECT_THAT(
        faults_of("server:\n  host: a\n\tport: 80\n"),
        ElementsAre("parley.yaml:3: a tab stands where YAML wants spaces; indent with spaces"));
}

TEST(Yaml, SyntaxErrorHasItsLine) {
    EXPECT_THAT(faults_of("server:\n  port: [1, 2\nlog: {}\n"),
                ElementsAre(HasSubstr("parley.yaml:3: ")));
    EXPECT_THAT(faults_of("server: *base\n"),
                ElementsAre("parley.yaml:1: the referenced anchor is not defined"));
}

TEST(Yaml, SecondDocumentIsRefused) {
    EXPECT_THAT(faults_of("log: {}\n---\nserver: {}\n"),
                ElementsAre("parley.yaml:2: a second document begins; settings are one document"));
}

TEST(Yaml, DuplicateKeyNamesBothLines) {
    EXPECT_THAT(
        faults_with_agent("server:\n  port: 80\n  host: a\n  port: 81"),
        ElementsAre(
            "parley.yaml:4: server.port: written twice, first on line 2; remove one of the two"));
}

TEST(Yaml, DuplicateKeyDoesNotHideOtherFaults) {
    EXPECT_THAT(
        faults_with_agent("log: {level: info}\nlog: {level: loud}\nserver: {port: -1}"),
        ElementsAre(
            "parley.yaml:2: log: written twice, first on line 1; remove one of the two",
            "parley.yaml:3: server.port: expected a whole number between 0 and 65535, found -1; "
            "use a port such as 3000"));
}

TEST(Yaml, InvalidUtf8AndControlCharactersAreRefusedWithTheirLine) {
    EXPECT_THAT(faults_of("log:\n  level: \xFF\n"),
                ElementsAre("parley.yaml:2: not valid UTF-8 text; save the file as UTF-8"));
    EXPECT_THAT(
        faults_of(std::string_view("a: b\0c\n", 7)),
        ElementsAre(
            "parley.yaml:1: a control character; remove it, or write it as an escape in double quotes"));
    EXPECT_THAT(faults_of("a: b\n\x04server: {port: 1}\n"),
                ElementsAre(HasSubstr("parley.yaml:2: a control character")));
    EXPECT_THAT(faults_of("a: \"\\0\"\n"),
                ElementsAre("parley.yaml:1: a control character in a value"));
}

TEST(Yaml, FileOfAMegabyteIsRefused) {
    EXPECT_THAT(
        faults_of(std::string(1024 * 1024 + 1, '#')),
        ElementsAre(
            "parley.yaml: larger than 1024 KiB; settings are small; is this the right file?"));
}

TEST(Yaml, DeepNestingIsRefused) {
    std::string yaml = "agents: {sarah: {vars: {x: ";
    EXPECT_THAT(faults_of(yaml + std::string(400, '[')),
                ElementsAre("parley.yaml:1: nested more than 32 levels deep"));
    EXPECT_THAT(faults_of(std::string(200'000, '[')),
                ElementsAre("parley.yaml:1: nested more than 32 levels deep"));
    EXPECT_THAT(faults_of(std::string(200'000, '{')), SizeIs(1));
    std::string blocks;
    for (int level = 0; level < 300; ++level)
        blocks += std::string(static_cast<std::size_t>(level), ' ') + "a:\n";
    EXPECT_THAT(faults_of(blocks), ElementsAre("parley.yaml:33: nested more than 32 levels deep"));
}

TEST(Yaml, AliasesThatGrowWithoutBoundAreRefused) {
    std::string laughs = "agents:\n  sarah:\n    vars:\n      a: &a [1,1,1,1,1,1,1,1,1,1]\n";
    for (char name = 'b'; name < 'k'; ++name) {
        const std::string below = "*" + std::string(1, static_cast<char>(name - 1));
        laughs += std::string("      ") + name + ": &" + name + " [" + below;
        for (int i = 0; i < 9; ++i) laughs += "," + below;
        laughs += "]\n";
    }
    const auto faults = faults_of(laughs + "numbers: {default: sarah}\n");
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_THAT(faults[0],
                HasSubstr("aliases and variables add up to too much; use fewer aliases"));
}

TEST(Yaml, MergedGroupsThatGrowWithoutBoundAreRefused) {
    std::string laughs = "agents:\n  sarah:\n    vars:\n      a: &a {x: 1}\n";
    for (char name = 'b'; name < 'z'; ++name) {
        const std::string below = std::string("*") + static_cast<char>(name - 1);
        laughs += std::string("      ") + name + ": &" + name + " {<<: [" + below + "," + below +
                  "," + below + "]}\n";
    }
    const auto faults = faults_of(laughs + "numbers: {default: sarah}\n");
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_THAT(faults[0], HasSubstr("aliases and variables add up to too much"));
}

TEST(Yaml, LongTextRepeatedByAliasesIsRefused) {
    std::string yaml =
        "agents:\n  sarah:\n    vars:\n      a: &a " + std::string(100'000, 'x') + "\n      b: [*a";
    for (int i = 0; i < 100; ++i) yaml += ",*a";
    const auto faults = faults_of(yaml + "]\nnumbers: {default: sarah}\n");
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_THAT(faults[0], HasSubstr("add up to too much"));
}

TEST(Yaml, AliasIntoItselfIsRefused) {
    const auto list =
        faults_of("agents: {sarah: {vars: {x: &x [*x]}}}\nnumbers: {default: sarah}\n");
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_THAT(list[0],
                HasSubstr("an alias leads back into itself, or values are nested too deeply"));
    const auto merge =
        faults_of("agents: {sarah: {vars: {x: &x {<<: *x, a: 1}}}}\nnumbers: {default: sarah}\n");
    ASSERT_THAT(merge, SizeIs(1));
    EXPECT_THAT(merge[0],
                HasSubstr("an alias leads back into itself, or values are nested too deeply"));
}

TEST(Yaml, TagsAreRefused) {
    EXPECT_THAT(faults_of("a: !!python/object:os.system x\n"),
                ElementsAre("parley.yaml:1: YAML tags have no meaning here"));
    EXPECT_EQ(variable("!!str 3000"), json::value("3000"));
}

TEST(Yaml, KeysMustBeNames) {
    EXPECT_THAT(
        faults_with_agent("server:\n  ? [a, b]\n  : 1"),
        ElementsAre("parley.yaml:2: server: expected `name: value`, found a line without a name"));
    EXPECT_THAT(
        faults_with_agent("server:\n  ~: 1"),
        ElementsAre("parley.yaml:2: server: expected `name: value`, found a line without a name"));
    EXPECT_THAT(faults_with_agent("server: {" + std::string(300, 'k') + ": 1}"),
                ElementsAre("parley.yaml:1: server: a name of more than 200 bytes"));
    EXPECT_THAT(faults_with_agent("server: {\"a\\nb\": 1}"),
                ElementsAre("parley.yaml:1: server: a name of several lines"));
}

TEST(Yaml, MergeKeyTakesGroupsOnly) {
    EXPECT_THAT(
        faults_with_agent("server:\n  <<: 7"),
        ElementsAre(
            "parley.yaml:2: server: << takes a group of settings, or a list of groups; write <<: *name"));
}

TEST(Yaml, PlainScalarsBecomeNumbersOnlyWhereJsonWouldAgree) {
    EXPECT_EQ(variable("3000"), json::value(3000));
    EXPECT_EQ(variable("-7"), json::value(-7));
    EXPECT_EQ(variable("0.5"), json::value(0.5));
    EXPECT_EQ(variable("1e3"), json::value(1000.0));
    EXPECT_EQ(variable("true"), json::value(true));
    EXPECT_EQ(variable("False"), json::value(false));
    EXPECT_EQ(variable("~"), json::value(nullptr));
    EXPECT_EQ(variable("null"), json::value(nullptr));
    for (const std::string text : {"+15550100001",
                                   "+7",
                                   "007",
                                   "0x1F",
                                   "0o17",
                                   "1_000",
                                   ".5",
                                   "5.",
                                   "-",
                                   "1e",
                                   ".inf",
                                   ".nan",
                                   "09:00",
                                   "12:30:45",
                                   "2026-12-25",
                                   "yes",
                                   "no",
                                   "on",
                                   "off",
                                   "y",
                                   "tRUE",
                                   "99999999999999999999",
                                   "1e999"}) {
        EXPECT_EQ(variable(text), json::value(text)) << text;
    }
}

TEST(Yaml, QuotedScalarsAreText) {
    EXPECT_EQ(variable("\"3000\""), json::value("3000"));
    EXPECT_EQ(variable("'true'"), json::value("true"));
    EXPECT_EQ(variable("\"\""), json::value(""));
}

TEST(Yaml, ListsAndGroupsReachTheScript) {
    EXPECT_EQ(variable("[\"12:00-13:00\", 7, {a: [true]}]"),
              json::parse(R"(["12:00-13:00", 7, {"a": [true]}])"));
}

TEST(Yaml, WhereTextIsWantedDigitsStayText) {
    const auto settings =
        settings_with_agent("twilio: {auth_token: 00123e45, account_sid: 12}\nstore: {path: 1}");
    EXPECT_EQ(settings.twilio.auth_token.reveal(), "00123e45");
    EXPECT_EQ(settings.twilio.account_sid, "12");
    EXPECT_EQ(settings.store.path, "1");
}

TEST(Yaml, PhoneNumberNeedsNoQuotes) {
    const auto settings = settings_of(
        "twilio: {phone_number: +15550100001}\nagents: {sarah: }\nnumbers:\n  +15550100001: sarah\n");
    EXPECT_EQ(settings.twilio.phone_number, "+15550100001");
    EXPECT_EQ(settings.numbers.at("+15550100001"), "sarah");
}

TEST(Yaml, GroupWithEveryLineCommentedOutIsEmpty) {
    const auto settings =
        settings_of("server:\n  # port: 80\nagents:\n  sarah:\nnumbers:\n  default: sarah\n");
    EXPECT_EQ(settings.server.port, 3000);
    EXPECT_EQ(settings.agents.at("sarah").script, "sarah");
}

TEST(Yaml, AnchorsAndMergeKeysShareSettings) {
    const auto settings = settings_of(
        "agents:\n"
        "  sarah: &sarah {script: front_desk, voice: cedar, vars: {clinic: A}}\n"
        "  anna:\n"
        "    voice: marin\n"
        "    <<: *sarah\n"
        "  both: {<<: [{voice: ash}, *sarah]}\n"
        "numbers: {default: anna}\n");
    EXPECT_EQ(settings.agents.at("anna").script, "front_desk");
    EXPECT_EQ(settings.agents.at("anna").voice, "marin");
    EXPECT_EQ(settings.agents.at("anna").vars.at("clinic"), json::value("A"));
    EXPECT_EQ(settings.agents.at("both").voice, "ash");
    EXPECT_EQ(explained(settings, "agents.anna.script"), "front_desk (parley.yaml:2)");
}

TEST(Yaml, FaultInSharedSettingsNamesTheLineWhereItIsWritten) {
    EXPECT_THAT(
        faults_of("agents:\n"
                  "  sarah: &sarah\n"
                  "    language: English language\n"
                  "  anna: *sarah\n"
                  "numbers: {default: anna}\n"),
        ElementsAre(
            "parley.yaml:3: agents.sarah.language: expected a language code, found \"English language\"; "
            "use a code such as en",
            "parley.yaml:3: agents.anna.language: expected a language code, found \"English language\"; "
            "use a code such as en"));
}

TEST(Yaml, WindowsLineEndsAreFine) {
    EXPECT_EQ(settings_of("server:\r\n  port: 81\r\nagents: {a: }\r\nnumbers: {default: a}\r\n")
                  .server.port,
              81);
}

TEST(Yaml, TextOfManyLinesIsKept) {
    const auto settings = settings_of(
        "agents:\n  sarah:\n    greeting: |\n      Hello.\n      Who is there?\nnumbers: {default: sarah}\n");
    EXPECT_EQ(settings.agents.at("sarah").greeting, "Hello.\nWho is there?\n");
}

}  // namespace
}  // namespace parley::config::test
