// The effective settings: defaults, retired models, what `parley config` shows, the files that
// ship.
#include "loading.hpp"

#include <parley/config/report.hpp>
#include <parley/core/schema.hpp>

#include <set>

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

json::object shipped_schema() {
    return json::parse(file_text(PARLEY_SOURCE_DIR "/schemas/parley.schema.json")).as_object();
}

Settings with_model(const std::string& model) {
    return settings_with_agent("openai:\n  model: " + model);
}

TEST(Models, RetiredIdsBecomeTheirSuccessorWithAWarning) {
    for (const std::string model : {"gpt-4o-realtime-preview", "gpt-4o-realtime-preview-2024-10-01",
                                    "gpt-4o-realtime-preview-2025-06-03", "gpt-4o-realtime"}) {
        const auto settings = with_model(model);
        EXPECT_EQ(settings.openai.model, "gpt-realtime-2.1");
        EXPECT_THAT(settings.warnings, ElementsAre("parley.yaml:2: openai.model: model " + model +
                                                   " is retired; using gpt-realtime-2.1"));
        EXPECT_EQ(explained(settings, "openai.model"), "gpt-realtime-2.1 (parley.yaml:2)");
    }
    for (const std::string model :
         {"gpt-4o-mini-realtime-preview", "gpt-4o-mini-realtime-preview-2024-12-17",
          "gpt-4o-mini-realtime", "gpt-realtime-mini-2025-10-06"}) {
        const auto settings = with_model(model);
        EXPECT_EQ(settings.openai.model, "gpt-realtime-2.1-mini");
        EXPECT_THAT(settings.warnings, ElementsAre("parley.yaml:2: openai.model: model " + model +
                                                   " is retired; using gpt-realtime-2.1-mini"));
    }
}

TEST(Models, DeprecatedIdsStayWithAWarningThatNamesTheDay) {
    const std::map<std::string, std::string> deprecated = {
        {"gpt-realtime", "gpt-realtime-2.1"},
        {"gpt-realtime-2025-08-28", "gpt-realtime-2.1"},
        {"gpt-realtime-mini", "gpt-realtime-2.1-mini"},
        {"gpt-realtime-mini-2025-12-15", "gpt-realtime-2.1-mini"},
    };
    for (const auto& [model, successor] : deprecated) {
        const auto settings = with_model(model);
        EXPECT_EQ(settings.openai.model, model);
        EXPECT_THAT(settings.warnings,
                    ElementsAre("parley.yaml:2: openai.model: model " + model +
                                " shuts down on 2027-01-20; change to " + successor));
    }
}

TEST(Models, LivingAndUnknownIdsAreLeftAlone) {
    for (const std::string model : {"gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2",
                                    "gpt-realtime-1.5", "my/own"}) {
        const auto settings = with_model(model);
        EXPECT_EQ(settings.openai.model, model);
        EXPECT_THAT(settings.warnings, IsEmpty());
    }
}

TEST(Models, AgentsOwnAndTheEnvironmentsAreMappedToo) {
    const auto settings = settings_of(
        "agents:\n  sarah:\n    model: gpt-4o-mini-realtime-preview\nnumbers: {default: sarah}\n",
        with_environment({{"OPENAI_REALTIME_MODEL", "gpt-4o-realtime-preview"}}));
    EXPECT_EQ(settings.openai.model, "gpt-realtime-2.1");
    EXPECT_EQ(settings.agents.at("sarah").model, "gpt-realtime-2.1-mini");
    EXPECT_THAT(
        settings.warnings,
        ElementsAre(
            "environment OPENAI_REALTIME_MODEL: model gpt-4o-realtime-preview is retired; using gpt-realtime-2.1",
            "parley.yaml:3: agents.sarah.model: model gpt-4o-mini-realtime-preview is retired; using "
            "gpt-realtime-2.1-mini"));
}

TEST(Money, CapsOnAModelWithoutAPriceAreWarnedOf) {
    const std::string caps = "limits: {money: {day_usd: 50}}\n";
    EXPECT_THAT(
        settings_with_agent(caps).warnings,
        ElementsAre("parley.yaml:1: limits.money: calls with model gpt-realtime-2.1 are not "
                    "limited: openai.prices does not say what it costs"));
    const std::string price =
        "{text_in: 1, text_cached: 1, text_out: 1, audio_in: 1, "
        "audio_cached: 1, audio_out: 1}";
    EXPECT_THAT(
        settings_with_agent(caps + "openai: {prices: {gpt-realtime-2.1: " + price + "}}").warnings,
        IsEmpty());
    EXPECT_THAT(settings_with_agent("").warnings, IsEmpty());
}

TEST(Explained, SecretsAreMaskedEverywhere) {
    const std::string token = "0123456789abcdef0123456789abcdef";
    const std::string key = "sk-proj-QWERTYUIOPASDFGH-" + std::string(120, 'k') + "wxyz";
    auto options = with_environment({{"OPENAI_API_KEY", key}, {"CRM_TOKEN", "crm-9876543210-crm"}});
    const auto settings = settings_of(
        "twilio: {auth_token: " + token +
            "}\n"
            "openai: {voice: marin}\n"
            "agents:\n  sarah:\n    greeting: \"call ${CRM_TOKEN} now\"\n"
            "    vars: {crm: \"Bearer ${CRM_TOKEN}\", db_password: hunter2-hunter2, list: [\"${CRM_TOKEN}\"], tokens: [secret-in-list]}\n"
            "numbers: {default: sarah}\n",
        options);
    EXPECT_EQ(explained(settings, "openai.api_key"), "set (…wxyz) (environment OPENAI_API_KEY)");
    EXPECT_EQ(explained(settings, "twilio.auth_token"), "set (…cdef) (parley.yaml:1)");
    EXPECT_EQ(explained(settings, "agents.sarah.vars.db_password"), "set (…ter2) (parley.yaml:6)");
    EXPECT_EQ(explained(settings, "agents.sarah.vars.crm"), "Bearer *** (parley.yaml:6)");
    const auto table = explain(settings);
    for (const std::string_view secret :
         {std::string_view(token), std::string_view(key), std::string_view("QWERTY"),
          std::string_view("crm-9876543210-crm"), std::string_view("hunter2"),
          std::string_view("secret-in-list")}) {
        EXPECT_THAT(table, Not(HasSubstr(std::string(secret))));
        for (const auto& line : settings.explained)
            EXPECT_THAT(line.value, Not(HasSubstr(std::string(secret)))) << line.path;
    }
}

TEST(Explained, ShortSecretsShowNothingOfThemselves) {
    const auto settings = settings_with_agent("twilio: {auth_token: abcdefgh}");
    EXPECT_EQ(explained(settings, "twilio.auth_token"), "set (parley.yaml:1)");
    EXPECT_EQ(explained(settings, "openai.api_key"), "not set (default)");
}

TEST(Faults, NeverRepeatASecret) {
    const std::string key = "0aQ-WERTYUIOPASDFGHJKLZXCVBNM-" + std::string(100, 'k');
    const auto all = [](const Lines& lines) {
        std::string text;
        for (const auto& line : lines) text += line + "\n";
        return text;
    };
    // In its own place with something wrong about it, in the wrong variable, in the wrong place in
    // YAML.
    auto own = all(faults_of(an_agent, with_environment({{"OPENAI_API_KEY", key + " x"}})));
    EXPECT_EQ(
        own,
        "environment OPENAI_API_KEY: expected printable characters without spaces; set it in the environment "
        "as OPENAI_API_KEY\n");
    auto twice = all(
        faults_of(an_agent, with_environment({{"OPENAI_API_KEY", key}, {"OPENAI_BASE_URL", key}})));
    EXPECT_THAT(twice, HasSubstr("environment OPENAI_BASE_URL: expected"));
    EXPECT_THAT(twice, Not(HasSubstr("WERTY")));
    auto misplaced =
        all(faults_of(an_agent, with_environment({{"OPENAI_BASE_URL", "sk-proj-WERTYUIOP"}})));
    EXPECT_THAT(misplaced, HasSubstr("found \"sk-***\""));
    EXPECT_THAT(misplaced, Not(HasSubstr("WERTY")));
    auto filled_in = all(faults_with_agent("log: {level: \"${CRM_TOKEN}\"}",
                                           with_environment({{"CRM_TOKEN", key}})));
    EXPECT_THAT(filled_in, HasSubstr("parley.yaml:1: log.level: expected"));
    EXPECT_THAT(filled_in, Not(HasSubstr("WERTY")));
}

TEST(Explained, ListsEverySettingInAStableOrder) {
    const auto settings = settings_of(an_agent);
    Lines paths;
    for (const auto& line : settings.explained) paths.push_back(line.path);
    EXPECT_THAT(
        paths,
        ElementsAre(
            "server.host", "server.port", "server.public_url", "server.io_threads",
            "server.calls_max", "server.drain_limit_seconds", "server.admin_token",
            "server.root_answer", "twilio.account_sid", "twilio.auth_token", "twilio.phone_number",
            "twilio.base_url", "twilio.api_key", "twilio.api_secret", "twilio.region",
            "twilio.edge", "twilio.validate_signatures", "twilio.paths", "openai.api_key",
            "openai.base_url", "openai.model", "openai.voice", "openai.audio",
            "openai.transcription_model", "openai.turn_detection.type",
            "openai.turn_detection.threshold", "openai.turn_detection.prefix_padding_ms",
            "openai.turn_detection.silence_duration_ms", "openai.turn_detection.eagerness",
            "calls.duration_max_minutes", "calls.filler_after_ms", "calls.silence_before_prompt_ms",
            "calls.silence_prompts_max", "calls.transfer_to", "calls.hold_music", "calls.record",
            "calls.phrases.one_moment", "calls.phrases.apology", "calls.phrases.goodbye",
            "calls.phrases.over_budget", "outbound.allowed_prefixes", "outbound.agent",
            "outbound.calls_per_second", "outbound.calls_max", "outbound.per_number_per_day",
            "outbound.per_day", "outbound.quiet_hours", "outbound.default_time_zone",
            "outbound.ring_seconds", "scripts.dir", "scripts.memory_bytes_max",
            "scripts.cpu_max_ms", "scripts.tool_timeout_ms", "scripts.output_bytes_max",
            "scripts.watch", "scripts.open_requests_max", "scripts.http.allow",
            "scripts.http.allow_private", "scripts.http.response_bytes_max",
            "scripts.http.timeout_ms", "scripts.kv.ttl_seconds", "scripts.kv.ttl_max_seconds",
            "scripts.kv.value_bytes_max", "store.path", "transcripts.dir",
            "retention.transcripts_days", "retention.recordings_days", "retention.journal_days",
            "redis.url", "redis.password", "speech.provider", "speech.voice",
            "speech.openai.base_url", "speech.openai.api_key", "speech.openai.model",
            "speech.elevenlabs.base_url", "speech.elevenlabs.api_key", "speech.elevenlabs.model",
            "privacy.card_numbers", "limits.money.call_usd", "limits.money.number_day_usd",
            "limits.money.day_usd", "log.level", "agents.sarah.script", "agents.sarah.voice",
            "agents.sarah.model", "agents.sarah.language", "agents.sarah.greeting",
            "numbers.default"));
}

TEST(Explained, AgentShowsWhereItsVoiceAndModelComeFrom) {
    const auto settings =
        settings_of("agents: {anna: {voice: cedar}, sarah: }\nnumbers: {default: sarah}\n");
    EXPECT_EQ(explained(settings, "agents.anna.voice"), "cedar (parley.yaml:1)");
    EXPECT_EQ(explained(settings, "agents.sarah.voice"), "marin (openai.voice)");
    EXPECT_EQ(explained(settings, "agents.sarah.model"), "gpt-realtime-2.1 (openai.model)");
    EXPECT_EQ(explained(settings, "agents.sarah.script"), "sarah (the agent's name)");
    EXPECT_EQ(settings.agents.at("sarah").voice, "");
}

TEST(Report, ColumnsAreAlignedAndEachSettingHasOneLine) {
    Settings settings;
    settings.explained = {{"a", "zwölf", "default"},
                          {"longer.path", "two\nlines\x1b[2J", "config/parley.yaml:4"}};
    EXPECT_EQ(explain(settings),
              "SETTING      VALUE           SOURCE\n"
              "a            zwölf           default\n"
              "longer.path  two\\nlines [2J  config/parley.yaml:4\n");
}

TEST(Report, LongValuesAreCut) {
    Settings settings;
    settings.explained = {{"greeting", std::string(500, 'x'), "default"}};
    EXPECT_LT(explain(settings).size(), 250U);
}

// Every value the schema gives as a default must be what the struct holds when nothing is said.
TEST(Defaults, SchemaAndStructAgree) {
    const auto unsaid = settings_of(an_agent);
    std::string yaml;
    std::map<std::string, std::string> flags;
    for (const auto& line : unsaid.explained) {
        if (line.source != "default" || line.value == "not set") continue;
        if (line.path == "twilio.paths") continue;  // groups in a list are not for flags
        flags.emplace(line.path, line.value);
    }
    ASSERT_GT(flags.size(), 25U);
    const auto said = settings_of(an_agent, with_flags(flags));
    for (const auto* settings : {&unsaid, &said}) {
        const Settings structs;
        EXPECT_EQ(settings->server.host, structs.server.host);
        EXPECT_EQ(settings->server.port, structs.server.port);
        EXPECT_EQ(settings->server.public_url, structs.server.public_url);
        EXPECT_EQ(settings->server.io_threads, structs.server.io_threads);
        EXPECT_EQ(settings->server.calls_max, structs.server.calls_max);
        EXPECT_EQ(settings->server.drain_limit, structs.server.drain_limit);
        EXPECT_EQ(settings->server.admin_token.reveal(), structs.server.admin_token.reveal());
        EXPECT_EQ(settings->twilio.account_sid, structs.twilio.account_sid);
        EXPECT_EQ(settings->twilio.auth_token.reveal(), structs.twilio.auth_token.reveal());
        EXPECT_EQ(settings->twilio.phone_number, structs.twilio.phone_number);
        EXPECT_EQ(settings->twilio.base_url, structs.twilio.base_url);
        EXPECT_EQ(settings->twilio.validate_signatures, structs.twilio.validate_signatures);
        EXPECT_EQ(settings->twilio.paths, structs.twilio.paths);
        EXPECT_EQ(settings->twilio.api_key, structs.twilio.api_key);
        EXPECT_EQ(settings->twilio.api_secret.reveal(), structs.twilio.api_secret.reveal());
        EXPECT_EQ(settings->twilio.region, structs.twilio.region);
        EXPECT_EQ(settings->twilio.edge, structs.twilio.edge);
        EXPECT_EQ(settings->outbound.allowed_prefixes, structs.outbound.allowed_prefixes);
        EXPECT_EQ(settings->outbound.agent, structs.outbound.agent);
        EXPECT_EQ(settings->outbound.calls_per_second, structs.outbound.calls_per_second);
        EXPECT_EQ(settings->outbound.calls_max, structs.outbound.calls_max);
        EXPECT_EQ(settings->outbound.per_number_per_day, structs.outbound.per_number_per_day);
        EXPECT_EQ(settings->outbound.per_day, structs.outbound.per_day);
        EXPECT_EQ(settings->outbound.quiet_hours, structs.outbound.quiet_hours);
        EXPECT_EQ(settings->outbound.default_time_zone, structs.outbound.default_time_zone);
        EXPECT_EQ(settings->outbound.ring_limit, structs.outbound.ring_limit);
        EXPECT_EQ(settings->openai.api_key.reveal(), structs.openai.api_key.reveal());
        EXPECT_EQ(settings->openai.base_url, structs.openai.base_url);
        EXPECT_EQ(settings->openai.model, structs.openai.model);
        EXPECT_EQ(settings->openai.voice, structs.openai.voice);
        EXPECT_EQ(settings->openai.audio, structs.openai.audio);
        EXPECT_EQ(settings->openai.transcription_model, structs.openai.transcription_model);
        EXPECT_EQ(settings->openai.turn_detection.type, structs.openai.turn_detection.type);
        EXPECT_EQ(settings->openai.turn_detection.threshold,
                  structs.openai.turn_detection.threshold);
        EXPECT_EQ(settings->openai.turn_detection.prefix_padding_ms,
                  structs.openai.turn_detection.prefix_padding_ms);
        EXPECT_EQ(settings->openai.turn_detection.silence_duration_ms,
                  structs.openai.turn_detection.silence_duration_ms);
        EXPECT_EQ(settings->openai.turn_detection.eagerness,
                  structs.openai.turn_detection.eagerness);
        EXPECT_EQ(settings->calls.duration_max, structs.calls.duration_max);
        EXPECT_EQ(settings->calls.filler_after, structs.calls.filler_after);
        EXPECT_EQ(settings->calls.silence_before_prompt, structs.calls.silence_before_prompt);
        EXPECT_EQ(settings->calls.silence_prompts_max, structs.calls.silence_prompts_max);
        EXPECT_EQ(settings->calls.transfer_to, structs.calls.transfer_to);
        EXPECT_EQ(settings->calls.hold_music, structs.calls.hold_music);
        EXPECT_EQ(settings->calls.record, structs.calls.record);
        EXPECT_EQ(settings->calls.phrases, structs.calls.phrases);
        EXPECT_EQ(settings->scripts.dir, structs.scripts.dir);
        EXPECT_EQ(settings->scripts.memory_bytes_max, structs.scripts.memory_bytes_max);
        EXPECT_EQ(settings->scripts.cpu_max, structs.scripts.cpu_max);
        EXPECT_EQ(settings->scripts.tool_timeout, structs.scripts.tool_timeout);
        EXPECT_EQ(settings->scripts.output_bytes_max, structs.scripts.output_bytes_max);
        EXPECT_EQ(settings->scripts.watch, structs.scripts.watch);
        EXPECT_EQ(settings->store.path, structs.store.path);
        EXPECT_EQ(settings->log.level, structs.log.level);
    }
}

// Values other than the defaults, so that a setting that nobody reads is noticed.
TEST(Settings, EverySettingIsRead) {
    const auto settings = settings_of(
        "server: {host: h, port: 1, public_url: p.example, io_threads: 2, calls_max: 3, drain_limit_seconds: 4,\n"
        "         admin_token: 0123456789abcdef-}\n"
        "twilio: {account_sid: s, auth_token: t, phone_number: +15550100001, base_url: 'http://t', validate_signatures: false,\n"
        "  api_key: ak, api_secret: as, region: ie1, edge: dublin,\n"
        "  paths: [{voice: /v, stream: /s, methods: [POST], greeting: {say: Hi, voice: Polly.Amy, language: en-GB}}, {voice: /w, stream: /s}]}\n"
        "openai:\n"
        "  {api_key: k, base_url: 'ws://o', model: m, voice: v, audio: pcm16_24k, transcription_model: '',\n"
        "   turn_detection: {type: semantic_vad, threshold: 0.25, prefix_padding_ms: 5, silence_duration_ms: 60, eagerness: low},\n"
        "   prices: {m: {text_in: 1, text_cached: 2, text_out: 3, audio_in: 4, audio_cached: 5.5, audio_out: 6}},\n"
        "   transcription_prices: {t: 0.25, u: 1}}\n"
        "calls: {duration_max_minutes: 8, filler_after_ms: 700, silence_before_prompt_ms: 900, silence_prompts_max: 1, record: events,\n"
        "        transfer_to: ['+15550100'], hold_music: music.wav, phrases: {one_moment: o, apology: a, goodbye: g, over_budget: b}}\n"
        "outbound: {allowed_prefixes: ['+1', '+49'], agent: sarah, calls_per_second: 2.5, calls_max: 4, per_number_per_day: 5, per_day: 6,\n"
        "  quiet_hours: '22:00-07:30', default_time_zone: Europe/Berlin, time_zones: {'+1212': America/New_York}, ring_seconds: 20}\n"
        "scripts: {dir: d, memory_bytes_max: 300000, cpu_max_ms: 11, tool_timeout_ms: 12, output_bytes_max: 2048, watch: poll}\n"
        "store: {path: x}\n"
        "log: {level: warning}\n"
        "agents: {sarah: {script: s, voice: av, model: am, language: de-AT, greeting: ag, vars: {a: 1},\n"
        "  turn_taking: {type: semantic_vad, threshold: 0.75, prefix_padding_ms: 7, silence_ms: 70, eagerness: high,\n"
        "                interruptions: false, silence_before_prompt_ms: 700}}}\n"
        "numbers: {+15550100001: sarah}\n");
    EXPECT_EQ(settings.server.host, "h");
    EXPECT_EQ(settings.server.port, 1);
    EXPECT_EQ(settings.server.public_url, "https://p.example");
    EXPECT_EQ(settings.server.io_threads, 2U);
    EXPECT_EQ(settings.server.calls_max, 3U);
    EXPECT_EQ(settings.server.drain_limit, std::chrono::seconds(4));
    EXPECT_EQ(settings.server.admin_token.reveal(), "0123456789abcdef-");
    EXPECT_EQ(settings.twilio.account_sid, "s");
    EXPECT_EQ(settings.twilio.auth_token.reveal(), "t");
    EXPECT_EQ(settings.twilio.phone_number, "+15550100001");
    EXPECT_EQ(settings.twilio.base_url, "http://t");
    EXPECT_FALSE(settings.twilio.validate_signatures);
    EXPECT_EQ(settings.twilio.api_key, "ak");
    EXPECT_EQ(settings.twilio.api_secret.reveal(), "as");
    EXPECT_EQ(settings.twilio.region, "ie1");
    EXPECT_EQ(settings.twilio.edge, "dublin");
    EXPECT_THAT(settings.outbound.allowed_prefixes, ElementsAre("+1", "+49"));
    EXPECT_EQ(settings.outbound.agent, "sarah");
    EXPECT_EQ(settings.outbound.calls_per_second, 2.5);
    EXPECT_EQ(settings.outbound.calls_max, 4);
    EXPECT_EQ(settings.outbound.per_number_per_day, 5);
    EXPECT_EQ(settings.outbound.per_day, 6);
    EXPECT_EQ(settings.outbound.quiet_hours, "22:00-07:30");
    EXPECT_EQ(settings.outbound.default_time_zone, "Europe/Berlin");
    EXPECT_EQ(settings.outbound.time_zones,
              (std::map<std::string, std::string>{{"+1212", "America/New_York"}}));
    EXPECT_EQ(settings.outbound.ring_limit, std::chrono::seconds(20));
    EXPECT_THAT(settings.twilio.paths,
                ElementsAre(TwilioPath{"/v", "/s", {"POST"}, "Hi", "Polly.Amy", "en-GB"},
                            TwilioPath{"/w", "/s"}));
    EXPECT_EQ(settings.openai.api_key.reveal(), "k");
    EXPECT_EQ(settings.openai.base_url, "ws://o");
    EXPECT_EQ(settings.openai.model, "m");
    EXPECT_EQ(settings.openai.voice, "v");
    EXPECT_EQ(settings.openai.audio, "pcm16_24k");
    EXPECT_EQ(settings.openai.transcription_model, "");
    EXPECT_EQ(settings.openai.turn_detection.type, "semantic_vad");
    EXPECT_EQ(settings.openai.turn_detection.threshold, 0.25);
    EXPECT_EQ(settings.openai.turn_detection.prefix_padding_ms, 5);
    EXPECT_EQ(settings.openai.turn_detection.silence_duration_ms, 60);
    EXPECT_EQ(settings.openai.turn_detection.eagerness, "low");
    const auto& price = settings.openai.prices.at("m");
    EXPECT_THAT((std::vector{price.text_in, price.text_cached, price.text_out, price.audio_in,
                             price.audio_cached, price.audio_out}),
                ElementsAre(1, 2, 3, 4, 5.5, 6));
    EXPECT_EQ(settings.openai.transcription_prices,
              (std::map<std::string, double>{{"t", 0.25}, {"u", 1}}));
    EXPECT_EQ(settings.calls.duration_max, std::chrono::minutes(8));
    EXPECT_EQ(settings.calls.filler_after, std::chrono::milliseconds(700));
    EXPECT_EQ(settings.calls.silence_before_prompt, std::chrono::milliseconds(900));
    EXPECT_EQ(settings.calls.silence_prompts_max, 1);
    EXPECT_EQ(settings.calls.record, "events");
    EXPECT_THAT(settings.calls.transfer_to, ElementsAre("+15550100"));
    EXPECT_EQ(settings.calls.hold_music, "music.wav");
    EXPECT_EQ(settings.calls.phrases,
              (std::map<std::string, std::string>{
                  {"one_moment", "o"}, {"apology", "a"}, {"goodbye", "g"}, {"over_budget", "b"}}));
    EXPECT_EQ(settings.scripts.dir, "d");
    EXPECT_EQ(settings.scripts.memory_bytes_max, 300'000U);
    EXPECT_EQ(settings.scripts.cpu_max, std::chrono::milliseconds(11));
    EXPECT_EQ(settings.scripts.tool_timeout, std::chrono::milliseconds(12));
    EXPECT_EQ(settings.scripts.output_bytes_max, 2048U);
    EXPECT_EQ(settings.scripts.watch, "poll");
    EXPECT_EQ(settings.store.path, "x");
    EXPECT_EQ(settings.log.level, "warning");
    const auto& sarah = settings.agents.at("sarah");
    EXPECT_EQ(sarah.name, "sarah");
    EXPECT_EQ(sarah.script, "s");
    EXPECT_EQ(sarah.voice, "av");
    EXPECT_EQ(sarah.model, "am");
    EXPECT_EQ(sarah.language, "de-AT");
    EXPECT_EQ(sarah.greeting, "ag");
    EXPECT_EQ(sarah.vars, (json::object{{"a", 1}}));
    EXPECT_EQ(sarah.turn_taking.type, "semantic_vad");
    EXPECT_EQ(sarah.turn_taking.threshold, 0.75);
    EXPECT_EQ(sarah.turn_taking.prefix_padding_ms, 7);
    EXPECT_EQ(sarah.turn_taking.silence_ms, 70);
    EXPECT_EQ(sarah.turn_taking.eagerness, "high");
    EXPECT_EQ(sarah.turn_taking.interruptions, false);
    EXPECT_EQ(sarah.turn_taking.silence_before_prompt, std::chrono::milliseconds(700));
    EXPECT_EQ(sarah.where, "parley.yaml:18");
}

TEST(Texts, OfFilesThatHaveBeenReadAreNotReadAgain) {
    auto options = bare_options();
    options.file = "/nowhere/parley.yaml";
    options.overlays = {"/nowhere/more.yaml"};
    options.env_file = "/nowhere/.env";
    options.texts = {{options.file, an_agent},
                     {options.overlays[0], "log: {level: warn}\nserver: {host: \"${WHERE}\"}\n"},
                     {options.env_file, "WHERE=here\n"}};
    const auto settings = load(options);
    ASSERT_TRUE(settings) << settings.error().front().text();
    EXPECT_EQ(settings->log.level, "warn");
    EXPECT_EQ(settings->server.host, "here");
    EXPECT_EQ(explained(*settings, "log.level"), "warn (/nowhere/more.yaml:1)");
}

// The words of inspect() cover every keyword the schema uses; a new one must be taught to it.
void collect_keywords(const json::object& schema, std::set<std::string>& keywords,
                      Lines& undocumented, const std::string& path) {
    for (const auto& member : schema) keywords.insert(std::string(member.key()));
    if (path != "" && (!schema.contains("title") || !schema.contains("description")))
        undocumented.push_back(path);
    if (schema_type(schema) != "object" && !schema.contains("examples") &&
        json_read::boolean(schema, "writeOnly") != true) {
        undocumented.push_back(path + " (no example)");
    }
    if (const auto* properties = json_read::object(schema, "properties")) {
        for (const auto& property : *properties) {
            collect_keywords(property.value().as_object(), keywords, undocumented,
                             path + "/" + std::string(property.key()));
        }
    }
    if (const auto* each = json_read::object(schema, "additionalProperties")) {
        collect_keywords(*each, keywords, undocumented, path + "/*");
    }
    if (const auto* names = json_read::object(schema, "propertyNames")) {
        for (const auto& member : *names)
            keywords.insert("propertyNames/" + std::string(member.key()));
    }
}

TEST(ShippedSchema, UsesOnlyKeywordsThatHaveWordsAndDocumentsEverySetting) {
    std::set<std::string> keywords;
    Lines undocumented;
    collect_keywords(shipped_schema(), keywords, undocumented, "");
    const std::set<std::string> known = {"$schema",
                                         "$id",
                                         "title",
                                         "description",
                                         "type",
                                         "default",
                                         "examples",
                                         "properties",
                                         "additionalProperties",
                                         "propertyNames",
                                         "required",
                                         "minProperties",
                                         "items",
                                         "minItems",
                                         "maxItems",
                                         "enum",
                                         "minimum",
                                         "maximum",
                                         "minLength",
                                         "maxLength",
                                         "pattern",
                                         "patternErrorMessage",
                                         "writeOnly",
                                         "x-remedy",
                                         "x-env",
                                         "x-env-alias",
                                         "x-flag",
                                         "propertyNames/pattern",
                                         "propertyNames/maxLength",
                                         "propertyNames/patternErrorMessage",
                                         "propertyNames/x-remedy"};
    for (const auto& keyword : keywords) EXPECT_TRUE(known.contains(keyword)) << keyword;
    EXPECT_THAT(undocumented, IsEmpty());
}

// What inspect() misses, the schema itself still refuses, with file and line.
TEST(ShippedSchema, HasTheLastWord) {
    Folder folder;
    auto schema = shipped_schema();
    schema["properties"]
        .as_object()["store"]
        .as_object()["properties"]
        .as_object()["path"]
        .as_object()["const"] = "x.db";
    folder.write("parley.schema.json", json::serialize(schema));
    auto options = bare_options();
    options.schema_dir = folder.path();
    const auto faults = faults_with_agent("store:\n  path: y.db", options);
    ASSERT_FALSE(faults.empty());
    EXPECT_THAT(faults, ::testing::Contains(HasSubstr("parley.yaml:2: store.path: ")));
}

TEST(ShippedConfig, LoadsWithNothingInTheEnvironment) {
    auto options = bare_options();
    options.file = PARLEY_SOURCE_DIR "/config/parley.yaml";
    auto loaded = load(options);
    ASSERT_TRUE(loaded) << ::testing::PrintToString(texts(loaded.error()));
    EXPECT_THAT(loaded->warnings, IsEmpty());
    EXPECT_EQ(loaded->agent_for("+15550100001")->name, "sarah");
    const auto& vars = loaded->agents.at("sarah").vars;
    EXPECT_EQ(json::value(vars), json::parse(R"({
        "clinic": "Riverside Medical", "calendar": "riverside", "time_zone": "America/New_York", "slot_minutes": 30,
        "hours": {"monday": "09:00-17:00", "tuesday": "09:00-17:00", "wednesday": "09:00-17:00",
                  "thursday": "09:00-17:00", "friday": "09:00-17:00"},
        "breaks": ["12:00-13:00"], "closed_days": ["2026-12-25", "2027-01-01"], "booking_horizon_days": 90})"));
    EXPECT_EQ(loaded->openai.prices.at("gpt-realtime-2.1").audio_out, 64);
    EXPECT_EQ(loaded->openai.prices.at("gpt-realtime-2.1-mini").audio_out, 20);
    EXPECT_EQ(loaded->openai.prices.at("gpt-realtime-2").text_cached, 0.40);
    EXPECT_EQ(loaded->openai.prices.at("gpt-realtime").text_out, 16);
    EXPECT_EQ(loaded->openai.prices.at("gpt-realtime-mini").text_out, 2.40);
}

// What stands there commented out must be right too: operators take the # away.
TEST(ShippedConfig, CommentedLinesAreValidWhenUncommented) {
    std::string yaml;
    std::istringstream lines(file_text(PARLEY_SOURCE_DIR "/config/parley.yaml"));
    int uncommented = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto hash = line.find("# ");
        const bool is_setting =
            hash != std::string::npos && line.find_first_not_of(' ') == hash && hash > 0 &&
            line.find(": ", hash) != std::string::npos && line[hash + 2] != ' ' &&
            line.substr(hash + 2, line.find(':') - hash - 2).find(' ') == std::string::npos;
        if (is_setting && line.find("For ") == std::string::npos) {
            line.erase(hash, 2);
            ++uncommented;
        }
        yaml += line + "\n";
    }
    EXPECT_GE(uncommented, 20);
    // These are there without a value: secrets, and what nobody can guess.
    std::vector<std::string> empty;
    for (const auto& fault : faults_of(yaml)) {
        EXPECT_THAT(fault, HasSubstr(": expected text, found nothing"));
        const auto path = fault.substr(fault.find(": ") + 2);
        empty.push_back(path.substr(0, path.find(':')));
    }
    EXPECT_THAT(empty,
                ElementsAre("server.admin_token", "twilio.account_sid", "twilio.auth_token",
                            "twilio.api_key", "twilio.region", "twilio.edge", "openai.api_key",
                            "outbound.agent", "outbound.default_time_zone"));
}

TEST(ShippedConfig, BeginsWithItsSchemaForEditors) {
    EXPECT_TRUE(
        file_text(PARLEY_SOURCE_DIR "/config/parley.yaml")
            .starts_with("# yaml-language-server: $schema=../schemas/parley.schema.json\n"));
}

}  // namespace
}  // namespace parley::config::test
