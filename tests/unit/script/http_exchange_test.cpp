#include "../../../runtime/script/src/http_exchange.hpp"

#include "support.hpp"

namespace parley::script {
namespace {

using namespace std::chrono_literals;
using Send = HttpExchange::Send;
using Wait = HttpExchange::Wait;
using Finish = HttpExchange::Finish;
using Kind = net::FetchFailure::Kind;

class Exchange : public testing::Test {
 protected:
    void begin(std::string method = "GET", std::optional<int> retries = {},
               std::string url = "https://api.example/a/b?c=1") {
        settings_.allow = {"api.example", "other.example", "plain.example"};
        HttpWish wish;
        wish.url = net::Url::parse(url).value();
        wish.request.method = std::move(method);
        wish.request.body = "x=1";
        wish.request.headers.set("Authorization", "Bearer t");
        wish.request.headers.set("Content-Type", "text/plain");
        wish.budget = 2s;
        wish.retries = retries;
        exchange_.emplace(std::move(wish), rules_);
        step_ = exchange_->start(now_);
    }
    void respond(int status, std::vector<std::pair<std::string, std::string>> headers = {}) {
        net::Response response{status, "text/plain", "", {}};
        for (auto& [name, value] : headers) response.headers.set(name, value);
        step_ = exchange_->on_response(std::move(response), now_, utc(2026, 11, 20, 15, 0));
    }
    void fail(Kind kind) { step_ = exchange_->on_failure({kind, "it broke", {}}, now_); }
    void wait() {
        now_ += std::get<Wait>(step_).span;
        step_ = exchange_->on_waited(now_);
    }
    const Send& sent() {
        EXPECT_TRUE(std::holds_alternative<Send>(step_));
        return std::get<Send>(step_);
    }
    std::string url() {
        return sent().url.scheme + "://" + sent().url.authority() + sent().url.target;
    }
    milliseconds pause() {
        EXPECT_TRUE(std::holds_alternative<Wait>(step_));
        return std::get<Wait>(step_).span;
    }
    // "200", or the kind of the problem.
    std::string end() {
        if (!std::holds_alternative<Finish>(step_)) return "not the end";
        const auto& finish = std::get<Finish>(step_);
        return finish ? std::to_string(finish->status) : finish.error().kind;
    }

    config::ScriptHttpSettings settings_;
    HttpRules rules_{settings_};
    std::optional<HttpExchange> exchange_;
    HttpExchange::Step step_ = Wait{};
    TimePoint now_ = TimePoint(1h);
};

TEST_F(Exchange, EndsBeforeItBeginsWhereTheHostIsNotAllowed) {
    begin("GET", {}, "https://evil.example/");
    EXPECT_EQ(end(), "not_allowed");
    EXPECT_EQ(
        std::get<Finish>(step_).error().message,
        "requests to evil.example are not allowed; add the host to scripts.http.allow in the YAML settings");
}

TEST_F(Exchange, GivesTheResponse) {
    begin();
    EXPECT_EQ(sent().timeout, 2s);
    respond(404);
    EXPECT_EQ(end(), "404");
}

TEST_F(Exchange, NamesEachFailure) {
    const std::vector<std::pair<Kind, std::string>> kinds{
        {Kind::invalid, "mistake"},     {Kind::dns, "dns"},      {Kind::not_allowed, "not_allowed"},
        {Kind::refused, "refused"},     {Kind::tls, "tls"},      {Kind::timeout, "timeout"},
        {Kind::too_large, "too_large"}, {Kind::broken, "broken"}};
    for (const auto& [kind, name] : kinds) {
        begin("POST");
        fail(kind);
        EXPECT_EQ(end(), name);
    }
}

TEST_F(Exchange, RepeatsWhatDoesNoHarm) {
    begin("GET");
    fail(Kind::refused);
    EXPECT_EQ(pause(), 200ms);
    wait();
    EXPECT_EQ(sent().timeout, 1'800ms);
    respond(503);
    EXPECT_EQ(pause(), 400ms);
    wait();
    respond(503);
    EXPECT_EQ(end(), "503") << "two retries, then the answer as it is";
    for (const int status : {400, 404, 500, 501}) {
        begin("GET");
        respond(status);
        EXPECT_EQ(end(), std::to_string(status));
    }
    begin("GET");
    fail(Kind::tls);
    EXPECT_EQ(end(), "tls") << "a bad certificate stays bad";
}

TEST_F(Exchange, RepeatsAPostOnlyWhenAsked) {
    begin("POST");
    respond(503);
    EXPECT_EQ(end(), "503");
    begin("POST", 1);
    respond(503);
    EXPECT_EQ(pause(), 200ms);
    wait();
    EXPECT_EQ(sent().request.body, "x=1");
    fail(Kind::refused);
    EXPECT_EQ(end(), "refused");
    begin("GET", 0);
    respond(503);
    EXPECT_EQ(end(), "503");
}

TEST_F(Exchange, WaitsAsLongAsTheServerSays) {
    begin();
    respond(429, {{"Retry-After", "1"}});
    EXPECT_EQ(pause(), 1s);
    wait();
    respond(429, {{"Retry-After", "Fri, 20 Nov 2026 15:00:00 GMT"}});
    EXPECT_EQ(pause(), 0ms);
    begin();
    respond(503, {{"Retry-After", "120"}});
    EXPECT_EQ(end(), "503") << "beyond the budget";
}

TEST_F(Exchange, KeepsWithinItsBudget) {
    begin();
    now_ += 1'900ms;
    fail(Kind::broken);
    EXPECT_EQ(end(), "broken") << "no time for another try";
    begin();
    now_ += 2s;
    respond(302, {{"Location", "/x"}});
    EXPECT_EQ(end(), "timeout");
}

TEST_F(Exchange, FollowsRedirectsWithinTheRules) {
    begin();
    respond(302, {{"Location", "../x"}});
    EXPECT_EQ(url(), "https://api.example/x");
    respond(307, {{"Location", "/y?z=1#part"}});
    EXPECT_EQ(url(), "https://api.example/y?z=1");
    EXPECT_EQ(sent().request.headers.get("Authorization"), "Bearer t");
    respond(302, {{"Location", "//other.example/q"}});
    EXPECT_EQ(url(), "https://other.example/q");
    EXPECT_EQ(sent().request.headers.get("Authorization"), std::nullopt)
        << "credentials stay with their host";
    respond(302, {{"Location", "https://evil.example/"}});
    EXPECT_EQ(end(), "not_allowed");
    begin();
    respond(302, {{"Location", "http://plain.example/"}});
    EXPECT_EQ(end(), "not_allowed") << "from https to http";
    begin();
    respond(302, {{"Location", "ftp://api.example/"}});
    EXPECT_NE(end(), "not the end");
    begin();
    respond(302);
    EXPECT_EQ(end(), "302") << "no Location";
}

TEST_F(Exchange, GivesUpInARingOfRedirects) {
    begin();
    for (int i = 0; i < 5; ++i) {
        respond(302, {{"Location", "/again"}});
        EXPECT_EQ(url(), "https://api.example/again");
    }
    respond(302, {{"Location", "/again"}});
    EXPECT_EQ(end(), "redirects");
}

TEST_F(Exchange, TurnsAPostIntoAGetWhereHttpSaysSo) {
    for (const int status : {301, 302, 303}) {
        begin("POST");
        respond(status, {{"Location", "/done"}});
        EXPECT_EQ(sent().request.method, "GET");
        EXPECT_EQ(sent().request.body, "");
        EXPECT_EQ(sent().request.headers.get("Content-Type"), std::nullopt);
    }
    for (const int status : {307, 308}) {
        begin("POST");
        respond(status, {{"Location", "/again"}});
        EXPECT_EQ(sent().request.method, "POST");
        EXPECT_EQ(sent().request.body, "x=1");
    }
}

TEST(RetryAfter, IsSecondsOrADate) {
    const WallTime now = utc(2026, 11, 20, 15, 0);
    EXPECT_EQ(retry_after("120", now), 120s);
    EXPECT_EQ(retry_after("Fri, 20 Nov 2026 15:00:30 GMT", now), 30s);
    EXPECT_EQ(retry_after("Fri, 20 Nov 2020 15:00:30 GMT", now), 0s);
    for (const char* bad : {"", "-1", "soon", "12x", "99999999999999999999"})
        EXPECT_EQ(retry_after(bad, now), std::nullopt) << bad;
}

}  // namespace
}  // namespace parley::script
