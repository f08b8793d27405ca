#include "fakes.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;
using Kind = net::FetchFailure::Kind;

TEST(HttpModule, GivesStatusHeadersBodyAndJson) {
    WideProbe probe(
        "local reply = http.get('https://api.example/slots', { query = { date = '2026-12-01', tag = { 'a', 'b c' } }, "
        "headers = { ['X-Token'] = 't' } }) return reply");
    net::Headers headers;
    headers.set("X-Kind", "test");
    probe.web.answer(200, R"({"free":["09:00"],"none":[]})", "application/json; charset=utf-8",
                     headers);
    EXPECT_EQ(
        probe.run().text,
        R"({"body":"{\"free\":[\"09:00\"],\"none\":[]}","headers":{"content-type":"application/json; charset=utf-8",)"
        R"("x-kind":"test"},"json":{"free":["09:00"],"none":[]},"status":200})");
    ASSERT_EQ(probe.web.seen.size(), 1u);
    const auto& seen = probe.web.seen[0];
    EXPECT_EQ(seen.request.method, "GET");
    EXPECT_EQ(seen.url.target, "/slots?date=2026-12-01&tag=a&tag=b+c");
    EXPECT_EQ(seen.request.headers.get("x-token"), "t");
    EXPECT_EQ(seen.limits.response_bytes_max, 1024u * 1024);
}

TEST(HttpModule, SendsJsonFormsAndBytes) {
    WideProbe probe(
        "http.post('https://api.example/a', { json = { name = 'Jo', list = json.list {} } }) "
        "http.put('https://api.example/b', { form = { a = 1, b = 'x y' } }) "
        "http.patch('https://api.example/c', { body = '\\255\\0x', headers = { ['Content-Type'] = 'a/b' } }) "
        "http.delete('https://api.example/d') "
        "http.request('https://api.example/e', { method = 'options' })");
    for (int i = 0; i < 5; ++i) probe.web.answer(204, "");
    EXPECT_EQ(probe.run().text, R"({"done":true})");
    ASSERT_EQ(probe.web.seen.size(), 5u);
    EXPECT_EQ(probe.web.seen[0].request.body, R"({"list":[],"name":"Jo"})");
    EXPECT_EQ(probe.web.seen[0].request.headers.get("content-type"), "application/json");
    EXPECT_EQ(probe.web.seen[1].request.body, "a=1&b=x+y");
    EXPECT_EQ(probe.web.seen[1].request.headers.get("content-type"),
              "application/x-www-form-urlencoded");
    EXPECT_EQ(probe.web.seen[2].request.body, std::string("\xff\0x", 3));
    EXPECT_EQ(probe.web.seen[2].request.headers.get("content-type"), "a/b");
    EXPECT_EQ(probe.web.seen[3].request.method, "DELETE");
    EXPECT_EQ(probe.web.seen[4].request.method, "OPTIONS");
}

TEST(HttpModule, GivesAProblemForWhatHappens) {
    const auto problem_of = [](auto prepare) {
        WideProbe probe(
            "local reply, problem = http.post('https://api.example/') return { reply == nil, problem.kind, problem.message, "
            "problem.retry, problem.status, problem.json and problem.json.error }");
        prepare(probe.web);
        return probe.run().text;
    };
    EXPECT_EQ(problem_of([](FakeWeb& web) { web.answer(404, R"({"error":"gone"})"); }),
              R"([true,"status","api.example answered with status 404",false,404,"gone"])");
    EXPECT_THAT(problem_of([](FakeWeb& web) { web.answer(500, ""); }),
                HasSubstr(R"(status 500",true,500)"));
    EXPECT_THAT(problem_of([](FakeWeb& web) { web.fail(Kind::timeout, "timed out"); }),
                HasSubstr(R"([true,"timeout","api.example: timed out",true)"));
    EXPECT_THAT(problem_of([](FakeWeb& web) { web.fail(Kind::tls, "bad certificate"); }),
                HasSubstr(R"("tls","api.example: bad certificate",false)"));
    EXPECT_THAT(problem_of([](FakeWeb& web) { web.fail(Kind::too_large, "too long"); }),
                HasSubstr(R"("too_large")"));
}

TEST(HttpModule, GoesNowhereUnlessAllowed) {
    WideProbe probe("local reply, problem = http.get('http://evil.example/') return problem");
    EXPECT_THAT(
        probe.run().text,
        HasSubstr(
            R"("kind":"not_allowed","message":"requests to evil.example are not allowed; add the host)"));
    EXPECT_TRUE(probe.web.seen.empty());

    WideProbe addresses("http.get('https://api.example/') return 1");
    addresses.web.answer(200, "");
    addresses.run();
    const auto& may_connect = addresses.web.seen.at(0).limits.may_connect;
    EXPECT_TRUE(may_connect(boost::asio::ip::make_address("93.184.216.34")));
    EXPECT_FALSE(may_connect(boost::asio::ip::make_address("169.254.169.254")));
}

TEST(HttpModule, WithoutANetworkGivesAProblem) {
    WideProbe probe(
        "local reply, problem = http.get('https://api.example/') return problem.message");
    probe.parts.services.http = nullptr;
    EXPECT_EQ(probe.run().text, R"("there is no network here")");
}

TEST(HttpModule, RetriesByTheCallsClock) {
    WideProbe probe("return http.get('https://api.example/').status");
    probe.web.answer(503, "");
    probe.web.answer(200, "");
    EXPECT_EQ(probe.run().text, "200");
    EXPECT_EQ(probe.web.seen.size(), 2u);
}

TEST(HttpModule, SaysWhatIsWrongWithItsArguments) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"http.get()", "http.get: the URL: expected text, found nothing"},
        {"http.get('api.example')", "http.get: the URL has no scheme; begin it with https://"},
        {"http.get('ws://api.example')", "http.get: the URL must begin with https:// or http://"},
        {"http.get('https://u:p@api.example')", "http.get: the URL holds a user or password"},
        {"http.get('https://api.example', { quary = {} })",
         "http.get: unknown option `quary`; did you mean `query`?"},
        {"http.get('https://api.example', 'x')",
         "http.get: expected options such as { query = ... }, found"},
        {"http.get('https://api.example', { json = {} })",
         "http.get: a GET request has no body; use query"},
        {"http.post('https://api.example', { json = {}, form = {} })",
         "http.post: give one of json, form and body"},
        {"http.post('https://api.example', { method = 'GET' })",
         "http.post: the method is post already; use http.request for another"},
        {"http.request('https://api.example', { method = 'BREW' })",
         "http.request: there is no method"},
        {"http.get('https://api.example', { timeout = 0 })",
         "http.get: timeout: expected seconds up to 60, found 0"},
        {"http.get('https://api.example', { timeout = 61 })",
         "http.get: timeout: expected seconds up to 60, found 61"},
        {"http.get('https://api.example', { retries = 6 })",
         "http.get: retries: expected a whole number up to 5, found 6"},
        {"http.get('https://api.example', { query = { a = {{}} } })",
         "http.get: query: `a`: expected names with text"},
        {"http.get('https://api.example', { headers = { a = 'x\\r\\nb: c' } })",
         "http.get: headers: `a`: expected text on one line"},
        {"http.get('https://api.example', { headers = { Host = 'x' } })",
         "http.get: headers: Host is set by the runtime"},
        {"http.post('https://api.example', { json = { f = print } })",
         "http.post: options: field `json.f` is a function"},
    };
    for (const auto& [call, message] : mistakes) {
        WideProbe probe(fmt::format("local out = {} return out", call));
        EXPECT_THAT(log_of_run(probe), HasSubstr(fmt::format("tools/probe.lua:2: {}", message)))
            << call;
    }
}

TEST(HttpModule, LimitsRequestsOfARunAndOfACall) {
    WideProbe many("for i = 1, 21 do http.get('https://api.example/') end");
    for (int i = 0; i < 21; ++i) many.web.answer(200, "");
    EXPECT_THAT(log_of_run(many), HasSubstr("http.get: more than 20 web requests in one run"));
    EXPECT_EQ(many.web.seen.size(), 20u);

    WideProbe open(
        "local branches = {} for i = 1, 3 do branches[i] = function() return http.get('https://api.example/') end end return parallel(branches)");
    open.parts.limits.open_requests_max = 2;
    open.parts.limits.tool_timeout = std::chrono::milliseconds(200);
    testing::internal::CaptureStderr();
    EXPECT_EQ(open.run().text, failed_text);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(open.web.seen.size(), 2u);
    EXPECT_THAT(log, HasSubstr("gave no result within 200 ms"));
}

TEST(HttpModule, IsGivenUpWithItsTool) {
    WideProbe probe("http.get('https://api.example/')", "timeout = 0.05,");
    EXPECT_THAT(log_of_run(probe), HasSubstr("tools/probe.lua:2: gave no result within 50 ms"));
    EXPECT_EQ(probe.web.dropped, 1);
    probe.web.waiting.at(0)(net::Response{});  // too late: nobody is disturbed
    probe.settle();
}

}  // namespace
}  // namespace parley::script
