// model_script.hpp: what the simulated model says and does, as data. `examples/demo/model.yaml`
// shows every key.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::sim {

// A failure on request. Which connection and which answer it hits is counted, so a test can say
// "the second connection breaks in the middle of its first answer".
struct InjectedFault {
    enum class Kind {
        refuse_http,         // the upgrade is answered with `http_status`
        refuse_key,          // 101, then error invalid_api_key and close 3000
        refuse_model,        // 101, then error invalid_model and close 4000
        refuse_connection,   // the port is closed from this connection on, until listen_again()
        drop,                // the TCP connection breaks, without a close frame
        close_1011,          // the server closes with 1011
        stall,               // from here on nothing more is sent
        rate_limit,          // the response fails with rate_limit_exceeded, "try again in 0.5s"
        insufficient_quota,  // the response fails with insufficient_quota
        server_error,        // the response fails with a server error
        // the session expires `after` its beginning: session_expired, close 1001
        expire,
        late_deltas,          // after speech_started or a cancel, some queued audio still comes
        unknown_event,        // an event of a type nobody knows
        huge_event,           // an unknown event of one megabyte
        null_usage,           // response.done without usage
        obfuscation,          // deltas carry a random `obfuscation` field
        invalid_json,         // a frame which is not JSON
        transcription_failed  // the transcription of the caller's words fails
    };
    static constexpr int any = -1;

    Kind kind = Kind::drop;
    int session = any;  // counting connections from 1
    // counting the session's responses from 1 (the greeting is usually 1)
    int response = any;
    int turn = any;         // counting the script's turns from 1; 0 is the greeting
    milliseconds after{0};  // after that much audio of the response (expire: of the session)
    int http_status = 500;
    int times = 1;  // how often per session; 0 means always
};

// "drop", "drop:session=1,response=2,after_ms=400": the form of --fault.
Checked<InjectedFault> parse_fault(std::string_view text);

struct ModelTurn {
    struct Call {
        std::string tool;
        json::object arguments;  // strings in it are templates
    };
    std::string heard;        // what the caller said: the text of transcription.completed
    std::string says;         // template
    std::vector<Call> calls;  // after what is said, in the same response
    // variable, template; once the results are there
    std::vector<std::pair<std::string, std::string>> remember;
    // of an alternative: "result.success", "not result.success"; empty: always
    std::string when;
    std::vector<ModelTurn> then;  // after the results: the first alternative that applies
};

struct ModelScript {
    std::string greeting = "from_instructions";  // or "none", or the sentence itself
    std::string fallback_says = "I am sorry, I did not catch that.";
    std::string voice = "en-us+f3";  // of espeak-ng
    int words_per_minute = 180;
    // audio is produced this much faster than it sounds; 0: all at once
    double speed = 8;
    milliseconds delta{100};                // audio in one delta
    milliseconds think{120};                // response.created to the first word
    milliseconds transcription_delay{300};  // committed to transcription.completed
    std::vector<ModelTurn> turns;
    // part of a system text, and what is said to it when the client then asks for an answer
    std::vector<std::pair<std::string, std::string>> told;
    std::vector<InjectedFault> faults;

    // `file` is only for messages.
    static Checked<ModelScript> parse(std::string_view yaml, std::string_view file);
    static Checked<ModelScript> load(const std::string& path);
};

}  // namespace parley::sim
