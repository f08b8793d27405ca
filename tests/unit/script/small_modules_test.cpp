// text (as spoken), time (as spoken), crypto, secrets, metrics, os.
#include "fakes.hpp"

#include "../../../runtime/script/src/spoken_text.hpp"

#include <parley/core/log.hpp>

namespace parley::script {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string message_of(const std::string& call) {
    WideProbe probe(fmt::format("local out = {} return out", call));
    return log_of_run(probe);
}

// ---- text -------------------------------------------------------------------------------------

TEST(SpokenText, ReadsPhoneNumbersInGroups) {
    EXPECT_EQ(spoken_phone("+15550100001"), "plus 1, 5 5 5, 0 1 0, 0 0 0 1");
    EXPECT_EQ(spoken_phone("(555) 010-0001"), "5 5 5, 0 1 0, 0 0 0 1");
    EXPECT_EQ(spoken_phone("+49 30 12345"), "plus 4 9, 3 0 1, 2 3 4 5");
    EXPECT_EQ(spoken_phone("+353 1 2345678"), "plus 3 5 3, 1 2 3, 4 5 6, 7 8");
    EXPECT_EQ(spoken_phone("911"), "9 1 1");
    for (const char* bad : {"", "anonymous", "12", "1234567890123456", "+", "5+5"})
        EXPECT_EQ(spoken_phone(bad), std::nullopt) << bad;
}

TEST(SpokenText, MakesPhoneNumbersComparable) {
    EXPECT_EQ(normal_phone("(555) 010-0001", "1"), "+15550100001");
    EXPECT_EQ(normal_phone("1 555 010 0001", "1"), "+15550100001");
    EXPECT_EQ(normal_phone("+1-555-010-0001", "49"), "+15550100001");
    EXPECT_EQ(normal_phone("030 123456", "49"), "+4930123456");
    EXPECT_EQ(normal_phone("0049 30 123456", "1"), "+4930123456");
    for (const char* bad : {"", "555 0100", "call me", "+0123456789", "12345678901234567890"})
        EXPECT_EQ(normal_phone(bad, "1"), std::nullopt) << bad;
}

TEST(SpokenText, ReadsAmountsOfMoney) {
    EXPECT_EQ(spoken_money(1'250, "USD"), "12 dollars and 50 cents");
    EXPECT_EQ(spoken_money(100, "USD"), "1 dollar");
    EXPECT_EQ(spoken_money(101, "EUR"), "1 euro and 1 cent");
    EXPECT_EQ(spoken_money(5, "GBP"), "5 pence");
    EXPECT_EQ(spoken_money(0, "USD"), "0 dollars");
    EXPECT_EQ(spoken_money(-150, "USD"), "minus 1 dollar and 50 cents");
    EXPECT_EQ(spoken_money(500, "JPY"), "500 yen");
    EXPECT_EQ(spoken_money(1, "XXX"), std::nullopt);
}

TEST(TextModule, SpeaksAndFillsIn) {
    EXPECT_EQ(
        result_of(
            "return { text.spoken_phone('+15550100001'), text.normalise_phone('030 123456', '49'), text.money(1250), "
            "text.money(5, 'EUR'), text.digits('apt 12é'), text.template('Hello {name}, {n} of {{n}}: {yes}', "
            "{ name = 'Jo', n = 2, yes = true }) }")
            .text,
        R"(["plus 1, 5 5 5, 0 1 0, 0 0 0 1","+4930123456","12 dollars and 50 cents","5 cents","A P T 1 2 é","Hello Jo, 2 of {n}: yes"])");
    EXPECT_EQ(
        result_of(
            "local n, problem = text.normalise_phone('anonymous') return { n == nil, problem.kind, problem.message }")
            .text,
        R"([true,"mistake","\"anonymous\" is not a phone number"])");
}

TEST(TextModule, SaysWhatIsWrong) {
    EXPECT_THAT(
        message_of("text.template('Hello {nam}', { name = 'Jo' })"),
        HasSubstr(
            "tools/probe.lua:2: text.template: there is no value for {nam}; did you mean {name}?"));
    EXPECT_THAT(message_of("text.template('{a}', { a = {} })"),
                HasSubstr("text.template: {a} is a table and cannot be put into a text"));
    EXPECT_THAT(message_of("text.template('x')"),
                HasSubstr("text.template: expected values such as { name = "));
    EXPECT_THAT(message_of("text.template(('{a}'):rep(2000), { a = ('x'):rep(60000) })"),
                HasSubstr("text.template: the text would be longer than 1048576"));
    EXPECT_THAT(message_of("text.money(1.5)"),
                HasSubstr("text.money: expected whole cents, found 1.5"));
    EXPECT_THAT(message_of("text.money(1, 'XXX')"), HasSubstr("text.money: unknown currency"));
    EXPECT_THAT(message_of("text.normalise_phone('1', '0')"),
                HasSubstr("expected a country code such as"));
}

// ---- time -------------------------------------------------------------------------------------

TEST(TimeModule, ReadsWhatPeopleSay) {
    Probe probe(
        "local function t(...) return time.parse(...) end "
        "return { t('next Tuesday 2 pm'), t('tomorrow morning'), t('3/5', { order = 'dmy' }).date, "
        "t('tomorrow', { today = '2028-02-28' }).date, t('in two hours', { now = '23:30', zone = 'Asia/Tokyo', today = '2026-12-31' }) }",
        "vars = { time_zone = 'America/New_York' }");
    EXPECT_EQ(
        probe.run().text,
        R"([{"date":"2026-11-24","text":"Tuesday, November 24th at 2 PM","time":"14:00","weekday":"tuesday"},)"
        R"({"date":"2026-11-21","part":"morning","text":"tomorrow in the morning","weekday":"saturday"},"2027-05-03","2028-02-29",)"
        R"({"date":"2027-01-01","text":"tomorrow at 1:30 AM","time":"01:30","weekday":"friday"}])");
    EXPECT_EQ(
        result_of(
            "local when, problem = time.parse('3/5') return { when == nil, problem.kind, problem.message, problem.readings[2].date }")
            .text,
        R"([true,"ambiguous","3/5 can be March 5th or May 3rd","2027-05-03"])");
    EXPECT_THAT(message_of("time.parse('x', { zone = 'Mars' })"),
                HasSubstr("time.parse: zone: there is no time zone"));
    EXPECT_THAT(message_of("time.parse('x', { order = 'ymd' })"),
                HasSubstr("time.parse: order: expected"));
}

TEST(TimeModule, SpeaksAsPeopleDo) {
    Probe probe(
        "return { time.spoken('2026-11-21', '14:00'), time.spoken('2026-12-01', '14:30', { style = 'words' }), time.spoken('14:30'), "
        "time.spoken(time.parse('next Tuesday at noon')), time.spoken('2026-12-01', nil, { today = '2026-11-30' }) }",
        "vars = { time_zone = 'America/New_York' }");
    EXPECT_EQ(
        probe.run().text,
        R"(["tomorrow at 2 PM","Tuesday, December 1st at half past two","2:30 PM","Tuesday, November 24th at noon","tomorrow"])");
    EXPECT_THAT(message_of("time.spoken()"),
                HasSubstr("time.spoken: expected a date, a time, or both"));
    EXPECT_THAT(message_of("time.spoken('2026-02-30')"),
                HasSubstr("time.spoken: expected a date like 2026-12-01"));
    EXPECT_THAT(message_of("time.spoken('2026-12-01', '14:00', { style = 'loud' })"),
                HasSubstr("time.spoken: style: expected"));
}

// ---- crypto -----------------------------------------------------------------------------------

TEST(CryptoModule, ComputesDigestsAndSignatures) {
    EXPECT_EQ(
        result_of(
            "return { crypto.sha256('abc'), crypto.sha256('abc', 'base64'), "
            "crypto.hmac_sha256('Jefe', 'what do ya want for nothing?'), crypto.base64_encode('a\\0b'), "
            "crypto.base64_decode('YQBi') == 'a\\0b', crypto.equals('a', 'a'), crypto.equals('a', 'b'), crypto.equals('a', 'ab') }")
            .text,
        R"(["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",)"
        R"("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843","YQBi",true,true,false,false])");
    EXPECT_EQ(
        result_of(
            "local bytes, problem = crypto.base64_decode('?') return { bytes == nil, problem.message }")
            .text,
        R"([true,"this is not base64"])");
}

TEST(CryptoModule, MakesRandomNames) {
    EXPECT_EQ(
        result_of(
            "local a, b = crypto.uuid(), crypto.uuid() return { #a, a ~= b, a:match('^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$') == a, "
            "#crypto.random_token(), #crypto.random_token(32), crypto.random_token() ~= crypto.random_token() }")
            .text,
        "[36,true,true,32,64,true]");
    EXPECT_THAT(message_of("crypto.random_token(1)"),
                HasSubstr("crypto.random_token: bytes: expected a number from 4 to 256"));
    EXPECT_THAT(message_of("crypto.sha256('x', 'octal')"),
                HasSubstr("crypto.sha256: expected \\\"hex\\\" or \\\"base64\\\""));
}

// ---- secrets ----------------------------------------------------------------------------------

class SecretProbe : public WideProbe {
 public:
    explicit SecretProbe(const std::string& body) : WideProbe(body) {
        parts.limits.secrets["crm_token"] = {Secret("s3cr3t-value"), {"tools/probe"}};
        parts.limits.secrets["other"] = {Secret("another-value"), {"tools/other", "agents/tester"}};
        parts.limits.secrets["empty"] = {Secret(""), {"tools/probe"}};
        for (const auto& [name, secret] : parts.limits.secrets) log::hide(secret.value.reveal());
    }
};

TEST(SecretsModule, GivesWhatIsGranted) {
    SecretProbe probe("return #secrets.get('crm_token')");
    EXPECT_EQ(probe.run().text, "12");
}

TEST(SecretsModule, SaysWhereToGrant) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"secrets.get('other')",
         "secrets.get: \\\"other\\\" is not granted to tools/probe; add it to secrets.other.scripts in the YAML settings"},
        {"secrets.get('crm_tokn')",
         "secrets.get: there is no secret \\\"crm_tokn\\\"; did you mean \\\"crm_token\\\"?"},
        {"secrets.get('zzz')",
         "add it under `secrets` in the YAML settings, with scripts: [tools/probe]"},
        {"secrets.get('empty')",
         "secrets.get: \\\"empty\\\" has no value; set the environment variable that secrets.empty.value names"},
        {"secrets.get()", "secrets.get: expected text, found nothing"},
    };
    for (const auto& [call, message] : mistakes) {
        SecretProbe probe(fmt::format("local out = {} return out", call));
        EXPECT_THAT(log_of_run(probe), HasSubstr(message)) << call;
    }
}

TEST(SecretsModule, LetsASharedFileAskForItsTool) {
    Files files{
        {"agents/tester.lua", agent_file()},
        {"lib/crm.lua",
         "return { token = function() local token = secrets.get('crm_token') return token end }"},
        {"tools/probe.lua", tool_file("return #require('lib.crm').token()")}};
    TestCall call(bundle_of(files));
    call.parts.limits.secrets["crm_token"] = {Secret("s3cr3t-value"), {"tools/probe"}};
    ASSERT_TRUE(call.prepare());
    EXPECT_EQ(call.run_tool("probe").text, "12");
    TestCall refused(bundle_of(files));
    refused.parts.limits.secrets["crm_token"] = {Secret("s3cr3t-value"), {"tools/other"}};
    ASSERT_TRUE(refused.prepare());
    testing::internal::CaptureStderr();
    EXPECT_EQ(refused.run_tool("probe").text, failed_text);
    EXPECT_THAT(
        testing::internal::GetCapturedStderr(),
        HasSubstr("lib/crm.lua:1: secrets.get: \\\"crm_token\\\" is not granted to lib/crm"));
}

TEST(SecretsModule, HidesThemInResultsAndLogs) {
    SecretProbe result(
        "local s = secrets.get('crm_token') return { header = 'Bearer ' .. s, list = { s, 'plain' } }");
    EXPECT_EQ(result.run().text, R"({"header":"Bearer ***","list":["***","plain"]})");
    SecretProbe given_up("return fail('The token ' .. secrets.get('crm_token') .. ' is wrong.')");
    testing::internal::CaptureStderr();
    EXPECT_EQ(given_up.run().text, R"({"failed":"The token *** is wrong."})");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr("s3cr3t")));
    SecretProbe logged(
        "log.error('token ' .. secrets.get('crm_token'), { t = secrets.get('crm_token') }) error('bad ' .. secrets.get('crm_token'))");
    const std::string log = log_of_run(logged);
    EXPECT_THAT(log, Not(HasSubstr("s3cr3t")));
    EXPECT_THAT(log, HasSubstr("token *** t=***"));
    EXPECT_THAT(log, HasSubstr("bad ***"));
    SecretProbe injected("call.inject('It is ' .. secrets.get('crm_token'))");
    injected.run();
    EXPECT_EQ(injected.events.lines.at(0), "inject It is ***");
}

// ---- metrics ----------------------------------------------------------------------------------

TEST(MetricsModule, CountsAndObserves) {
    WideProbe probe(
        "metrics.count('bookings') metrics.count('bookings', 2, { clinic = 'riverside' }) metrics.observe('wait_seconds', 0.3)");
    EXPECT_EQ(probe.run().text, R"({"done":true})");
    const std::string text = probe.metrics.text();
    EXPECT_THAT(
        text,
        HasSubstr(
            "# TYPE parley_script_bookings_total counter\nparley_script_bookings_total 1\nparley_script_bookings_total{clinic=\"riverside\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("parley_script_wait_seconds_bucket{le=\"0.5\"} 1\n"));
}

TEST(MetricsModule, SaysWhatIsWrong) {
    EXPECT_THAT(message_of("metrics.count('Bad name')"),
                HasSubstr("metrics.count: expected a name such as bookings, of a-z, 0-9 and _"));
    EXPECT_THAT(message_of("metrics.count('a', -1)"),
                HasSubstr("metrics.count: how many: expected a number from 0"));
    EXPECT_THAT(message_of("metrics.count('a', 1, { ['b-c'] = 1 })"),
                HasSubstr("is not the name of a label"));
    EXPECT_THAT(message_of("metrics.count('a', 1, { a = 1, b = 1, c = 1, d = 1, e = 1, f = 1 })"),
                HasSubstr("expected at most 5 labels"));
    EXPECT_THAT(message_of("metrics.observe('a', 'x')"),
                HasSubstr("metrics.observe: the value: expected a number"));
    WideProbe twice("metrics.observe('a_total', 1) metrics.count('a', 1)");
    EXPECT_THAT(log_of_run(twice), HasSubstr("parley_script_a_total is a histogram already"));
}

TEST(MetricsModule, IsLimitedPerRun) {
    WideProbe probe("for i = 1, 1000 do metrics.count('n', 1, { i = i }) end return 1");
    testing::internal::CaptureStderr();
    EXPECT_EQ(probe.run().text, "1");
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(probe.metrics.series(), 200u);
    WideProbe without("metrics.count('n') return 1");
    without.parts.services.metrics = nullptr;
    EXPECT_EQ(without.run().text, "1");
}

// ---- os ---------------------------------------------------------------------------------------

TEST(OsModule, GoesByTheCallsClock) {
    Probe probe(
        "return { os.time(), os.date('%Y-%m-%d %H:%M'), os.date('!%H:%M'), os.date('%A', 0), os.date('*t').hour, "
        "os.time { year = 2026, month = 12, day = 1, hour = 9 }, os.date('%H', os.time { year = 2026, month = 7, day = 1, hour = 9 }), "
        "os.clock() >= 0 and os.clock() < 1 }",
        "vars = { time_zone = 'America/New_York' }");
    EXPECT_EQ(probe.run().text,
              R"([1795186800,"2026-11-20 10:00","15:00","Wednesday",10,1796133600,"09",true])");
    EXPECT_THAT(message_of("os.date('%Q')"), HasSubstr("os.date: unknown conversion"));
    EXPECT_THAT(message_of("os.time { year = 2026 }"),
                HasSubstr("os.time: `month`: expected a whole number, found nothing"));
    EXPECT_THAT(message_of("os.date(('%c'):rep(200))"),
                HasSubstr("os.date: the format is longer than"));
}

}  // namespace
}  // namespace parley::script
