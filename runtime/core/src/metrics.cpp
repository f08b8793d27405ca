#include <parley/core/metrics.hpp>

#include <parley/core/result.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace parley::metrics {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_escaped(std::string& out, std::string_view text, bool escapes_quotes) {
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && escapes_quotes) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
}

std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    if (std::trunc(value) == value && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
    return fmt::format("{}", value);
}

// `a="x",b="y"`, names in order: the form that is printed is also the key of the series.
std::string key_of(Labels labels, std::size_t value_bytes_max) {
    std::sort(labels.begin(), labels.end());
    std::string key;
    for (const auto& [name, value] : labels) {
        if (!key.empty()) key += ',';
        key += name;
        key += "=\"";
        append_escaped(key, shortened(to_valid_utf8(value), value_bytes_max), true);
        key += '"';
    }
    return key;
}

void append_sample(std::string& out, std::string_view name, std::string_view labels, double value) {
    out += name;
    if (!labels.empty()) out += fmt::format("{{{}}}", labels);
    out += ' ';
    out += number_text(value);
    out += '\n';
}

}  // namespace

bool is_metric_name(std::string_view name) {
    if (name.empty() || !(is_letter(name[0]) || name[0] == ':')) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

bool is_label_name(std::string_view name) {
    if (name.empty() || !is_letter(name[0]) || name.starts_with("__")) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c); });
}

// ---- values -----------------------------------------------------------------------------------

void Counter::add(double amount) {
    if (amount > 0 && std::isfinite(amount)) value_.fetch_add(amount, std::memory_order_relaxed);
}

Histogram::Histogram(std::vector<double> upper_bounds) : bounds_(std::move(upper_bounds)) {
    std::erase_if(bounds_, [](double bound) { return !std::isfinite(bound); });
    std::sort(bounds_.begin(), bounds_.end());
    bounds_.erase(std::unique(bounds_.begin(), bounds_.end()), bounds_.end());
    counts_ = std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1);
}

void Histogram::observe(double value) {
    if (std::isnan(value)) return;
    const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    counts_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::cumulative_counts() const {
    std::vector<std::uint64_t> counts;
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
        so_far += counts_[i].load(std::memory_order_relaxed);
        counts.push_back(so_far);
    }
    return counts;
}

// ---- registry ---------------------------------------------------------------------------------

struct Registry::Family {
    Kind kind = Kind::counter;
    std::string help;
    std::vector<double> bounds;  // of histograms
    std::map<std::string, std::unique_ptr<Counter>> counters;
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
    std::map<std::string, std::unique_ptr<Histogram>> histograms;

    std::size_t size() const { return counters.size() + gauges.size() + histograms.size(); }
    template <class T>
    auto& series() {
        if constexpr (std::is_same_v<T, Counter>) {
            return counters;
        } else if constexpr (std::is_same_v<T, Gauge>) {
            return gauges;
        } else {
            return histograms;
        }
    }
    const char* type() const {
        switch (kind) {
            case Kind::counter: return "counter";
            case Kind::gauge: return "gauge";
            case Kind::histogram: return "histogram";
        }
        return "untyped";
    }
};

Registry::Registry() : Registry(Limits()) {}
Registry::Registry(Limits limits) : limits_(limits) {}
Registry::~Registry() = default;

template <class T>
Registry::Found<T> Registry::find(Kind kind, std::string_view name, std::string_view help,
                                  const Labels& labels, std::span<const double> upper_bounds) {
    const auto refused = [](std::string what) {
        return Found<T>(boost::system::in_place_error, std::move(what));
    };
    if (!is_metric_name(name))
        return refused(
            fmt::format("\"{}\" is not a name; use letters, digits and _", shortened(name, 80)));
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto& label = labels[i].first;
        if (!is_label_name(label) || (kind == Kind::histogram && label == "le"))
            return refused(
                fmt::format("\"{}\" is not the name of a label; use letters, digits and _",
                            shortened(label, 80)));
        for (std::size_t k = 0; k < i; ++k) {
            if (labels[k].first == label)
                return refused(fmt::format("the label \"{}\" is there twice", label));
        }
    }
    std::string key = key_of(labels, limits_.label_value_bytes_max);

    const std::lock_guard lock(mutex_);
    auto found = families_.find(name);
    if (found == families_.end()) {
        if (families_.size() >= limits_.families_max)
            return refused(fmt::format("there are {} metrics already, which is the limit",
                                       limits_.families_max));
        auto family = std::make_unique<Family>();
        family->kind = kind;
        family->help = help;
        family->bounds.assign(upper_bounds.begin(), upper_bounds.end());
        found = families_.emplace(name, std::move(family)).first;
    }
    Family& family = *found->second;
    if (family.kind != kind) return refused(fmt::format("{} is a {} already", name, family.type()));
    auto& all = family.template series<T>();
    auto one = all.find(key);
    if (one == all.end() && family.size() >= limits_.series_per_family_max) {
        key = R"(overflow="true")";
        one = all.find(key);
    }
    if (one == all.end()) {
        std::unique_ptr<T> made;
        if constexpr (std::is_same_v<T, Histogram>) {
            made = std::make_unique<T>(family.bounds);
        } else {
            made = std::make_unique<T>();
        }
        one = all.emplace(std::move(key), std::move(made)).first;
    }
    return Found<T>(boost::system::in_place_value, one->second.get());
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
    const auto found = find<Counter>(Kind::counter, name, help, labels, {});
    if (!found) throw Bug(found.error());
    return **found;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
    const auto found = find<Gauge>(Kind::gauge, name, help, labels, {});
    if (!found) throw Bug(found.error());
    return **found;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, const Labels& labels,
                               std::span<const double> upper_bounds) {
    const auto found = find<Histogram>(Kind::histogram, name, help, labels, upper_bounds);
    if (!found) throw Bug(found.error());
    return **found;
}

Registry::Found<Counter> Registry::find_counter(std::string_view name, std::string_view help,
                                                const Labels& labels) {
    return find<Counter>(Kind::counter, name, help, labels, {});
}

Registry::Found<Histogram> Registry::find_histogram(std::string_view name, std::string_view help,
                                                    const Labels& labels,
                                                    std::span<const double> upper_bounds) {
    return find<Histogram>(Kind::histogram, name, help, labels, upper_bounds);
}

// Only what there is is looked up under the lock; nothing is ever taken away, and values need none. So
// nobody who looks for a series waits for a text to be written.
std::string Registry::text() const {
    struct Seen {
        std::string_view name;
        const Family* family;
        std::vector<std::pair<std::string_view, const Counter*>> counters;
        std::vector<std::pair<std::string_view, const Gauge*>> gauges;
        std::vector<std::pair<std::string_view, const Histogram*>> histograms;
    };
    std::vector<Seen> all;
    {
        const std::lock_guard lock(mutex_);
        all.reserve(families_.size());
        for (const auto& [name, family] : families_) {
            auto& seen = all.emplace_back(Seen{.name = name, .family = family.get()});
            const auto add = [](const auto& series, auto& to) {
                to.reserve(series.size());
                for (const auto& [labels, one] : series) to.emplace_back(labels, one.get());
            };
            add(family->counters, seen.counters);
            add(family->gauges, seen.gauges);
            add(family->histograms, seen.histograms);
        }
    }
    std::string out;
    for (const auto& seen : all) {
        out += fmt::format("# HELP {} ", seen.name);
        append_escaped(out, to_valid_utf8(seen.family->help), false);
        out += fmt::format("\n# TYPE {} {}\n", seen.name, seen.family->type());
        for (const auto& [labels, counter] : seen.counters)
            append_sample(out, seen.name, labels, counter->value());
        for (const auto& [labels, gauge] : seen.gauges)
            append_sample(out, seen.name, labels, gauge->value());
        for (const auto& [labels, histogram] : seen.histograms) {
            const auto counts = histogram->cumulative_counts();
            const auto bucket = fmt::format("{}_bucket", seen.name);
            const auto prefix = labels.empty() ? std::string() : fmt::format("{},", labels);
            for (std::size_t i = 0; i < counts.size(); ++i) {
                const bool is_last = i + 1 == counts.size();
                const std::string bound = is_last ? "+Inf" : number_text(histogram->bounds()[i]);
                append_sample(out, bucket, fmt::format("{}le=\"{}\"", prefix, bound),
                              static_cast<double>(counts[i]));
            }
            append_sample(out, fmt::format("{}_sum", seen.name), labels, histogram->sum());
            append_sample(out, fmt::format("{}_count", seen.name), labels,
                          static_cast<double>(counts.back()));
        }
    }
    return out;
}

std::size_t Registry::series() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [name, family] : families_) count += family->size();
    return count;
}

}  // namespace parley::metrics
