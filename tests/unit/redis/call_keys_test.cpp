#include <parley/redis/call_keys.hpp>
#include <parley/redis/mirror.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::redis {
namespace {

using namespace call::journal;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

WallTime at(std::int64_t ms) { return WallTime(milliseconds(1'795'200'720'000 + ms)); }
Entry started(std::string sid = "CA1") {
    return {std::move(sid), at(0), CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"}};
}
std::string verbs(const std::vector<Command>& commands) {
    std::string all;
    for (const auto& each : commands) all += (all.empty() ? "" : ", ") + each[0] + " " + each[1];
    return all;
}

TEST(CallKeys, ShowACallThatBeginsAndCountIt) {
    CallKeys keys("here");
    const auto commands = keys.on(started());
    EXPECT_EQ(verbs(commands), "SETEX active_call:CA1, INCR counter:total_calls");
    EXPECT_EQ(commands[0][2], "3600");
    EXPECT_EQ(
        commands[0][3],
        R"({"callSid":"CA1","streamSid":"","phoneNumber":"+15550100001","customerName":null,)"
        R"("startTime":"2026-11-20T18:52:00.000Z","duration":0,"currentStep":"greeting","aiStatus":"listening","lastActivity":"2026-11-20T18:52:00.000Z","instance":"here"})");
    EXPECT_THAT(keys.on(started()), IsEmpty()) << "announced twice is one call";
}

TEST(CallKeys, KeepTheTranscriptWithItsTools) {
    CallKeys keys("here");
    keys.on(started());
    const auto said = keys.on({"CA1", at(1'000), CallerSaid{"c1", "Tuesday."}});
    EXPECT_EQ(verbs(said), "RPUSH transcript:CA1, EXPIRE transcript:CA1, SETEX active_call:CA1");
    EXPECT_EQ(said[0][2],
              R"({"timestamp":"2026-11-20T18:52:01.000Z","role":"user","content":"Tuesday."})");
    EXPECT_EQ(said[1][2], "86400");
    const auto tool = keys.on({"CA1", at(2'000), ToolStarted{"t1", "look", R"({"a":1})"}});
    EXPECT_EQ(
        tool[0][2],
        R"json({"timestamp":"2026-11-20T18:52:02.000Z","role":"function_call","content":"look({\"a\":1})",)json"
        R"("metadata":{"functionName":"look","arguments":{"a":1}}})");
    EXPECT_THAT(tool.back()[3], HasSubstr(R"("aiStatus":"processing_tool")"));
    const auto returned = keys.on({"CA1", at(2'100), ToolReturned{"t1", "look", true, "[2]", 100}});
    EXPECT_EQ(verbs(returned),
              "RPUSH transcript:CA1, EXPIRE transcript:CA1, LPUSH metrics:tool_execution, "
              "LTRIM metrics:tool_execution, SETEX active_call:CA1");
    EXPECT_THAT(returned.back()[3], HasSubstr(R"("aiStatus":"listening")"));
    ASSERT_EQ(keys.active().size(), 1u);
    EXPECT_EQ(keys.active()[0].transcript.size(), 3u);
}

TEST(CallKeys, MoveACallThatIsOverIntoTheHistory) {
    CallKeys keys("here");
    keys.on(started());
    keys.on({"CA1", at(2'000),
             ToolStarted{"t1", "create_appointment",
                         R"({"customer_name":"Jo","date":"2026-11-24","time":"9:00 AM"})"}});
    keys.on({"CA1", at(2'100),
             ToolReturned{"t1", "create_appointment", true,
                          R"({"confirmation_number":"APT-12345"})", 100}});
    const auto commands =
        keys.on({"CA1", at(60'000), CallEnded{"appointment_booked", "agent_hung_up", 59'600}});
    EXPECT_EQ(
        verbs(commands),
        "DEL active_call:CA1, ZADD call_history, ZREMRANGEBYRANK call_history, "
        "LPUSH metrics:call_duration, LTRIM metrics:call_duration, INCR counter:appointments_booked");
    EXPECT_THAT(
        commands[1],
        ElementsAre(
            "ZADD", "call_history", "1795200780000",
            R"({"callSid":"CA1","phoneNumber":"+15550100001","customerName":"Jo","startTime":"2026-11-20T18:52:00.000Z",)"
            R"("endTime":"2026-11-20T18:53:00.000Z","duration":60,"outcome":"appointment_booked","result":"appointment_booked",)"
            R"("confirmationNumber":"APT-12345","appointmentDetails":{"date":"2026-11-24","time":"9:00 AM"}})"));
    EXPECT_THAT(commands[2], ElementsAre("ZREMRANGEBYRANK", "call_history", "0", "-501"));
    EXPECT_THAT(keys.active(), IsEmpty());
    EXPECT_THAT(keys.on({"CA1", at(61'000), Note{"late", {}}}), IsEmpty());
}

TEST(CallKeys, NameOutcomesAsReadersKnowThem) {
    const auto history = [](const std::string& outcome, const std::string& reason) {
        CallKeys keys("here");
        keys.on(started());
        return keys.on({"CA1", at(1), CallEnded{outcome, reason, 1}})[1][3];
    };
    EXPECT_THAT(history("caller_hung_up", "caller_hung_up"),
                HasSubstr(R"("outcome":"user_hangup","result":"caller_hung_up")"));
    EXPECT_THAT(history("time_limit", "time_limit"), HasSubstr(R"("outcome":"no_booking")"));
    EXPECT_THAT(history("error", "provider_lost"), HasSubstr(R"("outcome":"error")"));
}

TEST(CallKeys, ShowWhatTheAgentNotes) {
    CallKeys keys("here");
    keys.on(started());
    const auto noted =
        keys.on({"CA1", at(1'000),
                 Note{"name is known", {{"step", "collecting_date"}, {"customer_name", "Ada"}}}});
    EXPECT_EQ(verbs(noted), "SETEX active_call:CA1");
    EXPECT_THAT(noted[0][3], HasSubstr(R"("customerName":"Ada")"));
    EXPECT_THAT(noted[0][3], HasSubstr(R"("currentStep":"collecting_date")"));
}

TEST(CallKeys, ShowTheStreamAndWhoSpeaks) {
    CallKeys keys("here");
    keys.on(started());
    const auto seen = keys.see({{"CA1", "MZ1", "speaking"}, {"CA2", "MZ2", "speaking"}});
    EXPECT_EQ(verbs(seen), "SETEX active_call:CA1") << "of CA2 nothing is known";
    EXPECT_THAT(seen[0][3], HasSubstr(R"("streamSid":"MZ1")"));
    EXPECT_THAT(seen[0][3], HasSubstr(R"("aiStatus":"speaking")"));
    EXPECT_THAT(keys.see({{"CA1", "MZ1", "speaking"}}), IsEmpty()) << "nothing new";
    EXPECT_THAT(keys.see({{"CA1", "MZ1", "listening"}})[0][3],
                HasSubstr(R"("aiStatus":"listening")"));
    EXPECT_THAT(keys.see({{"CA1", "MZ1", "ending"}})[0][3],
                HasSubstr(R"("currentStep":"farewell")"));
    EXPECT_THAT(keys.see({{"CA1", "MZ1", "ending"}}), IsEmpty());
}

TEST(RedisAddress, IsReadFromItsUrl) {
    const auto plain = parse_address("redis://localhost");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->host, "localhost");
    EXPECT_EQ(plain->port, 6379);
    const auto whole = parse_address("redis://app:p@ss@[::1]:7000/3");
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->host, "::1");
    EXPECT_EQ(whole->port, 7000);
    EXPECT_EQ(whole->user, "app");
    EXPECT_EQ(whole->password.reveal(), "p@ss");
    EXPECT_EQ(whole->database, 3);
    EXPECT_TRUE(parse_address("redis://cache.internal:6380/"));
    for (const char* wrong : {"", "localhost:6379", "redis://", "redis://x:0", "redis://x:99999",
                              "redis://x:y", "redis://x/one", "redis://[::1", "redis://[::1]x"}) {
        EXPECT_FALSE(parse_address(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace parley::redis
