// playout.hpp: the way of the agent's speech to the caller's ear, and the ledger of what was heard.
//
// Problem: a model speaks faster than real time, so what was received is not what was sent, and
// what was sent is not what was heard. On barge-in the model must be told exactly what the caller
// heard.
// Idea: one byte stream per call. Speech is queued, sent in whole 20 ms frames a small lead ahead
// of real time, with a mark now and then. An echoed mark says "heard up to here"; between marks the
// clock fills in, never past what was sent.
// Cost: what has not been sent is kept in memory (8 KB a second of µ-law), up to `queued_max`.
#pragma once

#include <parley/call/events.hpp>

#include <chrono>
#include <deque>
#include <string>
#include <vector>

namespace parley::call {

class Playout {
 public:
    struct Options {
        std::size_t bytes_per_ms = 8;  // G.711 at 8 kHz
        std::uint8_t silence = 0xFF;   // of µ-law; 0x00 would be a click
        milliseconds frame{20};
        // sent ahead of real time; also the most a clear can be too late by
        milliseconds lead{200};
        milliseconds refill{40};        // what one steady message carries
        milliseconds message_max{100};  // what one message may carry at most
        milliseconds mark_every{240};
        // an echo this late will not come: what was sent counts as heard
        milliseconds mark_grace{2'000};
        milliseconds queued_max{5 * 60'000};  // beyond it what arrives is dropped and counted
    };
    // How one item of the agent's speech fared.
    struct Heard {
        std::string item_id;
        std::string response_id;
        int content_index = 0;
        std::int64_t heard_ms = 0;
        std::int64_t received_ms = 0;
        bool is_local = false;  // a phrase of ours, unknown to the engine
    };

    explicit Playout(Options options) : options_(options) {}

    // Queues speech; consecutive audio of one item and content part belongs together.
    void add(std::string_view response_id, std::string_view item_id, int content_index,
             Bytes audio);
    void add_local(std::string_view name, Bytes audio);
    // No more audio will come for what was added last: its tail is padded to a whole frame.
    void finish_item();

    // Appends Play and SendMark commands for what is due. Views stay valid until the next non-const
    // call.
    void send_due(TimePoint now, std::vector<Command>& out);
    // When send_due or take_heard has something to do next; TimePoint::max() when nothing is queued
    // or unheard.
    TimePoint next_due() const;

    void mark_played(std::uint32_t mark, TimePoint now);
    // Items whose audio is finished and has been heard to the end since the last call.
    std::vector<Heard> take_heard(TimePoint now);
    // Forgets everything queued and sent; returns the items the caller has not heard to the end, in
    // order. Marks still out are cancelled.
    std::vector<Heard> interrupt(TimePoint now);

    // nothing queued, and all that was sent has been heard
    bool is_idle(TimePoint now) const;
    bool is_audible(TimePoint now) const;  // the caller hears the agent now
    std::int64_t dropped_ms() const;
    milliseconds queued() const { return milliseconds(to_ms(waiting())); }  // not sent yet

 private:
    struct Item {
        std::string response_id;
        std::string item_id;
        int content_index = 0;
        bool is_local = false;
        bool is_finished = false;
        std::uint64_t start = 0;  // position in the byte stream of the call
        std::uint64_t size = 0;   // without padding
        std::uint64_t end = 0;    // with padding
    };
    struct Mark {
        std::uint32_t id;
        std::uint64_t position;
    };

    void append(Bytes audio);
    void begin_item(Item item);
    Heard heard_of(const Item& item, std::uint64_t heard) const;
    std::uint64_t heard_position(TimePoint now) const;
    bool is_confirmed(std::uint64_t position, TimePoint now) const;
    bool owes_last_mark() const;
    std::size_t waiting() const { return queue_.size() - queue_head_; }
    std::size_t whole_frames() const { return waiting() / frame_bytes() * frame_bytes(); }
    std::size_t frame_bytes() const { return to_bytes(options_.frame); }
    std::size_t to_bytes(milliseconds span) const {
        return static_cast<std::size_t>(span.count()) * options_.bytes_per_ms;
    }
    std::int64_t to_ms(std::uint64_t bytes) const {
        return static_cast<std::int64_t>(bytes / options_.bytes_per_ms);
    }

    Options options_;
    std::vector<std::uint8_t> queue_;  // received and not yet sent; starts at queue_head_
    std::size_t queue_head_ = 0;
    std::deque<Item> items_;      // not yet heard to the end
    std::deque<Mark> marks_;      // sent, not yet echoed
    std::uint64_t received_ = 0;  // positions in the byte stream
    std::uint64_t sent_ = 0;
    std::uint64_t confirmed_ = 0;
    std::uint64_t marked_ = 0;
    std::uint64_t dropped_ = 0;
    // Two clocks: pacing must not slow down because echoes are late, the ledger must follow the
    // echoes.
    TimePoint paced_until_ = TimePoint::min();  // when the far end runs dry, by our own pacing
    // when all that was sent has been heard, as the echoes tell
    TimePoint heard_until_ = TimePoint::min();
    std::uint32_t next_mark_ = 1;
};

}  // namespace parley::call
