#include "support.hpp"

#include <parley/ops/journal_figures.hpp>

namespace parley::ops::test {
namespace {

namespace journal = call::journal;
using testing::AllOf;
using testing::Not;

class JournalFiguresTest : public testing::Test {
 protected:
    void happens(journal::Event event) { figures_.on_entry({"CA1", {}, std::move(event)}); }
    std::string text() const { return registry_.text(); }

 private:
    metrics::Registry registry_;
    JournalFigures figures_{registry_};
};

TEST_F(JournalFiguresTest, CountsCallsByDirectionAndAgent) {
    happens(journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"});
    happens(journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"});
    happens(journal::CallStarted{"+15550100002", "+15550100001", "sarah", "twilio", "outbound"});
    EXPECT_THAT(text(),
                AllOf(HasSubstr("parley_calls_total{agent=\"sarah\",direction=\"inbound\"} 2\n"),
                      HasSubstr("parley_calls_total{agent=\"sarah\",direction=\"outbound\"} 1\n")));
}

TEST_F(JournalFiguresTest, CountsOutcomesWithTheirReasonsAndLengths) {
    happens(journal::CallEnded{"appointment_booked", "caller_hung_up", 45'000});
    happens(journal::CallEnded{"error", "provider_lost", 4'000});
    EXPECT_THAT(
        text(),
        AllOf(HasSubstr("parley_call_outcomes_total{outcome=\"appointment_booked\",reason=\"caller_hung_up\"} 1\n"),
              HasSubstr("parley_call_outcomes_total{outcome=\"error\",reason=\"provider_lost\"} 1\n"),
              HasSubstr("parley_call_duration_seconds_bucket{le=\"5\"} 1\n"),
              HasSubstr("parley_call_duration_seconds_bucket{le=\"60\"} 2\n"),
              HasSubstr("parley_call_duration_seconds_sum 49\n")));
}

TEST_F(JournalFiguresTest, PutsTheLatencyOfATurnIntoItsStages) {
    happens(journal::TurnLatency{.model_ms = 450, .first_audio_ms = 510});
    EXPECT_THAT(
        text(),
        AllOf(HasSubstr("parley_turn_latency_seconds_bucket{stage=\"model\",le=\"0.4\"} 0\n"),
              HasSubstr("parley_turn_latency_seconds_bucket{stage=\"model\",le=\"0.5\"} 1\n"),
              HasSubstr("parley_turn_latency_seconds_bucket{stage=\"line\",le=\"0.5\"} 0\n"),
              HasSubstr("parley_turn_latency_seconds_bucket{stage=\"line\",le=\"0.6\"} 1\n")));
}

TEST_F(JournalFiguresTest, CountsToolsByNameAndTheirErrors) {
    happens(journal::ToolReturned{"call_1", "check_slots", true, "{}", 12});
    EXPECT_THAT(text(), HasSubstr("parley_tool_errors_total{tool=\"check_slots\"} 0\n"))
        << "an alert compares with what was before";
    happens(journal::ToolReturned{"call_2", "check_slots", false, "{}", 2'000});
    EXPECT_THAT(text(),
                AllOf(HasSubstr("parley_tool_errors_total{tool=\"check_slots\"} 1\n"),
                      HasSubstr("parley_tool_duration_seconds_count{tool=\"check_slots\"} 2\n"),
                      HasSubstr("parley_tool_duration_seconds_sum{tool=\"check_slots\"} 2.012\n")));
}

TEST_F(JournalFiguresTest, CountsWhatTheProviderDoesAndCosts) {
    journal::UsageCounted usage;
    usage.usage.cost_usd = 0.25;
    happens(usage);
    happens(usage);
    happens(journal::Interrupted{"item_1", 300, 900});
    happens(journal::ProviderLost{"the connection broke"});
    happens(journal::ProviderRestored{.gap_ms = 800});
    happens(journal::ProviderRestored{.planned = true});
    happens(journal::Problem{"rate_limit_exceeded", "try again in 6.9s"});
    EXPECT_THAT(
        text(),
        AllOf(HasSubstr("parley_cost_usd_total 0.5\n"), HasSubstr("parley_interruptions_total 1\n"),
              HasSubstr("parley_provider_losses_total 1\n"),
              HasSubstr("parley_provider_reconnects_total{planned=\"false\"} 1\n"),
              HasSubstr("parley_provider_reconnects_total{planned=\"true\"} 1\n"),
              HasSubstr("parley_call_problems_total{what=\"rate_limit_exceeded\"} 1\n"),
              HasSubstr("parley_call_problems_total{what=\"response_failed\"} 0\n"),
              Not(HasSubstr("6.9s"))));
}

TEST_F(JournalFiguresTest, ToolsThatAModelMakesUpDoNotFillTheMemory) {
    for (int i = 0; i < 2'000; ++i)
        happens(journal::ToolReturned{"call_1", "tool_" + std::to_string(i), false, "{}", 1});
    EXPECT_THAT(text(), HasSubstr("parley_tool_errors_total{overflow=\"true\"} 1500\n"));
}

}  // namespace
}  // namespace parley::ops::test
