#include "../../eventually.hpp"

#include <parley/call/switchboard.hpp>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

namespace parley::call {
namespace {

using namespace std::chrono_literals;

// Counts what sessions ask of their sides; answers nothing by itself.
struct Seen {
    int opened = 0;
    int hung_up = 0;
    bool can_transfer = true;
    std::vector<Transfer> transfers;
    bool keeps_last_words = false;
    std::vector<std::function<void(json::object)>> last_words;
    std::vector<journal::Entry> entries;
};

class SilentAgent final : public Agent {
 public:
    SilentAgent(boost::asio::any_io_executor home, Seen& seen)
        : home_(std::move(home)), seen_(seen) {}
    void prepare(std::function<void(Checked<AgentProfile>)> done) override {
        boost::asio::post(home_,
                          [done] { done(AgentProfile{.name = "test", .greeting = "Hello."}); });
    }
    void run_tool(const RunTool&, std::function<void(ToolFinished)>) override {}
    void tell(const News&) override {}
    void ended(const Finish&, std::function<void(json::object)> done) override {
        if (seen_.keeps_last_words) {
            seen_.last_words.push_back(std::move(done));
        } else {
            done({});
        }
    }

 private:
    boost::asio::any_io_executor home_;
    Seen& seen_;
};

class CountingEngine final : public Engine {
 public:
    explicit CountingEngine(Seen& seen) : seen_(seen) {}
    void open(const AgentProfile&, const std::vector<Turn>&) override { ++seen_.opened; }
    void append(Bytes) override {}
    void respond(std::string_view) override {}
    void cancel() override {}
    void withdraw() override {}
    void truncate(std::string_view, int, std::int64_t) override {}
    void tool_output(std::string_view, std::string_view) override {}
    void inject(const Turn&) override {}
    void offer_tools(const json::array&) override {}

 private:
    Seen& seen_;
};

class CountingChannel final : public Channel {
 public:
    explicit CountingChannel(Seen& seen) : seen_(seen) {}
    void play(Bytes) override {}
    void mark(std::uint32_t) override {}
    void clear() override {}
    void hang_up() override { ++seen_.hung_up; }
    bool transfer(const Transfer& transfer) override {
        if (seen_.can_transfer) seen_.transfers.push_back(transfer);
        return seen_.can_transfer;
    }

 private:
    Seen& seen_;
};

class Recorder final : public journal::Subscriber {
 public:
    explicit Recorder(Seen& seen) : seen_(seen) {}
    void on_entry(const journal::Entry& entry) override { seen_.entries.push_back(entry); }

 private:
    Seen& seen_;
};

class SwitchboardTest : public testing::Test {
 protected:
    void make(Switchboard::Options options = {}) {
        board = std::make_unique<Switchboard>(
            options,
            std::vector<boost::asio::any_io_executor>{io[0].get_executor(), io[1].get_executor()},
            [this](const CallInfo&, std::size_t home) -> Checked<Session::Parts> {
                if (!fault.empty()) return Fault{"", fault};
                const auto executor = io[home].get_executor();
                return Session::Parts{
                    .time = std::make_unique<IoTimekeeper>(executor),
                    .make_agent =
                        [this, executor](EventSink&, const CallInfo&, Timekeeper&) {
                            return std::make_unique<SilentAgent>(executor, seen);
                        },
                    .make_engine =
                        [this](EventSink&, const CallInfo&) {
                            return std::make_unique<CountingEngine>(seen);
                        },
                    .journal = {&recorder},
                    .phrases = std::make_shared<Phrases>(),
                    .policy = {},
                    .figures = &figures};
            },
            [this] { return next_home; },
            [this](std::size_t home, int change) { load[home] += change; });
    }
    void run() {
        for (int round = 0; round < 4; ++round) {
            for (auto& context : io) {
                context.restart();
                context.poll();
            }
        }
    }
    // What hangs on a timer, though it be due at once, comes when the system says so.
    bool comes_to(const std::function<bool()>& holds) {
        return eventually([&] {
            run();
            return holds();
        });
    }
    // A call in progress that has been handed over.
    std::shared_ptr<Session> away(const std::string& sid) {
        const auto announced = board->announce(call(sid));
        run();
        auto session = board->claim(announced->token, sid, 0);
        session->attach(std::make_unique<CountingChannel>(seen));
        EXPECT_TRUE(board->transfer(sid, {{.to = "+15550102001"}}));
        run();
        return session;
    }
    CallInfo call(std::string sid) {
        return {.call_sid = std::move(sid),
                .from = "+15550100001",
                .to = "+15550100002",
                .agent = "sarah"};
    }

    boost::asio::io_context io[2];
    Seen seen;
    Recorder recorder{seen};
    metrics::Registry registry;
    Figures figures{registry};
    std::string fault;
    std::size_t next_home = 0;
    int load[2] = {0, 0};
    std::unique_ptr<Switchboard> board;
};

TEST_F(SwitchboardTest, ConnectsTheEngineBeforeTheStreamIsThere) {
    make();
    ASSERT_TRUE(board->announce(call("CA1")));
    run();
    EXPECT_EQ(seen.opened, 1);
    EXPECT_EQ(load[0], 1);
}

TEST_F(SwitchboardTest, GivesASessionForItsTokenOnce) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    EXPECT_EQ(announced->token.size(), 32u);
    EXPECT_NE(board->claim(announced->token, "CA1", 0), nullptr);
    EXPECT_EQ(board->claim(announced->token, "CA1", 0), nullptr);
}

TEST_F(SwitchboardTest, RefusesAStrangersToken) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    EXPECT_EQ(board->claim("", "CA1", 0), nullptr);
    EXPECT_EQ(board->claim(std::string(32, '0'), "CA1", 0), nullptr);
    EXPECT_EQ(board->claim(announced->token, "CA2", 0), nullptr);
    EXPECT_EQ(seen.opened, 1);
}

TEST_F(SwitchboardTest, EndsACallWhoseStreamNeverOpenedWhenTheCarrierSaysSo) {
    make();
    ASSERT_TRUE(board->announce(call("CA1")));
    run();
    board->caller_left("CA1");
    run();
    EXPECT_EQ(board->live_count(), 0u);
    EXPECT_EQ(board->ending_of("CA1")->reason, "channel_lost");
    EXPECT_EQ(load[0], 0);
}

TEST_F(SwitchboardTest, KeepsACallWhoseStreamIsThere) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    ASSERT_TRUE(session->attach(std::make_unique<CountingChannel>(seen)));
    board->caller_left("CA1");
    run();
    EXPECT_EQ(board->live_count(), 1u);
}

TEST_F(SwitchboardTest, MovesACallWhoseStreamCameToAnotherThread) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 1);
    ASSERT_NE(session, nullptr);
    run();
    EXPECT_EQ(seen.opened, 2);
    EXPECT_EQ(load[0], 0);
    EXPECT_EQ(load[1], 1);
}

TEST_F(SwitchboardTest, KeepsNoCardNumberThatIsToldInPieces) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    ASSERT_NE(session, nullptr);
    ASSERT_TRUE(session->attach(std::make_unique<CountingChannel>(seen)));
    session->on(CallerTranscribed{"item_1", "My card is 4111 1111"});
    session->on(CallerTranscribed{"item_2", "1111 1111"});
    std::vector<std::string> kept;
    for (const auto& entry : seen.entries) {
        if (const auto* said = std::get_if<journal::CallerSaid>(&entry.event))
            kept.push_back(said->text);
    }
    EXPECT_EQ(kept, (std::vector<std::string>{"My card is 4111 1111", "[card number]"}));
}

TEST_F(SwitchboardTest, AnswersARetriedWebhookWithANewToken) {
    make();
    const auto first = board->announce(call("CA1"));
    const auto second = board->announce(call("CA1"));
    run();
    EXPECT_EQ(seen.opened, 1);
    EXPECT_EQ(board->claim(first->token, "CA1", 0), nullptr);
    EXPECT_NE(board->claim(second->token, "CA1", 0), nullptr);
    EXPECT_EQ(board->announce(call("CA1")).error(), Switchboard::Refusal::duplicate);
}

TEST_F(SwitchboardTest, SaysBusyWhenFull) {
    make({.calls_max = 1});
    ASSERT_TRUE(board->announce(call("CA1")));
    EXPECT_EQ(board->announce(call("CA2")).error(), Switchboard::Refusal::busy);
}

TEST_F(SwitchboardTest, ForgetsACallWhoseStreamNeverCame) {
    make({.claim_within = std::chrono::seconds(0)});
    ASSERT_TRUE(board->announce(call("CA1")));
    ASSERT_TRUE(comes_to([&] { return board->live_count() == 0; }));
    EXPECT_EQ(load[0], 0);
    EXPECT_EQ(board->ending_of("CA1")->reason, "channel_lost");
}

TEST_F(SwitchboardTest, RemembersHowACallEnded) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    ASSERT_TRUE(session->attach(std::make_unique<CountingChannel>(seen)));
    EXPECT_FALSE(session->attach(std::make_unique<CountingChannel>(seen)));
    session->on(CallerGone{});
    EXPECT_TRUE(session->is_finished());
    ASSERT_TRUE(board->ending_of("CA1"));
    EXPECT_EQ(board->ending_of("CA1")->outcome, "caller_hung_up");
    EXPECT_EQ(board->live_count(), 0u);
    EXPECT_FALSE(board->ending_of("CA9"));
}

TEST_F(SwitchboardTest, DrainsByRefusingNewCallsAndWaitingForTheOldOnes) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    session->attach(std::make_unique<CountingChannel>(seen));
    bool is_drained = false;
    board->drain([&] { is_drained = true; });
    EXPECT_EQ(board->announce(call("CA2")).error(), Switchboard::Refusal::draining);
    EXPECT_FALSE(is_drained);
    session->on(CallerGone{});
    EXPECT_TRUE(is_drained);
}

TEST_F(SwitchboardTest, WaitsForAnAgentsLastWordWhenItDrains) {
    make();
    seen.keeps_last_words = true;
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    session->attach(std::make_unique<CountingChannel>(seen));
    session->on(CallerGone{});
    EXPECT_TRUE(session->is_finished());
    EXPECT_EQ(board->live_count(), 0u);
    EXPECT_TRUE(board->ending_of("CA1")) << "the carrier may ask at once";
    bool is_drained = false;
    board->drain([&] { is_drained = true; });
    EXPECT_FALSE(is_drained);
    session->on(NoteTaken{"called back", {{"by", "Jo"}}});
    seen.last_words.at(0)({{"mood", "good"}});
    EXPECT_TRUE(is_drained);
    EXPECT_TRUE(session->is_closed());
    session->on(NoteTaken{"too late", {}});
    ASSERT_GE(seen.entries.size(), 3u);
    const auto& note = std::get<journal::Note>(seen.entries[seen.entries.size() - 2].event);
    EXPECT_EQ(note.text, "called back");
    const auto& summary = std::get<journal::Summary>(seen.entries.back().event);
    EXPECT_EQ(summary.fields, (json::object{{"mood", "good"}}));
}

TEST_F(SwitchboardTest, DrainsAtOnceWhenThereIsNoCall) {
    make();
    bool is_drained = false;
    board->drain([&] { is_drained = true; });
    EXPECT_TRUE(is_drained);
}

TEST_F(SwitchboardTest, EndsACallWhoseAgentCannotBeMade) {
    make();
    fault = "scripts/agents/sarah.lua:3: unexpected symbol";
    const auto announced = board->announce(call("CA1"));
    run();
    EXPECT_EQ(board->claim(announced->token, "CA1", 0), nullptr);
    EXPECT_EQ(board->ending_of("CA1")->reason, "agent_unavailable_unspoken");
}

TEST_F(SwitchboardTest, ShowsWhatIsGoingOn) {
    make();
    ASSERT_TRUE(board->announce(call("CA1")));
    next_home = 1;
    ASSERT_TRUE(board->announce(call("CA2")));
    run();
    std::vector<Session::Snapshot> all;
    board->snapshots([&](auto taken) { all = std::move(taken); });
    run();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].state, "connecting");
}

TEST_F(SwitchboardTest, HandsACallOver) {
    make();
    const auto session = away("CA1");
    ASSERT_EQ(seen.transfers.size(), 1u);
    EXPECT_EQ(seen.transfers[0].to, "+15550102001");
    EXPECT_TRUE(session->is_away());
    EXPECT_EQ(session->snapshot().state, "transferred");
}

TEST_F(SwitchboardTest, GivesATokenToACallerWhomNobodyTook) {
    make();
    const auto session = away("CA1");
    const auto back = board->transfer_ended("CA1", {TransferEnded::How::no_answer});
    ASSERT_TRUE(back);
    EXPECT_EQ(back->home, 0u);
    const auto again = board->transfer_ended("CA1", {TransferEnded::How::no_answer});
    ASSERT_TRUE(again) << "a webhook delivered again";
    run();
    EXPECT_EQ(board->claim(back->token, "CA1", 0), nullptr) << "the later one counts";
    EXPECT_EQ(board->claim(again->token, "CA1", 1), nullptr) << "on its own thread only";
    EXPECT_EQ(board->claim(again->token, "CA1", 0), session) << "what was said is not forgotten";
    EXPECT_TRUE(session->attach(std::make_unique<CountingChannel>(seen)));
    EXPECT_FALSE(session->is_away());
    EXPECT_FALSE(session->attach(std::make_unique<CountingChannel>(seen)));
    EXPECT_FALSE(board->transfer_ended("CA1", {TransferEnded::How::no_answer}));
    EXPECT_EQ(board->announce(call("CA1")).error(), Switchboard::Refusal::duplicate);
    EXPECT_TRUE(board->transfer("CA1", {{.to = "+15550102002"}}));
    run();
    EXPECT_EQ(seen.transfers.size(), 2u);
}

TEST_F(SwitchboardTest, EndsACallThatSomebodyTook) {
    make();
    away("CA1");
    EXPECT_FALSE(board->transfer_ended("CA1", {TransferEnded::How::answered}));
    run();
    EXPECT_EQ(board->live_count(), 0u);
    EXPECT_EQ(board->ending_of("CA1")->reason, "transferred");
    EXPECT_EQ(board->ending_of("CA1")->outcome, "transferred");
    EXPECT_EQ(seen.hung_up, 0) << "they are talking";
    EXPECT_FALSE(board->transfer_ended("CA1", {TransferEnded::How::answered}));
    EXPECT_FALSE(board->transfer("CA1", {{.to = "+15550102001"}}));
}

TEST_F(SwitchboardTest, KnowsOfATransferOnlyWhereTheLineWasHandedOver) {
    make();
    seen.can_transfer = false;
    const auto session = away("CA1");
    EXPECT_FALSE(session->is_away());
    EXPECT_FALSE(board->transfer_ended("CA1", {TransferEnded::How::no_answer}));
    EXPECT_FALSE(board->transfer_ended("CA9", {TransferEnded::How::no_answer}));
    board->caller_left("CA1");
    board->caller_left("CA9");
    run();
    EXPECT_FALSE(session->is_finished());
    const auto is_failure = [](const journal::Entry& entry) {
        const auto* ended = std::get_if<journal::TransferEnded>(&entry.event);
        return ended != nullptr && ended->how == "failed" &&
               ended->detail == "this line cannot be handed over";
    };
    EXPECT_TRUE(std::any_of(seen.entries.begin(), seen.entries.end(), is_failure));
}

TEST_F(SwitchboardTest, AnAgentWhoseTransferWasRefusedKeepsItsLine) {
    make();
    const auto session = away("CA1");
    session->on(TransferEnded{TransferEnded::How::failed, "refused"});
    EXPECT_FALSE(session->is_away());
    EXPECT_FALSE(session->attach(std::make_unique<CountingChannel>(seen)));
    session->on(CallerGone{});
    EXPECT_TRUE(session->is_finished());
}

TEST_F(SwitchboardTest, ACallerWhoHangsUpWhileItRingsIsGone) {
    make();
    away("CA1");
    board->caller_left("CA1");
    run();
    EXPECT_EQ(board->live_count(), 0u);
    EXPECT_EQ(board->ending_of("CA1")->outcome, "caller_hung_up");
}

TEST_F(SwitchboardTest, ACallerWhoDoesNotComeBackIsGone) {
    make({.return_within = std::chrono::seconds(0)});
    away("CA1");
    ASSERT_TRUE(board->transfer_ended("CA1", {TransferEnded::How::busy}));
    EXPECT_TRUE(comes_to([&] { return board->live_count() == 0; }));
}

TEST_F(SwitchboardTest, DrainsWithoutWaitingForThoseWhoAreHandedOver) {
    make();
    away("CA1");
    const auto session = away("CA2");
    ASSERT_TRUE(board->transfer_ended("CA2", {TransferEnded::How::no_answer}));
    run();
    bool is_drained = false;
    board->drain([&] { is_drained = true; });
    run();
    EXPECT_EQ(board->live_count(), 1u);
    EXPECT_EQ(board->ending_of("CA1")->outcome, "transferred");
    EXPECT_EQ(seen.hung_up, 0) << "they are talking";
    EXPECT_FALSE(is_drained) << "one is on the way back";
    session->on(CallerGone{});
    EXPECT_TRUE(is_drained);
}

TEST_F(SwitchboardTest, AnOperatorEndsACallWhereverItIs) {
    make();
    away("CA1");
    EXPECT_TRUE(board->end("CA1", ""));
    run();
    EXPECT_EQ(seen.hung_up, 1) << "the carrier has the line";
    EXPECT_EQ(board->ending_of("CA1")->reason, "ended_by_operator");
}

TEST_F(SwitchboardTest, CountsHowFarCallsGotAndWhatTheModelDidNotHear) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    EXPECT_EQ(figures.until_stream.cumulative_counts().back(), 0u);
    session->attach(std::make_unique<CountingChannel>(seen));
    EXPECT_EQ(figures.until_stream.cumulative_counts().back(), 1u);

    const std::vector<std::uint8_t> second(8'000, 0x55);
    session->on(CallerAudio{second});
    EXPECT_EQ(figures.lost_not_connected.value(), 1);
    EXPECT_EQ(figures.until_model.cumulative_counts().back(), 0u);
    session->on(EngineReady{});
    session->on(CallerAudio{second});
    EXPECT_EQ(figures.lost_not_connected.value(), 1) << "the model hears it";
    EXPECT_EQ(figures.until_model.cumulative_counts().back(), 1u);

    EXPECT_EQ(figures.until_audio.cumulative_counts().back(), 0u);
    for (int i = 0; i < 60; ++i) session->on(AgentAudio{"r1", "i1", 0, second});
    EXPECT_EQ(figures.until_audio.cumulative_counts().back(), 1u);
    EXPECT_GT(session->snapshot().queued, 30s);
    EXPECT_LT(session->snapshot().queued, 60s) << "a part of it is on the line";
    session->on(CallerGone{});
    EXPECT_EQ(figures.lost_queue_full.value(), 0);
}

TEST_F(SwitchboardTest, CountsWhatTheCallersQueueCouldNotHold) {
    make();
    const auto announced = board->announce(call("CA1"));
    run();
    const auto session = board->claim(announced->token, "CA1", 0);
    session->attach(std::make_unique<CountingChannel>(seen));
    session->on(EngineReady{});
    const std::vector<std::uint8_t> minute(60 * 8'000, 0x55);
    for (int i = 0; i < 6; ++i) session->on(AgentAudio{"r1", "i1", 0, minute});
    session->on(CallerGone{});
    EXPECT_GT(figures.lost_queue_full.value(), 50);
    EXPECT_LE(figures.lost_queue_full.value(), 60);
}

}  // namespace
}  // namespace parley::call
