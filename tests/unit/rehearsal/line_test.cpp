// Calls in which something is done with the line: transfers, hold, keys, recording, text messages.
#include "support.hpp"

#include <parley/audio/g711.hpp>
#include <parley/rehearsal/complaint.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/rehearsal/replay.hpp>
#include <parley/rehearsal/sound_track.hpp>
#include <parley/rehearsal/talk.hpp>

namespace parley::rehearsal {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string head = "scenario: x\ncall: {agent: exchange}\nsteps:\n  - caller says: hi\n";
const std::string put_through =
    head + "  - model calls: {put_through: {number: \"+15550100100\"}}\n";

// Plays it on the front desk's stage.
std::vector<std::string> broken(const std::string& yaml) { return broken_by(yaml, frontdesk()); }

// ---- scenarios ----------------------------------------------------------------------------------

TEST(TransferInAScenario, IsAnsweredUnlessAStepSaysOtherwise) {
    EXPECT_THAT(broken(put_through + "expect: {outcome: transferred, reason: transferred}\n"),
                IsEmpty());
    EXPECT_THAT(
        broken(put_through + "  - model says: Hello again.\n"),
        ElementsAre(
            "line 6: the scenario stopped at `model says: Hello again.`; found the call was "
            "over: transferred (transferred)"));
}

TEST(TransferInAScenario, SaysWhatWasExpectedOfIt) {
    EXPECT_THAT(broken(put_through + "expect: {transferred to: \"+15550100999\"}\n"),
                ElementsAre("line 6: expected the caller to be put through to \"+15550100999\"; "
                            "found +15550100100"));
    EXPECT_THAT(broken(put_through + "expect: {briefing: A bill}\n"),
                ElementsAre("line 6: expected who is to take the call to be told \"A bill\"; found "
                            "nothing"));
    EXPECT_THAT(broken(head + "  - model says: Hello.\n  - transfer: busy\n"),
                ElementsAre("line 6: the scenario stopped at `transfer`; found nobody has been put "
                            "through"));
}

TEST(TransferInAScenario, RingsAsLongAsTheScriptWants) {
    const auto performed = play(head +
                                    "  - model calls: {ask_the_desk: {about: a bill}}\n"
                                    "  - transfer: no answer\n  - model says: Nobody answers.\n",
                                frontdesk());
    EXPECT_TRUE(performed.has_passed());
    bool is_found = false;
    for (const auto& each : performed.record.all()) {
        if (each.kind != Happening::Kind::transfer_ended) continue;
        is_found = true;
        EXPECT_EQ(each.text, "no answer");
        EXPECT_EQ(each.took_ms, 30'000);
    }
    EXPECT_TRUE(is_found);
    const auto text = conversation(performed.record, Ink::plain);
    EXPECT_THAT(text, HasSubstr("transfer to +15550100101\n"));
    EXPECT_THAT(text, HasSubstr("  told   A caller wants a bill.\n"));
    EXPECT_THAT(text, HasSubstr("transfer no answer\n"));
}

TEST(LineInAScenario, SaysWhatWasExpectedInstead) {
    EXPECT_THAT(broken(head + "  - model calls: look_with_music\n  - model says: Found.\n"
                              "  - expect: {held for: 1 min}\n"),
                ElementsAre(HasSubstr("expected the caller to be on hold for 60000 ms; found 2")));
    EXPECT_THAT(broken(head + "  - model says: Hello.\n  - expect: {held for: 1 s}\n"),
                ElementsAre(HasSubstr("found no hold that is over")));
    EXPECT_THAT(broken(head + "  - model calls: {press_keys: {keys: \"12#\"}}\n"
                              "  - model says: Done.\n  - expect: {digits: \"12\"}\n"),
                ElementsAre(HasSubstr("expected the keys 12 to be sent; found 12#")));
    EXPECT_THAT(broken(head + "  - model says: Hello.\n"
                              "  - expect: {digits: \"1\", recording: recorded, sms: hello}\n"),
                ElementsAre(HasSubstr("expected the keys 1 to be sent; found none"),
                            HasSubstr("to be recorded after \"recorded\"; found nothing"),
                            HasSubstr("a text message with \"hello\"; found nothing")));
    EXPECT_THAT(broken(head + "  - model calls: {text_me: {text: Hello}}\n  - model says: Sent.\n"
                              "  - expect: {sms to: \"+1555\", sms: bye}\n"),
                ElementsAre(HasSubstr("a text message with \"bye\"; found Hello")));
}

TEST(LineInAScenario, IsShownPlainly) {
    const auto text = conversation(
        play(head + "  - model calls: look_with_music\n  - model says: Found.\n"
                    "  - caller says: good\n  - model calls: {press_keys: {keys: \"1w2\"}}\n"
                    "  - model calls: {text_me: {text: Hello}}\n  - model calls: keep_call\n"
                    "  - model calls: {keep_call: {keep: false}}\n  - model says: Bye.\n",
             frontdesk())
            .record,
        Ink::plain);
    EXPECT_THAT(text, HasSubstr("hold     music\n"));
    EXPECT_THAT(text, HasSubstr("hold     is over after 25."));
    EXPECT_THAT(text, HasSubstr("keys     1w2\n"));
    EXPECT_THAT(text, HasSubstr("sms      to +15550100002: Hello\n"));
    EXPECT_THAT(text,
                HasSubstr("record   from here on, after: From here on this call is recorded."));
    EXPECT_THAT(text, HasSubstr("record   no longer\n"));
}

TEST(ToolTest, SeesWhatAToolDoesWithTheLine) {
    const auto& stage = frontdesk();
    Folder folder;
    folder.write("line_test.lua", R"(
describe("the line", function()
  it("is seen", function()
    local options = { agent = "exchange" }
    local _, call = run_tool("put_through", { number = "+15550100100" }, options)
    expect(call.transferred_to).to_equal("+15550100100")
    expect(call.said).to_equal({ "One moment, I am putting you through." })
    _, call = run_tool("put_through", { number = "+15550200100" }, options)
    expect(call.transferred_to).to_be_nil()
    _, call = run_tool("press_keys", { keys = "1w2" }, options)
    expect(call.digits).to_equal("1w2")
    _, call = run_tool("keep_call", {}, options)
    expect(call.recording).to_be_true()
    _, call = run_tool("look_with_music", {}, options)
    expect(call.on_hold).to_be_false()
    _, call = run_tool("text_me", { text = "Hello" }, options)
    expect(call.sms).to_equal({ { to = "+15550100002", text = "Hello" } })
    _, call = run_tool("press_keys", { keys = "1" }, options)
    expect(#call.sms).to_equal(0)
  end)
end)
)");
    Suite suite(stage, schema(), {.paths = {folder.path()}, .filter = ""});
    std::string said;
    suite.run([&](const TestResult& result) {
        if (!result.has_passed()) said += shown(result, Ink::plain);
    });
    EXPECT_EQ(said, "");
    EXPECT_EQ(suite.failed(), 0u);
}

// ---- talking ------------------------------------------------------------------------------------

TEST(Talk, LetsWhoeverTypesSayWhatBecomesOfATransfer) {
    TalkOptions options;
    options.scenario =
        Scenario::parse(put_through +
                            "  - model says: Nobody answers.\n"
                            "  - model calls: {put_through: {number: \"+15550100101\"}}\n",
                        "a.yaml", *schema())
            .value();
    std::deque<std::string> typed{"a person, please", "hello?", "/noanswer", "again", "/answer"};
    std::string printed;
    const auto done = talk(
        frontdesk(), std::move(options),
        [&]() -> std::optional<std::string> {
            if (typed.empty()) return std::nullopt;
            auto line = typed.front();
            typed.pop_front();
            printed += "> " + line + "\n";
            return line;
        },
        [&](const std::string& text) { printed += text; });
    ASSERT_TRUE(done) << done.error().text();
    const auto place = [&](const std::string& words) {
        const auto at = printed.find(words);
        EXPECT_NE(at, std::string::npos) << words << " is not in\n" << printed;
        return at;
    };
    EXPECT_LT(place("transfer to +15550100100"), place("What becomes of it?"));
    EXPECT_LT(place("transfer no answer"), place("agent    Nobody answers."));
    EXPECT_LT(place("transfer to +15550100101"), place("transfer answered"));
    EXPECT_LT(place("transfer answered"), place("transferred (transferred)"));
}

// ---- recordings ---------------------------------------------------------------------------------

// What is kept of the scenario's call; nothing where no file was written.
std::optional<std::string> recorded(const std::string& yaml, RecordedCall::Keep keep,
                                    Recording* read = nullptr) {
    Folder folder;
    Stage stage = frontdesk();
    stage.recorded = keep;
    {
        auto recorder = Recordings::open({.dir = folder.path()}).value();
        stage.recorder = recorder.get();
        const auto performed = perform(Scenario::parse(yaml, "a.yaml", *schema()).value(), stage);
        if (!performed) throw std::runtime_error(performed.error().text());
        for (const auto& each : performed->broken)
            ADD_FAILURE() << each.text << "; " << each.detail;
    }
    for (const auto& entry : fs::directory_iterator(folder.path())) {
        if (read != nullptr) *read = Recording::load(entry.path().string()).value();
        return folder.read(entry.path().filename());
    }
    return std::nullopt;
}

const std::string recorded_in_part = head +
                                     "  - model says: May I record this?\n"
                                     "  - caller says: my secret is green\n"
                                     "  - model calls: keep_call\n"
                                     "  - model says: Thank you. What is it about?\n"
                                     "  - caller says: my tooth is blue\n"
                                     "  - model calls: {keep_call: {keep: false}}\n"
                                     "  - model says: That was all of it.\n"
                                     "  - caller says: my cat is purple\n"
                                     "  - model says: Goodbye then.\n";

TEST(RecordingAsAsked, KeepsNothingButWhatIsBetween) {
    Recording recording;
    const auto text = recorded(recorded_in_part, RecordedCall::Keep::asked, &recording);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, HasSubstr("my tooth is blue"));
    EXPECT_THAT(*text, HasSubstr("What is it about?"));
    EXPECT_THAT(*text, Not(HasSubstr("green")));
    EXPECT_THAT(*text, Not(HasSubstr("May I record")));
    EXPECT_THAT(*text, Not(HasSubstr("You put callers through"))) << "the prompt";
    EXPECT_THAT(*text, Not(HasSubstr("purple")));
    EXPECT_THAT(*text, Not(HasSubstr("Goodbye then")));
    EXPECT_EQ(recording.call.keep, RecordedCall::Keep::asked);
    EXPECT_THAT(recording.lines.front().commands, testing::Contains("record on"));
    EXPECT_THAT(recording.lines.back().commands, testing::Contains("record off"));
}

TEST(RecordingAsAsked, MakesNoFileForACallThatNobodyRecords) {
    EXPECT_FALSE(recorded(head + "  - model says: Hello.\n", RecordedCall::Keep::asked));
    EXPECT_TRUE(recorded(head + "  - model says: Hello.\n", RecordedCall::Keep::all));
}

TEST(RecordingAsAsked, CanBeHeardAndSaysWhyItIsNotReplayed) {
    Recording recording;
    ASSERT_TRUE(recorded(recorded_in_part, RecordedCall::Keep::asked, &recording));
    const auto track = sound_track(recording);
    EXPECT_EQ(track.unknown, milliseconds(0));
    EXPECT_GT(track.agent.size(), 12'000u) << "a second and a half";
    EXPECT_NE(std::count(track.agent.begin(), track.agent.end(), 0x55), 0);
    const auto replayed = replay(recording, frontdesk());
    ASSERT_FALSE(replayed);
    EXPECT_THAT(replayed.error().text(), HasSubstr("only where its script asked for it"));
    EXPECT_THAT(replayed.error().text(), HasSubstr("calls.record: events"));
    EXPECT_FALSE(scenario_from(recording, frontdesk(), *schema()));
}

TEST(RecordingAsAsked, GoesOnInTheSameFile) {
    Recording recording;
    const auto text =
        recorded(head +
                     "  - model calls: keep_call\n  - model calls: {keep_call: {keep: false}}\n"
                     "  - model says: Not kept.\n  - caller says: once more\n"
                     "  - model calls: keep_call\n  - model says: Kept again.\n",
                 RecordedCall::Keep::asked, &recording);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, HasSubstr("Kept again"));
    EXPECT_THAT(*text, Not(HasSubstr("Not kept")));
    int begun = 0;
    for (const auto& line : recording.lines)
        begun +=
            static_cast<int>(std::count(line.commands.begin(), line.commands.end(), "record on"));
    EXPECT_EQ(begun, 2);
    EXPECT_GT(recording.lines.front().at, std::chrono::nanoseconds(0)) << "counted from the call";
}

TEST(SoundTrack, HasTheMusicAndTheKeys) {
    Recording recording;
    const auto text = recorded(head +
                                   "  - model calls: look_with_music\n  - model says: Found.\n"
                                   "  - caller says: good\n"
                                   "  - model calls: {press_keys: {keys: \"1w2\"}}\n"
                                   "  - model says: Done.\n",
                               RecordedCall::Keep::all, &recording);
    ASSERT_TRUE(text);
    const auto track = sound_track(recording);
    EXPECT_EQ(track.unknown, milliseconds(0));
    EXPECT_GE(std::count(track.agent.begin(), track.agent.end(), 0x04), 24 * 8'000);
}

TEST(ScenarioFromACall, KnowsWhatBecameOfATransfer) {
    Recording recording;
    ASSERT_TRUE(recorded(put_through +
                             "  - transfer: busy\n  - model says: Busy.\n"
                             "  - caller says: again\n"
                             "  - model calls: {put_through: {number: \"+15550100101\"}}\n"
                             "  - caller hangs up after: 8 s\n",
                         RecordedCall::Keep::all, &recording));
    const auto yaml = scenario_from(recording, frontdesk(), *schema());
    ASSERT_TRUE(yaml) << yaml.error().text();
    EXPECT_THAT(*yaml, HasSubstr("  - transfer: busy\n"));
    EXPECT_THAT(*yaml, HasSubstr("  - caller hangs up after: "));
}

TEST(Replay, TakesAnOperatorsTransferAsItCame) {
    Recording recording;
    ASSERT_TRUE(recorded(head + "  - model says: Hello.\n", RecordedCall::Keep::all, &recording));
    const call::TransferAsked asked{{"+15550100100", "", std::chrono::seconds(30)}, "Wait.", true};
    std::string scratch;
    std::vector<std::uint8_t> audio;
    const auto read = event_of(event_text(asked), scratch, audio);
    ASSERT_TRUE(read);
    const auto& again = std::get<call::TransferAsked>(*read);
    EXPECT_EQ(again.transfer.to, asked.transfer.to);
    EXPECT_EQ(again.transfer.ring_limit, asked.transfer.ring_limit);
    EXPECT_EQ(again.words, "Wait.");
    EXPECT_TRUE(again.is_operators);
    // The script's own is made anew, not read.
    EXPECT_FALSE(event_of(event_text(call::TransferAsked{{"+1", "", {}}, ""}), scratch, audio));
    for (const auto how : {call::TransferEnded::How::answered, call::TransferEnded::How::no_answer,
                           call::TransferEnded::How::busy, call::TransferEnded::How::declined,
                           call::TransferEnded::How::failed}) {
        const auto ended =
            event_of(event_text(call::TransferEnded{how, "why"}), scratch, audio).value();
        EXPECT_EQ(std::get<call::TransferEnded>(ended).how, how);
        EXPECT_EQ(std::get<call::TransferEnded>(ended).detail, "why");
    }
}

TEST(Replay, ShowsATextMessageThatReadsOtherwise) {
    Recording recording;
    ASSERT_TRUE(
        recorded(head + "  - model calls: {text_me: {text: Hello}}\n  - model says: Sent.\n",
                 RecordedCall::Keep::all, &recording));
    EXPECT_FALSE(replay(recording, frontdesk()).value().difference);
    Folder folder;
    fs::copy(source_dir + "/tests/scenarios/frontdesk/scripts", folder.path(),
             fs::copy_options::recursive);
    std::string source = folder.read("tools/text_me.lua");
    const std::string from = "call:send_sms(args.text,";
    source.replace(source.find(from), from.size(), "call:send_sms(args.text .. \"!\",");
    folder.write("tools/text_me.lua", source);
    Stage stage = frontdesk();
    stage.bundle = script::Library::build(folder.path(), stage.settings.agents).value();
    const auto difference = replay(recording, stage).value().difference;
    ASSERT_TRUE(difference);
    EXPECT_EQ(difference->what, "what is written in a text message");
    EXPECT_THAT(difference->now, HasSubstr("Hello!"));
}

}  // namespace
}  // namespace parley::rehearsal
