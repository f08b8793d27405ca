// twiml.hpp: reads the TwiML that a voice webhook answers with, as strictly as Twilio does and a
// little more.
//
// Names are case-sensitive, unknown elements and attributes are errors, a stream's URL must be
// wss:// (ws:// only where allowed), `track` must be inbound_track under <Connect>, and a
// parameter's name and value together must stay under 500 characters. The verbs a conversation
// needs are understood; others are refused by name. Pure functions.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::sim {

struct TwimlVerb {
    enum class Kind { say, pause, redirect, hangup, reject, connect };

    Kind kind = Kind::hangup;
    std::string text = {};        // say: the words; redirect: the URL; reject: the reason
    std::string method = "POST";  // redirect, connect
    milliseconds length{1'000};   // pause
    std::string action = {};      // connect; empty: go on with the next verb
    std::string stream_url = {};  // without a query, which Twilio drops
    std::string stream_name = {};
    std::vector<std::pair<std::string, std::string>> parameters = {};
};

struct Twiml {
    std::vector<TwimlVerb> verbs;
    std::vector<std::string> warnings;  // accepted, but surely not meant
};

enum class StreamScheme { wss_only, ws_too };

Checked<Twiml> parse_twiml(std::string_view xml, StreamScheme scheme);

}  // namespace parley::sim
