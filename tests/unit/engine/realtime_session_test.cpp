#include "session_driver.hpp"

namespace parley::engine {
namespace {

using namespace test;

// ---- setting up
// -----------------------------------------------------------------------------------

TEST(RealtimeSession, SaysNothingBeforeTheServerHasSpoken) {
    Driver d;
    EXPECT_EQ(d.session.append(std::vector<std::uint8_t>(160)), "");
    d.respond("greet");
    d.cancel();
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, ConfiguresReplaysTheHistoryAndIsReady) {
    using Speaker = call::Turn::Speaker;
    Driver d(options_with(), {{Speaker::agent, "Hello, Sarah speaking."},
                              {Speaker::caller, "Hi"},
                              {Speaker::caller, ""},
                              {Speaker::system, "A fact"}});
    d.receive(R"({"type":"session.created","session":{"id":"sess_1","expires_at":1763671920}})");
    ASSERT_EQ(d.last_type(), "session.update");
    EXPECT_EQ(d.sent[0].at("session").at("instructions"), "You are Sarah.");
    EXPECT_TRUE(d.events.empty());

    d.receive(
        R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})");
    ASSERT_EQ(d.sent.size(), 4u);
    EXPECT_EQ(d.sent[1].at("item").at("role"), "assistant");
    EXPECT_EQ(d.sent[2].at("item").at("role"), "user");
    EXPECT_EQ(d.sent[3].at("item").at("role"), "system");
    EXPECT_EQ(d.only<call::EngineReady>().expires_at, start + 3600s);
    EXPECT_EQ(d.session.state(), State::ready);
}

TEST(RealtimeSession, TakesTurnsAsTheAgentWants) {
    auto profile = sarah();
    profile.turn_taking.threshold = 0.75;
    profile.turn_taking.silence_ms = 900;
    profile.rules.interruptions = call::AgentPrepared::Interruptions::ignored;
    Driver d(options_with(), {}, profile);
    d.receive(R"({"type":"session.created","session":{}})");
    const auto& turns = d.sent[0].at("session").at("audio").at("input").at("turn_detection");
    EXPECT_EQ(turns.at("type"), "server_vad");
    EXPECT_EQ(turns.at("threshold").to_number<double>(), 0.75);
    EXPECT_EQ(turns.at("silence_duration_ms"), 900);
    EXPECT_EQ(turns.at("prefix_padding_ms"), 300) << "from the settings of all";
    EXPECT_EQ(turns.at("interrupt_response"), false);

    profile.turn_taking = {.type = "semantic_vad", .eagerness = "low"};
    profile.rules = {};
    Driver other(options_with(), {}, profile);
    other.receive(R"({"type":"session.created","session":{}})");
    const auto& semantic = other.sent[0].at("session").at("audio").at("input").at("turn_detection");
    EXPECT_EQ(semantic.at("type"), "semantic_vad");
    EXPECT_EQ(semantic.at("eagerness"), "low");
    EXPECT_EQ(semantic.at("interrupt_response"), true);
}

TEST(RealtimeSession, OffersOtherToolsAndLeavesTheRestAlone) {
    Driver d;
    d.make_ready();
    const json::array tools{json::object{{"type", "function"}, {"name", "book"}}};
    d.command([&](auto& out) { d.session.offer_tools(tools, out); });
    ASSERT_EQ(d.sent.size(), 1u);
    EXPECT_EQ(d.last_type(), "session.update");
    EXPECT_EQ(d.sent[0].at("session"), (json::object{{"type", "realtime"}, {"tools", tools}}));
    d.receive(R"({"type":"session.updated","session":{"audio":{}}})");
    EXPECT_TRUE(d.events.empty()) << "the echo is no second beginning";
}

TEST(RealtimeSession, OffersToolsThatChangedWhileItWasBeingConfigured) {
    const json::array tools{json::object{{"type", "function"}, {"name", "book"}}};
    Driver early;
    early.command([&](auto& out) { early.session.offer_tools(tools, out); });
    early.receive(R"({"type":"session.created","session":{}})");
    ASSERT_EQ(early.sent.size(), 1u);
    EXPECT_EQ(early.sent[0].at("session").at("tools"), tools);

    Driver late;
    late.receive(R"({"type":"session.created","session":{}})");
    late.command([&](auto& out) { late.session.offer_tools(tools, out); });
    EXPECT_EQ(late.sent.size(), 1u) << "not before the server has taken the settings";
    late.receive(
        R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})");
    ASSERT_EQ(late.sent.size(), 2u);
    EXPECT_EQ(late.sent[1].at("session").at("tools"), tools);
}

TEST(RealtimeSession, TellsTheModelOfTheAgentsNewInstructionsAndTools) {
    auto revised = sarah();
    revised.instructions = "You are somebody else.";
    revised.tools = json::array{json::object{{"type", "function"}, {"name", "book"}}};
    Driver d;
    d.make_ready();
    d.command([&](auto& out) { d.session.revise(revised, out); });
    ASSERT_EQ(d.sent.size(), 1u);
    EXPECT_EQ(d.sent[0].at("session"), (json::object{{"type", "realtime"},
                                                     {"instructions", "You are somebody else."},
                                                     {"tools", revised.tools}}));

    Driver late;
    late.receive(R"({"type":"session.created","session":{}})");
    late.command([&](auto& out) { late.session.revise(revised, out); });
    EXPECT_EQ(late.sent.size(), 1u) << "not before the server has taken the settings";
    late.receive(
        R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})");
    ASSERT_EQ(late.sent.size(), 2u);
    EXPECT_EQ(late.sent[1].at("session").at("instructions"), "You are somebody else.");
}

TEST(RealtimeSession, PrefersTheAgentsVoiceAndModel) {
    auto profile = sarah();
    profile.voice = "cedar";
    profile.model = "gpt-unlisted";
    Driver d(options_with(), {}, profile);
    d.receive(R"({"type":"session.created","session":{}})");
    EXPECT_EQ(d.sent[0].at("session").at("audio").at("output").at("voice"), "cedar");
    d.make_ready();
    d.created("r1");
    d.done("r1", R"("status":"completed","usage":{"input_tokens":1000000,"output_tokens":5})");
    EXPECT_EQ(d.only<call::ResponseDone>().usage.value().cost_usd, 0);  // no price for that model
}

TEST(RealtimeSession, RefusesAFormatItDidNotAskFor) {
    Driver d;
    d.receive(R"({"type":"session.created","session":{}})");
    d.receive(
        R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}})");
    const auto lost = d.only<call::EngineLost>();
    EXPECT_FALSE(lost.may_retry);
    EXPECT_EQ(
        lost.reason,
        "the server set the output format to audio/pcm at 24000 Hz where audio/pcmu was asked for");
    EXPECT_TRUE(d.all<call::EngineReady>().empty());
    d.receive(R"({"type":"session.updated","session":{}})");  // too late
    EXPECT_EQ(d.events.size(), 1u);
}

TEST(RealtimeSession, AcceptsAServerThatDoesNotEchoFormats) {
    Driver d;
    d.receive(R"({"type":"session.created","session":{}})");
    d.receive(R"({"type":"session.updated","session":{"type":"realtime"}})");
    EXPECT_EQ(d.only<call::EngineReady>().expires_at, std::nullopt);
}

TEST(RealtimeSession, IgnoresAnExpiryThatCannotBe) {
    for (const auto* expires :
         {"0", "-5", "1763668000", "99999999999", "9223372036854775807", "\"soon\"", "null"}) {
        Driver d;
        d.receive(
            fmt::format(R"({{"type":"session.created","session":{{"expires_at":{}}}}})", expires));
        d.receive(R"({"type":"session.updated","session":{}})");
        EXPECT_EQ(d.only<call::EngineReady>().expires_at, std::nullopt) << expires;
    }
}

TEST(RealtimeSession, GivesUpOnASessionThatDoesNotComeUpInTime) {
    Driver d;
    d.session.setup_timed_out(d.output);
    d.take();
    EXPECT_EQ(d.only<call::EngineLost>().reason, "no session.created in time");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);

    Ready ready;
    ready.session.setup_timed_out(ready.output);
    ready.take();
    EXPECT_TRUE(ready.events.empty());
}

TEST(RealtimeSession, DoesNotRetryABadKeyAndSaysWhy) {
    Driver d;
    d.error("invalid_api_key", "Incorrect API key provided: sk-x.");
    const auto lost = d.only<call::EngineLost>();
    EXPECT_FALSE(lost.may_retry);
    EXPECT_EQ(lost.reason, "invalid_api_key: Incorrect API key provided: sk-x.");
    // follows at once; told only once
    d.session.closed(3000, "invalid_request_error.invalid_api_key", d.output);
    d.take();
    EXPECT_EQ(d.events.size(), 1u);
}

TEST(RealtimeSession, ComesUpWithAServerThatEchoesNothing) {
    Driver d;
    d.receive(R"({"type":"session.created"})");
    EXPECT_EQ(d.last_type(), "session.update");
    d.receive(R"({"type":"session.updated"})");
    EXPECT_EQ(d.all<call::EngineReady>().size(), 1u);
}

TEST(RealtimeSession, GoesWithoutTranscriptionWhenTheServerDoesNotKnowTheModel) {
    Driver d;
    d.receive(R"({"type":"session.created","session":{}})");
    EXPECT_TRUE(
        d.sent.back().at("session").at("audio").at("input").as_object().contains("transcription"));
    d.receive(
        R"({"type":"error","error":{"type":"invalid_request_error","code":"invalid_value","message":"Invalid value","param":"session.audio.input.transcription.model"}})");
    EXPECT_TRUE(d.all<call::EngineLost>().empty());
    ASSERT_EQ(d.sent.size(), 2u);
    EXPECT_EQ(d.last_type(), "session.update");
    EXPECT_FALSE(
        d.sent.back().at("session").at("audio").at("input").as_object().contains("transcription"));
    d.receive(R"({"type":"session.updated","session":{}})");
    EXPECT_EQ(d.all<call::EngineReady>().size(), 1u);
}

TEST(RealtimeSession, DoesNotRetryARefusedSessionUpdate) {
    Driver d;
    d.receive(R"({"type":"session.created","session":{}})");
    d.error("unknown_parameter", "Unknown parameter: 'session.bogus'.", d.last_event_id());
    const auto lost = d.only<call::EngineLost>();
    EXPECT_FALSE(lost.may_retry);
    EXPECT_EQ(
        lost.reason,
        "the server refused the settings: unknown_parameter: Unknown parameter: 'session.bogus'.");
}

TEST(RealtimeSession, RetriesWhenTheServerHadTroubleSettingUp) {
    Driver d;
    d.error("", "The server had an error", "", "server_error");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
}

// ---- turns
// ----------------------------------------------------------------------------------------

TEST(RealtimeSession, PricesTheTranscriptionByItsOwnModel) {
    auto options = options_with();
    options.transcription_prices["gpt-transcribe"] = 0.006;
    Ready d(options);
    d.receive(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"Hi","usage":{"type":"duration","seconds":30}})");
    EXPECT_NEAR(d.only<call::CallerTranscribed>().usage.value().cost_usd, 0.003, 1e-12);
}

TEST(RealtimeSession, TellsOfSpeechThatHasNoName) {
    Ready d;
    d.receive(R"({"type":"input_audio_buffer.speech_started","audio_start_ms":0})");
    d.receive(R"({"type":"input_audio_buffer.speech_stopped","audio_end_ms":9})");
    d.receive(R"({"type":"input_audio_buffer.speech_started","audio_start_ms":20})");
    const auto started = d.all<call::CallerSpeechStarted>();
    ASSERT_EQ(started.size(), 2u);
    EXPECT_NE(started[0].item_id, started[1].item_id);
    EXPECT_EQ(d.all<call::CallerSpeechStopped>().size(), 1u);
}

TEST(RealtimeSession, TellsANormalTurnInOrder) {
    Ready d;
    d.receive(
        R"({"type":"input_audio_buffer.speech_started","audio_start_ms":100,"item_id":"u1"})");
    d.receive(R"({"type":"input_audio_buffer.speech_stopped","audio_end_ms":900,"item_id":"u1"})");
    d.receive(R"({"type":"input_audio_buffer.committed","previous_item_id":null,"item_id":"u1"})");
    d.created("r1");
    d.receive(R"({"type":"response.output_item.added","response_id":"r1","item":{"id":"a1"}})");
    d.text("r1", "a1", "Good ");
    d.audio("r1", "a1", 800);
    d.receive(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","content_index":0,"transcript":"Hello?\n"})");
    d.text("r1", "a1", "morning.");
    d.audio("r1", "a1", 160);
    d.receive(
        R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    d.item_done("r1", "a1", "Good morning.");
    d.done(
        "r1",
        R"("status":"completed","usage":{"input_token_details":{"text_tokens":1000000},"output_token_details":{"audio_tokens":1000000}})");
    d.receive(R"({"type":"rate_limits.updated","rate_limits":[]})");

    ASSERT_EQ(d.events.size(), 6u);
    EXPECT_EQ(std::get<call::CallerSpeechStarted>(d.events[0]).item_id, "u1");
    EXPECT_EQ(std::get<call::CallerSpeechStopped>(d.events[1]).item_id, "u1");
    EXPECT_EQ(std::get<call::ResponseStarted>(d.events[2]).response_id, "r1");
    EXPECT_EQ(std::get<call::CallerTranscribed>(d.events[3]).text, "Hello?");
    EXPECT_EQ(std::get<call::AgentItemDone>(d.events[4]).text, "Good morning.");
    const auto& done = std::get<call::ResponseDone>(d.events[5]);
    EXPECT_EQ(done.status, Status::completed);
    EXPECT_NEAR(done.usage.value().cost_usd, 68, 1e-9);
    EXPECT_EQ(d.said, "Good morning.");
    EXPECT_EQ(d.heard, std::vector<std::uint8_t>(960, 0x55));
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, AddsTheAgentsOwnInstructionsToThoseOfAResponse) {
    Ready d;
    d.respond("Greet the caller.");
    EXPECT_EQ(d.sent.back().at("response").at("instructions"),
              "You are Sarah.\n\nGreet the caller.");
    d.created("r1");
    d.done("r1");
    d.respond("");
    EXPECT_EQ(d.last_type(), "response.create");
    EXPECT_FALSE(d.sent.back().at("response").as_object().contains("instructions"));
}

TEST(RealtimeSession, TellsTheServersOwnResponseFromTheOneAskedFor) {
    Ready d;
    d.respond("greet");
    d.created("r1", d.last_event_id());
    d.done("r1");
    d.respond("result");
    const auto asked = d.last_event_id();
    d.created("r_vad");
    d.done("r_vad");
    d.created("r2", asked);
    const auto began = d.all<call::ResponseStarted>();
    ASSERT_EQ(began.size(), 3u);
    EXPECT_TRUE(began[0].is_asked_for);
    EXPECT_FALSE(began[1].is_asked_for);
    EXPECT_TRUE(began[2].is_asked_for);
}

TEST(RealtimeSession, DoesNotAskAgainForWhatWasTakenBack) {
    Ready d;
    d.respond("greet");
    d.created("r_vad");
    d.session.withdraw();
    d.error("conversation_already_has_active_response", "There is one", "create-1");
    d.sent.clear();
    d.done("r_vad");
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, FallsBackToTheTranscriptWhenTheFinishedItemHasNone) {
    Ready d;
    d.created("r1");
    d.receive(
        R"({"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","content_index":0,"transcript":"Hello."})");
    d.receive(
        R"({"type":"response.output_item.done","response_id":"r1","item":{"id":"a1","type":"message","status":"completed","content":[]}})");
    EXPECT_EQ(d.only<call::AgentItemDone>().text, "Hello.");
}

TEST(RealtimeSession, ReadsWrittenAnswersToo) {
    Ready d;
    d.receive(
        R"({"type":"response.output_text.delta","response_id":"r1","item_id":"a1","content_index":0,"delta":"Hi"})");
    EXPECT_EQ(d.said, "Hi");
}

TEST(RealtimeSession, TellsTranscriptionFailuresAsProblems) {
    Ready d;
    d.receive(
        R"({"type":"conversation.item.input_audio_transcription.failed","item_id":"u1","content_index":0,"error":{"type":"x","code":"y","message":"too noisy"}})");
    EXPECT_EQ(d.only<call::EngineProblem>().code, "transcription_failed");
    EXPECT_EQ(d.only<call::EngineProblem>().message, "too noisy");
}

TEST(RealtimeSession, SendsCallerAudioAsItIs) {
    Ready d;
    const std::vector<std::uint8_t> frame(160, 0xFE);
    EXPECT_EQ(d.session.append(frame),
              R"({"type":"input_audio_buffer.append","audio":")" + base64::encode(frame) + "\"}");
}

// ---- tools
// ----------------------------------------------------------------------------------------

TEST(RealtimeSession, PassesOnEveryToolCallOfAResponseOnce) {
    Ready d;
    d.created("r1");
    d.call_done("r1", "call_1", "completed", R"({\"day\":1})");
    d.call_done("r1", "call_2", "completed", "");
    d.call_done("r1", "call_1", "completed");
    d.done(
        "r1",
        R"("status":"completed","output":[{"type":"function_call","call_id":"call_2","name":"check_slots","arguments":"{}","status":"completed"}])");
    const auto calls = d.all<call::ToolCalled>();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].tool_call_id, "call_1");
    EXPECT_EQ(calls[0].name, "check_slots");
    EXPECT_EQ(calls[0].arguments, R"({"day":1})");
    EXPECT_EQ(calls[1].arguments, "{}");
}

TEST(RealtimeSession, FindsToolCallsThatOnlyTheFinishedResponseLists) {
    Ready d;
    d.created("r1");
    d.done(
        "r1",
        R"("status":"completed","output":[{"type":"function_call","call_id":"call_9","name":"x","arguments":"{}"}])");
    ASSERT_EQ(d.events.size(), 3u);
    EXPECT_EQ(std::get<call::ToolCalled>(d.events[1]).tool_call_id, "call_9");
    EXPECT_TRUE(std::holds_alternative<call::ResponseDone>(d.events[2]));
}

TEST(RealtimeSession, FindsToolCallsThatOnlyTheirArgumentsTellOf) {
    const auto arguments =
        R"({"type":"response.function_call_arguments.done","response_id":"r1","item_id":"f1","call_id":"call_1","name":"check_slots","arguments":"{\"day\":1}"})";
    Ready d;
    d.created("r1");
    d.receive(arguments);
    EXPECT_TRUE(d.all<call::ToolCalled>().empty()) << "not yet: the response may be cancelled";
    d.done("r1");
    EXPECT_EQ(d.only<call::ToolCalled>().arguments, R"({"day":1})");

    Ready twice;
    twice.created("r1");
    twice.receive(arguments);
    twice.call_done("r1", "call_1", "completed");
    twice.done("r1");
    EXPECT_EQ(twice.all<call::ToolCalled>().size(), 1u);

    Ready cut;
    cut.created("r1");
    cut.receive(arguments);
    cut.done("r1", R"("status":"cancelled")");
    EXPECT_TRUE(cut.all<call::ToolCalled>().empty());
}

TEST(RealtimeSession, LeavesUnfinishedToolCallsAlone) {
    Ready d;
    d.created("r1");
    d.call_done("r1", "call_1", "incomplete", R"({\"day\":)");
    d.done(
        "r1",
        R"("status":"cancelled","output":[{"type":"function_call","call_id":"call_1","name":"x","arguments":"{","status":"incomplete"}])");
    EXPECT_TRUE(d.all<call::ToolCalled>().empty());
}

TEST(RealtimeSession, SendsToolOutputAtOnceAndAsksForTheAnswerAfterTheResponse) {
    Ready d;
    d.created("r1");
    d.call_done("r1", "call_1", "completed");
    d.tool_output("call_1", R"({"slots":[]})");
    EXPECT_EQ(d.sent.back().at("item").at("output"), R"({"slots":[]})");
    d.respond("");
    EXPECT_EQ(d.last_type(), "conversation.item.create");
    d.done("r1");
    EXPECT_EQ(d.last_type(), "response.create");
    EXPECT_EQ(d.sent.size(), 2u);
}

TEST(RealtimeSession, AsksOnceWhenTheCallRespondsToTheEndThatFreesAWaitingWish) {
    Ready d;
    d.created("r1");
    d.respond("a fact");
    d.session.receive(R"({"type":"response.done","response":{"id":"r1","status":"completed"}})",
                      d.output);
    d.take();
    d.respond("");  // as a call does on ResponseDone, before settle()
    d.session.settle(d.output);
    d.take();
    ASSERT_EQ(d.sent.size(), 1u);
    EXPECT_EQ(d.sent[0].at("response").at("instructions"), "You are Sarah.\n\na fact");
    d.created("r2");
    d.done("r2");
    EXPECT_EQ(d.sent.size(), 1u);
}

TEST(RealtimeSession, GivesTheResultOfAnEarlierConnectionsToolAsText) {
    Ready d;
    d.tool_output("call_of_old", R"({"ok":true})");
    const auto& item = d.sent.back().at("item").as_object();
    EXPECT_EQ(item.at("type"), "message");
    EXPECT_EQ(item.at("role"), "system");
    EXPECT_EQ(item.at("content").at(0).at("text"),
              R"(A tool called earlier has returned: {"ok":true})");
}

// ---- barge-in
// -------------------------------------------------------------------------------------

TEST(RealtimeSession, TruncatesNeverBeyondWhatWasReceived) {
    Ready d;
    d.created("r1");
    d.audio("r1", "a1", 8000);  // one second
    d.truncate("a1", 0, 400);
    EXPECT_EQ(d.sent.back().at("audio_end_ms"), 400);
    d.truncate("a1", 0, 5000);
    EXPECT_EQ(d.sent.back().at("audio_end_ms"), 1000);
    d.truncate("a1", 0, -3);
    EXPECT_EQ(d.sent.back().at("audio_end_ms"), 0);
}

TEST(RealtimeSession, CountsReceivedAudioPerItem) {
    Ready d;
    d.created("r1");
    d.audio("r1", "a1", 8000);
    d.audio("r1", "a2", 1600);
    d.truncate("a2", 0, 1000);
    EXPECT_EQ(d.sent.back().at("item_id"), "a2");
    EXPECT_EQ(d.sent.back().at("audio_end_ms"), 200);
}

TEST(RealtimeSession, DoesNotTruncateWhatHasNoAudio) {
    Ready d;
    d.created("r1");
    d.receive(
        R"({"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","content_index":0,"transcript":"Hello."})");
    d.truncate("a1", 0, 100);
    d.truncate("a_unknown", 0, 100);
    d.audio("r1", "a2", 160);
    d.truncate("a2", 1, 100);  // another content part
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, DropsLateAudioAndTextOfATruncatedResponse) {
    Ready d;
    d.created("r1");
    d.audio("r1", "a1", 160);
    d.truncate("a1", 0, 10);
    d.audio("r1", "a1", 160);
    d.text("r1", "a1", "late");
    d.item_done("r1", "a1", "late");
    d.audio("r1", "a2", 160);
    EXPECT_EQ(d.heard.size(), 160u);
    EXPECT_EQ(d.said, "");
    EXPECT_TRUE(d.all<call::AgentItemDone>().empty());
    d.done(
        "r1",
        R"("status":"cancelled","status_details":{"type":"cancelled","reason":"turn_detected"})");
    EXPECT_EQ(d.only<call::ResponseDone>().detail, "turn_detected");

    d.created("r2");
    d.audio("r2", "a3", 160);
    EXPECT_EQ(d.heard.size(), 320u);
}

TEST(RealtimeSession, DropsAudioThatComesAfterTheServerCancelled) {
    Ready d;
    d.created("r1");
    d.done("r1", R"("status":"cancelled")");
    d.audio("r1", "a1", 160);
    EXPECT_TRUE(d.heard.empty());
}

TEST(RealtimeSession, StillPassesOnAToolCallFinishedBeforeTheBargeIn) {
    Ready d;
    d.created("r1");
    d.audio("r1", "a1", 160);
    d.truncate("a1", 0, 10);
    d.call_done("r1", "call_1", "completed");
    EXPECT_EQ(d.only<call::ToolCalled>().tool_call_id, "call_1");
}

TEST(RealtimeSession, CancelsByIdAndDropsWhatStillComes) {
    Ready d;
    d.created("r1");
    d.cancel();
    EXPECT_EQ(d.last_type(), "response.cancel");
    EXPECT_EQ(d.sent.back().at("response_id"), "r1");
    d.audio("r1", "a1", 160);
    EXPECT_TRUE(d.heard.empty());
    d.error("response_cancel_not_active", "Cancellation failed", d.last_event_id());
    EXPECT_TRUE(d.all<call::EngineProblem>().empty());
}

TEST(RealtimeSession, CancelsNothingWhenNothingIsActive) {
    Ready d;
    d.created("r1");
    d.done("r1");
    d.cancel();
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, CancelsAResponseAskedForAsSoonAsItHasAName) {
    Ready d;
    d.respond("greet");
    d.cancel();
    EXPECT_EQ(d.sent.size(), 1u);
    d.created("r1");
    EXPECT_EQ(d.last_type(), "response.cancel");
    EXPECT_EQ(d.sent.back().at("response_id"), "r1");
    d.audio("r1", "a1", 160);
    EXPECT_TRUE(d.heard.empty());
}

// ---- PCM
// ------------------------------------------------------------------------------------------

TEST(RealtimeSessionPcm, ResamplesBothWays) {
    Ready d(options_with(ModelAudio::pcm16_24k));
    const std::vector<std::uint8_t> frame(160, 0x20);
    std::size_t sent_bytes = 0;
    for (int i = 0; i < 50; ++i) {
        const auto message = d.session.append(frame);
        if (message.empty()) continue;
        std::vector<std::uint8_t> pcm;
        ASSERT_TRUE(base64::decode(
            std::string_view(json_read::parse(message).value().at("audio").as_string()), pcm));
        sent_bytes += pcm.size();
    }
    // a second, less what the filter holds back
    EXPECT_NEAR(static_cast<double>(sent_bytes), 48'000, 48 * 25);

    d.created("r1");
    d.audio("r1", "a1", 47'999);  // odd: half a sample waits
    d.audio("r1", "a1", 1);
    EXPECT_LT(d.heard.size(), 8000u);
    d.receive(
        R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    EXPECT_NEAR(static_cast<double>(d.heard.size()), 8000, 8);  // the tail has come out
    EXPECT_EQ(d.heard_items.back(), "a1");
    d.truncate("a1", 0, 5000);
    EXPECT_EQ(d.sent.back().at("audio_end_ms"), 1000);
}

TEST(RealtimeSessionPcm, PassesTheTailOnBeforeTheItemIsDoneEvenWithoutAudioDone) {
    Ready d(options_with(ModelAudio::pcm16_24k));
    d.created("r1");
    d.audio("r1", "a1", 48'000);
    d.item_done("r1", "a1", "Hello");
    EXPECT_NEAR(static_cast<double>(d.heard.size()), 8000, 8);
    const auto before = d.heard.size();
    d.receive(
        R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    EXPECT_EQ(d.heard.size(), before);
}

TEST(RealtimeSessionPcm, ForgetsTheTailOnBargeIn) {
    Ready d(options_with(ModelAudio::pcm16_24k));
    d.created("r1");
    d.audio("r1", "a1", 4800);
    const auto before = d.heard.size();
    d.truncate("a1", 0, 20);
    d.receive(
        R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    EXPECT_EQ(d.heard.size(), before);
}

}  // namespace
}  // namespace parley::engine
