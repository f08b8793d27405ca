#include "support.hpp"

#include <parley/ops/doorkeeper.hpp>

namespace parley::ops::test {
namespace {

using testing::Not;
using testing::StartsWith;

const std::string admin_token = "the-token-of-the-settings";

class ADoorkeeper : public testing::Test {
 protected:
    ADoorkeeper() {
        auto made = make_token("maria", Access::operating, std::chrono::system_clock::now());
        operator_token = made->token;
        keeper.tokens().put(made->row);
        keeper.add_to(routes, "<form>", {{"version", "1"}});
        const auto add = [&](const char* method, const char* path, Access access) {
            routes.add({{method}, path, access, "", [](Asked asked) -> Task<net::Response> {
                            net::Response response;
                            response.body = asked.who.name;
                            co_return response;
                        }});
        };
        add("GET", "/look", Access::viewer);
        add("POST", "/act", Access::operating);
        add("POST", "/rule", Access::admin);
        routes.set_witness([this](const Deed& deed) { deeds.push_back(deed); });
    }
    net::Response ask(net::Request asked) { return run(routes.answer(std::move(asked))); }
    int status(const std::string& method, const std::string& path, const std::string& token) {
        return ask(request(method, path, token)).status;
    }
    net::Request login(const std::string& token, const std::string& next = "") {
        auto asked = request("POST", "/login");
        asked.headers.set("Host", "voice.example.com");
        asked.body = net::encode_form({{"token", token}, {"next", next}});
        return asked;
    }
    // The cookie and the CSRF token of a new session.
    std::pair<std::string, std::string> logged_in() {
        const auto answer = ask(login(operator_token));
        const auto cookie = header_of(answer, "Set-Cookie");
        const auto body = json::parse(answer.body).as_object();
        return {cookie.substr(0, cookie.find(';')), json_read::text(body, "csrf")};
    }
    static net::Request with_cookie(const std::string& method, const std::string& path,
                                    const std::string& cookie) {
        auto asked = request(method, path);
        asked.headers.set("Cookie", "theme=dark; " + cookie);
        asked.headers.set("Host", "voice.example.com");
        return asked;
    }

    std::string operator_token;
    Doorkeeper keeper{
        Secret(admin_token), Doorkeeper::Token::chosen, {.free = 3, .one_more_every = 60s}};
    Routes routes{keeper};
    std::vector<Deed> deeds;
};

TEST_F(ADoorkeeper, LetsInByTokenAndRole) {
    EXPECT_EQ(status("GET", "/look", ""), 401);
    EXPECT_EQ(status("GET", "/look", operator_token), 200);
    EXPECT_EQ(status("POST", "/act", operator_token), 200);
    EXPECT_EQ(status("POST", "/rule", operator_token), 403);
    EXPECT_EQ(status("POST", "/rule", admin_token), 200);
    EXPECT_EQ(ask(request("GET", "/look", operator_token)).body, "maria");
    EXPECT_EQ(header_of(ask(request("GET", "/look")), "WWW-Authenticate"), "Bearer");
}

TEST_F(ADoorkeeper, ForgetsARevokedTokenAndItsSessions) {
    const auto [cookie, csrf] = logged_in();
    EXPECT_EQ(ask(with_cookie("GET", "/look", cookie)).status, 200);
    EXPECT_TRUE(keeper.revoke("maria"));
    EXPECT_FALSE(keeper.revoke("maria"));
    EXPECT_EQ(status("GET", "/look", operator_token), 401);
    EXPECT_EQ(ask(with_cookie("GET", "/look", cookie)).status, 401);
}

TEST_F(ADoorkeeper, BarsWhoeverGuesses) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(status("GET", "/look", "wrong"), 401) << i;
    const auto barred = ask(request("GET", "/look", "wrong"));
    EXPECT_EQ(barred.status, 429);
    EXPECT_THAT(header_of(barred, "Retry-After"), testing::MatchesRegex("[1-9][0-9]*"));
    EXPECT_EQ(status("GET", "/look", admin_token), 429) << "a right guess is no use any more";
    EXPECT_EQ(status("GET", "/look", operator_token), 200) << "nobody guesses 256 bits";
    EXPECT_EQ(ask(login("wrong")).status, 429);
    auto elsewhere = request("GET", "/look", admin_token);
    elsewhere.peer = "192.0.2.2:4000";
    EXPECT_EQ(ask(elsewhere).status, 200);
    for (int i = 0; i < 4; ++i) {
        auto wrong = request("GET", "/look", "wrong");
        wrong.peer = elsewhere.peer;
        ask(wrong);
    }
    EXPECT_EQ(ask(elsewhere).status, 200) << "who was here before may go on";
}

TEST_F(ADoorkeeper, OpensASessionForABrowser) {
    const auto answer = ask(login(operator_token));
    EXPECT_EQ(answer.status, 200);
    const auto cookie = header_of(answer, "Set-Cookie");
    EXPECT_THAT(cookie, StartsWith("parley_session="));
    for (const char* attribute : {"HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age="})
        EXPECT_THAT(cookie, HasSubstr(attribute));
    auto local = login(operator_token);
    local.headers.set("Host", "127.0.0.1:3000");
    EXPECT_THAT(header_of(ask(local), "Set-Cookie"), Not(HasSubstr("Secure")))
        << "no network in between, and not every browser would keep it";

    auto page = login(operator_token, "/dashboard?call=1");
    page.headers.set("Accept", "text/html,*/*");
    const auto led = ask(page);
    EXPECT_EQ(led.status, 303);
    EXPECT_EQ(header_of(led, "Location"), "/dashboard?call=1");
    for (const char* foreign : {"//evil.example", "https://evil.example", "/\\evil.example", ""}) {
        page.body = net::encode_form({{"token", operator_token}, {"next", foreign}});
        EXPECT_EQ(header_of(ask(page), "Location"), "/dashboard") << foreign;
    }
    page.body = net::encode_form({{"token", "wrong"}});
    EXPECT_EQ(header_of(ask(page), "Location"), "/login?error=wrong&next=%2Fdashboard");
}

TEST_F(ADoorkeeper, SendsABrowserThatIsNotKnownToTheLogin) {
    auto page = request("GET", "/look?x=1");
    page.headers.set("Accept", "text/html");
    const auto led = ask(page);
    EXPECT_EQ(led.status, 303);
    EXPECT_EQ(header_of(led, "Location"), "/login?next=%2Flook%3Fx%3D1");
    const auto form = ask(request("GET", "/login"));
    EXPECT_EQ(form.body, "<form>");
    EXPECT_THAT(header_of(form, "Content-Security-Policy"), HasSubstr("script-src 'self';"));
}

TEST_F(ADoorkeeper, TakesChangesFromItsOwnPagesOnly) {
    const auto [cookie, csrf] = logged_in();
    auto act = with_cookie("POST", "/act", cookie);
    EXPECT_EQ(ask(act).status, 403) << "a cookie alone";
    act.headers.set("X-CSRF-Token", "wrong");
    EXPECT_EQ(ask(act).status, 403);
    act.headers.set("X-CSRF-Token", csrf);
    EXPECT_EQ(ask(act).status, 200);
    act.headers.set("Origin", "https://voice.example.com");
    EXPECT_EQ(ask(act).status, 200);
    act.headers.set("Origin", "https://evil.example");
    EXPECT_EQ(ask(act).status, 403);
    act.headers.set("Sec-Fetch-Site", "same-origin");
    EXPECT_EQ(ask(act).status, 200) << "a proxy has changed the host";
    act.headers.set("Sec-Fetch-Site", "cross-site");
    EXPECT_EQ(ask(act).status, 403);

    auto form = with_cookie("POST", "/act", cookie);
    form.body = "csrf=" + csrf;
    EXPECT_EQ(ask(form).status, 200);
    EXPECT_EQ(status("POST", "/act", operator_token), 200) << "a token is no cookie";

    const auto me = json::parse(ask(with_cookie("GET", "/dashboard/api/me", cookie)).body);
    EXPECT_EQ(me, json::value(
                      {{"name", "maria"}, {"role", "operator"}, {"csrf", csrf}, {"version", "1"}}));
}

TEST_F(ADoorkeeper, EndsASessionOnLoggingOut) {
    const auto [cookie, csrf] = logged_in();
    auto out = with_cookie("POST", "/logout", cookie);
    EXPECT_EQ(ask(out).status, 403);
    out.headers.set("X-CSRF-Token", csrf);
    const auto gone = ask(out);
    EXPECT_EQ(gone.status, 200);
    EXPECT_THAT(header_of(gone, "Set-Cookie"), HasSubstr("Max-Age=0"));
    EXPECT_EQ(ask(with_cookie("GET", "/look", cookie)).status, 401);
}

TEST_F(ADoorkeeper, TellsOfEachDeedAndOfNoLook) {
    status("GET", "/look", operator_token);
    status("POST", "/act?secret=1", operator_token);
    ASSERT_EQ(deeds.size(), 1U);
    EXPECT_EQ(deeds[0].who.name, "maria");
    EXPECT_EQ(deeds[0].method, "POST");
    EXPECT_EQ(deeds[0].path, "/act");
    EXPECT_EQ(deeds[0].peer, "192.0.2.1:4000");
    EXPECT_EQ(deeds[0].status, 200);
}

TEST(Attempts, AreFreeAgainWithTime) {
    Attempts attempts({.free = 2, .one_more_every = 10s});
    const TimePoint start{1h};
    EXPECT_FALSE(attempts.failed("a", start));
    EXPECT_FALSE(attempts.is_barred("a", "", start));
    EXPECT_TRUE(attempts.failed("a", start)) << "now it is one too many";
    EXPECT_TRUE(attempts.is_barred("a", "", start));
    EXPECT_EQ(attempts.wait_for("a", start), 10s);
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(attempts.failed("a", start));
    EXPECT_FALSE(attempts.is_barred("a", "", start + 10s)) << "however many came after the limit";
    EXPECT_TRUE(attempts.failed("a", start + 10s));
    EXPECT_FALSE(attempts.is_barred("a", "", start + 30s));
}

TEST(Attempts, RememberNoMorePeersThanTheyMay) {
    Attempts attempts({.free = 2, .one_more_every = 10s, .peers_max = 100});
    for (int i = 0; i < 1'000; ++i) attempts.failed(std::to_string(i), TimePoint(1h));
    EXPECT_LE(attempts.peers(), 100U);
}

TEST(Sessions, EndWithoutUseAndWithAge) {
    Sessions sessions({.idle = 1h, .age = 3h, .count = 2});
    const TimePoint start{1h};
    const auto first = sessions.open("maria", start);
    EXPECT_NE(first.cookie, first.csrf);
    EXPECT_EQ(sessions.find(first.cookie, start + 59min)->token_name, "maria");
    EXPECT_EQ(sessions.find(first.cookie, start + 118min)->csrf, first.csrf);
    EXPECT_TRUE(sessions.find(first.cookie, start + 177min));
    EXPECT_FALSE(sessions.find(first.cookie, start + 180min)) << "too old";
    const auto second = sessions.open("maria", start);
    EXPECT_FALSE(sessions.find(second.cookie, start + 1h)) << "not used";
    EXPECT_FALSE(sessions.find("", start));
}

TEST(Sessions, AreSoManyAtMost) {
    Sessions sessions({.idle = 10h, .age = 30h, .count = 2});
    const TimePoint start{1h};
    const auto first = sessions.open("a", start);
    const auto second = sessions.open("b", start + 1min);
    sessions.find(first.cookie, start + 2min);
    sessions.open("c", start + 3min);
    EXPECT_TRUE(sessions.find(first.cookie, start + 4min));
    EXPECT_FALSE(sessions.find(second.cookie, start + 4min)) << "the one not used for longest";
    sessions.close_all_of("a");
    EXPECT_FALSE(sessions.find(first.cookie, start + 4min));
    EXPECT_EQ(sessions.count(), 1U);
}

TEST(Tokens, AreFoundByTheirDigestOnly) {
    const auto made = make_token("ci@build-1", Access::viewer, WallTime(1s));
    ASSERT_TRUE(made);
    EXPECT_THAT(made->token, testing::MatchesRegex("parley_[0-9a-f]{64}"));
    EXPECT_THAT(made->row.digest, Not(HasSubstr(made->token.substr(7))));
    Tokens tokens;
    tokens.put(made->row);
    EXPECT_EQ(tokens.find(made->token)->name, "ci@build-1");
    EXPECT_FALSE(tokens.find(made->row.digest));
    EXPECT_FALSE(tokens.find(""));
    EXPECT_TRUE(tokens.remove("ci@build-1"));
    EXPECT_FALSE(tokens.find(made->token));
}

TEST(Tokens, HaveNamesThatPeopleCanType) {
    for (const std::string bad : {"", "a b", "ä", "admin", "a/b"})
        EXPECT_FALSE(make_token(bad, Access::viewer, {})) << bad;
    EXPECT_FALSE(make_token(std::string(65, 'a'), Access::viewer, {}));
    EXPECT_FALSE(role_named("carrier"));
    EXPECT_EQ(role_named("operator").value(), Access::operating);
}

}  // namespace
}  // namespace parley::ops::test
