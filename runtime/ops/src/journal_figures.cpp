#include <parley/ops/journal_figures.hpp>

#include <array>

namespace parley::ops {
namespace {

namespace journal = call::journal;

// Below 0.3 s an answer comes like a person's, from 1 s on callers ask whether anybody is there, and
// after 5 s they have heard "One moment, please."
constexpr std::array latency_bounds{0.1, 0.2, 0.3,  0.4, 0.5, 0.6, 0.7,
                                    0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0};
// From wrong numbers to the longest calls.
constexpr std::array length_bounds{5.0,   15.0,  30.0,  60.0,   120.0,
                                   180.0, 300.0, 600.0, 1800.0, 3600.0};
// They count from nothing on, so that a first one is seen as a change.
constexpr std::array known_problems{
    "response_failed", "reconnect_failed",  "rotation_failed", "transcription_failed",
    "channel_lost",    "agent_unavailable", "cost_limit",      "bug"};

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1'000; }

metrics::Histogram& latency(metrics::Registry& registry, const char* stage) {
    return registry.histogram("parley_turn_latency_seconds",
                              "From the end of the caller's speech until the answer got so far.",
                              {{"stage", stage}}, latency_bounds);
}

metrics::Counter& restored(metrics::Registry& registry, const char* planned) {
    return registry.counter("parley_provider_reconnects_total",
                            "Connections to the model made anew in a call.",
                            {{"planned", planned}});
}

metrics::Counter& problems(metrics::Registry& registry, std::string what) {
    return registry.counter("parley_call_problems_total",
                            "What went wrong in calls that may have gone on.",
                            {{"what", std::move(what)}});
}

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

}  // namespace

JournalFigures::JournalFigures(metrics::Registry& registry)
    : registry_(registry),
      until_model_(latency(registry, "model")),
      until_line_(latency(registry, "line")),
      call_lengths_(registry.histogram("parley_call_duration_seconds", "How long calls lasted.", {},
                                       length_bounds)),
      interruptions_(
          registry.counter("parley_interruptions_total", "How often callers cut the agent off.")),
      cost_usd_(registry.counter("parley_cost_usd_total", "What all calls have cost.")),
      losses_(registry.counter("parley_provider_losses_total",
                               "Connections to the model lost in a call.")),
      restored_(restored(registry, "false")),
      renewed_(restored(registry, "true")) {
    for (const auto* what : known_problems) problems(registry, what);
}

void JournalFigures::on_entry(const journal::Entry& entry) {
    std::visit(
        Match{
            [this](const journal::CallStarted& each) { take(each); },
            [this](const journal::CallEnded& each) { take(each); },
            [this](const journal::ToolReturned& each) { take(each); },
            [this](const journal::Problem& each) { take(each); },
            [this](const journal::TurnLatency& each) {
                until_model_.observe(seconds(each.model_ms));
                until_line_.observe(seconds(each.first_audio_ms));
            },
            [this](const journal::UsageCounted& each) { cost_usd_.add(each.usage.cost_usd); },
            [this](const journal::Interrupted&) { interruptions_.add(); },
            [this](const journal::ProviderLost&) { losses_.add(); },
            [this](const journal::ProviderRestored& each) {
                (each.planned ? renewed_ : restored_).add();
            },
            [](const auto&) {},
        },
        entry.event);
}

void JournalFigures::take(const journal::CallStarted& event) {
    registry_
        .counter("parley_calls_total", "Calls that have begun.",
                 {{"direction", event.direction}, {"agent", event.agent}})
        .add();
}

void JournalFigures::take(const journal::CallEnded& event) {
    registry_
        .counter("parley_call_outcomes_total", "Calls that are over.",
                 {{"outcome", event.outcome}, {"reason", event.reason}})
        .add();
    call_lengths_.observe(seconds(event.duration_ms));
}

void JournalFigures::take(const journal::ToolReturned& event) {
    auto& errors = registry_.counter("parley_tool_errors_total", "Runs of tools that failed.",
                                     {{"tool", event.name}});
    if (!event.ok) errors.add();
    registry_
        .histogram("parley_tool_duration_seconds", "How long tools ran.", {{"tool", event.name}})
        .observe(seconds(event.duration_ms));
}

void JournalFigures::take(const journal::Problem& event) { problems(registry_, event.what).add(); }

}  // namespace parley::ops
