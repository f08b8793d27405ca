// metrics.hpp: counters, gauges and histograms, and their Prometheus text form (version 0.0.4).
//
// A family is a name with a help text and a kind; a series is one set of label values in it. Both
// are made at their first use and stay as long as the registry, so a hot place may keep the
// reference. Their number is bounded: labels whose values come from outside (a phone number, say)
// would otherwise fill the memory. What is beyond the limit is added to one series labelled
// overflow="true" of its family, so that sums stay right.
//
// Owner:  app; others hold a reference. Thread: everything from any thread. Adding to a series
// takes no lock.
#pragma once

#include <boost/system/result.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::metrics {

// Names and values; the order does not matter, names are unique.
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

// Seconds, from a quick tool to a slow web page.
inline const std::vector<double> seconds_buckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                 0.5,   1,    2.5,   5,    10};

bool is_metric_name(std::string_view name);  // [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_label_name(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*, not beginning with __

// Only goes up. Its name ends in _total.
class Counter {
 public:
    void add(double amount = 1);  // a negative amount, or one that is not a number, is ignored
    double value() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<double> value_{0};
};

class Gauge {
 public:
    void set(double value) { value_.store(value, std::memory_order_relaxed); }
    void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
    double value() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<double> value_{0};
};

class Histogram {
 public:
    explicit Histogram(std::vector<double> upper_bounds);
    void observe(double value);  // not a number: ignored
    const std::vector<double>& bounds() const { return bounds_; }
    // How many were at most each bound, and last of all how many there were.
    std::vector<std::uint64_t> cumulative_counts() const;
    double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
    std::vector<double> bounds_;  // ascending, without +Inf
    std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
    std::atomic<double> sum_{0};
};

class Registry {
 public:
    struct Limits {
        std::size_t families_max = 500;
        std::size_t series_per_family_max = 500;
        std::size_t label_value_bytes_max = 200;  // longer values are shortened
    };
    Registry();
    explicit Registry(Limits limits);
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    // For names that we chose. Bug for a name that Prometheus does not allow, or one that is used
    // for another kind.
    Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
    Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {},
                         std::span<const double> upper_bounds = seconds_buckets);

    // For names from outside: a sentence says what is wrong instead.
    template <class T>
    using Found = boost::system::result<T*, std::string>;
    Found<Counter> find_counter(std::string_view name, std::string_view help, const Labels& labels);
    Found<Histogram> find_histogram(std::string_view name, std::string_view help,
                                    const Labels& labels,
                                    std::span<const double> upper_bounds = seconds_buckets);

    // Everything, families in order of name: the body of GET /metrics.
    std::string text() const;
    std::size_t series() const;

 private:
    enum class Kind { counter, gauge, histogram };
    struct Family;
    template <class T>
    Found<T> find(Kind kind, std::string_view name, std::string_view help, const Labels& labels,
                  std::span<const double> upper_bounds);

    const Limits limits_;
    mutable std::mutex mutex_;  // guards the maps, not the values
    std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace parley::metrics
