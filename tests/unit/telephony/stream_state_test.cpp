#include <parley/telephony/stream_state.hpp>

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace parley::telephony {
namespace {

using Do = StreamStep::Do;
using namespace std::chrono_literals;

const TimePoint t0 = TimePoint(1'000s);
const std::string start =
    R"({"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","callSid":"CA1","customParameters":{"token":"t"}}})";
const std::string connected = R"({"event":"connected","protocol":"Call","version":"1.0.0"})";

std::string media(int sequence, std::string_view sid = "MZ1") {
    return fmt::format(
        R"({{"event":"media","sequenceNumber":"{}","streamSid":"{}","media":{{"payload":"////"}}}})",
        sequence, sid);
}

StreamState active() {
    StreamState state(t0);
    state.on_text(start);
    state.accept();
    return state;
}

void expect_close(const StreamStep& step, std::uint16_t code, std::string_view why) {
    EXPECT_EQ(step.action, Do::close) << why;
    EXPECT_EQ(step.close_code, code) << why;
    EXPECT_FALSE(step.complaint.empty()) << why;
}

TEST(StreamState, WaitsTenSecondsForStart) {
    StreamState state(t0);
    EXPECT_EQ(state.deadline(), t0 + 10s);
    EXPECT_EQ(state.on_time(t0 + 9'999ms).action, Do::nothing);
    expect_close(state.on_time(t0 + 10s), 1008, "late");
    EXPECT_EQ(state.on_text(start).action, Do::nothing) << "closed is closed";
    EXPECT_EQ(state.on_time(t0 + 20s).action, Do::nothing) << "once";
}

TEST(StreamState, LooksAtTwentyMessagesForStart) {
    StreamState state(t0);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(state.on_text(connected).action, Do::nothing) << i;
    expect_close(state.on_text(start), 1008, "the twenty-first");
}

TEST(StreamState, NothingButStartBeginsACall) {
    for (const std::string& text :
         {media(1), std::string(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"5"}})"),
          std::string(R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m1"}})"),
          std::string("nonsense"), std::string(R"({"event":"start","streamSid":"MZ1"})")}) {
        StreamState state(t0);
        state.on_text(connected);
        expect_close(state.on_text(text), 1008, text);
        EXPECT_FALSE(state.is_active());
    }
    StreamState stopped(t0);
    EXPECT_EQ(stopped.on_text(R"({"event":"stop","streamSid":"MZ1"})").action, Do::finish);
}

TEST(StreamState, BinaryIsNotSpokenHere) {
    StreamState state(t0);
    expect_close(state.on_binary(), 1003, "before start");
    StreamState running = active();
    expect_close(running.on_binary(), 1003, "in a call");
    EXPECT_EQ(running.on_binary().action, Do::nothing);
}

TEST(StreamState, AudioBeforeTheStartIsAcceptedIsRefused) {
    StreamState state(t0);
    EXPECT_EQ(state.on_text(start).action, Do::check_start);
    expect_close(state.on_text(media(2)), 1008, "the token has not been checked");
}

TEST(StreamState, ASecondStartEndsTheStream) {
    StreamState state = active();
    expect_close(state.on_text(start), 1008, "second start");
    EXPECT_FALSE(state.is_active());
    EXPECT_EQ(state.on_text(media(2)).action, Do::nothing);
}

TEST(StreamState, AnotherMediaFormatIsRefused) {
    StreamState state(t0);
    expect_close(
        state.on_text(
            R"({"event":"start","streamSid":"MZ1","start":{"callSid":"CA1","mediaFormat":{"encoding":"audio/l16","sampleRate":16000}}})"),
        1008, "not µ-law");
}

TEST(StreamState, HandsOverTheStartOnceAndThenAudio) {
    StreamState state(t0);
    EXPECT_EQ(state.on_text(connected).action, Do::nothing);
    const StreamStep step = state.on_text(start);
    ASSERT_EQ(step.action, Do::check_start);
    EXPECT_EQ(step.started->call_sid, "CA1");
    EXPECT_EQ(step.started->parameter("token"), "t");
    EXPECT_EQ(state.deadline(), TimePoint::max());
    state.accept();
    EXPECT_TRUE(state.is_active());
    const StreamStep heard = state.on_text(media(2));
    ASSERT_EQ(heard.action, Do::hear);
    EXPECT_EQ(heard.media.audio.size(), 3u);
}

TEST(StreamState, OtherStreamsAreIgnoredAndMentionedOnce) {
    StreamState state = active();
    const StreamStep first = state.on_text(media(2, "MZ9"));
    EXPECT_EQ(first.action, Do::nothing);
    EXPECT_FALSE(first.complaint.empty());
    for (const std::string& text :
         {media(3, "MZ9"), std::string(R"({"event":"stop","streamSid":"MZ9"})"),
          std::string(R"({"event":"mark","streamSid":"MZ9","mark":{"name":"m1"}})"),
          std::string(R"({"event":"dtmf","streamSid":"MZ9","dtmf":{"digit":"1"}})")}) {
        const StreamStep step = state.on_text(text);
        EXPECT_EQ(step.action, Do::nothing) << text;
        EXPECT_TRUE(step.complaint.empty()) << text;
    }
    EXPECT_EQ(state.on_text(media(4)).action, Do::hear);
}

TEST(StreamState, UnknownEventsAreIgnoredAndMentionedOnce) {
    StreamState state = active();
    EXPECT_NE(
        state.on_text(R"({"event":"brand-new","streamSid":"MZ1"})").complaint.find("brand-new"),
        std::string::npos);
    EXPECT_TRUE(state.on_text(R"({"event":"brand-new"})").complaint.empty());
    EXPECT_TRUE(state.is_active());
}

TEST(StreamState, FiftyMalformedMessagesInARowEndTheCall) {
    StreamState state = active();
    for (int i = 1; i <= 49; ++i) {
        const StreamStep step = state.on_text("{");
        ASSERT_EQ(step.action, Do::nothing) << i;
        EXPECT_EQ(step.complaint.empty(), i != 1) << i;
    }
    EXPECT_EQ(state.on_text(media(2)).action, Do::hear);
    for (int i = 1; i <= 49; ++i)
        ASSERT_EQ(
            state.on_text(R"({"event":"media","streamSid":"MZ1","media":{"payload":"?"}})").action,
            Do::nothing)
            << i;
    expect_close(state.on_text("{"), 1008, "the fiftieth in a row");
    EXPECT_EQ(state.malformed_count(), 99);
}

TEST(StreamState, TellsDigitsMarksAndTheEnd) {
    StreamState state = active();
    const StreamStep digit =
        state.on_text(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"*"}})");
    EXPECT_EQ(digit.action, Do::press);
    EXPECT_EQ(digit.digit, '*');
    const StreamStep mark =
        state.on_text(R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m42"}})");
    EXPECT_EQ(mark.action, Do::mark_played);
    EXPECT_EQ(mark.mark, 42u);
    const StreamStep strange =
        state.on_text(R"({"event":"mark","streamSid":"MZ1","mark":{"name":"responsePart"}})");
    EXPECT_EQ(strange.action, Do::nothing);
    EXPECT_FALSE(strange.complaint.empty());
    EXPECT_EQ(state.on_text(R"({"event":"stop","streamSid":"MZ1","stop":{}})").action, Do::finish);
    EXPECT_EQ(state.on_text(media(9)).action, Do::nothing) << "after stop nothing counts";
}

TEST(StreamState, OurOwnVoiceIsNotTheCallers) {
    StreamState state = active();
    EXPECT_EQ(
        state
            .on_text(
                R"({"event":"media","streamSid":"MZ1","media":{"track":"outbound","payload":"////"}})")
            .action,
        Do::nothing);
    EXPECT_EQ(
        state
            .on_text(
                R"({"event":"media","streamSid":"MZ1","media":{"track":"inbound","payload":"////"}})")
            .action,
        Do::hear);
    EXPECT_EQ(
        state
            .on_text(
                R"({"event":"media","streamSid":"MZ1","media":{"track":"inbound_track","payload":"////"}})")
            .action,
        Do::hear);
}

TEST(StreamState, MissingSequenceNumbersAreOnlyCounted) {
    StreamState state = active();
    state.on_text(media(2));
    state.on_text(
        R"({"event":"mark","sequenceNumber":"3","streamSid":"MZ1","mark":{"name":"m1"}})");
    state.on_text(media(4));
    EXPECT_EQ(state.missing_count(), 0);
    EXPECT_EQ(state.on_text(media(8)).action, Do::hear);
    EXPECT_EQ(state.missing_count(), 3);
    EXPECT_EQ(state.on_text(media(5)).action, Do::hear);
    EXPECT_EQ(state.missing_count(), 3);
}

}  // namespace
}  // namespace parley::telephony
