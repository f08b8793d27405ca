#include "rig.hpp"

#include <parley/core/text.hpp>
#include <parley/rehearsal/recording.hpp>

#include <fmt/format.h>

namespace parley::rehearsal {
namespace {

// for a model on the network; then time goes on, and the call gives it up
constexpr std::chrono::seconds model_patience{60};
constexpr std::chrono::minutes last_word_max{2};  // the script's own limit ends sooner
constexpr milliseconds answer_the_phone{600};     // from the webhook to the caller's line
constexpr milliseconds bring_back{400};           // after a transfer that nobody took

// What the runtime says without a model. Each is a byte of its own, so that the line can tell what
// is heard.
struct Phrase {
    std::uint8_t byte;
    const char* name;
    milliseconds length;
};
constexpr Phrase one_moment{0x01, "one_moment", milliseconds(1'000)};
constexpr Phrase apology{0x02, "apology", milliseconds(3'000)};
constexpr Phrase goodbye{0x03, "goodbye", milliseconds(700)};
constexpr std::uint8_t music = 0x04;

std::vector<std::uint8_t> audio_of(const Phrase& phrase) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(phrase.length.count()) * 8,
                                     phrase.byte);
}

std::shared_ptr<const call::Phrases> phrases() {
    static const auto all = std::make_shared<const call::Phrases>(
        call::Phrases{.one_moment = audio_of(one_moment),
                      .apology = audio_of(apology),
                      .goodbye = audio_of(goodbye),
                      .hold = std::vector<std::uint8_t>(8'000, music)});
    return all;
}

std::string field(log::Fields fields, std::string_view name) {
    for (const auto& each : fields) {
        if (each.name == name) return each.value;
    }
    return "";
}

}  // namespace

Checked<std::unique_ptr<Rig>> Rig::make(const Stage& stage, Call call, Watch watch) {
    auto store = store::InlineStore::open(stage.migrations_dir());
    if (!store) return store.error();
    return std::unique_ptr<Rig>(
        new Rig(stage, std::move(call), std::move(*store), std::move(watch)));
}

Rig::Rig(const Stage& stage, Call call, std::unique_ptr<store::InlineStore> store, Watch watch)
    : stage_(stage),
      call_(std::move(call)),
      clock_(call_.at),
      record_(call_.at),
      watch_(std::move(watch)),
      store_(std::move(store)),
      keys_(clock_),
      web_(clock_),
      scripts_(stage.settings.scripts),
      line_(clock_, sink_),
      log_(log::Level::info, [this](log::Level level, std::string_view event,
                                    log::Fields fields) { take_log(level, event, fields); }),
      attach_(clock_.make_alarm([this] {
          is_attached_ = true;
          if (!is_over_) session_->attach(line_.make_channel());
      })) {
    for (const auto& [name, value] : call_.secrets) {
        log::hide(value);
        scripts_.secrets[name].value = Secret(value);
    }
    web_.watch([this](const FakeWeb::Sent& sent) {
        note({.kind = Happening::Kind::web,
              .name = sent.method + " " + sent.url,
              .text = sent.body});
    });
}

Rig::~Rig() {
    sink_ = nullptr;
    watch_ = nullptr;
    session_.reset();
    io_.restart();
    io_.poll();
}

void Rig::begin(MakeEngine make_engine) {
    vars_ = stage_.bundle->vars(call_.agent);
    call::Session::Parts parts;
    parts.time = clock_.make_timekeeper();
    parts.journal = {this};
    parts.phrases = phrases();
    parts.policy = stage_.policy;
    Timekeeper& time = *parts.time;
    script::Services services{.database = this, .keys = &keys_, .http = &web_, .messages = this};
    if (stage_.recorder != nullptr) {
        auto recording = stage_.recorder->begin({.agent = call_.agent,
                                                 .policy = parts.policy,
                                                 .phrases = parts.phrases,
                                                 .seed = call_.seed,
                                                 .bundle = stage_.bundle->version(),
                                                 .keep = stage_.recorded},
                                                [this] { return clock_.now(); });
        services = recording->record(services);
        parts.recorder = std::move(recording);
    }
    parts.make_agent = [this, services](call::EventSink& sink, const call::CallInfo& info,
                                        Timekeeper& clock) {
        script::AgentParts agent;
        agent.bundle = stage_.bundle;
        agent.settings = call_.agent;
        agent.limits = scripts_;
        agent.info = info;
        ear_.behind = &sink;
        agent.events = &ear_;
        agent.home = io_.get_executor();
        agent.time = &clock;
        agent.services = services;
        agent.budgets.gives_way = false;
        agent.random_seed = call_.seed;
        agent.vars_kept = [this](const json::object& vars) { vars_ = vars; };
        return script::make_agent(std::move(agent));
    };
    parts.make_engine = [make_engine = std::move(make_engine), &time](call::EventSink& sink,
                                                                      const call::CallInfo&) {
        return make_engine(sink, time);
    };

    call::CallInfo info;
    info.call_sid = "CA00000000000000000000000000000001";
    info.from = call_.from;
    info.to = call_.to;
    info.agent = call_.agent.name;
    info.channel = "rehearsal";
    info.direction = call_.direction;
    const auto over = [this] {
        is_over_ = true;
        sink_ = nullptr;
    };
    session_ = call::Session::create(std::move(info), std::move(parts), over,
                                     [this] { is_closed_ = true; });
    sink_ = session_.get();
    attach_->arm(clock_.now() + answer_the_phone);
    session_->start();
}

void Rig::run_ready() {
    io_.restart();
    io_.poll();
    const auto patience = std::chrono::steady_clock::now() + model_patience;
    while (!is_over_ && is_asking_ && is_asking_() && std::chrono::steady_clock::now() < patience) {
        io_.restart();
        io_.run_one_for(std::chrono::milliseconds(50));
        io_.poll();
    }
    note_phrase();
}

void Rig::let_go() {
    const auto limit = clock_.now() + last_word_max;
    do run_ready();
    while (is_over_ && !is_closed_ && clock_.ring_next(limit));
}

bool Rig::advance(TimePoint limit) { return clock_.ring_next(limit); }

void Rig::on(const call::Event& event) {
    if (sink_ != nullptr) sink_->on(event);
}

bool Rig::is_listening() const {
    return is_attached_ && !is_over_ && session_->snapshot().state == "listening";
}

void Rig::note(Happening happening) {
    if (happening.at.count() == 0) happening.at = at();
    if (watch_) watch_(happening);
    record_.add(std::move(happening));
}

void Rig::on_entry(const call::journal::Entry& entry) {
    if (const auto* started = std::get_if<call::journal::ToolStarted>(&entry.event))
        tools_[started->tool_call_id] = started->name;
    if (const auto* returned = std::get_if<call::journal::ToolReturned>(&entry.event)) {
        if (slowed_.contains(returned->name)) slow_.erase(returned->name);
        tools_.erase(returned->tool_call_id);
    }
    store_->on_entry(entry);
    const auto before = record_.all().size();
    record_.add(entry);
    note_line(entry);
    if (!watch_) return;
    for (std::size_t i = before; i < record_.all().size(); ++i) watch_(record_.all()[i]);
}

// What the journal leaves out of it.
void Rig::note_line(const call::journal::Entry& entry) {
    Happening happening{.at = record_.since_start(entry.at)};
    if (std::holds_alternative<call::journal::DigitsSent>(entry.event)) {
        happening.kind = Happening::Kind::keys_sent;
        happening.text = std::exchange(ear_.digits, {});
    } else if (std::holds_alternative<call::journal::TransferStarted>(entry.event) &&
               line_.handed_over() && !line_.handed_over()->briefing.empty()) {
        happening.kind = Happening::Kind::briefed;
        happening.text = line_.handed_over()->briefing;
    } else {
        return;
    }
    record_.add(std::move(happening));
}

void Rig::Ear::on(const call::Event& event) {
    if (const auto* asked = std::get_if<call::DigitsAsked>(&event)) digits += asked->digits;
    if (behind != nullptr) behind->on(event);
}

void Rig::end_transfer(call::TransferEnded::How how) {
    if (!is_away()) return;
    line_.take_back();
    session_->transfer_ended({how, ""});
    if (!is_over_ && how != call::TransferEnded::How::answered)
        attach_->arm(clock_.now() + bring_back);
}

void Rig::send(std::string, std::string to, std::string text, std::function<void(Result)> done) {
    note({.kind = Happening::Kind::message_sent, .name = std::move(to), .text = std::move(text)});
    done(fmt::format("SM{:032}", ++messages_));
}

void Rig::note_phrase() {
    const auto byte = line_.take_begun();
    for (const auto& phrase : {one_moment, apology, goodbye}) {
        if (byte != phrase.byte) continue;
        const auto text = stage_.settings.calls.phrases.find(phrase.name);
        note({.kind = Happening::Kind::phrase,
              .text = text == stage_.settings.calls.phrases.end() ? phrase.name : text->second});
    }
}

void Rig::take_log(log::Level level, std::string_view event, log::Fields fields) {
    if (event == "script.failed") {
        std::string what = field(fields, "what");
        const std::string script = field(fields, "script");
        if (what.find(script) == std::string::npos) what = fmt::format("{}: {}", script, what);
        note({.kind = Happening::Kind::script_failed, .text = std::move(what), .detail = ""});
    } else if (event == "script.gave_up") {
        note({.kind = Happening::Kind::logged,
              .name = "gave up",
              .text = fmt::format("{}: {}", field(fields, "script"), field(fields, "problem"))});
    } else if (event == "script.tool_rejected") {
        note({.kind = Happening::Kind::logged,
              .name = "rejected",
              .text = fmt::format("{}: {}", field(fields, "tool"), field(fields, "what"))});
    } else if (event == "script.log" || event == "script.print") {
        std::string text = field(fields, "text");
        for (const auto& each : fields) {
            if (each.name != "call" && each.name != "text" && each.name != "script")
                text += fmt::format(" {}={}", each.name, each.value);
        }
        const char* name = level == log::Level::error  ? "error"
                           : level == log::Level::warn ? "warn"
                           : event == "script.print"   ? "print"
                                                       : "info";
        note({.kind = Happening::Kind::logged, .name = name, .text = std::move(text)});
    } else if (event.starts_with("script.") && level >= log::Level::warn) {
        note({.kind = Happening::Kind::script_failed,
              .text = fmt::format("{}: {}", event, field(fields, "what"))});
    } else if (event == "call.bug") {
        note({.kind = Happening::Kind::script_failed,
              .text = fmt::format("a bug of the runtime: {}", field(fields, "what"))});
    }
}

// ---- the database ---------------------------------------------------------------------------

std::optional<store::QueryProblem> Rig::take_refusal() {
    if (busy_ == 0) return std::nullopt;
    --busy_;
    return store::QueryProblem{store::QueryProblem::Kind::busy,
                               "the database is locked by another program"};
}

template <class Given>
void Rig::answer(Given result, std::function<void(Given)> done) {
    // A tool that was given up is no longer running, and the script's last word is no tool.
    for (const auto& [id, name] : is_over_ ? std::map<std::string, std::string>() : tools_) {
        const auto slow = slow_.find(name);
        if (slow == slow_.end()) continue;
        slowed_.insert(name);
        const auto number = next_late_++;
        auto alarm = clock_.make_alarm(
            [this, number, late = std::move(result), told = std::move(done)]() mutable {
                told(std::move(late));
                late_.erase(number);
            });
        alarm->arm(clock_.now() + slow->second);
        late_.emplace(number, std::move(alarm));
        return;
    }
    done(std::move(result));
}

void Rig::query(store::Statement statement, std::function<void(store::QueryResult)> done) {
    const auto refused = take_refusal();
    answer<store::QueryResult>(refused ? store::QueryResult(*refused) : store_->query(statement),
                               std::move(done));
}

void Rig::transaction(std::vector<store::Statement> statements,
                      std::function<void(script::TransactionResult)> done) {
    const auto refused = take_refusal();
    answer<script::TransactionResult>(
        refused ? script::TransactionResult(*refused) : store_->transaction(statements),
        std::move(done));
}

std::vector<std::string> Rig::never_slow() const {
    std::vector<std::string> names;
    for (const auto& [name, by] : slow_) {
        if (!slowed_.contains(name)) names.push_back(name);
    }
    return names;
}

void prepare(Rig& rig, const Scenario& scenario) {
    for (const auto& answer : scenario.web) rig.web().add(answer);
    for (const auto& [key, value] : scenario.keys) {
        rig.keys().set(rig.stored_key(key), json::serialize(value), std::nullopt,
                       [](const auto&) {});
    }
}

}  // namespace parley::rehearsal
