#include "../../eventually.hpp"

#include <parley/core/crypto.hpp>
#include <parley/net/server.hpp>
#include <parley/webhook/sender.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include <stdlib.h>

namespace parley::webhook {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace journal = call::journal;

// Whoever is told of calls.
class Ear {
 public:
    explicit Ear(std::uint16_t port = 0) : threads_(1) {
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request request) -> Task<net::Response> {
            net::Response response;
            response.status = status;
            const std::lock_guard lock(mutex_);
            requests_.push_back(std::move(request));
            co_return response;
        };
        handlers.on_upgrade = [](net::Request) -> Task<net::UpgradeAnswer> {
            co_return net::UpgradeAnswer{net::Response{.status = 404}};
        };
        server_ =
            net::Server::listen(threads_, {.host = "127.0.0.1", .port = port}, std::move(handlers))
                .value();
        threads_.start();
    }
    std::uint16_t port() const { return server_->port(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/hooks?x=1"; }
    std::vector<net::Request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    std::atomic<int> status = 200;

 private:
    mutable std::mutex mutex_;
    std::vector<net::Request> requests_;
    net::IoThreads threads_;
    std::unique_ptr<net::Server> server_;
};

class SenderTest : public testing::Test {
 protected:
    SenderTest() {
        std::string name =
            (std::filesystem::temp_directory_path() / "parley-webhook-XXXXXX").string();
        folder = mkdtemp(name.data());
        open();
    }
    ~SenderTest() override {
        sender.reset();
        store.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    void open() {
        store::Options options;
        options.path = folder + "/parley.db";
        options.webhooks = {"crm"};
        store = store::Store::open(std::move(options)).value();
    }
    void start(const std::string& url, Patience patience = {.first_delay = 0s}) {
        auto started = Sender::start({.receivers = {{"crm", {url, Secret("s3cret"), patience}}},
                                      .look_every = 5ms,
                                      .timeout = 30s},
                                     *store);
        ASSERT_TRUE(started) << started.error().text();
        sender = std::move(*started);
    }
    void call(const std::string& sid) {
        const auto now = std::chrono::system_clock::now();
        store->on_entry({sid, now - 60s, journal::CallStarted{"+1", "+2", "sarah", "twilio"}});
        store->on_entry({sid, now - 1s, journal::Note{"wants a callback", {{"by", "Jo"}}}});
        store->on_entry(
            {sid, now, journal::CallEnded{"appointment_booked", "agent_hung_up", 60'000}});
        store->on_entry({sid, now, journal::Summary{{{"mood", "good"}}}});
    }

    std::string folder;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<Sender> sender;
};

TEST_F(SenderTest, TellsOfACallSignedAndOnce) {
    Ear ear;
    start(ear.url());
    call("CA1");
    ASSERT_TRUE(eventually([&] { return sender->health().delivered == 1; }));
    const auto requests = ear.requests();
    ASSERT_EQ(requests.size(), 1u);
    const auto& request = requests[0];
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/hooks?x=1");
    const auto body = json_read::parse(request.body)->as_object();
    EXPECT_EQ(json_read::text(body, "id"), request.headers.get("Parley-Delivery"));
    EXPECT_EQ(json_read::text(body, "type"), "call.ended");
    const auto& told = *json_read::object(body, "call");
    EXPECT_EQ(json_read::text(told, "call_sid"), "CA1");
    EXPECT_EQ(json_read::text(told, "outcome"), "appointment_booked");
    EXPECT_EQ(json_read::integer(told, "duration_ms"), 60'000);
    EXPECT_EQ(*json_read::object(body, "summary"), (json::object{{"mood", "good"}}));
    EXPECT_EQ(json_read::array(body, "notes")->size(), 1u);
    const std::string header(request.headers.get("Parley-Signature").value_or(""));
    const auto comma = header.find(",v1=");
    ASSERT_NE(comma, std::string::npos);
    EXPECT_EQ(header.substr(comma + 4),
              crypto::hex(
                  crypto::hmac_sha256("s3cret", header.substr(2, comma - 2) + "." + request.body)));
    EXPECT_TRUE(eventually([&] { return sender->health().waiting == 0; }));
}

TEST_F(SenderTest, TriesAgainWithTheVeryWordsUntilItIsTaken) {
    Ear ear;
    ear.status = 500;
    start(ear.url());
    call("CA1");
    ASSERT_TRUE(eventually([&] { return ear.requests().size() >= 3; }));
    EXPECT_EQ(sender->health().problem, "crm: the receiver answered 500");
    ear.status = 204;
    ASSERT_TRUE(eventually([&] { return sender->health().delivered == 1; }));
    const auto requests = ear.requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(requests[i].body, requests[0].body);
        EXPECT_EQ(requests[i].headers.get("Parley-Attempt"), std::to_string(i + 1));
    }
}

TEST_F(SenderTest, NothingIsLostWhenTheProcessEndsBeforeItWasTaken) {
    {
        Ear deaf;
        deaf.status = 503;
        start(deaf.url());
        call("CA1");
        call("CA2");
        ASSERT_TRUE(eventually([&] { return deaf.requests().size() >= 2; }));
    }
    sender.reset();
    store.reset();
    open();
    Ear ear;
    start(ear.url());
    ASSERT_TRUE(eventually([&] { return sender->health().delivered == 2; }));
    EXPECT_EQ(ear.requests().size(), 2u);
}

TEST_F(SenderTest, OfAWebhookThatIsNotSetAnyMoreAreKeptUntilTheyDie) {
    call("CA1");
    auto started = Sender::start({.receivers = {}, .look_every = 5ms}, *store);
    ASSERT_TRUE(started);
    sender = std::move(*started);
    ASSERT_TRUE(eventually([&] { return sender->health().failed >= 1; }));
    EXPECT_THAT(sender->health().problem, HasSubstr("know no webhook of this name"));
}

TEST_F(SenderTest, AreShownAndTriedAgainByHand) {
    Ear ear;
    ear.status = 410;
    start(ear.url());
    call("CA1");
    ASSERT_TRUE(eventually([&] { return sender->health().dead == 1; }));
    const auto reader = store::Reader::open(folder + "/parley.db").value();
    const auto dead = reader->deliveries(10, false);
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(dead[0].problem, "the receiver answered 410");
    ear.status = 200;
    EXPECT_FALSE(store::retry_delivery(folder + "/parley.db", "no-such"));
    const auto again = store::retry_delivery(folder + "/parley.db", dead[0].id.substr(0, 8));
    ASSERT_TRUE(again) << again.error().text();
    // Counted first, written by the store's thread a moment later.
    ASSERT_TRUE(eventually([&] { return reader->deliveries(10, false).empty(); }));
    EXPECT_EQ(sender->health().delivered, 1u);
    EXPECT_EQ(reader->deliveries(10, true).size(), 1u);
}

TEST_F(SenderTest, AnAddressThatIsNoneIsAFault) {
    const auto started = Sender::start({.receivers = {{"crm", {"nonsense", Secret()}}}}, *store);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().text(), HasSubstr("webhooks.crm.url"));
}

}  // namespace
}  // namespace parley::webhook
