// journal_figures.hpp: what the calls' journal tells, counted for Prometheus.
//
// Most series are made at once, so that adding to one takes no lock. Those of a name (an agent, a
// tool, an outcome) are looked up in the registry, whose lock is held for a moment only. How many
// they may be is the registry's limit.
//
// Owner:  serve(); outlives every session. Thread: any.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/metrics.hpp>

namespace parley::ops {

class JournalFigures final : public call::journal::Subscriber {
 public:
    explicit JournalFigures(metrics::Registry& registry);

    void on_entry(const call::journal::Entry& entry) override;

 private:
    void take(const call::journal::CallStarted& event);
    void take(const call::journal::CallEnded& event);
    void take(const call::journal::ToolReturned& event);
    void take(const call::journal::Problem& event);

    metrics::Registry& registry_;
    metrics::Histogram& until_model_;
    metrics::Histogram& until_line_;
    metrics::Histogram& call_lengths_;
    metrics::Counter& interruptions_;
    metrics::Counter& cost_usd_;
    metrics::Counter& losses_;
    metrics::Counter& restored_;
    metrics::Counter& renewed_;
};

}  // namespace parley::ops
