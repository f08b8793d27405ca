// Every hook of an agent and the options of its tools, in calls over real sockets: that they run at
// all, and that what they do reaches the caller, the model and the database.
#include "desk.hpp"

namespace parley::integration {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const tables = R"(
CREATE TABLE patients (phone TEXT PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO patients VALUES ('+15550100001', 'Ann Lee');
CREATE TABLE visits (phone TEXT NOT NULL, status TEXT NOT NULL);
INSERT INTO visits VALUES ('+15550100001', 'planned');
CREATE TABLE letters (phone TEXT NOT NULL);
CREATE TABLE seen (phone TEXT NOT NULL, outcome TEXT NOT NULL);
)";

const char* const agent = R"lua(return agent {
  api = 1,
  greeting = "Good morning, {patient}.",
  prompt = "The caller is {patient}.",
  vars = { patient = "stranger" },
  tools = { "cancel_visit", "look_up", "save_letter", "broken" },

  on_start = function(call)
    local rows = db.query("SELECT name FROM patients WHERE phone = ?", call.from)
    if rows and rows[1] then call.vars.patient = rows[1].name end
  end,
  on_dtmf = function(call, digit)
    call:note("pressed", { digit = digit })
    if digit ~= "0" then return false end
    call:say("Zero is the operator.")
    return true
  end,
  on_silence = function(call, seconds)
    call:note("silence", { long = seconds >= 1 })
    call:say("Take your time.")
  end,
  on_interrupted = function(call, heard, unheard)
    call:note("cut off", { heard = heard, unheard = unheard })
  end,
  on_tool_error = function(call, tool, problem)
    call:note("tool failed", { tool = tool, kind = problem.kind, why = problem.message })
    call:say("Our computer is slow today.")
  end,
  on_end = function(call, outcome, summary)
    db.exec("INSERT INTO seen (phone, outcome) VALUES (?, ?)", call.from, outcome)
    return { patient = call.vars.patient, tools = summary.tool_calls, cut_off = summary.interruptions }
  end,
}
)lua";

std::string tool(const std::string& options, const std::string& run) {
    return "return tool {\n  api = 1,\n  about = \"Does something.\",\n  " + options +
           "\n  run = function(args, call)\n" + run + "\n  end,\n}\n";
}

// A practice whose agent has every hook.
class Practice {
 public:
    explicit Practice(const std::string& turns, const std::string& more = "") {
        fs::copy(fs::path(PARLEY_SOURCE_DIR) / "scripts", scripts_ / "",
                 fs::copy_options::recursive);
        write("migrations/002_practice.sql", tables);
        write("agents/practice.lua", agent);
        write(
            "tools/cancel_visit.lua",
            tool(
                "confirm = \"Shall I cancel your visit on {day}?\",\n  params = { day = param.text { \"The day\", required = true } },",
                "db.exec(\"UPDATE visits SET status = 'cancelled' WHERE phone = ?\", call.from)\n"
                "call.set_outcome(\"visit_cancelled\")\nreturn { cancelled = true }"));
        write("tools/look_up.lua",
              tool("say_if_slow = { \"I am looking it up.\", after_ms = 300 },",
                   "sleep(2.5) return { found = true }"));
        write("tools/save_letter.lua",
              tool("timeout = 20, runs_after_hangup = true,",
                   "call:note(\"letter begun\")\nsleep(6)\n"
                   "db.exec(\"INSERT INTO letters (phone) VALUES (?)\", call.from)\n"
                   "call.set_outcome(\"letter_saved\")\nreturn { saved = true }"));
        write("tools/broken.lua", tool("", "local rows\nreturn rows.name"));
        StageOptions options;
        options.overlay = "scripts: {dir: \"" + (scripts_ / "") +
                          "\"}\nagents:\n  practice: {}\nnumbers:\n  default: practice\n" + more;
        stage_ = std::make_unique<Stage>(fast + "greeting: from_instructions\nturns:\n" + turns,
                                         std::move(options));
    }

    Stage& stage() { return *stage_; }

    // The whole call, which must go as `steps` say.
    sim::CallReport serve(const std::string& steps) {
        const auto call =
            stage_->dial("steps: [{wait_for_agent: {silent_for_ms: 700}}, " + steps + "]");
        auto report = call->report();
        sid_ = call->sid();
        row_ = stage_->ended(sid_);
        EXPECT_EQ(report.failure, "");
        EXPECT_THAT(report.violations, IsEmpty());
        for (const auto& session : stage_->model().sessions())
            EXPECT_THAT(violations(session), IsEmpty());
        return report;
    }
    const store::CallRow& row() const { return row_; }
    // Fields of the notes with this text, as JSON.
    std::vector<std::string> notes(const std::string& wanted) {
        std::vector<std::string> found;
        for (const auto& note : stage_->entries(sid_, "note")) {
            if (text(note, "text") != wanted) continue;
            const auto* fields = json_read::object(note, "fields");
            found.push_back(fields == nullptr ? "" : json::serialize(*fields));
        }
        return found;
    }
    // What on_end returned: written after the call's end.
    json::object summary() {
        const auto query = "SELECT summary FROM calls WHERE call_sid = '" + sid_ + "'";
        EXPECT_TRUE(eventually([&] { return !stage_->value(query).empty(); }));
        const auto kept = json_read::parse(stage_->value(query));
        return kept && kept->is_object() ? kept->get_object() : json::object{};
    }
    // Texts that the model was given beside what the caller said.
    std::string told() {
        std::string all;
        for (const auto& session : stage_->model().sessions())
            for (const auto* event : session.of_type("conversation.item.create"))
                all += json::serialize(event->event) + "\n";
        return all;
    }
    std::vector<std::string> outputs() { return tool_outputs(stage_->model().sessions()); }

 private:
    void write(const std::string& name, const std::string& what) const {
        fs::create_directories(fs::path(scripts_ / name).parent_path());
        std::ofstream(scripts_ / name, std::ios::binary) << what;
    }

    Folder scripts_;
    std::unique_ptr<Stage> stage_;
    std::string sid_;
    store::CallRow row_;
};

TEST(OnStart, GreetsTheCallerWhomTheDatabaseKnowsAndOnEndKeepsWhatItReturns) {
    Practice practice("  - {heard: Hello, says: \"How can I help?\"}\n");
    const auto report =
        practice.serve("{say: Hello}, {wait_for_agent: {silent_for_ms: 200}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "Good morning, Ann Lee."), 0.8);
    const auto sessions = practice.stage().model().sessions();
    ASSERT_EQ(sessions.size(), 1U);
    const auto updates = sessions[0].of_type("session.update");
    ASSERT_FALSE(updates.empty());
    EXPECT_THAT(text(*json_read::object(updates[0]->event, "session"), "instructions"),
                HasSubstr("The caller is Ann Lee."));

    const auto kept = practice.summary();  // waits for on_end, which has written by then
    EXPECT_EQ(practice.stage().value("SELECT phone || ' ' || outcome FROM seen"),
              "+15550100001 caller_hung_up");
    EXPECT_EQ(text(kept, "patient"), "Ann Lee");
    EXPECT_EQ(number(kept, "tools"), 0);
    EXPECT_EQ(number(kept, "cut_off"), 0);
}

TEST(OnDtmf, AnswersOneKeyItselfAndLeavesTheOthersToTheModel) {
    Practice practice("  - {heard: Hello, says: \"Thank you.\"}\n");
    const auto report = practice.serve(
        "{press: \"0\"}, {wait_for_agent: {silent_for_ms: 200}}, {press: \"12#\"}, {silence_ms: 500}, {say: Hello}, "
        "{wait_for_agent: {silent_for_ms: 200}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "Zero is the operator."), 0.8);
    EXPECT_THAT(practice.notes("pressed"),
                testing::ElementsAre(R"({"digit":"0"})", R"({"digit":"1"})", R"({"digit":"2"})",
                                     R"({"digit":"#"})"));
    EXPECT_THAT(practice.told(), HasSubstr("pressed these keys: 12#"));
    EXPECT_THAT(practice.told(), testing::Not(HasSubstr("keys: 0")));
}

TEST(OnSilence, TakesThePlaceOfTheRuntimesQuestion) {
    Practice practice("  - {heard: Hello, says: \"Thank you.\"}\n",
                      "calls: {silence_before_prompt_ms: 1500}\n");
    const auto report = practice.serve("{wait_for_agent: {silent_for_ms: 200}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "Take your time."), 0.8);
    const auto sessions = practice.stage().model().sessions();
    ASSERT_EQ(sessions.size(), 1U);
    for (const auto* asked : sessions[0].of_type("response.create"))
        EXPECT_THAT(json::serialize(asked->event), testing::Not(HasSubstr("still there")));
    EXPECT_THAT(practice.notes("silence"), Contains(R"({"long":true})"));
}

TEST(OnInterrupted, IsToldWhatTheCallerHasHeardAndWhatNot) {
    Practice practice(
        "  - {heard: Go, says: \"We have nine o'clock, ten o'clock, eleven o'clock, noon, one o'clock, two o'clock and half past "
        "three.\"}\n  - {heard: Ten, says: \"Ten it is.\"}\n");
    const auto report = practice.serve(
        "{say: Go}, {interrupt_after_ms: 1500, say: \"Ten is fine.\"}, {wait_for_agent: {silent_for_ms: 200}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "Ten it is."), 0.8);
    const auto notes = practice.notes("cut off");
    ASSERT_EQ(notes.size(), 1U);
    const auto note = json::parse(notes[0]).as_object();
    EXPECT_THAT(text(note, "heard"), testing::StartsWith("We have nine"));
    EXPECT_THAT(text(note, "heard"), testing::Not(HasSubstr("half past")));
    EXPECT_THAT(text(note, "unheard"), HasSubstr("half past three."));
    EXPECT_EQ(number(practice.summary(), "cut_off"), 1);
}

TEST(OnToolError, SpeaksToTheCallerAndKnowsTheLine) {
    Practice practice("  - {heard: Go, calls: [broken], then: [{says: \"Anything else?\"}]}\n");
    const auto report =
        practice.serve("{say: Go}, {wait_for_agent: {silent_for_ms: 1500}}, hang_up");
    EXPECT_THAT(practice.outputs(), testing::ElementsAre(HasSubstr("tool_failed")));
    EXPECT_GT(share_heard(report.heard, "Our computer is slow today."), 0.8);
    const auto notes = practice.notes("tool failed");
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_THAT(notes[0], AllOf(HasSubstr(R"("tool":"broken")"), HasSubstr(R"("kind":"error")"),
                                HasSubstr("tools/broken.lua:7: `rows` is nil")));
    EXPECT_EQ(number(practice.summary(), "tools"), 1);
}

TEST(Confirm, CancelsNothingBeforeTheCallerHasAgreed) {
    const std::string call = "{tool: cancel_visit, arguments: {day: Thursday}}";
    Practice practice("  - {heard: Go, calls: [" + call +
                      "], then: [{when: result.confirm, says: \"Shall I cancel it?\"}]}\n"
                      "  - {heard: \"Yes.\", calls: [" +
                      call + "], then: [{when: result.cancelled, says: \"It is cancelled.\"}]}\n");
    const auto row = "SELECT status FROM visits";
    const auto running = practice.stage().dial(
        "steps: [{wait_for_agent: {silent_for_ms: 200}}, {say: Go}, {wait_for_agent: {silent_for_ms: 200}}, hang_up]");
    EXPECT_EQ(running->report().failure, "");
    EXPECT_NE(practice.stage().ended(running->sid()).outcome, "visit_cancelled");
    EXPECT_EQ(practice.stage().value(row), "planned");

    const auto report = practice.serve(
        "{say: Go}, {wait_for_agent: {silent_for_ms: 200}}, {say: \"Yes.\"}, {wait_for_agent: {silent_for_ms: 200}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "It is cancelled."), 0.8);
    EXPECT_EQ(practice.stage().value(row), "cancelled");
    EXPECT_EQ(practice.row().outcome, "visit_cancelled");
    EXPECT_THAT(practice.outputs(),
                testing::ElementsAre(HasSubstr("Shall I cancel your visit on Thursday?"),
                                     HasSubstr("Shall I cancel your visit on Thursday?"),
                                     R"({"cancelled":true})"));
}

TEST(SayIfSlow, FillsThePauseOfATool) {
    Practice practice("  - {heard: Go, calls: [look_up], then: [{says: \"I have found it.\"}]}\n");
    const auto report =
        practice.serve("{say: Go}, {wait_for_agent: {silent_for_ms: 5000}}, hang_up");
    EXPECT_GT(share_heard(report.heard, "I am looking it up."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I have found it."), 0.8);
    EXPECT_THAT(practice.outputs(), testing::ElementsAre(R"({"found":true})"));
}

// Six seconds are more than the five that other tools have once the caller has gone.
TEST(RunsAfterHangup, LetsAToolFinishWhenTheCallerHasGone) {
    Practice practice("  - {heard: Go, calls: [save_letter]}\n");
    const auto call = practice.stage().dial(
        "steps: [{wait_for_agent: {silent_for_ms: 700}}, {say: Go}, {wait_for_hang_up: {within_s: 60}}]");
    ASSERT_TRUE(eventually([&] {
        return practice.stage().value(
                   "SELECT count(*) FROM call_notes WHERE text = 'letter begun'") == "1";
    }));
    call->hang_up();
    EXPECT_EQ(call->report().failure, "");
    const auto row = practice.stage().ended(call->sid());
    EXPECT_EQ(row.reason, "caller_hung_up");
    EXPECT_EQ(row.outcome, "letter_saved");
    EXPECT_EQ(practice.stage().value("SELECT count(*) FROM letters"), "1");
    EXPECT_TRUE(eventually(
        [&] { return practice.stage().value("SELECT outcome FROM seen") == "letter_saved"; }));
}

}  // namespace
}  // namespace parley::integration
