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
    enum class Kind { say, pause, redirect, hangup, reject, connect, gather, dial };

    Kind kind = Kind::hangup;
    // say: the words; redirect: the URL; reject: the reason; dial: the number
    std::string text = {};
    std::string method = "POST";  // redirect, connect, gather, dial
    // pause; gather: without a key; dial: of ringing
    milliseconds length{1'000};
    std::string action = {};      // connect, gather, dial; empty: go on with the next verb
    std::string stream_url = {};  // without a query, which Twilio drops
    std::string stream_name = {};
    std::vector<std::pair<std::string, std::string>> parameters = {};
    std::vector<TwimlVerb> nested = {};  // gather: say and pause, while keys are awaited
    int digits_max = 0;                  // gather; 0: until `#`
    std::string caller_id = {};          // dial; empty: the caller's own number
    std::string number_url = {};         // dial: what the called one hears first
    std::string number_method = "POST";  // dial
    milliseconds talk_max{14'400'000};   // dial
};

struct Twiml {
    std::vector<TwimlVerb> verbs;
    std::vector<std::string> warnings;  // accepted, but surely not meant
};

enum class StreamScheme { wss_only, ws_too };

Checked<Twiml> parse_twiml(std::string_view xml, StreamScheme scheme);

}  // namespace parley::sim
