#include <parley/net/http.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::string refusal(std::string_view text) {
    const auto url = Url::parse(text);
    return url ? "accepted" : url.error().text();
}

TEST(Url, FillsInPortAndTarget) {
    const auto url = Url::parse("HTTPS://API.Example.com").value();
    EXPECT_EQ(url.scheme, "https");
    EXPECT_EQ(url.host, "api.example.com");
    EXPECT_EQ(url.port, "443");
    EXPECT_EQ(url.target, "/");
    EXPECT_TRUE(url.is_secure());
    EXPECT_EQ(url.authority(), "api.example.com");
    EXPECT_EQ(Url::parse("ws://h").value().port, "80");
    EXPECT_EQ(Url::parse("wss://h").value().port, "443");
}

TEST(Url, KeepsPathAndQueryAsWritten) {
    const auto url = Url::parse("http://h_1:08080/a%20b/../c?x=1&y=/?").value();
    EXPECT_EQ(url.target, "/a%20b/../c?x=1&y=/?");
    EXPECT_EQ(url.port, "8080");
    EXPECT_EQ(url.authority(), "h_1:8080");
    EXPECT_EQ(Url::parse("http://h?x").value().target, "/?x");
}

TEST(Url, TakesIpv6InBrackets) {
    const auto url = Url::parse("ws://[0:0::1]:3000/s").value();
    EXPECT_EQ(url.host, "::1");
    EXPECT_EQ(url.port, "3000");
    EXPECT_EQ(url.authority(), "[::1]:3000");
    EXPECT_EQ(Url::parse("ws://[::1]").value().authority(), "[::1]");
}

TEST(Url, RefusesWhatIsNotPlain) {
    EXPECT_THAT(refusal(""), HasSubstr("no scheme"));
    EXPECT_THAT(refusal("example.com/x"), HasSubstr("no scheme"));
    EXPECT_THAT(refusal("ftp://h/"), HasSubstr("\"ftp\" is not known"));
    EXPECT_THAT(refusal("http://"), HasSubstr("no host"));
    EXPECT_THAT(refusal("http://:80/"), HasSubstr("no host"));
    EXPECT_THAT(refusal("http://a..b/"), HasSubstr("host name is not valid"));
    EXPECT_THAT(refusal("http://a%20b/"), HasSubstr("host name is not valid"));
    EXPECT_THAT(refusal("http://a b/"), HasSubstr("space"));
    EXPECT_THAT(refusal("http://h/\r\nX: y"), HasSubstr("control character"));
    EXPECT_THAT(refusal("http://h/\xC3\xA9"), HasSubstr("ASCII"));
    EXPECT_THAT(refusal("http://h/#top"), HasSubstr("fragment"));
    EXPECT_THAT(refusal("http://[::1/"), HasSubstr("']'"));
    EXPECT_THAT(refusal("http://[::g]/"), HasSubstr("IPv6"));
    EXPECT_THAT(refusal("http://[::1]x/"), HasSubstr("IPv6"));
    EXPECT_THAT(refusal("http://::1/"), HasSubstr("several colons"));
    EXPECT_THAT(refusal("http://h/" + std::string(9000, 'x')), HasSubstr("too long"));
}

TEST(Url, RefusesPortsOutOfRange) {
    for (const auto* port : {"", "0", "65536", "99999999999", "-1", "+1", "8o", "80 "}) {
        EXPECT_FALSE(Url::parse(std::string("http://h:") + port + "/")) << port;
    }
    EXPECT_EQ(Url::parse("http://h:65535").value().port, "65535");
}

TEST(Url, RefusesUserInfoWithoutRepeatingIt) {
    const auto text = refusal("https://user:hunter2@h/");
    EXPECT_THAT(text, HasSubstr("user or password"));
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    EXPECT_THAT(refusal("ftp://h/?token=hunter2"), Not(HasSubstr("hunter2")));
}

TEST(Form, ParsesInOrderAndKeepsEmptyValues) {
    EXPECT_THAT(
        parse_form("a=1&b=&c&a=2&&=x"),
        ElementsAre(Pair("a", "1"), Pair("b", ""), Pair("c", ""), Pair("a", "2"), Pair("", "x")));
    EXPECT_TRUE(parse_form("").empty());
}

TEST(Form, DecodesPlusAndEscapesAndLeavesBadOnes) {
    EXPECT_THAT(parse_form("From=%2B15550100001&Body=a+b%20c&x=%4&y=%zz&z=100%&w=a%3Db=c"),
                ElementsAre(Pair("From", "+15550100001"), Pair("Body", "a b c"), Pair("x", "%4"),
                            Pair("y", "%zz"), Pair("z", "100%"), Pair("w", "a=b=c")));
}

TEST(Form, EncodesWhatItParses) {
    const std::vector<std::pair<std::string, std::string>> fields = {{"To", "+1 555&=%"},
                                                                     {"Ü", ""}};
    EXPECT_EQ(encode_form(fields), "To=%2B1+555%26%3D%25&%C3%9C=");
    EXPECT_EQ(parse_form(encode_form(fields)), fields);
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(percent_encode("a b/c+d*\n\xFF"), "a%20b%2Fc%2Bd%2A%0A%FF");
}

TEST(Headers, CompareWithoutCaseAndKeepOrder) {
    Headers headers;
    headers.add("Set-Cookie", "a");
    headers.add("set-cookie", "b");
    headers.add("X", "1");
    EXPECT_EQ(headers.get("SET-COOKIE"), "a");
    headers.set("x", "2");
    EXPECT_EQ(headers.get("X"), "2");
    EXPECT_EQ(headers.get("Y"), std::nullopt);
    EXPECT_THAT(headers.all(),
                ElementsAre(Pair("Set-Cookie", "a"), Pair("set-cookie", "b"), Pair("x", "2")));
}

TEST(Request, SplitsTargetAtTheFirstQuestionMark) {
    Request request;
    request.target = "/voice?a=1?b";
    EXPECT_EQ(request.path(), "/voice");
    EXPECT_EQ(request.query(), "a=1?b");
    request.target = "/voice";
    EXPECT_EQ(request.path(), "/voice");
    EXPECT_EQ(request.query(), "");
}

}  // namespace
}  // namespace parley::net
