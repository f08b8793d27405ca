#include "tool_world.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::rehearsal {
namespace {

constexpr const char* begins_at = "2026-12-01";  // a Tuesday, at ten; as in scenarios
constexpr int begins_at_minutes = 10 * 60;
constexpr std::chrono::minutes tool_max{5};

// What a tool asks of the call.
struct Wishes final : call::EventSink {
    void on(const call::Event& event) override {
        if (const auto* set = std::get_if<call::OutcomeSet>(&event)) outcome = set->outcome;
        if (std::holds_alternative<call::HangUpAsked>(event)) hung_up = true;
        if (const auto* text = std::get_if<call::TextInjected>(&event))
            injected.emplace_back(text->text);
        if (const auto* note = std::get_if<call::NoteTaken>(&event))
            notes.push_back({{"text", note->text}, {"fields", note->fields}});
        if (const auto* asked = std::get_if<call::ModelAsked>(&event))
            asked_model.emplace_back(asked->instructions);
        if (const auto* transfer = std::get_if<call::TransferAsked>(&event)) {
            transferred_to = transfer->transfer.to;
            if (!transfer->words.empty()) said.emplace_back(transfer->words);
        }
        if (const auto* hold = std::get_if<call::HoldAsked>(&event)) on_hold = hold->is_on;
        if (const auto* asked = std::get_if<call::DigitsAsked>(&event)) digits += asked->digits;
        if (const auto* asked = std::get_if<call::RecordingAsked>(&event)) recording = asked->is_on;
        if (const auto* say = std::get_if<call::SayAsked>(&event)) {
            said.emplace_back(say->text);
            says.push_back(*say);
        }
    }
    std::vector<call::SayAsked> says;  // not yet heard
    std::string outcome;
    bool hung_up = false, on_hold = false, recording = false;
    std::string transferred_to, digits;
    json::array injected, notes, said, asked_model;
};

std::string field(log::Fields fields, std::string_view name) {
    for (const auto& each : fields) {
        if (each.name == name) return each.value;
    }
    return "";
}

// The agent to lend a tool its vars: the first configured one, else any script.
config::AgentSettings first_agent(const Stage& stage) {
    if (const auto* usual = stage.settings.agent_for("")) return *usual;
    config::AgentSettings agent;
    const auto scripts = stage.bundle->agents();
    if (!scripts.empty()) agent.name = scripts.front();
    return agent;
}

}  // namespace

Checked<std::unique_ptr<ToolWorld>> ToolWorld::make(const Stage& stage) {
    auto store = store::InlineStore::open(stage.migrations_dir());
    if (!store) return store.error();
    return std::unique_ptr<ToolWorld>(new ToolWorld(stage, std::move(*store)));
}

ToolWorld::ToolWorld(const Stage& stage, std::unique_ptr<store::InlineStore> store)
    : stage_(stage),
      clock_(stage.bundle->time_zone(first_agent(stage))
                 ->moment(*script::parse_date(begins_at), begins_at_minutes)),
      io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE),
      store_(std::move(store)),
      time_(clock_.make_timekeeper()),
      keys_(clock_),
      web_(clock_),
      zone_(stage.bundle->time_zone(first_agent(stage))),
      log_(log::Level::info, [this](log::Level, std::string_view event, log::Fields fields) {
          take_log(event, fields);
      }) {
    services_.database = this;
    services_.keys = &keys_;
    services_.http = &web_;
    services_.messages = this;
}

void ToolWorld::send(std::string, std::string to, std::string text,
                     std::function<void(Result)> done) {
    messages_.push_back({{"to", to}, {"text", text}});
    done(fmt::format("SM{:032}", messages_.size()));
}

void ToolWorld::take_log(std::string_view event, log::Fields fields) {
    if (event == "script.failed") {
        script_error_ = field(fields, "what");
        if (script_error_.find(".lua") == std::string::npos)
            script_error_ = fmt::format("{}: {}", field(fields, "script"), script_error_);
    } else if (event == "script.log") {
        logged_.push_back(field(fields, "text"));
    }
}

Checked<json::value> ToolWorld::ask(std::string_view what, const json::value& arguments) {
    const auto* object = arguments.if_object();
    const json::object none;
    const json::object& given = object == nullptr ? none : *object;
    if (what == "run_tool") return run_tool(given);
    if (what == "clock.set") return set_clock(given);
    if (what == "clock.advance") {
        const auto seconds = json_read::number(given, "seconds");
        if (!seconds || *seconds < 0)
            return Fault{"", "clock.advance: expected a number of seconds", ""};
        pass(milliseconds(static_cast<std::int64_t>(*seconds * 1'000)));
        return json::value(nullptr);
    }
    if (what == "http_fake.on") return answer_web(given);
    if (what == "http_fake.requests") return json::value(requests());
    return Fault{"", fmt::format("a test cannot ask for {}", what), ""};
}

void ToolWorld::pass(milliseconds span) {
    const auto until = clock_.now() + span;
    while (clock_.ring_next(until)) {
        io_.restart();
        io_.poll();
    }
}

bool ToolWorld::go_on() {
    io_.restart();
    return io_.poll() > 0 || clock_.ring_next(clock_.now() + tool_max);
}

Checked<json::value> ToolWorld::answer_web(const json::object& arguments) {
    const auto* answer = json_read::object(arguments, "answer");
    json::object all = answer == nullptr ? json::object() : *answer;
    // In Lua seconds are numbers.
    if (const auto* after = all.if_contains("after"); after != nullptr && after->is_number()) {
        all["after"] = fmt::format("{} s", after->to_number<double>());
    }
    all["url"] = json_read::text(arguments, "url");
    all["method"] = json_read::text(arguments, "method");
    auto read = web_answer_of(all);
    if (!read) return Fault{"", "http_fake.on: " + read.error().what, read.error().remedy};
    web_.add(std::move(*read));
    return json::value(nullptr);
}

json::array ToolWorld::requests() const {
    json::array all;
    for (const auto& sent : web_.sent()) {
        json::object one{{"method", sent.method}, {"url", sent.url}, {"body", sent.body}};
        if (auto parsed = json_read::parse(sent.body)) one["json"] = std::move(*parsed);
        all.push_back(std::move(one));
    }
    return all;
}

Checked<json::value> ToolWorld::set_clock(const json::object& arguments) {
    const std::string when = json_read::text(arguments, "when");
    const auto space = std::min(when.find(' '), when.size());
    const auto date = script::parse_date(std::string_view(when).substr(0, space));
    const auto minutes = space == when.size()
                             ? std::optional<int>(0)
                             : script::parse_time(std::string_view(when).substr(space + 1));
    if (!date || !minutes)
        return Fault{
            "",
            fmt::format("clock.set: expected a time such as \"2026-12-01 10:00\", found \"{}\"",
                        when),
            ""};
    auto zone = zone_;
    if (const auto name = json_read::string(arguments, "zone")) {
        zone = script::TimeZone::find(*name);
        if (!zone)
            return Fault{"", fmt::format("clock.set: there is no time zone \"{}\"", *name), ""};
    }
    clock_.set_wall(zone->moment(*date, *minutes));
    return json::value(nullptr);
}

Checked<config::AgentSettings> ToolWorld::agent_for(const std::string& tool,
                                                    const json::object& options) const {
    const auto tools = stage_.bundle->tools();
    if (std::find(tools.begin(), tools.end(), tool) == tools.end()) {
        const auto meant = did_you_mean(tool, tools);
        return Fault{"", fmt::format("run_tool: there is no tool \"{}\"", tool),
                     meant ? fmt::format("did you mean \"{}\"?", *meant) : ""};
    }
    config::AgentSettings agent = first_agent(stage_);
    if (const auto name = json_read::string(options, "agent")) {
        const auto found = stage_.settings.agents.find(std::string(*name));
        const auto scripts = stage_.bundle->agents();
        if (found != stage_.settings.agents.end()) {
            agent = found->second;
        } else if (std::find(scripts.begin(), scripts.end(), *name) != scripts.end()) {
            agent = {};
            agent.name = std::string(*name);
        } else {
            return Fault{"", fmt::format("run_tool: there is no agent \"{}\"", *name), ""};
        }
    }
    if (const auto* vars = json_read::object(options, "vars")) {
        for (const auto& [name, value] : *vars) agent.vars[name] = value;
    }
    return agent;
}

bool ToolWorld::run_until(const bool& is_done, const std::function<void()>& meanwhile) {
    const auto limit = clock_.now() + tool_max;
    while (!is_done) {
        meanwhile();
        io_.restart();
        if (io_.poll() > 0) continue;
        if (!is_done && !clock_.ring_next(limit)) return false;
    }
    return true;
}

Checked<json::value> ToolWorld::run_tool(const json::object& arguments) {
    const std::string tool = json_read::text(arguments, "name");
    const json::object none;
    const auto* options = json_read::object(arguments, "options");
    const json::object& chosen = options == nullptr ? none : *options;
    for (const auto& member : chosen) {
        static const std::vector<std::string> known{"from", "to", "sid", "vars", "agent"};
        const std::string key(member.key());
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const auto meant = did_you_mean(key, known);
        return Fault{"", fmt::format("run_tool: unknown option `{}`", key),
                     meant ? fmt::format("did you mean `{}`?", *meant)
                           : "there are from, to, sid, vars and agent"};
    }
    auto agent = agent_for(tool, chosen);
    if (!agent) return agent.error();

    Wishes wishes;
    json::object vars = stage_.bundle->vars(*agent);
    const auto timekeeper = clock_.make_timekeeper();
    const auto text = [&](std::string_view key, const char* fallback) {
        const auto value = json_read::string(chosen, key);
        return value ? std::string(*value) : std::string(fallback);
    };
    script::AgentParts parts;
    parts.bundle = stage_.bundle;
    parts.settings = *agent;
    parts.limits = stage_.settings.scripts;
    parts.info.call_sid = text("sid", "CA00000000000000000000000000000001");
    parts.info.from = text("from", "+15550100002");
    parts.info.to = text("to", "+15550100001");
    parts.info.agent = agent->name;
    parts.info.channel = "rehearsal";
    parts.info.started_at = clock_.wall_now();
    parts.events = &wishes;
    parts.home = io_.get_executor();
    parts.time = timekeeper.get();
    parts.services = services_;
    parts.random_seed = 1;
    parts.tools = std::vector<std::string>{tool};
    parts.vars_kept = [&vars](const json::object& kept) { vars = kept; };

    script_error_.clear();
    logged_.clear();
    messages_.clear();
    auto running = script::make_agent(std::move(parts));
    bool is_done = false;
    std::optional<Fault> fault;
    call::ToolFinished finished;
    running->prepare([&](Checked<call::AgentProfile> profile) {
        if (!profile) fault = profile.error();
        is_done = true;
    });
    if (!run_until(is_done, [] {}))
        return Fault{"", "run_tool: the agent's on_start gave no result", ""};
    if (fault) return Fault{"", "run_tool: " + fault->text(), ""};
    const json::value* given = arguments.if_contains("arguments");
    const bool is_empty =
        given == nullptr || given->is_null() || (given->is_array() && given->get_array().empty());
    is_done = false;
    running->run_tool({"call_1", tool, is_empty ? "{}" : json::serialize(*given)},
                      [&](call::ToolFinished result) {
                          finished = std::move(result);
                          is_done = true;
                      });
    // What the tool says is heard at once.
    const auto hear = [&] {
        for (auto& say : std::exchange(wishes.says, {})) {
            running->tell(
                call::SayDone{say.say_id, call::SayDone::How::heard, std::move(say.text)});
        }
    };
    const bool has_ended = run_until(is_done, hear);
    running.reset();
    io_.restart();
    io_.poll();
    if (!has_ended)
        return Fault{
            "",
            fmt::format("run_tool: {} gave no result within {} minutes", tool, tool_max.count()),
            ""};

    json::array log_lines;
    for (const auto& line : logged_) log_lines.emplace_back(line);
    json::object answer;
    auto result = json_read::parse(finished.output);
    answer["result"] = result ? std::move(*result) : json::value(finished.output);
    json::object state{{"ok", finished.ok},
                       {"hung_up", wishes.hung_up},
                       {"on_hold", wishes.on_hold},
                       {"recording", wishes.recording},
                       {"digits", wishes.digits},
                       {"sms", std::exchange(messages_, {})},
                       {"vars", std::move(vars)},
                       {"log", std::move(log_lines)},
                       {"injected", std::move(wishes.injected)},
                       {"notes", std::move(wishes.notes)},
                       {"said", std::move(wishes.said)},
                       {"asked_model", std::move(wishes.asked_model)}};
    if (!wishes.outcome.empty()) state["outcome"] = wishes.outcome;
    if (!wishes.transferred_to.empty()) state["transferred_to"] = wishes.transferred_to;
    answer["call"] = std::move(state);
    if (!script_error_.empty()) answer["error"] = script_error_;
    return json::value(std::move(answer));
}

}  // namespace parley::rehearsal
