// send_round.hpp: what the sockets of one io thread have to send goes out at the end of the round.
//
// Problem: an io thread wakes up for several ready sockets at once, ten and more at a hundred
// calls. Writing to one after each message wakes its reader each time: a fifth of a call's CPU went
// there.
//
// Idea: sockets with something to send put themselves on a list; one posted handler, which runs
// when the messages that are ready have been handled, writes for all. A mark travels with its
// audio, too.
//
// Cost: what was ready first waits for the others, some ten microseconds each.
//
// Owner:  its io_context (asio::use_service). Thread: that of the context, which has only one.
// End:    with the io_context; what is listed then is dropped.
#pragma once

#include "transport.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace parley::net {

class Sender {
 public:
    virtual void send_now() = 0;

 protected:
    ~Sender() = default;
};

class SendRound final : public asio::execution_context::service {
 public:
    using key_type = SendRound;
    static inline asio::execution_context::id id;

    explicit SendRound(asio::io_context& context)
        : service(context), home_(context.get_executor()) {}

    // Once per round and sender: the caller remembers that it is listed.
    void add(std::shared_ptr<Sender> sender) {
        listed_.push_back(std::move(sender));
        if (listed_.size() == 1) asio::post(home_, [this] { end_round(); });
    }

 private:
    void end_round() {
        // Whoever sends from here on belongs to the next round.
        ending_.clear();
        ending_.swap(listed_);
        for (const auto& sender : ending_) sender->send_now();
        ending_.clear();
    }
    void shutdown() noexcept override {
        listed_.clear();
        ending_.clear();
    }

    const Executor home_;
    std::vector<std::shared_ptr<Sender>> listed_, ending_;
};

}  // namespace parley::net
