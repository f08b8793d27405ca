#include <parley/rehearsal/scenario.hpp>

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <cstdlib>

namespace parley::rehearsal {
namespace {

using Faults = std::vector<Fault>;

std::string pointer_to(const std::string& parent, std::string_view key) {
    std::string pointer = parent + "/";
    for (const char c : key) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
    return pointer;
}

std::vector<std::string> words_of(const json::value& value) {
    std::vector<std::string> words;
    if (value.is_string()) words.emplace_back(value.get_string());
    if (const auto* list = value.if_array()) {
        for (const auto& each : *list) {
            if (each.is_string()) words.emplace_back(each.get_string());
        }
    }
    return words;
}

class Reader {
 public:
    Reader(const config::YamlFile& file, Faults& faults) : file_(file), faults_(faults) {}

    void read(Scenario& scenario) {
        const json::object& root = file_.root();
        scenario.name = json_read::text(root, "scenario");
        read_call(scenario);
        if (const auto* given = json_read::object(root, "given")) read_given(*given, scenario);
        if (const auto* steps = json_read::array(root, "steps")) {
            for (std::size_t i = 0; i < steps->size(); ++i)
                read_step((*steps)[i], "/steps/" + std::to_string(i), scenario.steps);
        }
        if (const auto* expect = root.if_contains("expect"))
            read_expectations(*expect, "/expect", scenario.expectations);
    }

 private:
    void fault(const std::string& pointer, std::string what, std::string remedy) {
        faults_.push_back({file_.where(pointer), std::move(what), std::move(remedy)});
    }

    void read_call(Scenario& scenario) {
        const auto* call = json_read::object(file_.root(), "call");
        const json::object none;
        const json::object& from = call == nullptr ? none : *call;
        const auto text = [&](std::string_view key, const char* fallback) {
            const auto value = json_read::string(from, key);
            return value ? std::string(*value) : std::string(fallback);
        };
        scenario.to = text("to", "+15550100001");
        scenario.from = text("from", "+15550100002");
        scenario.direction = text("direction", "inbound");
        scenario.at = text("at", "2026-12-01 10:00");
        scenario.agent = text("agent", "");
        scenario.call_where = file_.where("/call");
        if (const auto* vars = json_read::object(from, "vars")) scenario.vars = *vars;
        scenario.seed = static_cast<std::uint64_t>(json_read::integer(from, "seed").value_or(1));
    }

    void read_given(const json::object& given, Scenario& scenario) {
        if (const auto* web = json_read::array(given, "http")) {
            for (std::size_t i = 0; i < web->size(); ++i) {
                auto answer = web_answer_of((*web)[i].get_object());
                if (!answer)
                    fault("/given/http/" + std::to_string(i), answer.error().what,
                          answer.error().remedy);
                if (answer) scenario.web.push_back(std::move(*answer));
            }
        }
        if (const auto* keys = json_read::object(given, "kv")) {
            for (const auto& each : *keys) scenario.keys[each.key()] = each.value();
        }
        if (const auto* secrets = json_read::object(given, "secrets")) {
            for (const auto& each : *secrets)
                scenario.secrets[each.key()] = json_read::text(*secrets, each.key());
        }
        const auto* database = json_read::array(given, "database");
        if (database == nullptr) return;
        for (std::size_t i = 0; i < database->size(); ++i) {
            const std::string at = "/given/database/" + std::to_string(i);
            const json::value& entry = (*database)[i];
            if (const auto* sql = entry.if_string()) {
                scenario.given.push_back({std::string(*sql), {}});
                scenario.given_where.push_back(file_.where(at));
                continue;
            }
            for (const auto& table : entry.get_object()) {
                const std::string place = pointer_to(at, table.key());
                if (const auto* rows = table.value().if_array()) {
                    for (const auto& row : *rows) add_row(table.key(), row, place, scenario);
                } else {
                    add_row(table.key(), table.value(), place, scenario);
                }
            }
        }
    }

    void add_row(std::string_view table, const json::value& row, const std::string& pointer,
                 Scenario& scenario) {
        const auto* columns = row.if_object();
        const bool is_name = !table.empty() && table.find('"') == std::string_view::npos;
        if (columns == nullptr || columns->empty() || !is_name) {
            return fault(pointer, "expected a row such as {name: value}",
                         "write the table's name, and below it the columns with their values");
        }
        std::string names, marks;
        store::Statement statement;
        for (const auto& column : *columns) {
            names +=
                fmt::format("{}\"{}\"", names.empty() ? "" : ", ", std::string_view(column.key()));
            marks += marks.empty() ? "?" : ", ?";
            statement.parameters.push_back(column.value());
        }
        statement.sql = fmt::format("INSERT INTO \"{}\" ({}) VALUES ({})", table, names, marks);
        scenario.given.push_back(std::move(statement));
        scenario.given_where.push_back(file_.where(pointer));
    }

    // ---- steps --------------------------------------------------------------------------------

    void read_step(const json::value& value, const std::string& pointer, std::vector<Step>& steps) {
        json::object named;
        const json::object* step = value.if_object();
        if (step == nullptr) {
            named[value.get_string()] = true;
            step = &named;
        }
        Step read;
        read.line = file_.line(pointer);
        std::vector<std::string> leading;
        for (const auto& member : *step) {
            const std::string_view key = member.key();
            if (key != "says" && key != "presses") leading.emplace_back(key);
        }
        const bool is_model = step->contains("model says") || step->contains("model calls") ||
                              step->contains("model fails");
        if (is_model) {
            std::erase_if(leading,
                          [](const std::string& key) { return key.starts_with("model "); });
            leading.insert(leading.begin(), "model");
        }
        if (leading.empty()) {
            return fault(pointer, "a step without a beginning",
                         "begin with `caller says`, `model says`, `expect` ...");
        }
        if (leading.size() > 1) {
            return fault(pointer, fmt::format("two steps in one: {}", fmt::join(leading, ", ")),
                         "begin each with a dash of its own");
        }
        const std::string& key = leading.front();
        if (key != "caller interrupts after" &&
            (step->contains("says") || step->contains("presses"))) {
            return fault(pointer, "`says` and `presses` go with `caller interrupts after`",
                         "did you mean `caller says` or `caller presses`?");
        }
        if (key == "model") {
            read_model(*step, pointer, read);
        } else if (key == "expect") {
            read.kind = Step::Kind::expect;
            read_expectations(step->at("expect"), pointer_to(pointer, "expect"), read.expectations);
        } else if (!read_plain(key, *step, pointer, read)) {
            return;
        }
        steps.push_back(std::move(read));
    }

    bool read_plain(const std::string& key, const json::object& step, const std::string& pointer,
                    Step& read) {
        using Kind = Step::Kind;
        const json::value& value = step.at(key);
        const auto text = [&] {
            return value.is_string() ? std::string(value.get_string()) : std::string();
        };
        const auto timed = [&](Kind kind) {
            read.kind = kind;
            read.span = duration_of(text());
        };
        const auto counted = [&](Kind kind) {
            read.kind = kind;
            read.count = static_cast<int>(value.is_int64() ? value.get_int64() : 1);
        };
        if (key == "caller says") {
            read.kind = Kind::caller_says;
            read.text = text();
        } else if (key == "caller presses") {
            read.kind = Kind::caller_presses;
            read.keys = text();
        } else if (key == "caller is silent for") {
            timed(Kind::caller_is_silent);
        } else if (key == "caller interrupts after") {
            timed(Kind::caller_interrupts);
            read.text = json_read::text(step, "says");
            read.keys = json_read::text(step, "presses");
            if (read.text.empty() == read.keys.empty()) {
                fault(pointer, "an interruption needs either `says` or `presses`",
                      "write what the caller says: says: \"...\"");
                return false;
            }
        } else if (key == "caller hangs up") {
            read.kind = Kind::caller_hangs_up;
        } else if (key == "caller hangs up after") {
            timed(Kind::caller_hangs_up_after);
        } else if (key == "transfer") {
            using How = call::TransferEnded::How;
            const std::string how = text();
            read.kind = Kind::transfer;
            read.how = how == "no answer"  ? How::no_answer
                       : how == "busy"     ? How::busy
                       : how == "declined" ? How::declined
                       : how == "failed"   ? How::failed
                                           : How::answered;
        } else if (key == "provider drops" || key == "provider drops for good") {
            read.kind = Kind::provider_drops;
            read.is_for_good = key != "provider drops";
        } else if (key == "provider drops after") {
            timed(Kind::provider_drops_after);
        } else if (key == "provider stalls") {
            read.kind = Kind::model;
            read.model.fails = engine::ScriptedLine::Fails::stall;
        } else if (key == "provider refuses") {
            counted(Kind::provider_refuses);
        } else if (key == "database is busy") {
            counted(Kind::database_is_busy);
        } else if (key == "slow tool") {
            read.kind = Kind::slow_tool;
            read.tool = json_read::text(value.get_object(), "tool");
            read.span = duration_of(json_read::text(value.get_object(), "by"));
        }
        return true;
    }

    void read_model(const json::object& step, const std::string& pointer, Step& read) {
        read.kind = Step::Kind::model;
        read.model.says = json_read::text(step, "model says");
        if (const auto* calls = step.if_contains("model calls"))
            read_calls(*calls, pointer_to(pointer, "model calls"), read.model);
        const auto fails = json_read::text(step, "model fails");
        if (fails.empty()) return;
        if (!read.model.says.empty() || !read.model.calls.empty()) {
            fault(pointer, "an answer that fails says and calls nothing", "make two steps of it");
        }
        read.model.fails = fails == "rate limit"     ? engine::ScriptedLine::Fails::rate_limit
                           : fails == "out of quota" ? engine::ScriptedLine::Fails::quota
                                                     : engine::ScriptedLine::Fails::server_error;
    }

    void read_calls(const json::value& value, const std::string& pointer,
                    engine::ScriptedLine& line) {
        if (const auto* name = value.if_string())
            return line.calls.push_back({std::string(*name), "{}"});
        if (const auto* list = value.if_array()) {
            for (std::size_t i = 0; i < list->size(); ++i)
                read_calls((*list)[i], pointer + "/" + std::to_string(i), line);
            return;
        }
        for (const auto& call : value.get_object()) {
            if (call.value().is_null()) {
                line.calls.push_back({std::string(call.key()), "{}"});
            } else if (call.value().is_object()) {
                line.calls.push_back({std::string(call.key()), json::serialize(call.value())});
            } else {
                fault(pointer_to(pointer, call.key()),
                      "expected the arguments of the tool, such as {date: 2026-12-01}",
                      "put the tool's name before a colon, and its arguments into braces after it");
            }
        }
    }

    // ---- expectations -------------------------------------------------------------------------

    void read_expectations(const json::value& value, const std::string& pointer,
                           std::vector<Expectation>& into) {
        if (value.is_null()) return;  // every line of it is a comment
        if (const auto* list = value.if_array()) {
            for (std::size_t i = 0; i < list->size(); ++i) {
                read_expectations((*list)[i], pointer + "/" + std::to_string(i), into);
            }
            return;
        }
        const json::object& group = value.get_object();
        using Kind = Expectation::Kind;
        static const std::pair<std::string_view, Kind> kinds[] = {
            {"http requested", Kind::http_requested},
            {"tool called", Kind::tool_called},
            {"tool not called", Kind::tool_not_called},
            {"heard", Kind::heard},
            {"never heard", Kind::never_heard},
            {"unheard", Kind::unheard},
            {"in order", Kind::in_order},
            {"answered within", Kind::answered_within},
            {"model told", Kind::model_told},
            {"instructions contain", Kind::instructions_contain},
            {"tools offered", Kind::tools_offered},
            {"tools not offered", Kind::tools_not_offered},
            {"database", Kind::database},
            {"outcome", Kind::outcome},
            {"reason", Kind::reason},
            {"hang-up by", Kind::hang_up_by},
            {"hand-off to", Kind::hand_off_to},
            {"transferred to", Kind::transferred_to},
            {"briefing", Kind::briefing},
            {"held for", Kind::held_for},
            {"digits", Kind::digits},
            {"recording", Kind::recording},
            {"sms", Kind::sms},
            {"sms to", Kind::sms_to},
            {"vars", Kind::vars},
            {"note", Kind::note},
            {"summary", Kind::summary},
            {"log", Kind::log},
            {"script error", Kind::script_error},
        };
        std::size_t of_tool = 0;
        for (const char* key : {"with", "times", "result", "result contains", "within"})
            of_tool += group.contains(key) ? 1 : 0;
        if (of_tool > 0 && !group.contains("tool called") && !group.contains("http requested")) {
            fault(pointer,
                  "`with`, `times`, `result`, `result contains` and `within` go with `tool called`",
                  "name the tool: tool called: ...");
        }
        if (group.contains("tool called") && group.contains("http requested")) {
            fault(pointer, "`tool called` and `http requested` stand in one group",
                  "begin each with a dash of its own");
        }
        for (const auto& [key, kind] : kinds) {
            const auto* found = group.if_contains(key);
            if (found == nullptr) continue;
            Expectation expectation;
            expectation.kind = kind;
            expectation.line = file_.line(pointer_to(pointer, key));
            expectation.value = *found;
            if (kind == Kind::tool_called || kind == Kind::http_requested)
                read_tool(group, expectation);
            if (kind == Kind::answered_within || kind == Kind::held_for)
                expectation.within = duration_of(std::string_view(found->get_string()));
            into.push_back(std::move(expectation));
        }
    }

    static void read_tool(const json::object& group, Expectation& expectation) {
        if (const auto* with = json_read::object(group, "with")) expectation.with = *with;
        expectation.times = json_read::integer(group, "times");
        if (const auto* result = group.if_contains("result")) expectation.result = *result;
        if (const auto* words = group.if_contains("result contains"))
            expectation.result_contains = words_of(*words);
        if (const auto within = json_read::string(group, "within"))
            expectation.within = duration_of(*within);
    }

    const config::YamlFile& file_;
    Faults& faults_;
};

Scenario::Loaded<Scenario> read(const std::string& name,
                                const config::YamlFile::Loaded<config::YamlFile>& file) {
    if (!file) return file.error();
    Scenario scenario;
    scenario.file = name;
    Faults faults;
    Reader(*file, faults).read(scenario);
    if (!faults.empty()) return faults;
    return scenario;
}

}  // namespace

milliseconds duration_of(std::string_view text) {
    const double number = std::strtod(std::string(text).c_str(), nullptr);
    double factor = 1000;
    if (text.ends_with("ms")) factor = 1;
    if (text.ends_with("min")) factor = 60'000;
    return milliseconds(static_cast<std::int64_t>(number * factor + 0.5));
}

Scenario::Loaded<Scenario> Scenario::load(const std::string& path,
                                          const config::FileSchema& schema) {
    return read(path, config::YamlFile::load(path, schema));
}

Scenario::Loaded<Scenario> Scenario::parse(std::string_view yaml, const std::string& name,
                                           const config::FileSchema& schema) {
    return read(name, config::YamlFile::parse(yaml, name, schema));
}

}  // namespace parley::rehearsal
