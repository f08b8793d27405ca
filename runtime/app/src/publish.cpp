#include "publish.hpp"

#include "totals.hpp"

namespace parley::app {

metrics::Histogram& store_write_seconds(metrics::Registry& registry) {
    return registry.histogram("parley_store_write_duration_seconds",
                              "How long writing some journal entries into the database took.");
}

void publish(metrics::Registry& registry, const store::Store& store) {
    const auto health = store.health();
    registry
        .gauge("parley_store_failing",
               "1 while the database takes no entries; they wait, and are tried again.")
        .set(health.is_well ? 0 : 1);
    registry
        .gauge("parley_store_entries_waiting", "Journal entries that are not in the database yet.")
        .set(static_cast<double>(health.entries_queued));
    registry
        .gauge("parley_store_queries_waiting",
               "Statements, of scripts mostly, that wait for the database's thread.")
        .set(static_cast<double>(health.queries_queued));
    bring_to(registry.counter("parley_store_write_failures_total",
                              "Failed attempts to write journal entries since the start."),
             health.writes_failed);
    bring_to(
        registry.counter("parley_store_entries_lost_total",
                         "Journal entries given up since the start; their calls are incomplete."),
        health.entries_lost);
}

void publish(metrics::Registry& registry, const ops::Live& live) {
    registry.gauge("parley_dashboard_viewers", "Who follows the dashboard's events.")
        .set(static_cast<double>(live.viewers()));
    bring_to(registry.counter("parley_dashboard_entries_dropped_total",
                              "Journal entries that the dashboard does not know of."),
             live.entries_dropped());
}

void publish(metrics::Registry& registry, const outbound::Dialler& dialler) {
    registry.gauge("parley_outbound_attempts_waiting", "Calls to people that wait for their turn.")
        .set(static_cast<double>(dialler.waiting_count()));
    registry
        .gauge("parley_outbound_calls_active",
               "Calls to people that are being placed, ring or are in progress.")
        .set(static_cast<double>(dialler.live_count()));
}

}  // namespace parley::app
