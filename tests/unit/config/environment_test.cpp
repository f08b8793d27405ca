// Variables in YAML, the environment's own names, .env, flags and overlays: who wins, and who is
// blamed.
#include "loading.hpp"

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Substitution, UnsetVariableWithoutDefaultIsAFault) {
    EXPECT_THAT(
        faults_with_agent("store:\n  path: ${DATA_DIR}/parley.db"),
        ElementsAre("parley.yaml:2: store.path: the environment variable DATA_DIR is not set; "
                    "set it, or give a default: ${DATA_DIR:-…}"));
    EXPECT_THAT(
        faults_with_agent("store:\n  path: ${DATA_DIR}", with_environment({{"DATA_DIR", ""}})),
        ElementsAre(HasSubstr("the environment variable DATA_DIR is not set")));
}

TEST(Substitution, MalformedVariableIsAFault) {
    EXPECT_THAT(
        faults_with_agent("store: {path: \"${DATA_DIR\"}"),
        ElementsAre(
            "parley.yaml:1: store.path: ${ is not closed; write ${NAME}, or $$ for a dollar"));
    EXPECT_THAT(
        faults_with_agent("store: {path: \"${data-dir}\"}"),
        ElementsAre(
            "parley.yaml:1: store.path: expected ${NAME} or ${NAME:-default}, found \"data-dir\"; "
            "write $$ for a dollar"));
    EXPECT_THAT(faults_with_agent("store: {path: \"${}\"}"),
                ElementsAre(HasSubstr("expected ${NAME} or ${NAME:-default}, found \"\"")));
}

TEST(Substitution, UnsetVariableDoesNotHideOtherFaultsNorAddToThem) {
    EXPECT_THAT(
        faults_with_agent("server:\n  port: ${MY_PORT}\n  hots: x"),
        ElementsAre(
            HasSubstr("parley.yaml:2: server.port: the environment variable MY_PORT is not set"),
            HasSubstr("parley.yaml:3: server.hots: unknown setting")));
}

TEST(Substitution, FillsVariablesDefaultsAndDollars) {
    const auto path = [](const std::string& text) {
        return settings_with_agent("store: {path: \"" + text + "\"}",
                                   with_environment({{"DIR", "/data"}, {"EMPTY", ""}}))
            .store.path;
    };
    EXPECT_EQ(path("${DIR}/x.db"), "/data/x.db");
    EXPECT_EQ(path("${DIR:-/other}/x.db"), "/data/x.db");
    EXPECT_EQ(path("${EMPTY:-/other}/x.db"), "/other/x.db");
    EXPECT_EQ(path("${NONE:-}x"), "x");
    EXPECT_EQ(path("$$${DIR}$$"), "$/data$");
    EXPECT_EQ(path("$${DIR}"), "${DIR}");
    EXPECT_EQ(path("cost$5"), "cost$5");
    EXPECT_EQ(path("${DIR}${DIR}"), "/data/data");
}

TEST(Substitution, ValueOfAVariableIsNotFilledInAgain) {
    const auto settings = settings_with_agent("store: {path: \"${A}\"}",
                                              with_environment({{"A", "${B}"}, {"B", "no"}}));
    EXPECT_EQ(settings.store.path, "${B}");
}

TEST(Substitution, PlainVariablesBecomeNumbersWhereNumbersAreWanted) {
    const auto settings = settings_with_agent(
        "server:\n  port: ${MY_PORT:-4000}\ntwilio:\n  auth_token: ${TOKEN_DIGITS}",
        with_environment({{"TOKEN_DIGITS", "0012345678"}}));
    EXPECT_EQ(settings.server.port, 4000);
    EXPECT_EQ(settings.twilio.auth_token.reveal(), "0012345678");
}

TEST(Environment, BadValueBlamesTheVariable) {
    EXPECT_THAT(
        faults_of(an_agent, with_environment({{"PORT", "eighty"}})),
        ElementsAre(
            "environment PORT: expected a whole number between 0 and 65535, found \"eighty\"; "
            "use a port such as 3000"));
    EXPECT_THAT(
        faults_of(an_agent, with_environment({{"ENABLE_WEBHOOK_VALIDATION", "maybe"}})),
        ElementsAre(
            "environment ENABLE_WEBHOOK_VALIDATION: expected true or false, found \"maybe\"; "
            "write true or false"));
    EXPECT_THAT(
        faults_of(an_agent, with_environment({{"MAX_CALL_DURATION_MINUTES", "-2"}})),
        ElementsAre(
            "environment MAX_CALL_DURATION_MINUTES: expected a number between 0.05 and 1440, found -2; "
            "use minutes, such as 5 or 0.5"));
    EXPECT_THAT(
        faults_of(an_agent, with_environment({{"TWILIO_PHONE_NUMBER", "555-0100"}})),
        ElementsAre(
            "environment TWILIO_PHONE_NUMBER: expected a phone number in E.164 form, found \"555-0100\"; "
            "use a plus sign, the country code and digits only, such as +15550100001"));
    EXPECT_THAT(
        faults_of(an_agent, with_environment({{"OPENAI_BASE_URL", "ftp://x"}})),
        ElementsAre(
            "environment OPENAI_BASE_URL: expected an http, https, ws or wss address without user name or "
            "query, found \"ftp://x\"; use an address such as https://api.openai.com/v1"));
    EXPECT_THAT(faults_of(an_agent, with_environment({{"DATABASE_PATH", "\xFF"}})),
                ElementsAre("environment DATABASE_PATH: not valid UTF-8 text"));
}

TEST(Environment, EveryNameWorksWithoutYaml) {
    const auto settings =
        settings_of(an_agent, with_environment({
                                  {"OPENAI_API_KEY", "sk-test-key"},
                                  {"OPENAI_BASE_URL", "http://127.0.0.1:9000/v1/"},
                                  {"OPENAI_REALTIME_MODEL", "my-model"},
                                  {"OPENAI_VOICE", "cedar"},
                                  {"TWILIO_ACCOUNT_SID", "AC123"},
                                  {"TWILIO_AUTH_TOKEN", " token\n"},
                                  {"TWILIO_PHONE_NUMBER", "+15550100001"},
                                  {"TWILIO_BASE_URL", "http://localhost:9001"},
                                  {"PORT", "4000"},
                                  {"HOST", "127.0.0.1"},
                                  {"PUBLIC_URL", "https://voice.example.com/"},
                                  {"DATABASE_PATH", "/tmp/x.db"},
                                  {"LOG_LEVEL", "DEBUG"},
                                  {"ENABLE_WEBHOOK_VALIDATION", "False"},
                                  {"MAX_CALL_DURATION_MINUTES", "7"},
                              }));
    EXPECT_EQ(settings.openai.api_key.reveal(), "sk-test-key");
    EXPECT_EQ(settings.openai.base_url, "http://127.0.0.1:9000/v1");
    EXPECT_EQ(settings.openai.model, "my-model");
    EXPECT_EQ(settings.openai.voice, "cedar");
    EXPECT_EQ(settings.twilio.account_sid, "AC123");
    EXPECT_EQ(settings.twilio.auth_token.reveal(), "token");
    EXPECT_EQ(settings.twilio.phone_number, "+15550100001");
    EXPECT_EQ(settings.twilio.base_url, "http://localhost:9001");
    EXPECT_EQ(settings.server.port, 4000);
    EXPECT_EQ(settings.server.host, "127.0.0.1");
    EXPECT_EQ(settings.server.public_url, "https://voice.example.com");
    EXPECT_EQ(settings.store.path, "/tmp/x.db");
    EXPECT_EQ(settings.log.level, "debug");
    EXPECT_FALSE(settings.twilio.validate_signatures);
    EXPECT_EQ(settings.calls.duration_max, std::chrono::minutes(7));
    EXPECT_EQ(settings.agent_for(settings.twilio.phone_number)->name, "sarah");
    EXPECT_THAT(
        settings.warnings,
        ElementsAre("environment ENABLE_WEBHOOK_VALIDATION: signatures are not checked; whoever "
                    "reaches this server can start calls"));
}

TEST(Environment, TheLongestCallMayBeAFractionOfAMinute) {
    EXPECT_EQ(settings_of(an_agent, with_environment({{"MAX_CALL_DURATION_MINUTES", "0.1"}}))
                  .calls.duration_max,
              std::chrono::seconds(6));
    EXPECT_EQ(settings_of(an_agent, with_environment({{"MAX_CALL_DURATION_MINUTES", "2"}}))
                  .calls.duration_max,
              std::chrono::minutes(2));
    EXPECT_THAT(faults_of(an_agent, with_environment({{"MAX_CALL_DURATION_MINUTES", "5 min"}})),
                ElementsAre(HasSubstr("expected a number between 0.05 and 1440")));
}

TEST(Environment, BooleansComeInManySpellings) {
    for (const std::string yes : {"true", "TRUE", "1", "yes", "on"}) {
        EXPECT_TRUE(settings_with_agent("twilio: {validate_signatures: false}",
                                        with_environment({{"ENABLE_WEBHOOK_VALIDATION", yes}}))
                        .twilio.validate_signatures)
            << yes;
    }
    for (const std::string no : {"false", "0", "No", "off"}) {
        EXPECT_FALSE(settings_of(an_agent, with_environment({{"ENABLE_WEBHOOK_VALIDATION", no}}))
                         .twilio.validate_signatures)
            << no;
    }
}

TEST(Environment, EmptyVariableCountsAsUnset) {
    const auto settings =
        settings_with_agent("server: {port: 81}", with_environment({{"PORT", ""}, {"HOST", "  "}}));
    EXPECT_EQ(settings.server.port, 81);
    EXPECT_EQ(settings.server.host, "::");
}

TEST(Environment, PublicAddressIsTidied) {
    const auto tidied = [](const std::string& address) {
        return settings_of(an_agent, with_environment({{"PUBLIC_URL", address}})).server.public_url;
    };
    EXPECT_EQ(tidied("voice.example.com"), "https://voice.example.com");
    EXPECT_EQ(tidied("voice.example.com/"), "https://voice.example.com");
    EXPECT_EQ(tidied("localhost:3000"), "https://localhost:3000");
    EXPECT_EQ(tidied("http://127.0.0.1:3000//"), "http://127.0.0.1:3000");
    EXPECT_EQ(tidied("https://example.com/parley/"), "https://example.com/parley");
    EXPECT_EQ(tidied("http://[::1]:3000"), "http://[::1]:3000");
    EXPECT_EQ(tidied("https://a1b2-c3.ngrok-free.app"), "https://a1b2-c3.ngrok-free.app");
}

TEST(Environment, BeatsYamlAndIsBeatenByFlags) {
    auto options = with_environment({{"PORT", "4000"}, {"HOST", "127.0.0.1"}});
    options.flags = {{"server.port", "5000"}};
    const auto settings =
        settings_with_agent("server: {port: 81, host: '::', calls_max: 7}", options);
    EXPECT_EQ(explained(settings, "server.port"), "5000 (flag --port)");
    EXPECT_EQ(explained(settings, "server.host"), "127.0.0.1 (environment HOST)");
    EXPECT_EQ(explained(settings, "server.calls_max"), "7 (parley.yaml:1)");
    EXPECT_EQ(explained(settings, "server.io_threads"), "0 (default)");
    EXPECT_EQ(settings.server.port, 5000);
}

TEST(Environment, BadYamlValueThatIsOverriddenIsNoFault) {
    EXPECT_EQ(settings_with_agent("server: {port: eighty}", with_environment({{"PORT", "80"}}))
                  .server.port,
              80);
}

TEST(Environment, DoesNotCoverUpAWrongGroup) {
    EXPECT_THAT(
        faults_with_agent("server: nothing", with_environment({{"PORT", "80"}})),
        ElementsAre("parley.yaml:1: server: expected a group of settings, found \"nothing\""));
}

TEST(Flags, BadValueBlamesTheFlag) {
    EXPECT_THAT(
        faults_of(an_agent, with_flags({{"server.port", "eighty"}})),
        ElementsAre("flag --port: expected a whole number between 0 and 65535, found \"eighty\"; "
                    "use a port such as 3000"));
    EXPECT_THAT(
        faults_of(an_agent, with_flags({{"server.prot", "80"}})),
        ElementsAre("flag --set server.prot: unknown setting; did you mean \"server.port\"?"));
    EXPECT_THAT(faults_of(an_agent, with_flags({{"", "80"}})),
                ElementsAre("flag --set : unknown setting; `parley config` lists them all"));
}

TEST(Flags, AreNeverIgnoredInSilence) {
    EXPECT_THAT(
        faults_of("agents: {sarah: {vars: {breaks: [a]}}}\nnumbers: {default: sarah}\n",
                  with_flags({{"agents.sarah.vars.breaks.0", "b"}})),
        ElementsAre(
            "flag --set agents.sarah.vars.breaks.0: what is above it in the files is not a group of settings"));
    EXPECT_THAT(faults_of(an_agent, with_flags({{"server", "x"}})),
                ElementsAre("flag --set server: expected a group of settings, found \"x\""));
}

TEST(Flags, ReachEverySetting) {
    const auto settings =
        settings_of(an_agent, with_flags({{"openai.turn_detection.threshold", "0.7"},
                                          {"agents.sarah.voice", "cedar"},
                                          {"agents.sarah.vars.slot_minutes", "20"}}));
    EXPECT_EQ(settings.openai.turn_detection.threshold, 0.7);
    EXPECT_EQ(settings.agents.at("sarah").voice, "cedar");
    EXPECT_EQ(settings.agents.at("sarah").vars.at("slot_minutes"), json::value(20));
    EXPECT_EQ(explained(settings, "openai.turn_detection.threshold"),
              "0.7 (flag --set openai.turn_detection.threshold)");
}

class EnvFile : public ::testing::Test {
 protected:
    LoadOptions with(std::string_view text,
                     std::map<std::string, std::string> environment = {}) const {
        auto options = with_environment(std::move(environment));
        options.env_file = folder_.write("env", text);
        return options;
    }
    std::string path() const { return folder_ / "env"; }
    Folder folder_;
};

TEST_F(EnvFile, BadLinesAreFaultsWithTheirLine) {
    EXPECT_THAT(
        faults_of(
            an_agent,
            with(
                "# fine\nPORT=80\njust words\nTWO WORDS=1\n1X=1\nA=\"open\nB='a' b\nC=\xFF\nexport D\n")),
        ElementsAre(
            path() + ":3: expected NAME=value; put a # before a comment",
            path() + ":4: expected NAME=value with a name of letters, digits and _",
            path() + ":5: expected NAME=value with a name of letters, digits and _",
            path() + ":6: A: the quote is not closed; end the value with the quote it begins with",
            path() +
                ":7: B: something follows the closing quote; quote the whole value, or put a # before a comment",
            path() + ":8: not valid UTF-8 text; save the file as UTF-8",
            path() + ":9: expected NAME=value; put a # before a comment"));
}

TEST_F(EnvFile, BadValueHasFileAndLine) {
    EXPECT_THAT(
        faults_of(an_agent, with("\nPORT=eighty\n")),
        ElementsAre(path() +
                    ":2: PORT: expected a whole number between 0 and 65535, found \"eighty\"; "
                    "use a port such as 3000"));
}

TEST_F(EnvFile, FolderInItsPlaceIsAFault) {
    auto options = bare_options();
    options.env_file = folder_.path();
    EXPECT_THAT(
        faults_of(an_agent, options),
        ElementsAre(folder_.path() + ": is a folder, not a file; make it readable, or remove it"));
}

TEST_F(EnvFile, AbsentFileIsFine) {
    auto options = bare_options();
    options.env_file = folder_ / "none";
    EXPECT_THAT(faults_of(an_agent, options), IsEmpty());
}

TEST_F(EnvFile, IsBelowTheRealEnvironment) {
    const auto settings = settings_of(
        an_agent, with("PORT=4000\nHOST=127.0.0.1\n", {{"PORT", "5000"}, {"HOST", ""}}));
    EXPECT_EQ(explained(settings, "server.port"), "5000 (environment PORT)");
    EXPECT_EQ(explained(settings, "server.host"), "127.0.0.1 (" + path() + " HOST)");
}

TEST_F(EnvFile, FillsVariablesInYaml) {
    EXPECT_EQ(settings_with_agent("store: {path: \"${DIR}/x\"}", with("DIR=/data\n")).store.path,
              "/data/x");
}

TEST_F(EnvFile, UnderstandsTheUsualForms) {
    const auto value = [this](const std::string& line) {
        return settings_with_agent("store: {path: \"${V}\"}", with(line)).store.path;
    };
    EXPECT_EQ(value("V=plain"), "plain");
    EXPECT_EQ(value("export V=plain"), "plain");
    EXPECT_EQ(value("  V = plain  \r\n"), "plain");
    EXPECT_EQ(value("V=a#b"), "a#b");
    EXPECT_EQ(value("V=a # comment"), "a");
    EXPECT_EQ(value("V=\"a # b\" # comment"), "a # b");
    EXPECT_EQ(value("V='single \"quotes\" \\n'"), "single \"quotes\" \\n");
    EXPECT_EQ(value("V=\"a\\tb\\\"\\\\\\q\""), "a\tb\"\\\\q");
    EXPECT_EQ(value("V=a=b=c"), "a=b=c");
    EXPECT_EQ(value("V=${HOME}"), "${HOME}");
    EXPECT_EQ(value("V=first\nV=second"), "second");
    EXPECT_EQ(value("\xEF\xBB\xBFV=after a byte order mark"), "after a byte order mark");
}

class Overlays : public ::testing::Test {
 protected:
    Folder folder_;
};

TEST_F(Overlays, MissingFilesAreFaults) {
    auto options = bare_options();
    options.file = folder_ / "none.yaml";
    options.overlays = {folder_ / "nor_this.yaml"};
    auto loaded = load(options);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(
        texts(loaded.error()),
        ElementsAre(
            folder_ / "none.yaml" +
                ": cannot be read: No such file or directory; create it, or name another file",
            folder_ / "nor_this.yaml" +
                ": cannot be read: No such file or directory; create it, or name another file"));
}

TEST_F(Overlays, MissingSchemaIsAFault) {
    auto options = bare_options();
    options.schema_dir = folder_ / "schemas";
    EXPECT_THAT(
        faults_of(an_agent, options),
        ElementsAre(
            folder_ / "schemas/parley.schema.json" +
            ": cannot be read: No such file or directory; restore the file that came with this version"));
    std::filesystem::create_directory(folder_ / "schemas");
    folder_.write("schemas/parley.schema.json", "[]");
    EXPECT_THAT(
        faults_of(an_agent, options),
        ElementsAre(folder_ / "schemas/parley.schema.json" +
                    ": is not a JSON object; restore the file that came with this version"));
}

TEST_F(Overlays, FaultsNameTheFileAndLineTheyAreIn) {
    auto options = bare_options();
    const auto first = options.overlays.emplace_back(
        folder_.write("first.yaml", "\nserver:\n  port: eighty\n  hots: x\n"));
    const auto second = options.overlays.emplace_back(
        folder_.write("second.yaml", "server:\n\n\n  calls_max: many\n"));
    EXPECT_THAT(faults_with_agent("server:\n  port: 80\n  io_threads: few", options),
                ElementsAre(HasSubstr(first + ":3: server.port: "),
                            HasSubstr("parley.yaml:3: server.io_threads: "),
                            HasSubstr(first + ":4: server.hots: "),
                            HasSubstr(second + ":4: server.calls_max: ")));
}

TEST_F(Overlays, SyntaxErrorInOneDoesNotBlameTheRest) {
    auto options = bare_options();
    const auto bad = options.overlays.emplace_back(folder_.write("bad.yaml", "agents: [\n"));
    EXPECT_THAT(faults_of("log: {}", options), ElementsAre(HasSubstr(bad + ":")));
}

TEST_F(Overlays, GroupsMergeWhileListsAndValuesAreReplaced) {
    auto options = bare_options();
    options.overlays = {
        folder_.write(
            "a.yaml",
            "agents: {sarah: {voice: cedar, vars: {breaks: [\"13:00-14:00\"], hours: {friday: x}}}}\n"),
        folder_.write(
            "b.yaml",
            "agents: {anna: {script: sarah}}\nnumbers: {+15550100001: anna}\nserver:\nlog: {level: warn}\n"),
    };
    const auto settings = settings_of(
        "agents: {sarah: {script: front, vars: {clinic: A, breaks: [\"12:00-13:00\", b], hours: {monday: m}}}}\n"
        "numbers: {default: sarah}\nserver: {port: 81}\nlog: {level: debug}\n",
        options);
    const auto& sarah = settings.agents.at("sarah");
    EXPECT_EQ(sarah.script, "front");
    EXPECT_EQ(sarah.voice, "cedar");
    EXPECT_EQ(
        json::value(sarah.vars),
        json::parse(
            R"({"clinic": "A", "breaks": ["13:00-14:00"], "hours": {"monday": "m", "friday": "x"}})"));
    EXPECT_EQ(sarah.where, "parley.yaml:1");
    EXPECT_EQ(settings.agents.at("anna").where, options.overlays[1] + ":1");
    EXPECT_EQ(settings.agent_for("+15550100001")->name, "anna");
    EXPECT_EQ(settings.server.port, 81);
    EXPECT_EQ(explained(settings, "log.level"), "warn (" + options.overlays[1] + ":4)");
    EXPECT_EQ(explained(settings, "server.port"), "81 (parley.yaml:3)");
}

TEST_F(Overlays, EmptyOneChangesNothing) {
    auto options = bare_options();
    options.overlays = {folder_.write("empty.yaml", "# all defaults\n")};
    EXPECT_EQ(settings_with_agent("server: {port: 81}", options).server.port, 81);
}

TEST(ProcessEnvironment, HoldsWhatWasSet) {
    ::setenv("PARLEY_CONFIG_TEST", "a=b", 1);
    EXPECT_EQ(process_environment().at("PARLEY_CONFIG_TEST"), "a=b");
    ::unsetenv("PARLEY_CONFIG_TEST");
}

}  // namespace
}  // namespace parley::config::test
