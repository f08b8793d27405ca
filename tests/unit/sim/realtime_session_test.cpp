#include <parley/sim/realtime_session.hpp>

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/core/base64.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Day friday{std::chrono::year{2026}, std::chrono::month{11}, std::chrono::day{20}};

constexpr std::string_view two_turns = R"(
greeting: Good day
think_ms: 100
delta_ms: 100
speed: 10
transcription_delay_ms: 200
turns:
  - heard: Hello
    says: Let me see
    calls: [{tool: lookup, arguments: {id: 7}}, {tool: lookup_more}]
    then: {says: "It is {results.lookup.name}."}
  - heard: Thanks
    says: Goodbye
)";

// A session on a virtual clock. All it says lasts one second.
class Session : public testing::Test {
 protected:
    void open(std::string_view yaml = two_turns, RealtimeSession::Options options = {}) {
        script = ModelScript::parse(yaml, "test.yaml").value();
        session.emplace(std::move(options), script, ScriptPlayer(script, friday), now);
        collect();
    }
    void set_up_phone(std::string_view more = "") {
        tell(
            R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"},
            "transcription":{"model":"gpt-transcribe"},"turn_detection":{"type":"server_vad","silence_duration_ms":500)" +
            std::string(more) + R"(}},"output":{"format":{"type":"audio/pcmu"}}}}})");
        ASSERT_EQ(types().back(), "session.updated");
        events.clear();
    }
    void tell(std::string_view text) {
        session->receive(text, now);
        collect();
    }
    void append(milliseconds length, bool is_loud) {
        for (milliseconds done{0}; done < length; done += 20ms) {
            auto tone = audio::sine(300, audio::telephone_hz, 20ms, is_loud ? 0.3 : 0.0);
            std::vector<std::uint8_t> mulaw(tone.size());
            audio::encode_mulaw(tone, mulaw);
            pass(20ms);
            tell(R"({"type":"input_audio_buffer.append","audio":")" +
                 base64::encode(std::span<const std::uint8_t>(mulaw)) + "\"}");
        }
    }
    void speak() {
        append(1s, true);
        append(600ms, false);
    }
    void pass(milliseconds length) {
        const TimePoint end = now + length;
        while (session->next_due() <= end) {
            now = std::max(now, session->next_due());
            session->advance(now);
            collect();
        }
        now = end;
    }
    void collect() {
        for (auto& output : session->take_output()) {
            if (const auto* event = std::get_if<RealtimeSession::Send>(&output)) {
                const auto parsed = json_read::parse(event->text);
                if (!parsed) {
                    broken_frames.push_back(event->text);
                    continue;
                }
                events.push_back(parsed->get_object());
            } else if (const auto* wanted = std::get_if<RealtimeSession::Synthesize>(&output)) {
                const auto second = audio::sine(300, wanted->rate_hz, speech_length, 0.3);
                session->speech_ready(
                    wanted->ticket, std::make_shared<const std::vector<std::int16_t>>(second), now);
                collect();
            } else if (const auto* close = std::get_if<RealtimeSession::Close>(&output)) {
                closed = fmt::format("{} {}", close->code, close->reason);
            } else if (std::holds_alternative<RealtimeSession::Drop>(output)) {
                closed = "dropped";
            }
        }
    }
    // Event types in order; repeated deltas count once.
    std::vector<std::string> types() const {
        std::vector<std::string> out;
        for (const auto& event : events) {
            const std::string type = json_read::text(event, "type");
            const bool is_repeated = type.ends_with(".delta") &&
                                     std::find(out.begin(), out.end(), type) != out.end() &&
                                     out.size() > 0 && (out.back().ends_with(".delta"));
            if (!is_repeated) out.push_back(type);
        }
        return out;
    }
    const json::object& event(std::string_view type, std::size_t nth = 0) const {
        for (const auto& one : events) {
            if (json_read::text(one, "type") == type && nth-- == 0) return one;
        }
        throw std::runtime_error("no event " + std::string(type));
    }
    std::string error_code() const {
        const auto& error = events.back();
        return error.at("type") == "error" ? json_read::text(error.at("error").get_object(), "code")
                                           : "no error";
    }
    std::vector<std::string> violation_codes() const {
        std::vector<std::string> out;
        for (const auto& violation : session->violations()) out.push_back(violation.code);
        return out;
    }

    TimePoint now{1h};
    milliseconds speech_length{1'000};
    ModelScript script;
    std::optional<RealtimeSession> session;
    std::vector<json::object> events;
    std::vector<std::string> broken_frames;
    std::string closed;
};

TEST_F(Session, BeginsWithSessionCreatedAndNothingElse) {
    open();
    EXPECT_THAT(types(), ElementsAre("session.created"));
    const auto& created = events[0].at("session").get_object();
    for (const char* field : {"type", "object", "id", "model", "output_modalities", "instructions",
                              "tools", "tool_choice", "max_output_tokens", "tracing", "truncation",
                              "prompt", "expires_at", "audio", "include", "reasoning"}) {
        EXPECT_TRUE(created.contains(field)) << field;
    }
    EXPECT_EQ(created.at("audio").at("input").at("turn_detection").at("silence_duration_ms"), 200);
}

TEST_F(Session, ACallersTurnHasTheDocumentedOrder) {
    open(
        R"({think_ms: 100, speed: 10, transcription_delay_ms: 120, turns: [{heard: Hello, says: "Good day to you"}]})");
    set_up_phone();
    speak();
    pass(1s);
    const auto all = types();
    const auto position = [&](std::string_view type) {
        return std::find(all.begin(), all.end(), type) - all.begin();
    };
    const auto transcribed = position("conversation.item.input_audio_transcription.completed");
    EXPECT_GT(transcribed, position("response.output_audio.delta"))
        << "transcription comes in the middle of the answer";
    EXPECT_LT(transcribed, position("response.output_audio.done"));
    std::vector<std::string> others;
    for (const auto& type : all) {
        const bool is_repeated = std::find(others.begin(), others.end(), type) != others.end() &&
                                 type.ends_with(".delta");
        if (type.find("transcription") == type.npos && !is_repeated) others.push_back(type);
    }
    EXPECT_THAT(
        others,
        ElementsAre("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
                    "input_audio_buffer.committed", "conversation.item.added",
                    "conversation.item.done", "response.created", "response.output_item.added",
                    "conversation.item.added", "response.content_part.added",
                    "response.output_audio_transcript.delta", "response.output_audio.delta",
                    "response.output_audio.done", "response.output_audio_transcript.done",
                    "response.content_part.done", "conversation.item.done",
                    "response.output_item.done", "response.done", "rate_limits.updated"));
    EXPECT_EQ(event("conversation.item.input_audio_transcription.completed").at("transcript"),
              "Hello");
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Good day to you");
    const auto& done = event("response.done").at("response").get_object();
    EXPECT_EQ(done.at("status"), "completed");
    EXPECT_EQ(done.at("usage").at("output_token_details").at("audio_tokens"), 20)
        << "one second at 50 ms a token";
    EXPECT_EQ(event("conversation.item.added", 1).at("previous_item_id"),
              event("input_audio_buffer.committed").at("item_id"));
}

TEST_F(Session, SpeechTimesCountAppendedAudioWithPaddingAndSilence) {
    open();
    set_up_phone();
    append(1s, false);
    pass(10min / 60);  // the wall clock does not matter
    append(1s, true);
    append(600ms, false);
    EXPECT_EQ(event("input_audio_buffer.speech_started").at("audio_start_ms"), 700)
        << "1,000 less 300 of padding";
    EXPECT_EQ(event("input_audio_buffer.speech_stopped").at("audio_end_ms"), 2'500)
        << "2,000 and 500 of silence";
    EXPECT_EQ(event("input_audio_buffer.speech_started").at("item_id"),
              event("input_audio_buffer.committed").at("item_id"));
}

TEST_F(Session, SpeechNeverEndsWhenTheClientStopsAppending) {
    open();
    set_up_phone();
    append(1s, true);
    pass(1min);
    EXPECT_THAT(types(), ElementsAre("input_audio_buffer.speech_started"));
}

TEST_F(Session, AudioComesFasterThanItSounds) {
    speech_length = 4s;
    open();
    set_up_phone();
    tell(R"({"type":"response.create"})");
    pass(100ms + 200ms);
    std::size_t bytes = 0;
    std::vector<std::uint8_t> decoded;
    for (const auto& delta : events) {
        if (delta.at("type") != "response.output_audio.delta") continue;
        ASSERT_TRUE(base64::decode(json_read::text(delta, "delta"), decoded));
        bytes += decoded.size();
    }
    EXPECT_NEAR(static_cast<double>(bytes) / 8, 2'000, 101)
        << "ten times as fast, after 100 ms of thinking";
}

TEST_F(Session, ToolCallsFollowTheWordsAndTheResultsAreAnswered) {
    open();
    set_up_phone();
    speak();
    pass(2s);
    const auto& first = event("response.done").at("response").get_object();
    ASSERT_EQ(first.at("output").get_array().size(), 3u) << "a message and two calls";
    const auto call_1 =
        json_read::text(event("response.function_call_arguments.done", 0), "call_id");
    const auto call_2 =
        json_read::text(event("response.function_call_arguments.done", 1), "call_id");
    EXPECT_EQ(event("response.function_call_arguments.done", 0).at("arguments"), R"({"id":7})");
    EXPECT_EQ(event("response.function_call_arguments.done", 0).at("name"), "lookup");

    events.clear();
    tell(R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":")" +
         call_1 + R"(","output":"{\"name\":\"Ann\"}"}})");
    tell(R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":")" +
         call_2 + R"(","output":"{}"}})");
    EXPECT_THAT(types(), ElementsAre("conversation.item.added", "conversation.item.done",
                                     "conversation.item.added", "conversation.item.done"))
        << "the server never goes on by itself";
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "It is Ann.");
    EXPECT_THAT(violation_codes(), IsEmpty());

    tell(
        R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_other","output":"{}"}})");
    EXPECT_EQ(error_code(), "invalid_tool_call_id");
}

TEST_F(Session, TheCallerCutsARunningResponseOff) {
    speech_length = 20s;
    open();
    set_up_phone();
    tell(R"({"type":"response.create","response":{"instructions":"Greet"}})");
    pass(600ms);
    events.clear();
    append(100ms, true);
    const auto order = types();
    const auto started = std::find(order.begin(), order.end(), "input_audio_buffer.speech_started");
    ASSERT_NE(started, order.end());
    EXPECT_THAT(std::vector<std::string>(started, order.end()),
                ElementsAre("input_audio_buffer.speech_started", "response.output_audio.done",
                            "response.output_audio_transcript.done", "response.content_part.done",
                            "conversation.item.done", "response.output_item.done", "response.done",
                            "rate_limits.updated"));
    const auto& done = event("response.done").at("response").get_object();
    EXPECT_EQ(json::serialize(done.at("status_details")),
              R"({"type":"cancelled","reason":"turn_detected"})");
    EXPECT_EQ(done.at("output").at(0).at("status"), "incomplete");
}

TEST_F(Session, LateDeltasComeBehindSpeechStarted) {
    speech_length = 20s;
    open("{greeting: Good day, speed: 10, faults: [late_deltas]}");
    set_up_phone();
    tell(R"({"type":"response.create"})");
    pass(600ms);
    events.clear();
    append(100ms, true);
    std::size_t late = 0;
    bool has_started = false;
    for (const auto& one : events) {
        has_started = has_started || one.at("type") == "input_audio_buffer.speech_started";
        if (has_started && one.at("type") == "response.output_audio.delta") ++late;
    }
    EXPECT_EQ(late, 4u);
}

TEST_F(Session, ChecksTruncation) {
    open();
    set_up_phone();
    tell(R"({"type":"response.create"})");
    pass(2s);
    const std::string id =
        json_read::text(event("response.output_item.done").at("item").get_object(), "id");
    const auto truncate = [&](const std::string& item, int end) {
        tell(fmt::format(
            R"({{"type":"conversation.item.truncate","item_id":"{}","content_index":0,"audio_end_ms":{}}})",
            item, end));
    };
    truncate(id, 1'001);
    EXPECT_EQ(error_code(), "invalid_value");
    EXPECT_THAT(json_read::text(events.back().at("error").get_object(), "message"),
                HasSubstr("Audio content of 1000ms is already shorter than 1001ms"));
    truncate("item_other", 0);
    EXPECT_EQ(error_code(), "item_truncate_invalid_item_id");
    truncate(id, 400);
    EXPECT_EQ(events.back().at("type"), "conversation.item.truncated");
    truncate(id, 401);
    EXPECT_EQ(error_code(), "invalid_value") << "it is 400 ms long now";
}

TEST_F(Session, AllowsOneResponseAtATimeAndOthersAside) {
    open();
    set_up_phone();
    tell(R"({"type":"response.create"})");
    tell(R"({"type":"response.create","event_id":"mine"})");
    EXPECT_EQ(error_code(), "conversation_already_has_active_response");
    EXPECT_EQ(events.back().at("error").at("event_id"), "mine");
    tell(
        R"({"type":"response.create","response":{"conversation":"none","output_modalities":["text"],"metadata":{"tag":"x"},"instructions":"Say \"aside\""}})");
    pass(2s);
    EXPECT_EQ(event("response.output_text.done").at("text"), "aside");
    EXPECT_EQ(event("response.created", 1).at("response").at("metadata").at("tag"), "x");
    EXPECT_TRUE(event("response.created", 1).at("response").at("conversation_id").is_null());
    std::size_t items = 0;
    for (const auto& one : events) items += one.at("type") == "conversation.item.added" ? 1 : 0;
    EXPECT_EQ(items, 1u) << "the aside leaves no item behind";
    EXPECT_THAT(violation_codes(), ElementsAre("conversation_already_has_active_response"));
}

TEST_F(Session, CancelNeedsAnActiveResponse) {
    open();
    tell(R"({"type":"response.cancel"})");
    EXPECT_EQ(error_code(), "response_cancel_not_active");
    EXPECT_THAT(violation_codes(), IsEmpty()) << "a race";
    tell(R"({"type":"response.create"})");
    tell(R"({"type":"response.cancel"})");
    EXPECT_EQ(event("response.done").at("response").at("status_details").at("reason"),
              "client_cancelled");
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Good day")
        << "what was not heard is said again";
}

TEST_F(Session, ManualTurnsCommitAndRespondOnRequest) {
    open();
    set_up_phone();
    tell(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}})");
    events.clear();
    tell(R"({"type":"input_audio_buffer.commit"})");
    EXPECT_EQ(error_code(), "input_audio_buffer_commit_empty");
    events.clear();
    append(500ms, true);
    tell(R"({"type":"input_audio_buffer.commit"})");
    EXPECT_THAT(types(), ElementsAre("input_audio_buffer.committed", "conversation.item.added",
                                     "conversation.item.done"));
    events.clear();
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Let me see");
}

TEST_F(Session, BadInputIsAnsweredAndTheSessionGoesOn) {
    open();
    const std::pair<const char*, const char*> inputs[] = {
        {"{", "invalid_json"},
        {"[]", "invalid_event"},
        {"{}", "invalid_event"},
        {R"({"type":"transcription_session.update"})", "invalid_value"},
        {R"({"type":"response.create","bogus":1})", "unknown_parameter"},
        {R"({"type":"response.create","response":{"modalities":["audio"]}})", "unknown_parameter"},
        {R"({"type":"response.create","response":7})", "invalid_type"},
        {R"({"type":"session.update"})", "missing_required_parameter"},
        {R"({"type":"session.update","session":[]})", "invalid_type"},
        {R"({"type":"input_audio_buffer.append","audio":"!"})", "invalid_value"},
        {R"({"type":"input_audio_buffer.append","audio":7})", "invalid_value"},
        {R"({"type":"conversation.item.truncate","item_id":"x","content_index":0,"audio_end_ms":1.5})",
         "invalid_type"},
        {R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"text","text":"x"}]}})",
         "invalid_value"},
        {R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[]},"previous_item_id":"no"})",
         "invalid_value"},
        {R"({"type":"conversation.item.delete","item_id":"x"})", "item_delete_invalid_item_id"}};
    for (const auto& [text, code] : inputs) {
        events.clear();
        tell(text);
        ASSERT_EQ(events.size(), 1u) << text;
        EXPECT_EQ(error_code(), code) << text;
    }
    session->receive_binary(now);
    collect();
    EXPECT_EQ(error_code(), "invalid_event");
    EXPECT_EQ(closed, "");
    EXPECT_EQ(session->violations().size(), std::size(inputs) + 1);
}

TEST_F(Session, NoticesAudioBeforeTheFirstUpdate) {
    open();
    append(20ms, false);
    EXPECT_THAT(violation_codes(), ElementsAre("audio_before_session_updated"));
}

TEST_F(Session, ARateLimitFailsTheResponseOnceAndTheTurnIsNotLost) {
    open("{greeting: Good day, faults: [{kind: rate_limit, response: 1}]}");
    tell(R"({"type":"response.create"})");
    const auto& failed = event("response.done").at("response").get_object();
    EXPECT_EQ(failed.at("status"), "failed");
    EXPECT_EQ(failed.at("status_details").at("error").at("code"), "rate_limit_exceeded");
    EXPECT_THAT(json_read::text(failed.at("status_details").at("error").get_object(), "message"),
                HasSubstr("Please try again in 0.5s"));
    events.clear();
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Good day");
}

TEST_F(Session, BreaksInTheMiddleOfAResponse) {
    open("{greeting: Good day, speed: 10, faults: [{kind: drop, turn: 0, after_ms: 500}]}");
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(closed, "dropped");
    std::size_t pieces = 0;
    for (const auto& one : events)
        pieces += one.at("type") == "response.output_audio.delta" ? 1 : 0;
    EXPECT_EQ(pieces, 5u);
    EXPECT_TRUE(session->is_over());
    tell(R"({"type":"response.create"})");
    EXPECT_EQ(session->next_due(), TimePoint::max());
}

TEST_F(Session, StallsWithoutASign) {
    open("{greeting: Good day, faults: [stall]}");
    tell(R"({"type":"response.create"})");
    const std::size_t before = events.size();
    pass(10min);
    tell("{");
    EXPECT_EQ(events.size(), before);
    EXPECT_EQ(closed, "");
}

TEST_F(Session, Expires) {
    open(two_turns, {.expires_at = now + 30s});
    pass(29s);
    EXPECT_EQ(closed, "");
    pass(2s);
    EXPECT_EQ(error_code(), "session_expired");
    EXPECT_EQ(closed, "1001 Your session hit the maximum duration of 60 minutes.");
}

TEST_F(Session, SendsOddThingsOnRequest) {
    open(
        "{greeting: Good day, faults: [unknown_event, huge_event, invalid_json, null_usage, obfuscation]}");
    tell(R"({"type":"response.create"})");
    pass(2s);
    EXPECT_EQ(event("response.telepathy.delta").at("delta"), "?");
    EXPECT_EQ(event("response.telepathy.delta", 1).at("delta").get_string().size(), 1024u * 1024u);
    EXPECT_EQ(broken_frames.size(), 1u);
    EXPECT_TRUE(event("response.done").at("response").at("usage").is_null());
    EXPECT_TRUE(event("response.output_audio.delta").contains("obfuscation"));
}

TEST_F(Session, AFailedTranscriptionIsNoErrorEvent) {
    open("{turns: [{heard: Hello, says: Hi}], faults: [transcription_failed]}");
    set_up_phone();
    speak();
    pass(1s);
    EXPECT_EQ(event("conversation.item.input_audio_transcription.failed").at("error").at("code"),
              "audio_unintelligible");
}

TEST_F(Session, ASilentCallerTimesOut) {
    open();
    set_up_phone(R"(,"idle_timeout_ms":5000)");
    tell(R"({"type":"response.create"})");
    pass(200ms);  // said in 100 ms, and sounding for a second
    events.clear();
    pass(5'800ms);
    EXPECT_THAT(types(), testing::Not(testing::Contains("input_audio_buffer.timeout_triggered")));
    pass(300ms);
    EXPECT_THAT(types(),
                testing::IsSupersetOf({"input_audio_buffer.timeout_triggered",
                                       "input_audio_buffer.committed", "response.created"}));
}

TEST_F(Session, AReplayedConversationGoesOnWhereItWas) {
    open();
    set_up_phone();
    tell(
        R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Hello"}]}})");
    EXPECT_TRUE(event("conversation.item.added").at("previous_item_id").is_null());
    tell(
        R"({"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Let me"}]}})");
    speak();
    pass(2s);
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Goodbye");
}

TEST_F(Session, UnansweredUtterancesOfAHesitantCallerAreOneTurn) {
    open();
    set_up_phone();
    append(1s, true);
    append(520ms, false);  // enough to end the turn, not enough for the model's first word
    speak();
    pass(2s);
    EXPECT_EQ(event("response.done", 0).at("response").at("status"), "cancelled");
    EXPECT_EQ(event("response.output_audio_transcript.done").at("transcript"), "Let me see");
}

}  // namespace
}  // namespace parley::sim
