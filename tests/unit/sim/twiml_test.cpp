#include <parley/sim/server_frames.hpp>
#include <parley/sim/twiml.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using testing::HasSubstr;

std::string fault_of(std::string_view xml, StreamScheme scheme = StreamScheme::wss_only) {
    const auto twiml = parse_twiml(xml, scheme);
    return twiml ? "accepted" : twiml.error().text();
}

std::string stream(std::string_view attributes, std::string_view inside = "") {
    return fmt::format("<Response><Connect><Stream {}>{}</Stream></Connect></Response>", attributes,
                       inside);
}

TEST(Twiml, ReadsAConnectWithEverything) {
    const auto twiml = parse_twiml(R"(<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <!-- the usual -->
  <Connect action="https://v.example.com/after" method="GET">
    <Stream url="wss://v.example.com/media"><Parameter name="token" value="a&amp;b&#x41;"/><Parameter name="callSid" value="CA1"/></Stream>
  </Connect>
  <Say voice="alice">We lost the &lt;connection&gt;.</Say><Pause length="2"/><Hangup/>
</Response>)",
                                   StreamScheme::wss_only);
    ASSERT_TRUE(twiml.has_value()) << twiml.error().text();
    ASSERT_EQ(twiml->verbs.size(), 4u);
    EXPECT_EQ(twiml->verbs[0].stream_url, "wss://v.example.com/media");
    EXPECT_EQ(twiml->verbs[0].action, "https://v.example.com/after");
    EXPECT_EQ(twiml->verbs[0].method, "GET");
    EXPECT_EQ(twiml->verbs[0].parameters[0].second, "a&bA");
    EXPECT_EQ(twiml->verbs[1].text, "We lost the <connection>.");
    EXPECT_EQ(twiml->verbs[2].length, milliseconds(2'000));
}

TEST(Twiml, RefusesWhatTwilioRefuses) {
    EXPECT_THAT(fault_of("<response/>"), HasSubstr("root"));
    EXPECT_THAT(fault_of("<Response><connect/></Response>"), HasSubstr("case-sensitive"));
    EXPECT_THAT(fault_of("<Response><Record/></Response>"), HasSubstr("does not carry out"));
    EXPECT_THAT(fault_of(stream("url='https://x/y'")), HasSubstr("31922"));
    EXPECT_THAT(fault_of(stream("url='ws://x/y'")), HasSubstr("31922"));
    EXPECT_EQ(fault_of(stream("url='ws://x/y'"), StreamScheme::ws_too), "accepted");
    EXPECT_THAT(fault_of(stream("url='wss://x/y' track='both_tracks'")), HasSubstr("31941"));
    EXPECT_THAT(fault_of(stream("url='wss://x/y' codec='opus'")), HasSubstr("unknown attribute"));
    EXPECT_THAT(fault_of(stream("")), HasSubstr("missing"));
    EXPECT_THAT(fault_of(stream("url='wss://x/y'", fmt::format("<Parameter name='n' value='{}'/>",
                                                               std::string(499, 'x')))),
                HasSubstr("500"));
    EXPECT_EQ(fault_of(stream("url='wss://x/y'", fmt::format("<Parameter name='n' value='{}'/>",
                                                             std::string(498, 'x')))),
              "accepted");
    EXPECT_THAT(fault_of("<Response><Say>x</Say><Reject/></Response>"), HasSubstr("first"));
    EXPECT_THAT(fault_of("<Response><Connect/></Response>"), HasSubstr("one <Stream>"));
    EXPECT_THAT(fault_of("<Response>hello</Response>"), HasSubstr("text"));
}

TEST(Twiml, ReadsADialAndAGather) {
    const auto twiml = parse_twiml(R"(<Response>
  <Dial action="https://v.example.com/over" timeout="15" callerId="+15550100002">
    <Number url="https://v.example.com/brief?x=1">+15550102001</Number></Dial>
  <Dial>+15550102002</Dial>
  <Gather action="/key" numDigits="1" timeout="3"><Say>Press 1.</Say><Pause/></Gather>
</Response>)",
                                   StreamScheme::wss_only);
    ASSERT_TRUE(twiml.has_value()) << twiml.error().text();
    ASSERT_EQ(twiml->verbs.size(), 3u);
    const auto& dial = twiml->verbs[0];
    EXPECT_EQ(dial.kind, TwimlVerb::Kind::dial);
    EXPECT_EQ(dial.text, "+15550102001");
    EXPECT_EQ(dial.action, "https://v.example.com/over");
    EXPECT_EQ(dial.caller_id, "+15550100002");
    EXPECT_EQ(dial.number_url, "https://v.example.com/brief?x=1");
    EXPECT_EQ(dial.length, milliseconds(15'000));
    EXPECT_EQ(twiml->verbs[1].text, "+15550102002");
    EXPECT_EQ(twiml->verbs[1].length, milliseconds(30'000));
    const auto& gather = twiml->verbs[2];
    EXPECT_EQ(gather.kind, TwimlVerb::Kind::gather);
    EXPECT_EQ(gather.digits_max, 1);
    EXPECT_EQ(gather.length, milliseconds(3'000));
    ASSERT_EQ(gather.nested.size(), 2u);
    EXPECT_EQ(gather.nested[0].text, "Press 1.");
    EXPECT_THAT(fault_of("<Response><Dial/></Response>"), HasSubstr("missing"));
    EXPECT_THAT(fault_of("<Response><Dial timeout='0'>+1</Dial></Response>"), HasSubstr("seconds"));
    EXPECT_THAT(fault_of("<Response><Dial timeout='601'>+1</Dial></Response>"),
                HasSubstr("seconds"));
    EXPECT_THAT(fault_of("<Response><Dial><Client>x</Client></Dial></Response>"),
                HasSubstr("not known"));
    EXPECT_THAT(fault_of("<Response><Dial callerid='+1'>+1</Dial></Response>"),
                HasSubstr("unknown attribute"));
    EXPECT_THAT(fault_of("<Response><Gather><Dial>+1</Dial></Gather></Response>"),
                HasSubstr("not understood"));
    EXPECT_THAT(fault_of("<Response><Gather input='speech'/></Response>"), HasSubstr("keys only"));
    EXPECT_THAT(fault_of("<Response><Gather numDigits='0'/></Response>"), HasSubstr("numDigits"));
}

TEST(Twiml, RefusesBrokenXml) {
    for (const char* text :
         {"", "hello", "<Response>", "<Response></response>", "<Response/><Response/>",
          "<Response><Say>a & b</Say></Response>", "<!DOCTYPE x><Response/>", "<Response a=1/>",
          "<Response a='1' a='2'/>", "<Response><Say>&nbsp;</Say></Response>",
          "<Response><Say>&#0;</Say></Response>", "<Response><![CDATA[x</Response>",
          "<Response \xff/>", "<", "<Response><Say a='<'/></Response>"}) {
        EXPECT_NE(fault_of(text), "accepted") << text;
    }
    std::string deep;
    for (int i = 0; i < 1'000; ++i) deep += "<a>";
    EXPECT_THAT(fault_of(deep), HasSubstr("too deep"));
}

TEST(Twiml, DropsTheQueryOfAStreamAndSaysSo) {
    const auto twiml = parse_twiml(stream("url='wss://x/y?token=1'"), StreamScheme::wss_only);
    EXPECT_EQ(twiml->verbs[0].stream_url, "wss://x/y");
    EXPECT_EQ(twiml->warnings.size(), 1u);
}

std::string complaint(std::string_view text) {
    const auto frame = read_server_frame(text, "MZ1");
    if (!frame) return frame.error().text();
    return frame->warning.empty() ? "fine" : frame->warning;
}

TEST(ServerFrames, AcceptsExactlyWhatTwilioDocuments) {
    const std::string one_frame = std::string(213, 'A') + "A==";  // 160 bytes in base64
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1","media":{"payload":")" + one_frame +
                        R"("}})"),
              "fine");
    EXPECT_EQ(complaint(R"({"event":"mark","streamSid":"MZ1","mark":{"name":"u1.2"}})"), "fine");
    EXPECT_EQ(complaint(R"({"event":"clear","streamSid":"MZ1"})"), "fine");
}

TEST(ServerFrames, ComplainsOfEverythingElse) {
    EXPECT_THAT(complaint("{"), HasSubstr("31951: invalid JSON"));
    EXPECT_THAT(complaint("[]"), HasSubstr("invalid JSON"));
    EXPECT_THAT(complaint(R"({"event":"stop","streamSid":"MZ1"})"), HasSubstr("unknown event"));
    EXPECT_THAT(complaint(R"({"event":"clear","streamSid":"MZ2"})"),
                HasSubstr("foreign streamSid"));
    EXPECT_THAT(complaint(R"({"event":"clear"})"), HasSubstr("missing field \"streamSid\""));
    EXPECT_THAT(complaint(R"({"event":"clear","streamSid":"MZ1","x":1})"),
                HasSubstr("unexpected field \"x\""));
    EXPECT_THAT(
        complaint(
            R"({"event":"media","streamSid":"MZ1","media":{"payload":"AA","track":"outbound"}})"),
        HasSubstr("unexpected field"));
    EXPECT_THAT(complaint(R"({"event":"media","streamSid":"MZ1","media":{"payload":"A A="}})"),
                HasSubstr("base64"));
    EXPECT_THAT(complaint(R"({"event":"media","streamSid":"MZ1","media":{"payload":"AAAA"}})"),
                HasSubstr("3 bytes"));
    EXPECT_THAT(complaint(R"({"event":"mark","streamSid":"MZ1","mark":{"name":""}})"),
                HasSubstr("without a name"));
    EXPECT_THAT(complaint(R"({"event":"mark","streamSid":"MZ1","mark":"u"})"),
                HasSubstr("not an object"));
}

}  // namespace
}  // namespace parley::sim
