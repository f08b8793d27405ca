// scenario.hpp: a telephone call as data, and what must come of it: tests/scenarios/*.yaml.
//
// schemas/scenario.schema.json describes the file for people and editors. Faults name file, line,
// path and remedy.
#pragma once

#include <parley/config/yaml_file.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/engine/scripted_engine.hpp>
#include <parley/rehearsal/fake_web.hpp>
#include <parley/store/store.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::rehearsal {

struct Expectation {
    enum class Kind {
        tool_called,
        tool_not_called,
        http_requested,
        heard,
        never_heard,
        unheard,
        in_order,
        answered_within,
        model_told,
        instructions_contain,
        tools_offered,
        tools_not_offered,
        database,
        outcome,
        reason,
        hang_up_by,
        hand_off_to,
        transferred_to,
        briefing,
        held_for,
        digits,
        recording,
        sms,
        sms_to,
        vars,
        summary,
        note,
        log,
        script_error,
    };
    Kind kind = Kind::heard;
    std::size_t line = 0;
    json::value value;  // as written: a name, words, rows
    // of tool_called
    json::object with = {};
    std::optional<std::int64_t> times = {};
    json::value result = nullptr;
    std::vector<std::string> result_contains = {};
    std::optional<milliseconds> within = {};  // and of answered_within, held_for
};

struct Step {
    enum class Kind {
        caller_says,
        caller_presses,
        caller_is_silent,
        caller_interrupts,
        caller_hangs_up,
        caller_hangs_up_after,
        transfer,
        model,
        provider_drops,
        provider_drops_after,
        provider_refuses,
        slow_tool,
        database_is_busy,
        expect,
    };
    Kind kind = Kind::expect;
    std::size_t line = 0;
    std::string text = {};  // says
    std::string keys = {};  // presses
    milliseconds span{0};
    int count = 0;
    std::string tool = {};
    bool is_for_good = false;  // the provider is not coming back
    call::TransferEnded::How how = call::TransferEnded::How::answered;
    engine::ScriptedLine model = {};
    std::vector<Expectation> expectations = {};
};

struct Scenario {
    std::string file;
    std::string name;
    std::string from, to;
    std::string direction = "inbound";
    std::string at;          // "2026-12-01 10:00", in the agent's time zone
    std::string agent;       // empty: as the settings route `to`
    std::string call_where;  // "file:line: call", for faults about it
    json::object vars;
    std::uint64_t seed = 1;
    std::vector<store::Statement> given;
    std::vector<std::string> given_where;  // of each statement
    std::vector<WebAnswer> web;
    std::map<std::string, json::value> keys;  // of the kv module
    std::map<std::string, std::string> secrets;
    std::vector<Step> steps;
    std::vector<Expectation> expectations;  // when the call is over

    template <class T>
    using Loaded = boost::system::result<T, std::vector<Fault>>;
    static Loaded<Scenario> load(const std::string& path, const config::FileSchema& schema);
    static Loaded<Scenario> parse(std::string_view yaml, const std::string& name,
                                  const config::FileSchema& schema);
};

constexpr const char* scenario_schema = "scenario.schema.json";

// "1.5 s" -> 1500 ms; of text the schema has passed.
milliseconds duration_of(std::string_view text);

}  // namespace parley::rehearsal
