#include "session_driver.hpp"

namespace parley::engine {
namespace {

using namespace test;

// ---- things that fail
// -----------------------------------------------------------------------------

TEST(RealtimeSessionFaults, AsksAgainWhenTheServersOwnResponseWasFirst) {
    Ready d;
    d.respond("result");
    const auto create = d.last_event_id();
    d.created("r_vad");
    d.error("conversation_already_has_active_response",
            "Conversation already has an active response in progress: r_vad.", create);
    EXPECT_TRUE(d.all<call::EngineProblem>().empty());
    EXPECT_EQ(d.sent.size(), 1u);
    d.done("r_vad");
    ASSERT_EQ(d.sent.size(), 2u);
    EXPECT_EQ(d.sent[1].at("response").at("instructions"), "You are Sarah.\n\nresult");
    EXPECT_NE(d.last_event_id(), create);
}

TEST(RealtimeSessionFaults, TellsThatARefusedResponseWillNotCome) {
    Ready d;
    d.respond("x");
    d.error("rate_limit_exceeded", "Please try again in 1.5s.", d.last_event_id());
    const auto done = d.only<call::ResponseDone>();
    EXPECT_EQ(done.status, Status::failed);
    EXPECT_EQ(done.response_id, "");
    EXPECT_TRUE(done.may_retry);
    EXPECT_EQ(done.retry_after, 1500ms);
    d.respond("x");
    EXPECT_EQ(d.sent.size(), 2u);
}

TEST(RealtimeSessionFaults, TellsAFailedResponseWithTheWaitTheProviderAsksFor) {
    Ready d;
    d.created("r1");
    d.done(
        "r1",
        R"("status":"failed","status_details":{"type":"failed","error":{"type":"tokens","code":"rate_limit_exceeded","message":"Rate limit reached. Please try again in 6.946s."}},"usage":null)");
    const auto done = d.only<call::ResponseDone>();
    EXPECT_EQ(done.status, Status::failed);
    EXPECT_EQ(done.detail, "rate_limit_exceeded: Rate limit reached. Please try again in 6.946s.");
    EXPECT_TRUE(done.may_retry);
    EXPECT_EQ(done.retry_after, 6946ms);
    EXPECT_FALSE(done.usage);
}

TEST(RealtimeSessionFaults, RetriesAServerErrorButNotAnEmptyAccount) {
    Ready d;
    d.created("r1");
    d.done(
        "r1",
        R"("status":"failed","status_details":{"error":{"type":"server_error","code":null,"message":"The server had an error"}})");
    d.created("r2");
    d.done(
        "r2",
        R"("status":"failed","status_details":{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"No money"}})");
    const auto done = d.all<call::ResponseDone>();
    ASSERT_EQ(done.size(), 2u);
    EXPECT_TRUE(done[0].may_retry);
    EXPECT_EQ(done[0].detail, "server_error: The server had an error");
    EXPECT_FALSE(done[1].may_retry);
}

TEST(RealtimeSessionFaults, TellsTheEndOfAResponseOnce) {
    Ready d;
    d.created("r1");
    d.created("r1");
    d.done("r1");
    d.done("r1");
    EXPECT_EQ(d.all<call::ResponseStarted>().size(), 1u);
    EXPECT_EQ(d.all<call::ResponseDone>().size(), 1u);
}

TEST(RealtimeSessionFaults, EndsWithTheSessionsHourAndMayReconnect) {
    Ready d;
    d.error("session_expired", "Your session hit the maximum duration of 60 minutes.");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
    d.audio("r1", "a1", 160);
    EXPECT_TRUE(d.heard.empty());
    EXPECT_EQ(d.session.append(std::vector<std::uint8_t>(160)), "");
}

TEST(RealtimeSessionFaults, EndsForGoodOnAFatalErrorInMidCall) {
    Ready d;
    d.error("insufficient_quota", "You exceeded your current quota");
    EXPECT_FALSE(d.only<call::EngineLost>().may_retry);
}

TEST(RealtimeSessionFaults, ReadsTheCloseForWhetherToReconnect) {
    const auto lost_by = [](std::uint16_t code, std::string_view reason) {
        Ready d;
        d.session.closed(code, reason, d.output);
        d.take();
        return d.only<call::EngineLost>();
    };
    EXPECT_TRUE(lost_by(1001, "going away").may_retry);
    EXPECT_TRUE(lost_by(1011, "").may_retry);
    EXPECT_TRUE(lost_by(1000, "").may_retry) << "nobody hung up";
    EXPECT_FALSE(lost_by(3000, "").may_retry);
    EXPECT_FALSE(lost_by(4004, "invalid_request_error.model_not_found").may_retry);
    EXPECT_EQ(lost_by(4004, "invalid_request_error.model_not_found").reason,
              "closed with 4004: invalid_request_error.model_not_found");
    EXPECT_EQ(lost_by(1011, "\xFF").reason, "closed with 1011: \xEF\xBF\xBD");
}

TEST(RealtimeSessionFaults, ExplainsASilentCloseByTheLastError) {
    Ready d;
    d.error("strange", "Something odd");
    d.session.closed(4000, "", d.output);
    d.take();
    EXPECT_EQ(d.only<call::EngineLost>().reason, "closed with 4000: strange: Something odd");
}

TEST(RealtimeSessionFaults, TellsOurMistakesAsProblemsAndKeepsRacesQuiet) {
    Ready d;
    d.error("invalid_tool_call_id", "Tool call ID 'x' not found in conversation.");
    EXPECT_EQ(d.only<call::EngineProblem>().code, "invalid_tool_call_id");
    d.error("input_audio_buffer_commit_empty");
    d.error("unsupported_content_type");
    d.error("item_truncate_invalid_item_id");
    d.created("r1");
    d.audio("r1", "a1", 160);
    d.truncate("a1", 0, 5);
    d.error("invalid_value", "anything about a truncate", d.last_event_id());
    EXPECT_EQ(d.all<call::EngineProblem>().size(), 1u);
    EXPECT_TRUE(d.all<call::EngineLost>().empty());
}

// ---- bad input
// ------------------------------------------------------------------------------------

TEST(RealtimeSessionFaults, IgnoresUnknownEventsAndFields) {
    Ready d;
    d.receive(R"({"type":"future.event","deep":{"a":[1,{"b":null}]}})");
    d.receive(R"({"type":"input_audio_buffer.speech_started","item_id":"u1","brand_new":{"x":1}})");
    EXPECT_EQ(d.only<call::CallerSpeechStarted>().item_id, "u1");
    EXPECT_EQ(d.events.size(), 1u);
}

TEST(RealtimeSessionFaults, TellsBadMessagesAndGoesOn) {
    Ready d;
    for (
        const auto* bad :
        {"", "x", "[]", R"({"type":5})", R"({"type":"response.done"})",
         R"({"type":"response.created","response":[]})",
         R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"A"})",
         R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"****"})"}) {
        d.receive(bad);
    }
    d.session.receive_binary(d.output);
    d.take();
    EXPECT_EQ(d.all<call::EngineProblem>().size(), 9u);
    EXPECT_EQ(d.all<call::EngineProblem>()[7].message, "audio delta: not base64");
    EXPECT_TRUE(d.all<call::EngineLost>().empty());
    d.created("r1");
    EXPECT_EQ(d.all<call::ResponseStarted>().size(), 1u);
}

TEST(RealtimeSessionFaults, GivesUpAfterTwentyBadMessagesInARow) {
    Ready d;
    for (int i = 0; i < 19; ++i) d.receive("{");
    d.audio("r1", "a1", 160);  // a good one in between
    for (int i = 0; i < 19; ++i) d.receive("{");
    EXPECT_TRUE(d.all<call::EngineLost>().empty());
    d.receive("{");
    EXPECT_EQ(d.only<call::EngineLost>().reason, "20 bad messages in a row");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
}

TEST(RealtimeSessionFaults, KeepsOddIdsInsideTheirStrings) {
    Ready d;
    d.receive(R"({"type":"response.created","response":{"id":"r\"},{\u0000\n"}})");
    d.cancel();
    EXPECT_EQ(d.sent.back().at("response_id"), json::string("r\"},{\0\n", 7));
}

TEST(RealtimeSessionFaults, KeepsItsMemoryBounded) {
    Ready d;
    for (int i = 0; i < 2000; ++i) {
        const auto id = fmt::format("{}", i);
        d.created("r" + id);
        d.audio("r" + id, "a" + id, 8);
        d.call_done("r" + id, "call_" + id, "completed");
        d.done("r" + id);
    }
    d.truncate("a0", 0, 1);  // long forgotten
    EXPECT_TRUE(d.sent.empty());
    d.truncate("a1999", 0, 1);
    EXPECT_EQ(d.sent.size(), 1u);
}

}  // namespace
}  // namespace parley::engine
