// The `call` of the scripts, as far as it is about the line: transfers, hold, keys, recording, text
// messages.
#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using How = call::SayDone::How;

// A probe whose settings allow transfers to +15550100...
class Line : public Probe {
 public:
    explicit Line(const std::string& body, const std::string& agent_extra = "")
        : Probe(body, agent_extra) {
        parts.limits.transfer_to = {"+442", "+15550100"};
    }
};

// ---- transfer ---------------------------------------------------------------------------------

TEST(CallTransfer, AsksForTheCallerToBePutThrough) {
    Line probe(R"(
        local a = call:transfer("+15550100100")
        local b = call.transfer(" +442079460123 ", { briefing = "A caller with a bill.", ring_seconds = 30,
                                                     say = "One moment, please." })
        return { a, b })");
    EXPECT_EQ(probe.run().text, "[true,true]");
    EXPECT_THAT(probe.events.lines,
                ElementsAre("transfer +15550100100 for 20 s ||",
                            "transfer +442079460123 for 30 s |A caller with a bill.|One moment, "
                            "please."));
}

TEST(CallTransfer, IsRefusedWhereTheSettingsDoNotAllowTheNumber) {
    const std::string body = R"(
        local ok, problem = call:transfer("+15550200100")
        return { ok = ok, kind = problem.kind, message = problem.message })";
    Line probe(body);
    EXPECT_EQ(probe.run().text,
              R"({"kind":"not_allowed","message":"callers may not be put through to this number: )"
              R"(the number begins with none of calls.transfer_to"})");
    Probe nowhere(body);
    EXPECT_THAT(nowhere.run().text, HasSubstr("calls.transfer_to is empty"));
    EXPECT_THAT(probe.events.lines, IsEmpty());
}

TEST(CallTransfer, TellsANumberThatIsNone) {
    for (const char* number : {"5550100100", "+1", "+0555010010", "+1555010010x", "sip:a@b",
                               "+15550100100,+15550100200", ""}) {
        Line probe(
            fmt::format("local ok, problem = call:transfer('{}') return problem.kind", number));
        EXPECT_EQ(probe.run().text, R"("bad_number")") << number;
        EXPECT_THAT(probe.events.lines, IsEmpty());
    }
}

TEST(CallTransfer, RefusesWhatItDoesNotUnderstand) {
    EXPECT_THAT(error_of("call:transfer()"), HasSubstr("call.transfer"));
    EXPECT_THAT(error_of("call:transfer('+15550100100', { breefing = 'x' })"),
                HasSubstr("call.transfer: unknown option `breefing`; did you mean `briefing`?"));
    EXPECT_THAT(error_of("call:transfer('+15550100100', { say = ' ' })"),
                HasSubstr("call.transfer: `say`: expected a text"));
    EXPECT_THAT(error_of("call:transfer('+15550100100', { briefing = ('x'):rep(1001) })"),
                HasSubstr("call.transfer: `briefing` is longer than 1000 characters"));
    for (const char* seconds : {"4", "121", "'10'", "{}"}) {
        EXPECT_THAT(error_of(fmt::format("call:transfer('+15550100100', {{ ring_seconds = {} }})",
                                         seconds)),
                    HasSubstr("call.transfer: `ring_seconds`: expected a number from 5 to 120"));
    }
}

TEST(OnReturned, IsToldWhyTheCallerIsBack) {
    Probe probe("return 1", "on_returned = function(call, why) call:note('back: ' .. why) end");
    const auto profile = probe.prepare();
    ASSERT_TRUE(profile);
    EXPECT_TRUE(profile->rules.hooks.returned);
    using Why = call::TransferEnded::How;
    for (const auto why : {Why::no_answer, Why::busy, Why::declined, Why::failed})
        probe.agent->tell(call::CallerReturned{why});
    probe.run_until([&] { return probe.events.lines.size() == 4; });
    EXPECT_THAT(probe.events.lines, ElementsAre("note back: no_answer {}", "note back: busy {}",
                                                "note back: declined {}", "note back: failed {}"));
    Probe without("return 1");
    EXPECT_FALSE(without.prepare()->rules.hooks.returned);
}

// ---- hold and keys ------------------------------------------------------------------------------

TEST(CallHold, AsksForMusicAndForItsEnd) {
    Probe probe("call:hold() call.resume() return 1");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_THAT(probe.events.lines, ElementsAre("hold", "resume"));
}

TEST(CallSendDigits, AsksForTones) {
    Probe probe("call:send_digits('1w2#*AD') call.send_digits(90) return 1");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_THAT(probe.events.lines, ElementsAre("digits 1w2#*AD", "digits 90"));
}

TEST(CallSendDigits, SaysWhatIsNoKeyAndShowsNone) {
    const auto log = error_of("call:send_digits('4711 0815')");
    EXPECT_THAT(log, HasSubstr("call.send_digits: character 5 is no key"));
    EXPECT_THAT(log, testing::Not(HasSubstr("4711")));
    EXPECT_THAT(error_of("call:send_digits('')"),
                HasSubstr("call.send_digits: expected 1 to 64 keys such as \\\"1w2#\\\", found 0"));
    EXPECT_THAT(error_of("call:send_digits(('1'):rep(65))"), HasSubstr("found 65"));
    EXPECT_THAT(error_of("call:send_digits()"), HasSubstr("call.send_digits"));
}

// ---- recording --------------------------------------------------------------------------------

// What call:start_recording() gives and asks for, when its notice ends like this.
std::pair<std::string, std::vector<std::string>> recording(const std::string& options, How how) {
    Probe probe("local ok, problem = call:start_recording(" + options +
                ") return { ok = ok, kind = problem and problem.kind }");
    EXPECT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return !probe.events.says.empty(); });
    EXPECT_EQ(probe.events.lines.size(), 1u) << "nothing is recorded before it has been heard";
    probe.heard(how);
    probe.run_until([&] { return is_done; });
    return {output.text, probe.events.lines};
}

TEST(CallRecording, BeginsWhenTheNoticeHasBeenHeard) {
    const auto [usual, asked] = recording("", How::heard);
    EXPECT_EQ(usual, R"({"ok":true})");
    EXPECT_THAT(asked,
                ElementsAre("say This call is recorded.", "record after This call is recorded."));
    const auto [own, said] = recording("{ notice = 'We keep this for training.' }", How::heard);
    EXPECT_THAT(said, ElementsAre("say We keep this for training.",
                                  "record after We keep this for training."));
}

TEST(CallRecording, DoesNotBeginWithoutTheNotice) {
    for (const auto how : {How::interrupted, How::hung_up, How::no_model, How::too_many}) {
        const auto [result, asked] = recording("", how);
        EXPECT_THAT(result, HasSubstr("kind"));
        EXPECT_EQ(asked.size(), 1u);
    }
}

TEST(CallRecording, IsEnded) {
    Probe probe("call:stop_recording() return 1");
    probe.run();
    EXPECT_THAT(probe.events.lines, ElementsAre("stop recording"));
    EXPECT_THAT(error_of("call:start_recording{ note = 'x' }"),
                HasSubstr("call.start_recording: unknown option `note`; did you mean `notice`?"));
}

// ---- text messages ----------------------------------------------------------------------------

TEST(CallSendSms, WritesToTheCallerFromTheNumberTheyCalled) {
    Probe probe("return call:send_sms('Your code is 4711.')");
    EXPECT_EQ(probe.run().text, R"("SM1")");
    ASSERT_EQ(probe.messages.sent.size(), 1u);
    EXPECT_EQ(probe.messages.sent[0].from, "+15550002222");
    EXPECT_EQ(probe.messages.sent[0].to, "+15550001111");
    EXPECT_EQ(probe.messages.sent[0].text, "Your code is 4711.");
    EXPECT_THAT(probe.events.lines, ElementsAre("sms +15550001111 sent SM1"));

    Probe placed("return call:send_sms('Thank you.')");
    placed.parts.info.direction = "outbound";
    placed.run();
    EXPECT_EQ(placed.messages.sent.at(0).from, "+15550001111");
    EXPECT_EQ(placed.messages.sent.at(0).to, "+15550002222");
}

TEST(CallSendSms, WritesToOthersWhereTheSettingsAllowIt) {
    Probe probe(R"(
        local sent = call.send_sms("Hello.", { to = "+15550300001" })
        local _, problem = call.send_sms("Hello.", { to = "+15550400001" })
        local _, none = call.send_sms("Hello.", { to = "mum" })
        return { sent, problem.kind, problem.message, none.kind })");
    probe.parts.limits.message_to = {"+1555030"};
    EXPECT_EQ(probe.run().text,
              R"(["SM1","not_allowed","only the caller may be written to, and not this number: )"
              R"(the number begins with none of outbound.allowed_prefixes","bad_number"])");
    EXPECT_EQ(probe.messages.sent.size(), 1u);
}

TEST(CallSendSms, TellsWhyItCouldNot) {
    const std::string body = "local _, problem = call:send_sms('Hi.') return problem";
    Probe busy(body);
    busy.messages.problem = store::QueryProblem{store::QueryProblem::Kind::busy, "too much to do"};
    EXPECT_EQ(busy.run().text, R"({"kind":"busy","message":"too much to do","retry":true})");
    EXPECT_THAT(busy.events.lines, ElementsAre("sms +15550001111 failed too much to do"));
    Probe withheld(body);
    withheld.parts.info.from = "anonymous";
    EXPECT_THAT(withheld.run().text, HasSubstr(R"("kind":"no_number")"));
    Probe none(body);
    none.parts.services.messages = nullptr;
    EXPECT_THAT(none.run().text, HasSubstr("no account that could send text messages"));
}

TEST(CallSendSms, StopsAfterFiveInOneCall) {
    Probe probe(R"(
        local kinds = {}
        for i = 1, 4 do
          local _, problem = call:send_sms("Message " .. i)
          kinds[i] = problem and problem.kind or "sent"
        end
        return kinds)");
    EXPECT_EQ(probe.run().text, R"(["sent","sent","sent","sent"])");
    EXPECT_EQ(probe.run().text, R"(["sent","limit","limit","limit"])")
        << "of the call, not the run";
    EXPECT_EQ(probe.messages.sent.size(), 5u);
}

TEST(CallSendSms, CountsCharactersAsPeopleDo) {
    Probe probe("return call:send_sms(('ä'):rep(1600))");
    EXPECT_EQ(probe.run().text, R"("SM1")");
    EXPECT_THAT(error_of("call:send_sms(('ä'):rep(1601))"),
                HasSubstr("call.send_sms: the text is longer than 1600 characters"));
    EXPECT_THAT(error_of("call:send_sms(' ')"), HasSubstr("call.send_sms: the text is empty"));
    EXPECT_THAT(error_of("call:send_sms('x', { too = '+1555' })"),
                HasSubstr("call.send_sms: unknown option `too`; did you mean `to`?"));
}

TEST(CallSendSms, WorksWhenTheCallIsOver) {
    Probe probe(
        "return 1",
        "on_end = function(call) return { sid = call:send_sms('Thank you for calling.') } end");
    ASSERT_TRUE(probe.prepare());
    EXPECT_EQ(json::serialize(probe.end()), R"({"sid":"SM1"})");
    EXPECT_THAT(probe.events.lines, ElementsAre("sms +15550001111 sent SM1"));
}

TEST(CallSendSms, IsToldToTheJournalAlsoWhenItsHandlerIsGivenUp) {
    Probe probe("return call:send_sms('Hi.')", "", "timeout = 0.05,");
    probe.messages.is_slow = true;
    testing::internal::CaptureStderr();
    EXPECT_EQ(probe.run().text, failed_text);
    testing::internal::GetCapturedStderr();
    EXPECT_THAT(probe.events.lines, IsEmpty());
    ASSERT_EQ(probe.messages.waiting.size(), 1u);
    probe.messages.waiting[0](std::string("SM9"));
    probe.settle();
    EXPECT_THAT(probe.events.lines, ElementsAre("sms +15550001111 sent SM9"));
}

}  // namespace
}  // namespace parley::script
