#include <parley/rehearsal/replay.hpp>

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>
#include <parley/core/virtual_clock.hpp>
#include <parley/script/agent.hpp>

#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>

namespace parley::rehearsal {
namespace {

constexpr std::size_t context_bytes = 60;  // shown before the place where two texts differ
constexpr std::size_t shown_bytes_max = 400;

// From shortly before where the two part.
std::pair<std::string, std::string> parted(const std::string& one, const std::string& other) {
    const auto [a, b] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
    auto at = static_cast<std::size_t>(a - one.begin());
    at = at > context_bytes ? at - context_bytes : 0;
    while (at > 0 && (static_cast<unsigned char>(one[at]) & 0xC0) == 0x80) --at;
    const auto piece = [&](const std::string& text) {
        return (at > 0 ? "…" : "") +
               shortened(std::string_view(text).substr(std::min(at, text.size())), shown_bytes_max);
    };
    return {piece(one), piece(other)};
}

const json::object& object_of(const json::value& value) {
    static const json::object none;
    const auto* object = value.if_object();
    return object == nullptr ? none : *object;
}

std::string asked_of(const json::array& asked) {
    const json::object& first = asked.empty() ? object_of(nullptr) : object_of(asked.front());
    if (first.contains("sql")) return "what is asked of the database";
    if (first.contains("sms")) return "what is written in a text message";
    return first.contains("url") ? "what is asked of the web" : "what is asked of kv";
}

store::QueryAnswer answer_of(const json::value& value) {
    store::QueryAnswer answer;
    const auto* object = value.if_object();
    if (object == nullptr) return answer;
    if (const auto* rows = json_read::array(*object, "rows")) answer.rows = *rows;
    answer.changes = json_read::integer(*object, "changes").value_or(0);
    answer.last_id = json_read::integer(*object, "last_id").value_or(0);
    return answer;
}

std::optional<store::QueryProblem> problem_of(const json::value& value) {
    const auto* object = value.if_object();
    const auto* problem = object == nullptr ? nullptr : json_read::object(*object, "problem");
    if (problem == nullptr) return std::nullopt;
    const auto kind =
        std::clamp<std::int64_t>(json_read::integer(*problem, "kind").value_or(4), 0, 4);
    return store::QueryProblem{static_cast<store::QueryProblem::Kind>(kind),
                               json_read::text(*problem, "message")};
}

class Replay final : public call::EventSink,
                     public script::Database,
                     public script::KeyValues,
                     public script::HttpClient,
                     public script::Messages {
 public:
    Replay(const Recording& recording, const Stage& stage, config::AgentSettings agent)
        : recording_(recording),
          clock_(recording.call.info.started_at),
          zero_(clock_.now()),
          time_(clock_.make_timekeeper()),
          conversation_(recording.call.policy, recording.call.phrases, recording.call.began),
          log_(log::Level::error, [](log::Level, std::string_view, log::Fields) {}) {
        script::AgentParts parts;
        parts.bundle = stage.bundle;
        parts.settings = std::move(agent);
        parts.limits = stage.settings.scripts;
        parts.info = recording.call.info;
        parts.events = this;
        parts.home = io_.get_executor();
        parts.time = time_.get();
        parts.services.database = this;
        parts.services.keys = this;
        parts.services.http = this;
        parts.services.messages = this;
        parts.budgets.gives_way = false;
        parts.random_seed = recording.call.seed;
        agent_ = script::make_agent(std::move(parts));
    }

    Replayed run() {
        agent_->prepare([this](Checked<call::AgentProfile> prepared) {
            if (!prepared) return on(call::AgentUnavailable{prepared.error().text()});
            profile_ = std::move(*prepared);
            call::AgentPrepared rules = profile_->rules;
            rules.greeting = profile_->greeting;
            on(rules);
        });
        for (const auto& line : recording_.lines) {
            line_ = &line;
            pass_time();
            if (!play(line)) break;
            ++done_.events;
        }
        if (!done_.difference && !recording_.is_cut && !made_.empty())
            differ("what the script does", "", event_text(made_.front()));
        done_.is_cut = recording_.is_cut;
        return std::move(done_);
    }

    // ---- from the script -----------------------------------------------------------------------
    void on(const call::Event& event) override {
        if (!is_finished_) made_.push_back(event);
    }

    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override {
        await({{{"sql", statement.sql}, {"parameters", statement.parameters}}},
              [done = std::move(done)](const json::value* answer) {
                  if (answer == nullptr) return done(no_answer);
                  if (const auto problem = problem_of(*answer)) return done(*problem);
                  done(answer_of(*answer));
              });
    }
    void get(std::string key,
             std::function<void(KeyValues::Result<std::optional<std::string>>)> done) override {
        await({{{"get", key}}}, told_value(std::move(done)));
    }
    void set(std::string key, std::string json_text, Lifetime lifetime,
             std::function<void(KeyValues::Result<void>)> done) override {
        await({{{"set", key}, {"value", json_text}, {"seconds", seconds(lifetime)}}},
              written(std::move(done)));
    }
    void increment(std::string key, std::int64_t by, Lifetime lifetime,
                   std::function<void(KeyValues::Result<std::int64_t>)> done) override {
        await({{{"increment", key}, {"by", by}, {"seconds", seconds(lifetime)}}},
              [done = std::move(done)](const json::value* answer) {
                  if (answer == nullptr) return done(no_answer);
                  if (const auto problem = problem_of(*answer)) return done(*problem);
                  done(json_read::integer(object_of(*answer), "number").value_or(0));
              });
    }
    void remove(std::string key, std::function<void(KeyValues::Result<bool>)> done) override {
        await({{{"remove", key}}}, [done = std::move(done)](const json::value* answer) {
            if (answer == nullptr) return done(no_answer);
            if (const auto problem = problem_of(*answer)) return done(*problem);
            done(json_read::boolean(object_of(*answer), "was_there").value_or(false));
        });
    }
    void set_if_absent(
        std::string key, std::string json_text, Lifetime lifetime,
        std::function<void(KeyValues::Result<std::optional<std::string>>)> done) override {
        await({{{"set_if_absent", key}, {"value", json_text}, {"seconds", seconds(lifetime)}}},
              told_value(std::move(done)));
    }
    void send(std::string from, std::string to, std::string text,
              std::function<void(Messages::Result)> done) override {
        await({{{"sms", to}, {"from", from}, {"text", text}}},
              [done = std::move(done)](const json::value* answer) {
                  if (answer == nullptr) return done(no_answer);
                  if (const auto problem = problem_of(*answer)) return done(*problem);
                  done(json_read::text(object_of(*answer), "id"));
              });
    }
    std::shared_ptr<void> send(boost::asio::any_io_executor, net::Url url, net::Request request,
                               net::RequestLimits,
                               std::function<void(HttpClient::Result)> done) override {
        // Dropped, the exchange is over: its answer must not come.
        auto going = std::make_shared<int>();
        await({web_request_json(url, request)}, [done = std::move(done),
                                                 still = std::weak_ptr(going)](
                                                    const json::value* answer) {
            if (still.expired()) return;
            if (answer == nullptr)
                return done(net::FetchFailure{
                    net::FetchFailure::Kind::broken, "the recording has no answer to this", {}});
            const json::object& of = object_of(*answer);
            if (const auto* failure = json_read::object(of, "failure")) {
                const auto kind =
                    std::clamp<std::int64_t>(json_read::integer(*failure, "kind").value_or(0), 0,
                                             static_cast<int>(net::FetchFailure::Kind::broken));
                return done(net::FetchFailure{static_cast<net::FetchFailure::Kind>(kind),
                                              json_read::text(*failure, "what"),
                                              {}});
            }
            net::Response response;
            response.status = static_cast<int>(json_read::integer(of, "status").value_or(200));
            response.content_type = json_read::text(of, "type");
            response.body = json_read::text(of, "body");
            if (const auto* headers = json_read::array(of, "headers")) {
                for (const auto& each : *headers) {
                    const auto* pair = each.if_array();
                    if (pair != nullptr && pair->size() == 2 && (*pair)[0].is_string() &&
                        (*pair)[1].is_string()) {
                        response.headers.add(std::string((*pair)[0].get_string()),
                                             std::string((*pair)[1].get_string()));
                    }
                }
            }
            done(std::move(response));
        });
        return going;
    }
    void transaction(std::vector<store::Statement> statements,
                     std::function<void(script::TransactionResult)> done) override {
        json::array asked;
        for (const auto& each : statements)
            asked.push_back({{"sql", each.sql}, {"parameters", each.parameters}});
        await(std::move(asked), [done = std::move(done)](const json::value* answer) {
            if (answer == nullptr) return done(no_answer);
            if (const auto problem = problem_of(*answer)) return done(*problem);
            std::vector<store::QueryAnswer> answers;
            if (const auto* list = answer->if_array()) {
                for (const auto& each : *list) answers.push_back(answer_of(each));
            }
            done(std::move(answers));
        });
    }

 private:
    static inline const store::QueryProblem no_answer{store::QueryProblem::Kind::busy,
                                                      "the recording has no answer to this"};

    void differ(std::string what, std::string recorded, std::string now) {
        if (done_.difference) return;
        auto [one, other] = parted(recorded, now);
        done_.difference =
            Difference{.line = line_ == nullptr ? 1 : line_->number,
                       .at = line_ == nullptr ? milliseconds(0)
                                              : std::chrono::duration_cast<milliseconds>(line_->at),
                       .what = std::move(what),
                       .recorded = std::move(one),
                       .now = std::move(other)};
    }

    using Tell = std::function<void(const json::value*)>;

    static json::value seconds(const Lifetime& lifetime) {
        if (!lifetime) return nullptr;
        return lifetime->count();
    }
    static Tell told_value(
        std::function<void(KeyValues::Result<std::optional<std::string>>)> done) {
        return [done = std::move(done)](const json::value* answer) {
            if (answer == nullptr) return done(no_answer);
            if (const auto problem = problem_of(*answer)) return done(*problem);
            const auto value = json_read::string(object_of(*answer), "value");
            done(value ? std::optional(std::string(*value)) : std::nullopt);
        };
    }
    static Tell written(std::function<void(KeyValues::Result<void>)> done) {
        return [done = std::move(done)](const json::value* answer) {
            if (answer == nullptr) return done(no_answer);
            if (const auto problem = problem_of(*answer)) return done(*problem);
            done({});
        };
    }

    // The recorded answer comes when it came then: before the same event.
    void await(json::array asked, Tell tell) {
        const std::size_t number = requests_++;
        const auto found = std::find_if(recording_.answers.begin(), recording_.answers.end(),
                                        [&](const auto& each) { return each.request == number; });
        if (found == recording_.answers.end()) {
            if (!recording_.is_cut)
                differ(asked_of(asked), "", log::without_secrets(json::serialize(asked)));
            return tell(nullptr);
        }
        const std::string now = log::without_secrets(json::serialize(asked));
        if (const std::string recorded = json::serialize(found->asked); recorded != now) {
            differ(asked_of(found->asked), recorded, now);
            return tell(nullptr);
        }
        if (found->answer) waiting_.emplace_back(&*found, std::move(tell));
    }

    using Waiting = std::deque<std::pair<const Recording::Answer*, Tell>>;

    // The earliest of those that came before the next event.
    Waiting::iterator next_answer() {
        auto best = waiting_.end();
        for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
            if (it->first->after_lines > done_.events) continue;
            if (best == waiting_.end() || it->first->at < best->first->at) best = it;
        }
        return best;
    }
    void give(Waiting::iterator next) {
        const auto [answer, tell] = std::move(*next);
        waiting_.erase(next);
        tell(&*answer->answer);
    }

    void run_ready() {
        io_.restart();
        io_.poll();
    }
    // Alarms ring and answers come in the order of their times, until the event is due.
    void pass_time() {
        run_ready();
        const auto limit = zero_ + line_->at;
        while (true) {
            const auto next = next_answer();
            const auto at = next == waiting_.end()
                                ? TimePoint::max()
                                : std::max(zero_ + next->first->at, clock_.now());
            if (at <= std::min(limit, clock_.next_alarm())) {
                clock_.ring_next(at);  // none is due by then: only time moves on
                give(next);
            } else if (!clock_.ring_next(limit)) {
                break;
            }
            run_ready();
        }
        // The clocks of two threads may differ by a moment; the order of the lines is certain.
        for (auto next = next_answer(); next != waiting_.end(); next = next_answer()) {
            give(next);
            run_ready();
        }
    }

    // False at the first difference.
    bool play(const Recording::Line& line) {
        const bool is_script = line.event.starts_with("script ");
        std::optional<call::Event> event =
            is_script ? take_made(line.event) : event_of(line.event, scratch_, audio_);
        if (done_.difference) return false;
        if (!event) {
            differ("the event", line.event, "(not to be read)");
            return false;
        }
        const auto& commands = conversation_.handle(*event, recording_.call.began + line.at);
        for (std::size_t i = 0; i < std::max(commands.size(), line.commands.size()); ++i) {
            const std::string now =
                i < commands.size() ? log::without_secrets(command_text(commands[i])) : "";
            const std::string recorded = i < line.commands.size() ? line.commands[i] : "";
            if (now != recorded) {
                differ("what is done after `" + shortened(line.event, 100) + "`", recorded, now);
                return false;
            }
        }
        done_.commands += commands.size();
        for (const auto& command : commands) carry_out(command);
        run_ready();
        return !done_.difference;
    }

    void carry_out(const call::Command& command) {
        if (const auto* tool = std::get_if<call::RunTool>(&command)) {
            agent_->run_tool(*tool, [this](call::ToolFinished result) { on(result); });
        } else if (const auto* told = std::get_if<call::TellAgent>(&command)) {
            agent_->tell(told->news);
        } else if (const auto* finish = std::get_if<call::Finish>(&command)) {
            is_finished_ = true;
            made_.clear();  // nobody hears of what is still under way
            agent_->ended(*finish, [](const json::object&) {});
        }
    }

    // What the script does now, in place of what it did then.
    std::optional<call::Event> take_made(const std::string& recorded) {
        run_ready();
        if (recorded.starts_with("script prepared") && profile_) compare_profiles();
        if (done_.difference) return std::nullopt;
        for (auto it = made_.begin(); it != made_.end(); ++it) {
            if (log::without_secrets(event_text(*it)) != recorded) continue;
            call::Event event = std::move(*it);
            made_.erase(it);
            return event;
        }
        // The most similar is shown: one that begins alike, else the next.
        std::string instead;
        for (const auto& each : made_) {
            const std::string text = event_text(each);
            if (instead.empty() || text.substr(0, 40) == recorded.substr(0, 40)) instead = text;
        }
        differ("what the script does", recorded, instead);
        return std::nullopt;
    }

    void compare_profiles() {
        static constexpr std::pair<const char*, const char*> parts[] = {
            {"instructions", "the prompt"}, {"greeting", "the greeting"}, {"tools", "the tools"},
            {"name", "the agent's name"},   {"language", "the language"}, {"voice", "the voice"},
            {"model", "the model"},
        };
        const auto now = profile_json(*profile_);
        for (const auto& [key, words] : parts) {
            const auto* recorded = recording_.profile.if_contains(key);
            const auto* present = now.if_contains(key);
            if (recorded == nullptr || present == nullptr) continue;
            const auto text = [](const json::value& value) {
                return log::without_secrets(value.is_string() ? std::string(value.get_string())
                                                              : json::serialize(value));
            };
            if (text(*recorded) != text(*present))
                return differ(words, text(*recorded), text(*present));
        }
    }

    const Recording& recording_;
    VirtualClock clock_;
    const TimePoint zero_;
    std::unique_ptr<Timekeeper> time_;
    boost::asio::io_context io_;
    call::Conversation conversation_;
    log::Capture log_;
    std::deque<call::Event> made_;  // by the script, not yet compared
    std::optional<call::AgentProfile> profile_;
    std::unique_ptr<call::Agent> agent_;
    const Recording::Line* line_ = nullptr;
    bool is_finished_ = false;
    std::size_t requests_ = 0;
    Waiting waiting_;
    std::string scratch_;
    std::vector<std::uint8_t> audio_;
    Replayed done_;
};

}  // namespace

Checked<Replayed> replay(const Recording& recording, const Stage& stage) {
    if (auto fault = recording.why_not_replayed()) return std::move(*fault);
    const auto& then = recording.call.agent;
    const auto now = stage.settings.agents.find(then.name);
    config::AgentSettings agent = now == stage.settings.agents.end() ? then : now->second;
    agent.where = recording.file;
    if (const auto faults = stage.bundle->check(agent); !faults.empty()) return faults.front();
    return Replay(recording, stage, std::move(agent)).run();
}

std::string shown(const Difference& difference) {
    return fmt::format(
        "line {}, {}.{} s into the call, {} differs\n  recorded: {}\n  now:      {}\n",
        difference.line, difference.at.count() / 1000, difference.at.count() % 1000 / 100,
        difference.what, difference.recorded.empty() ? "nothing" : difference.recorded,
        difference.now.empty() ? "nothing" : difference.now);
}

}  // namespace parley::rehearsal
