// body_stream.hpp: the body of a response that is written piece by piece: events, audio as it is
// made.
//
// Put into Response::stream, it is sent as it comes, chunked for HTTP/1.1 clients; what stands in
// Response::body goes first. A piece may be shared by many streams: nothing is copied.
//
// Owner:  whoever writes, and the connection. The writer ends it by finish() or abort(), whatever
//         happens: otherwise the client waits.
// Thread: every member from any thread; write() completes where it was awaited.
// End:    finish(), the client goes, it does not keep up, or the server closes. Then is_open() is
//         false and what is sent is dropped. A server that closes sends what is queued and ends the
//         answer in good order.
#pragma once

#include <parley/core/task.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace parley::net {

struct BodyStreamLimits {
    // send(): a client with more than this waiting does not keep up and is disconnected
    std::size_t queue_bytes_max = 1024 * 1024;
    // write(): goes on when no more than this is waiting
    std::size_t write_ahead_bytes_max = 64 * 1024;
};

class BodyStream {
 public:
    using Piece = std::shared_ptr<const std::string>;

    explicit BodyStream(BodyStreamLimits limits = {}) : limits_(limits) {}
    BodyStream(const BodyStream&) = delete;
    BodyStream& operator=(const BodyStream&) = delete;

    // Never waits: for what must not wait for a client. False once the stream is over.
    bool send(Piece piece);
    bool send(std::string piece);
    // Waits until the client has taken most of what was written: for what can wait, such as a
    // download. False once the stream is over.
    Task<bool> write(std::string piece);
    // The answer ends after what is queued.
    void finish();
    // The answer breaks off, so that the client sees that it is not whole.
    void abort();

    bool is_open() const;
    std::size_t queued_bytes() const;
    // Called once, from any thread, when the stream is over; at once if it is already.
    void on_over(std::function<void()> over);

 private:
    friend class HttpConnection;
    enum class State { open, finished, over, overrun };

    // For the connection. `wake` is called from any thread when there is something to take; empty
    // from the connection's end on.
    void attach(std::function<void()> wake);
    struct Taken {
        std::vector<Piece> pieces;
        State state = State::open;
    };
    Taken take();
    void taken_away();  // what was taken is with the system now
    bool is_broken() const;
    void close(State state);

    bool put(Piece piece);
    void signal(std::unique_lock<std::mutex> lock);

    const BodyStreamLimits limits_;
    mutable std::mutex mutex_;
    State state_ = State::open;
    std::deque<Piece> queue_;
    std::size_t queued_ = 0;   // bytes in queue_
    std::size_t in_hand_ = 0;  // bytes taken and not yet written
    bool is_woken_ = false;    // and has not taken since
    std::function<void()> wake_;
    std::function<void()> over_;
    std::function<void()> writer_;  // waits for room
};

}  // namespace parley::net
