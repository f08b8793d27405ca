#include "expectations.hpp"

#include "compare.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace parley::rehearsal {
namespace {

using Kind = Expectation::Kind;

constexpr std::size_t shown_bytes_max = 500;

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

json::value parsed(const std::string& text) {
    auto value = json_read::parse(text);
    return value ? std::move(*value) : json::value(text);
}

std::string name_in(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string listed(const std::vector<std::string>& words) {
    return words.empty() ? "nothing" : fmt::format("{}", fmt::join(words, ", "));
}

class Check {
 public:
    Check(const Expectation& expectation, const Seen& seen) : wanted_(expectation), seen_(seen) {}

    std::optional<Happening> run() {
        switch (wanted_.kind) {
            case Kind::tool_called: tool_called(); break;
            case Kind::http_requested: http_requested(); break;
            case Kind::tool_not_called: tool_not_called(); break;
            case Kind::heard:
                texts("the caller to hear", {Happening::Kind::agent_said, Happening::Kind::phrase},
                      &Happening::text);
                break;
            case Kind::never_heard: never_heard(); break;
            case Kind::unheard:
                texts("to be cut off", {Happening::Kind::agent_said}, &Happening::detail);
                break;
            case Kind::in_order: in_order(); break;
            case Kind::answered_within: answered_within(); break;
            case Kind::model_told:
                texts("the model to be told", {Happening::Kind::model_told}, &Happening::text);
                break;
            case Kind::instructions_contain: instructions(); break;
            case Kind::tools_offered: tools_offered(); break;
            case Kind::tools_not_offered: tools_not_offered(); break;
            case Kind::database: database(); break;
            case Kind::outcome: ended("the outcome", &Happening::text); break;
            case Kind::reason: ended("the reason", &Happening::detail); break;
            case Kind::hang_up_by: hang_up_by(); break;
            case Kind::hand_off_to:
                texts("a hand-off to", {Happening::Kind::handed_off}, &Happening::text);
                break;
            case Kind::transferred_to:
                texts("the caller to be put through to", {Happening::Kind::put_through},
                      &Happening::text);
                break;
            case Kind::briefing:
                texts("who is to take the call to be told", {Happening::Kind::briefed},
                      &Happening::text);
                break;
            case Kind::held_for: held_for(); break;
            case Kind::digits: digits(); break;
            case Kind::recording:
                texts("the call to be recorded after", {Happening::Kind::recorded},
                      &Happening::text);
                break;
            case Kind::sms:
                texts("a text message with", {Happening::Kind::message_sent}, &Happening::text);
                break;
            case Kind::sms_to:
                texts("a text message to", {Happening::Kind::message_sent}, &Happening::name);
                break;
            case Kind::vars: vars(); break;
            case Kind::summary: summary(); break;
            case Kind::note:
                texts("a note with", {Happening::Kind::noted}, &Happening::text);
                break;
            case Kind::log:
                texts("a log line with", {Happening::Kind::logged}, &Happening::text);
                break;
            case Kind::script_error:
                texts("a script error with", {Happening::Kind::script_failed}, &Happening::text);
                break;
        }
        return std::move(broken_);
    }

 private:
    void refuse(std::string expected, std::string found) {
        if (broken_) return;
        broken_ = Happening{.kind = Happening::Kind::broken,
                            .text = "expected " + std::move(expected),
                            .detail = shortened(found, shown_bytes_max),
                            .line = wanted_.line};
    }

    // Of the window, oldest first.
    std::vector<const Happening*> of(std::initializer_list<Happening::Kind> kinds,
                                     std::size_t from) const {
        std::vector<const Happening*> found;
        for (std::size_t i = from; i < seen_.happenings.size(); ++i) {
            if (std::find(kinds.begin(), kinds.end(), seen_.happenings[i].kind) != kinds.end())
                found.push_back(&seen_.happenings[i]);
        }
        return found;
    }

    void texts(std::string_view what, std::initializer_list<Happening::Kind> kinds,
               std::string Happening::*member) {
        const auto found = of(kinds, seen_.window);
        std::vector<std::string> all;
        std::string joined;
        for (const auto* each : found) {
            if ((each->*member).empty()) continue;
            all.push_back(each->*member);
            joined += (joined.empty() ? "" : " ") + each->*member;
        }
        for (const auto& words : words_of(wanted_.value)) {
            if (!contains_words(joined, words))
                refuse(fmt::format("{} \"{}\"", what, words),
                       all.empty() ? "nothing" : fmt::format("{}", fmt::join(all, " / ")));
        }
    }

    void never_heard() {
        for (const auto* each : of({Happening::Kind::agent_said, Happening::Kind::phrase}, 0)) {
            for (const auto& words : words_of(wanted_.value)) {
                if (contains_words(each->text, words))
                    refuse(fmt::format("the caller never to hear \"{}\"", words), each->text);
            }
        }
    }

    // ---- tools --------------------------------------------------------------------------------

    const Happening* result_of(const Happening& call) const {
        for (const auto& each : seen_.happenings) {
            if (each.kind == Happening::Kind::tool_returned && each.detail == call.detail)
                return &each;
        }
        return nullptr;
    }

    void tool_called() {
        const std::string name = name_in(wanted_.value);
        std::vector<const Happening*> named;
        std::vector<const Happening*> fitting;
        std::vector<std::string> others;
        std::string why;
        for (const auto* call : of({Happening::Kind::tool_called}, seen_.window)) {
            if (call->name != name) {
                others.push_back(call->name);
                continue;
            }
            named.push_back(call);
            if (const auto lacks = shortfall(wanted_.with, parsed(call->text))) {
                why = *lacks;
            } else {
                fitting.push_back(call);
            }
        }
        const std::string call_text =
            wanted_.with.empty() ? name
                                 : fmt::format("{} with {}", name, json::serialize(wanted_.with));
        if (wanted_.times && static_cast<std::int64_t>(fitting.size()) != *wanted_.times) {
            return refuse(
                fmt::format("the tool {} to be called {} times", call_text, *wanted_.times),
                fmt::format("{} calls", fitting.size()));
        }
        if (wanted_.times == 0) return;
        if (named.empty()) {
            return refuse(fmt::format("the tool {} to be called", call_text),
                          others.empty() ? "no tool was called" : "only " + listed(others));
        }
        if (fitting.empty()) return refuse(fmt::format("the tool {} to be called", call_text), why);
        std::string lacking;
        for (const auto* call : fitting) {
            if (lacking = lacks(*call); lacking.empty()) return;
        }
        refuse(fmt::format("{} to return {}", name, result_text()), lacking);
    }

    std::string result_text() const {
        std::vector<std::string> parts;
        if (!wanted_.result.is_null()) parts.push_back(json::serialize(wanted_.result));
        for (const auto& words : wanted_.result_contains)
            parts.push_back(fmt::format("\"{}\"", words));
        if (wanted_.within) parts.push_back(fmt::format("within {} ms", wanted_.within->count()));
        return listed(parts);
    }

    std::string lacks(const Happening& call) const {
        if (wanted_.result.is_null() && wanted_.result_contains.empty() && !wanted_.within)
            return "";
        const auto* result = result_of(call);
        if (result == nullptr) return "no result";
        if (!wanted_.result.is_null()) {
            if (const auto what = shortfall(wanted_.result, parsed(result->text))) return *what;
        }
        for (const auto& words : wanted_.result_contains) {
            if (!contains_words(result->text, words)) return result->text;
        }
        if (wanted_.within && result->took_ms > wanted_.within->count())
            return fmt::format("it took {} ms", result->took_ms);
        return "";
    }

    void tool_not_called() {
        const std::string name = name_in(wanted_.value);
        for (const auto* call : of({Happening::Kind::tool_called}, seen_.window)) {
            if (call->name == name)
                refuse(fmt::format("the tool {} not to be called", name),
                       fmt::format("{} {}", name, call->text));
        }
    }

    // "POST https://crm.example/notes": the address may go on behind it.
    void http_requested() {
        const std::string wanted = name_in(wanted_.value);
        std::vector<std::string> others;
        std::string why;
        std::int64_t count = 0;
        for (const auto* sent : of({Happening::Kind::web}, seen_.window)) {
            if (!sent->name.starts_with(wanted) && !sent->name.ends_with(wanted)) {
                others.push_back(sent->name);
                continue;
            }
            const auto lacking =
                wanted_.with.empty() ? std::nullopt : shortfall(wanted_.with, parsed(sent->text));
            if (lacking) {
                why = *lacking;
            } else {
                ++count;
            }
        }
        const std::string what =
            wanted_.with.empty() ? wanted
                                 : fmt::format("{} with {}", wanted, json::serialize(wanted_.with));
        if (wanted_.times && count != *wanted_.times)
            return refuse(fmt::format("{} requests {}", *wanted_.times, what),
                          fmt::format("{}", count));
        if (!wanted_.times && count == 0)
            refuse(fmt::format("the request {}", what), !why.empty() ? why : listed(others));
    }

    void tools_offered() {
        for (const auto& name : words_of(wanted_.value)) {
            if (!is_offered(name))
                refuse(fmt::format("the tool {} to be offered", name),
                       "offered: " + listed(seen_.tools_offered));
        }
    }
    void tools_not_offered() {
        for (const auto& name : words_of(wanted_.value)) {
            if (is_offered(name))
                refuse(fmt::format("the tool {} not to be offered", name),
                       "offered: " + listed(seen_.tools_offered));
        }
    }
    bool is_offered(const std::string& name) const {
        return std::find(seen_.tools_offered.begin(), seen_.tools_offered.end(), name) !=
               seen_.tools_offered.end();
    }

    // ---- the rest -----------------------------------------------------------------------------

    void instructions() {
        for (const auto& words : words_of(wanted_.value)) {
            if (!contains_words(seen_.instructions, words))
                refuse(fmt::format("the prompt to contain \"{}\"", words), seen_.instructions);
        }
    }

    void in_order() {
        std::vector<const Happening*> order;
        for (const auto& each : seen_.happenings) order.push_back(&each);
        std::stable_sort(order.begin(), order.end(),
                         [](const auto* one, const auto* other) { return one->at < other->at; });
        std::size_t next = 0;
        const auto* list = wanted_.value.if_array();
        if (list == nullptr) return;
        std::string before = "the beginning";
        for (const auto& item : *list) {
            for (const auto& member : item.get_object()) {
                const std::string words = name_in(member.value());
                while (next < order.size() && !is(*order[next], member.key(), words)) ++next;
                const std::string what =
                    fmt::format("{}: {}", std::string_view(member.key()), words);
                if (next == order.size())
                    return refuse(fmt::format("`{}` after {}", what, before),
                                  "it did not happen after that");
                ++next;
                before = "`" + what + "`";
            }
        }
    }
    static bool is(const Happening& happening, std::string_view key, const std::string& words) {
        switch (happening.kind) {
            case Happening::Kind::tool_called:
                return key == "tool called" && happening.name == words;
            case Happening::Kind::agent_said:
            case Happening::Kind::phrase:
                return key == "heard" && contains_words(happening.text, words);
            case Happening::Kind::caller_said:
                return key == "caller said" && contains_words(happening.text, words);
            case Happening::Kind::model_told:
                return key == "model told" && contains_words(happening.text, words);
            default: return false;
        }
    }

    void answered_within() {
        for (const auto* each : of({Happening::Kind::latency}, seen_.window)) {
            if (each->took_ms > wanted_.within->count()) {
                refuse(fmt::format("an answer within {} ms", wanted_.within->count()),
                       fmt::format("{} ms at {} s", each->took_ms, each->at.count() / 1000));
            }
        }
    }

    void held_for() {
        milliseconds held{0};
        for (const auto* each : of({Happening::Kind::off_hold}, seen_.window))
            held += milliseconds(each->took_ms);
        if (held < *wanted_.within)
            refuse(fmt::format("the caller to be on hold for {} ms", wanted_.within->count()),
                   held.count() == 0 ? "no hold that is over" : fmt::format("{} ms", held.count()));
    }

    // All of them, in order.
    void digits() {
        const std::string wanted = name_in(wanted_.value);
        std::string sent;
        for (const auto* each : of({Happening::Kind::keys_sent}, seen_.window)) sent += each->text;
        if (sent != wanted)
            refuse(fmt::format("the keys {} to be sent", wanted), sent.empty() ? "none" : sent);
    }

    void database() {
        const auto* queries = wanted_.value.if_object();
        if (queries == nullptr || !seen_.sql) return;
        for (const auto& query : *queries) {
            const std::string sql(query.key());
            const auto answer = seen_.sql({sql, {}});
            if (!answer) {
                refuse(fmt::format("rows of {}", sql), answer.error().message);
                continue;
            }
            if (query.value().is_number()) {
                if (query.value().to_number<double>() != static_cast<double>(answer->rows.size())) {
                    refuse(
                        fmt::format("{} rows of {}", json::serialize(query.value()), sql),
                        fmt::format("{}: {}", answer->rows.size(), json::serialize(answer->rows)));
                }
                continue;
            }
            json::value wanted = query.value();
            if (wanted.is_object()) wanted = json::array{wanted};  // one row
            if (const auto what = shortfall(wanted, json::value(answer->rows)))
                refuse(fmt::format("{} to give {}", sql, json::serialize(wanted)), *what);
        }
    }

    void ended(std::string_view what, std::string Happening::*member) {
        const std::string wanted = name_in(wanted_.value);
        for (const auto* each : of({Happening::Kind::ended}, 0)) {
            if (each->*member != wanted) refuse(fmt::format("{} {}", what, wanted), each->*member);
            return;
        }
        refuse(fmt::format("{} {}", what, wanted), "the call has not ended");
    }

    void hang_up_by() {
        const std::string wanted = name_in(wanted_.value);
        if (!seen_.is_over)
            return refuse("the call to be ended by " + wanted, "the call has not ended");
        if (seen_.hang_up_by != wanted)
            refuse("the call to be ended by " + wanted, "by " + seen_.hang_up_by);
    }

    void vars() {
        if (const auto what = shortfall(wanted_.value, seen_.vars))
            refuse("vars " + json::serialize(wanted_.value), *what);
    }

    void summary() {
        const auto found = of({Happening::Kind::summed_up}, 0);
        if (found.empty())
            return refuse("a summary with " + json::serialize(wanted_.value),
                          "on_end returned nothing");
        if (const auto what = shortfall(wanted_.value, parsed(found.back()->text)))
            refuse("a summary with " + json::serialize(wanted_.value), *what);
    }

    const Expectation& wanted_;
    const Seen& seen_;
    std::optional<Happening> broken_;
};

}  // namespace

std::optional<Happening> check(const Expectation& expectation, const Seen& seen) {
    return Check(expectation, seen).run();
}

std::vector<Happening> unexpected_errors(const std::vector<Happening>& happenings,
                                         const std::vector<const Expectation*>& expectations) {
    std::vector<Happening> broken;
    std::set<std::string> told;
    for (const auto& error : happenings) {
        if (error.kind != Happening::Kind::script_failed) continue;
        const bool is_expected =
            std::any_of(expectations.begin(), expectations.end(), [&](const Expectation* each) {
                const auto words = words_of(each->value);
                return each->kind == Kind::script_error &&
                       std::any_of(words.begin(), words.end(), [&](const auto& one) {
                           return contains_words(error.text, one);
                       });
            });
        if (is_expected || !told.insert(error.text).second) continue;
        broken.push_back({.kind = Happening::Kind::broken,
                          .at = error.at,
                          .text = "a script failed",
                          .detail = error.text});
    }
    return broken;
}

}  // namespace parley::rehearsal
