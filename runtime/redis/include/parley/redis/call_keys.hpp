// call_keys.hpp: what a journal entry changes in Redis, as commands.
//
// Keys, their forms and lifetimes are those that readers of these keys know:
//   active_call:SID     JSON, for an hour since the last change; gone when the call is over
//   transcript:SID      list of JSON, for a day since the last entry
//   call_history        sorted set of JSON by the time of the end, the last 500
//   metrics:NAME        list of JSON, newest first, 100; audio_processing_latency, tool_execution,
//                       call_duration
//   counter:NAME        total_calls, appointments_booked
//
// Sans-I/O. Thread: one at a time.
#pragma once

#include <parley/call/facts.hpp>
#include <parley/call/journal.hpp>

#include <map>
#include <string>
#include <vector>

namespace parley::redis {

using Command = std::vector<std::string>;

class CallKeys {
 public:
    // `instance`: stands in each active call, so that a service finds its own.
    explicit CallKeys(std::string instance) : instance_(std::move(instance)) {}

    std::vector<Command> on(const call::journal::Entry& entry);

    // What the journal does not tell of a running call: its stream, and who is speaking.
    struct Seen {
        std::string call_sid, stream_sid, state;
    };
    std::vector<Command> see(const std::vector<Seen>& calls);

    struct Active {
        std::string call_sid;
        Command set;                          // as it stands now
        std::vector<std::string> transcript;  // all of it so far
    };
    // For a server that has lost its memory.
    std::vector<Active> active() const;
    bool is_active(std::string_view call_sid) const {
        return calls_.find(call_sid) != calls_.end();
    }

    static constexpr std::size_t transcript_max = 2'000;  // entries of one call that are remembered

 private:
    struct Call {
        std::string number, stream_sid;
        WallTime started = {};
        WallTime last = {};
        int tools_running = 0;
        bool is_speaking = false;  // the agent
        call::Facts facts;
        std::vector<std::string> transcript;
    };
    Command set_active(const std::string& call_sid, const Call& call) const;
    void say(std::vector<Command>& to, const std::string& call_sid, Call& call, json::object entry);
    std::vector<Command> over(const std::string& call_sid, Call& call,
                              const call::journal::CallEnded& ended, WallTime at);

    const std::string instance_;
    std::map<std::string, Call, std::less<>> calls_;
};

}  // namespace parley::redis
