// <Dial> on a call in progress: somebody else rings, may be told first what it is about, and is
// joined with the caller or not.
#include <parley/sim/twilio_call.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/phone_number.hpp>

#include <algorithm>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // as in twilio_call.cpp
#endif

namespace parley::sim {

namespace {

constexpr milliseconds step{20};
constexpr int documents_max = 10;

}  // namespace

// Without a stream what the caller says and presses is lost, but they may hang up.
Task<> TwilioCall::wait_while_dialled(milliseconds length) {
    const TimePoint until = Clock::now() + length;
    while (!is_cut_short() && Clock::now() < until) {
        if (began_) {
            for (const auto& action : player_.advance(now(), ear_.segments())) {
                if (action.kind == CallerPlayer::Action::Kind::hang_up) is_hang_up_wanted_ = true;
            }
            if (player_.is_finished()) is_hang_up_wanted_ = true;
        }
        if (!is_cut_short()) co_await sleep_until(std::min(until, Clock::now() + step));
    }
}

// Whether Twilio would dial at all; otherwise it says why.
bool TwilioCall::can_dial(const TwimlVerb& verb, const std::string& caller_id) {
    if (!is_e164(verb.text)) {
        report_.violations.push_back("13224: <Dial> of an invalid number: " + verb.text);
        return false;
    }
    const auto& numbers = options_.numbers;
    const bool is_ours = numbers.empty() || caller_id == options_.to ||
                         caller_id == options_.from ||
                         std::find(numbers.begin(), numbers.end(), caller_id) != numbers.end();
    if (!is_e164(caller_id) || !is_ours) {
        report_.violations.push_back("13214: <Dial> with an invalid callerId: " + caller_id);
        return false;
    }
    return true;
}

Task<Form> TwilioCall::dial(TwimlVerb verb) {
    status_ = "in-progress";
    Dialled leg;
    leg.number = verb.text;
    leg.call_sid = "CA" + crypto::random_hex(16);
    leg.caller_id = verb.caller_id.empty() ? options_.from : verb.caller_id;
    Callee callee = callee_of(options_.callees, verb.text);
    if (callee.answer == Callee::Answer::machine) callee.presses.clear();
    const bool is_possible = can_dial(verb, leg.caller_id);
    std::optional<TimePoint> answered;
    if (!is_possible || callee.answer == Callee::Answer::failed) {
        leg.status = "failed";
    } else {
        watch(fmt::format("<Dial> {} rings", leg.number));
        co_await wait_while_dialled(std::min(callee.rings, verb.length));
        if (is_cut_short()) {
            leg.status = "canceled";
        } else if (callee.answer == Callee::Answer::busy) {
            leg.status = "busy";
        } else if (callee.answer == Callee::Answer::no_answer || callee.rings > verb.length) {
            leg.status = "no-answer";
        } else {
            leg.status = "completed";
            answered = Clock::now();
            watch(fmt::format("<Dial> {} answers", leg.number));
            bool goes_on = true;
            if (!verb.number_url.empty()) {
                auto telling = brief(verb, callee, &leg);
                goes_on = co_await std::move(telling);
            }
            if (goes_on && !is_cut_short()) {
                leg.is_joined = true;
                watch(fmt::format("<Dial> {} speaks with the caller", leg.number));
                co_await wait_while_dialled(std::min(callee.talks, verb.talk_max));
            }
        }
    }
    watch(fmt::format("<Dial> {}: {}{}", leg.number, leg.status,
                      leg.is_joined ? ", joined with the caller" : ""));
    if (is_hang_up_wanted_ && report_.ending.empty()) {
        report_.ended_by = "caller";
        report_.ending = "the caller hung up in <Dial>";
    }
    Form more{{"DialBridged", leg.is_joined ? "true" : "false"},
              {"DialCallSid", leg.call_sid},
              {"DialCallStatus", leg.status}};
    if (answered) {
        const auto lasted =
            std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - *answered);
        more.emplace_back("DialCallDuration", std::to_string(lasted.count()));
    }
    report_.dialled.push_back(std::move(leg));
    co_return more;
}

// The called one's own document. True: it came to its end, and they are joined.
Task<bool> TwilioCall::brief(TwimlVerb dial, Callee callee, Dialled* leg) {
    const auto as_called = [&](const Form& more) {
        Form fields{{"AccountSid", options_.account_sid},
                    {"ApiVersion", "2010-04-01"},
                    {"CallSid", leg->call_sid},
                    {"CallStatus", "in-progress"},
                    {"Called", leg->number},
                    {"Caller", leg->caller_id},
                    {"Direction", "outbound-dial"},
                    {"From", leg->caller_id},
                    {"ParentCallSid", options_.call_sid},
                    {"To", leg->number}};
        fields.insert(fields.end(), more.begin(), more.end());
        return fields;
    };
    const auto method_of = [](const std::string& name) {
        return name == "GET" ? CallOptions::Method::get : CallOptions::Method::post;
    };
    std::string base = resolved(dial.number_url, options_.webhook);
    CallOptions::Method method = method_of(dial.number_method);
    Form more;
    for (int documents = 0; documents < documents_max; ++documents) {
        Question question = ask(base, method, as_called(more));
        const Answer answer = co_await request(std::move(question));
        if (!answer.problem.empty()) {
            report_.violations.push_back(answer.problem);
            co_return false;
        }
        std::string next_document;
        for (const TwimlVerb& verb : answer.twiml.verbs) {
            if (is_cut_short()) co_return false;
            switch (verb.kind) {
                case TwimlVerb::Kind::say:
                    watch(fmt::format("<Dial> {} hears: {}", leg->number, verb.text));
                    leg->heard.push_back(verb.text);
                    break;
                case TwimlVerb::Kind::pause: co_await wait_while_dialled(verb.length); break;
                case TwimlVerb::Kind::hangup: co_return false;
                case TwimlVerb::Kind::redirect:
                    next_document = verb.text;
                    method = method_of(verb.method);
                    more.clear();
                    break;
                case TwimlVerb::Kind::gather: {
                    for (const TwimlVerb& nested : verb.nested) {
                        if (nested.kind == TwimlVerb::Kind::pause) {
                            co_await wait_while_dialled(nested.length);
                            continue;
                        }
                        watch(fmt::format("<Dial> {} hears: {}", leg->number, nested.text));
                        leg->heard.push_back(nested.text);
                    }
                    if (callee.hangs_up_at_briefing) co_return false;
                    const std::string keys =
                        verb.digits_max > 0
                            ? callee.presses.substr(0, static_cast<std::size_t>(verb.digits_max))
                            : callee.presses;
                    if (keys.empty()) {
                        co_await wait_while_dialled(verb.length);
                        break;
                    }
                    leg->pressed += keys;
                    watch(fmt::format("<Dial> {} presses {}", leg->number, keys));
                    next_document = verb.action.empty() ? base : verb.action;
                    method = method_of(verb.method);
                    more = {{"Digits", keys}, {"FinishedOnKey", ""}, {"msg", "Gather End"}};
                    break;
                }
                case TwimlVerb::Kind::dial:
                case TwimlVerb::Kind::connect:
                case TwimlVerb::Kind::reject:
                    report_.violations.push_back(
                        "13243: a verb that whoever is dialled cannot be given");
                    co_return false;
            }
            if (!next_document.empty()) break;
        }
        if (next_document.empty()) co_return !callee.hangs_up_at_briefing;
        base = resolved(next_document, base);
    }
    report_.violations.push_back("more than ten documents for whoever is dialled");
    co_return false;
}

}  // namespace parley::sim
