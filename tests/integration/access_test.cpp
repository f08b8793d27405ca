// Who may use which path of a running service, by the service's own table of paths.
#include "stage.hpp"

#include <map>
#include <set>

namespace parley::integration {
namespace {

using testing::HasSubstr;
using testing::Not;

class Doors : public testing::Test {
 protected:
    Doors() : stage_(fast) {}
    net::Response ask(const std::string& method, const std::string& path,
                      const std::string& token = "", const json::value& body = nullptr) {
        net::Request request;
        request.method = method;
        request.target = path;
        if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
        if (!body.is_null()) {
            request.headers.set("Content-Type", "application/json");
            request.body = json::serialize(body);
        }
        return stage_.service().ask(std::move(request));
    }
    std::string token_of(const std::string& name, const std::string& role) {
        const auto made =
            stage_.service().command({"token", "new", name, "--role", role, "--json"});
        EXPECT_EQ(made.status, 0) << made.output;
        const auto body = json_read::parse(made.output);
        return body && body->is_object() ? text(body->get_object(), "token") : "";
    }
    json::array routes() {
        const auto answer = ask("GET", "/api/routes", stage_.admin_token());
        EXPECT_EQ(answer.status, 200);
        return json::parse(answer.body).as_object().at("routes").as_array();
    }
    static std::string filled(std::string path) {
        while (path.find(':') != std::string::npos) {
            const auto at = path.find(':');
            path.replace(at,
                         path.find('/', at) == std::string::npos ? std::string::npos
                                                                 : path.find('/', at) - at,
                         "nothing");
        }
        return path.ends_with('*') ? path.substr(0, path.size() - 1) + "nothing" : path;
    }

    Stage stage_;
};

TEST_F(Doors, AreClosedToThoseWithoutTheRole) {
    const std::map<std::string, std::string> tokens{{"viewer", token_of("v", "viewer")},
                                                    {"operator", token_of("o", "operator")}};
    // before the wrong ones below: who was here may go on
    for (const auto& [role, token] : tokens)
        EXPECT_EQ(ask("GET", "/api/status", token).status, 200) << role;
    const std::vector<std::string> roles{"viewer", "operator", "admin"};
    const auto rank = [&](const std::string& role) {
        return std::find(roles.begin(), roles.end(), role) - roles.begin();
    };
    std::size_t checked = 0;
    std::set<std::string> open;
    for (const auto& each : routes()) {
        const auto& route = each.as_object();
        const auto access = text(route, "access");
        const auto path = filled(text(route, "path"));
        EXPECT_NE(text(route, "about"), "") << path;
        for (const auto& each_method : route.at("methods").as_array()) {
            const std::string method(each_method.as_string());
            if (access == "open") {
                open.insert(method + " " + text(route, "path"));
                continue;
            }
            if (access == "carrier") {
                const auto answer = ask(method, path);
                EXPECT_THAT(answer.status, testing::AnyOf(403, 404, 426)) << method << " " << path;
                continue;
            }
            ++checked;
            EXPECT_EQ(ask(method, path).status, 401) << method << " " << path;
            EXPECT_THAT(ask(method, path, "parley_0000").status, testing::AnyOf(401, 429))
                << method << " " << path;
            for (const auto& [role, token] : tokens) {
                if (rank(role) >= rank(access)) continue;
                EXPECT_EQ(ask(method, path, token).status, 403)
                    << method << " " << path << " as " << role;
            }
        }
    }
    EXPECT_GE(checked, 10U);
    std::erase_if(open, [](const auto& each) { return each.starts_with("GET /dashboard/"); });
    EXPECT_THAT(open,
                testing::IsSubsetOf({"GET /health", "GET /ready", "GET /login", "POST /login"}))
        << "nothing else is for everyone; files under /dashboard/ that the login page needs are";
}

TEST_F(Doors, OpenWithATokenThatIsShownOnceAndKeptAsADigest) {
    const auto token = token_of("maria", "operator");
    ASSERT_THAT(token, testing::MatchesRegex("parley_[0-9a-f]{64}"));
    EXPECT_EQ(ask("GET", "/api/status", token).status, 200);
    EXPECT_EQ(ask("POST", "/api/reload", token).status, 200);
    EXPECT_EQ(ask("GET", "/api/tokens", token).status, 403);
    const auto list = stage_.service().command({"token", "list"});
    EXPECT_THAT(list.output, HasSubstr("maria"));
    EXPECT_THAT(list.output, HasSubstr("operator"));
    EXPECT_THAT(list.output, Not(HasSubstr(token)));
    EXPECT_EQ(stage_.service().command({"token", "new", "maria"}).status, 1) << "the name is taken";
    EXPECT_EQ(stage_.service().command({"token", "new", "eve", "--role", "god"}).status, 1);
    EXPECT_EQ(stage_.value("SELECT count(*) FROM access_tokens WHERE digest LIKE '%" +
                           token.substr(7) + "%'"),
              "0");

    stage_.restart();
    EXPECT_EQ(ask("GET", "/api/status", token).status, 200) << "it outlives the process";
    EXPECT_EQ(stage_.service().command({"token", "revoke", "maria"}).status, 0);
    EXPECT_EQ(ask("GET", "/api/status", token).status, 401);
    EXPECT_EQ(stage_.service().command({"token", "revoke", "maria"}).status, 1);
    EXPECT_FALSE(stage_.service().has_logged(token));
}

TEST_F(Doors, RememberWhoChangedWhat) {
    const auto token = token_of("maria", "operator");
    ask("POST", "/api/reload", token);
    ask("GET", "/api/status", token);
    const auto audit = ask("GET", "/dashboard/api/audit?limit=2", stage_.admin_token());
    ASSERT_EQ(audit.status, 200);
    const auto rows = json::parse(audit.body).as_array();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(text(rows[0].as_object(), "who"), "maria");
    EXPECT_EQ(text(rows[0].as_object(), "role"), "operator");
    EXPECT_EQ(text(rows[0].as_object(), "action"), "POST /api/reload");
    EXPECT_EQ(number(rows[0].as_object(), "status"), 200);
    EXPECT_EQ(text(rows[1].as_object(), "who"), "admin");
    EXPECT_EQ(text(rows[1].as_object(), "action"), "POST /api/tokens");
    EXPECT_TRUE(eventually([&] { return stage_.service().has_logged("audit who=maria"); }));
    EXPECT_EQ(ask("GET", "/dashboard/api/audit", token).status, 403);
}

TEST_F(Doors, AreFoundByThoseWhoStartTheService) {
    EXPECT_TRUE(eventually([&] { return stage_.service().has_logged("dashboard.ready"); }));
    EXPECT_TRUE(stage_.service().has_logged("admin.token"));
    EXPECT_FALSE(stage_.service().has_logged(stage_.admin_token()));
    const auto table = stage_.service().command({"routes"});
    EXPECT_EQ(table.status, 0);
    EXPECT_THAT(table.output, HasSubstr("/api/reload"));
}

}  // namespace
}  // namespace parley::integration
