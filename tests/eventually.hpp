// eventually.hpp: waiting for what another thread or process does, without guessing how long.
#pragma once

#include <parley/core/clock.hpp>

#include <condition_variable>
#include <mutex>

namespace parley {

template <class Condition>
bool eventually(Condition holds, milliseconds limit = milliseconds(40'000)) {
    const auto deadline = Clock::now() + limit;
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    while (!holds()) {
        if (Clock::now() > deadline) return false;
        never.wait_for(lock, milliseconds(2));
    }
    return true;
}

}  // namespace parley
