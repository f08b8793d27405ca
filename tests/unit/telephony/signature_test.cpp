#include <parley/core/crypto.hpp>
#include <parley/net/http.hpp>
#include <parley/telephony/signature.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace parley::telephony {
namespace {

const std::string token = "12345678901234567890123456789012";
const std::string account = "AC00000000000000000000000000000001";
const std::string call = "CA00000000000000000000000000000001";

FormFields incoming_call() {
    return {{"AccountSid", account},   {"ApiVersion", "2010-04-01"}, {"CallSid", call},
            {"CallStatus", "ringing"}, {"Called", "+15550100002"},   {"Caller", "+15550100001"},
            {"Direction", "inbound"},  {"From", "+15550100001"},     {"To", "+15550100002"}};
}
FormFields completed() { return {{"CallSid", call}, {"CallStatus", "completed"}}; }

// Made with Twilio's own library.
struct Vector {
    const char* name;
    const char* url;
    FormFields form;
    const char* expected;
};
const Vector vectors[] = {
    {"form", "https://voice.example.com/twilio/voice", incoming_call(),
     "yEtoprYnJCkSIuWCfNmKG7Tz8DI="},
    {"form with a query", "https://voice.example.com/twilio/voice?tenant=7&mode=a%20b",
     incoming_call(), "BQ/FG2AQVbnUDM9xaufNnyE+wvo="},
    {"GET",
     "https://voice.example.com/twilio/voice?CallSid=CA00000000000000000000000000000001&From=%2B15550100001&To=%2B15550100002",
     {},
     "uHvuKdM4V6xVIyOzVst9778Y410="},
    {"WebSocket", "wss://voice.example.com/twilio/media", {}, "fhjjjkV1F9lPmcYCG6YdDwerOY0="},
    {"WebSocket with a slash",
     "wss://voice.example.com/twilio/media/",
     {},
     "V2QGJ6ZI1zkdxy6SGUcrhLy5x1s="},
    {"the wrong scheme",
     "https://voice.example.com/twilio/media",
     {},
     "optsbm+WFjCGi1P9M3zlDrGUSlI="},
    {"JSON",
     "https://voice.example.com/twilio/events?bodySHA256=f7df9346f66c6cd100fc80322addc9f2522a9796eafd9fb8ac065a4f59162647",
     {},
     "VHaQTlnpp1kq5yeV84iY/f2PGNg="},
    {"no port", "https://voice.example.com/twilio/status", completed(),
     "wXtiIvQoqUc2TQnKUeHocSCmNLU="},
    {"port 443", "https://voice.example.com:443/twilio/status", completed(),
     "BUpNykxt+pm5wG7l+2VTGjm83R4="},
    {"port 8443", "https://voice.example.com:8443/twilio/status", completed(),
     "nyfuRZUgEiLn8hrLZDwpVwHG/rA="},
    {"HTTP with a port", "http://voice.example.com:8080/twilio/status", completed(),
     "J0+gk+68DS3g5CIkoIIAoay08CU="},
    {"spaces, UTF-8, plus, empty",
     "https://voice.example.com/twilio/gather",
     {{"CallSid", call},
      {"Confidence", "0.91"},
      {"Digits", ""},
      {"SpeechResult", " naïve café + 2 "}},
     "WVyqX0wzbSp4m8Myn9o/Wy3N/Fs="},
    {"order",
     "https://voice.example.com/x",
     {{"b", "2"}, {"B", "1"}, {"a", "3"}, {"_z", "4"}, {"9", "5"}},
     "+Q4tcJACuvDKqwy4NNK6P59zhdI="},
    {"repeated names",
     "https://voice.example.com/x",
     {{"CallSid", "CA1"}, {"MediaUrl", "b"}, {"MediaUrl", "a"}, {"MediaUrl", "b"}},
     "swxugOrPjQiedFkWnbd2L6x9Mq4="},
};

TEST(Signature, IsTheOneTwiliosLibraryMakes) {
    for (const Vector& each : vectors)
        EXPECT_EQ(signature(token, each.url, each.form), each.expected) << each.name;
    EXPECT_EQ(signature("12345", "https://example.com/myapp.php?foo=1&bar=2",
                        {{"CallSid", "CA1234567890ABCDE"},
                         {"Caller", "+14158675310"},
                         {"Digits", "1234"},
                         {"From", "+14158675310"},
                         {"To", "+18005551212"}}),
              "L/OH5YylLD5NRKLltdqwSvS0BnU=");
}

SignatureCheck check_with(std::vector<std::string> tokens) {
    std::vector<Secret> secrets;
    for (auto& each : tokens) secrets.emplace_back(std::move(each));
    return SignatureCheck(std::move(secrets));
}

Verdict check_form(const std::string& public_url, std::string_view target, const FormFields& form,
                   std::string_view sent, std::vector<std::string> tokens = {token}) {
    const std::string body = net::encode_form(form);
    return check_with(std::move(tokens))
        .check_http({.address = {public_url, 3000},
                     .target = target,
                     .signature = sent,
                     .body = body,
                     .is_form = true,
                     .form = &form});
}

TEST(SignatureCheck, RefusesWhatIsMissingOrAltered) {
    const std::string base = "https://voice.example.com";
    const std::string right = "yEtoprYnJCkSIuWCfNmKG7Tz8DI=";
    EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), ""), Verdict::unsigned_);
    EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), right, {}), Verdict::no_token);
    EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), right, {""}), Verdict::no_token);
    EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), right, {"another token"}),
              Verdict::forged);
    EXPECT_EQ(check_form(base, "/twilio/voices", incoming_call(), right), Verdict::forged);
    EXPECT_EQ(check_form(base, "/twilio/voice?x=1", incoming_call(), right), Verdict::forged);
    EXPECT_EQ(check_form("https://evil.example.com", "/twilio/voice", incoming_call(), right),
              Verdict::forged);
    for (std::size_t i = 0; i < right.size(); ++i) {
        std::string altered = right;
        altered[i] = altered[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), altered), Verdict::forged)
            << i;
    }
    for (const std::string& altered :
         {right + "=", right.substr(1), right + right, std::string(" ") + right}) {
        EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), altered), Verdict::forged)
            << altered;
    }
    for (std::size_t i = 0; i < incoming_call().size(); ++i) {
        FormFields altered = incoming_call();
        altered[i].second += "1";
        EXPECT_EQ(check_form(base, "/twilio/voice", altered, right), Verdict::forged)
            << altered[i].first;
        altered = incoming_call();
        altered.erase(altered.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_EQ(check_form(base, "/twilio/voice", altered, right), Verdict::forged) << i;
    }
}

TEST(SignatureCheck, AcceptsWhatTwilioSends) {
    const std::string base = "https://voice.example.com";
    EXPECT_EQ(check_form(base, "/twilio/voice", incoming_call(), "yEtoprYnJCkSIuWCfNmKG7Tz8DI="),
              Verdict::genuine);
    EXPECT_EQ(check_form(base, "/twilio/voice?tenant=7&mode=a%20b", incoming_call(),
                         "BQ/FG2AQVbnUDM9xaufNnyE+wvo="),
              Verdict::genuine);
    EXPECT_EQ(check_form("https://voice.example.com/twilio/", "/voice", incoming_call(),
                         "yEtoprYnJCkSIuWCfNmKG7Tz8DI="),
              Verdict::genuine)
        << "a path prefix that the proxy strips";
    EXPECT_EQ(check_form("https://user:secret@voice.example.com", "/twilio/voice", incoming_call(),
                         "yEtoprYnJCkSIuWCfNmKG7Tz8DI="),
              Verdict::genuine);
    EXPECT_EQ(
        check_with({token}).check_http(
            {.address = {base, {}},
             .target =
                 "/twilio/voice?CallSid=CA00000000000000000000000000000001&From=%2B15550100001&To=%2B15550100002",
             .signature = "uHvuKdM4V6xVIyOzVst9778Y410=",
             .body = ""}),
        Verdict::genuine)
        << "GET";
}

TEST(SignatureCheck, PortsAreForgivenAsTwiliosValidatorDoes) {
    const std::string no_port = "wXtiIvQoqUc2TQnKUeHocSCmNLU=";
    const std::string port_443 = "BUpNykxt+pm5wG7l+2VTGjm83R4=";
    const std::string port_8443 = "nyfuRZUgEiLn8hrLZDwpVwHG/rA=";
    EXPECT_EQ(check_form("https://voice.example.com:8443", "/twilio/status", completed(), no_port),
              Verdict::genuine);
    EXPECT_EQ(check_form("https://voice.example.com", "/twilio/status", completed(), port_443),
              Verdict::genuine);
    EXPECT_EQ(check_form("https://voice.example.com", "/twilio/status", completed(), port_8443),
              Verdict::forged);
    EXPECT_EQ(
        check_form("https://voice.example.com:8443", "/twilio/status", completed(), port_8443),
        Verdict::genuine);
    EXPECT_EQ(check_form("http://voice.example.com:8080", "/twilio/status", completed(),
                         "J0+gk+68DS3g5CIkoIIAoay08CU="),
              Verdict::genuine);
    EXPECT_EQ(check_form("https://voice.example.com", "/twilio/status", completed(),
                         "J0+gk+68DS3g5CIkoIIAoay08CU="),
              Verdict::forged);
}

TEST(SignatureCheck, AJsonBodyIsBoundByItsDigest) {
    const std::string body =
        R"({"event":"stream-started","callSid":"CA00000000000000000000000000000001"})";
    ASSERT_EQ(body.size(), 73u);
    const std::string target =
        "/twilio/events?bodySHA256=f7df9346f66c6cd100fc80322addc9f2522a9796eafd9fb8ac065a4f59162647";
    const auto verdict = [&](const std::string& sent_body, const std::string& sent_target) {
        return check_with({token}).check_http({.address = {"https://voice.example.com", {}},
                                               .target = sent_target,
                                               .signature = "VHaQTlnpp1kq5yeV84iY/f2PGNg=",
                                               .body = sent_body});
    };
    EXPECT_EQ(verdict(body + " ", target), Verdict::body_altered);
    EXPECT_EQ(verdict("", target), Verdict::body_altered);
    EXPECT_EQ(verdict(body + " ", "/twilio/events?bodySHA256=" + crypto::sha256_hex(body + " ")),
              Verdict::forged);
    EXPECT_EQ(verdict(body, target), Verdict::genuine);
}

TEST(SignatureCheck, ABodyThatNothingBindsIsRefused) {
    const std::string sent = signature(token, "https://voice.example.com/voice");
    const auto verdict = [&](std::string_view body) {
        return check_with({token}).check_http({.address = {"https://voice.example.com", {}},
                                               .target = "/voice",
                                               .signature = sent,
                                               .body = body});
    };
    EXPECT_EQ(verdict("CallSid=CA1"), Verdict::forged);
    EXPECT_EQ(verdict(""), Verdict::genuine);
}

TEST(SignatureCheck, AnyOfSeveralTokensWillDo) {
    const std::string base = "https://voice.example.com";
    EXPECT_EQ(check_form(base, "/twilio/status", completed(),
                         "wXtiIvQoqUc2TQnKUeHocSCmNLU=", {"old token", token}),
              Verdict::genuine);
    EXPECT_EQ(check_form(base, "/twilio/status", completed(),
                         "wXtiIvQoqUc2TQnKUeHocSCmNLU=", {token, ""}),
              Verdict::genuine);
    EXPECT_EQ(check_form(base, "/twilio/status", completed(),
                         signature("", base + "/twilio/status", completed()), {token, ""}),
              Verdict::forged)
        << "an empty token is no token";
}

Verdict check_socket(const std::string& public_url, std::string_view target,
                     std::string_view sent) {
    return check_with({token}).check_websocket({public_url, 3000}, target, sent);
}

TEST(SignatureCheck, AWebSocketIsSignedOverItsOwnScheme) {
    const std::string base = "https://voice.example.com";
    EXPECT_EQ(check_socket(base, "/twilio/media", ""), Verdict::unsigned_);
    EXPECT_EQ(check_socket(base, "/twilio/other", "fhjjjkV1F9lPmcYCG6YdDwerOY0="), Verdict::forged);
    EXPECT_EQ(
        check_socket("https://other.example.com", "/twilio/media", "fhjjjkV1F9lPmcYCG6YdDwerOY0="),
        Verdict::forged);
    EXPECT_EQ(check_socket(base, "/twilio/media",
                           signature("not the token", "wss://voice.example.com/twilio/media")),
              Verdict::forged);
    EXPECT_EQ(check_socket(base, "/twilio/media", "fhjjjkV1F9lPmcYCG6YdDwerOY0="),
              Verdict::genuine);
    EXPECT_EQ(check_socket(base, "/twilio/media", "V2QGJ6ZI1zkdxy6SGUcrhLy5x1s="), Verdict::genuine)
        << "signed with a slash";
    EXPECT_EQ(check_socket(base, "/twilio/media/", "fhjjjkV1F9lPmcYCG6YdDwerOY0="),
              Verdict::genuine)
        << "asked for with a slash";
    EXPECT_EQ(check_socket(base, "/twilio/media",
                           signature(token, "wss://voice.example.com:443/twilio/media")),
              Verdict::genuine);
    EXPECT_EQ(check_socket(base, "/twilio/media",
                           signature(token, "wss://voice.example.com:3000/twilio/media/")),
              Verdict::genuine);
    EXPECT_EQ(check_socket(base, "/twilio/media",
                           signature(token, "wss://voice.example.com:4000/twilio/media")),
              Verdict::forged);
    EXPECT_EQ(check_socket(base, "/twilio/media",
                           signature(token, "ws://voice.example.com/twilio/media")),
              Verdict::forged);
}

TEST(SignatureCheck, APlainAddressIsSignedAsWs) {
    const std::string base = "http://127.0.0.1:3000";
    EXPECT_EQ(
        check_socket(base, "/media-stream", signature(token, "ws://127.0.0.1:3000/media-stream")),
        Verdict::genuine);
    EXPECT_EQ(
        check_socket(base, "/media-stream", signature(token, "ws://127.0.0.1:3001/media-stream")),
        Verdict::forged);
}

TEST(SignatureCandidates, AreFewAndTheLikeliestComesFirst) {
    const auto http = http_candidates({"https://Voice.Example.com", 3000}, "/voice?a=%20b");
    EXPECT_EQ(http, (std::vector<std::string>{"https://voice.example.com/voice?a=%20b",
                                              "https://voice.example.com:443/voice?a=%20b",
                                              "https://voice.example.com:3000/voice?a=%20b"}));
    const auto socket =
        websocket_candidates({"https://voice.example.com", {}}, "/media-stream?x=1");
    ASSERT_GE(socket.size(), 4u);
    EXPECT_EQ(socket[0], "wss://voice.example.com/media-stream?x=1");
    EXPECT_NE(std::find(socket.begin(), socket.end(), "wss://voice.example.com/media-stream/?x=1"),
              socket.end());
    EXPECT_EQ(http_candidates({"http://[::1]:8080/base", {}}, "/voice")[0],
              "http://[::1]:8080/base/voice");
}

}  // namespace
}  // namespace parley::telephony
