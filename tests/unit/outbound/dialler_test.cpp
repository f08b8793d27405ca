// Calls placed through the fake, over sockets: manners, turns, ends; and what becomes of them when
// the process dies at the worst moments.
#include "../../eventually.hpp"

#include <parley/outbound/dialler.hpp>
#include <parley/outbound/list_keeper.hpp>

#include <parley/net/server.hpp>
#include <parley/sim/twilio_server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>

namespace parley::outbound {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Kind = Dialler::Trouble::Kind;

const std::string sid = "AC00000000000000000000000000000001";
const std::string token = "12345678901234567890123456789012";
const std::string us = "+15550100001";

class Journal final : public call::journal::Subscriber {
 public:
    void on_entry(const call::journal::Entry& entry) override {
        const std::lock_guard lock(mutex_);
        if (const auto* started = std::get_if<call::journal::CallStarted>(&entry.event))
            directions_[entry.call_sid] = started->direction;
        if (const auto* ended = std::get_if<call::journal::CallEnded>(&entry.event))
            ends_[entry.call_sid] = ended->outcome;
    }
    std::string end_of(const std::string& call_sid) {
        const std::lock_guard lock(mutex_);
        const auto found = ends_.find(call_sid);
        return found == ends_.end() ? "" : found->second;
    }
    std::string direction_of(const std::string& call_sid) {
        const std::lock_guard lock(mutex_);
        return directions_[call_sid];
    }

 private:
    std::mutex mutex_;
    std::map<std::string, std::string> directions_;
    std::map<std::string, std::string> ends_;
};

// A dialler with its webhooks at a real address, between a database and the fake.
class Office {
 public:
    Office(sim::TwilioServer& carrier, const std::string& database, Terms terms)
        : carrier_(carrier), terms_(std::move(terms)) {
        store_ = store::Store::open({.path = database}).value();
        keeper_ = std::make_unique<ListKeeper>(*store_);
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request request) { return answer(std::move(request)); };
        server_ = net::Server::listen(threads_, {.host = "127.0.0.1"}, std::move(handlers)).value();
        carrier_.connect_to("http://127.0.0.1:" + std::to_string(server_->port()));
        rest_ =
            telephony::TwilioRest::make(
                {.base_url = carrier_.base_url(), .account_sid = sid, .auth_token = Secret(token)})
                .value();
        Dialler::Parts parts;
        parts.home = threads_.context(0).get_executor();
        parts.rest = rest_;
        parts.store = store_.get();
        parts.journal = {&journal};
        parts.metrics = &registry;
        parts.terms = [this] { return terms_; };
        parts.clock_in = [](const std::string&, WallTime) { return std::optional<int>(12 * 60); };
        parts.public_url = "https://us.example";
        parts.detection = [this](const std::string&) { return detection; };
        parts.basis = [] { return nullptr; };
        parts.machine_answered = [this](const Attempt&, auto then) { then(message); };
        parts.look_again_after = 50ms;
        parts.sweep_every = 1s;
        dialler_ = Dialler::create(std::move(parts));
        threads_.start();  // who was called before a death may have something to tell at once
        on_home([&] { dialler_->start(); });
    }
    // As a kill -9 would: nothing is told to anybody. (The store's own crash tests are elsewhere.)
    ~Office() {
        server_->close();
        on_home([&] { dialler_->stop(); });
        threads_.stop();
    }

    std::future<Dialler::Answer> begin(std::string number, std::string key = {}) {
        Dialler::Wanted wanted{.number = std::move(number), .from = us, .agent = "sarah"};
        wanted.vars = {{"name", "Ann"}};
        wanted.key = std::move(key);
        return asio::co_spawn(threads_.context(0), Dialler::call(dialler_, std::move(wanted)),
                              asio::use_future);
    }
    Dialler::Answer call(std::string number, std::string key = {}) {
        return begin(std::move(number), std::move(key)).get();
    }
    template <class Answer>
    Answer ask(Task<Answer> asking) {
        return asio::co_spawn(threads_.context(0), std::move(asking), asio::use_future).get();
    }
    template <class Look>
    void on_home(Look look) {
        asio::post(threads_.context(0), asio::use_future([&] { look(); })).get();
    }
    // As a session writes its journal.
    void hear_of(const call::journal::Entry& entry) {
        store_->on_entry(entry);
        keeper_->on_entry(entry);
    }
    std::size_t open_count() {
        const auto open = ask(dialler_->ledger().open_attempts());
        return open ? open->size() : 99;
    }
    Ledger& ledger() { return dialler_->ledger(); }
    telephony::TwilioRest::Ask rest() { return rest_; }

    Journal journal;
    metrics::Registry registry;
    std::string message;
    std::string document = "<Response><Pause length='1'/></Response>";  // of answered calls
    telephony::NewCall::Detection detection = telephony::NewCall::Detection::none;
    std::set<std::string> documents;  // calls that asked for theirs; on home

 private:
    Task<net::Response> answer(net::Request request) {
        net::Response response;
        std::map<std::string, std::string> fields;
        for (auto& [name, value] : net::parse_form(request.body)) fields[name] = value;
        for (auto& [name, value] : net::parse_form(request.query())) fields[name] = value;
        if (request.path() == "/twilio/status") {
            dialler_->told({.attempt = fields["attempt"],
                            .call_sid = fields["CallSid"],
                            .status = fields["CallStatus"],
                            .answered_by = fields["AnsweredBy"]});
            response.status = 204;
            co_return response;
        }
        const auto outgoing = dialler_->outgoing(fields["attempt"], fields["CallSid"]);
        response.content_type = "text/xml";
        if (outgoing) documents.insert(fields["CallSid"]);
        response.body = outgoing && outgoing->vars.contains("name")
                            ? document
                            : "<Response><Hangup/></Response>";
        co_return response;
    }

    sim::TwilioServer& carrier_;
    Terms terms_;
    net::IoThreads threads_{1};
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<ListKeeper> keeper_;
    std::unique_ptr<net::Server> server_;
    telephony::TwilioRest::Ask rest_;
    std::shared_ptr<Dialler> dialler_;
};

class DiallerTest : public testing::Test {
 protected:
    DiallerTest() {
        std::string name = (std::filesystem::temp_directory_path() / "parley-dial-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~DiallerTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    void open_carrier(sim::TwilioServer::Options options = {}) {
        options.account_sid = sid;
        options.auth_token = token;
        carrier = sim::TwilioServer::start(std::move(options)).value();
    }
    Office open(Terms terms) { return Office(*carrier, folder + "/parley.db", std::move(terms)); }
    static Terms brisk() {
        Terms terms;
        terms.rules = {.allowed_prefixes = {"+1"}, .per_number_per_day = 3, .per_day = 1'000};
        terms.calls_per_second = 500;
        terms.calls_max = 100;
        return terms;
    }
    bool is_over(const std::string& call_sid) {
        return eventually([&] {
            for (const auto& call : carrier->calls()) {
                if (call.sid == call_sid) return call.is_over();
            }
            return false;
        });
    }

    std::string folder;
    std::unique_ptr<sim::TwilioServer> carrier;
};

TEST_F(DiallerTest, PlacesACallAndFollowsItToItsEnd) {
    open_carrier();
    auto office = open(brisk());
    const auto placed = office.call("+15550101009");
    ASSERT_TRUE(placed) << placed.error().details;
    EXPECT_TRUE(is_over(placed->call_sid));
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    office.on_home([&] { EXPECT_TRUE(office.documents.contains(placed->call_sid)); });
    const auto kept = office.ask(office.ledger().find(placed->attempt));
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ((*kept)->outcome, "completed");
    EXPECT_EQ(office.journal.end_of(placed->call_sid), "") << "its session tells";
}

TEST_F(DiallerTest, CallsThatNobodyAnswersAreInTheJournal) {
    using Answer = sim::Callee::Answer;
    open_carrier({.callees = {{.to = "+15550101001", .answer = Answer::busy, .rings = 1ms},
                              {.to = "+15550101002", .answer = Answer::no_answer, .rings = 1ms},
                              {.to = "+15550101003", .answer = Answer::failed}},
                  .callbacks = sim::TwilioServer::Options::Callbacks::shuffled});
    auto office = open(brisk());
    const std::map<std::string, std::string> expected{
        {"+15550101001", "busy"}, {"+15550101002", "no_answer"}, {"+15550101003", "failed"}};
    for (const auto& [number, outcome] : expected) {
        const auto placed = office.call(number);
        ASSERT_TRUE(placed) << placed.error().details;
        EXPECT_TRUE(eventually([&] { return office.journal.end_of(placed->call_sid) == outcome; }))
            << office.journal.end_of(placed->call_sid);
        EXPECT_EQ(office.journal.direction_of(placed->call_sid), "outbound");
        EXPECT_TRUE(eventually([&] {
            return office.registry.text().find("parley_outbound_attempts_total{outcome=\"" +
                                               outcome + "\"} 1\n") != std::string::npos;
        })) << office.registry.text();
    }
}

TEST_F(DiallerTest, KeepsToTheListTheCapsAndOneCallAtATime) {
    open_carrier({.callees = {{.to = "*", .rings = 60s}}});
    auto terms = brisk();
    terms.rules.per_day = 3;
    auto office = open(terms);
    ASSERT_TRUE(office.ask(office.ledger().add("+15550101001", "asked us", {})).value());
    EXPECT_FALSE(office.ask(office.ledger().add("+15550101001", "again", {})).value());
    EXPECT_EQ(office.ask(office.ledger().list()).value().size(), 1u);
    const auto reason = [&](const std::string& number) {
        const auto answer = office.call(number);
        return answer ? std::string("called") : answer.error().reason;
    };
    EXPECT_EQ(reason("+15550101001"), "do_not_call");
    EXPECT_EQ(reason("+4915550100009"), "prefix");
    EXPECT_EQ(reason("+15550101002"), "called");
    EXPECT_EQ(reason("+15550101002"), "in_progress");
    EXPECT_EQ(reason("+15550101003"), "called");
    EXPECT_EQ(reason("+15550101004"), "called");
    EXPECT_EQ(reason("+15550101005"), "daily_cap");
    EXPECT_TRUE(office.ask(office.ledger().remove("+15550101001")).value());
    EXPECT_EQ(carrier->calls().size(), 3u);
    for (const char* each : {"do_not_call", "prefix", "in_progress", "daily_cap"}) {
        EXPECT_THAT(office.registry.text(),
                    testing::HasSubstr(
                        fmt::format("parley_outbound_refusals_total{{reason=\"{}\"}} 1\n", each)));
    }
}

TEST_F(DiallerTest, WhoAsksNotToBeCalledIsOnTheList) {
    open_carrier({.callees = {{.to = "*", .rings = 1ms}}});
    auto office = open(brisk());
    const auto placed = office.call("+15550101009");
    ASSERT_TRUE(placed);
    EXPECT_TRUE(is_over(placed->call_sid));
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    office.hear_of({placed->call_sid,
                    {},
                    call::journal::CallStarted{us, "+15550101009", "a", "t", "outbound"}});
    office.hear_of({placed->call_sid, {}, call::journal::CallEnded{"do_not_call", "x", 1}});
    EXPECT_TRUE(eventually([&] { return office.ask(office.ledger().list()).value().size() == 1; }));
    EXPECT_EQ(office.call("+15550101009").error().reason, "do_not_call");
    office.hear_of({"CA7", {}, call::journal::CallStarted{"+15550101008", us, "a", "t"}});
    office.hear_of({"CA7", {}, call::journal::CallEnded{"do_not_call", "x", 1}});
    EXPECT_TRUE(eventually([&] { return office.ask(office.ledger().list()).value().size() == 2; }));
    EXPECT_EQ(office.ask(office.ledger().list()).value().front().number, "+15550101008");
}

TEST_F(DiallerTest, TheSameKeyIsTheSameCall) {
    open_carrier();
    auto office = open(brisk());
    auto first = office.begin("+15550101009", "key-1");
    auto second = office.begin("+15550101009", "key-1");
    const auto a = first.get();
    const auto b = second.get();
    ASSERT_TRUE(a);
    ASSERT_TRUE(b) << b.error().details;
    EXPECT_EQ(a->call_sid, b->call_sid);
    EXPECT_TRUE(is_over(a->call_sid));
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    EXPECT_EQ(office.call("+15550101009", "key-1")->call_sid, a->call_sid);
    EXPECT_EQ(carrier->calls().size(), 1u);
}

TEST_F(DiallerTest, WhatTwilioRefusesIsToldAndDoesNotCount) {
    open_carrier({.geo_prefixes = {"+12"}});
    auto office = open(brisk());
    for (int i = 0; i < 5; ++i) {
        const auto refused = office.call("+15550101009");
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, Kind::carrier);
        EXPECT_THAT(refused.error().details, testing::HasSubstr("21215"));
    }
}

TEST_F(DiallerTest, AMachineGetsTheMessageOrIsHungUpOn) {
    open_carrier({.callees = {{.to = "*",
                               .answer = sim::Callee::Answer::machine,
                               .rings = 1ms,
                               .detection = 10ms}}});
    auto office = open(brisk());
    office.detection = telephony::NewCall::Detection::message_end;
    office.message = "Please call us back.";
    // The call must not be over before anybody has found out who is there.
    office.document = "<Response><Pause length='60'/></Response>";
    const auto placed = office.call("+15550101009");
    ASSERT_TRUE(placed);
    EXPECT_TRUE(is_over(placed->call_sid));
    ASSERT_TRUE(eventually([&] { return carrier->report_of(placed->call_sid).has_value(); }));
    EXPECT_THAT(carrier->report_of(placed->call_sid)->said,
                testing::ElementsAre("Please call us back."));
    EXPECT_TRUE(eventually([&] {
        const auto kept = office.ask(office.ledger().find(placed->attempt));
        return kept && *kept && (*kept)->outcome == "voicemail";
    }));
    office.message = "";
    const auto again = office.call("+15550101008");
    ASSERT_TRUE(again);
    EXPECT_TRUE(is_over(again->call_sid));
    EXPECT_THAT(carrier->report_of(again->call_sid)->said, testing::IsEmpty());
}

TEST_F(DiallerTest, ASecondCallUnderTheSameMarkIsEnded) {
    open_carrier({.callees = {{.to = "*", .rings = 60s}}});
    auto office = open(brisk());
    const auto placed = office.call("+15550101009");
    ASSERT_TRUE(placed);
    telephony::NewCall stray{.to = "+15550101009", .from = us, .url = "https://us.example/voice"};
    stray.status_callback = "https://us.example/twilio/status?attempt=" + placed->attempt;
    const auto other = office.ask(telephony::TwilioRest::place(office.rest(), stray));
    ASSERT_TRUE(other);
    EXPECT_TRUE(is_over(other->sid));
}

// ---- dying at the worst moment ----------------------------------------------------------------

TEST_F(DiallerTest, APlannedCallIsPlacedAfterARestart) {
    open_carrier();
    {
        auto slow = brisk();
        slow.calls_per_second = 0.01;
        auto office = open(slow);
        ASSERT_TRUE(office.call("+15550101001"));
        auto waits = office.begin("+15550101002");
        EXPECT_TRUE(eventually([&] { return office.open_count() >= 1; }));
        EXPECT_TRUE(eventually([&] {
            const auto open = office.ask(office.ledger().open_attempts());
            return open && std::any_of(open->begin(), open->end(), [](const Attempt& attempt) {
                       return attempt.to == "+15550101002";
                   });
        }));
    }
    EXPECT_EQ(carrier->calls().size(), 1u);
    auto office = open(brisk());
    EXPECT_TRUE(eventually([&] { return carrier->calls().size() == 2; }));
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    EXPECT_EQ(carrier->calls().size(), 2u);
}

TEST_F(DiallerTest, ACallPlacedJustBeforeTheCrashIsFoundAndNotPlacedAgain) {
    open_carrier({.callees = {{.to = "*", .rings = 300ms}}});
    const std::string number = "+15550101001";
    {
        // The attempt is written, Twilio is asked, and then we die before its answer.
        auto store = store::Store::open({.path = folder + "/parley.db"}).value();
        Ledger ledger(*store);
        net::IoThreads threads{1};
        threads.start();
        const auto ask = [&](auto asking) {
            return asio::co_spawn(threads.context(0), std::move(asking), asio::use_future).get();
        };
        const auto now = std::chrono::system_clock::now();
        for (const char* to : {"+15550101001", "+15550101002"}) {
            Attempt attempt{
                .id = std::string("mark") + to[11], .to = to, .from = us, .agent = "sarah"};
            attempt.vars = {{"name", "Ann"}};
            ASSERT_TRUE(ask(ledger.admit(attempt, brisk().rules, now))->is_written);
            attempt.state = Attempt::State::placing;
            attempt.placing_at = now;
            ASSERT_TRUE(ask(ledger.write(attempt, now)));
        }
        const auto rest =
            telephony::TwilioRest::make(
                {.base_url = carrier->base_url(), .account_sid = sid, .auth_token = Secret(token)})
                .value();
        telephony::NewCall call{
            .to = number, .from = us, .url = "https://us.example/voice?attempt=mark1"};
        call.status_callback = "https://us.example/twilio/status?attempt=mark1";
        ASSERT_TRUE(ask(telephony::TwilioRest::place(rest, call)));
        threads.stop();
    }
    auto office = open(brisk());
    EXPECT_TRUE(eventually([&] { return carrier->calls().size() == 2; }))
        << "the one that never got there is placed";
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    std::multiset<std::string> called;
    for (const auto& call : carrier->calls()) called.insert(call.to);
    EXPECT_THAT(called, testing::ElementsAre("+15550101001", "+15550101002"));
}

TEST_F(DiallerTest, ManyCallsAtTheLimitWithDeathsInBetweenAreEachPlacedOnce) {
    open_carrier({.creates_per_second = 100, .callees = {{.to = "*", .rings = 1ms}}});
    auto terms = brisk();
    terms.calls_per_second = 200;  // more than the account bears
    constexpr int wanted = 120;
    std::set<std::string> numbers;
    for (int i = 0; i < wanted; ++i) numbers.insert("+1555010" + std::to_string(2'000 + i));
    {
        auto office = open(terms);
        std::vector<std::future<Dialler::Answer>> waiting;
        for (const auto& number : numbers) waiting.push_back(office.begin(number));
        EXPECT_TRUE(eventually([&] { return carrier->calls().size() > 30; }));
    }
    {
        auto office = open(terms);
        EXPECT_TRUE(eventually([&] { return carrier->calls().size() > 70; }));
    }
    auto office = open(terms);
    EXPECT_TRUE(eventually([&] { return office.open_count() == 0; }));
    std::multiset<std::string> called;
    for (const auto& call : carrier->calls()) called.insert(call.to);
    EXPECT_EQ(called.size(), numbers.size());
    EXPECT_EQ(std::set<std::string>(called.begin(), called.end()), numbers);
}

}  // namespace
}  // namespace parley::outbound
