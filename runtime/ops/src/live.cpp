#include <parley/ops/live.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>
#include <parley/net/body_stream.hpp>
#include <parley/ops/answers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace parley::ops {
namespace {

// With nobody watching, the lists need not be fresher.
constexpr std::chrono::milliseconds unwatched_tick{1'000};
constexpr std::size_t history_shown = 10;
// of one viewer: half a minute of a busy service
constexpr net::BodyStreamLimits viewer_limits{.queue_bytes_max = 2 * 1024 * 1024};
constexpr int niceness = 10;  // calls come first

}  // namespace

struct Live::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(Options wanted) : options(wanted), boot(crypto::random_hex(4)) {}

    struct Kept {
        std::uint64_t number = 0;
        std::string text;
    };
    struct Viewer {
        std::shared_ptr<net::BodyStream> stream;
        std::string call_sid = {};  // of a transcript; empty: everything
        bool has_past = false;      // of the transcript
        Clock::time_point alive_at = {};
    };
    struct Active {
        std::string text = "[]";
        std::map<std::string, json::object, std::less<>> calls;  // the same, by name
    };
    // The last event of each list and extra, by its name.
    using Latest = std::map<std::string, std::string, std::less<>>;

    void run();
    void tick(Clock::time_point now);
    std::string make_event(std::string_view name, std::string_view data);
    void make_lists(std::string& all);
    void make_list(const std::string& name, const std::string& data, std::string& all);
    void make_active(WallTime now);
    void publish(std::vector<Kept> fresh);
    void send(const std::string& all, const std::vector<Board::Event>& events,
              Clock::time_point now);
    void send_transcript(Viewer& viewer, const std::vector<Board::Event>& events);
    net::Response watch(Viewer viewer, std::string first);

    const Options options;
    const std::string boot;  // ids of another run are not ours
    Look look;
    std::vector<Extra> extras;

    // Held for moments only: io threads take it.
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::vector<call::journal::Entry> arrived;
    std::uint64_t dropped = 0;
    std::optional<std::vector<Board::Seen>> seen;
    bool is_looking = false;
    bool is_stopping = false;
    std::shared_ptr<const Active> active = std::make_shared<const Active>();
    std::shared_ptr<const Latest> latest = std::make_shared<const Latest>();
    std::string metrics = "{}";
    std::deque<Kept> kept;
    std::size_t kept_bytes = 0;
    std::uint64_t newest = 0;      // number of the last event published
    std::uint64_t forgotten = 0;   // number of the last event that is not kept any more
    std::vector<Viewer> arriving;  // not seen by the thread yet
    std::size_t viewer_count = 0;

    // the thread's own
    Board board;
    Board::Versions told;
    std::uint64_t number = 0;
    std::shared_ptr<const Active> next_active;
    Latest next_latest;
    std::string next_metrics = "{}";
    bool are_lists_new = false;
    std::vector<Viewer> viewers;
    Clock::time_point lists_at = {};
    std::uint64_t dropped_told = 0;

    std::thread thread;
};

std::string Live::Impl::make_event(std::string_view name, std::string_view data) {
    return fmt::format("id: {}-{}\nevent: {}\ndata: {}\n\n", boot, ++number, name, data);
}

void Live::Impl::run() {
    pthread_setname_np(pthread_self(), "parley-live");
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
    std::unique_lock lock(mutex);
    while (!is_stopping) {
        const auto now = Clock::now();
        lock.unlock();
        tick(now);
        lock.lock();
        const auto rest = viewers.empty() ? unwatched_tick : options.tick;
        wake.wait_until(lock, now + rest, [&] { return is_stopping || !arriving.empty(); });
        // who comes does not make ticks more frequent
        if (!arriving.empty())
            wake.wait_until(lock, now + options.tick, [&] { return is_stopping; });
    }
}

void Live::Impl::make_active(WallTime now) {
    auto calls = board.active(now);
    auto fresh = std::make_shared<Active>();
    fresh->text = json::serialize(calls);
    for (auto& each : calls) {
        auto& call = each.as_object();
        auto call_sid = json_read::text(call, "callSid");
        fresh->calls.emplace(std::move(call_sid), std::move(call));
    }
    next_active = std::move(fresh);
}

void Live::Impl::make_list(const std::string& name, const std::string& data, std::string& all) {
    auto text = make_event(name, data);
    all += text;
    next_latest[name] = std::move(text);
    are_lists_new = true;
}

void Live::Impl::make_lists(std::string& all) {
    const auto& versions = board.versions();
    const bool is_first = next_latest.empty();
    if (is_first || told.active != versions.active)
        make_list("active_calls", next_active->text, all);
    if (is_first || told.metrics != versions.metrics) {
        auto figures = board.metrics();
        next_metrics = json::serialize(figures);
        const auto latency = figures.at("audioLatency").as_object();
        figures["avgLatency"] = latency.at("avg");
        figures["samples"] = latency.at("samples");
        make_list("metrics", json::serialize(figures), all);
    }
    if (is_first || told.history != versions.history)
        make_list("call_history", json::serialize(board.history(history_shown)), all);
    told = versions;
    if (viewers.empty()) return;
    for (const auto& extra : extras) {
        if (const auto value = extra.make()) make_list(extra.name, json::serialize(*value), all);
    }
}

void Live::Impl::tick(Clock::time_point now) {
    std::vector<call::journal::Entry> entries;
    std::optional<std::vector<Board::Seen>> calls;
    bool must_look = false;
    std::uint64_t lost = 0;
    {
        const std::lock_guard lock(mutex);
        entries.swap(arrived);
        calls.swap(seen);
        must_look = !std::exchange(is_looking, true);
        lost = dropped;
    }
    const auto wall_now = std::chrono::system_clock::now();
    std::vector<Board::Event> events;
    const auto add = [&](std::vector<Board::Event> more) {
        std::move(more.begin(), more.end(), std::back_inserter(events));
    };
    for (const auto& entry : entries) add(board.take(entry));
    if (calls) add(board.see(*calls, wall_now));

    std::string all;
    std::vector<Kept> fresh;
    for (const auto& each : events) {
        if (each.name == "transcript") continue;
        auto text = make_event(each.name, json::serialize(each.data));
        all += text;
        fresh.push_back({number, std::move(text)});
    }
    make_active(wall_now);
    if (now >= lists_at) {
        lists_at = now + options.lists_every;
        make_lists(all);
    }
    publish(std::move(fresh));
    send(all, events, now);

    if (lost != dropped_told) {
        log::warn("live.entries_dropped",
                  {{"entries", lost - dropped_told}, {"what", "the dashboard may be wrong"}});
        dropped_told = lost;
    }
    if (!must_look) return;
    look([weak = weak_from_this()](std::vector<Board::Seen> all_calls) {
        const auto impl = weak.lock();
        if (!impl) return;
        const std::lock_guard lock(impl->mutex);
        impl->seen = std::move(all_calls);
        impl->is_looking = false;
    });
}

// From here on those who come find this, and the thread knows those who came before.
void Live::Impl::publish(std::vector<Kept> fresh) {
    // what is replaced is destroyed after the lock
    auto fresh_active = next_active;
    auto fresh_metrics = next_metrics;
    const bool are_new = std::exchange(are_lists_new, false);
    auto fresh_latest = are_new ? std::make_shared<const Latest>(next_latest) : nullptr;
    const std::lock_guard lock(mutex);
    std::swap(active, fresh_active);
    std::swap(metrics, fresh_metrics);
    if (are_new) std::swap(latest, fresh_latest);
    for (auto& each : fresh) {
        kept_bytes += each.text.size();
        kept.push_back(std::move(each));
    }
    while (kept.size() > options.events_kept_max || kept_bytes > options.event_bytes_kept_max) {
        kept_bytes -= kept.front().text.size();
        forgotten = kept.front().number;
        kept.pop_front();
    }
    newest = number;
    // Who came before this moment has been told of nothing in it.
    std::move(arriving.begin(), arriving.end(), std::back_inserter(viewers));
    arriving.clear();
    viewer_count = viewers.size();
}

// The same piece for all.
void Live::Impl::send(const std::string& all, const std::vector<Board::Event>& events,
                      Clock::time_point now) {
    // an event, not a comment: the page's scripts see no comments
    static const auto alive = std::make_shared<const std::string>("event: alive\ndata: {}\n\n");
    const auto piece = std::make_shared<const std::string>(all);
    for (auto& viewer : viewers) {
        if (!viewer.call_sid.empty()) {
            send_transcript(viewer, events);
        } else if (!piece->empty()) {
            viewer.stream->send(piece);
        }
        if (now - viewer.alive_at < options.alive_every) continue;
        viewer.stream->send(alive);
        viewer.alive_at = now;
    }
    std::erase_if(viewers, [](const Viewer& viewer) { return !viewer.stream->is_open(); });
}

void Live::Impl::send_transcript(Viewer& viewer, const std::vector<Board::Event>& events) {
    std::string text;
    const auto past = viewer.has_past ? std::nullopt : board.transcript(viewer.call_sid);
    if (past) {
        for (const auto& each : *past) text += "data: " + each + "\n\n";
    }
    bool is_over = !viewer.has_past && !past;
    for (const auto& each : events) {
        if (each.call_sid != viewer.call_sid) continue;
        is_over = is_over || each.name == "ended";
        if (each.name == "transcript" && !past)
            text += "data: " + json::serialize(each.data) + "\n\n";
    }
    viewer.has_past = true;
    if (!text.empty()) viewer.stream->send(std::move(text));
    if (is_over) viewer.stream->finish();
}

// Under the lock.
net::Response Live::Impl::watch(Viewer viewer, std::string first) {
    if (viewer_count + arriving.size() >= options.viewers_max)
        return refusal(503, "too many are watching already");
    net::Response response;
    response.content_type = "text/event-stream";
    response.headers.set("Cache-Control", "no-store");
    response.headers.set("X-Accel-Buffering", "no");  // a proxy must not wait for more
    response.body = std::move(first);
    response.stream = viewer.stream;
    arriving.push_back(std::move(viewer));
    wake.notify_one();
    return response;
}

Live::Live(Options options) : impl_(std::make_shared<Impl>(options)) {}

Live::~Live() { stop(); }

void Live::start(Look look, Board::Past past, std::vector<Extra> extras) {
    impl_->look = std::move(look);
    impl_->extras = std::move(extras);
    impl_->board.remember(std::move(past));
    impl_->tick(Clock::now());  // so that whoever asks at once gets whole answers
    impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void Live::stop() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_stopping = true;
        impl_->wake.notify_one();
    }
    if (impl_->thread.joinable()) impl_->thread.join();
}

void Live::on_entry(const call::journal::Entry& entry) {
    auto copy = entry;
    const std::lock_guard lock(impl_->mutex);
    if (impl_->is_stopping) return;
    if (impl_->arrived.size() >= impl_->options.entries_queued_max) {
        ++impl_->dropped;
    } else {
        impl_->arrived.push_back(std::move(copy));
    }
}

net::Response Live::watch(std::optional<std::string_view> last_id) {
    Impl::Viewer viewer{std::make_shared<net::BodyStream>(viewer_limits)};
    const std::lock_guard lock(impl_->mutex);
    std::string first = "retry: 3000\n\n";
    if (last_id) {
        const auto dash = last_id->find('-');
        const auto digits = dash == std::string_view::npos ? "" : last_id->substr(dash + 1);
        std::uint64_t last = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), last);
        const bool is_ours = dash != std::string_view::npos && error == std::errc() &&
                             end == digits.data() + digits.size() &&
                             last_id->substr(0, dash) == impl_->boot && last <= impl_->newest;
        const auto& kept = impl_->kept;
        const bool is_whole = is_ours && (last >= impl_->forgotten);
        // whoever knew more than is left must ask anew for what it shows
        if (!is_whole) first += "event: missed\ndata: {}\n\n";
        for (const auto& each : kept) {
            if (is_ours && each.number > last) first += each.text;
        }
    }
    for (const auto& [name, text] : *impl_->latest) first += text;
    return impl_->watch(std::move(viewer), std::move(first));
}

std::optional<net::Response> Live::watch_transcript(std::string_view call_sid) {
    Impl::Viewer viewer{std::make_shared<net::BodyStream>(viewer_limits), std::string(call_sid)};
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->active->calls.contains(call_sid)) return std::nullopt;
    return impl_->watch(std::move(viewer), "retry: 3000\n\n");
}

std::string Live::text(List list) const {
    const std::lock_guard lock(impl_->mutex);
    return list == List::active ? impl_->active->text : impl_->metrics;
}

std::size_t Live::viewers() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->viewer_count + impl_->arriving.size();
}

std::optional<json::object> Live::active(std::string_view call_sid) const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->active->calls.find(call_sid);
    if (found == impl_->active->calls.end()) return std::nullopt;
    return found->second;
}

std::uint64_t Live::entries_dropped() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->dropped;
}

}  // namespace parley::ops
