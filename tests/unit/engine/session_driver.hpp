// session_driver.hpp: a RealtimeSession under test, and what came out of it.
#pragma once

#include <parley/core/base64.hpp>
#include <parley/engine/realtime_session.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace parley::engine::test {

using namespace std::chrono_literals;
using Status = call::ResponseDone::Status;
using State = RealtimeSession::State;

inline const TimePoint start = TimePoint{} + 1000s;
inline const WallTime start_wall = WallTime{} + std::chrono::seconds(1'763'668'320);

inline OpenAiOptions options_with(ModelAudio audio = ModelAudio::pcmu) {
    OpenAiOptions options;
    options.audio = audio;
    options.prices["gpt-realtime-2.1"] = {4, 0.40, 24, 32, 0.40, 64};
    return options;
}

inline call::AgentProfile sarah() {
    call::AgentProfile profile;
    profile.name = "sarah";
    profile.instructions = "You are Sarah.";
    return profile;
}

// A session and what came out of it. Events with views are taken apart at once, as the call would.
struct Driver {
    explicit Driver(OpenAiOptions chosen = options_with(), std::vector<call::Turn> history = {},
                    call::AgentProfile profile = sarah())
        : options(std::move(chosen)),
          session(options, profile, std::move(history), "CA1", start, start_wall) {}

    void take() {
        for (auto& message : output.messages)
            sent.push_back(json_read::parse(message).value().as_object());
        for (auto& event : output.events) {
            if (const auto* audio = std::get_if<call::AgentAudio>(&event)) {
                heard.insert(heard.end(), audio->audio.begin(), audio->audio.end());
                heard_items.emplace_back(audio->item_id);
            } else if (const auto* text = std::get_if<call::AgentText>(&event)) {
                said += text->delta;
            } else {
                events.push_back(event);
            }
        }
        output.clear();
    }
    void receive(std::string_view text) {
        session.receive(text, output);
        take();
        session.settle(output);
        take();
    }
    template <class Command>
    void command(Command&& give) {
        give(output);
        take();
    }
    void respond(std::string_view words) {
        command([&](auto& out) { session.respond(words, out); });
    }
    void cancel() {
        command([&](auto& out) { session.cancel(out); });
    }
    void truncate(std::string_view item, int index, std::int64_t ms) {
        command([&](auto& out) { session.truncate(item, index, ms, out); });
    }
    void tool_output(std::string_view id, std::string_view text) {
        command([&](auto& out) { session.tool_output(id, text, out); });
    }

    void make_ready() {
        receive(R"({"type":"session.created","session":{"id":"sess_1","expires_at":1763671920}})");
        receive(
            options.audio == ModelAudio::pcmu
                ? R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})"
                : R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}})");
        sent.clear();
        events.clear();
    }
    // create_id: the response.create that the server answers; "": it answers by itself
    void created(std::string_view id, std::string_view create_id = {}) {
        const auto metadata = create_id.empty()
                                  ? std::string("null")
                                  : fmt::format(R"({{"parley_create":"{}"}})", create_id);
        receive(fmt::format(
            R"({{"type":"response.created","response":{{"id":"{}","status":"in_progress","metadata":{}}}}})",
            id, metadata));
    }
    void audio(std::string_view response, std::string_view item, std::size_t bytes) {
        const std::vector<std::uint8_t> speech(bytes, 0x55);
        receive(fmt::format(
            R"({{"type":"response.output_audio.delta","response_id":"{}","item_id":"{}","output_index":0,"content_index":0,"delta":"{}"}})",
            response, item, base64::encode(speech)));
    }
    void text(std::string_view response, std::string_view item, std::string_view delta) {
        receive(fmt::format(
            R"({{"type":"response.output_audio_transcript.delta","response_id":"{}","item_id":"{}","content_index":0,"delta":"{}"}})",
            response, item, delta));
    }
    void item_done(std::string_view response, std::string_view item, std::string_view text_said) {
        receive(fmt::format(
            R"({{"type":"response.output_item.done","response_id":"{}","item":{{"id":"{}","type":"message","status":"completed","content":[{{"type":"output_audio","transcript":"{}"}}]}}}})",
            response, item, text_said));
    }
    void call_done(std::string_view response, std::string_view call_id, std::string_view status,
                   std::string_view arguments = "{}") {
        receive(fmt::format(
            R"({{"type":"response.output_item.done","response_id":"{}","item":{{"id":"f","type":"function_call","status":"{}","name":"check_slots","call_id":"{}","arguments":"{}"}}}})",
            response, status, call_id, arguments));
    }
    void done(std::string_view id, std::string_view rest = R"("status":"completed")") {
        receive(fmt::format(R"({{"type":"response.done","response":{{"id":"{}",{}}}}})", id, rest));
    }
    void error(std::string_view code, std::string_view message = "", std::string_view event_id = "",
               std::string_view type = "invalid_request_error") {
        receive(fmt::format(
            R"({{"type":"error","event_id":"e","error":{{"type":"{}","code":"{}","message":"{}","param":null,"event_id":"{}"}}}})",
            type, code, message, event_id));
    }

    // The events of one kind so far.
    template <class Event>
    std::vector<Event> all() const {
        std::vector<Event> found;
        for (const auto& event : events) {
            if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
        }
        return found;
    }
    template <class Event>
    Event only() const {
        const auto found = all<Event>();
        EXPECT_EQ(found.size(), 1u);
        return found.empty() ? Event{} : found.front();
    }
    std::string last_type() const {
        return sent.empty() ? "" : std::string(sent.back().at("type").as_string());
    }
    std::string last_event_id() const {
        return sent.empty() ? "" : std::string(sent.back().at("event_id").as_string());
    }

    OpenAiOptions options;
    RealtimeSession session;
    RealtimeSession::Output output;
    std::vector<json::object> sent;
    std::vector<call::Event> events;
    std::vector<std::uint8_t> heard;
    std::vector<std::string> heard_items;
    std::string said;
};

struct Ready : Driver {
    explicit Ready(OpenAiOptions chosen = options_with()) : Driver(std::move(chosen)) {
        make_ready();
    }
};

}  // namespace parley::engine::test
