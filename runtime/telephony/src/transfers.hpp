// transfers.hpp: the callers who are being put through to somebody else.
//
// Where that one hears first what it is about, Twilio asks for it with the name of the transfer, and
// tells which key was pressed; once all is over it asks what is to become of the caller. The two
// come from the calls of two people, and both belong to one transfer. What Twilio asks it may ask
// again, so nothing is forgotten by being asked for.
//
// Owner:  TwilioService. Thread: any.
#pragma once

#include <parley/call/events.hpp>
#include <parley/core/clock.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace parley::telephony {

class Transfers {
 public:
    // What we know ourselves of how one went.
    struct Known {
        bool is_briefed = false;
        bool is_accepted = false;
    };

    // The name of a new one: 128 random bits, hexadecimal. A call has one at a time.
    std::string begin(std::string call_sid, std::string briefing, TimePoint now);
    // Nothing for an unknown name, and where there is nothing to be said.
    std::optional<std::string> briefing_of(std::string_view name) const;
    void accept(std::string_view name);
    Known of_call(std::string_view call_sid) const;

 private:
    struct Open {
        std::string call_sid;
        std::string briefing;
        TimePoint began;
        bool is_accepted = false;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Open, std::less<>> open_;  // by name
};

// How a transfer went, by what Twilio tells at its end.
struct DialResult {
    std::string_view dial_status;  // DialCallStatus
    std::string_view bridged;      // DialBridged; empty: not told
    std::string_view call_status;  // CallStatus, of the caller
};
// Nothing: the caller has hung up meanwhile.
std::optional<call::TransferEnded> how_it_went(const DialResult& result,
                                               const Transfers::Known& known);

}  // namespace parley::telephony
