// What an operator reads when a setting is wrong.
#include "loading.hpp"

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(Faults, WrongTypeSaysWhatWasExpectedFoundAndHelps) {
    const std::string eleven_lines(11, '\n');
    EXPECT_THAT(
        faults_with_agent(eleven_lines + "server: {port: eighty}"),
        ElementsAre(
            "parley.yaml:12: server.port: expected a whole number between 0 and 65535, found \"eighty\"; "
            "use a port such as 3000"));
}

TEST(Faults, EveryTypeHasItsWords) {
    EXPECT_THAT(faults_with_agent("server: [1]"),
                ElementsAre("parley.yaml:1: server: expected a group of settings, found a list"));
    EXPECT_THAT(
        faults_with_agent("server: {port: {a: 1}}"),
        ElementsAre(
            "parley.yaml:1: server.port: expected a whole number between 0 and 65535, found a group of "
            "settings; use a port such as 3000"));
    EXPECT_THAT(
        faults_with_agent("server: {port: 80.5}"),
        ElementsAre(
            "parley.yaml:1: server.port: expected a whole number between 0 and 65535, found 80.5; "
            "use a port such as 3000"));
    EXPECT_THAT(
        faults_with_agent("server: {port: 3000.0}"),
        ElementsAre(
            "parley.yaml:1: server.port: expected a whole number between 0 and 65535, found 3000.0; "
            "use a port such as 3000"));
    EXPECT_THAT(
        faults_with_agent("twilio: {validate_signatures: yes}"),
        ElementsAre(
            "parley.yaml:1: twilio.validate_signatures: expected true or false, found \"yes\"; "
            "write true or false"));
    EXPECT_THAT(
        faults_with_agent("openai: {voice: [marin]}"),
        ElementsAre(
            "parley.yaml:1: openai.voice: expected text, found a list; use a voice such as marin"));
    EXPECT_THAT(
        faults_with_agent("openai: {voice: }"),
        ElementsAre(
            "parley.yaml:1: openai.voice: expected text, found nothing; use a voice such as marin"));
    EXPECT_THAT(
        faults_with_agent("openai: {turn_detection: {threshold: loud}}"),
        ElementsAre(
            "parley.yaml:1: openai.turn_detection.threshold: expected a number between 0 and 1, found "
            "\"loud\"; use a value such as 0.5"));
}

TEST(Faults, QuotesRoundANumberAreNamed) {
    EXPECT_THAT(
        faults_with_agent("server:\n  port: \"3000\""),
        ElementsAre(
            "parley.yaml:2: server.port: expected a whole number between 0 and 65535, found \"3000\"; "
            "write it without quotes"));
    EXPECT_THAT(
        faults_with_agent("twilio: {validate_signatures: 'false'}"),
        ElementsAre(
            "parley.yaml:1: twilio.validate_signatures: expected true or false, found \"false\"; "
            "write it without quotes"));
}

TEST(Faults, OutOfRangeNumbersAreRefused) {
    EXPECT_THAT(
        faults_with_agent("server: {port: 65536}"),
        ElementsAre(
            "parley.yaml:1: server.port: expected a whole number between 0 and 65535, found 65536; "
            "use a port such as 3000"));
    EXPECT_THAT(
        faults_with_agent("openai: {turn_detection: {threshold: 1.5}}"),
        ElementsAre(
            "parley.yaml:1: openai.turn_detection.threshold: expected a number between 0 and 1, found "
            "1.5; use a value such as 0.5"));
    EXPECT_THAT(
        faults_with_agent(
            "openai: {prices: {m: {text_in: -1, text_cached: 0, text_out: 0, audio_in: 0, "
            "audio_cached: 0, audio_out: 0}}}"),
        ElementsAre(
            "parley.yaml:1: openai.prices.m.text_in: expected a number of at least 0, found -1; "
            "use USD per million tokens, such as 0.40"));
    EXPECT_THAT(
        faults_with_agent("calls: {duration_max_minutes: 0}"),
        ElementsAre(
            "parley.yaml:1: calls.duration_max_minutes: expected a number between 0.05 and 1440, "
            "found 0; use minutes, such as 5 or 0.5"));
}

TEST(Faults, APriceOfTranscriptionIsANumber) {
    EXPECT_THAT(
        faults_with_agent("openai: {transcription_prices: {gpt-transcribe: cheap}}"),
        ElementsAre(
            "parley.yaml:1: openai.transcription_prices.gpt-transcribe: expected a number of at least 0, "
            "found \"cheap\"; use USD per minute, such as 0.0045"));
}

TEST(Faults, UnknownSettingHasItsOwnLineAndTheNearestName) {
    EXPECT_THAT(faults_with_agent("server:\n  host: a\n  prt: 80"),
                ElementsAre("parley.yaml:3: server.prt: unknown setting; did you mean \"port\"?"));
    EXPECT_THAT(faults_with_agent("sever:\n  port: 80"),
                ElementsAre("parley.yaml:1: sever: unknown setting; did you mean \"server\"?"));
    EXPECT_THAT(faults_with_agent("store:\n  driver: sqlite"),
                ElementsAre("parley.yaml:2: store.driver: unknown setting; known here: path"));
    EXPECT_THAT(
        faults_of("agents:\n  sarah:\n    scirpt: x\nnumbers: {default: sarah}\n"),
        ElementsAre(
            "parley.yaml:3: agents.sarah.scirpt: unknown setting; did you mean \"script\"?"));
}

TEST(Faults, ChoicesAreListed) {
    EXPECT_THAT(
        faults_with_agent("openai: {turn_detection: {type: server_vda}}"),
        ElementsAre(
            "parley.yaml:1: openai.turn_detection.type: expected one of server_vad, semantic_vad, found "
            "\"server_vda\"; did you mean server_vad?"));
    EXPECT_THAT(
        faults_with_agent("log: {level: loud}"),
        ElementsAre(
            "parley.yaml:1: log.level: expected one of debug, info, warn, warning, error, found \"loud\"; "
            "use info for everyday work"));
    EXPECT_THAT(
        faults_with_agent("openai: {audio: 8}"),
        ElementsAre("parley.yaml:1: openai.audio: expected one of pcmu, pcm16_24k, found \"8\"; "
                    "use pcmu unless the model cannot take it"));
}

TEST(Faults, MissingPriceIsNamed) {
    EXPECT_THAT(
        faults_with_agent(
            "openai:\n  prices:\n    m: {text_in: 1, text_cached: 1, text_out: 1, audio_in: 1, audio_out: 1}"),
        ElementsAre(
            "parley.yaml:3: openai.prices.m.audio_cached: missing; use USD per million tokens, such as 0.40"));
}

TEST(Faults, EmptyAgentsAndNumbersAreNamed) {
    EXPECT_THAT(
        faults_of("agents: {}\nnumbers:\n"),
        ElementsAre(
            "parley.yaml:1: agents: expected at least one entry, found none; add an agent, such as "
            "`sarah:` with `script: sarah`",
            "parley.yaml:2: numbers: expected at least one entry, found none; add a line such as "
            "`default: sarah`"));
}

TEST(Faults, TextThatIsTooLongOrEmptyIsRefused) {
    EXPECT_THAT(
        faults_with_agent("calls: {phrases: {goodbye: \"\"}}"),
        ElementsAre(
            "parley.yaml:1: calls.phrases.goodbye: expected text, found \"\"; write a short sentence"));
    EXPECT_THAT(
        faults_with_agent("openai: {voice: " + std::string(200'000, 'v') + "}"),
        ElementsAre("parley.yaml:1: openai.voice: expected at most 128 characters, found 200000; "
                    "use a voice such as marin"));
}

TEST(Faults, LongValuesAreCutInMessages) {
    const auto faults = faults_with_agent("log: {level: " + std::string(500, 'x') + "}");
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_LT(faults[0].size(), 250U);
}

TEST(Faults, AllAreReportedNotOnlyTheFirst) {
    EXPECT_THAT(
        faults_of(
            "server:\n  port: eighty\n  hots: a\nlog:\n  level: loud\nagents:\n  Sarah: {script: ../x}\n"
            "numbers:\n  \"12\": sarah\n  default: sara\n"),
        ElementsAre(
            HasSubstr("parley.yaml:2: server.port: "), HasSubstr("parley.yaml:3: server.hots: "),
            HasSubstr("parley.yaml:5: log.level: "), HasSubstr("parley.yaml:7: agents.Sarah: "),
            HasSubstr("parley.yaml:9: numbers.12: "),
            HasSubstr("parley.yaml:9: numbers.12: there is no agent named \"sarah\""),
            HasSubstr("parley.yaml:10: numbers.default: there is no agent named \"sara\"")));
}

TEST(Faults, ThousandsAreCutOff) {
    std::string yaml = "server:\n";
    for (int i = 0; i < 2'000; ++i) yaml += "  unknown" + std::to_string(i) + ": 1\n";
    EXPECT_THAT(faults_with_agent(yaml), SizeIs(200));
}

TEST(Faults, PublicAddressMustBeHttp) {
    for (const std::string address :
         {"ftp://voice.example.com", "wss://voice.example.com", "https://", "a b", "https://a?b=c",
          "https://a/#b", "voice.example.com:port", "//a", "https://-a"}) {
        EXPECT_THAT(
            faults_with_agent("server: {public_url: '" + address + "'}"),
            ElementsAre(
                "parley.yaml:1: server.public_url: expected an http or https address without user name or "
                "query, found \"" +
                address + "\"; use an address such as https://voice.example.com"));
    }
}

TEST(Faults, PasswordInAnAddressIsNotRepeated) {
    EXPECT_THAT(
        faults_with_agent("server: {public_url: 'https://me:hunter2@voice.example.com'}"),
        ElementsAre(
            "parley.yaml:1: server.public_url: expected an http or https address without user name or "
            "query, found \"https://***@voice.example.com\"; use an address such as "
            "https://voice.example.com"));
}

TEST(Faults, ModelAddressMustBeHttpOrWebSocket) {
    EXPECT_THAT(
        faults_with_agent("openai: {base_url: api.openai.com}"),
        ElementsAre(
            "parley.yaml:1: openai.base_url: expected an http, https, ws or wss address without user name "
            "or query, found \"api.openai.com\"; use an address such as https://api.openai.com/v1"));
}

TEST(Faults, ScriptPathsStayInTheirFolder) {
    for (const std::string path : {"../secrets", "a/../b", "a/b", "/etc/passwd", "a//b", "a/",
                                   "Sarah", "sarah.lua", "a b", "a\\b"}) {
        const auto faults =
            faults_of("agents: {sarah: {script: '" + path + "'}}\nnumbers: {default: sarah}\n");
        ASSERT_THAT(faults, SizeIs(1)) << path;
        EXPECT_THAT(
            faults[0],
            HasSubstr("parley.yaml:1: agents.sarah.script: expected a file name of lower-case "
                      "letters, digits and _, without .lua, found "));
    }
    EXPECT_EQ(settings_of("agents: {a: {script: front_desk_2}}\nnumbers: {default: a}\n")
                  .agents.at("a")
                  .script,
              "front_desk_2");
}

TEST(Faults, AgentNamesAreLowerCase) {
    EXPECT_THAT(
        faults_of("agents:\n  Sarah: {}\nnumbers: {default: Sarah}\n"),
        ElementsAre(
            "parley.yaml:2: agents.Sarah: expected an agent name of lower-case letters, digits, _ and -, "
            "found \"Sarah\"; use a name such as sarah"));
}

TEST(Faults, NumbersAreE164OrDefault) {
    for (const std::string number :
         {"15550100001", "+05550100001", "+1 555 010 0001", "+1", "+1234567890123456", "Default"}) {
        EXPECT_THAT(
            faults_of("agents: {sarah: }\nnumbers:\n  default: sarah\n  '" + number + "': sarah\n"),
            ElementsAre("parley.yaml:4: numbers." + number +
                        ": expected a phone number in E.164 form, or default, "
                        "found \"" +
                        number +
                        "\"; use a plus sign, the country code and digits only, such as "
                        "+15550100001"));
    }
}

TEST(Faults, NumberMustLeadToAnAgent) {
    EXPECT_THAT(
        faults_of("agents: {sarah: , anna: }\nnumbers:\n  default: sarah\n  +15550100001: sara\n"),
        ElementsAre(
            "parley.yaml:4: numbers.+15550100001: there is no agent named \"sara\"; did you mean \"sarah\"?"));
    EXPECT_THAT(
        faults_of("agents: {sarah: }\nnumbers:\n  default: reception\n"),
        ElementsAre(
            "parley.yaml:3: numbers.default: there is no agent named \"reception\"; add it under agents"));
}

TEST(Routing, CalledNumberFindsItsAgentElseTheDefault) {
    const auto settings = settings_of(
        "agents: {sarah: , anna: }\nnumbers:\n  default: sarah\n  +15550100001: anna\n");
    EXPECT_EQ(settings.agent_for("+15550100001")->name, "anna");
    EXPECT_EQ(settings.agent_for("+15550100002")->name, "sarah");
    EXPECT_EQ(settings.agent_for("")->name, "sarah");
}

TEST(Routing, WithoutDefaultUnknownNumbersHaveNoAgent) {
    const auto settings = settings_of("agents: {sarah: }\nnumbers: {+15550100001: sarah}\n");
    EXPECT_EQ(settings.agent_for("+15550100002"), nullptr);
}

TEST(Faults, ThrownTogetherWhereNobodyChecks) {
    auto loaded = load_text("log: {level: loud}", "x.yaml", bare_options());
    try {
        (void)loaded.value();
        FAIL() << "value() of a failed load must throw";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("x.yaml:1: log.level: expected one of"));
        EXPECT_THAT(error.what(), HasSubstr("x.yaml: agents: missing"));
    }
}

}  // namespace
}  // namespace parley::config::test
