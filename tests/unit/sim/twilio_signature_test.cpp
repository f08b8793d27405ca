#include <parley/sim/twilio_call.hpp>

#include <gtest/gtest.h>

namespace parley::sim {
namespace {

// Computed with the official helper library.
constexpr std::string_view token = "12345678901234567890123456789012";
const Form call{{"CallSid", "CA00000000000000000000000000000001"}, {"CallStatus", "completed"}};

TEST(TwilioSignature, MatchesTheOfficialLibrary) {
    EXPECT_EQ(twilio_signature(token, "https://voice.example.com/twilio/status", call),
              "wXtiIvQoqUc2TQnKUeHocSCmNLU=");
    EXPECT_EQ(twilio_signature(token, "http://voice.example.com:8080/twilio/status", call),
              "J0+gk+68DS3g5CIkoIIAoay08CU=");
    EXPECT_EQ(twilio_signature(token, "wss://voice.example.com/twilio/media", {}),
              "fhjjjkV1F9lPmcYCG6YdDwerOY0=");
    EXPECT_EQ(twilio_signature(token, "https://voice.example.com/x",
                               {{"b", "2"}, {"B", "1"}, {"a", "3"}, {"_z", "4"}, {"9", "5"}}),
              "+Q4tcJACuvDKqwy4NNK6P59zhdI=");
    EXPECT_EQ(twilio_signature(
                  token, "https://voice.example.com/x",
                  {{"CallSid", "CA1"}, {"MediaUrl", "b"}, {"MediaUrl", "a"}, {"MediaUrl", "b"}}),
              "swxugOrPjQiedFkWnbd2L6x9Mq4=");
    EXPECT_EQ(twilio_signature("12345", "https://example.com/myapp.php?foo=1&bar=2",
                               {{"CallSid", "CA1234567890ABCDE"},
                                {"Caller", "+14158675310"},
                                {"Digits", "1234"},
                                {"From", "+14158675310"},
                                {"To", "+18005551212"}}),
              "L/OH5YylLD5NRKLltdqwSvS0BnU=");
}

TEST(TwilioSignature, SignsTheUrlAsTwilioRequestsIt) {
    EXPECT_EQ(url_to_sign("https://voice.example.com:8443/status?x=1#rc=2"),
              "https://voice.example.com/status?x=1");
    EXPECT_EQ(url_to_sign("http://voice.example.com:8080/status"),
              "http://voice.example.com:8080/status");
    EXPECT_EQ(url_to_sign("https://user:pass@voice.example.com/x"), "https://voice.example.com/x");
    EXPECT_EQ(url_to_sign("https://voice.example.com/a:b@c"), "https://voice.example.com/a:b@c");
    EXPECT_EQ(url_to_sign("https://[::1]:99/x"), "https://[::1]/x");
}

}  // namespace
}  // namespace parley::sim
