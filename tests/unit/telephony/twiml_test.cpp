#include <parley/telephony/twiml.hpp>

#include <gtest/gtest.h>

namespace parley::telephony {
namespace {

TEST(Twiml, NothingBreaksOutOfAValue) {
    const std::string evil = "\"/><Dial>+1900</Dial><Say x='";
    for (const std::string& text :
         {twiml::connect({.url = evil, .action = evil, .parameters = {{evil, evil}}}),
          twiml::say_and_hang_up(evil)}) {
        EXPECT_EQ(text.find("<Dial>"), std::string::npos) << text;
        EXPECT_EQ(text.find("x='"), std::string::npos) << text;
    }
    EXPECT_EQ(twiml::escaped("a&b<c>d\"e'f"), "a&amp;b&lt;c&gt;d&quot;e&apos;f");
}

TEST(Twiml, WhatXmlForbidsIsLeftOut) {
    EXPECT_EQ(twiml::escaped(std::string_view("a\0\x01\x1F"
                                              "b",
                                              5)),
              "ab");
    EXPECT_EQ(twiml::escaped("a\tb\nc\r"), "a&#9;b&#10;c&#13;");
    EXPECT_EQ(twiml::escaped("caf\xC3\xA9"), "caf\xC3\xA9");
    EXPECT_EQ(twiml::escaped("\xFF"), "\xEF\xBF\xBD");
}

TEST(Twiml, ConnectsAStream) {
    EXPECT_EQ(
        twiml::connect({.url = "wss://voice.example.com/media-stream",
                        .action = "https://voice.example.com/voice/ended",
                        .parameters = {{"callSid", "CA1"}, {"token", "ab12"}}}),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect action=\"https://voice.example.com/voice/ended\">"
        "<Stream url=\"wss://voice.example.com/media-stream\"><Parameter name=\"callSid\" value=\"CA1\"/>"
        "<Parameter name=\"token\" value=\"ab12\"/></Stream></Connect></Response>");
}

TEST(Twiml, AParameterStaysUnderFiveHundredCharacters) {
    const std::string text = twiml::connect(
        {.url = "u", .action = "a", .parameters = {{"name", std::string(2'000, 'x')}}});
    const std::size_t start = text.find("value=\"") + 7;
    const std::size_t length = text.find('"', start) - start;
    EXPECT_LT(length + 4, 500u);
    EXPECT_GT(length, 450u);
}

TEST(Twiml, SaysRejectsAndHangsUp) {
    EXPECT_EQ(
        twiml::say_and_hang_up("Goodbye."),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>Goodbye.</Say><Hangup/></Response>");
    EXPECT_EQ(
        twiml::reject_busy(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Reject reason=\"busy\"/></Response>");
    EXPECT_EQ(twiml::hang_up(),
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Hangup/></Response>");
}

TEST(Twiml, DialsAndAsksForAKey) {
    const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>";
    EXPECT_EQ(twiml::dial({.number = "+15550102001",
                           .action = "https://v.example.com/voice/transferred",
                           .caller_id = "+15550100002",
                           .ring_limit = std::chrono::seconds(15),
                           .briefing_url = "https://v.example.com/voice/briefing?transfer=a&b"}),
              head +
                  "<Dial action=\"https://v.example.com/voice/transferred\" timeout=\"15\" "
                  "callerId=\"+15550100002\"><Number "
                  "url=\"https://v.example.com/voice/briefing?transfer=a&amp;b\">+15550102001"
                  "</Number></Dial></Response>");
    EXPECT_EQ(twiml::dial({.number = "+15550102001", .action = "https://v.example.com/t"}),
              head +
                  "<Dial action=\"https://v.example.com/t\" timeout=\"20\"><Number>"
                  "+15550102001</Number></Dial></Response>");
    EXPECT_EQ(twiml::ask_for_key("Ann & Bob. Press 1.", "https://v.example.com/b?x=1"),
              head +
                  "<Gather action=\"https://v.example.com/b?x=1\" numDigits=\"1\"><Say>Ann "
                  "&amp; Bob. Press 1.</Say></Gather><Hangup/></Response>");
    EXPECT_EQ(twiml::go_on(), head + "</Response>");
}

}  // namespace
}  // namespace parley::telephony
