// twiml.hpp: the few TwiML documents we answer with. All values are escaped; nothing can break out
// of them.
#pragma once

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

// A greeting without text is none.
std::string connect(const Stream& stream, const Say& greeting = {});
std::string say_and_hang_up(std::string_view sentence);
std::string reject_busy();
std::string hang_up();

}  // namespace parley::telephony::twiml
