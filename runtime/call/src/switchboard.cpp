#include <parley/call/switchboard.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

namespace parley::call {

namespace asio = boost::asio;

constexpr std::size_t endings_kept = 1'000;

struct Switchboard::Impl : std::enable_shared_from_this<Impl> {
    struct Line {
        CallInfo info;
        std::size_t home = 0;
        std::string token;                 // empty once claimed
        std::shared_ptr<Session> session;  // touched on its home thread only
        bool is_claimed = false;
        std::uint64_t number = 0;  // of the session
    };

    Impl(Options wanted, std::vector<asio::any_io_executor> threads)
        : options(wanted), homes(std::move(threads)), housekeeping(homes.front()) {}

    // On the line's home thread.
    void start_session(const std::string& call_sid) {
        CallInfo info;
        std::size_t home = 0;
        {
            const std::lock_guard lock(mutex);
            const auto found = lines.find(call_sid);
            if (found == lines.end() || found->second.session) return;
            info = found->second.info;
            home = found->second.home;
        }
        auto parts = make_parts(info, home);
        if (!parts) {
            log::error("call.refused", {{"call", call_sid}, {"what", parts.error().text()}});
            return forget(call_sid, Finish{"error", "agent_unavailable_unspoken"});
        }
        const std::uint64_t number = ++sessions_made;
        auto session = Session::create(
            info, std::move(*parts),
            [self = weak_from_this(), call_sid] {
                if (const auto impl = self.lock()) impl->on_finished(call_sid);
            },
            [self = weak_from_this(), number] {
                if (const auto impl = self.lock()) impl->on_closed(number);
            });
        {
            const std::lock_guard lock(mutex);
            const auto found = lines.find(call_sid);
            // Claimed on another thread meanwhile: that one prepares its own.
            if (found == lines.end() || found->second.home != home) return;
            found->second.session = session;
            found->second.number = number;
        }
        session->start();
    }

    void on_finished(const std::string& call_sid) {
        std::shared_ptr<Session> session;
        {
            const std::lock_guard lock(mutex);
            const auto found = lines.find(call_sid);
            if (found == lines.end()) return;
            session = found->second.session;
            // its agent still has its last word
            if (session) closing[found->second.number] = session;
        }
        forget(call_sid, session ? session->ending() : Finish{});
    }

    void on_closed(std::uint64_t number) {
        std::function<void()> drained;
        std::shared_ptr<Session> last;
        {
            const std::lock_guard lock(mutex);
            const auto found = closing.find(number);
            if (found == closing.end()) return;
            last = std::move(found->second);
            closing.erase(found);
            drained = take_drained();
        }
        if (drained) drained();
    }

    // Under the lock: whom to tell that the last call is over.
    std::function<void()> take_drained() {
        if (!is_draining || !lines.empty() || !closing.empty()) return nullptr;
        return std::exchange(on_drained, nullptr);
    }

    void forget(const std::string& call_sid, Finish ending) {
        std::function<void()> drained;
        std::size_t home = 0;
        std::shared_ptr<Session> last;  // destroyed outside the lock, on its own thread
        {
            const std::lock_guard lock(mutex);
            const auto found = lines.find(call_sid);
            if (found == lines.end()) return;
            home = found->second.home;
            last = std::move(found->second.session);
            if (!found->second.token.empty()) tokens.erase(found->second.token);
            lines.erase(found);
            endings[call_sid] = std::move(ending);
            endings_order.push_back(call_sid);
            if (endings_order.size() > endings_kept) {
                endings.erase(endings_order.front());
                endings_order.pop_front();
            }
            drained = take_drained();
        }
        load_changed(home, -1);
        if (drained) drained();
    }

    // Calls announced whose stream never came, or not again.
    void expire_later(const std::string& call_sid, const std::string& token,
                      std::chrono::seconds within) {
        auto timer = std::make_shared<asio::steady_timer>(housekeeping, within);
        timer->async_wait([self = weak_from_this(), timer, call_sid,
                           token](const boost::system::error_code& error) {
            const auto impl = self.lock();
            if (error || !impl) return;
            std::size_t home = 0;
            {
                const std::lock_guard lock(impl->mutex);
                const auto found = impl->lines.find(call_sid);
                if (found == impl->lines.end() || found->second.token != token) return;
                home = found->second.home;
            }
            impl->tell_of_no_stream(call_sid, home);
        });
    }

    void tell_of_no_stream(const std::string& call_sid, std::size_t home) {
        log::warn("call.never_connected", {{"call", call_sid}});
        tell(call_sid, home,
             CallerGone{CallerGone::How::lost, "the carrier never opened the media stream"});
    }

    void tell(const std::string& call_sid, std::size_t home, Event event) {
        asio::post(homes[home], [self = shared_from_this(), call_sid, event = std::move(event)] {
            std::shared_ptr<Session> session;
            {
                const std::lock_guard lock(self->mutex);
                const auto found = self->lines.find(call_sid);
                if (found != self->lines.end()) session = found->second.session;
            }
            if (session) {
                session->on(event);
            } else {
                self->forget(call_sid, Finish{"error", "never_started"});
            }
        });
    }

    void wrap_up_all() {
        std::vector<std::pair<std::string, std::size_t>> all;
        {
            const std::lock_guard lock(mutex);
            for (const auto& [call_sid, line] : lines) all.emplace_back(call_sid, line.home);
        }
        for (const auto& [call_sid, home] : all) tell(call_sid, home, DrainAsked{});
    }

    const Options options;
    const std::vector<asio::any_io_executor> homes;
    MakeParts make_parts;
    std::function<std::size_t()> choose_home;
    std::function<void(std::size_t, int)> load_changed;

    mutable std::mutex mutex;
    std::unordered_map<std::string, Line> lines;  // by call_sid
    // over, but for the agent's last word
    std::unordered_map<std::uint64_t, std::shared_ptr<Session>> closing;
    std::atomic<std::uint64_t> sessions_made = 0;
    std::unordered_map<std::string, std::string> tokens;  // token -> call_sid
    std::unordered_map<std::string, Finish> endings;
    std::deque<std::string> endings_order;
    bool is_draining = false;
    std::function<void()> on_drained;
    asio::any_io_executor housekeeping;
    std::shared_ptr<asio::steady_timer> drain_timer;
};

Switchboard::Switchboard(Options options, std::vector<asio::any_io_executor> homes,
                         MakeParts make_parts, std::function<std::size_t()> choose_home,
                         std::function<void(std::size_t, int)> load_changed)
    : impl_(std::make_shared<Impl>(options, std::move(homes))) {
    impl_->make_parts = std::move(make_parts);
    impl_->choose_home = std::move(choose_home);
    impl_->load_changed = std::move(load_changed);
}

Switchboard::~Switchboard() = default;

boost::system::result<Switchboard::Announced, Switchboard::Refusal> Switchboard::announce(
    CallInfo info) {
    const std::string call_sid = info.call_sid;
    std::string token = crypto::random_hex(16);
    std::size_t home = 0;
    bool is_new = true;
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->is_draining) return Refusal::draining;
        const auto found = impl_->lines.find(call_sid);
        if (found != impl_->lines.end()) {
            // A webhook delivered again: the same call, a fresh key. One that is already talking is
            // no retry.
            if (found->second.is_claimed) return Refusal::duplicate;
            impl_->tokens.erase(found->second.token);
            found->second.token = token;
            home = found->second.home;
            is_new = false;
        } else {
            if (impl_->lines.size() >= impl_->options.calls_max) return Refusal::busy;
            home = impl_->choose_home();
            impl_->lines.emplace(call_sid,
                                 Impl::Line{std::move(info), home, token, nullptr, false});
        }
        impl_->tokens.emplace(token, call_sid);
    }
    if (is_new) {
        impl_->load_changed(home, +1);
        asio::post(impl_->homes[home], [impl = impl_, call_sid] { impl->start_session(call_sid); });
    }
    impl_->expire_later(call_sid, token, impl_->options.claim_within);
    return Announced{std::move(token), home};
}

std::shared_ptr<Session> Switchboard::claim(std::string_view token, std::string_view call_sid,
                                            std::size_t home) {
    std::string sid(call_sid);
    std::shared_ptr<Session> stranded;
    std::optional<std::size_t> moved_from;
    {
        const std::lock_guard lock(impl_->mutex);
        // A hash lookup: finding nothing tells a guesser nothing about the 128 bits of another
        // call's token.
        const auto known = impl_->tokens.find(std::string(token));
        if (known == impl_->tokens.end() || known->second != sid) return nullptr;
        auto& line = impl_->lines.at(sid);
        // What has been said so far is with its session, and that stays where it is.
        if (line.is_claimed && line.home != home) return nullptr;
        impl_->tokens.erase(known);
        line.token.clear();
        line.is_claimed = true;
        if (line.home != home) {
            stranded = std::move(line.session);
            moved_from = std::exchange(line.home, home);
        }
    }
    if (moved_from) {
        // The stream came to another thread than the call was prepared on: prepare it again where
        // the audio is.
        impl_->load_changed(*moved_from, -1);
        impl_->load_changed(home, +1);
        if (stranded) {
            asio::post(impl_->homes[*moved_from],
                       [session = std::move(stranded)]() mutable { session.reset(); });
        }
    }
    impl_->start_session(sid);
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->lines.find(sid);
    return found == impl_->lines.end() ? nullptr : found->second.session;
}

std::optional<Finish> Switchboard::ending_of(std::string_view call_sid) const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->endings.find(std::string(call_sid));
    if (found == impl_->endings.end()) return std::nullopt;
    return found->second;
}

bool Switchboard::is_draining() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->is_draining;
}

std::size_t Switchboard::live_count() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->lines.size();
}

void Switchboard::snapshots(std::function<void(std::vector<Session::Snapshot>)> done) const {
    // Each home adds its own sessions in turn: a session is only looked at on its own thread.
    struct Round {
        std::vector<Session::Snapshot> all;
        std::function<void(std::vector<Session::Snapshot>)> done;
    };
    auto round = std::make_shared<Round>(Round{{}, std::move(done)});
    auto visit = std::make_shared<std::function<void(std::size_t)>>();
    *visit = [impl = impl_, round, weak = std::weak_ptr(visit)](std::size_t home) {
        if (home == impl->homes.size()) return round->done(std::move(round->all));
        auto self = weak.lock();
        asio::post(impl->homes[home], [impl, round, self, home] {
            std::vector<std::shared_ptr<Session>> sessions;
            {
                const std::lock_guard lock(impl->mutex);
                for (const auto& [call_sid, line] : impl->lines) {
                    if (line.home == home && line.session) sessions.push_back(line.session);
                }
            }
            for (const auto& session : sessions) round->all.push_back(session->snapshot());
            (*self)(home + 1);
        });
    };
    (*visit)(0);
}

bool Switchboard::end(const std::string& call_sid, std::string words) {
    std::size_t home = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        const auto found = impl_->lines.find(call_sid);
        if (found == impl_->lines.end()) return false;
        home = found->second.home;
    }
    impl_->tell(call_sid, home, EndAsked{std::move(words)});
    return true;
}

bool Switchboard::transfer(const std::string& call_sid, TransferAsked asked) {
    asked.is_operators = true;
    std::size_t home = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        const auto found = impl_->lines.find(call_sid);
        if (found == impl_->lines.end()) return false;
        home = found->second.home;
    }
    impl_->tell(call_sid, home, std::move(asked));
    return true;
}

std::optional<Switchboard::Announced> Switchboard::transfer_ended(std::string_view call_sid,
                                                                  TransferEnded ended) {
    const std::string sid(call_sid);
    const bool is_over = ended.how == TransferEnded::How::answered;
    std::string token = is_over ? std::string() : crypto::random_hex(16);
    std::shared_ptr<Session> session;
    std::size_t home = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        const auto found = impl_->lines.find(sid);
        if (found == impl_->lines.end() || !found->second.session ||
            !found->second.session->is_away())
            return std::nullopt;
        auto& line = found->second;
        session = line.session;
        home = line.home;
        if (!line.token.empty()) impl_->tokens.erase(line.token);
        line.token = token;
        if (!is_over) impl_->tokens.emplace(token, sid);
    }
    asio::post(impl_->homes[home],
               [session = std::move(session), ended = std::move(ended)]() mutable {
                   session->transfer_ended(std::move(ended));
                   session.reset();
               });
    if (is_over) return std::nullopt;
    impl_->expire_later(sid, token, impl_->options.return_within);
    return Announced{std::move(token), home};
}

void Switchboard::caller_left(std::string_view call_sid) {
    const std::string sid(call_sid);
    std::size_t home = 0;
    bool is_new = false;
    {
        const std::lock_guard lock(impl_->mutex);
        const auto found = impl_->lines.find(sid);
        if (found == impl_->lines.end()) return;
        const auto& line = found->second;
        is_new = !line.is_claimed;
        if (!is_new && (!line.session || !line.session->is_away())) return;
        home = line.home;
    }
    if (is_new) return impl_->tell_of_no_stream(sid, home);
    impl_->tell(sid, home, CallerGone{CallerGone::How::hung_up, "while the line was handed over"});
}

void Switchboard::for_each(std::function<void(Session&)> visit) const {
    for (std::size_t home = 0; home < impl_->homes.size(); ++home) {
        asio::post(impl_->homes[home], [impl = impl_, visit, home] {
            std::vector<std::shared_ptr<Session>> sessions;
            {
                const std::lock_guard lock(impl->mutex);
                for (const auto& [call_sid, line] : impl->lines) {
                    if (line.home == home && line.session) sessions.push_back(line.session);
                }
            }
            for (const auto& session : sessions) visit(*session);
        });
    }
}

void Switchboard::drain(std::function<void()> done) {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_draining = true;
        if (!impl_->lines.empty() || !impl_->closing.empty())
            impl_->on_drained = std::exchange(done, nullptr);
    }
    if (done) return done();
    for_each([](Session& session) { session.leave_to_carrier(); });
    impl_->drain_timer =
        std::make_shared<asio::steady_timer>(impl_->housekeeping, impl_->options.drain_limit);
    impl_->drain_timer->async_wait(
        [self = impl_->weak_from_this()](const boost::system::error_code& error) {
            const auto impl = self.lock();
            if (!error && impl) impl->wrap_up_all();
        });
}

void throw_exception_from_error(Switchboard::Refusal, const boost::source_location&) {
    throw Bug("an announcement was taken for granted");
}

}  // namespace parley::call
