// figures.hpp: what is counted of calls beside their journal: how long they take to be set up, calls
// that were not taken, and audio that was lost or made up.
//
// Every series is made here, so that adding to one takes no lock: also where audio passes.
//
// Owner:  app; outlives every session, stream and engine. Thread: any.
#pragma once

#include <parley/core/metrics.hpp>

#include <cstddef>

namespace parley::call {

struct Figures {
    explicit Figures(metrics::Registry& registry);

    // From the announcement of a call, which the carrier's webhook makes, until
    metrics::Histogram& until_stream;  // the caller's stream is there
    metrics::Histogram& until_model;   // the model can speak for the first time
    metrics::Histogram& until_audio;   // the first audio for the caller goes out

    metrics::Counter& refused_busy;
    metrics::Counter& refused_draining;
    metrics::Counter& refused_no_agent;

    // Seconds of the caller's audio that the model does not get,
    metrics::Counter& lost_not_connected;  // because it is not there yet, or not any more
    metrics::Counter& lost_slow_provider;  // because the provider does not read
    metrics::Counter& lost_out_of_order;   // because it came late or twice
    // and of the model's that the caller does not get.
    metrics::Counter& lost_queue_full;
    // Seconds of silence that the model got instead of audio which
    metrics::Counter& filled_gap;    // the carrier has left out
    metrics::Counter& filled_stall;  // did not come for a while

    // Of telephone audio: one byte is a sample.
    static double seconds_of(std::size_t bytes) { return static_cast<double>(bytes) / 8'000; }
};

}  // namespace parley::call
