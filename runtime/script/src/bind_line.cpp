// The C++ side of `call`, as far as it is about the line itself: putting the caller through, hold,
// keys, recording, text messages. The Lua side: prelude_call.cpp.
#include "bind.hpp"
#include "secrets.hpp"

#include <parley/audio/tones.hpp>
#include <parley/core/phone_number.hpp>
#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

constexpr std::size_t words_bytes_max = 2'000;  // as of call:say
// Said twice at most before the caller is put through; a minute of speech.
constexpr std::size_t briefing_bytes_max = 1'000;
constexpr int ring_seconds_min = 5;
constexpr int ring_seconds_max = 120;
constexpr std::size_t digits_max = 64;
constexpr std::size_t message_characters_max = 1'600;  // the carrier's limit
constexpr int messages_max = 5;                        // of one call
constexpr std::string_view usual_notice = "This call is recorded.";

const Problem bad_number{"bad_number",
                         "a number is written in E.164 form: a plus sign, the country code and "
                         "digits, such as +15550100001",
                         false};

bool begins_with_one_of(std::string_view number, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return number.starts_with(prefix); });
}

Problem not_allowed(const char* what, const char* setting, const std::vector<std::string>& list) {
    return {"not_allowed",
            list.empty() ? fmt::format("{}: {} is empty", what, setting)
                         : fmt::format("{}: the number begins with none of {}", what, setting),
            false};
}

// Asks it of the call, unless this run has asked for enough. False with `problem` then.
bool ask(Vm& vm, const char* function, call::Event event, std::string& problem) {
    Run& run = *vm.running();
    const int max = vm.limits().budgets.line_calls_max;
    if (++run.used.line_calls > max) {
        problem = fmt::format("{}: more than {} such calls in one run", function, max);
        return false;
    }
    run.events.push_back(std::move(event));
    return true;
}

// A text among the options; "" when it is not there. Nothing, with `problem`, otherwise.
std::optional<std::string> text_option(const json::object& options, std::string_view name,
                                       const char* function, std::size_t bytes_max, lua_State* L,
                                       std::string& problem) {
    const auto* value = options.if_contains(name);
    if (value == nullptr) return "";
    if (!value->is_string() || trim(std::string_view(value->get_string())).empty()) {
        problem = fmt::format("{}: `{}`: expected a text, found {}", function, name,
                              shortened(json::serialize(*value), 80));
    } else if (value->get_string().size() > bytes_max) {
        problem = fmt::format("{}: `{}` is longer than {} characters", function, name, bytes_max);
    } else {
        return without_secrets(std::string(value->get_string()), Vm::of(L).settings());
    }
    return std::nullopt;
}

// transfer(to, { briefing =, ring_seconds =, say = }) -> true | nil, problem
int transfer(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "call.transfer";
    static constexpr std::string_view known[] = {"briefing", "ring_seconds", "say"};
    const auto to = text_argument(L, 1, function, problem);
    if (!to) return refused;
    const auto options = options_argument(L, 2, function, known, problem);
    if (!options) return refused;
    const auto briefing =
        text_option(*options, "briefing", function, briefing_bytes_max, L, problem);
    if (!briefing) return refused;
    const auto words = text_option(*options, "say", function, words_bytes_max, L, problem);
    if (!words) return refused;
    call::TransferAsked event{{std::string(trim(*to)), *briefing}, *words};
    if (const auto* seconds = options->if_contains("ring_seconds")) {
        const double wanted = seconds->is_number() ? seconds->to_number<double>() : 0;
        if (wanted < ring_seconds_min || wanted > ring_seconds_max) {
            problem = fmt::format("{}: `ring_seconds`: expected a number from {} to {}, found {}",
                                  function, ring_seconds_min, ring_seconds_max,
                                  shortened(json::serialize(*seconds), 80));
            return refused;
        }
        event.transfer.ring_limit = std::chrono::seconds(static_cast<std::int64_t>(wanted));
    }
    if (!is_e164(event.transfer.to)) return push_problem(L, bad_number);
    const auto& allowed = vm.settings().transfer_to;
    if (!begins_with_one_of(event.transfer.to, allowed))
        return push_problem(L, not_allowed("callers may not be put through to this number",
                                           "calls.transfer_to", allowed));
    if (!ask(vm, function, std::move(event), problem)) return refused;
    lua_pushboolean(L, 1);
    return 1;
}

int hold(lua_State*, Vm& vm, std::string& problem) {
    return ask(vm, "call.hold", call::HoldAsked{true}, problem) ? 0 : refused;
}

int resume(lua_State*, Vm& vm, std::string& problem) {
    return ask(vm, "call.resume", call::HoldAsked{false}, problem) ? 0 : refused;
}

// The digits may be somebody's account: messages do not show them.
int send_digits(lua_State* L, Vm& vm, std::string& problem) {
    const auto digits = text_argument(L, 1, "call.send_digits", problem);
    if (!digits) return refused;
    if (digits->empty() || digits->size() > digits_max) {
        problem = fmt::format("call.send_digits: expected 1 to {} keys such as \"1w2#\", found {}",
                              digits_max, digits->size());
        return refused;
    }
    const auto odd = std::find_if(digits->begin(), digits->end(),
                                  [](char c) { return c != 'w' && !audio::is_dtmf_key(c); });
    if (odd != digits->end()) {
        problem = fmt::format(
            "call.send_digits: character {} is no key; there are 0-9, *, #, A-D, and w for half a "
            "second of waiting",
            odd - digits->begin() + 1);
        return refused;
    }
    return ask(vm, "call.send_digits", call::DigitsAsked{std::string(*digits)}, problem) ? 0
                                                                                         : refused;
}

// notice({ notice = }): what is to be said before anything is kept.
int notice(lua_State* L, Vm&, std::string& problem) {
    constexpr const char* function = "call.start_recording";
    static constexpr std::string_view known[] = {"notice"};
    const auto options = options_argument(L, 1, function, known, problem);
    if (!options) return refused;
    const auto words = text_option(*options, "notice", function, words_bytes_max, L, problem);
    if (!words) return refused;
    return give_text(L, words->empty() ? usual_notice : std::string_view(*words));
}

// start_recording(notice): it has been heard.
int start_recording(lua_State* L, Vm& vm, std::string& problem) {
    const auto said = text_argument(L, 1, "call.start_recording", problem);
    if (!said) return refused;
    return ask(vm, "call.start_recording", call::RecordingAsked{true, std::string(*said)}, problem)
               ? 0
               : refused;
}

int stop_recording(lua_State*, Vm& vm, std::string& problem) {
    return ask(vm, "call.stop_recording", call::RecordingAsked{false, ""}, problem) ? 0 : refused;
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// send_sms(text, { to = }): waits, or gives nil and a problem at once.
int send_sms(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "call.send_sms";
    static constexpr std::string_view known[] = {"to"};
    auto text = said_text(L, 1, function, 4 * message_characters_max, problem);
    if (!text) return refused;
    if (characters_in(*text) > message_characters_max) {
        problem = fmt::format("{}: the text is longer than {} characters", function,
                              message_characters_max);
        return refused;
    }
    const auto options = options_argument(L, 2, function, known, problem);
    if (!options) return refused;
    auto to = text_option(*options, "to", function, 64, L, problem);
    if (!to) return refused;
    const std::string& other_party = vm.world().other_party;
    if (to->empty()) {
        *to = other_party;
        if (!is_e164(*to))
            return push_problem(L, {"no_number", "the caller has withheld the number", false});
    } else {
        *to = std::string(trim(*to));
    }
    if (!is_e164(*to)) return push_problem(L, bad_number);
    const auto& allowed = vm.settings().message_to;
    if (*to != other_party && !begins_with_one_of(*to, allowed))
        return push_problem(L, not_allowed("only the caller may be written to, and not this number",
                                           "outbound.allowed_prefixes", allowed));
    if (!may_wait(L, vm, function, problem)) return refused;
    int* sent = vm.world().messages_sent;
    if (sent != nullptr && ++*sent > messages_max)
        return push_problem(
            L,
            {"limit", fmt::format("more than {} text messages in one call", messages_max), false});
    return wait_for(L, vm, MessageRequest{std::move(*to), std::move(*text)});
}

}  // namespace

void add_line_functions(lua_State* L) {
    static constexpr Binding bindings[] = {
        {"transfer", bound<transfer>},
        {"hold", bound<hold>},
        {"resume", bound<resume>},
        {"send_digits", bound<send_digits>},
        {"notice", bound<notice>},
        {"start_recording", bound<start_recording>},
        {"stop_recording", bound<stop_recording>},
        {"send_sms", bound<send_sms>},
    };
    set_functions(L, bindings);
}

}  // namespace parley::script
