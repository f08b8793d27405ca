#include <parley/call/conversation.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr TimePoint start{1h};

std::vector<std::uint8_t> speech(milliseconds span) { return std::vector<std::uint8_t>(static_cast<std::size_t>(span.count()) * 8, 0x55); }

std::shared_ptr<const Phrases> phrases() {
    auto all = std::make_shared<Phrases>();
    all->one_moment = speech(600ms);
    all->apology = speech(800ms);
    all->goodbye = speech(300ms);
    return all;
}

// A call on a virtual clock. The line echoes marks when the audio before them has been played, as a carrier does.
class Call {
 public:
    explicit Call(Policy policy = {}, std::shared_ptr<const Phrases> spoken = phrases()) : conversation_(policy, std::move(spoken), start) {}

    void send(const Event& event) { take(conversation_.handle(event, now_)); }

    // Passes time in the order of alarms and mark echoes.
    void pass(milliseconds span) {
        const TimePoint end = now_ + span;
        while (true) {
            const TimePoint alarm = conversation_.next_alarm();
            const TimePoint echo = line_.empty() ? TimePoint::max() : line_.front().first;
            const TimePoint next = std::max(now_, std::min(alarm, echo));
            if (next > end) break;
            now_ = next;
            if (echo <= alarm) {
                const auto mark = line_.front().second;
                line_.erase(line_.begin());
                send(MarkPlayed{mark});
            } else {
                send(AlarmRang{});
            }
        }
        now_ = end;
    }

    // Connected, greeted ("Hello there." in one second of audio), and the greeting heard.
    void greet() {
        send(AgentPrepared{"Hello there."});
        send(EngineReady{});
        send(CallerAttached{});
        answer("r0", "a0", "Hello there.", 1'000ms);
        pass(1'100ms);
        log.clear();
    }
    void answer(const std::string& response, const std::string& item, const std::string& text, milliseconds span) {
        send(ResponseStarted{response});
        send(AgentText{response, item, text});
        const auto audio = speech(span);
        send(AgentAudio{response, item, 0, audio});
        send(AgentItemDone{response, item, text});
        send(ResponseDone{response, ResponseDone::Status::completed});
    }
    void caller_says(const std::string& item, const std::string& text) {
        send(CallerSpeechStarted{item});
        pass(800ms);
        send(CallerSpeechStopped{item});
        send(CallerTranscribed{item, text});
    }

    template <class T>
    std::vector<T> journal() const {
        std::vector<T> found;
        for (const auto& note : notes) {
            if (const auto* event = std::get_if<T>(&note.event)) found.push_back(*event);
        }
        return found;
    }
    int count(std::string_view line) const { return static_cast<int>(std::count(log.begin(), log.end(), line)); }

    std::vector<std::string> log;                 // commands but audio, as short lines
    std::vector<Conversation::Note> notes;
    std::vector<Turn> last_history;
    std::int64_t played_ms = 0;
    std::int64_t appended = 0;
    TimePoint now_ = start;
    bool echoes_marks = true;
    Conversation conversation_;

 private:
    void take(const std::vector<Command>& commands) {
        for (const auto& command : commands) std::visit([this](const auto& each) { carry_out(each); }, command);
        for (auto& entry : conversation_.take_notes()) notes.push_back(std::move(entry));
    }
    void carry_out(const Play& play) {
        const milliseconds span(static_cast<std::int64_t>(play.audio.size() / 8));
        played_ms += span.count();
        line_end_ = std::max(line_end_, now_) + span;
    }
    void carry_out(const SendMark& mark) {
        if (echoes_marks) line_.emplace_back(line_end_, mark.mark);
    }
    void carry_out(const ClearPlayback&) {
        log.push_back("clear");
        line_end_ = now_;
        line_.clear();
    }
    void carry_out(const HangUp&) { log.push_back("hang up"); }
    void carry_out(const OpenEngine& open) {
        log.push_back("open");
        last_history = open.history;
    }
    void carry_out(const AppendAudio& append) { appended += static_cast<std::int64_t>(append.audio.size()); }
    void carry_out(const Respond& respond) { log.push_back("respond " + respond.instructions); }
    void carry_out(const CancelResponse&) { log.push_back("cancel"); }
    void carry_out(const Truncate& cut) { log.push_back("truncate " + cut.item_id + " " + std::to_string(cut.audio_end_ms)); }
    void carry_out(const SendToolOutput& output) { log.push_back("output " + output.tool_call_id + " " + output.output); }
    void carry_out(const InjectText& inject) { log.push_back("inject " + inject.turn.text); }
    void carry_out(const RunTool& run) { log.push_back("run " + run.name); }
    void carry_out(const Finish& finish) { log.push_back("finish " + finish.outcome + " " + finish.reason); }

    std::vector<std::pair<TimePoint, std::uint32_t>> line_;  // marks, by when the caller will have heard them
    TimePoint line_end_ = start;
};

TEST(Conversation, ConnectsWhileThePhoneIsStillRinging) {
    Call call;
    call.send(AgentPrepared{"Hello."});
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
    call.send(EngineReady{});
    EXPECT_EQ(call.log.size(), 1u);  // nobody is there to be greeted
    call.send(CallerAttached{});
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[1], HasSubstr("\"Hello.\""));
}

TEST(Conversation, LetsTheCallerSpeakFirstWhenThereIsNoGreeting) {
    Call call;
    call.send(AgentPrepared{""});
    call.send(EngineReady{});
    call.send(CallerAttached{});
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
}

TEST(Conversation, DropsCallerAudioUntilTheEngineListens) {
    Call call;
    const auto frame = speech(20ms);
    call.send(AgentPrepared{""});
    call.send(CallerAttached{});
    call.send(CallerAudio{frame});
    EXPECT_EQ(call.appended, 0);
    call.send(EngineReady{});
    call.send(CallerAudio{frame});
    EXPECT_EQ(call.appended, 160);
}

TEST(Conversation, CutsTheAgentOffAtWhatTheCallerHeard) {
    Call call;
    call.greet();
    call.caller_says("u1", "Any time on Tuesday?");
    call.answer("r1", "a1", "We have nine thirty, ten and eleven o'clock.", 4'000ms);
    call.pass(1'000ms);
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_THAT(call.log, testing::ElementsAre("clear", "truncate a1 1000"));
    const auto said = call.journal<journal::AgentSaid>();
    ASSERT_EQ(said.size(), 2u);
    EXPECT_TRUE(said[1].interrupted);
    EXPECT_EQ(said[1].heard, "We have");
    EXPECT_EQ(said[1].unheard, "nine thirty, ten and eleven o'clock.");
    EXPECT_EQ(call.journal<journal::Interrupted>().at(0).heard_ms, 1'000);
}

TEST(Conversation, DropsLateAudioOfACutResponse) {
    Call call;
    call.greet();
    call.send(CallerSpeechStopped{"u1"});
    call.send(ResponseStarted{"r1"});
    const auto audio = speech(500ms);
    call.send(AgentAudio{"r1", "a1", 0, audio});
    call.send(CallerSpeechStarted{"u2"});
    const auto before = call.played_ms;
    call.send(AgentAudio{"r1", "a1", 0, audio});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before);
}

TEST(Conversation, CancelsTheResponseItselfWhenTheEngineDoesNot) {
    Call call({.engine_interrupts_itself = false});
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(500ms)});
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_EQ(call.count("cancel"), 1);
}

TEST(Conversation, DoesNothingWhenTheCallerSpeaksIntoSilence) {
    Call call;
    call.greet();
    call.send(CallerSpeechStarted{"u1"});
    EXPECT_TRUE(call.log.empty());
}

TEST(Conversation, AnswersAfterAToolHasReturned) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    EXPECT_EQ(call.log.back(), "run check_slots");
    call.send(ToolFinished{"c1", true, "{\"free\":[]}"});
    EXPECT_EQ(call.log.back(), "output c1 {\"free\":[]}");  // the response is still running: no answer is asked for yet
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    EXPECT_EQ(call.log.back(), "respond ");
    const auto returned = call.journal<journal::ToolReturned>();
    ASSERT_EQ(returned.size(), 1u);
    EXPECT_EQ(returned[0].name, "check_slots");
}

TEST(Conversation, AsksOnceForTheAnswerToSeveralTools) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "one", "{}"});
    call.send(ToolCalled{"r1", "c2", "two", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(ToolFinished{"c2", true, "2"});
    EXPECT_EQ(call.count("respond "), 0);
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, RunsAToolOnceAndDeliversItsResultOnce) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    EXPECT_EQ(call.count("run book"), 1);
    call.send(ToolFinished{"c1", true, "1"});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("output c1 1"), 1);
}

TEST(Conversation, DeliversAResultAlthoughTheCallerHasMovedOn) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "slow", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(CallerSpeechStarted{"u2"});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("output c1 1"), 1);
    EXPECT_EQ(call.count("respond "), 0);  // the caller is speaking: their turn gets the answer
    call.send(CallerSpeechStopped{"u2"});
    call.answer("r2", "a2", "Yes.", 300ms);
    EXPECT_EQ(call.count("respond "), 0);
}

TEST(Conversation, AsksAgainWhenTheProviderDoesNotAnswerTheCaller) {
    Call call;
    call.greet();
    call.send(CallerSpeechStarted{"u1"});
    call.send(CallerSpeechStopped{"u1"});
    call.pass(2'600ms);
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, AsksASilentCallerAndThenEndsTheCall) {
    Call call;
    call.greet();
    call.pass(10'000ms);
    ASSERT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("still there"));
    call.answer("r1", "a1", "Are you still there?", 1'000ms);
    call.pass(11'100ms);
    call.answer("r2", "a2", "Are you still there?", 1'000ms);
    call.pass(11'100ms);
    EXPECT_THAT(call.log.back(), HasSubstr("Goodbye"));
    call.answer("r3", "a3", "Goodbye.", 1'000ms);
    call.pass(900ms);
    EXPECT_EQ(call.count("hang up"), 0);  // the goodbye is still being heard
    call.pass(200ms);
    EXPECT_EQ(call.log.back(), "finish no_booking caller_silent");
}

TEST(Conversation, StopsAskingWhenTheCallerSpeaks) {
    Call call;
    call.greet();
    call.pass(10'000ms);
    call.answer("r1", "a1", "Are you still there?", 1'000ms);
    call.caller_says("u1", "Yes.");
    call.answer("r2", "a2", "Good.", 500ms);
    call.log.clear();
    call.pass(10'600ms);
    EXPECT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("still there"));
}

TEST(Conversation, WrapsUpWhenTheTimeIsUp) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h});
    call.greet();
    call.pass(59'000ms);
    ASSERT_FALSE(call.log.empty());
    EXPECT_THAT(call.log.back(), HasSubstr("time for this call is up"));
    call.answer("r1", "a1", "Our time is up, goodbye.", 2'000ms);
    call.send(CallerSpeechStarted{"u1"});  // does not keep the call
    EXPECT_EQ(call.count("clear"), 0);
    call.pass(2'100ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, SaysGoodbyeItselfWhenTheModelStallsAtTheEnd) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h});
    call.greet();
    const auto before = call.played_ms;
    call.pass(58'900ms + 4'200ms);
    EXPECT_EQ(call.played_ms, before + 300);
    call.pass(200ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, DropsTheLineWhenTheLastWordsNeverCome) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h, .unanswered_after = 1h, .stall_after = 1h});
    call.greet();
    call.pass(59'000ms + 12'100ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, HangsUpAfterTheGoodbyeHasBeenHeard) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentText{"r1", "a1", "Goodbye!"});
    call.send(AgentAudio{"r1", "a1", 0, speech(1'000ms)});
    call.send(AgentItemDone{"r1", "a1", "Goodbye!"});
    call.send(ToolCalled{"r1", "c1", "end_call", "{}"});
    call.send(HangUpAsked{});
    call.send(ToolFinished{"c1", true, "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.pass(900ms);
    EXPECT_EQ(call.count("hang up"), 0);
    call.pass(200ms);
    EXPECT_EQ(call.count("hang up"), 1);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
    EXPECT_EQ(call.count("respond "), 0);
}

TEST(Conversation, SaysGoodbyeWhenTheAgentHangsUpWithoutAWord) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "end_call", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(HangUpAsked{});
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log.back(), HasSubstr("Say goodbye"));
    call.answer("r2", "a2", "Goodbye.", 500ms);
    call.pass(600ms);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
}

TEST(Conversation, KeepsTheCallWhenTheCallerSpeaksDuringTheGoodbye) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.pass(300ms);
    call.send(CallerSpeechStarted{"u1"});
    call.pass(5'000ms);
    EXPECT_EQ(call.count("hang up"), 0);
}

TEST(Conversation, HangsUpAlthoughTheCarrierEchoesNoMarks) {
    Call call;
    call.greet();
    call.echoes_marks = false;
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.pass(3'100ms);
    EXPECT_EQ(call.count("hang up"), 1);
}

TEST(Conversation, EndsWithTheOutcomeTheScriptSet) {
    Call call;
    call.greet();
    call.send(OutcomeSet{"appointment_booked"});
    call.send(CallerGone{});
    EXPECT_EQ(call.log.back(), "finish appointment_booked caller_hung_up");
    EXPECT_EQ(call.count("hang up"), 0);
    EXPECT_EQ(call.journal<journal::CallEnded>().at(0).outcome, "appointment_booked");
}

TEST(Conversation, LetsAToolFinishWhenTheCallerHangsUp) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    EXPECT_EQ(call.log.back(), "run book");
    call.send(OutcomeSet{"appointment_booked"});
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_EQ(call.log.back(), "finish appointment_booked caller_hung_up");
}

TEST(Conversation, DoesNotWaitForEverForAToolOfAGoneCaller) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    call.pass(5'100ms);
    EXPECT_EQ(call.log.back(), "finish caller_hung_up caller_hung_up");
}

TEST(Conversation, ReconnectsWithTheConversationSoFar) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday please.");
    call.answer("r1", "a1", "Nine or ten?", 500ms);
    call.pass(700ms);
    call.log.clear();
    call.send(EngineLost{"connection reset"});
    call.pass(250ms);
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
    ASSERT_EQ(call.last_history.size(), 3u);
    EXPECT_EQ(call.last_history[1].text, "Tuesday please.");
    EXPECT_EQ(call.last_history[2].text, "Nine or ten?");
    call.send(EngineReady{});
    EXPECT_EQ(call.log.size(), 1u);  // the caller noticed nothing: nothing is said
    const auto restored = call.journal<journal::ProviderRestored>();
    ASSERT_EQ(restored.size(), 1u);
    EXPECT_EQ(restored[0].gap_ms, 250);
}

TEST(Conversation, ReplaysOnlyWhatTheCallerHeard) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "One two three four five six seven eight.", 4'000ms);
    call.pass(2'000ms);
    call.send(CallerSpeechStarted{"u1"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    EXPECT_EQ(call.last_history.back().text, "One two three four");
}

TEST(Conversation, AnswersTheCallerWhoWasCutOffByALostProvider) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday please.");
    call.send(ResponseStarted{"r1"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    call.log.clear();
    call.send(EngineReady{});
    ASSERT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("interrupted for a moment"));
}

TEST(Conversation, FillsALongGapWithAPhrase) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.send(EngineLost{"reset"});
    call.pass(1'100ms);
    EXPECT_EQ(call.played_ms, before);
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before + 600);
}

TEST(Conversation, TellsACallerWhoWaitsForASlowAnswerToHoldOn) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.caller_says("u1", "Is there anything on Tuesday?");
    call.send(ResponseStarted{"r1"});
    call.pass(3'900ms);
    EXPECT_EQ(call.played_ms, before);
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before + 600) << "one moment, please";
    call.pass(2'500ms);
    EXPECT_EQ(call.played_ms, before + 600) << "not again so soon";
    EXPECT_EQ(call.count("open"), 0);
    call.send(AgentAudio{"r1", "a1", 0, speech(1'000ms)});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.pass(5'000ms);
    EXPECT_EQ(call.played_ms, before + 1'600) << "who has been answered does not wait";
    // What was said to fill the time is no sentence of the agent's.
    ASSERT_EQ(call.journal<journal::AgentSaid>().size(), 2u);
    EXPECT_EQ(call.journal<journal::AgentSaid>()[1].heard_ms, 1'000);
}

TEST(Conversation, FillsTheTimeOfASlowToolFromTheMomentTheAgentFallsSilent) {
    Call call;
    call.greet();
    call.caller_says("u1", "Is there anything on Tuesday?");
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(3'000ms)});
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    const auto before = call.played_ms;
    call.pass(6'500ms);
    EXPECT_EQ(call.played_ms - before, 3'000 - 200) << "its words, of which the lead was sent already";
    call.pass(1'500ms);
    EXPECT_EQ(call.played_ms - before, 2'800 + 600);
}

TEST(Conversation, DoesNotTalkIntoACallersWordsWhileTheyWait) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.caller_says("u1", "Tuesday.");
    call.send(ResponseStarted{"r1"});
    call.pass(3'000ms);
    call.send(CallerSpeechStarted{"u2"});
    call.pass(3'000ms);
    EXPECT_EQ(call.played_ms, before);
}

TEST(Conversation, LeavesAFillerAtOnceWhenTheCallerSpeaks) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday.");
    call.send(ResponseStarted{"r1"});
    call.pass(4'200ms);
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_EQ(call.count("clear"), 1);
    EXPECT_TRUE(call.journal<journal::Interrupted>().empty()) << "the model need not know";
}

TEST(Conversation, CountsWhatWritingDownTheCallersWordsCosts) {
    Call call;
    call.greet();
    Usage usage;
    usage.audio_seconds = 2.5;
    usage.cost_usd = 0.0002;
    call.send(CallerTranscribed{"u1", "Hello?", usage});
    call.send(CallerTranscribed{"u2", "", usage});
    call.send(CallerTranscribed{"u3", "Without usage."});
    const auto counted = call.journal<journal::UsageCounted>();
    ASSERT_EQ(counted.size(), 2u) << "noise is billed too";
    EXPECT_EQ(counted[0].item_id, "u1");
    EXPECT_EQ(counted[0].response_id, "");
    EXPECT_EQ(counted[0].usage.cost_usd, 0.0002);
}

TEST(Conversation, GivesUpOnAProviderThatTakesEveryConnectionAndDropsIt) {
    Call call;
    call.greet();
    for (int attempt = 0; attempt < 5; ++attempt) {
        call.send(EngineLost{"closed with 1000"});
        call.pass(2'000ms);
        if (attempt < 4) call.send(EngineReady{});
    }
    EXPECT_EQ(call.count("open"), 4);
    EXPECT_EQ(call.log.back(), "finish error provider_lost");
}

TEST(Conversation, ApologisesAndEndsWhenTheProviderStaysAway) {
    Call call;
    call.greet();
    for (int attempt = 0; attempt < 5; ++attempt) {
        call.send(EngineLost{"refused"});
        call.pass(2'000ms);
    }
    EXPECT_EQ(call.count("open"), 4);
    EXPECT_EQ(call.log.back(), "finish error provider_lost");
    EXPECT_EQ(call.count("hang up"), 1);
}

TEST(Conversation, GivesUpAtOnceOnAWrongKey) {
    Call call;
    call.send(AgentPrepared{"Hello."});
    call.send(EngineLost{"invalid_api_key", false});
    EXPECT_EQ(call.played_ms, 0);
    call.send(CallerAttached{});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, 800);
    EXPECT_EQ(call.log.back(), "finish error provider_unavailable");
}

TEST(Conversation, LeavesTheApologyToTheCarrierWhenItHasNoVoice) {
    Call call({}, std::make_shared<Phrases>());
    call.send(AgentPrepared{"Hello."});
    call.send(CallerAttached{});
    call.send(EngineLost{"invalid_api_key", false});
    EXPECT_EQ(call.log.back(), "finish error provider_lost_unspoken");
}

TEST(Conversation, ApologisesWhenTheScriptIsBroken) {
    Call call;
    call.send(AgentUnavailable{"agents/sarah.lua:3: unexpected symbol"});
    call.send(CallerAttached{});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, 800);
    EXPECT_EQ(call.log.back(), "finish error agent_unavailable");
}

TEST(Conversation, TakesAStalledProviderForLost) {
    Call call;
    call.greet();
    call.send(CallerSpeechStopped{"u1"});
    call.send(ResponseStarted{"r1"});
    call.pass(8'300ms);
    EXPECT_EQ(call.count("open"), 1);
    EXPECT_EQ(call.journal<journal::ProviderLost>().at(0).reason, "stalled");
}

TEST(Conversation, TakesAProviderThatDoesNotEvenBeginAnAnswerForLostSooner) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday.");
    call.pass(2'600ms);
    EXPECT_EQ(call.count("respond "), 1) << "asked, since it does not answer by itself";
    call.pass(3'800ms);
    EXPECT_EQ(call.count("open"), 0);
    call.pass(500ms);
    EXPECT_EQ(call.count("open"), 1);
    EXPECT_EQ(call.journal<journal::ProviderLost>().at(0).reason, "stalled");
}

TEST(Conversation, DoesNotCallAnAgentThatIsStillHeardStalled) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(20'000ms)});
    call.pass(15'000ms);
    EXPECT_EQ(call.count("open"), 0);
}

TEST(Conversation, RetriesAFailedResponseAfterTheDelayTheProviderAskedFor) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ResponseDone{"r1", ResponseDone::Status::failed, "rate_limit_exceeded", true, 900ms});
    call.pass(800ms);
    EXPECT_EQ(call.count("respond "), 0);
    call.pass(200ms);
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, ApologisesWhenResponsesKeepFailing) {
    Call call;
    call.greet();
    for (int i = 0; i < 3; ++i) {
        call.send(ResponseStarted{"r" + std::to_string(i)});
        call.send(ResponseDone{"r" + std::to_string(i), ResponseDone::Status::failed, "server_error", true, {}});
        call.pass(1'000ms);
    }
    call.pass(2'000ms);
    EXPECT_EQ(call.log.back(), "finish error provider_failed");
}

TEST(Conversation, RotatesInAPauseBeforeTheSessionExpires) {
    Call call({.duration_max = 1h, .silence_before_prompt = 1h, .rotate_before_expiry = 10'000ms});
    call.send(AgentPrepared{""});
    call.send(CallerAttached{});
    call.send(EngineReady{.expires_at = call.now_ + 60s});
    call.pass(49'000ms);
    call.answer("r1", "a1", "A long answer.", 3'000ms);
    call.pass(2'500ms);
    EXPECT_EQ(call.count("open"), 1);  // the first; the agent is being heard
    call.pass(1'000ms);
    EXPECT_EQ(call.count("open"), 2);
    call.send(EngineReady{.expires_at = call.now_ + 3'600s});
    const auto restored = call.journal<journal::ProviderRestored>();
    ASSERT_EQ(restored.size(), 1u);
    EXPECT_TRUE(restored[0].planned);
    EXPECT_EQ(call.played_ms, 3'000);  // the caller noticed nothing
}

TEST(Conversation, GivesAToolsResultToANewConnectionAsText) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    call.send(EngineReady{});
    call.log.clear();
    call.send(ToolFinished{"c1", true, "{\"free\":1}"});
    EXPECT_EQ(call.count("output c1 {\"free\":1}"), 0);
    ASSERT_FALSE(call.log.empty());
    EXPECT_THAT(call.log[0], HasSubstr("inject The tool check_slots has returned: {\"free\":1}"));
}

TEST(Conversation, TellsTheModelPressedKeysTogether) {
    Call call;
    call.greet();
    call.send(DtmfPressed{'4'});
    call.pass(500ms);
    call.send(DtmfPressed{'2'});
    call.pass(1'900ms);
    EXPECT_TRUE(call.log.empty());
    call.pass(200ms);
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[0], HasSubstr("42"));
}

TEST(Conversation, FinishesANumberAtTheHashKey) {
    Call call;
    call.greet();
    call.send(DtmfPressed{'4'});
    call.send(DtmfPressed{'#'});
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[0], HasSubstr("4#"));
}

TEST(Conversation, MeasuresFromTheEndOfSpeechToTheFirstAudio) {
    Call call;
    call.greet();
    call.caller_says("u1", "Hello?");
    call.pass(350ms);
    call.answer("r1", "a1", "Hi.", 300ms);
    const auto latency = call.journal<journal::TurnLatency>();
    ASSERT_EQ(latency.size(), 1u);
    EXPECT_EQ(latency[0].model_ms, 350);
    EXPECT_EQ(latency[0].first_audio_ms, 350);
}

TEST(Conversation, WrapsUpWhenTheProcessMustStop) {
    Call call;
    call.greet();
    call.send(DrainAsked{});
    EXPECT_EQ(call.log.size(), 1u);
    call.answer("r1", "a1", "Goodbye.", 500ms);
    call.pass(600ms);
    EXPECT_EQ(call.log.back(), "finish no_booking shutdown");
}

TEST(Conversation, HearsNothingAfterItsEnd) {
    Call call;
    call.greet();
    call.send(CallerGone{});
    call.log.clear();
    call.send(CallerSpeechStarted{"u"});
    call.send(EngineLost{"late"});
    call.send(AlarmRang{});
    EXPECT_TRUE(call.log.empty());
    EXPECT_EQ(call.conversation_.next_alarm(), TimePoint::max());
}

TEST(SplitHeard, CutsAtWholeWords) {
    EXPECT_EQ(split_heard("We have nine thirty", 500, 1'000), (std::pair<std::string, std::string>{"We have", "nine thirty"}));
    EXPECT_EQ(split_heard("One.", 500, 1'000), (std::pair<std::string, std::string>{"", "One."}));
    EXPECT_EQ(split_heard("All of it", 1'000, 1'000), (std::pair<std::string, std::string>{"All of it", ""}));
    EXPECT_EQ(split_heard("Nothing", 0, 1'000), (std::pair<std::string, std::string>{"", "Nothing"}));
    EXPECT_EQ(split_heard("héé é", 700, 1'000).first, "héé");
}

}  // namespace
}  // namespace parley::call
