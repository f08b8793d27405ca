// rig.hpp: one call in the real runtime, with everything round it under control: time, line,
// database, log.
//
// The session, the agent's script and its tools are those of a call that is served. The clock is
// virtual, the database is fresh and in memory, and what becomes noteworthy goes into a Record. The
// engine is whatever the owner makes it.
//
// Owner:  whoever rehearses. Thread: one thread; log lines of scripts are captured on it while the
// rig lives.
// End:    the destructor ends the session, whatever state it is in.
#pragma once

#include "line.hpp"
#include "memory_keys.hpp"

#include <parley/call/session.hpp>
#include <parley/core/log.hpp>
#include <parley/core/virtual_clock.hpp>
#include <parley/rehearsal/fake_web.hpp>
#include <parley/rehearsal/record.hpp>
#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/stage.hpp>
#include <parley/script/agent.hpp>
#include <parley/store/inline_store.hpp>

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace parley::rehearsal {

class Rig final : public call::journal::Subscriber,
                  public script::Database,
                  public script::Messages {
 public:
    struct Call {
        config::AgentSettings agent;
        std::string from, to;
        WallTime at;
        std::uint64_t seed = 1;
        std::map<std::string, std::string> secrets = {};  // in place of the settings'
        std::string direction = "inbound";
    };
    using MakeEngine = std::function<std::unique_ptr<call::Engine>(call::EventSink&, Timekeeper&)>;
    // Told of each happening at once, besides the record.
    using Watch = std::function<void(const Happening&)>;

    static Checked<std::unique_ptr<Rig>> make(const Stage& stage, Call call, Watch watch = {});
    ~Rig() override;
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // Starts the session; the caller's line is there a moment later.
    void begin(MakeEngine make_engine);
    // A model on the network: while it has the word, time stands still and the network is waited
    // for. To be called before begin().
    void wait_while(std::function<bool()> is_asking) { is_asking_ = std::move(is_asking); }
    boost::asio::any_io_executor home() { return io_.get_executor(); }
    // Whatever is ready runs; then time moves to the next alarm. False: nothing is left to happen
    // by `limit`.
    void run_ready();
    bool advance(TimePoint limit);

    VirtualClock& clock() { return clock_; }
    Record& record() { return record_; }
    Line& line() { return line_; }
    void on(const call::Event& event);  // from the caller's side; none once the call is over
    bool is_attached() const { return is_attached_; }
    bool is_over() const { return is_over_; }
    // Lets the script have its last word, once the call is over.
    void let_go();
    // The caller is with somebody else, or on the way there.
    bool is_away() const { return !is_over_ && line_.handed_over().has_value(); }
    // What became of that; unless they have spoken, the caller is back a moment later.
    void end_transfer(call::TransferEnded::How how);
    // Both sides are there, and nobody but the caller could speak now.
    bool is_listening() const;
    std::size_t tools_running() const { return tools_.size(); }
    const call::Finish& ending() const { return session_->ending(); }
    const json::object& vars() const { return vars_; }
    void note(Happening happening);  // stamped with the time, unless it has one
    milliseconds at() const { return record_.since_start(clock_.wall_now()); }

    // ---- the world round the call --------------------------------------------------------------
    store::QueryResult sql(const store::Statement& statement) { return store_->query(statement); }
    void refuse_statements(int count) { busy_ += count; }
    FakeWeb& web() { return web_; }
    script::KeyValues& keys() { return keys_; }
    // As the module kv writes it.
    std::string stored_key(const std::string& key) const {
        return script::stored_key(scripts_, key);
    }
    void slow_down(const std::string& tool, milliseconds by) { slow_[tool] = by; }
    // Tools that were to be slow, and never waited for anything.
    std::vector<std::string> never_slow() const;

    // ---- ports ---------------------------------------------------------------------------------
    void on_entry(const call::journal::Entry& entry) override;
    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override;
    void transaction(std::vector<store::Statement> statements,
                     std::function<void(script::TransactionResult)> done) override;
    void send(std::string from, std::string to, std::string text,
              std::function<void(Result)> done) override;

 private:
    // Passes on what the script asks for; the journal tells less of it.
    struct Ear final : call::EventSink {
        void on(const call::Event& event) override;
        call::EventSink* behind = nullptr;
        std::string digits;  // asked for, not yet sent
    };

    Rig(const Stage& stage, Call call, std::unique_ptr<store::InlineStore> store, Watch watch);
    void take_log(log::Level level, std::string_view event, log::Fields fields);
    void note_phrase();
    void note_line(const call::journal::Entry& entry);
    template <class Given>
    void answer(Given result, std::function<void(Given)> done);
    std::optional<store::QueryProblem> take_refusal();

    const Stage& stage_;
    const Call call_;
    VirtualClock clock_;
    Record record_;
    Watch watch_;
    boost::asio::io_context io_;
    std::unique_ptr<store::InlineStore> store_;
    MemoryKeys keys_;
    FakeWeb web_;
    config::ScriptSettings scripts_;  // with the secrets of this call
    call::EventSink* sink_ = nullptr;
    Ear ear_;
    Line line_;
    log::Capture log_;
    json::object vars_;
    std::unique_ptr<Alarm> attach_;
    std::shared_ptr<call::Session> session_;
    std::function<bool()> is_asking_;
    int messages_ = 0;
    bool is_attached_ = false;
    bool is_over_ = false;
    bool is_closed_ = false;
    std::map<std::string, std::string> tools_;  // running: id, name
    int busy_ = 0;
    std::map<std::string, milliseconds> slow_;  // the next run of a tool
    std::set<std::string> slowed_;
    std::map<std::uint64_t, std::unique_ptr<Alarm>> late_;
    std::uint64_t next_late_ = 0;
};

// What a scenario says of the web and of what is kept under names.
void prepare(Rig& rig, const Scenario& scenario);

}  // namespace parley::rehearsal
