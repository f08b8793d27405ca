#include "recording_head.hpp"

#include "sound_text.hpp"

namespace parley::rehearsal {
namespace {

using std::chrono::nanoseconds;

constexpr int recording_version = 2;  // 1 kept only the length of audio

// The rules a call's course depends on, by name. Durations are milliseconds.
template <class Visit>
void each_rule(call::Policy& policy, Visit visit) {
    visit("duration_max_ms", policy.duration_max);
    visit("wrap_up_max_ms", policy.wrap_up_max);
    visit("silence_before_prompt_ms", policy.silence_before_prompt);
    visit("filler_after_ms", policy.filler_after);
    visit("filler_after_loss_ms", policy.filler_after_loss);
    visit("unanswered_after_ms", policy.unanswered_after);
    visit("stall_after_ms", policy.stall_after);
    visit("reconnect_first_delay_ms", policy.reconnect_first_delay);
    visit("rotate_before_expiry_ms", policy.rotate_before_expiry);
    visit("dtmf_pause_ms", policy.dtmf_pause);
    visit("tools_after_hang_up_ms", policy.tools_after_hang_up);
    visit("hold_max_ms", policy.hold_max);
    visit("silence_prompts_max", policy.silence_prompts_max);
    visit("reconnects_max", policy.reconnects_max);
    visit("response_retries_max", policy.response_retries_max);
}

json::value to_json(milliseconds span) { return span.count(); }
json::value to_json(int count) { return count; }
void from_json(std::int64_t value, milliseconds& span) { span = milliseconds(value); }
void from_json(std::int64_t value, int& count) { count = static_cast<int>(value); }

json::array phrases_json(const std::shared_ptr<const call::Phrases>& phrases) {
    if (!phrases) return {"0", "0", "0", "0"};
    return {sound_text(phrases->one_moment), sound_text(phrases->apology),
            sound_text(phrases->goodbye), sound_text(phrases->over_budget)};
}

std::shared_ptr<const call::Phrases> phrases_of(const json::object& head) {
    auto phrases = std::make_shared<call::Phrases>();
    const auto* texts = json_read::array(head, "phrases");
    std::size_t next = 0;
    for (auto* audio :
         {&phrases->one_moment, &phrases->apology, &phrases->goodbye, &phrases->over_budget}) {
        if (texts == nullptr || next >= texts->size()) break;
        const auto& text = (*texts)[next++];
        if (text.is_string()) read_sound(std::string_view(text.get_string()), *audio);
    }
    return phrases;
}

}  // namespace

std::string head_of(const RecordedCall& call) {
    json::object rules;
    call::Policy policy = call.policy;
    each_rule(policy, [&](const char* name, const auto& value) { rules[name] = to_json(value); });
    const auto& agent = call.agent;
    json::object head{
        {"parley_recording", recording_version},
        {"call_sid", call.info.call_sid},
        {"from", call.info.from},
        {"to", call.info.to},
        {"channel", call.info.channel},
        {"direction", call.info.direction},
        {"greeted_with", call.info.greeted_with},
        {"began_at_us", std::chrono::duration_cast<std::chrono::microseconds>(
                            call.info.started_at.time_since_epoch())
                            .count()},
        {"began_ns",
         std::chrono::duration_cast<nanoseconds>(call.began.time_since_epoch()).count()},
        {"agent",
         {{"name", agent.name},
          {"script", agent.script},
          {"voice", agent.voice},
          {"model", agent.model},
          {"language", agent.language},
          {"greeting", agent.greeting},
          {"vars", agent.vars}}},
        {"rules", std::move(rules)},
        {"phrases", phrases_json(call.phrases)},
        {"seed", call.seed},
        {"scripts", call.bundle},
    };
    if (call.keep == RecordedCall::Keep::asked) head["keep"] = "asked";
    return json::serialize(head);
}

std::optional<RecordedCall> read_head(std::string_view line) {
    const auto parsed = json_read::parse(line);
    if (!parsed || !parsed->is_object() ||
        json_read::integer(parsed->get_object(), "parley_recording") != recording_version)
        return std::nullopt;
    const json::object& head = parsed->get_object();
    const auto text = [&](std::string_view key) { return json_read::text(head, key); };
    RecordedCall call;
    call.info.call_sid = text("call_sid");
    call.info.from = text("from");
    call.info.to = text("to");
    call.info.channel = text("channel");
    if (const auto direction = text("direction"); !direction.empty())
        call.info.direction = direction;
    call.info.greeted_with = text("greeted_with");
    call.info.started_at =
        WallTime(std::chrono::microseconds(json_read::integer(head, "began_at_us").value_or(0)));
    call.began = TimePoint(nanoseconds(json_read::integer(head, "began_ns").value_or(0)));
    if (const auto* agent = json_read::object(head, "agent")) {
        call.agent.name = json_read::text(*agent, "name");
        call.agent.script = json_read::text(*agent, "script");
        call.agent.voice = json_read::text(*agent, "voice");
        call.agent.model = json_read::text(*agent, "model");
        call.agent.language = json_read::text(*agent, "language");
        call.agent.greeting = json_read::text(*agent, "greeting");
        if (const auto* vars = json_read::object(*agent, "vars")) call.agent.vars = *vars;
    }
    call.info.agent = call.agent.name;
    if (const auto* rules = json_read::object(head, "rules")) {
        each_rule(call.policy, [&](const char* name, auto& value) {
            if (const auto found = json_read::integer(*rules, name)) from_json(*found, value);
        });
    }
    call.phrases = phrases_of(head);
    call.seed = static_cast<std::uint64_t>(json_read::integer(head, "seed").value_or(1));
    call.bundle = text("scripts");
    if (text("keep") == "asked") call.keep = RecordedCall::Keep::asked;
    return call;
}

}  // namespace parley::rehearsal
