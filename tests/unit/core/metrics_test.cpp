#include <parley/core/metrics.hpp>

#include <parley/core/result.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

namespace parley::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsRegistry, RefusesNamesThatPrometheusDoesNotAllow) {
    Registry registry;
    for (const char* bad : {"", "1calls", "calls-total", "calls total", "cälls"}) {
        EXPECT_TRUE(registry.find_counter(bad, "x", {}).has_error()) << bad;
        EXPECT_THROW(registry.counter(bad, "x"), Bug) << bad;
    }
    EXPECT_TRUE(registry.find_counter("calls", "x", {{"bad-label", "1"}}).has_error());
    EXPECT_TRUE(registry.find_counter("calls", "x", {{"__name", "1"}}).has_error());
    EXPECT_TRUE(registry.find_counter("calls", "x", {{"a", "1"}, {"a", "2"}}).has_error());
    EXPECT_TRUE(registry.find_histogram("seconds", "x", {{"le", "1"}}).has_error());
    EXPECT_EQ(registry.text(), "");
}

TEST(MetricsRegistry, RefusesOneNameForTwoKinds) {
    Registry registry;
    registry.gauge("calls", "Calls.").set(1);
    EXPECT_EQ(registry.find_counter("calls", "Calls.", {}).error(), "calls is a gauge already");
    EXPECT_THROW(registry.histogram("calls", "Calls."), Bug);
}

TEST(MetricsRegistry, WritesTheTextFormat) {
    Registry registry;
    registry
        .counter("parley_calls_total", "Calls taken.", {{"outcome", "booked"}, {"agent", "sarah"}})
        .add();
    registry
        .counter("parley_calls_total", "Calls taken.", {{"agent", "sarah"}, {"outcome", "booked"}})
        .add(2);
    registry.counter("parley_calls_total", "Calls taken.").add(0.5);
    registry.gauge("parley_active", "Calls now.").set(-3);
    EXPECT_EQ(registry.text(),
              "# HELP parley_active Calls now.\n"
              "# TYPE parley_active gauge\n"
              "parley_active -3\n"
              "# HELP parley_calls_total Calls taken.\n"
              "# TYPE parley_calls_total counter\n"
              "parley_calls_total 0.5\n"
              "parley_calls_total{agent=\"sarah\",outcome=\"booked\"} 3\n");
}

TEST(MetricsRegistry, EscapesHelpAndLabelValues) {
    Registry registry;
    registry.gauge("g", "a \\ b\nand \"c\"", {{"path", "C:\\x\n\"y\" \xff"}}).set(1);
    EXPECT_EQ(registry.text(),
              "# HELP g a \\\\ b\\nand \"c\"\n"
              "# TYPE g gauge\n"
              "g{path=\"C:\\\\x\\n\\\"y\\\" \uFFFD\"} 1\n");
}

TEST(MetricsRegistry, WritesNumbersThatAreNone) {
    Registry registry;
    registry.gauge("a", "x").set(std::numeric_limits<double>::infinity());
    registry.gauge("b", "x").set(-std::numeric_limits<double>::infinity());
    registry.gauge("c", "x").set(std::nan(""));
    registry.gauge("d", "x").set(1e300);
    registry.gauge("e", "x").set(1764061200123);
    const std::string text = registry.text();
    EXPECT_THAT(text, HasSubstr("\na +Inf\n"));
    EXPECT_THAT(text, HasSubstr("\nb -Inf\n"));
    EXPECT_THAT(text, HasSubstr("\nc NaN\n"));
    EXPECT_THAT(text, HasSubstr("\nd 1e+300\n"));
    EXPECT_THAT(text, HasSubstr("\ne 1764061200123\n"));
}

TEST(MetricsRegistry, HistogramsCountUpToEachBound) {
    Registry registry;
    const std::vector<double> bounds{1, 0.5};
    auto& seconds = registry.histogram("tool_seconds", "Time of tools.", {{"tool", "x"}}, bounds);
    for (const double value : {0.1, 0.5, 0.7, 3.0, std::nan("")}) seconds.observe(value);
    EXPECT_EQ(registry.text(),
              "# HELP tool_seconds Time of tools.\n"
              "# TYPE tool_seconds histogram\n"
              "tool_seconds_bucket{tool=\"x\",le=\"0.5\"} 2\n"
              "tool_seconds_bucket{tool=\"x\",le=\"1\"} 3\n"
              "tool_seconds_bucket{tool=\"x\",le=\"+Inf\"} 4\n"
              "tool_seconds_sum{tool=\"x\"} 4.3\n"
              "tool_seconds_count{tool=\"x\"} 4\n");
}

TEST(MetricsRegistry, CountersNeverGoDown) {
    Registry registry;
    auto& counter = registry.counter("n_total", "x");
    counter.add(5);
    counter.add(-1);
    counter.add(std::nan(""));
    counter.add(std::numeric_limits<double>::infinity());
    EXPECT_EQ(counter.value(), 5);
}

TEST(MetricsRegistry, GathersWhatIsBeyondItsLimitInOneSeries) {
    Registry registry({.families_max = 2, .series_per_family_max = 3});
    for (int i = 0; i < 100; ++i)
        registry.counter("n_total", "x", {{"caller", std::to_string(i)}}).add();
    EXPECT_EQ(registry.series(), 4u);
    EXPECT_THAT(registry.text(), HasSubstr("n_total{overflow=\"true\"} 97\n"));
    registry.gauge("g", "x");
    EXPECT_EQ(registry.find_counter("m_total", "x", {}).error(),
              "there are 2 metrics already, which is the limit");
}

TEST(MetricsRegistry, ShortensLongLabelValues) {
    Registry registry({.label_value_bytes_max = 10});
    registry.gauge("g", "x", {{"text", std::string(1'000, 'a')}});
    EXPECT_LT(registry.text().size(), 100u);
}

TEST(MetricsRegistry, CountsFromManyThreads) {
    Registry registry;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&registry, t] {
            for (int i = 0; i < 1'000; ++i) {
                registry.counter("n_total", "x", {{"t", std::to_string(t % 2)}}).add();
                registry.histogram("h", "x").observe(0.01);
                if (i % 100 == 0) registry.text();
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(registry.text(), HasSubstr("n_total{t=\"1\"} 2000\n"));
    EXPECT_THAT(registry.text(), HasSubstr("h_count 4000\n"));
    EXPECT_THAT(registry.text(), Not(HasSubstr("overflow")));
}

}  // namespace
}  // namespace parley::metrics
