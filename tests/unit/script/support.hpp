// What the script tests share: a scripts folder on disk, a call with one agent, and a database that
// obeys.
#pragma once

#include "../../folder.hpp"

#include <parley/core/json.hpp>
#include <parley/script/agent.hpp>
#include <parley/script/calendar.hpp>
#include <parley/script/library.hpp>

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <time.h>

namespace parley::script {

using Files = std::map<std::string, std::string>;

// What this thread has computed; unlike the clock it stands still while others have the core.
inline std::chrono::nanoseconds cpu_now() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

inline std::string shipped_scripts() { return std::string(PARLEY_SOURCE_DIR) + "/scripts"; }

inline std::vector<std::string> texts(const std::vector<Fault>& faults) {
    std::vector<std::string> lines;
    for (const auto& fault : faults) lines.push_back(fault.text());
    return lines;
}

inline std::vector<std::string> faults_of(const Files& files) {
    const Folder folder(files);
    const auto built = Library::build(folder.path());
    return built.has_error() ? texts(built.error()) : std::vector<std::string>{};
}

inline WallTime utc(int year, unsigned month, unsigned day, int hour, int minute) {
    using namespace std::chrono;
    return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)) +
           hours(hour) + minutes(minute);
}

// Answers when the test says so.
class FakeDatabase final : public Database {
 public:
    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override {
        statements.push_back(statement);
        if (answers.empty()) {
            waiting.push_back(std::move(done));
            return;
        }
        auto answer = answers.front();
        answers.pop_front();
        done(std::move(answer));
    }
    void transaction(std::vector<store::Statement> all,
                     std::function<void(TransactionResult)> done) override {
        for (auto& one : all) statements.push_back(std::move(one));
        done(transaction_answer);
    }

    std::deque<store::QueryResult> answers;
    TransactionResult transaction_answer = std::vector<store::QueryAnswer>{};
    std::vector<store::Statement> statements;
    std::vector<std::function<void(store::QueryResult)>> waiting;
};

struct EventLog final : call::EventSink {
    void on(const call::Event& event) override {
        if (const auto* outcome = std::get_if<call::OutcomeSet>(&event))
            lines.push_back("outcome " + outcome->outcome);
        if (std::get_if<call::HangUpAsked>(&event) != nullptr) lines.emplace_back("hang_up");
        if (const auto* text = std::get_if<call::TextInjected>(&event)) {
            lines.push_back((text->respond ? "inject " : "tell ") + text->text);
        }
        if (const auto* say = std::get_if<call::SayAsked>(&event)) {
            lines.push_back("say " + say->text);
            says.push_back(say->say_id);
        }
        if (const auto* ask = std::get_if<call::ModelAsked>(&event))
            lines.push_back("ask " + ask->instructions);
        if (const auto* note = std::get_if<call::NoteTaken>(&event)) {
            lines.push_back("note " + note->text + " " + json::serialize(note->fields));
        }
        if (const auto* transfer = std::get_if<call::TransferAsked>(&event)) {
            lines.push_back(fmt::format("transfer {} for {} s |{}|{}", transfer->transfer.to,
                                        transfer->transfer.ring_limit.count(),
                                        transfer->transfer.briefing, transfer->words));
        }
        if (const auto* hold = std::get_if<call::HoldAsked>(&event))
            lines.emplace_back(hold->is_on ? "hold" : "resume");
        if (const auto* digits = std::get_if<call::DigitsAsked>(&event))
            lines.push_back("digits " + digits->digits);
        if (const auto* recording = std::get_if<call::RecordingAsked>(&event))
            lines.push_back(recording->is_on ? "record after " + recording->notice
                                             : "stop recording");
        if (const auto* told = std::get_if<call::MessageTold>(&event))
            lines.push_back(
                fmt::format("sms {} {} {}", told->to, told->ok ? "sent" : "failed", told->detail));
        if (const auto* key = std::get_if<call::KeyAnswered>(&event)) {
            lines.push_back(
                fmt::format("key {} {}", key->key_id, key->is_handled ? "handled" : "free"));
        }
        if (const auto* offer = std::get_if<call::ToolsOffered>(&event)) {
            std::string names;
            for (const auto& tool : offer->tools)
                names += " " + std::string(tool.at("name").as_string());
            lines.push_back("offer" + names);
        }
    }
    std::vector<std::string> lines;
    std::vector<std::uint64_t> says;
};

// Keeps everything for ever; the lifetimes are only remembered.
class FakeKeys final : public KeyValues {
 public:
    void get(std::string key,
             std::function<void(Result<std::optional<std::string>>)> done) override {
        if (problem) return done(*problem);
        const auto found = values.find(key);
        done(found == values.end() ? std::optional<std::string>() : found->second);
    }
    void set(std::string key, std::string json_text, Lifetime lifetime,
             std::function<void(Result<void>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = last_lifetime = lifetime;
        values[std::move(key)] = std::move(json_text);
        done(Result<void>());
    }
    void increment(std::string key, std::int64_t by, Lifetime lifetime,
                   std::function<void(Result<std::int64_t>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = last_lifetime = lifetime;
        auto& value = values[std::move(key)];
        value = std::to_string((value.empty() ? 0 : std::stoll(value)) + by);
        done(std::int64_t{std::stoll(value)});
    }
    void remove(std::string key, std::function<void(Result<bool>)> done) override {
        if (problem) return done(*problem);
        done(values.erase(key) > 0);
    }
    void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                       std::function<void(Result<std::optional<std::string>>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = last_lifetime = lifetime;
        const auto [found, is_new] = values.emplace(std::move(key), std::move(json_text));
        done(is_new ? std::optional<std::string>() : found->second);
    }

    std::map<std::string, std::string> values;
    std::map<std::string, Lifetime> lifetimes;
    Lifetime last_lifetime;
    std::optional<store::QueryProblem> problem;
};

// Takes text messages, or keeps them waiting; remembers them.
class FakeMessages final : public Messages {
 public:
    void send(std::string from, std::string to, std::string text,
              std::function<void(Result)> done) override {
        sent.push_back({std::move(from), std::move(to), std::move(text)});
        if (is_slow) {
            waiting.push_back(std::move(done));
        } else if (problem) {
            done(*problem);
        } else {
            done(fmt::format("SM{}", sent.size()));
        }
    }
    struct Sent {
        std::string from, to, text;
    };
    std::vector<Sent> sent;
    std::vector<std::function<void(Result)>> waiting;
    std::optional<store::QueryProblem> problem;
    bool is_slow = false;
};

struct Output {
    bool ok = false;
    call::ToolFinished::Failure failure = call::ToolFinished::Failure::none;
    std::string text;  // as the model gets it
    json::value value;
    std::string at(const char* name) const {  // a member, as text
        const auto* object = value.if_object();
        const auto* member = object == nullptr ? nullptr : object->if_contains(name);
        if (member == nullptr) return "(absent)";
        return member->is_string() ? std::string(member->get_string()) : json::serialize(*member);
    }
};

// One call: an agent of a bundle, its executor and its clock.
class TestCall {
 public:
    explicit TestCall(std::shared_ptr<const Bundle> bundle, config::AgentSettings settings = {}) {
        if (settings.name.empty()) settings.name = "tester";
        parts.bundle = std::move(bundle);
        parts.settings = std::move(settings);
        parts.info = {"CA1", "+15550001111", "+15550002222", "tester", "twilio", {}};
        parts.events = &events;
        parts.home = io.get_executor();
        parts.time = &clock;
        parts.limits.cpu_max = std::chrono::milliseconds(50);
    }

    // Handles what is posted until `done()`; a test that never gets there fails.
    template <class Condition>
    void run_until(Condition done) {
        const auto deadline = Clock::now() + std::chrono::seconds(30);
        while (!done() && Clock::now() < deadline) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds(10));
        }
        ASSERT_TRUE(done()) << "nothing happened for 30 seconds";
    }
    void settle() {
        io.restart();
        io.poll();
    }

    Checked<call::AgentProfile> prepare() {
        agent = make_agent(parts);
        std::optional<Checked<call::AgentProfile>> result;
        agent->prepare(
            [&](Checked<call::AgentProfile> profile) { result.emplace(std::move(profile)); });
        EXPECT_FALSE(result.has_value()) << "called inside prepare()";
        run_until([&] { return result.has_value(); });
        return std::move(*result);
    }
    void start_tool(const std::string& name, const std::string& arguments, Output& output,
                    bool& is_done) {
        agent->run_tool({"tool_1", name, arguments}, [&](call::ToolFinished finished) {
            EXPECT_EQ(finished.tool_call_id, "tool_1");
            output.ok = finished.ok;
            output.failure = finished.failure;
            output.text = finished.output;
            if (auto value = json_read::parse(finished.output)) output.value = std::move(*value);
            is_done = true;
        });
    }
    Output run_tool(const std::string& name, const std::string& arguments = "{}") {
        Output output;
        bool is_done = false;
        start_tool(name, arguments, output, is_done);
        EXPECT_FALSE(is_done) << "called inside run_tool()";
        run_until([&] { return is_done; });
        return output;
    }

    // Deadlines in real time, the time of day as the test sets it.
    class TestClock final : public Timekeeper {
     public:
        explicit TestClock(TestCall& call) : call_(call), real_(call.io.get_executor()) {}
        TimePoint now() const override { return real_.now(); }
        WallTime wall_now() const override { return call_.now; }
        std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override {
            return real_.make_alarm(std::move(ring));
        }

     private:
        TestCall& call_;
        IoTimekeeper real_;
    };

    // Ends the call; what on_end gave.
    json::object end(call::Finish ending = {"no_booking", "caller_hung_up"}) {
        std::optional<json::object> fields;
        agent->ended(ending, [&](json::object given) { fields = std::move(given); });
        run_until([&] { return fields.has_value(); });
        return std::move(*fields);
    }
    void heard(call::SayDone::How how = call::SayDone::How::heard, const std::string& what = "") {
        agent->tell(call::SayDone{events.says.back(), how, what});
    }

    boost::asio::io_context io;
    TestClock clock{*this};
    EventLog events;
    FakeDatabase database;
    FakeKeys keys;
    FakeMessages messages;
    WallTime now = utc(2026, 11, 20, 15, 0);  // a Friday, 10 in the morning in New York
    AgentParts parts;
    std::unique_ptr<call::Agent> agent;
};

inline std::string agent_file(const std::string& extra = "",
                              const std::string& tools = "\"probe\"") {
    return "return agent { api = 1, prompt = \"You help.\", tools = { " + tools + " }, " + extra +
           " }";
}
inline std::string tool_file(const std::string& body, const std::string& extra = "") {
    return "return tool { api = 1, about = \"A probe.\", " + extra +
           " run = function(args, call)\n" + body + "\nend }";
}

inline std::shared_ptr<const Bundle> bundle_of(const Files& files) {
    const Folder folder(files);
    auto built = Library::build(folder.path());
    if (built.has_error()) {
        for (const auto& line : texts(built.error())) ADD_FAILURE() << line;
        return nullptr;
    }
    return *built;
}

// A call whose one tool, `probe`, has this body. Line 1 of the body is line 2 of tools/probe.lua.
class Probe : public TestCall {
 public:
    explicit Probe(const std::string& body, const std::string& agent_extra = "",
                   const std::string& tool_extra = "")
        : TestCall(bundle_of({{"agents/tester.lua", agent_file(agent_extra)},
                              {"tools/probe.lua", tool_file(body, tool_extra)}})) {
        parts.services.database = &database;
        parts.services.keys = &keys;
        parts.services.messages = &messages;
    }
    Output run(const std::string& arguments = "{}") {
        if (!agent) {
            const auto profile = prepare();
            EXPECT_TRUE(profile.has_value());
        }
        return run_tool("probe", arguments);
    }
};

constexpr const char* failed_text =
    R"({"error":"tool_failed","message":"I'm having trouble with our system right now."})";

inline Output result_of(const std::string& body) {
    Probe probe(body);
    return probe.run();
}
// What the log says of a body that fails.
inline std::string error_of(const std::string& body) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(result_of(body).text, failed_text) << body;
    return testing::internal::GetCapturedStderr();
}

}  // namespace parley::script
