// twiml.hpp: the few TwiML documents we answer with. All values are escaped; nothing can break out
// of them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::telephony::twiml {

// For text and attributes alike; characters XML does not allow are dropped, invalid UTF-8 is
// replaced.
std::string escaped(std::string_view text);

// What Twilio speaks itself; an empty voice or language is the account's own.
struct Say {
    std::string text;
    std::string voice = {};
    std::string language = {};
};

struct Stream {
    std::string url;     // wss://host/path, without a query: Twilio drops it
    std::string action;  // asked when the stream has ended; absolute
    // Twilio wants name and value together under 500 characters; a longer value is shortened.
    std::vector<std::pair<std::string, std::string>> parameters = {};
};

// Somebody else who is called and joined with the caller.
struct Dial {
    std::string number;          // E.164
    std::string action;          // asked when it is over; absolute
    std::string caller_id = {};  // E.164; empty: the caller's own number
    std::chrono::seconds ring_limit{20};
    // of what the called one hears first; empty: joined at once
    std::string briefing_url = {};
};

// A greeting without text is none.
std::string connect(const Stream& stream, const Say& greeting = {});
std::string say_and_hang_up(std::string_view sentence);
std::string reject_busy();
std::string hang_up();
std::string dial(const Dial& dial);
// Says it, and asks `action` when a key is pressed; hangs up when none is.
std::string ask_for_key(std::string_view sentence, std::string_view action);
std::string go_on();  // nothing more to be said

}  // namespace parley::telephony::twiml
