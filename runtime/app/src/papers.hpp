// papers.hpp: what calls leave behind, beside the database: transcript files, keys in Redis, messages
// to webhooks, costs against their limits, and the end of all that after some days.
//
// Owner:  serve(); built after the store, stopped before it closes, and longer there than any call.
// Thread: everything from any thread, but for the building.
#pragma once

#include <parley/archive/retention.hpp>
#include <parley/archive/transcript_files.hpp>
#include <parley/call/budget.hpp>
#include <parley/call/session.hpp>
#include <parley/config/settings.hpp>
#include <parley/core/metrics.hpp>
#include <parley/ops/board.hpp>
#include <parley/redis/mirror.hpp>
#include <parley/store/store.hpp>
#include <parley/webhook/sender.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace parley::app {

// Whom the store notes down to be told of a call's end.
std::vector<std::string> webhook_names(const config::Settings& settings);

class Papers {
 public:
    static Checked<std::unique_ptr<Papers>> open(const config::Settings& settings,
                                                 store::Store& store);

    // What a new call needs of it.
    void add_to(call::Session::Parts& parts, const config::Settings& settings);
    // All running calls, as their threads see them.
    void see(const std::vector<ops::Board::Seen>& calls);
    // After a reload: patterns for the log, limits of cost.
    void adopt(const config::Settings& settings);

    // What does not work: {"redis", "does not answer"}. Anyone may see it; the log says why.
    std::vector<std::pair<std::string, std::string>> problems() const;
    void publish(metrics::Registry& registry) const;

    // No more is sent or deleted. What calls still write is kept until the destructor.
    void stop();

 private:
    explicit Papers(const config::Settings& settings);

    call::Budget budget_;
    std::unique_ptr<archive::TranscriptFiles> files_;
    std::unique_ptr<redis::Mirror> redis_;
    std::unique_ptr<webhook::Sender> sender_;
    std::unique_ptr<archive::Retention> retention_;
};

}  // namespace parley::app
