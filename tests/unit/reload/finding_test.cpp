#include <parley/reload/finding.hpp>

#include <gmock/gmock.h>

namespace parley::reload {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string script = "return agent {\n  greeting = \"Hello {clinik}\",\n}\n";
const std::string yaml =
    "openai:\n  api_key: abcdefghijklmnop\n  voice: 7\ntwilio: {auth_token: 0123456789, account_sid: 5}\n"
    "store: {path: \"https://user:pass@host/x\"}\n";

Lines lines() {
    Lines all;
    all.add_script("agents/sarah.lua", "scripts/agents/sarah.lua", script);
    all.add_settings("config/parley.yaml", yaml);
    return all;
}

TEST(Finding, HasFileLineAndTheTextOfTheLine) {
    const auto finding =
        lines().finding({"agents/sarah.lua:2", "unknown var {clinik}", "did you mean {clinic}?"});

    EXPECT_EQ(finding.file, "scripts/agents/sarah.lua");
    EXPECT_EQ(finding.line, 2);
    EXPECT_EQ(finding.source_line, "  greeting = \"Hello {clinik}\",");
    EXPECT_EQ(finding.text(),
              "scripts/agents/sarah.lua:2: unknown var {clinik}; did you mean {clinic}?");
    EXPECT_EQ(shown(finding),
              "scripts/agents/sarah.lua:2: error: unknown var {clinik}; did you mean {clinic}?\n"
              "     2 |   greeting = \"Hello {clinik}\",\n");
}

TEST(Finding, KeepsTheSettingThatAFaultNames) {
    const auto finding =
        lines().finding({"config/parley.yaml:3: openai.voice", "expected text, found 7"});

    EXPECT_EQ(finding.line, 3);
    EXPECT_EQ(finding.message, "openai.voice: expected text, found 7");
    EXPECT_EQ(finding.source_line, "  voice: 7");
}

TEST(Finding, ShowsNoSecretOfASettingsFile) {
    EXPECT_EQ(lines().finding({"config/parley.yaml:2: openai.api_key", "x"}).source_line,
              "  api_key: ***");
    EXPECT_THAT(lines().finding({"config/parley.yaml:4: twilio.account_sid", "x"}).source_line,
                Not(HasSubstr("0123")));
    EXPECT_EQ(lines().finding({"config/parley.yaml:5", "x"}).source_line,
              "store: {path: \"https://***@host/x\"}");
}

TEST(Finding, MayHaveNoLine) {
    const auto of_variable =
        lines().finding({"environment PORT", "expected a whole number", "use 3000"});
    EXPECT_EQ(of_variable.file, "environment PORT");
    EXPECT_EQ(of_variable.line, 0);
    EXPECT_EQ(of_variable.text(), "environment PORT: expected a whole number; use 3000");

    const auto of_folder = lines().finding({"", "nothing to say where"});
    EXPECT_EQ(shown(of_folder), "error: nothing to say where\n");

    const auto beyond_the_end = lines().finding({"agents/sarah.lua:99", "what"});
    EXPECT_EQ(beyond_the_end.line, 99);
    EXPECT_EQ(beyond_the_end.source_line, "");
}

TEST(Finding, ComesBackFromJsonAsItWas) {
    const auto finding =
        lines().finding({"agents/sarah.lua:2", "what", "remedy"}, Severity::warning);
    const auto back = finding_from(to_json(finding));

    EXPECT_EQ(shown(back), shown(finding));
    EXPECT_EQ(back.severity, Severity::warning);
}

TEST(Finding, CannotMoveATerminalsCursor) {
    Lines all;
    const std::string text = "\x1b[2Jboo\r\n";
    all.add_script("tools/a.lua", "tools/a.lua", text);
    EXPECT_EQ(all.finding({"tools/a.lua:1", "what"}).source_line, " [2Jboo");
}

}  // namespace
}  // namespace parley::reload
