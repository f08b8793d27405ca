#include <parley/store/print.hpp>

#include "temporary.hpp"

#include <cstdlib>

namespace parley::store {
namespace {

using namespace test;

class Printing : public testing::Test {
 protected:
    Printing() {
        setenv("TZ", "UTC", 1);
        tzset();
        call_.call_sid = "CA1";
        call_.from = "+15550100001";
        call_.to = "+15550100002";
        call_.agent = "sarah";
        call_.channel = "twilio";
        call_.outcome = "appointment_booked";
        call_.reason = "agent_hung_up";
        call_.started_at_ms = unix_ms(at(0));
        call_.ended_at_ms = unix_ms(at(62'400));
        call_.duration_ms = 62'400;
        call_.cost_usd = 0.03124;
        call_.turns = 3;
    }
    static json::object row(std::int64_t ms, journal::Event event) {
        return to_row({"CA1", at(ms), std::move(event)});
    }

    CallRow call_;
};

TEST_F(Printing, AlignsTheTableOfCalls) {
    CallRow running;
    running.call_sid = "CA22";
    running.from = "anonymous";
    running.agent = "sarah";
    running.started_at_ms = unix_ms(at(3'600'000));
    running.turns = 12;
    const std::array calls{running, call_};

    EXPECT_EQ("\n" + calls_table(calls, {}), R"(
TIME                 CALL  FROM          AGENT  OUTCOME             LENGTH  TURNS     COST
2026-11-20 19:52:00  CA22  anonymous     sarah  in progress              -     12        -
2026-11-20 18:52:00  CA1   +15550100001  sarah  appointment_booked    1:02      3  $0.0312
)");
}

TEST_F(Printing, ShowsNotesAndTheSummaryOfTheScript) {
    const json::array entries{
        row(3'000, journal::Note{"wants a call back", {{"at", "noon"}, {"by", "Jo"}}}),
        row(4'000, journal::Note{"plain", {}}),
        row(62'500, journal::Summary{{{"mood", "good"}, {"visits", 2}, {"seconds", 37.2}}}),
    };
    const auto text = transcript(call_, entries, {});
    EXPECT_NE(text.find("[00:03.0]         ✎ wants a call back (at: \"noon\", by: \"Jo\")\n"),
              text.npos)
        << text;
    EXPECT_NE(text.find("[00:04.0]         ✎ plain\n"), text.npos) << text;
    EXPECT_NE(text.find("[01:02.5]         Σ mood: \"good\", visits: 2, seconds: 37.2\n"),
              text.npos)
        << text;
}

TEST_F(Printing, SaysThatThereAreNoCalls) { EXPECT_EQ(calls_table({}, {}), "No calls yet.\n"); }

TEST_F(Printing, ShowsACallAsItWasHeard) {
    call::Usage usage;
    usage.input_audio_tokens = 800;
    usage.cached_audio_tokens = 600;
    usage.output_audio_tokens = 120;
    const json::array entries{
        row(0, journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"}),
        row(600, journal::AgentSaid{"i1", "Good morning, this is Sarah.", "", 1'900, 1'900, false}),
        row(9'400, journal::TurnLatency{512, 640}),
        row(7'100,
            journal::ToolStarted{"c1", "check_slots", R"({"date":"2026-11-24","part":"morning"})"}),
        row(7'112, journal::ToolReturned{"c1", "check_slots", true,
                                         R"({"slots":["9:30 AM","10:00 AM"]})", 12}),
        row(5'200, journal::CallerSaid{"i2", "Do you have something on Tuesday?"}),
        row(9'500, journal::AgentSaid{"i3", "We have nine thirty, ten",
                                      "or eleven o'clock on Tuesday.", 2'230, 5'120, true}),
        row(11'730, journal::Interrupted{"i3", 2'230, 5'120}),
        row(11'740, journal::CallerSaid{"i4", "Ten is fine."}),
        row(12'000, journal::UsageCounted{"r1", usage}),
        row(12'100, journal::DtmfReceived{}),
        row(12'200,
            journal::ToolReturned{"c2", "book_appointment", false, "the slot is taken", 1'033}),
        row(20'000, journal::ProviderLost{"connection reset"}),
        row(21'300, journal::ProviderRestored{1'300, false}),
        row(22'000, journal::Problem{"response_failed", "rate_limit_exceeded"}),
        row(62'400, journal::CallEnded{"appointment_booked", "agent_hung_up", 62'400}),
    };
    EXPECT_EQ("\n" + transcript(call_, entries, {}), R"(
Call CA1 · 2026-11-20 18:52:00
+15550100001 → +15550100002 · agent sarah · twilio

[00:00.6] Agent:  Good morning, this is Sarah.
[00:05.2] Caller: Do you have something on Tuesday?
[00:07.1]         ⚙ check_slots(date: "2026-11-24", part: "morning")
[00:07.1]         → {"slots": ["9:30 AM", "10:00 AM"]} (check_slots · 12 ms)
[00:09.4]         ⏱ answered after 640 ms (model 512 ms)
[00:09.5] Agent:  We have nine thirty, ten ✂ [not heard: or eleven o'clock on Tuesday.]
[00:11.7]         ✂ caller cut in: heard 2.2 s of 5.1 s received
[00:11.7] Caller: Ten is fine.
[00:12.1]         # a key was pressed (which one is not kept)
[00:12.2]         ✗ the slot is taken (book_appointment · 1033 ms)
[00:20.0]         ⚠ the model's connection was lost: connection reset
[00:21.3]         ↻ the model is back after 1.3 s
[00:22.0]         ⚠ response_failed: rate_limit_exceeded

■ appointment_booked (agent_hung_up) · 1:02 · 3 turns · median answer 640 ms · 800 tokens in (600
  cached), 120 out · $0.0312
)");
}

TEST_F(Printing, ShowsWhatBecameOfTheLine) {
    const json::array entries{
        row(1'000, journal::TransferStarted{"+15550102001", true}),
        row(9'000, journal::TransferEnded{"no_answer", "", 8'000}),
        row(10'000, journal::TransferStarted{"+15550102002", false}),
        row(12'000, journal::TransferEnded{"failed", "no such number", 2'000}),
        row(20'000, journal::HoldStarted{}),
        row(25'000, journal::HoldEnded{5'000}),
        row(26'000, journal::DigitsSent{1}),
        row(27'000, journal::RecordingStarted{"This call is recorded."}),
        row(28'000, journal::RecordingStopped{}),
        row(29'000, journal::MessageSent{"+15550100001", true, "SM1"}),
        row(30'000, journal::MessageSent{"+15550100001", false, "refused"}),
        row(31'000, journal::TransferEnded{"answered", "", 600}),
    };
    const auto text = transcript(call_, entries, {});
    for (const char* line :
         {"[00:01.0]         ⇢ put through to +15550102001, who is told first what it is about\n",
          "[00:09.0]         ⇠ nobody took the call: no_answer (8.0 s)\n",
          "[00:10.0]         ⇢ put through to +15550102002\n",
          "[00:12.0]         ⇠ nobody took the call: failed: no such number (2.0 s)\n",
          "[00:20.0]         ♫ on hold\n", "[00:25.0]         ♫ no longer on hold, after 5.0 s\n",
          "[00:26.0]         # 1 tone sent (which is not kept)\n",
          "[00:27.0]         ● recorded from here on, after \"This call is recorded.\"\n",
          "[00:28.0]         ○ no longer recorded\n",
          "[00:29.0]         ✉ text message to +15550100001\n",
          "[00:30.0]         ✉ text message to +15550100001 was not sent: refused\n",
          "[00:31.0]         ⇢ the other one has taken the call (0.6 s)\n"})
        EXPECT_NE(text.find(line), text.npos) << line << "in\n" << text;
}

TEST_F(Printing, WrapsLongSpeechBehindTheSpeakersName) {
    const json::array entries{
        row(1'000, journal::AgentSaid{"i", "one two three four five six seven eight", "nine ten",
                                      10, 20, true})};
    PrintOptions options;
    options.width = 44;

    EXPECT_NE(transcript(call_, entries, options)
                  .find("[00:01.0] Agent:  one two three four five\n"
                        "                  six seven eight ✂ [not\n"
                        "                  heard: nine ten] (heard\n"
                        "                  0.0 s of 0.0 s)\n"),
              std::string::npos)
        << transcript(call_, entries, options);
}

TEST_F(Printing, BreaksWordsThatAreLongerThanALine) {
    const json::array entries{row(1'000, journal::CallerSaid{"i", std::string(70, 'x')})};
    PrintOptions options;
    options.width = 48;
    const std::string text = transcript(call_, entries, options);

    EXPECT_NE(
        text.find("Caller: " + std::string(30, 'x') + "\n" + std::string(18, ' ') +
                  std::string(30, 'x') + "\n" + std::string(18, ' ') + std::string(10, 'x') + "\n"),
        std::string::npos)
        << text;
}

TEST_F(Printing, CountsWideAndCombiningCharactersAsTheScreenDoes) {
    CallRow wide = call_;
    wide.agent = "小林";
    CallRow marked = call_;
    marked.agent = "Zoe\u0308";
    const std::array calls{wide, marked};
    const std::string table = calls_table(calls, {});

    EXPECT_NE(table.find("小林   appointment_booked"), std::string::npos) << table;
    EXPECT_NE(table.find("Zoe\u0308    appointment_booked"), std::string::npos) << table;
}

TEST_F(Printing, LetsNoControlCharacterReachTheTerminal) {
    const std::string evil =
        "a\x1b[2J\x1b]0;title\x07"
        "b\r\nc\xC2\x9B"
        "31m\xE2\x80\xAE"
        "d\xFF";
    LiveView view(LiveView::Calls::many, {});
    call_.call_sid = call_.agent = call_.reason = evil;
    std::string all = calls_table(std::span(&call_, 1), {});
    for (const auto& event : std::initializer_list<journal::Event>{
             journal::CallStarted{evil, evil, evil, evil}, journal::CallerSaid{evil, evil},
             journal::AgentSaid{evil, evil, evil, 0, 0, true},
             journal::ToolStarted{evil, evil, evil},
             journal::ToolReturned{evil, evil, true, evil, 0}, journal::ProviderLost{evil},
             journal::Problem{evil, evil}, journal::CallEnded{evil, evil, 0}}) {
        auto entry = row(0, event);
        entry["call_sid"] = evil;
        const std::string line = view.line(entry);
        EXPECT_EQ(line.find('\n'), std::string::npos);
        all += line + transcript(call_, {entry}, {});
    }
    for (const char c : all)
        EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
    EXPECT_EQ(all.find("\xC2\x9B"), std::string::npos);
    EXPECT_EQ(all.find("\xE2\x80\xAE"), std::string::npos);
}

TEST_F(Printing, ShowsALiveCallLineByLine) {
    LiveView view(LiveView::Calls::one, {});
    call::Usage usage;
    usage.input_audio_tokens = 800;
    usage.cached_audio_tokens = 600;
    usage.output_audio_tokens = 120;
    usage.cost_usd = 0.0031;

    // the start was not seen
    EXPECT_EQ(view.line(row(-5'000, journal::CallerSaid{"i", "Hi"})), "18:51:55  Caller: Hi");
    EXPECT_EQ(view.line(row(0, journal::CallStarted{"+1", "+2", "sarah", "twilio"})),
              "[00:00.0] ☎ +1 → +2 · agent sarah · twilio");
    EXPECT_EQ(view.line(row(61'250, journal::AgentSaid{"i", "", "Bye.", 0, 900, true})),
              "[01:01.2] Agent:  ✂ [not heard: Bye.]");
    EXPECT_EQ(view.line(row(61'300, journal::UsageCounted{"r", usage})),
              "[01:01.3]         ∑ 800 tokens in (600 cached), 120 out · $0.0031");
    EXPECT_EQ(view.line(row(61'400, journal::UsageCounted{"", usage, "item_1"})),
              "[01:01.4]         ∑ the caller's words written down · $0.0031");
    EXPECT_EQ(view.line(row(62'000, journal::CallEnded{"no_booking", "caller_hung_up", 62'000})),
              "[01:02.0] ■ no_booking (caller_hung_up) · 1:02");
}

TEST_F(Printing, TellsLiveCallsApart) {
    LiveView view(LiveView::Calls::many, {});
    call_.call_sid = "CA0123456789abcdef";
    view.remember(call_);

    EXPECT_EQ(view.line(to_row({call_.call_sid, at(1'000), journal::CallerSaid{"i", "Hi"}})),
              "abcdef [00:01.0] Caller: Hi");
}

TEST_F(Printing, ColoursOnlyWhenAsked) {
    PrintOptions options;
    options.colour = Colour::ansi;
    const json::array entries{row(0, journal::AgentSaid{"i", "Hello", "there", 5, 9, true})};
    std::string coloured = transcript(call_, entries, options);

    EXPECT_EQ(transcript(call_, entries, {}).find('\x1b'), std::string::npos);
    EXPECT_NE(coloured.find("\x1b[1;32mAgent:  \x1b[0m"), std::string::npos) << coloured;
    EXPECT_NE(coloured.find("\x1b[2m[not\x1b[0m"), std::string::npos) << coloured;
    // Without the codes it is the same text: colours do not disturb the wrapping.
    for (std::size_t at = 0; (at = coloured.find('\x1b', at)) != std::string::npos;)
        coloured.erase(at, coloured.find('m', at) - at + 1);
    EXPECT_EQ(coloured, transcript(call_, entries, {}));
}

TEST_F(Printing, ShortensLongToolOutput) {
    PrintOptions options;
    options.tool_bytes_max = 20;
    LiveView view(LiveView::Calls::one, options);

    EXPECT_NE(view.line(row(0, journal::ToolReturned{"c", "t", true, std::string(5'000, 'y'), 1}))
                  .find(std::string(20, 'y') + "… (t · 1 ms)"),
              std::string::npos);
}

TEST_F(Printing, ShowsWhatItDoesNotKnow) {
    LiveView view(LiveView::Calls::one, {});

    EXPECT_NE(view.line({{"type", "from_the_future"}, {"at_ms", "soon"}}).find("from_the_future"),
              std::string::npos);
    EXPECT_FALSE(view.line({}).empty());
    EXPECT_FALSE(transcript(call_, {1, "x", json::object{}}, {}).empty());
}

}  // namespace
}  // namespace parley::store
