#include "../../../runtime/script/src/http_rules.hpp"

#include "support.hpp"

namespace parley::script {
namespace {

bool allows(std::vector<std::string> allow, const char* url) {
    config::ScriptHttpSettings settings;
    settings.allow = std::move(allow);
    return HttpRules(settings).allows(net::Url::parse(url).value());
}

bool connects(std::vector<std::string> allow, std::vector<std::string> allow_private,
              const char* url, const char* address) {
    config::ScriptHttpSettings settings;
    settings.allow = std::move(allow);
    settings.allow_private = std::move(allow_private);
    return HttpRules(settings).allows_address(net::Url::parse(url).value(),
                                              boost::asio::ip::make_address(address));
}

TEST(HttpRules, AllowNothingByThemselves) { EXPECT_FALSE(allows({}, "https://api.example/")); }

TEST(HttpRules, AllowAHostAtItsOwnPortOnly) {
    EXPECT_TRUE(allows({"api.example"}, "https://api.example/x"));
    EXPECT_TRUE(allows({"API.Example"}, "http://api.example/x"));
    EXPECT_FALSE(allows({"api.example"}, "https://api.example:8443/"));
    EXPECT_FALSE(allows({"api.example"}, "https://evil-api.example/"));
    EXPECT_FALSE(allows({"api.example"}, "https://x.api.example/"));
    EXPECT_TRUE(allows({"api.example:8443"}, "https://api.example:8443/"));
    EXPECT_FALSE(allows({"api.example:8443"}, "https://api.example/"));
    EXPECT_TRUE(allows({"127.0.0.1:8080"}, "http://127.0.0.1:8080/"));
    EXPECT_TRUE(allows({"[::1]:8080"}, "http://[::1]:8080/"));
}

TEST(HttpRules, AllowEverythingBelowAStar) {
    EXPECT_TRUE(allows({"*.crm.example"}, "https://a.crm.example/"));
    EXPECT_TRUE(allows({"*.crm.example"}, "https://a.b.crm.example/"));
    EXPECT_FALSE(allows({"*.crm.example"}, "https://crm.example/"));
    EXPECT_FALSE(allows({"*.crm.example"}, "https://evilcrm.example/"));
    EXPECT_FALSE(allows({"*.crm.example"}, "https://a.crm.example.evil.example/"));
}

TEST(HttpRules, RefuseOurOwnNetworkUnlessToldOtherwise) {
    EXPECT_TRUE(connects({"api.example"}, {}, "https://api.example/", "93.184.216.34"));
    for (const char* address :
         {"127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1",
          "0.0.0.0", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
          "2002:7f00:1::1", "224.0.0.1"}) {
        EXPECT_FALSE(connects({"api.example"}, {}, "https://api.example/", address)) << address;
    }
    EXPECT_TRUE(connects({"127.0.0.1:8080"}, {}, "http://127.0.0.1:8080/", "127.0.0.1"))
        << "the address itself is listed";
    EXPECT_FALSE(connects({"api.example"}, {}, "http://127.0.0.1:8080/", "127.0.0.1"));
    EXPECT_TRUE(connects({"crm.internal"}, {"crm.internal"}, "http://crm.internal/", "10.1.2.3"));
    EXPECT_TRUE(connects({"crm.internal"}, {"10.1.0.0/16"}, "http://crm.internal/", "10.1.2.3"));
    EXPECT_FALSE(connects({"crm.internal"}, {"10.1.0.0/16"}, "http://crm.internal/", "10.2.2.3"));
    EXPECT_TRUE(connects({"crm.internal"}, {"10.1.2.3"}, "http://crm.internal/", "10.1.2.3"));
    EXPECT_TRUE(connects({"crm.internal"}, {"fd00::/8"}, "http://crm.internal/", "fd12::1"));
    EXPECT_FALSE(
        connects({"crm.internal"}, {"other.internal"}, "http://crm.internal/", "10.1.2.3"));
}

}  // namespace
}  // namespace parley::script
