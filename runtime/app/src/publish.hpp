// publish.hpp: what the parts of a service have to tell of themselves, put into the registry when
// somebody asks for GET /metrics.
//
// Thread: any, but for the dialler's.
#pragma once

#include <parley/core/metrics.hpp>
#include <parley/ops/live.hpp>
#include <parley/outbound/dialler.hpp>
#include <parley/store/store.hpp>

namespace parley::app {

// For store::Options.
metrics::Histogram& store_write_seconds(metrics::Registry& registry);
void publish(metrics::Registry& registry, const store::Store& store);
void publish(metrics::Registry& registry, const ops::Live& live);
void publish(metrics::Registry& registry, const outbound::Dialler& dialler);  // on its home

}  // namespace parley::app
