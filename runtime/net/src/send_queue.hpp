// send_queue.hpp: texts waiting to be written, in buffers that are used again.
//
// The text being written keeps its place in memory until pop(); the others may move. What a burst
// needed is given back once the queue is empty, so that an idle connection costs little.
// Thread: the owner's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::net {

class SendQueue {
 public:
    // Of everything queued, the text being written included.
    std::size_t bytes() const { return bytes_; }
    bool is_empty() const { return !has_front_; }

    void push(std::string_view text) {
        bytes_ += text.size();
        if (!has_front_) {
            front_.assign(text);
            has_front_ = true;
            return;
        }
        if (count_ == waiting_.size()) grow();
        waiting_[(first_ + count_) % waiting_.size()].assign(text);
        ++count_;
    }

    // The oldest text; only when not empty.
    const std::string& front() const { return front_; }

    void pop() {
        bytes_ -= front_.size();
        if (front_.capacity() > buffer_bytes_kept) std::string().swap(front_);
        if (count_ == 0) {
            has_front_ = false;
            first_ = 0;
            if (waiting_.size() > buffers_kept) std::vector<std::string>(buffers_kept).swap(waiting_);
            return;
        }
        front_.swap(waiting_[first_]);
        first_ = (first_ + 1) % waiting_.size();
        --count_;
    }

    // Drops all but the text being written.
    void drop_waiting() {
        bytes_ = has_front_ ? front_.size() : 0;
        std::vector<std::string>().swap(waiting_);
        first_ = count_ = 0;
    }

 private:
    static constexpr std::size_t buffers_kept = 8;          // a media message and its mark, a few times over
    static constexpr std::size_t buffer_bytes_kept = 4096;  // beyond any frame of audio

    void grow() {
        std::vector<std::string> larger(waiting_.empty() ? 4 : waiting_.size() * 2);
        for (std::size_t i = 0; i < count_; ++i) {
            larger[i].swap(waiting_[(first_ + i) % waiting_.size()]);
        }
        waiting_.swap(larger);
        first_ = 0;
    }

    std::string front_;
    bool has_front_ = false;
    std::vector<std::string> waiting_;  // a ring: `count_` texts from `first_` on
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace parley::net
