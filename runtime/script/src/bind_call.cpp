// The C++ side of `call`: what a script asks of its call, and what it knows of the caller. The Lua
// side: prelude_call.cpp.
#include "bind.hpp"
#include "secrets.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

constexpr std::size_t outcome_bytes_max = 64;
constexpr std::size_t say_bytes_max = 2'000;  // two minutes of speech
constexpr std::size_t instructions_bytes_max = 4'000;
constexpr std::size_t note_bytes_max = 2'000;
constexpr std::size_t key_bytes_max = 100;
constexpr std::size_t remembered_bytes_max = 16 * 1024;
// what nobody has asked for in a year is personal data too many
constexpr std::chrono::hours remembered_for{24 * 365};
// "ANONYMOUS" on a telephone's keys, as some carriers send it
constexpr std::string_view withheld_as_number = "+266696687";

// A table of names and values, or nothing.
bool read_fields(lua_State* L, int index, const char* function, json::object& out,
                 std::string& problem) {
    if (lua_isnoneornil(L, index)) return true;
    json::value fields;
    if (lua_type(L, index) == LUA_TTABLE) {
        if (!read_json(L, index, {}, fields, problem)) {
            problem = fmt::format("{}: {}", function, problem);
            return false;
        }
        if (fields.is_object()) {
            out = std::move(fields.get_object());
            return true;
        }
        if (fields.is_array() && fields.get_array().empty()) return true;
    }
    problem = fmt::format("{}: expected fields such as {{ by = \"phone\" }}, found {}", function,
                          describe(L, index));
    return false;
}

int set_outcome(lua_State* L, Vm& vm, std::string& problem) {
    const auto name = text_argument(L, 1, "call.set_outcome", problem);
    if (!name) return refused;
    const bool is_word = !name->empty() && name->size() <= outcome_bytes_max &&
                         std::all_of(name->begin(), name->end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                         });
    if (!is_word) {
        problem =
            fmt::format("call.set_outcome: expected a name like appointment_booked, found \"{}\"",
                        shortened(*name, 80));
        return refused;
    }
    vm.running()->events.emplace_back(call::OutcomeSet{std::string(*name)});
    return 0;
}

int hang_up(lua_State*, Vm& vm, std::string&) {
    vm.running()->events.emplace_back(call::HangUpAsked{});
    return 0;
}

// inject(text, { respond = true | false })
int inject(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = said_text(L, 1, "call.inject", vm.limits().output_bytes_max, problem);
    if (!text) return refused;
    json::object options;
    if (!read_fields(L, 2, "call.inject", options, problem)) return refused;
    call::TextInjected event{*text, true};
    for (const auto& [name, value] : options) {
        if (name != "respond" || !value.is_bool()) {
            problem = fmt::format(
                "call.inject: expected {{ respond = true }} or {{ respond = false }}, found {}",
                json::serialize(options));
            return refused;
        }
        event.respond = value.get_bool();
    }
    vm.running()->events.emplace_back(std::move(event));
    return 0;
}

int ask_model(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = said_text(L, 1, "call.ask_model", instructions_bytes_max, problem);
    if (!text) return refused;
    vm.running()->events.emplace_back(call::ModelAsked{*text});
    return 0;
}

// note(text, fields)
int note(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = said_text(L, 1, "call.note", note_bytes_max, problem);
    if (!text) return refused;
    call::NoteTaken event{*text, {}};
    if (!read_fields(L, 2, "call.note", event.fields, problem)) return refused;
    Run& run = *vm.running();
    if (++run.used.notes > vm.limits().budgets.notes_max) {
        problem =
            fmt::format("call.note: more than {} notes in one run", vm.limits().budgets.notes_max);
        return refused;
    }
    run.events.emplace_back(std::move(event));
    return 0;
}

int say(lua_State* L, Vm& vm, std::string& problem) {
    if (!may_wait(L, vm, "call.say", problem)) return refused;
    auto text = said_text(L, 1, "call.say", say_bytes_max, problem);
    if (!text) return refused;
    return wait_for(L, vm, SayRequest{std::move(*text)});
}

// true, or nil and a problem that tells what was heard.
int take_said(lua_State* L, Vm& vm, std::string& problem) {
    const auto* done = std::get_if<call::SayDone>(&vm.running()->answer);
    if (done == nullptr) {
        problem = "call.say: nothing came of it";
        return refused;
    }
    using How = call::SayDone::How;
    Problem trouble;
    switch (done->how) {
        case How::heard: lua_pushboolean(L, 1); return 1;
        case How::interrupted: trouble = {"interrupted", "the caller spoke", false}; break;
        case How::hung_up:
            trouble = {"hung_up", "the caller is no longer on the line", false};
            break;
        case How::no_model: trouble = {"no_model", "there is no model to speak", false}; break;
        case How::too_many: trouble = {"busy", "too much waits to be said", true}; break;
    }
    trouble.more["heard"] = done->heard;
    return push_problem(L, trouble);
}

int idempotency_key(lua_State* L, Vm& vm, std::string& problem) {
    const Run* run = vm.running();
    if (run == nullptr || run->idempotency_key.empty()) {
        problem = "call.idempotency_key exists only while a tool runs";
        return refused;
    }
    lua_pushlstring(L, run->idempotency_key.data(), run->idempotency_key.size());
    return 1;
}

// unknown_field(name, fields): `call` has no such field.
int unknown_field(lua_State* L, Vm&, std::string& problem) {
    const std::string name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "?";
    std::vector<std::string> known{"idempotency_key"};
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) known.emplace_back(lua_tostring(L, -2));
    }
    const auto near = did_you_mean(name, known);
    problem = fmt::format(
        "call has no `{}`; {}", name,
        near ? fmt::format("did you mean `{}`?", *near) : "facts of your own go into call.vars");
    return refused;
}

// ---- what is known of the caller --------------------------------------------------------------

bool is_number(std::string_view from) {
    if (from.starts_with('+')) from.remove_prefix(1);
    return from.size() >= 5 &&
           std::all_of(from.begin(), from.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "remember/sarah/+15550001111/allergies"; nothing, with `problem`, for a bad key; "" when the
// caller has no number.
std::optional<std::string> memory_key(lua_State* L, const Vm& vm, const char* function,
                                      std::string& problem) {
    const auto key = text_argument(L, 1, function, problem);
    if (!key) return std::nullopt;
    if (key->empty() || key->size() > key_bytes_max || !is_valid_utf8(*key)) {
        problem = fmt::format("{}: expected a key of 1 to {} characters, found {}", function,
                              key_bytes_max, describe(L, 1));
        return std::nullopt;
    }
    const auto& world = vm.world();
    if (!is_number(world.other_party) || world.other_party == withheld_as_number) return "";
    return fmt::format("remember/{}/{}/{}", world.script, world.other_party, *key);
}

const Problem no_number{"no_number", "the caller has withheld the number", false};
const Problem no_keys{"mistake", "there is no store for what is remembered", false};

using Done = std::function<void(Outcome)>;

// remember(key, value): nil forgets it.
int remember(lua_State* L, Vm& vm, std::string& problem) {
    auto key = memory_key(L, vm, "call.remember", problem);
    if (!key) return refused;
    std::optional<std::string> value;
    if (!lua_isnoneornil(L, 2)) {
        json::value read;
        if (!read_json(L, 2, {.bytes_max = remembered_bytes_max}, read, problem)) {
            problem = fmt::format("call.remember: {}", problem);
            return refused;
        }
        value = json::serialize(read);
    }
    if (!may_wait(L, vm, "call.remember", problem, Waits::for_keys)) return refused;
    Errand errand;
    errand.start = [key = std::move(*key), value = std::move(value)](
                       const Around& around, Done done) -> std::shared_ptr<void> {
        KeyValues* keys = around.services.keys;
        if (key.empty() || keys == nullptr) {
            done(key.empty() ? no_number : no_keys);
        } else if (value) {
            keys->set(
                key, *value, remembered_for,
                [done = std::move(done)](KeyValues::Result<void> result) {
                    done(result ? Outcome(json::value(true)) : Outcome(problem_of(result.error())));
                });
        } else {
            keys->remove(key, [done = std::move(done)](KeyValues::Result<bool> result) {
                done(result ? Outcome(json::value(true)) : Outcome(problem_of(result.error())));
            });
        }
        return nullptr;
    };
    return wait_for(L, vm, std::move(errand));
}

int recall(lua_State* L, Vm& vm, std::string& problem) {
    auto key = memory_key(L, vm, "call.recall", problem);
    if (!key || !may_wait(L, vm, "call.recall", problem, Waits::for_keys)) return refused;
    Errand errand;
    errand.start = [key = std::move(*key)](const Around& around,
                                           Done done) -> std::shared_ptr<void> {
        KeyValues* keys = around.services.keys;
        if (key.empty() || keys == nullptr) {
            done(key.empty() ? no_number : no_keys);
            return nullptr;
        }
        keys->get(key,
                  [done = std::move(done)](KeyValues::Result<std::optional<std::string>> result) {
                      if (!result) return done(problem_of(result.error()));
                      auto value = *result ? json_read::parse(**result) : std::nullopt;
                      done(value ? std::move(*value) : json::value());
                  });
        return nullptr;
    };
    return wait_for(L, vm, std::move(errand));
}

}  // namespace

std::optional<std::string> said_text(lua_State* L, int index, const char* function,
                                     std::size_t bytes_max, std::string& problem) {
    const auto text = text_argument(L, index, function, problem);
    if (!text) return std::nullopt;
    if (trim(*text).empty()) {
        problem = fmt::format("{}: the text is empty", function);
    } else if (text->size() > bytes_max) {
        problem = fmt::format("{}: the text is longer than {} characters", function, bytes_max);
    } else {
        return without_secrets(to_valid_utf8(*text), Vm::of(L).settings());
    }
    return std::nullopt;
}

void add_call_functions(lua_State* L) {
    static constexpr Binding bindings[] = {
        {"set_outcome", bound<set_outcome>},
        {"hang_up", bound<hang_up>},
        {"inject", bound<inject>},
        {"ask_model", bound<ask_model>},
        {"note", bound<note>},
        {"say", bound<say>},
        {"take_said", bound<take_said>},
        {"idempotency_key", bound<idempotency_key>},
        {"unknown_field", bound<unknown_field>},
        {"remember", bound<remember>},
        {"recall", bound<recall>},
    };
    set_functions(L, bindings);
}

}  // namespace parley::script
