#include <parley/call/budget.hpp>

#include "stage.hpp"

namespace parley::call {
namespace {

using testing::HasSubstr;

constexpr WallTime morning{std::chrono::hours(24 * 20'000 + 8)};

TEST(Budget, HasNoLimitsUnlessTheyAreSet) {
    Budget budget({});
    budget.add("+15550100001", 1'000, morning);
    EXPECT_EQ(budget.reached("+15550100001", 1'000, morning), std::nullopt);
    EXPECT_EQ(budget.today_usd(morning), 1'000);
}

TEST(Budget, LimitsACallANumberAndADay) {
    Budget budget({.call_usd = 0.50, .number_day_usd = 1.00, .day_usd = 1.50});
    EXPECT_EQ(budget.reached("+1", 0.49, morning), std::nullopt);
    EXPECT_EQ(budget.reached("+1", 0.50, morning),
              "this call has cost 0.50 USD, limits.money.call_usd is 0.50");
    budget.add("+1", 0.60, morning);
    budget.add("+1", 0.40, morning);
    EXPECT_THAT(*budget.reached("+1", 0, morning), HasSubstr("number_day_usd"));
    EXPECT_EQ(budget.reached("+2", 0, morning), std::nullopt);
    budget.add("+2", 0.50, morning);
    EXPECT_THAT(*budget.reached("+3", 0, morning), HasSubstr("day_usd is 1.50"));
}

TEST(Budget, BeginsAnewEachDayAndNotWhenTheClockIsSetBack) {
    Budget budget({.day_usd = 1});
    budget.add("+1", 2, morning);
    EXPECT_TRUE(budget.reached("+1", 0, morning + std::chrono::hours(15)));
    const auto next = morning + std::chrono::hours(16);
    EXPECT_FALSE(budget.reached("+1", 0, next));
    EXPECT_EQ(budget.today_usd(next), 0);
    budget.add("+1", 1, next);
    EXPECT_TRUE(budget.reached("+1", 0, next));
    budget.add("+1", 0.5, morning);
    EXPECT_TRUE(budget.reached("+1", 0, morning));
}

TEST(Budget, TakesLowerLimitsAtOnce) {
    Budget budget({.day_usd = 10});
    budget.add("+1", 2, morning);
    budget.set_limits({.day_usd = 2});
    EXPECT_TRUE(budget.reached("+1", 0, morning));
}

TEST(CostLimit, IsAGracefulEndThatTheCallerHears) {
    Call call;
    call.greet();
    call.send(BudgetSpent{"this call has cost 0.52 USD"});
    ASSERT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("our time for this call is up"));
    call.answer("r1", "a1", "Our time is up. Goodbye.", milliseconds(1'500));
    call.pass(milliseconds(2'000));
    EXPECT_EQ(call.log.back(), "finish cost_limit cost_limit");
    EXPECT_EQ(call.played_ms, 1'000 + 1'500);
    const auto problems = call.journal<journal::Problem>();
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_EQ(problems[0].what, "cost_limit");
    EXPECT_EQ(problems[0].detail, "this call has cost 0.52 USD");
}

TEST(CostLimit, ReachedBeforeTheCallConnectsNoModelAndSaysSo) {
    auto spoken = std::make_shared<Phrases>(*phrases());
    spoken->over_budget = speech(milliseconds(900));
    Call call({}, spoken);
    call.send(BudgetSpent{"calls have cost 10.00 USD today"});
    call.send(AgentPrepared{});
    EXPECT_EQ(call.count("open"), 0);
    call.send(CallerAttached{});
    call.pass(milliseconds(1'500));
    EXPECT_EQ(call.played_ms, 900);
    EXPECT_EQ(call.log.back(), "finish cost_limit cost_limit");
}

TEST(CostLimit, LeavesTheWordsToTheCarrierWhereThereAreNone) {
    Call call;
    call.send(BudgetSpent{"calls have cost 10.00 USD today"});
    call.send(AgentPrepared{});
    call.send(CallerAttached{});
    call.pass(milliseconds(500));
    EXPECT_EQ(call.log.back(), "finish cost_limit cost_limit_unspoken");
}

TEST(CostLimit, DoesNotDisturbAGoodbye) {
    Call call;
    call.greet();
    call.send(HangUpAsked{});
    call.send(BudgetSpent{"this call has cost 0.52 USD"});
    call.pass(milliseconds(500));
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
}

TEST(CostLimit, IsToldWithEachCost) {
    Call call;
    call.greet();
    Usage usage;
    usage.cost_usd = 0.25;
    for (const char* response : {"r1", "r2"}) {
        call.send(ResponseStarted{response});
        ResponseDone done{.response_id = response};
        done.usage = usage;
        call.send(done);
    }
    const auto costs = call.journal<journal::UsageCounted>();
    ASSERT_EQ(costs.size(), 2u);
    EXPECT_EQ(costs[0].call_cost_usd, 0.25);
    EXPECT_EQ(costs[1].call_cost_usd, 0.50);
}

}  // namespace
}  // namespace parley::call
