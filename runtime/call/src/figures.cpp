#include <parley/call/figures.hpp>

#include <array>

namespace parley::call {
namespace {

// Twilio waits some seconds for its document, and a caller for the first word about as long.
constexpr std::array set_up_bounds{0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0};

metrics::Histogram& set_up(metrics::Registry& registry, const char* stage) {
    return registry.histogram("parley_call_setup_duration_seconds",
                              "From the carrier's webhook until the call got so far.",
                              {{"stage", stage}}, set_up_bounds);
}

metrics::Counter& refused(metrics::Registry& registry, const char* reason) {
    return registry.counter("parley_calls_refused_total", "Calls that no agent answered.",
                            {{"reason", reason}});
}

metrics::Counter& lost(metrics::Registry& registry, const char* reason) {
    return registry.counter("parley_audio_lost_seconds_total",
                            "Audio that did not reach the model or the caller.",
                            {{"reason", reason}});
}

metrics::Counter& filled(metrics::Registry& registry, const char* reason) {
    return registry.counter("parley_audio_filled_seconds_total",
                            "Silence put in where the caller's audio was missing.",
                            {{"reason", reason}});
}

}  // namespace

Figures::Figures(metrics::Registry& registry)
    : until_stream(set_up(registry, "stream")),
      until_model(set_up(registry, "model")),
      until_audio(set_up(registry, "audio")),
      refused_busy(refused(registry, "busy")),
      refused_draining(refused(registry, "draining")),
      refused_no_agent(refused(registry, "no_agent")),
      lost_not_connected(lost(registry, "not_connected")),
      lost_slow_provider(lost(registry, "slow_provider")),
      lost_out_of_order(lost(registry, "out_of_order")),
      lost_queue_full(lost(registry, "queue_full")),
      filled_gap(filled(registry, "gap")),
      filled_stall(filled(registry, "stall")) {}

}  // namespace parley::call
