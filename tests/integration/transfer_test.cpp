// Callers put through to somebody else: by the dashboard's API and by scripts, through the fake's REST
// API, to the other one and back; and what else scripts do with the line.
#include "stage.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/audio/wav.hpp>

#include <fmt/format.h>

#include <csignal>
#include <filesystem>

namespace parley::integration {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string somebody = "+15550102001";   // takes what is put through
const std::string unwilling = "+15550102002";  // presses 2
const std::string impatient = "+15550102003";  // hangs up at the briefing
const std::string busy = "+15550102004";
const std::string nobody = "+15550102005";
const std::string slow = "+15550102007";  // rings for a long time

std::vector<sim::Callee> callees() {
    using Answer = sim::Callee::Answer;
    return {{.to = somebody, .rings = 20ms, .talks = 100ms},
            {.to = unwilling, .rings = 20ms, .presses = "2"},
            {.to = impatient, .rings = 20ms, .hangs_up_at_briefing = true},
            {.to = busy, .answer = Answer::busy, .rings = 20ms},
            {.to = nobody, .answer = Answer::no_answer, .rings = 20ms},
            {.to = "+15550102006", .answer = Answer::failed},
            {.to = slow, .rings = 60s}};
}

const std::string model = fast + R"(
greeting: "Hello."
told: {"Nobody took the call": "Nobody is there."}
turns:
  - {heard: "Then tell them that I called.", says: "I will. Goodbye.", calls: [end_call]}
)";

// A carrier with people who can be called, and parley beside it.
class PuttingThrough : public testing::Test {
 protected:
    explicit PuttingThrough(Variables more = {}, const std::string& model_yaml = model,
                            const std::string& overlay = "") {
        carrier_ = sim::TwilioServer::start({.account_sid = account_sid,
                                             .auth_token = auth_token,
                                             .watch =
                                                 [this](std::string_view line) {
                                                     const std::lock_guard lock(mutex_);
                                                     lines_.emplace_back(line);
                                                 },
                                             .numbers = {{"+15550100002", "Front desk"}},
                                             .callees = callees()})
                       .value();
        StageOptions options;
        options.environment = {{"TWILIO_ACCOUNT_SID", account_sid},
                               {"TWILIO_BASE_URL", carrier_->base_url()}};
        for (auto& [name, value] : more) options.environment[name] = value;
        options.overlay = overlay.empty() ? "calls: {transfer_to: ['+1555010200']}\n" : overlay;
        stage_ = std::make_unique<Stage>(model_yaml, std::move(options));
    }
    std::shared_ptr<sim::TwilioCall> dial(std::string_view steps) {
        sim::CallOptions options;
        options.webhook = public_url + "/voice";
        options.connect_to = stage_->service().address();
        options.script = sim::CallerScript::parse(steps, "caller").value();
        options.playback.strict_frames = true;
        return carrier_->dial(std::move(options));
    }
    net::Response transfer(const std::string& call_sid, const json::object& body) {
        net::Request request;
        request.method = "POST";
        request.target = "/dashboard/api/calls/" + call_sid + "/transfer";
        request.headers.set("Authorization", "Bearer " + stage_->admin_token());
        request.headers.set("Content-Type", "application/json");
        request.body = json::serialize(body);
        return stage_->service().ask(std::move(request));
    }
    bool has_happened(std::string_view words) {
        return eventually([&] {
            const std::lock_guard lock(mutex_);
            return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
                return line.find(words) != std::string::npos;
            });
        });
    }
    // As the journal has it when the call is over: how, detail.
    std::string how_it_went(const std::string& call_sid) {
        stage_->ended(call_sid);
        std::string all;
        for (const auto& entry : stage_->entries(call_sid, "transfer_ended"))
            all += fmt::format("{}{} {}", all.empty() ? "" : ", ", text(entry, "how"),
                               text(entry, "detail"));
        return all;
    }
    std::string state_of(const std::string& call_sid) {
        net::Request request;
        request.target = "/dashboard/api/calls/" + call_sid;
        request.headers.set("Authorization", "Bearer " + stage_->admin_token());
        const auto body = json_read::parse(stage_->service().ask(std::move(request)).body, 64);
        return body && body->is_object() ? json_read::text(body->get_object(), "state") : "";
    }
    // Texts that the model was given, over all connections.
    std::vector<std::string> told_to_the_model() {
        std::vector<std::string> all;
        for (const auto& session : stage_->model().sessions()) {
            for (const auto* event : session.of_type("conversation.item.create"))
                all.push_back(json::serialize(event->event));
        }
        return all;
    }

    std::mutex mutex_;
    std::vector<std::string> lines_;
    std::unique_ptr<sim::TwilioServer> carrier_;
    std::unique_ptr<Stage> stage_;
};

TEST_F(PuttingThrough, ToSomebodyWhoAnswersIsTheEndOfTheCall) {
    const auto call = dial("steps: [{wait_for_agent: {silent_for_ms: 300}}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    const auto answer =
        transfer(call->sid(), {{"to", somebody}, {"words", "I will put you through."}});
    EXPECT_EQ(answer.status, 202) << answer.body;
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "I will put you through."), 0.8)
        << "the words are heard before the line is handed over";
    ASSERT_EQ(report.dialled.size(), 1U);
    EXPECT_EQ(report.dialled[0].number, somebody);
    EXPECT_EQ(report.dialled[0].caller_id, "+15550100002");
    EXPECT_TRUE(report.dialled[0].is_joined);
    EXPECT_THAT(report.said, IsEmpty());
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "transferred");
    EXPECT_EQ(row.reason, "transferred");
    EXPECT_EQ(how_it_went(call->sid()), "answered ");
    const auto started = stage_->entries(call->sid(), "transfer_started");
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(text(started[0], "to"), somebody);
    EXPECT_FALSE(stage_->service().has_logged(somebody)) << "numbers are masked in the log";
}

TEST_F(PuttingThrough, ToNobodyBringsTheCallerBackAndTheTalkGoesOn) {
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {wait_for_agent: {silent_for_ms: 300}}, "
        "{say: Then tell them that I called.}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    EXPECT_EQ(transfer(call->sid(), {{"to", nobody}}).status, 202);
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I will. Goodbye."), 0.8);
    ASSERT_EQ(report.dialled.size(), 1U);
    EXPECT_EQ(report.dialled[0].status, "no-answer");
    EXPECT_EQ(how_it_went(call->sid()), "no_answer ");
    EXPECT_EQ(stage_->ended(call->sid()).reason, "agent_hung_up");
    EXPECT_EQ(stage_->model().sessions().size(), 1U) << "the model has never left";
    EXPECT_THAT(told_to_the_model(), Contains(HasSubstr("Nobody took the call")));
    EXPECT_THAT(violations(stage_->model().sessions()[0]), IsEmpty());
}

TEST_F(PuttingThrough, ToAnEngagedNumberAndToOneThatDoesNotExistIsTheSame) {
    for (const auto& [number, how] :
         {std::pair{busy, "busy "},
          {std::string("+15550102006"), "failed the carrier could not reach the number"}}) {
        const auto call = dial(
            "steps: [{wait_for_agent: {silent_for_ms: 300}}, "
            "{wait_for_agent: {silent_for_ms: 300}}, hang_up]");
        ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
        EXPECT_EQ(transfer(call->sid(), {{"to", number}}).status, 202);
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
        EXPECT_EQ(how_it_went(call->sid()), how);
        EXPECT_EQ(stage_->ended(call->sid()).outcome, "caller_hung_up");
    }
}

TEST_F(PuttingThrough, OfACallerWhoHangsUpWhileItRingsEndsTheCall) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    EXPECT_EQ(transfer(call->sid(), {{"to", slow}}).status, 202);
    ASSERT_TRUE(has_happened(slow + " rings"));
    EXPECT_TRUE(eventually([&] { return state_of(call->sid()) == "transferred"; }));
    call->hang_up();
    const auto report = call->report();
    EXPECT_EQ(report.ended_by, "caller");
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "caller_hung_up");
    EXPECT_THAT(report.said, IsEmpty());
}

TEST_F(PuttingThrough, IsNoReasonForTheServiceToStay) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    EXPECT_EQ(transfer(call->sid(), {{"to", slow}}).status, 202);
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "transferred"; }));
    stage_->service().signal(SIGTERM);
    EXPECT_EQ(stage_->service().exit_status(25s), 0) << "the drain limit is 30 s";
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "transferred");
    for (const auto& request : carrier_->rest_requests())
        EXPECT_NE(request.body, "Status=completed") << "the caller is with the carrier";
}

TEST_F(PuttingThrough, IsForListedNumbersOfCallsThatThereAre) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    const auto answer = [&](const json::object& body, const std::string& sid) {
        const auto response = transfer(sid, body);
        return fmt::format("{} {}", response.status, response.body);
    };
    EXPECT_THAT(answer({{"to", "+4915550100009"}}, call->sid()),
                HasSubstr(R"(403 {"error":"calls.transfer_to does not allow this number")"));
    EXPECT_THAT(answer({{"to", "555"}}, call->sid()), HasSubstr("400 "));
    EXPECT_THAT(answer({{"x", 1}}, call->sid()), HasSubstr("400 "));
    EXPECT_THAT(answer({{"to", somebody}, {"words", std::string(600, 'x')}}, call->sid()),
                HasSubstr("400 "));
    EXPECT_THAT(answer({{"to", somebody}}, "CA404"), HasSubstr("404 "));
    net::Request bare;
    bare.method = "POST";
    bare.target = "/dashboard/api/calls/" + call->sid() + "/transfer";
    EXPECT_EQ(stage_->service().ask(bare).status, 401);
    EXPECT_EQ(state_of(call->sid()), "listening");
    call->hang_up();
    call->report();
    stage_->ended(call->sid());
    EXPECT_THAT(stage_->entries(call->sid(), "transfer_started"), IsEmpty());
}

// Signatures are right, and the REST API lets nobody in.
class WithoutRights : public PuttingThrough {
 protected:
    WithoutRights()
        : PuttingThrough({{"TWILIO_API_KEY", "SK00000000000000000000000000000001"},
                          {"TWILIO_API_SECRET", "wrong"}}) {}
};

TEST_F(WithoutRights, TheCallerStaysWithTheAgent) {
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {wait_for_agent: {silent_for_ms: 300}}, "
        "{say: Then tell them that I called.}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    EXPECT_EQ(transfer(call->sid(), {{"to", somebody}}).status, 202);
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.dialled, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I will. Goodbye."), 0.8);
    EXPECT_THAT(how_it_went(call->sid()), HasSubstr("failed "));
    EXPECT_TRUE(eventually([&] { return stage_->service().has_logged("twilio.transfer_failed"); }));
}

// ---- by a script ------------------------------------------------------------------------------

const char* const agent = R"lua(return agent {
  api = 1,
  greeting = "Hello.",
  prompt = "Help the caller.",
  tools = { "connect", "wait", "record" },
  on_returned = function(call, why)
    call:note("returned", { why = why })
    call:say("They cannot talk now.")
  end,
  on_end = function(call)
    local id, problem = call:send_sms("Thank you for calling.")
    return { sms = id or problem.message }
  end,
}
)lua";

std::string tool(const std::string& run) {
    return "return tool {\n  api = 1,\n  about = \"Does something.\",\n  params = { to = param.text { "
           "\"Whom\" } },\n  run = function(args, call)\n" +
           run + "\n  end,\n}\n";
}

constexpr std::string_view briefing = "A caller asks about a bill.";
const std::string notice = "This call is recorded.";

class ScriptsFolder {
 protected:
    ScriptsFolder() {
        namespace fs = std::filesystem;
        fs::copy(fs::path(PARLEY_SOURCE_DIR) / "scripts", scripts_ / "",
                 fs::copy_options::recursive);
        write("agents/desk.lua", agent);
        write("tools/connect.lua",
              tool(fmt::format("local ok, problem = call:transfer(args.to, {{ say = \"I am putting "
                               "you through.\", briefing = \"{}\" }})\n"
                               "return {{ ok = ok, problem = problem and problem.message }}",
                               briefing)));
        write("tools/wait.lua", tool("call:hold()\nreturn { held = true }"));
        write("tools/record.lua",
              tool("local ok = call:start_recording {}\nreturn { recorded = ok }"));
        const auto file = scripts_ / "music.wav";
        auto writer = audio::WavWriter::create(file, audio::telephone_hz, 1).value();
        writer.write(music());
        writer.close();
    }
    static std::vector<std::int16_t> music() {
        return audio::sine(660, audio::telephone_hz, milliseconds(1'230), 0.3);
    }
    std::string overlay() const {
        return "scripts: {dir: \"" + (scripts_ / "") +
               "\"}\nagents:\n  desk: {}\nnumbers:\n  default: desk\n"
               "calls: {transfer_to: ['+1555010200'], record: asked, hold_music: \"" +
               (scripts_ / "music.wav") + "\"}\n";
    }

 private:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(scripts_ / name, std::ios::binary) << text;
    }

    Folder scripts_;
};

class AScript : public ScriptsFolder, public PuttingThrough {
 protected:
    explicit AScript(const std::string& turns)
        : PuttingThrough({}, fast + "greeting: from_instructions\nturns:\n" + turns, overlay()) {}

    static std::string connecting(const std::string& number, const std::string& then = "") {
        return fmt::format(
            "  - {{heard: \"Connect me.\", says: \"\", calls: [{{tool: connect, arguments: {{to: "
            "\"{}\"}}}}]{}}}\n",
            number, then);
    }
    std::vector<sim::TwilioServer::RestRequest> messages() {
        auto all = carrier_->rest_requests();
        std::erase_if(all, [](const auto& each) { return !each.path.ends_with("/Messages.json"); });
        return all;
    }
    net::Response get(const std::string& path) {
        net::Request request;
        request.target = path;
        request.headers.set("Authorization", "Bearer " + stage_->admin_token());
        return stage_->service().ask(std::move(request));
    }
    static std::string field(const std::string& body, std::string_view name) {
        for (const auto& [known, value] : net::parse_form(body)) {
            if (known == name) return value;
        }
        return "";
    }
};

class AScriptThatConnects : public AScript {
 protected:
    AScriptThatConnects()
        : AScript(
              connecting(unwilling) + connecting(impatient) +
              connecting("+4915550100009", ", then: [{says: \"I may not connect you to them.\"}]") +
              connecting(somebody)) {}
};

TEST_F(AScriptThatConnects, HasTheCallerBackUntilSomebodyTakesTheCallAndWritesToThemAfterwards) {
    std::string steps = "steps: [{wait_for_agent: {silent_for_ms: 400}}";
    for (const int waits : {2, 2, 1, 0}) {
        steps += ", {say: Connect me}";
        // being put through, and back
        for (int i = 0; i < waits; ++i) steps += ", {wait_for_agent: {silent_for_ms: 400}}";
    }
    const auto call = dial(steps + ", wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "I am putting you through."), 0.8);
    EXPECT_GT(share_heard(report.heard, "They cannot talk now."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I may not connect you to them."), 0.8);
    EXPECT_EQ(how_it_went(call->sid()), "declined , declined , answered ");
    ASSERT_EQ(report.dialled.size(), 3U) << "a number that is not listed is not dialled";
    for (const auto& leg : report.dialled) {
        EXPECT_THAT(leg.heard, ElementsAre(std::string(briefing) + " To take the call, press 1."));
        EXPECT_EQ(leg.caller_id, "+15550100002");
    }
    EXPECT_EQ(report.dialled[0].pressed, "2");
    EXPECT_EQ(report.dialled[1].pressed, "");
    EXPECT_FALSE(report.dialled[1].is_joined);
    EXPECT_EQ(report.dialled[2].pressed, "1");
    EXPECT_TRUE(report.dialled[2].is_joined);
    EXPECT_THAT(tool_outputs(stage_->model().sessions())[2], HasSubstr("calls.transfer_to"));
    EXPECT_EQ(stage_->model().sessions().size(), 1U) << "one talk, whatever the line does";
    EXPECT_EQ(stage_->ended(call->sid()).outcome, "transferred");
    std::vector<std::string> returned;
    for (const auto& note : stage_->entries(call->sid(), "note"))
        returned.push_back(json::serialize(*json_read::object(note, "fields")));
    EXPECT_THAT(returned, ElementsAre(R"({"why":"declined"})", R"({"why":"declined"})"));

    // The text message of on_end.
    const auto summary = "SELECT summary FROM calls WHERE call_sid = '" + call->sid() + "'";
    EXPECT_TRUE(eventually([&] { return stage_->value(summary).find("SM") != std::string::npos; }));
    ASSERT_EQ(messages().size(), 1U) << "once";
    const auto sent = messages()[0];
    EXPECT_EQ(sent.status, 201);
    EXPECT_EQ(field(sent.body, "To"), "+15550100001");
    EXPECT_EQ(field(sent.body, "From"), "+15550100002") << "the number that was called";
    EXPECT_EQ(field(sent.body, "Body"), "Thank you for calling.");
    const auto told = stage_->entries(call->sid(), "message_sent");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(json_read::boolean(told[0], "ok"), true);
}

class AScriptThatWaits : public AScript {
 protected:
    AScriptThatWaits()
        : AScript(
              "  - {heard: \"One moment.\", says: \"\", calls: [{tool: wait, arguments: {to: "
              "me}}]}\n") {}
};

TEST_F(AScriptThatWaits, PlaysTheMusicOfTheSettings) {
    stage_->wait_for_phrases();
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 400}}, {say: One moment}, {silence_ms: 7000}, "
        "hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    const auto samples = music();
    std::vector<std::uint8_t> piece(samples.size());
    audio::encode_mulaw(samples, piece);
    const auto found =
        std::search(report.heard.begin(), report.heard.end(), piece.begin(), piece.end());
    ASSERT_NE(found, report.heard.end()) << "the whole piece is heard";
    EXPECT_NE(std::search(found + 1, report.heard.end(), piece.begin(), piece.begin() + 1'600),
              report.heard.end())
        << "and begins again";
    EXPECT_EQ(stage_->ended(call->sid()).reason, "caller_hung_up");
    EXPECT_EQ(stage_->entries(call->sid(), "hold_started").size(), 1U);
    EXPECT_EQ(get("/dashboard/api/calls/" + call->sid() + "/recording").status, 404)
        << "nobody has asked for a recording";
}

class AScriptThatRecords : public AScript {
 protected:
    AScriptThatRecords()
        : AScript(
              "  - {heard: \"Yes.\", says: \"\", calls: [{tool: record, arguments: {to: me}}]}\n") {
    }
};

TEST_F(AScriptThatRecords, KeepsWhatIsSaidAfterTheNotice) {
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 400}}, {silence_ms: 2500}, {say: Yes}, "
        "{wait_for_agent: {silent_for_ms: 600}}, {say: This is kept}, hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, notice), 0.8);
    stage_->ended(call->sid());
    const auto started = stage_->entries(call->sid(), "recording_started");
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(text(started[0], "notice"), notice);
    const auto path = "/dashboard/api/calls/" + call->sid() + "/recording";
    ASSERT_TRUE(eventually([&] { return get(path).status == 200; }));
    const auto wav = get(path).body;
    const auto sound =
        audio::read_wav({reinterpret_cast<const std::uint8_t*>(wav.data()), wav.size()});
    ASSERT_TRUE(sound) << sound.error().text();
    EXPECT_EQ(sound->channels, 2);
    EXPECT_GT(sound->samples.size(), 2U * 8'000 / 2) << "half a second at least";
    EXPECT_LT(static_cast<double>(sound->samples.size()) / 2 / 8'000,
              static_cast<double>(report.duration.count()) / 1'000 - 3)
        << "what was said before the notice is not there";
    const auto replay =
        stage_->service().command({"replay", call->sid(), "--database", stage_->database()});
    EXPECT_NE(replay.status, 0);
    EXPECT_THAT(replay.output, HasSubstr("calls.record: asked"));
}

}  // namespace
}  // namespace parley::integration
