#include <parley/call/journal.hpp>

#include <parley/core/text.hpp>

#include <tuple>

namespace parley::call::journal {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

// Text comes from models, scripts and carriers; JSON must be UTF-8 whatever they sent.
json::string text(const std::string& from) {
    if (is_valid_utf8(from)) return json::string(from);
    return json::string(to_valid_utf8(from));
}

}  // namespace

std::string_view type_name(const Event& event) {
    return std::visit(Overloaded{
                          [](const CallStarted&) { return "call_started"; },
                          [](const CallerSaid&) { return "caller_said"; },
                          [](const AgentSaid&) { return "agent_said"; },
                          [](const Interrupted&) { return "interrupted"; },
                          [](const ToolStarted&) { return "tool_started"; },
                          [](const ToolReturned&) { return "tool_returned"; },
                          [](const DtmfReceived&) { return "dtmf_received"; },
                          [](const TransferStarted&) { return "transfer_started"; },
                          [](const TransferEnded&) { return "transfer_ended"; },
                          [](const HoldStarted&) { return "hold_started"; },
                          [](const HoldEnded&) { return "hold_ended"; },
                          [](const DigitsSent&) { return "digits_sent"; },
                          [](const RecordingStarted&) { return "recording_started"; },
                          [](const RecordingStopped&) { return "recording_stopped"; },
                          [](const MessageSent&) { return "message_sent"; },
                          [](const TurnLatency&) { return "turn_latency"; },
                          [](const UsageCounted&) { return "usage_counted"; },
                          [](const ProviderReady&) { return "provider_ready"; },
                          [](const ProviderLost&) { return "provider_lost"; },
                          [](const ProviderRestored&) { return "provider_restored"; },
                          [](const Problem&) { return "problem"; },
                          [](const Note&) { return "note"; },
                          [](const CallEnded&) { return "call_ended"; },
                          [](const Summary&) { return "summary"; },
                      },
                      event);
}

json::object fields(const Event& event) {
    json::object out;
    std::visit(Overloaded{
                   [&](const CallStarted& e) {
                       out["from"] = text(e.from);
                       out["to"] = text(e.to);
                       out["agent"] = text(e.agent);
                       out["channel"] = text(e.channel);
                       if (e.direction != "inbound") out["direction"] = text(e.direction);
                   },
                   [&](const CallerSaid& e) {
                       out["item_id"] = text(e.item_id);
                       out["text"] = text(e.text);
                   },
                   [&](const AgentSaid& e) {
                       out["item_id"] = text(e.item_id);
                       out["heard"] = text(e.heard);
                       out["unheard"] = text(e.unheard);
                       out["heard_ms"] = e.heard_ms;
                       out["received_ms"] = e.received_ms;
                       out["interrupted"] = e.interrupted;
                   },
                   [&](const Interrupted& e) {
                       out["item_id"] = text(e.item_id);
                       out["heard_ms"] = e.heard_ms;
                       out["received_ms"] = e.received_ms;
                   },
                   [&](const ToolStarted& e) {
                       out["tool_call_id"] = text(e.tool_call_id);
                       out["name"] = text(e.name);
                       out["arguments"] = text(e.arguments);
                   },
                   [&](const ToolReturned& e) {
                       out["tool_call_id"] = text(e.tool_call_id);
                       out["name"] = text(e.name);
                       out["ok"] = e.ok;
                       out["output"] = text(e.output);
                       out["duration_ms"] = e.duration_ms;
                   },
                   [&](const DtmfReceived&) {},
                   [&](const TransferStarted& e) {
                       out["to"] = text(e.to);
                       out["briefed"] = e.is_briefed;
                   },
                   [&](const TransferEnded& e) {
                       out["how"] = text(e.how);
                       if (!e.detail.empty()) out["detail"] = text(e.detail);
                       out["duration_ms"] = e.duration_ms;
                   },
                   [&](const HoldStarted&) {},
                   [&](const HoldEnded& e) { out["duration_ms"] = e.duration_ms; },
                   [&](const DigitsSent& e) { out["count"] = e.count; },
                   [&](const RecordingStarted& e) { out["notice"] = text(e.notice); },
                   [&](const RecordingStopped&) {},
                   [&](const MessageSent& e) {
                       out["to"] = text(e.to);
                       out["ok"] = e.ok;
                       out["detail"] = text(e.detail);
                   },
                   [&](const TurnLatency& e) {
                       out["model_ms"] = e.model_ms;
                       out["first_audio_ms"] = e.first_audio_ms;
                   },
                   [&](const UsageCounted& e) {
                       out["response_id"] = text(e.response_id);
                       if (!e.item_id.empty()) out["item_id"] = text(e.item_id);
                       out["input_text_tokens"] = e.usage.input_text_tokens;
                       out["input_audio_tokens"] = e.usage.input_audio_tokens;
                       out["cached_text_tokens"] = e.usage.cached_text_tokens;
                       out["cached_audio_tokens"] = e.usage.cached_audio_tokens;
                       out["output_text_tokens"] = e.usage.output_text_tokens;
                       out["output_audio_tokens"] = e.usage.output_audio_tokens;
                       if (e.usage.audio_seconds > 0) out["audio_seconds"] = e.usage.audio_seconds;
                       out["cost_usd"] = e.usage.cost_usd;
                       out["call_cost_usd"] = e.call_cost_usd;
                   },
                   [&](const ProviderReady& e) { out["ready_ms"] = e.ready_ms; },
                   [&](const ProviderLost& e) { out["reason"] = text(e.reason); },
                   [&](const ProviderRestored& e) {
                       out["gap_ms"] = e.gap_ms;
                       out["planned"] = e.planned;
                   },
                   [&](const Problem& e) {
                       out["what"] = text(e.what);
                       out["detail"] = text(e.detail);
                   },
                   [&](const Note& e) {
                       out["text"] = text(e.text);
                       out["fields"] = e.fields;
                   },
                   [&](const Summary& e) { out["fields"] = e.fields; },
                   [&](const CallEnded& e) {
                       out["outcome"] = text(e.outcome);
                       out["reason"] = text(e.reason);
                       out["duration_ms"] = e.duration_ms;
                   },
               },
               event);
    return out;
}

Event masked(Event event, const privacy::Masker& masker) {
    const auto clean = [&](std::string& text) { text = masker.text(std::move(text)); };
    std::visit(
        Overloaded{
            [&](CallerSaid& e) { clean(e.text); },
            [&](AgentSaid& e) {
                std::tie(e.heard, e.unheard) =
                    masker.parts(std::move(e.heard), std::move(e.unheard));
            },
            [&](ToolStarted& e) { e.arguments = masker.json_or_text(std::move(e.arguments)); },
            [&](ToolReturned& e) { e.output = masker.json_or_text(std::move(e.output)); },
            [&](TransferEnded& e) { clean(e.detail); },
            [&](RecordingStarted& e) { clean(e.notice); },
            [&](MessageSent& e) { clean(e.detail); },
            [&](Problem& e) { clean(e.detail); },
            [&](Note& e) {
                clean(e.text);
                masker.json(e.fields);
            },
            [&](Summary& e) { masker.json(e.fields); },
            [](auto&) {},
        },
        event);
    return event;
}

}  // namespace parley::call::journal
