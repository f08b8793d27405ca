// first_process.hpp: what falls to us when we are the first process of a container.
//
// The system treats number 1 of a pid namespace differently: a signal it does not handle does not end
// it, and it becomes the parent of every process there whose own parent has ended (a shell of
// `docker exec`, a health check that took too long), which stays a zombie until it is asked for.
//
// Thread: main, which starts nothing itself.
#pragma once

namespace parley::app {

bool is_first_process();

// Until StopSignal handles them, SIGTERM and SIGINT end us as they end any other process.
void end_on_signals_as_others_do();

// Those that ended since. Only children that were given to this thread, never one that another
// thread has started and waits for.
void reap_orphans();

}  // namespace parley::app
