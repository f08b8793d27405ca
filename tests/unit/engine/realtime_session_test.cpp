#include <parley/core/base64.hpp>
#include <parley/engine/realtime_session.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace parley::engine {
namespace {

using namespace std::chrono_literals;
using Status = call::ResponseDone::Status;
using State = RealtimeSession::State;

const TimePoint start = TimePoint{} + 1000s;
const WallTime start_wall = WallTime{} + std::chrono::seconds(1'763'668'320);

OpenAiOptions options_with(ModelAudio audio = ModelAudio::pcmu) {
    OpenAiOptions options;
    options.audio = audio;
    options.prices["gpt-realtime-2.1"] = {4, 0.40, 24, 32, 0.40, 64};
    return options;
}

call::AgentProfile sarah() {
    call::AgentProfile profile;
    profile.name = "sarah";
    profile.instructions = "You are Sarah.";
    return profile;
}

// A session and what came out of it. Events with views are taken apart at once, as the call would.
struct Driver {
    explicit Driver(OpenAiOptions chosen = options_with(), std::vector<call::Turn> history = {}, call::AgentProfile profile = sarah())
        : options(std::move(chosen)), session(options, profile, std::move(history), "CA1", start, start_wall) {}

    void take() {
        for (auto& message : output.messages) sent.push_back(json_read::parse(message).value().as_object());
        for (auto& event : output.events) {
            if (const auto* audio = std::get_if<call::AgentAudio>(&event)) {
                heard.insert(heard.end(), audio->audio.begin(), audio->audio.end());
                heard_items.emplace_back(audio->item_id);
            } else if (const auto* text = std::get_if<call::AgentText>(&event)) {
                said += text->delta;
            } else {
                events.push_back(event);
            }
        }
        output.clear();
    }
    void receive(std::string_view text) {
        session.receive(text, output);
        take();
        session.settle(output);
        take();
    }
    template <class Command>
    void command(Command&& give) {
        give(output);
        take();
    }
    void respond(std::string_view words) { command([&](auto& out) { session.respond(words, out); }); }
    void cancel() { command([&](auto& out) { session.cancel(out); }); }
    void truncate(std::string_view item, int index, std::int64_t ms) { command([&](auto& out) { session.truncate(item, index, ms, out); }); }
    void tool_output(std::string_view id, std::string_view text) { command([&](auto& out) { session.tool_output(id, text, out); }); }

    void make_ready() {
        receive(R"({"type":"session.created","session":{"id":"sess_1","expires_at":1763671920}})");
        receive(options.audio == ModelAudio::pcmu
                    ? R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})"
                    : R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}})");
        sent.clear();
        events.clear();
    }
    void created(std::string_view id) { receive(fmt::format(R"({{"type":"response.created","response":{{"id":"{}","status":"in_progress"}}}})", id)); }
    void audio(std::string_view response, std::string_view item, std::size_t bytes) {
        const std::vector<std::uint8_t> speech(bytes, 0x55);
        receive(fmt::format(R"({{"type":"response.output_audio.delta","response_id":"{}","item_id":"{}","output_index":0,"content_index":0,"delta":"{}"}})",
                            response, item, base64::encode(speech)));
    }
    void text(std::string_view response, std::string_view item, std::string_view delta) {
        receive(fmt::format(R"({{"type":"response.output_audio_transcript.delta","response_id":"{}","item_id":"{}","content_index":0,"delta":"{}"}})",
                            response, item, delta));
    }
    void item_done(std::string_view response, std::string_view item, std::string_view text_said) {
        receive(fmt::format(
            R"({{"type":"response.output_item.done","response_id":"{}","item":{{"id":"{}","type":"message","status":"completed","content":[{{"type":"output_audio","transcript":"{}"}}]}}}})",
            response, item, text_said));
    }
    void call_done(std::string_view response, std::string_view call_id, std::string_view status, std::string_view arguments = "{}") {
        receive(fmt::format(
            R"({{"type":"response.output_item.done","response_id":"{}","item":{{"id":"f","type":"function_call","status":"{}","name":"check_slots","call_id":"{}","arguments":"{}"}}}})",
            response, status, call_id, arguments));
    }
    void done(std::string_view id, std::string_view rest = R"("status":"completed")") {
        receive(fmt::format(R"({{"type":"response.done","response":{{"id":"{}",{}}}}})", id, rest));
    }
    void error(std::string_view code, std::string_view message = "", std::string_view event_id = "", std::string_view type = "invalid_request_error") {
        receive(fmt::format(R"({{"type":"error","event_id":"e","error":{{"type":"{}","code":"{}","message":"{}","param":null,"event_id":"{}"}}}})", type, code,
                            message, event_id));
    }

    // The events of one kind so far.
    template <class Event>
    std::vector<Event> all() const {
        std::vector<Event> found;
        for (const auto& event : events) {
            if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
        }
        return found;
    }
    template <class Event>
    Event only() const {
        const auto found = all<Event>();
        EXPECT_EQ(found.size(), 1u);
        return found.empty() ? Event{} : found.front();
    }
    std::string last_type() const { return sent.empty() ? "" : std::string(sent.back().at("type").as_string()); }
    std::string last_event_id() const { return sent.empty() ? "" : std::string(sent.back().at("event_id").as_string()); }

    OpenAiOptions options;
    RealtimeSession session;
    RealtimeSession::Output output;
    std::vector<json::object> sent;
    std::vector<call::Event> events;
    std::vector<std::uint8_t> heard;
    std::vector<std::string> heard_items;
    std::string said;
};

struct Ready : Driver {
    explicit Ready(OpenAiOptions chosen = options_with()) : Driver(std::move(chosen)) { make_ready(); }
};

// ---- setting up -----------------------------------------------------------------------------------

TEST(RealtimeSession, SaysNothingBeforeTheServerHasSpoken) {
    Driver d;
    EXPECT_EQ(d.session.append(std::vector<std::uint8_t>(160)), "");
    d.respond("greet");
    d.cancel();
    EXPECT_TRUE(d.sent.empty());
}

TEST(RealtimeSession, ConfiguresReplaysTheHistoryAndIsReady) {
    using Speaker = call::Turn::Speaker;
    Driver d(options_with(), {{Speaker::agent, "Hello, Sarah speaking."}, {Speaker::caller, "Hi"}, {Speaker::caller, ""}, {Speaker::system, "A fact"}});
    d.receive(R"({"type":"session.created","session":{"id":"sess_1","expires_at":1763671920}})");
    ASSERT_EQ(d.last_type(), "session.update");
    EXPECT_EQ(d.sent[0].at("session").at("instructions"), "You are Sarah.");
    EXPECT_TRUE(d.events.empty());

    d.receive(R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})");
    ASSERT_EQ(d.sent.size(), 4u);
    EXPECT_EQ(d.sent[1].at("item").at("role"), "assistant");
    EXPECT_EQ(d.sent[2].at("item").at("role"), "user");
    EXPECT_EQ(d.sent[3].at("item").at("role"), "system");
    EXPECT_EQ(d.only<call::EngineReady>().expires_at, start + 3600s);
    EXPECT_EQ(d.session.state(), State::ready);
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
    d.receive(R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}})");
    const auto lost = d.only<call::EngineLost>();
    EXPECT_FALSE(lost.may_retry);
    EXPECT_EQ(lost.reason, "the server set the output format to audio/pcm at 24000 Hz where audio/pcmu was asked for");
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
    for (const auto* expires : {"0", "-5", "1763668000", "99999999999", "9223372036854775807", "\"soon\"", "null"}) {
        Driver d;
        d.receive(fmt::format(R"({{"type":"session.created","session":{{"expires_at":{}}}}})", expires));
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
    d.session.closed(3000, "invalid_request_error.invalid_api_key", d.output);  // follows at once; told only once
    d.take();
    EXPECT_EQ(d.events.size(), 1u);
}

TEST(RealtimeSession, DoesNotRetryARefusedSessionUpdate) {
    Driver d;
    d.receive(R"({"type":"session.created","session":{}})");
    d.error("unknown_parameter", "Unknown parameter: 'session.bogus'.", d.last_event_id());
    const auto lost = d.only<call::EngineLost>();
    EXPECT_FALSE(lost.may_retry);
    EXPECT_EQ(lost.reason, "the server refused the settings: unknown_parameter: Unknown parameter: 'session.bogus'.");
}

TEST(RealtimeSession, RetriesWhenTheServerHadTroubleSettingUp) {
    Driver d;
    d.error("", "The server had an error", "", "server_error");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
}

// ---- turns ----------------------------------------------------------------------------------------

TEST(RealtimeSession, TellsANormalTurnInOrder) {
    Ready d;
    d.receive(R"({"type":"input_audio_buffer.speech_started","audio_start_ms":100,"item_id":"u1"})");
    d.receive(R"({"type":"input_audio_buffer.speech_stopped","audio_end_ms":900,"item_id":"u1"})");
    d.receive(R"({"type":"input_audio_buffer.committed","previous_item_id":null,"item_id":"u1"})");
    d.created("r1");
    d.receive(R"({"type":"response.output_item.added","response_id":"r1","item":{"id":"a1"}})");
    d.text("r1", "a1", "Good ");
    d.audio("r1", "a1", 800);
    d.receive(R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","content_index":0,"transcript":"Hello?\n"})");
    d.text("r1", "a1", "morning.");
    d.audio("r1", "a1", 160);
    d.receive(R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    d.item_done("r1", "a1", "Good morning.");
    d.done("r1", R"("status":"completed","usage":{"input_token_details":{"text_tokens":1000000},"output_token_details":{"audio_tokens":1000000}})");
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
    EXPECT_EQ(d.sent.back().at("response").at("instructions"), "You are Sarah.\n\nGreet the caller.");
    d.created("r1");
    d.done("r1");
    d.respond("");
    EXPECT_EQ(d.last_type(), "response.create");
    EXPECT_FALSE(d.sent.back().contains("response"));
}

TEST(RealtimeSession, FallsBackToTheTranscriptWhenTheFinishedItemHasNone) {
    Ready d;
    d.created("r1");
    d.receive(R"({"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","content_index":0,"transcript":"Hello."})");
    d.receive(R"({"type":"response.output_item.done","response_id":"r1","item":{"id":"a1","type":"message","status":"completed","content":[]}})");
    EXPECT_EQ(d.only<call::AgentItemDone>().text, "Hello.");
}

TEST(RealtimeSession, ReadsWrittenAnswersToo) {
    Ready d;
    d.receive(R"({"type":"response.output_text.delta","response_id":"r1","item_id":"a1","content_index":0,"delta":"Hi"})");
    EXPECT_EQ(d.said, "Hi");
}

TEST(RealtimeSession, TellsTranscriptionFailuresAsProblems) {
    Ready d;
    d.receive(R"({"type":"conversation.item.input_audio_transcription.failed","item_id":"u1","content_index":0,"error":{"type":"x","code":"y","message":"too noisy"}})");
    EXPECT_EQ(d.only<call::EngineProblem>().code, "transcription_failed");
    EXPECT_EQ(d.only<call::EngineProblem>().message, "too noisy");
}

TEST(RealtimeSession, SendsCallerAudioAsItIs) {
    Ready d;
    const std::vector<std::uint8_t> frame(160, 0xFE);
    EXPECT_EQ(d.session.append(frame), R"({"type":"input_audio_buffer.append","audio":")" + base64::encode(frame) + "\"}");
}

// ---- tools ----------------------------------------------------------------------------------------

TEST(RealtimeSession, PassesOnEveryToolCallOfAResponseOnce) {
    Ready d;
    d.created("r1");
    d.call_done("r1", "call_1", "completed", R"({\"day\":1})");
    d.call_done("r1", "call_2", "completed", "");
    d.call_done("r1", "call_1", "completed");
    d.done("r1", R"("status":"completed","output":[{"type":"function_call","call_id":"call_2","name":"check_slots","arguments":"{}","status":"completed"}])");
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
    d.done("r1", R"("status":"completed","output":[{"type":"function_call","call_id":"call_9","name":"x","arguments":"{}"}])");
    ASSERT_EQ(d.events.size(), 3u);
    EXPECT_EQ(std::get<call::ToolCalled>(d.events[1]).tool_call_id, "call_9");
    EXPECT_TRUE(std::holds_alternative<call::ResponseDone>(d.events[2]));
}

TEST(RealtimeSession, LeavesUnfinishedToolCallsAlone) {
    Ready d;
    d.created("r1");
    d.call_done("r1", "call_1", "incomplete", R"({\"day\":)");
    d.done("r1", R"("status":"cancelled","output":[{"type":"function_call","call_id":"call_1","name":"x","arguments":"{","status":"incomplete"}])");
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
    d.session.receive(R"({"type":"response.done","response":{"id":"r1","status":"completed"}})", d.output);
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
    EXPECT_EQ(item.at("content").at(0).at("text"), R"(A tool called earlier has returned: {"ok":true})");
}

// ---- barge-in -------------------------------------------------------------------------------------

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
    d.receive(R"({"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","content_index":0,"transcript":"Hello."})");
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
    d.done("r1", R"("status":"cancelled","status_details":{"type":"cancelled","reason":"turn_detected"})");
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

// ---- things that fail -----------------------------------------------------------------------------

TEST(RealtimeSession, AsksAgainWhenTheServersOwnResponseWasFirst) {
    Ready d;
    d.respond("result");
    const auto create = d.last_event_id();
    d.created("r_vad");
    d.error("conversation_already_has_active_response", "Conversation already has an active response in progress: r_vad.", create);
    EXPECT_TRUE(d.all<call::EngineProblem>().empty());
    EXPECT_EQ(d.sent.size(), 1u);
    d.done("r_vad");
    ASSERT_EQ(d.sent.size(), 2u);
    EXPECT_EQ(d.sent[1].at("response").at("instructions"), "You are Sarah.\n\nresult");
    EXPECT_NE(d.last_event_id(), create);
}

TEST(RealtimeSession, TellsThatARefusedResponseWillNotCome) {
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

TEST(RealtimeSession, TellsAFailedResponseWithTheWaitTheProviderAsksFor) {
    Ready d;
    d.created("r1");
    d.done("r1", R"("status":"failed","status_details":{"type":"failed","error":{"type":"tokens","code":"rate_limit_exceeded","message":"Rate limit reached. Please try again in 6.946s."}},"usage":null)");
    const auto done = d.only<call::ResponseDone>();
    EXPECT_EQ(done.status, Status::failed);
    EXPECT_EQ(done.detail, "rate_limit_exceeded: Rate limit reached. Please try again in 6.946s.");
    EXPECT_TRUE(done.may_retry);
    EXPECT_EQ(done.retry_after, 6946ms);
    EXPECT_FALSE(done.usage);
}

TEST(RealtimeSession, RetriesAServerErrorButNotAnEmptyAccount) {
    Ready d;
    d.created("r1");
    d.done("r1", R"("status":"failed","status_details":{"error":{"type":"server_error","code":null,"message":"The server had an error"}})");
    d.created("r2");
    d.done("r2", R"("status":"failed","status_details":{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"No money"}})");
    const auto done = d.all<call::ResponseDone>();
    ASSERT_EQ(done.size(), 2u);
    EXPECT_TRUE(done[0].may_retry);
    EXPECT_EQ(done[0].detail, "server_error: The server had an error");
    EXPECT_FALSE(done[1].may_retry);
}

TEST(RealtimeSession, TellsTheEndOfAResponseOnce) {
    Ready d;
    d.created("r1");
    d.created("r1");
    d.done("r1");
    d.done("r1");
    EXPECT_EQ(d.all<call::ResponseStarted>().size(), 1u);
    EXPECT_EQ(d.all<call::ResponseDone>().size(), 1u);
}

TEST(RealtimeSession, EndsWithTheSessionsHourAndMayReconnect) {
    Ready d;
    d.error("session_expired", "Your session hit the maximum duration of 60 minutes.");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
    d.audio("r1", "a1", 160);
    EXPECT_TRUE(d.heard.empty());
    EXPECT_EQ(d.session.append(std::vector<std::uint8_t>(160)), "");
}

TEST(RealtimeSession, EndsForGoodOnAFatalErrorInMidCall) {
    Ready d;
    d.error("insufficient_quota", "You exceeded your current quota");
    EXPECT_FALSE(d.only<call::EngineLost>().may_retry);
}

TEST(RealtimeSession, ReadsTheCloseForWhetherToReconnect) {
    const auto lost_by = [](std::uint16_t code, std::string_view reason) {
        Ready d;
        d.session.closed(code, reason, d.output);
        d.take();
        return d.only<call::EngineLost>();
    };
    EXPECT_TRUE(lost_by(1001, "going away").may_retry);
    EXPECT_TRUE(lost_by(1011, "").may_retry);
    EXPECT_FALSE(lost_by(1000, "").may_retry);
    EXPECT_FALSE(lost_by(4004, "invalid_request_error.model_not_found").may_retry);
    EXPECT_EQ(lost_by(4004, "invalid_request_error.model_not_found").reason, "closed with 4004: invalid_request_error.model_not_found");
    EXPECT_EQ(lost_by(1011, "\xFF").reason, "closed with 1011: \xEF\xBF\xBD");
}

TEST(RealtimeSession, ExplainsASilentCloseByTheLastError) {
    Ready d;
    d.error("strange", "Something odd");
    d.session.closed(4000, "", d.output);
    d.take();
    EXPECT_EQ(d.only<call::EngineLost>().reason, "closed with 4000: strange: Something odd");
}

TEST(RealtimeSession, TellsOurMistakesAsProblemsAndKeepsRacesQuiet) {
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

// ---- bad input ------------------------------------------------------------------------------------

TEST(RealtimeSession, IgnoresUnknownEventsAndFields) {
    Ready d;
    d.receive(R"({"type":"future.event","deep":{"a":[1,{"b":null}]}})");
    d.receive(R"({"type":"input_audio_buffer.speech_started","item_id":"u1","brand_new":{"x":1}})");
    EXPECT_EQ(d.only<call::CallerSpeechStarted>().item_id, "u1");
    EXPECT_EQ(d.events.size(), 1u);
}

TEST(RealtimeSession, TellsBadMessagesAndGoesOn) {
    Ready d;
    for (const auto* bad : {"", "x", "[]", R"({"type":5})", R"({"type":"response.done"})", R"({"type":"response.created","response":[]})",
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

TEST(RealtimeSession, GivesUpAfterTwentyBadMessagesInARow) {
    Ready d;
    for (int i = 0; i < 19; ++i) d.receive("{");
    d.audio("r1", "a1", 160);  // a good one in between
    for (int i = 0; i < 19; ++i) d.receive("{");
    EXPECT_TRUE(d.all<call::EngineLost>().empty());
    d.receive("{");
    EXPECT_EQ(d.only<call::EngineLost>().reason, "20 bad messages in a row");
    EXPECT_TRUE(d.only<call::EngineLost>().may_retry);
}

TEST(RealtimeSession, KeepsOddIdsInsideTheirStrings) {
    Ready d;
    d.receive(R"({"type":"response.created","response":{"id":"r\"},{\u0000\n"}})");
    d.cancel();
    EXPECT_EQ(d.sent.back().at("response_id"), json::string("r\"},{\0\n", 7));
}

TEST(RealtimeSession, KeepsItsMemoryBounded) {
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

// ---- PCM ------------------------------------------------------------------------------------------

TEST(RealtimeSessionPcm, ResamplesBothWays) {
    Ready d(options_with(ModelAudio::pcm16_24k));
    const std::vector<std::uint8_t> frame(160, 0x20);
    std::size_t sent_bytes = 0;
    for (int i = 0; i < 50; ++i) {
        const auto message = d.session.append(frame);
        if (message.empty()) continue;
        std::vector<std::uint8_t> pcm;
        ASSERT_TRUE(base64::decode(std::string_view(json_read::parse(message).value().at("audio").as_string()), pcm));
        sent_bytes += pcm.size();
    }
    EXPECT_NEAR(static_cast<double>(sent_bytes), 48'000, 48 * 25);  // a second, less what the filter holds back

    d.created("r1");
    d.audio("r1", "a1", 47'999);  // odd: half a sample waits
    d.audio("r1", "a1", 1);
    EXPECT_LT(d.heard.size(), 8000u);
    d.receive(R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
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
    d.receive(R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    EXPECT_EQ(d.heard.size(), before);
}

TEST(RealtimeSessionPcm, ForgetsTheTailOnBargeIn) {
    Ready d(options_with(ModelAudio::pcm16_24k));
    d.created("r1");
    d.audio("r1", "a1", 4800);
    const auto before = d.heard.size();
    d.truncate("a1", 0, 20);
    d.receive(R"({"type":"response.output_audio.done","response_id":"r1","item_id":"a1","content_index":0})");
    EXPECT_EQ(d.heard.size(), before);
}

}  // namespace
}  // namespace parley::engine
