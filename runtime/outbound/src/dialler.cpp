#include <parley/outbound/dialler.hpp>

#include <parley/core/answer.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>
#include <parley/outbound/progress.hpp>
#include <parley/telephony/twiml.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>

namespace parley::outbound {

namespace asio = boost::asio;
using telephony::NewCall;
using telephony::RestFailure;
using telephony::TwilioRest;

namespace {

// after a failure that passes: Twilio too busy, the network or the disk away
constexpr milliseconds try_again_after{1'000};
constexpr milliseconds recovered_within{20};
// lists of calls are late; so are clocks
constexpr int looks = 2;
constexpr std::chrono::seconds clocks_differ{30};

// They count from nothing on, so that a first one is seen as a change.
constexpr std::string_view known_outcomes[] = {"completed", "voicemail", "busy",      "no_answer",
                                               "failed",    "canceled",  "not_placed"};
constexpr std::string_view known_refusals[] = {
    "bad_number",  "prefix",      "quiet_hours", "unknown_time_zone",
    "do_not_call", "in_progress", "number_cap",  "daily_cap",
    "full",        "store"};

metrics::Counter& attempts_over(metrics::Registry& registry, std::string_view outcome) {
    return registry.counter("parley_outbound_attempts_total",
                            "Attempts to call somebody that are over.",
                            {{"outcome", std::string(outcome)}});
}

metrics::Counter& attempts_refused(metrics::Registry& registry, std::string_view reason) {
    return registry.counter("parley_outbound_refusals_total",
                            "Calls that were asked for and not taken on.",
                            {{"reason", std::string(reason)}});
}

// "Mon, 16 Aug 2021 23:00:23 +0000"
std::optional<WallTime> from_rfc2822(const std::string& text) {
    std::tm time{};
    const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &time);
    if (end == nullptr) return std::nullopt;
    return std::chrono::system_clock::from_time_t(timegm(&time));
}

}  // namespace

// One attempt that is not over.
struct Dialler::Line {
    Attempt attempt;
    Progress progress;
    bool is_live = false;       // counts against calls_max
    bool is_announced = false;  // a session has it: its end is in the journal by itself
    bool is_saving = false;
    bool has_changed = false;  // since the last save began
    bool is_machine_told = false;
    TimePoint heard_of_at = Clock::now();
    std::vector<std::function<void(Answer)>> waiters;
};

Dialler::Dialler(Parts parts) : parts_(std::move(parts)), ledger_(*parts_.store) {
    if (parts_.metrics == nullptr) return;
    for (const auto outcome : known_outcomes) attempts_over(*parts_.metrics, outcome);
    for (const auto reason : known_refusals) attempts_refused(*parts_.metrics, reason);
}
Dialler::~Dialler() = default;

std::shared_ptr<Dialler> Dialler::create(Parts parts) {
    return std::shared_ptr<Dialler>(new Dialler(std::move(parts)));
}

template <class Job>
void Dialler::spawn(Job job, const char* what) {
    asio::co_spawn(parts_.home, std::move(job), [what](const std::exception_ptr& problem) {
        if (!problem) return;
        try {
            std::rethrow_exception(problem);
        } catch (const std::exception& error) {
            log::error("outbound.bug", {{"where", what}, {"what", error.what()}});
        }
    });
}

void Dialler::start() {
    // Named first: GCC 12 destroys temporaries of a coroutine's arguments twice.
    auto running = run(shared_from_this());
    spawn(std::move(running), "run");
    auto sweeping = sweep(shared_from_this());
    spawn(std::move(sweeping), "sweep");
}

void Dialler::stop() {
    is_stopping_ = true;
    const auto sleepers = sleepers_;
    for (auto* sleeper : sleepers) sleeper->cancel();
    for (const auto& [id, line] : lines_)
        answer(*line, Trouble{Trouble::Kind::stopping, "", "the service is stopping"});
}

Task<> Dialler::pause(std::shared_ptr<Dialler> self, milliseconds length) {
    if (self->is_stopping_) co_return;
    asio::steady_timer timer(self->parts_.home, length);
    self->sleepers_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    self->sleepers_.erase(&timer);
}

void Dialler::wake() {
    if (idle_ != nullptr) idle_->cancel();
}

// ---- from outside -----------------------------------------------------------------------------

Task<Dialler::Answer> Dialler::call(std::shared_ptr<Dialler> self, Wanted wanted) {
    using Kind = Trouble::Kind;
    if (self->is_stopping_) co_return Trouble{Kind::stopping, "", "the service is stopping"};
    auto line = std::make_shared<Line>();
    Attempt& attempt = line->attempt;
    attempt.id = wanted.key.empty() ? crypto::random_hex(16) : wanted.key;
    attempt.to = std::move(wanted.number);
    attempt.from = std::move(wanted.from);
    attempt.agent = std::move(wanted.agent);
    attempt.vars = std::move(wanted.vars);
    attempt.created_at = std::chrono::system_clock::now();

    // What was open when we died is known again in a moment.
    while (!self->is_recovered_ && !self->is_stopping_) {
        auto pausing = pause(self, recovered_within);
        co_await std::move(pausing);
    }
    if (!wanted.key.empty() && !self->lines_.contains(attempt.id)) {
        auto finding = self->ledger_.find(attempt.id);
        const auto found = co_await std::move(finding);
        if (!found) co_return Trouble{Kind::store, "", found.error().message};
        // Asked again for what has been done: the same answer.
        if (*found && (*found)->state == Attempt::State::over) {
            const auto& old = **found;
            if (old.call_sid.empty()) co_return Trouble{Kind::carrier, "", old.detail};
            co_return Placed{old.call_sid, old.id};
        }
    }
    if (const auto known = self->lines_.find(attempt.id); known != self->lines_.end()) {
        line = known->second;
        if (!line->attempt.call_sid.empty())
            co_return Placed{line->attempt.call_sid, line->attempt.id};
    } else {
        self->lines_[attempt.id] = line;  // from here on the same key is the same call
        auto admitting = admit(self, line);
        auto trouble = co_await std::move(admitting);
        if (trouble) {
            self->lines_.erase(attempt.id);
            self->count_refusal(*trouble);
            self->answer(*line, *trouble);
            co_return *trouble;
        }
        self->waiting_.push_back(attempt.id);
        self->wake();
    }
    auto wait = [line](auto done) { line->waiters.push_back(std::move(done)); };
    co_return co_await answer_to<Answer>(std::move(wait));
}

// Writes the attempt down, or says why it must not be.
Task<std::optional<Dialler::Trouble>> Dialler::admit(std::shared_ptr<Dialler> self,
                                                     std::shared_ptr<Line> line) {
    using Kind = Trouble::Kind;
    const Attempt attempt = line->attempt;
    const Terms terms = self->parts_.terms();
    if (auto refusal =
            refuse_number(terms.rules, attempt.to, attempt.created_at, self->parts_.clock_in))
        co_return Trouble{Kind::manners, refusal->reason, refusal->details};
    if (self->waiting_.size() >= self->parts_.waiting_max)
        co_return Trouble{
            Kind::full, "",
            fmt::format("{} calls wait for their turn already", self->waiting_.size())};
    auto admitting = self->ledger_.admit(attempt, terms.rules, attempt.created_at);
    const auto admitted = co_await std::move(admitting);
    if (!admitted) co_return Trouble{Kind::store, "", admitted.error().message};
    if (!admitted->is_written) {
        const auto refusal = refuse_by_facts(terms.rules, admitted->facts);
        co_return Trouble{Kind::manners, refusal ? refusal->reason : "in_progress",
                          refusal ? refusal->details : "a call to this number is under way"};
    }
    log::info(
        "outbound.planned",
        {{"attempt", attempt.id}, {"to", masked_number(attempt.to)}, {"agent", attempt.agent}});
    co_return std::nullopt;
}

std::optional<telephony::TwilioService::Outgoing> Dialler::outgoing(std::string_view attempt,
                                                                    std::string_view call_sid) {
    const auto found = lines_.find(attempt);
    if (found == lines_.end() || !is_placed(*found->second, std::string(call_sid)))
        return std::nullopt;
    const auto line = found->second;
    line->is_announced = true;
    line->heard_of_at = Clock::now();
    // A machine was faster than the document: its session is there when this has been answered.
    if (is_machine(line->attempt.answered_by))
        asio::post(parts_.home, [self = shared_from_this(), line] { self->tell_of_machine(line); });
    return telephony::TwilioService::Outgoing{line->attempt.agent, line->attempt.vars,
                                              parts_.basis()};
}

void Dialler::tell_of_machine(const std::shared_ptr<Line>& line) {
    if (!line->is_announced || std::exchange(line->is_machine_told, true)) return;
    const auto& call_sid = line->attempt.call_sid;
    log::info("outbound.machine", {{"call", call_sid}, {"by", line->attempt.answered_by}});
    parts_.machine_answered(line->attempt,
                            [weak = weak_from_this(), call_sid](std::string message) {
                                const auto self = weak.lock();
                                if (!self) return;
                                auto leaving = leave_message(self, call_sid, std::move(message));
                                self->spawn(std::move(leaving), "leave_message");
                            });
}

void Dialler::told(telephony::TwilioService::StatusReport report) {
    auto found = lines_.find(report.attempt);
    if (found == lines_.end()) return;  // over already, or not ours
    const auto line = found->second;
    if (!is_placed(*line, report.call_sid)) return;
    line->heard_of_at = Clock::now();
    if (!report.answered_by.empty() && line->attempt.answered_by.empty()) {
        line->attempt.answered_by = report.answered_by;
        line->has_changed = true;
    }
    if (is_machine(report.answered_by)) tell_of_machine(line);
    if (!report.status.empty()) advance(line, report.status);
    if (line->has_changed && !line->progress.is_over()) {
        auto saving = save(shared_from_this(), line);
        spawn(std::move(saving), "save");
    }
}

// The call under this attempt is the one we know of, or the first we hear of.
bool Dialler::is_placed(Line& line, const std::string& call_sid) {
    Attempt& attempt = line.attempt;
    if (attempt.call_sid == call_sid) return true;
    if (!attempt.call_sid.empty()) {
        log::error("outbound.second_call",
                   {{"attempt", attempt.id}, {"call", call_sid}, {"known", attempt.call_sid}});
        auto ending = [](TwilioRest::Ask rest, std::string sid) -> Task<> {
            auto asking = TwilioRest::end_call(rest, std::move(sid));
            co_await std::move(asking);
        }(parts_.rest, call_sid);
        spawn(std::move(ending), "end_second");
        return false;
    }
    if (attempt.state == Attempt::State::planned) std::erase(waiting_, attempt.id);
    attempt.call_sid = call_sid;
    attempt.state = Attempt::State::placed;
    line.has_changed = true;
    line.heard_of_at = Clock::now();
    if (!std::exchange(line.is_live, true)) ++live_;
    log::info("outbound.placed",
              {{"attempt", attempt.id}, {"call", call_sid}, {"to", masked_number(attempt.to)}});
    answer(line, Placed{call_sid, attempt.id});
    return true;
}

void Dialler::answer(Line& line, Answer answer) {
    const auto waiters = std::exchange(line.waiters, {});
    for (const auto& waiter : waiters)
        asio::post(parts_.home, [waiter, answer] { waiter(answer); });
}

void Dialler::advance(const std::shared_ptr<Line>& line, std::string_view status) {
    if (!line->progress.take(status)) return;
    line->attempt.status = status;
    line->has_changed = true;
    log::info("outbound.status", {{"call", line->attempt.call_sid}, {"status", status}});
    if (line->progress.is_over()) {
        if (!line->is_announced) journal_unheard(*line);
        auto outcome = outcome_of(status);
        if (outcome.empty())
            outcome = is_machine(line->attempt.answered_by) ? "voicemail" : "completed";
        finish(line, std::move(outcome), "");
    }
}

void Dialler::finish(const std::shared_ptr<Line>& line, std::string outcome, std::string detail) {
    line->attempt.state = Attempt::State::over;
    if (parts_.metrics != nullptr) attempts_over(*parts_.metrics, outcome).add();
    line->attempt.outcome = std::move(outcome);
    line->attempt.detail = std::move(detail);
    line->has_changed = true;
    if (std::exchange(line->is_live, false)) --live_;
    std::erase(waiting_, line->attempt.id);
    lines_.erase(line->attempt.id);
    auto saving = save(shared_from_this(), line);
    spawn(std::move(saving), "save");
    wake();
}

void Dialler::count_refusal(const Trouble& trouble) const {
    if (parts_.metrics == nullptr) return;
    const auto reason = trouble.kind == Trouble::Kind::manners ? std::string_view(trouble.reason)
                        : trouble.kind == Trouble::Kind::full  ? "full"
                                                               : "store";
    attempts_refused(*parts_.metrics, reason).add();
}

// Calls that nobody answers have no session to write of them.
void Dialler::journal_unheard(const Line& line) const {
    const Attempt& attempt = line.attempt;
    const auto now = std::chrono::system_clock::now();
    auto outcome = outcome_of(line.progress.status());
    // Answered, but nobody came for the document: our address is wrong, or we were away.
    if (outcome.empty()) outcome = "error";
    const auto reason = outcome == "error" ? std::string("never_connected") : outcome;
    const call::journal::Entry entries[] = {
        {attempt.call_sid, attempt.created_at,
         call::journal::CallStarted{attempt.from, attempt.to, attempt.agent, "twilio", "outbound"}},
        {attempt.call_sid, now, call::journal::CallEnded{outcome, reason, 0}}};
    for (const auto& entry : entries) {
        for (auto* subscriber : parts_.journal) subscriber->on_entry(entry);
    }
}

// ---- placing ----------------------------------------------------------------------------------

Task<> Dialler::run(std::shared_ptr<Dialler> self) {
    auto recovering = recover(self);
    co_await std::move(recovering);
    while (!self->is_stopping_) {
        const Terms terms = self->parts_.terms();
        if (self->waiting_.empty() || self->live_ >= static_cast<std::size_t>(terms.calls_max)) {
            asio::steady_timer idle(self->parts_.home, std::chrono::seconds(1));
            self->idle_ = &idle;
            self->sleepers_.insert(&idle);
            boost::system::error_code ignored;
            co_await idle.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            self->sleepers_.erase(&idle);
            self->idle_ = nullptr;
            continue;
        }
        const auto now = Clock::now();
        if (self->next_turn_ > now) {
            const auto left = std::chrono::ceil<milliseconds>(self->next_turn_ - now);
            auto pausing = pause(self, left);
            co_await std::move(pausing);
            continue;
        }
        const auto line = self->lines_.at(self->waiting_.front());
        self->waiting_.erase(self->waiting_.begin());
        const auto wall_now = std::chrono::system_clock::now();
        if (wall_now - line->attempt.created_at > self->parts_.stale_after) {
            self->answer(
                *line, Trouble{Trouble::Kind::carrier, "", "the call could not be placed in time"});
            self->finish(line, "not_placed", "not placed in time");
            continue;
        }
        // Taken on a while ago, perhaps before a restart: the hour may have become a quiet one.
        if (auto refusal =
                refuse_number(terms.rules, line->attempt.to, wall_now, self->parts_.clock_in)) {
            self->answer(*line, Trouble{Trouble::Kind::manners, refusal->reason, refusal->details});
            self->finish(line, "not_placed", refusal->details);
            continue;
        }
        self->next_turn_ =
            std::max(self->next_turn_, now - milliseconds(20)) +
            std::chrono::duration_cast<Clock::duration>(
                std::chrono::duration<double>(1 / std::max(terms.calls_per_second, 0.001)));
        line->is_live = true;
        ++self->live_;
        auto placing = place(self, line);
        self->spawn(std::move(placing), "place");
    }
}

Task<> Dialler::place(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line) {
    Attempt& attempt = line->attempt;
    const auto back = [&self, &line] {
        line->attempt.state = Attempt::State::planned;
        if (std::exchange(line->is_live, false)) --self->live_;
        self->waiting_.insert(self->waiting_.begin(), line->attempt.id);
        self->next_turn_ = std::max(self->next_turn_, Clock::now() + try_again_after);
        self->wake();
    };
    // Written first. What is not on the disk is not dialled.
    attempt.state = Attempt::State::placing;
    attempt.placing_at = std::chrono::system_clock::now();
    auto writing = self->ledger_.write(attempt, attempt.placing_at);
    const auto written = co_await std::move(writing);
    if (!written) {
        log::error("outbound.not_written",
                   {{"attempt", attempt.id}, {"what", written.error().message}});
        co_return back();
    }
    if (self->is_stopping_) co_return;
    const Terms terms = self->parts_.terms();
    NewCall wanted;
    wanted.to = attempt.to;
    wanted.from = attempt.from;
    wanted.url =
        telephony::TwilioService::voice_url(self->parts_.public_url, self->parts_.path, attempt.id);
    wanted.method = self->parts_.path.methods.back() == "POST" ? "POST" : "GET";
    wanted.status_callback =
        telephony::TwilioService::status_url(self->parts_.public_url, attempt.id);
    wanted.ring_limit = terms.ring_limit;
    wanted.duration_limit = terms.duration_limit;
    wanted.detection = self->parts_.detection(attempt.agent);
    if (wanted.detection != NewCall::Detection::none)
        wanted.detection_callback = wanted.status_callback;
    auto asking = TwilioRest::place(self->parts_.rest, std::move(wanted));
    const auto placed = co_await std::move(asking);
    if (placed) {
        self->is_placed(*line, placed->sid);
        if (line->attempt.state != Attempt::State::over) {
            self->advance(line, placed->status);
            auto saving = save(self, line);
            co_await std::move(saving);
        }
        co_return;
    }
    // A callback has told meanwhile that the call is there.
    if (attempt.state != Attempt::State::placing) co_return;
    const RestFailure& why = placed.error();
    if (why.kind == RestFailure::Kind::busy || why.kind == RestFailure::Kind::unreachable) {
        log::warn("outbound.waits", {{"attempt", attempt.id}, {"what", why.what}});
        co_return back();
    }
    if (why.kind == RestFailure::Kind::unclear) {
        auto looking = look_for(self, line);
        const auto found = co_await std::move(looking);
        if (attempt.state != Attempt::State::placing) co_return;
        if (found) {
            self->is_placed(*line, found->sid);
            self->advance(line, found->status);
            auto saving = save(self, line);
            co_await std::move(saving);
            co_return;
        }
    }
    log::warn("outbound.not_placed",
              {{"attempt", attempt.id}, {"code", why.code}, {"what", why.what}});
    const auto details = why.code == 0 ? why.what : fmt::format("{} ({})", why.what, why.code);
    self->answer(*line, Trouble{why.kind == RestFailure::Kind::unclear ? Trouble::Kind::unclear
                                                                       : Trouble::Kind::carrier,
                                "", details});
    self->finish(line, "not_placed", details);
}

// The call of an attempt of which it is not known whether Twilio has placed it.
Task<std::optional<telephony::CallResource>> Dialler::look_for(std::shared_ptr<Dialler> self,
                                                               std::shared_ptr<Line> line) {
    const Attempt attempt = line->attempt;
    for (int look = 0; look < looks && !self->is_stopping_; ++look) {
        auto pausing = pause(self, self->parts_.look_again_after);
        co_await std::move(pausing);
        auto asking =
            TwilioRest::calls(self->parts_.rest, {.to = attempt.to, .from = attempt.from});
        const auto calls = co_await std::move(asking);
        auto knowing = self->ledger_.known_calls(attempt.to);
        const auto known = co_await std::move(knowing);
        if (!calls || !known) {
            log::warn("outbound.cannot_look",
                      {{"attempt", attempt.id},
                       {"what", calls ? known.error().message : calls.error().what}});
            --look;  // without a look nothing is known
            continue;
        }
        for (const auto& call : *calls) {
            const auto created = from_rfc2822(call.date_created);
            const bool is_later = !created || *created + clocks_differ >= attempt.placing_at;
            if (is_later && std::find(known->begin(), known->end(), call.sid) == known->end())
                co_return call;
        }
    }
    co_return std::nullopt;
}

// ---- after a start ----------------------------------------------------------------------------

Task<> Dialler::recover(std::shared_ptr<Dialler> self) {
    while (!self->is_stopping_) {
        auto reading = self->ledger_.open_attempts();
        auto found = co_await std::move(reading);
        if (!found) {
            log::error("outbound.not_read", {{"what", found.error().message}});
            auto pausing = pause(self, try_again_after);
            co_await std::move(pausing);
            continue;
        }
        std::size_t unsettled = 0;
        for (auto& attempt : *found) {
            if (self->lines_.contains(attempt.id)) continue;  // taken on while we read
            auto line = std::make_shared<Line>();
            line->attempt = std::move(attempt);
            line->progress.take(line->attempt.status);
            self->lines_[line->attempt.id] = line;
            if (line->attempt.state == Attempt::State::planned) {
                self->waiting_.push_back(line->attempt.id);
                continue;
            }
            line->is_live = true;
            ++self->live_;
            ++unsettled;
            auto settling = settle(self, line);
            self->spawn(std::move(settling), "settle");
        }
        if (!found->empty())
            log::info("outbound.recovered",
                      {{"attempts", found->size()}, {"to_look_for", unsettled}});
        self->is_recovered_ = true;
        co_return;
    }
}

Task<> Dialler::settle(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line) {
    Attempt& attempt = line->attempt;
    if (attempt.state == Attempt::State::placing) {
        auto looking = look_for(self, line);
        const auto found = co_await std::move(looking);
        if (self->is_stopping_) co_return;
        // Unless a callback has told meanwhile.
        if (attempt.state == Attempt::State::placing && !found) {
            log::info("outbound.again", {{"attempt", attempt.id}});
            attempt.state = Attempt::State::planned;
            if (std::exchange(line->is_live, false)) --self->live_;
            self->waiting_.push_back(attempt.id);
            self->wake();
            co_return;
        }
        if (attempt.state == Attempt::State::placing) self->is_placed(*line, found->sid);
    }
    if (attempt.state == Attempt::State::over) co_return;
    auto asking = TwilioRest::fetch(self->parts_.rest, attempt.call_sid);
    const auto call = co_await std::move(asking);
    if (attempt.state == Attempt::State::over) co_return;
    if (call) {
        // A call that was in progress when we died has its journal; one that we never heard has none.
        if (call->status == "completed") line->is_announced = true;
        self->advance(line, call->status);
    } else if (call.error().kind == RestFailure::Kind::gone) {
        self->finish(line, "failed", "the carrier knows no such call");
    }
    if (attempt.state != Attempt::State::over) {
        auto saving = save(self, line);
        co_await std::move(saving);
    }
}

// Callbacks get lost. A call of which nothing has been heard for long is asked for.
Task<> Dialler::sweep(std::shared_ptr<Dialler> self) {
    while (!self->is_stopping_) {
        auto pausing = pause(self, self->parts_.sweep_every);
        co_await std::move(pausing);
        std::vector<std::shared_ptr<Line>> quiet;
        for (const auto& [id, line] : self->lines_) {
            if (line->attempt.state == Attempt::State::placed &&
                Clock::now() - line->heard_of_at > 2 * self->parts_.sweep_every)
                quiet.push_back(line);
        }
        for (const auto& line : quiet) {
            if (self->is_stopping_) co_return;
            line->heard_of_at = Clock::now();
            auto asking = TwilioRest::fetch(self->parts_.rest, line->attempt.call_sid);
            const auto call = co_await std::move(asking);
            if (call && line->attempt.state == Attempt::State::placed)
                self->advance(line, call->status);
        }
    }
}

Task<> Dialler::leave_message(std::shared_ptr<Dialler> self, std::string call_sid,
                              std::string message) {
    if (message.empty()) {
        auto ending = TwilioRest::end_call(self->parts_.rest, call_sid);
        co_await std::move(ending);
        co_return;
    }
    auto asking = TwilioRest::change(self->parts_.rest, call_sid,
                                     {.twiml = telephony::twiml::say_and_hang_up(message)});
    const auto left = co_await std::move(asking);
    if (!left) log::warn("outbound.no_message", {{"call", call_sid}, {"what", left.error().what}});
}

// One write at a time for each attempt, and the last one has the last state.
Task<> Dialler::save(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line) {
    if (std::exchange(line->is_saving, true)) co_return;
    while (line->has_changed) {
        line->has_changed = false;
        auto writing = self->ledger_.write(line->attempt, std::chrono::system_clock::now());
        const auto written = co_await std::move(writing);
        if (written) continue;
        log::error("outbound.not_written",
                   {{"attempt", line->attempt.id}, {"what", written.error().message}});
        if (self->is_stopping_) break;
        line->has_changed = true;
        auto pausing = pause(self, try_again_after);
        co_await std::move(pausing);
    }
    line->is_saving = false;
}

}  // namespace parley::outbound
