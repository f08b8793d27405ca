// relay.hpp: the floor: two Beast WebSockets a call, frames passed on as they are.
#pragma once

#include <cstdint>

namespace parley::bench {

// Serves on `port` until killed; every connection gets one of its own to
// ws://127.0.0.1:`upstream`/.
int run_relay(std::uint16_t port, std::uint16_t upstream);

}  // namespace parley::bench
