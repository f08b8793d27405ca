#include "papers.hpp"

#include "totals.hpp"

#include <parley/core/log.hpp>
#include <parley/rehearsal/recording.hpp>

#include <array>
#include <filesystem>
#include <future>

#include <unistd.h>

namespace parley::app {
namespace {

call::Budget::Limits limits_of(const config::MoneyLimits& money) {
    return {money.call_usd, money.number_day_usd, money.day_usd};
}

// The same after a restart, another one for a service beside this one.
std::string instance_name(const config::Settings& settings) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    std::error_code ignored;
    return std::string(host.data()) + ":" +
           std::filesystem::absolute(settings.store.path, ignored).string();
}

// Asks the store and waits for its answer. Not for an io thread.
template <class Answer, class Ask>
Answer wait_for(Ask ask) {
    std::promise<Answer> promise;
    ask([&promise](Answer answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
}

// Of today, so that a restart gives nobody a second budget.
void count_today(call::Budget& budget, store::Store& store) {
    const auto now = std::chrono::system_clock::now();
    const auto costs = wait_for<std::vector<store::NumberCost>>([&](auto done) {
        store.costs_since(std::chrono::floor<std::chrono::days>(now), std::move(done));
    });
    for (const auto& each : costs) budget.add(each.number, each.cost_usd, now);
}

archive::Retention::Options retention_of(const config::Settings& settings, store::Store& store) {
    archive::Retention::Options options;
    options.files = {{settings.transcripts.dir, settings.retention.transcripts, {".txt", ".json"}},
                     {rehearsal::recordings_dir(settings.store.path),
                      settings.retention.recordings,
                      {".events"}}};
    options.journal_days = settings.retention.journal;
    options.forget = [&store](WallTime before) {
        const auto calls = wait_for<boost::system::result<std::int64_t, store::QueryProblem>>(
            [&](auto done) { store.forget(before, std::move(done)); });
        if (!calls) {
            log::error("retention.failed", {{"what", calls.error().message}});
            return false;
        }
        if (*calls > 0) log::info("retention.forgotten", {{"calls", *calls}});
        return *calls > 0;
    };
    return options;
}

}  // namespace

std::vector<std::string> webhook_names(const config::Settings& settings) {
    std::vector<std::string> names;
    for (const auto& [name, webhook] : settings.webhooks) names.push_back(name);
    return names;
}

Papers::Papers(const config::Settings& settings) : budget_(limits_of(settings.money)) {}

Checked<std::unique_ptr<Papers>> Papers::open(const config::Settings& settings,
                                              store::Store& store) {
    auto papers = std::unique_ptr<Papers>(new Papers(settings));
    papers->adopt(settings);
    count_today(papers->budget_, store);
    if (!settings.transcripts.dir.empty()) {
        auto files = archive::TranscriptFiles::open(
            {.dir = settings.transcripts.dir}, [&store](const std::string& call_sid) {
                return wait_for<std::vector<call::journal::Entry>>(
                    [&](auto done) { store.conversation(call_sid, std::move(done)); });
            });
        if (!files) return files.error();
        papers->files_ = std::move(*files);
    }
    if (!settings.redis.url.empty()) {
        auto address = redis::parse_address(settings.redis.url);
        if (!address) return address.error();
        if (!settings.redis.password.empty()) address->password = settings.redis.password;
        papers->redis_ = std::make_unique<redis::Mirror>(redis::Mirror::Options{
            .address = std::move(*address), .instance = instance_name(settings)});
    }
    // Also where none is set any more: what waits for one is shown, and dies after its days.
    webhook::Sender::Options sending;
    for (const auto& [name, webhook] : settings.webhooks)
        sending.receivers[name] = {
            webhook.url, webhook.secret, {.give_up_after = webhook.give_up_after}};
    auto sender = webhook::Sender::start(std::move(sending), store);
    if (!sender) return sender.error();
    papers->sender_ = std::move(*sender);
    papers->retention_ = std::make_unique<archive::Retention>(retention_of(settings, store));
    return papers;
}

void Papers::add_to(call::Session::Parts& parts, const config::Settings& settings) {
    parts.masker = settings.privacy.masker;
    parts.budget = &budget_;
    if (files_) parts.journal.push_back(files_.get());
    if (redis_) parts.journal.push_back(redis_.get());
}

void Papers::see(const std::vector<ops::Board::Seen>& calls) {
    if (!redis_) return;
    std::vector<redis::CallKeys::Seen> seen;
    for (const auto& each : calls) seen.push_back({each.call_sid, each.stream_sid, each.state});
    redis_->see(std::move(seen));
}

void Papers::stop() {
    retention_.reset();
    sender_.reset();
}

void Papers::adopt(const config::Settings& settings) {
    budget_.set_limits(limits_of(settings.money));
    log::mask_with([masker = settings.privacy.masker](std::string text) {
        return masker->text(std::move(text));
    });
}

std::vector<std::pair<std::string, std::string>> Papers::problems() const {
    std::vector<std::pair<std::string, std::string>> all;
    if (files_ && !files_->health().is_well) all.emplace_back("transcripts", "cannot be written");
    if (redis_ && !redis_->health().is_well) all.emplace_back("redis", "does not answer");
    if (sender_ && !sender_->health().problem.empty())
        all.emplace_back("webhooks", "the last one was not taken");
    return all;
}

void Papers::publish(metrics::Registry& registry) const {
    if (files_) {
        registry
            .gauge("parley_transcript_files_failing",
                   "1 while transcript files cannot be written; they are tried again.")
            .set(files_->health().is_well ? 0 : 1);
    }
    if (redis_) {
        const auto redis = redis_->health();
        registry.gauge("parley_redis_up", "1 while Redis answers.").set(redis.is_well ? 1 : 0);
        registry
            .gauge("parley_redis_entries_waiting",
                   "Journal entries that wait to be written to Redis.")
            .set(static_cast<double>(redis.waiting));
        bring_to(registry.counter(
                     "parley_redis_entries_dropped_total",
                     "Journal entries left out of Redis since the start, because too many waited."),
                 redis.dropped);
        bring_to(registry.counter("parley_redis_reconnects_total",
                                  "Connections to Redis made anew since the start."),
                 redis.reconnects);
    }
    if (!sender_) return;
    const auto told = sender_->health();
    registry.gauge("parley_webhooks_waiting", "Messages to webhooks that are still to be taken.")
        .set(static_cast<double>(told.waiting));
    registry
        .gauge("parley_webhooks_dead",
               "Messages to webhooks that are not tried any more; see `parley webhooks`.")
        .set(static_cast<double>(told.dead));
    registry
        .gauge("parley_webhooks_oldest_waiting_timestamp_seconds",
               "When the call ended whose message waits longest; 0: none waits.")
        .set(static_cast<double>(told.oldest_waiting_at_ms) / 1'000);
    bring_to(registry.counter("parley_webhooks_delivered_total",
                              "Messages to webhooks that were taken since the start."),
             told.delivered);
    bring_to(registry.counter("parley_webhook_failures_total",
                              "Attempts to tell a webhook that failed since the start."),
             told.failed);
    registry.gauge("parley_cost_today_usd", "What all calls have cost since midnight UTC.")
        .set(budget_.today_usd(std::chrono::system_clock::now()));
}

}  // namespace parley::app
