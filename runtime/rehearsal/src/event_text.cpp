// Events and commands as lines of text: "mark 3", "caller_said {\"item\":...}". A name, then a
// number or JSON.
#include <parley/rehearsal/recording.hpp>

#include "sound_text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace parley::rehearsal {
namespace {

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

std::string line(std::string_view name, const json::object& fields) {
    return fmt::format("{} {}", name, json::serialize(fields));
}

json::value optional_ms(const std::optional<milliseconds>& span) {
    if (!span) return nullptr;
    return span->count();
}

std::string_view speaker_name(call::Turn::Speaker speaker) {
    switch (speaker) {
        case call::Turn::Speaker::caller: return "caller";
        case call::Turn::Speaker::agent: return "agent";
        case call::Turn::Speaker::system: return "system";
    }
    return "";
}

json::object turn_json(const call::Turn& turn) {
    return {{"speaker", speaker_name(turn.speaker)}, {"text", turn.text}};
}

json::value usage_json(const std::optional<call::Usage>& usage) {
    if (!usage) return nullptr;
    return json::array{usage->input_text_tokens,
                       usage->input_audio_tokens,
                       usage->cached_text_tokens,
                       usage->cached_audio_tokens,
                       usage->output_text_tokens,
                       usage->output_audio_tokens,
                       usage->cost_usd};
}

std::string_view how_name(call::TransferEnded::How how) {
    switch (how) {
        case call::TransferEnded::How::answered: return "answered";
        case call::TransferEnded::How::no_answer: return "no_answer";
        case call::TransferEnded::How::busy: return "busy";
        case call::TransferEnded::How::declined: return "declined";
        case call::TransferEnded::How::failed: return "failed";
    }
    return "";
}

call::TransferEnded::How how_named(std::string_view name) {
    using How = call::TransferEnded::How;
    for (const auto how : {How::answered, How::no_answer, How::busy, How::declined}) {
        if (how_name(how) == name) return how;
    }
    return How::failed;
}

json::object transfer_json(const call::Transfer& transfer) {
    return {{"to", transfer.to},
            {"briefing", transfer.briefing},
            {"ring_s", transfer.ring_limit.count()}};
}

json::object rules_json(const call::AgentPrepared& rules) {
    json::object tools;
    for (const auto& [name, each] : rules.tools) {
        tools[name] = json::object{{"timeout_ms", each.timeout.count()},
                                   {"slow_phrase", each.slow_phrase},
                                   {"slow_after_ms", each.slow_after.count()},
                                   {"confirm", each.confirm},
                                   {"idempotent", each.is_idempotent},
                                   {"runs_after_hang_up", each.runs_after_hang_up}};
    }
    const auto& of = rules.hooks;
    json::array hooks{of.caller_said, of.agent_said, of.interrupted, of.dtmf, of.silence};
    if (of.returned) hooks.push_back(true);  // older recordings know nothing of it
    return {{"tools", std::move(tools)},
            {"hooks", std::move(hooks)},
            {"silence_before_prompt_ms", optional_ms(rules.silence_before_prompt)},
            {"interruptions", rules.interruptions == call::AgentPrepared::Interruptions::allowed}};
}

json::object news_json(const call::News& news) {
    return std::visit(
        Match{
            [](const call::CallerWasHeard& each) {
                return json::object{{"caller_said", each.text}};
            },
            [](const call::AgentWasHeard& each) {
                return json::object{{"agent_said", each.heard}, {"unheard", each.unheard}};
            },
            [](const call::AgentWasCutOff& each) {
                return json::object{{"cut_off", each.heard}, {"unheard", each.unheard}};
            },
            [](const call::KeyPressed& each) {
                return json::object{{"key", std::string(1, each.digit)}, {"id", each.key_id}};
            },
            [](const call::CallerIsSilent& each) {
                return json::object{{"silent_s", each.lasted.count()}};
            },
            [](const call::CallerReturned& each) {
                return json::object{{"returned", how_name(each.how)}};
            },
            [](const call::SayDone& each) {
                return json::object{{"say", each.say_id},
                                    {"how", static_cast<int>(each.how)},
                                    {"heard", each.heard}};
            },
        },
        news);
}

}  // namespace

std::string event_text(const call::Event& event) {
    return std::visit(
        Match{
            [](const call::CallerAttached&) -> std::string { return "attached"; },
            [](const call::CallerAudio& each) { return "audio " + sound_text(each.audio); },
            [](const call::DtmfPressed& each) { return fmt::format("dtmf {}", each.digit); },
            [](const call::MarkPlayed& each) { return fmt::format("mark {}", each.mark); },
            [](const call::CallerGone& each) {
                return line("gone", {{"hung_up", each.how == call::CallerGone::How::hung_up},
                                     {"detail", each.detail}});
            },
            [](const call::TransferEnded& each) {
                return line("transfer_ended",
                            {{"how", how_name(each.how)}, {"detail", each.detail}});
            },
            [](const call::EngineReady& each) {
                // Deadlines are relative to the call's clock, which is written with the event.
                return line(
                    "ready",
                    {{"expires_ns",
                      each.expires_at
                          ? json::value(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                            each.expires_at->time_since_epoch())
                                            .count())
                          : json::value(nullptr)}});
            },
            [](const call::CallerSpeechStarted& each) {
                return line("speech_started", {{"item", each.item_id}});
            },
            [](const call::CallerSpeechStopped& each) {
                return line("speech_stopped", {{"item", each.item_id}});
            },
            [](const call::CallerTranscribed& each) {
                return line("caller_said", {{"item", each.item_id}, {"text", each.text}});
            },
            [](const call::ResponseStarted& each) {
                return each.is_asked_for
                           ? line("response", {{"id", each.response_id}})
                           : line("response", {{"id", each.response_id}, {"unasked", true}});
            },
            [](const call::AgentAudio& each) {
                return line("agent_audio", {{"response", each.response_id},
                                            {"item", each.item_id},
                                            {"part", each.content_index},
                                            {"audio", sound_text(each.audio)}});
            },
            [](const call::AgentText& each) {
                return line("agent_text", {{"response", each.response_id},
                                           {"item", each.item_id},
                                           {"delta", each.delta}});
            },
            [](const call::AgentItemDone& each) {
                return line(
                    "agent_done",
                    {{"response", each.response_id}, {"item", each.item_id}, {"text", each.text}});
            },
            [](const call::ToolCalled& each) {
                return line("tool_called", {{"response", each.response_id},
                                            {"id", each.tool_call_id},
                                            {"name", each.name},
                                            {"arguments", each.arguments}});
            },
            [](const call::ResponseDone& each) {
                return line("response_done", {{"id", each.response_id},
                                              {"status", static_cast<int>(each.status)},
                                              {"detail", each.detail},
                                              {"may_retry", each.may_retry},
                                              {"retry_after_ms", optional_ms(each.retry_after)},
                                              {"usage", usage_json(each.usage)}});
            },
            [](const call::EngineProblem& each) {
                return line("problem", {{"code", each.code}, {"message", each.message}});
            },
            [](const call::EngineLost& each) {
                return line("lost", {{"reason", each.reason}, {"may_retry", each.may_retry}});
            },
            [](const call::AlarmRang&) -> std::string { return "alarm"; },
            [](const call::DrainAsked&) -> std::string { return "drain"; },
            [](const call::EndAsked& each) {
                return line("end", {{"words", each.words}});
            },
            [](const call::BudgetSpent& each) {
                return line("budget", {{"what", each.what}});
            },
            // ---- of the script ------------------------------------------------------------------
            [](const call::AgentPrepared& each) {
                return line("script prepared",
                            {{"greeting", each.greeting}, {"rules", rules_json(each)}});
            },
            [](const call::AgentUnavailable& each) {
                return line("script unavailable", {{"what", each.what}});
            },
            [](const call::ToolFinished& each) {
                return line("script tool_finished", {{"id", each.tool_call_id},
                                                     {"ok", each.ok},
                                                     {"output", each.output},
                                                     {"failure", static_cast<int>(each.failure)}});
            },
            [](const call::ToolsOffered& each) {
                return line("script offer", {{"tools", each.tools}});
            },
            [](const call::SayAsked& each) {
                return line("script say", {{"id", each.say_id}, {"text", each.text}});
            },
            [](const call::ModelAsked& each) {
                return line("script ask_model", {{"instructions", each.instructions}});
            },
            [](const call::NoteTaken& each) {
                return line("script note", {{"text", each.text}, {"fields", each.fields}});
            },
            [](const call::KeyAnswered& each) {
                return line("script key", {{"id", each.key_id}, {"handled", each.is_handled}});
            },
            [](const call::OutcomeSet& each) {
                return line("script outcome", {{"outcome", each.outcome}});
            },
            [](const call::HangUpAsked&) -> std::string { return "script hang_up"; },
            [](const call::TextInjected& each) {
                return line("script inject", {{"text", each.text}, {"respond", each.respond}});
            },
            [](const call::TransferAsked& each) {
                auto fields = transfer_json(each.transfer);
                fields["words"] = each.words;
                return line(each.is_operators ? "transfer" : "script transfer", fields);
            },
            [](const call::HoldAsked& each) -> std::string {
                return each.is_on ? "script hold" : "script resume";
            },
            [](const call::DigitsAsked& each) {
                return line("script digits", {{"digits", each.digits}});
            },
            [](const call::RecordingAsked& each) {
                return line("script record", {{"on", each.is_on}, {"notice", each.notice}});
            },
            [](const call::MessageTold& each) {
                return line("script message",
                            {{"to", each.to}, {"ok", each.ok}, {"detail", each.detail}});
            },
        },
        event);
}

std::string command_text(const call::Command& command) {
    return std::visit(
        Match{
            [](const call::Play& each) { return "play " + fingerprint(each.audio); },
            [](const call::SendMark& each) { return fmt::format("mark {}", each.mark); },
            [](const call::ClearPlayback&) -> std::string { return "clear"; },
            [](const call::HangUp&) -> std::string { return "hang_up"; },
            [](const call::HandOver& each) {
                return line("hand_over", transfer_json(each.transfer));
            },
            [](const call::Record& each) -> std::string {
                return each.is_on ? "record on" : "record off";
            },
            [](const call::OpenEngine& each) {
                json::array history;
                for (const auto& turn : each.history) history.push_back(turn_json(turn));
                return line("open", {{"history", std::move(history)}});
            },
            [](const call::AppendAudio& each) { return "append " + fingerprint(each.audio); },
            [](const call::Respond& each) {
                return line("respond", {{"instructions", each.instructions}});
            },
            [](const call::CancelResponse&) -> std::string { return "cancel"; },
            [](const call::WithdrawResponse&) -> std::string { return "withdraw"; },
            [](const call::Truncate& each) {
                return line("truncate", {{"item", each.item_id},
                                         {"part", each.content_index},
                                         {"ms", each.audio_end_ms}});
            },
            [](const call::SendToolOutput& each) {
                return line("tool_output", {{"id", each.tool_call_id}, {"output", each.output}});
            },
            [](const call::InjectText& each) { return line("inject", turn_json(each.turn)); },
            [](const call::RunTool& each) {
                return line("run_tool", {{"id", each.tool_call_id},
                                         {"name", each.name},
                                         {"arguments", each.arguments},
                                         {"check", each.purpose == call::RunTool::Purpose::check},
                                         {"attempt", each.attempt}});
            },
            [](const call::OfferTools& each) {
                return line("offer", {{"tools", each.tools}});
            },
            [](const call::TellAgent& each) { return line("tell", news_json(each.news)); },
            [](const call::Finish& each) {
                return line("finish", {{"outcome", each.outcome},
                                       {"reason", each.reason},
                                       {"ms", each.totals.duration.count()},
                                       {"turns", each.totals.turns},
                                       {"interruptions", each.totals.interruptions},
                                       {"tool_calls", each.totals.tool_calls}});
            },
        },
        command);
}

json::object profile_json(const call::AgentProfile& profile) {
    return {{"name", profile.name},         {"instructions", profile.instructions},
            {"greeting", profile.greeting}, {"language", profile.language},
            {"voice", profile.voice},       {"model", profile.model},
            {"tools", profile.tools}};
}

std::optional<call::Event> event_of(std::string_view text, std::string& scratch,
                                    std::vector<std::uint8_t>& audio) {
    const auto space = std::min(text.find(' '), text.size());
    const std::string_view name = text.substr(0, space);
    const std::string_view rest = space < text.size() ? text.substr(space + 1) : std::string_view();
    const auto number = [&] {
        std::uint64_t value = 0;
        std::from_chars(rest.data(), rest.data() + rest.size(), value);
        return value;
    };
    if (name == "attached") return call::CallerAttached{};
    if (name == "audio") {
        if (!read_sound(rest, audio)) return std::nullopt;
        return call::CallerAudio{audio};
    }
    if (name == "dtmf") return call::DtmfPressed{rest.empty() ? '0' : rest.front()};
    if (name == "mark") return call::MarkPlayed{static_cast<std::uint32_t>(number())};
    if (name == "alarm") return call::AlarmRang{};
    if (name == "drain") return call::DrainAsked{};
    auto parsed = json_read::parse(rest);
    if (!parsed || !parsed->is_object()) return std::nullopt;
    const json::object& of = parsed->get_object();
    const auto field = [&](std::string_view key) { return json_read::text(of, key); };
    const auto flag = [&](std::string_view key) {
        return json_read::boolean(of, key).value_or(false);
    };
    if (name == "end") return call::EndAsked{field("words")};
    if (name == "transfer_ended")
        return call::TransferEnded{how_named(field("how")), field("detail")};
    if (name == "transfer") {
        const std::chrono::seconds ring(json_read::integer(of, "ring_s").value_or(20));
        return call::TransferAsked{{field("to"), field("briefing"), ring}, field("words"), true};
    }
    if (name == "gone") {
        return call::CallerGone{
            flag("hung_up") ? call::CallerGone::How::hung_up : call::CallerGone::How::lost,
            field("detail")};
    }
    if (name == "ready") {
        const auto expires = json_read::integer(of, "expires_ns");
        if (!expires) return call::EngineReady{};
        return call::EngineReady{TimePoint(std::chrono::nanoseconds(*expires))};
    }
    if (name == "speech_started") return call::CallerSpeechStarted{field("item")};
    if (name == "speech_stopped") return call::CallerSpeechStopped{field("item")};
    if (name == "caller_said") return call::CallerTranscribed{field("item"), field("text")};
    if (name == "response") return call::ResponseStarted{field("id"), !flag("unasked")};
    if (name == "agent_audio" || name == "agent_text") {
        // The views need owners: one text behind the other.
        const std::string response = field("response"), item = field("item"),
                          delta = field("delta");
        scratch = response + item + delta;
        const std::string_view all = scratch;
        const auto response_id = all.substr(0, response.size());
        const auto item_id = all.substr(response.size(), item.size());
        if (name == "agent_text")
            return call::AgentText{response_id, item_id, all.substr(response.size() + item.size())};
        if (!read_sound(field("audio"), audio)) return std::nullopt;
        return call::AgentAudio{response_id, item_id,
                                static_cast<int>(json_read::integer(of, "part").value_or(0)),
                                audio};
    }
    if (name == "agent_done")
        return call::AgentItemDone{field("response"), field("item"), field("text")};
    if (name == "tool_called")
        return call::ToolCalled{field("response"), field("id"), field("name"), field("arguments")};
    if (name == "response_done") {
        call::ResponseDone done{
            .response_id = field("id"), .detail = field("detail"), .may_retry = flag("may_retry")};
        done.status = static_cast<call::ResponseDone::Status>(
            std::clamp<std::int64_t>(json_read::integer(of, "status").value_or(0), 0, 3));
        if (const auto wait = json_read::integer(of, "retry_after_ms"))
            done.retry_after = milliseconds(*wait);
        if (const auto* counts = json_read::array(of, "usage");
            counts != nullptr && counts->size() == 7) {
            const auto count = [&](std::size_t i) {
                return (*counts)[i].is_int64() ? (*counts)[i].get_int64() : 0;
            };
            done.usage =
                call::Usage{count(0),
                            count(1),
                            count(2),
                            count(3),
                            count(4),
                            count(5),
                            (*counts)[6].is_number() ? (*counts)[6].to_number<double>() : 0};
        }
        return done;
    }
    if (name == "budget") return call::BudgetSpent{field("what")};
    if (name == "problem") return call::EngineProblem{field("code"), field("message")};
    if (name == "lost") return call::EngineLost{field("reason"), flag("may_retry")};
    return std::nullopt;
}

}  // namespace parley::rehearsal
