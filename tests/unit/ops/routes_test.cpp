#include "support.hpp"

#include <parley/ops/answers.hpp>

namespace parley::ops::test {
namespace {

// The token is the role.
class RoleGuard final : public Guard {
 public:
    std::variant<Who, net::Response> admit(const net::Request& asked, Access needed) override {
        const auto header = asked.headers.get("Authorization").value_or("Bearer ");
        const auto role = access_named(header.substr(7));
        net::Response refused;
        refused.status = !role ? 401 : 403;
        if (!role || *role < needed) return refused;
        return Who{"someone", *role, {}};
    }
};

class TheTableOfRoutes : public testing::Test {
 protected:
    void add(std::vector<std::string> methods, const std::string& path,
             Access access = Access::open) {
        routes.add({std::move(methods), path, access, "about " + path,
                    [path](Asked asked) -> Task<net::Response> {
                        net::Response response;
                        response.body = path + "|" + asked.request.method + "|" + asked.who.name;
                        for (const auto& [name, value] : asked.params)
                            response.body += "|" + name + "=" + value;
                        co_return response;
                    }});
    }
    net::Response ask(const std::string& method, const std::string& target,
                      const std::string& role = "") {
        return run(routes.answer(request(method, target, role)));
    }

    RoleGuard guard;
    Routes routes{guard};
};

TEST_F(TheTableOfRoutes, FindsAPathWhateverItsQueryAndOneSlashAtItsEnd) {
    add({"GET"}, "/health");
    EXPECT_EQ(ask("GET", "/health").body, "/health|GET|");
    EXPECT_EQ(ask("GET", "/health/?x=1").body, "/health|GET|");
    EXPECT_EQ(ask("GET", "/health//").status, 404);
    EXPECT_EQ(ask("GET", "/healthy").status, 404);
    EXPECT_EQ(ask("GET", "/Health").status, 404);
    EXPECT_EQ(error_of(ask("GET", "/")).substr(0, 7), "there i");
}

TEST_F(TheTableOfRoutes, DecodesNamesInThePath) {
    add({"GET"}, "/calls/:sid/turns/:turn");
    EXPECT_EQ(ask("GET", "/calls/CA%2F1+/turns/7").body,
              "/calls/:sid/turns/:turn|GET||sid=CA/1+|turn=7");
    EXPECT_EQ(ask("GET", "/calls//turns/7").status, 404);
    EXPECT_EQ(ask("GET", "/calls/CA1/turns").status, 404);
}

TEST_F(TheTableOfRoutes, PrefersWordsToNamesAndNamesToTheRest) {
    add({"GET"}, "/pages/*");
    add({"GET"}, "/pages/:page");
    add({"GET"}, "/pages/first");
    EXPECT_EQ(ask("GET", "/pages/first").body, "/pages/first|GET|");
    EXPECT_EQ(ask("GET", "/pages/second").body, "/pages/:page|GET||page=second");
    EXPECT_EQ(ask("GET", "/pages/a/b%20c").body, "/pages/*|GET||*=a/b c");
    EXPECT_EQ(ask("GET", "/pages").status, 404);
}

TEST_F(TheTableOfRoutes, SaysWhichMethodsThereAre) {
    add({"GET"}, "/call");
    add({"POST", "PUT"}, "/call");
    const auto refused = ask("DELETE", "/call");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(header_of(refused, "Allow"), "GET, HEAD, POST, PUT");
    EXPECT_THAT(error_of(refused), HasSubstr("GET, HEAD, POST, PUT"));
    EXPECT_EQ(ask("PUT", "/call").body, "/call|PUT|");
}

TEST_F(TheTableOfRoutes, AnswersHeadAsGetButNeverForTheCarrier) {
    add({"GET"}, "/health");
    add({"GET", "POST"}, "/voice", Access::carrier);
    add({"POST"}, "/reload");
    EXPECT_EQ(ask("HEAD", "/health").body, "/health|GET|");
    EXPECT_EQ(ask("HEAD", "/voice").status, 405) << "asking would start a call";
    EXPECT_EQ(header_of(ask("HEAD", "/voice"), "Allow"), "GET, POST");
    EXPECT_EQ(ask("HEAD", "/reload").status, 405);
}

TEST_F(TheTableOfRoutes, LetsInWhoeverHasTheRoleOrMore) {
    add({"GET"}, "/open");
    add({"GET"}, "/carrier", Access::carrier);
    add({"GET"}, "/look", Access::viewer);
    add({"POST"}, "/act", Access::operating);
    add({"POST"}, "/rule", Access::admin);
    EXPECT_EQ(ask("GET", "/open").status, 200);
    EXPECT_EQ(ask("GET", "/carrier").status, 200);
    const std::vector<std::string> roles{"", "viewer", "operator", "admin"};
    const std::map<std::pair<std::string, std::string>, std::vector<int>> expected{
        {{"GET", "/look"}, {401, 200, 200, 200}},
        {{"POST", "/act"}, {401, 403, 200, 200}},
        {{"POST", "/rule"}, {401, 403, 403, 200}},
        {{"GET", "/act"}, {401, 403, 405, 405}}};
    for (const auto& [asked, statuses] : expected) {
        for (std::size_t i = 0; i < roles.size(); ++i)
            EXPECT_EQ(ask(asked.first, asked.second, roles[i]).status, statuses[i])
                << asked.first << " " << asked.second << " as " << roles[i];
    }
    EXPECT_EQ(ask("GET", "/look", "viewer").body, "/look|GET|someone");
}

TEST_F(TheTableOfRoutes, TellsOnlyThoseWithARoleWhatIsNotThere) {
    add({"GET"}, "/api/status", Access::viewer);
    EXPECT_EQ(ask("GET", "/api/nothing").status, 401);
    EXPECT_EQ(ask("GET", "/api/nothing", "viewer").status, 404);
    EXPECT_EQ(ask("GET", "/elsewhere").status, 404);
}

TEST_F(TheTableOfRoutes, SetsHeadersAgainstMisuseInBrowsersOnEveryAnswer) {
    add({"GET"}, "/open");
    add({"GET"}, "/look", Access::viewer);
    for (const auto& answer : {ask("GET", "/open"), ask("GET", "/look"), ask("POST", "/open"),
                               ask("GET", "/look", "viewer"), ask("GET", "/nothing")}) {
        EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
        EXPECT_EQ(header_of(answer, "X-Frame-Options"), "DENY");
        EXPECT_THAT(header_of(answer, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
    }
    EXPECT_EQ(header_of(ask("GET", "/look", "viewer"), "Cache-Control"), "no-store");
    EXPECT_EQ(header_of(ask("GET", "/open"), "Cache-Control"), "");
}

TEST_F(TheTableOfRoutes, RefusesTwoAnswersForOneQuestion) {
    add({"GET"}, "/calls/:sid");
    EXPECT_NO_THROW(add({"POST"}, "/calls/:call"));
    EXPECT_THROW(add({"POST", "GET"}, "/calls/:call"), Bug);
    EXPECT_THROW(add({}, "/x"), Bug);
    EXPECT_THROW(add({"GET"}, "x"), Bug);
}

TEST_F(TheTableOfRoutes, PrintsItself) {
    add({"POST"}, "/act", Access::operating);
    add_table(routes);
    const auto answer = ask("GET", "/api/routes", "viewer");
    EXPECT_EQ(json::parse(answer.body), json::parse(R"({"routes":[
            {"methods":["POST"],"path":"/act","access":"operator","about":"about /act"},
            {"methods":["GET"],"path":"/api/routes","access":"viewer",
             "about":"every path of the service, and who may ask for it"}]})"));
}

TEST(ARange, IsCutOutOfWhatThereIs) {
    const std::string body = "0123456789";
    const auto ask = [&](const std::string& range) {
        auto asked = request("GET", "/x");
        if (!range.empty()) asked.headers.set("Range", range);
        return ranged(asked, body, "audio/wav");
    };
    EXPECT_EQ(ask("").status, 200);
    EXPECT_EQ(ask("").body, body);
    EXPECT_EQ(header_of(ask(""), "Accept-Ranges"), "bytes");
    const std::map<std::string, std::pair<std::string, std::string>> parts{
        {"bytes=0-0", {"0", "bytes 0-0/10"}},  {"bytes=3-5", {"345", "bytes 3-5/10"}},
        {"bytes=7-", {"789", "bytes 7-9/10"}}, {"bytes=7-100", {"789", "bytes 7-9/10"}},
        {"bytes=-3", {"789", "bytes 7-9/10"}}, {"bytes=-100", {body, "bytes 0-9/10"}}};
    for (const auto& [range, expected] : parts) {
        EXPECT_EQ(ask(range).status, 206) << range;
        EXPECT_EQ(ask(range).body, expected.first) << range;
        EXPECT_EQ(header_of(ask(range), "Content-Range"), expected.second) << range;
    }
    for (const char* none : {"bytes=10-", "bytes=-0", "bytes=99-100"}) {
        EXPECT_EQ(ask(none).status, 416) << none;
        EXPECT_EQ(header_of(ask(none), "Content-Range"), "bytes */10");
    }
    for (const char* nonsense :
         {"bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4", "lines=0-1"})
        EXPECT_EQ(ask(nonsense).status, 200) << nonsense;
}

TEST(AnAskedQuestion, ReadsItsJsonBody) {
    Asked asked;
    asked.request.body = R"({"number":"+1"})";
    EXPECT_EQ(asked.json_body().error().text(), "Content-Type: must be application/json");
    asked.request.headers.set("Content-Type", "Application/JSON; charset=utf-8");
    EXPECT_EQ(json_read::text(asked.json_body().value(), "number"), "+1");
    asked.request.body = "[1]";
    EXPECT_EQ(asked.json_body().error().text(), "the body: is not a JSON object");
}

}  // namespace
}  // namespace parley::ops::test
