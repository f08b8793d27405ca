// recorder.hpp: whoever keeps what goes into a conversation and what comes out of it, so that the
// call can be replayed.
//
// Owner:  the call's Session, which outlives its agent, engine and channel no longer than the
// recorder.
// Thread: the call's. Must not block: this is the audio path.
// End:    destroyed with the session.
#pragma once

#include <parley/call/events.hpp>
#include <parley/call/ports.hpp>

#include <vector>

namespace parley::call {

class Recorder {
 public:
    virtual ~Recorder() = default;
    // The conversation begins.
    virtual void begun(const CallInfo& info, TimePoint now) = 0;
    // The agent is ready; told before the event that says so.
    virtual void prepared(const AgentProfile& profile) = 0;
    // An event has been handled, and these commands came of it. Views are valid during the call.
    virtual void handled(const Event& event, TimePoint now,
                         const std::vector<Command>& commands) = 0;
};

}  // namespace parley::call
