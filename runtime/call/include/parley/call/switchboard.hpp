// switchboard.hpp: the calls of this process: announced, claimed, live, ended.
//
// A webhook announces a call and gets a one-time token; the media stream that brings the token
// claims it. A stream without a valid token never reaches a session, so it costs nothing upstream.
//
// Thread: announce, live, drain from any thread (a mutex, never on the audio path); claim on the
// home thread.
#pragma once

#include <parley/call/session.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace parley::call {

class Switchboard {
 public:
    struct Options {
        std::size_t calls_max = 2'000;  // more are answered "busy"
        // Twilio opens the stream within a second; a token is no key for later
        std::chrono::seconds claim_within{60};
        std::chrono::seconds return_within{30};  // likewise, after a transfer that nobody took
        // how long calls may go on after drain(), before they are wrapped up
        std::chrono::seconds drain_limit{30};
    };
    struct Announced {
        std::string token;  // 128 random bits, hexadecimal, for one use
        std::size_t home;   // index of the io thread the call lives on
    };
    enum class Refusal { busy, draining, unknown_agent, duplicate };

    using MakeParts = std::function<Checked<Session::Parts>(const CallInfo&, std::size_t home)>;

    // `homes`: the executors of the io threads. `load_changed(home, +1 or -1)` as calls come and
    // go.
    Switchboard(Options options, std::vector<boost::asio::any_io_executor> homes,
                MakeParts make_parts, std::function<std::size_t()> choose_home,
                std::function<void(std::size_t, int)> load_changed);
    ~Switchboard();
    Switchboard(const Switchboard&) = delete;
    Switchboard& operator=(const Switchboard&) = delete;

    // Starts the session on its home (agent prepared, engine connecting) before the caller's stream
    // is here. The same call announced again within claim_within (a retried webhook) gets a new
    // token for the same session.
    boost::system::result<Announced, Refusal> announce(CallInfo info);

    // On io thread `home`: the session announced under `token`, once; nothing for an unknown, used
    // or expired token or another call_sid. A stream that came to another thread gets a new session
    // on its own thread; one that brings a caller back must come to the thread of their session.
    std::shared_ptr<Session> claim(std::string_view token, std::string_view call_sid,
                                   std::size_t home);

    // A transfer of this call is over. Where nobody took it the caller comes back to the agent: the
    // token is for the stream that brings them. Nothing: the call is over, or was not handed over.
    std::optional<Announced> transfer_ended(std::string_view call_sid, TransferEnded ended);
    // The caller has gone while the carrier had the line: handed over, or its stream never opened. A
    // call whose stream is there goes on.
    void caller_left(std::string_view call_sid);

    // How a call ended: its outcome and reason, while remembered (the last 1,000 calls).
    std::optional<Finish> ending_of(std::string_view call_sid) const;

    std::size_t live_count() const;
    bool is_draining() const;  // new calls are refused
    // `done` on an io thread
    void snapshots(std::function<void(std::vector<Session::Snapshot>)> done) const;

    // Ends one call: after these last words, or at once when there are none. False: there is none
    // of that name.
    bool end(const std::string& call_sid, std::string words);

    // Puts a caller through to somebody else, after these words. False: there is no such call.
    bool transfer(const std::string& call_sid, TransferAsked asked);

    // Each session on its own thread, soon.
    void for_each(std::function<void(Session&)> visit) const;

    // Refuses new calls; lets go those that are handed over; wraps up those still there after
    // drain_limit; `done` once none is left and every agent has had its last word.
    void drain(std::function<void()> done);

 private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

[[noreturn]] void throw_exception_from_error(Switchboard::Refusal refusal,
                                             const boost::source_location&);

}  // namespace parley::call
