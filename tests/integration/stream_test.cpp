// The media stream against strangers and broken peers: who may open one, and what bad input costs.
#include "stage.hpp"

namespace parley::integration {
namespace {

using testing::IsEmpty;

constexpr int normal = 1000;
constexpr int unsupported_data = 1003;
constexpr int invalid_text = 1007;
constexpr int policy_violation = 1008;
constexpr int too_big = 1009;

const std::string bare_stream = "wss://voice.parley.test/media-stream";
const std::string connected = R"({"event":"connected","protocol":"Call","version":"1.0.0"})";

TEST(AStreamWithoutATicket, IsClosedAndCostsNothingUpstream) {
    Stage stage(fast);
    const auto close_code_of = [&](const Ticket& ticket) {
        auto stream = stage.open_stream(bare_stream);
        EXPECT_EQ(stream.http_status(), 101);
        stream.text(connected);
        stream.text(start_message(ticket));
        return stream.close_code();
    };
    EXPECT_EQ(close_code_of({.call_sid = "CAunknown", .token = ""}), policy_violation);
    EXPECT_EQ(close_code_of({.call_sid = "CAunknown", .token = "00112233445566778899aabbccddeeff"}),
              policy_violation);

    net::Headers forged;
    forged.set("x-twilio-signature", sim::twilio_signature("another token", bare_stream, {}));
    EXPECT_EQ(RawSocket(stage.service().port(), "/media-stream", forged).http_status(), 403);
    EXPECT_EQ(RawSocket(stage.service().port(), "/media-stream", {}).http_status(), 403);

    EXPECT_EQ(stage.model().connections(), 0);
    EXPECT_EQ(stage.value("SELECT count(*) FROM calls"), "0");
    EXPECT_TRUE(eventually(
        [&] { return stage.service().has_logged("twilio.stream_refused call=CAunknown"); }));
}

TEST(ATicket, IsForOneCallAndOneStream) {
    Stage stage(fast + "greeting: \"Hello.\"");
    const auto ticket = stage.announce("CA1");
    ASSERT_NE(ticket.token, "");

    auto other_call = stage.open_stream(ticket.stream_url);
    other_call.text(start_message({.call_sid = "CA2", .token = ticket.token}));
    EXPECT_EQ(other_call.close_code(), policy_violation);

    auto first = stage.open_stream(ticket.stream_url);
    first.text(start_message(ticket));
    ASSERT_TRUE(first.next_text()) << "the greeting is played";

    auto second = stage.open_stream(ticket.stream_url);
    second.text(start_message(ticket));
    EXPECT_EQ(second.close_code(), policy_violation);

    // The first one has noticed nothing.
    EXPECT_TRUE(first.next_text());
    EXPECT_EQ(stage.model().connections(), 1);
    first.text(
        R"({"event":"stop","sequenceNumber":"2","streamSid":"MZ1","stop":{"callSid":"CA1"}})");
    EXPECT_EQ(first.close_code(), normal);
    EXPECT_EQ(stage.ended("CA1").outcome, "caller_hung_up");
    EXPECT_EQ(stage.value("SELECT count(*) FROM calls"), "1");
}

TEST(AnotherAccountsStream, IsRefused) {
    StageOptions options;
    options.environment["TWILIO_ACCOUNT_SID"] = account_sid;
    Stage stage(fast, std::move(options));
    const auto ticket = stage.announce("CA1");
    ASSERT_NE(ticket.token, "");
    auto message = start_message(ticket);
    message.replace(message.find(account_sid), account_sid.size(),
                    "AC00000000000000000000000000000002");
    auto stream = stage.open_stream(ticket.stream_url);
    stream.text(message);
    EXPECT_EQ(stream.close_code(), policy_violation);
}

// A call that is to be left alone goes on while others misbehave in every way.
TEST(BadInputOnOneStream, EndsThatStreamWhereItMustAndLeavesOtherCallsAlone) {
    const std::string sentence =
        "We are open from Monday to Friday, from nine in the morning to five in the afternoon, but never at noon, and not on holidays.";
    Stage stage(fast + "greeting: \"" + sentence + "\"");
    const auto steady = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 600}}, hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));

    // Before the start.
    const auto ends_with = [&](auto misbehave) {
        auto stream = stage.open_stream(bare_stream);
        stream.text(connected);
        misbehave(stream);
        return stream.close_code();
    };
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text("{\"event\":"); }), policy_violation);
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text("[1,2,3]"); }), policy_violation);
    EXPECT_EQ(ends_with([](RawSocket& stream) {
                  stream.text(R"({"event":"start","start":17,"streamSid":"MZ1"})");
              }),
              policy_violation);
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text(silent_media(1)); }), policy_violation);
    EXPECT_EQ(
        ends_with([](RawSocket& stream) { stream.frame(RawSocket::Opcode::binary, "\x01\x02"); }),
        unsupported_data);
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text("\xC3\x28"); }), invalid_text);
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text(std::string(200'000, 'x')); }),
              too_big);
    EXPECT_EQ(ends_with([](RawSocket& stream) { stream.text(std::string(200, '[')); }),
              policy_violation);

    // In a call: every closing one gets its own, whose name the log must tell.
    int calls = 0;
    const auto call_ends_with = [&](auto misbehave) {
        const auto ticket = stage.announce(fmt::format("CAbad{}", ++calls));
        auto stream = stage.open_stream(ticket.stream_url);
        stream.text(connected);
        stream.text(start_message(ticket));
        EXPECT_TRUE(stream.next_text()) << "the greeting is played";
        misbehave(stream, ticket);
        return stream.close_code();
    };
    EXPECT_EQ(call_ends_with([](RawSocket& stream, const Ticket& ticket) {
                  stream.text(start_message(ticket));
              }),
              policy_violation);
    EXPECT_EQ(call_ends_with([](RawSocket& stream, const Ticket&) {
                  stream.frame(RawSocket::Opcode::binary, "?");
              }),
              unsupported_data);
    EXPECT_EQ(call_ends_with([](RawSocket& stream, const Ticket&) { stream.text("\xFF\xFE"); }),
              invalid_text);
    EXPECT_EQ(call_ends_with(
                  [](RawSocket& stream, const Ticket&) { stream.text(std::string(100'000, '"')); }),
              too_big);
    EXPECT_EQ(call_ends_with([](RawSocket& stream, const Ticket&) {
                  for (int i = 0; i < 50; ++i) stream.text(media_message(i, "no base64!"));
              }),
              policy_violation);
    EXPECT_EQ(call_ends_with([](RawSocket& stream, const Ticket&) {
                  stream.bytes(std::string("\x81\xFE\xFF", 3)), stream.drop();
              }),
              0);
    for (int i = 1; i <= calls; ++i) {
        const auto row = stage.ended(fmt::format("CAbad{}", i));
        EXPECT_EQ(row.outcome, "caller_hung_up") << row.call_sid;
        EXPECT_EQ(row.reason, "channel_lost") << row.call_sid;
    }
    for (const std::string call : {"CAbad1 what=\"a second start\"", "CAbad2", "CAbad5"})
        EXPECT_TRUE(eventually([&] {
            return stage.service().has_logged("twilio.bad_message call=" + call);
        })) << call;

    const auto report = steady->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, sentence), 0.8)
        << "somebody else's bad input could be heard";
    EXPECT_EQ(stage.ended(steady->sid()).reason, "caller_hung_up");
    EXPECT_NEAR(static_cast<double>(stage.model().sessions().at(0).appended_ms),
                static_cast<double>(report.duration.count()), 500);
    for (const auto& session : stage.model().sessions())
        EXPECT_THAT(violations(session), IsEmpty());
    EXPECT_EQ(stage.service().get("/health").status, 200);
}

TEST(OddMessagesInACall, AreToleratedWhereTheCallCanGoOn) {
    Stage stage(fast + "greeting: \"Hello.\"");
    const auto ticket = stage.announce("CAodd");
    auto stream = stage.open_stream(ticket.stream_url);
    stream.text(connected);
    stream.text(start_message(ticket));
    ASSERT_TRUE(stream.next_text());

    int frames = 0;
    const auto silence = [&] { stream.text(silent_media(++frames)); };
    silence();
    stream.text("{\"event\":");
    silence();
    stream.text(media_message(++frames, "***"));
    silence();
    stream.text(R"({"event":"gossip","sequenceNumber":"9","streamSid":"MZ1"})");
    stream.text(
        R"({"event":"mark","sequenceNumber":"9","streamSid":"MZ1","mark":{"name":"never sent"}})");
    stream.text(
        R"({"event":"mark","sequenceNumber":"9","streamSid":"MZ1","mark":{"name":"99999999999999999999"}})");
    stream.text(
        R"({"event":"dtmf","sequenceNumber":"9","streamSid":"MZ1","dtmf":{"digit":"xyz"}})");
    stream.text(silent_media(4, "MZother"));
    for (const int repeated : {3, 3, 2, 1, 900'000, 4}) stream.text(silent_media(repeated));
    stream.frame(RawSocket::Opcode::ping, "still there?");
    silence();
    // Still a call: the model hears what comes after all that.
    std::int64_t appended = 0;
    EXPECT_TRUE(eventually([&] {
        silence();
        appended = stage.model().sessions().at(0).appended_ms;
        return appended > 1'000;
    })) << appended;
    stream.text(
        R"({"event":"stop","sequenceNumber":"99","streamSid":"MZ1","stop":{"callSid":"CAodd"}})");
    EXPECT_EQ(stream.close_code(), normal);
    const auto row = stage.ended("CAodd");
    EXPECT_EQ(row.outcome, "caller_hung_up");
    EXPECT_EQ(row.reason, "caller_hung_up");
    EXPECT_TRUE(
        eventually([&] { return stage.service().has_logged("twilio.bad_message call=CAodd"); }));
    for (const auto& session : stage.model().sessions())
        EXPECT_THAT(violations(session), IsEmpty());
}

}  // namespace
}  // namespace parley::integration
