// live.hpp: the live view: what happens in the calls, told to everyone who watches.
//
// A subscriber of the journal with a thread of its own. Four times a second it takes what has come,
// asks the io threads once for the states of their calls, and makes one piece of text of what is
// new; all viewers are sent that same piece. So a viewer costs an io thread one write for each
// piece, and calls with their audio never wait for a viewer: one who does not keep up is
// disconnected and may come back with the id of the last event it saw.
//
// Owner:  serve(); outlives every session and the server.
// Thread: any, but start() and stop(); on_entry() copies the entry and returns.
// End:    stop(), or the destructor; streams are ended by the server.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/net/http.hpp>
#include <parley/ops/board.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace parley::ops {

class Live final : public call::journal::Subscriber {
 public:
    struct Options {
        std::chrono::milliseconds tick{250};
        std::chrono::milliseconds lists_every{1'000};  // active_calls, metrics, call_history
        std::chrono::seconds alive_every{10};          // the event `alive`
        std::size_t entries_queued_max = 20'000;  // beyond it the newest are dropped and counted
        std::size_t viewers_max = 200;
        std::size_t events_kept_max = 2'000;  // for those who come back
        std::size_t event_bytes_kept_max = 4 * 1024 * 1024;
    };
    // Called on the thread of the live view; `done` once, from any thread, with all running calls.
    using Look = std::function<void(std::function<void(std::vector<Board::Seen>)> done)>;
    // Something else that viewers are to know, as an event of that name. Asked on the thread of the
    // live view, once per `lists_every` while somebody watches; nothing: it is as it was.
    struct Extra {
        std::string name;
        std::function<std::optional<json::value>()> make;
    };

    Live() : Live(Options()) {}
    explicit Live(Options options);
    ~Live() override;

    void start(Look look, Board::Past past, std::vector<Extra> extras = {});
    void stop();

    void on_entry(const call::journal::Entry& entry) override;

    // The events as they happen (SSE). `last_id`: the Last-Event-ID of one who comes back.
    net::Response watch(std::optional<std::string_view> last_id);
    // One unnamed event for each entry of a running call's transcript; nothing for other calls.
    std::optional<net::Response> watch_transcript(std::string_view call_sid);

    // JSON, at most a tick old.
    enum class List { active, metrics };
    std::string text(List list) const;
    // One of the active calls.
    std::optional<json::object> active(std::string_view call_sid) const;
    std::size_t viewers() const;
    std::uint64_t entries_dropped() const;

 private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace parley::ops
