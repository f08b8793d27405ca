// What scripts may reach: hosts, keys, secrets.
#include "loading.hpp"

#include <parley/core/log.hpp>

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ScriptSettings, AllowNothingByDefault) {
    const auto settings = settings_with_agent("");
    EXPECT_TRUE(settings.scripts.http.allow.empty());
    EXPECT_TRUE(settings.scripts.http.allow_private.empty());
    EXPECT_TRUE(settings.scripts.secrets.empty());
    EXPECT_EQ(settings.scripts.open_requests_max, 16);
    EXPECT_EQ(settings.scripts.kv.ttl, std::chrono::hours(24));
    EXPECT_EQ(explained(settings, "scripts.http.response_bytes_max"), "1048576 (default)");
}

TEST(ScriptSettings, NameHostsAndLimits) {
    const auto settings = settings_with_agent(
        "scripts:\n  open_requests_max: 4\n  http:\n    allow: [api.example.com, \"*.crm.example\", \"127.0.0.1:8080\", \"[::1]:8080\"]\n"
        "    allow_private: [crm.internal, 10.1.0.0/16, fd00::/8]\n    response_bytes_max: 2048\n    timeout_ms: 3000\n"
        "  kv:\n    ttl_seconds: 60\n    ttl_max_seconds: 120\n    value_bytes_max: 1024");
    EXPECT_THAT(settings.scripts.http.allow,
                ElementsAre("api.example.com", "*.crm.example", "127.0.0.1:8080", "[::1]:8080"));
    EXPECT_THAT(settings.scripts.http.allow_private,
                ElementsAre("crm.internal", "10.1.0.0/16", "fd00::/8"));
    EXPECT_EQ(settings.scripts.http.response_bytes_max, 2048u);
    EXPECT_EQ(settings.scripts.http.timeout, std::chrono::seconds(3));
    EXPECT_EQ(settings.scripts.open_requests_max, 4);
    EXPECT_EQ(settings.scripts.kv.ttl_max, std::chrono::seconds(120));
    EXPECT_EQ(settings.scripts.kv.value_bytes_max, 1024u);
}

TEST(ScriptSettings, RefuseWhatIsNoHost) {
    EXPECT_THAT(
        faults_with_agent("scripts:\n  http:\n    allow: [\"https://api.example.com/\"]"),
        ElementsAre(HasSubstr(
            "parley.yaml:3: scripts.http.allow.0: expected a host without scheme and path")));
    EXPECT_THAT(faults_with_agent("scripts:\n  http:\n    allow: api.example.com"),
                ElementsAre(HasSubstr("scripts.http.allow: expected a list")));
    EXPECT_THAT(faults_with_agent("scripts:\n  http:\n    alow: []"),
                ElementsAre(HasSubstr("did you mean \"allow\"?")));
}

TEST(ScriptSettings, TakeListsFromTheCommandLine) {
    auto options = with_flags({{"scripts.http.allow", "api.example.com, crm.example.com:8443"}});
    EXPECT_THAT(settings_with_agent("", options).scripts.http.allow,
                ElementsAre("api.example.com", "crm.example.com:8443"));
    options = with_flags({{"scripts.http.allow", "[]"}});
    EXPECT_TRUE(settings_with_agent("scripts:\n  http:\n    allow: [api.example.com]", options)
                    .scripts.http.allow.empty());
}

TEST(ScriptSettings, KeepSecretsSecret) {
    auto options = with_environment({{"CRM_TOKEN", "tok-1234567890"}});
    const auto settings = settings_with_agent(
        "secrets:\n  crm_token:\n    value: ${CRM_TOKEN}\n    scripts: [tools/check_slots, agents/sarah]",
        options);
    ASSERT_EQ(settings.scripts.secrets.count("crm_token"), 1u);
    EXPECT_EQ(settings.scripts.secrets.at("crm_token").value.reveal(), "tok-1234567890");
    EXPECT_THAT(settings.scripts.secrets.at("crm_token").scripts,
                ElementsAre("tools/check_slots", "agents/sarah"));
    EXPECT_THAT(explained(settings, "secrets.crm_token.value"), HasSubstr("set (…7890)"));
    for (const auto& line : settings.explained)
        EXPECT_THAT(line.value, Not(HasSubstr("tok-1234567890"))) << line.path;
    EXPECT_EQ(log::without_secrets("Bearer tok-1234567890"), "Bearer ***")
        << "log lines do not show it either";
}

TEST(ScriptSettings, SayWhatIsWrongWithASecret) {
    EXPECT_THAT(
        faults_with_agent(
            "secrets:\n  crm_token:\n    value: ${CRM_TOKEN}\n    scripts: [tools/x]"),
        ElementsAre(HasSubstr(
            "parley.yaml:3: secrets.crm_token.value: the environment variable CRM_TOKEN is not set")));
    EXPECT_THAT(faults_with_agent("secrets:\n  crm_token:\n    value: a"),
                ElementsAre(HasSubstr("secrets.crm_token.scripts: missing")));
    EXPECT_THAT(
        faults_with_agent("secrets:\n  crm_token:\n    value: a\n    scripts: [check_slots]"),
        ElementsAre(HasSubstr("expected a script of the scripts folder without .lua")));
}

}  // namespace
}  // namespace parley::config::test
