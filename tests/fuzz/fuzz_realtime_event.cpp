// Whatever a model's server sends: the session state machine must neither crash nor send anything
// but JSON.
//
// The input is a list of messages parted by newlines. The first byte chooses the audio format and
// whether the session has been set up before. On every message the short cut for audio deltas is
// compared with the full parser.

#include <parley/engine/realtime_session.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

using namespace parley;
using engine::RealtimeSession;

[[noreturn]] void fail(const char* what, std::string_view message) {
    std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(message.size()), message.data());
    std::abort();
}

void compare_with_full_parser(std::string_view message) {
    const auto fast = engine::realtime::scan_audio_delta(message);
    if (!fast) return;
    const auto event = engine::realtime::parse_event(message);
    const auto* full = std::get_if<engine::realtime::AudioDelta>(&event);
    if (full == nullptr) fail("only the short cut took this", message);
    const bool is_same = full->response_id == fast->response_id && full->item_id == fast->item_id &&
                         full->content_index == fast->content_index && full->base64 == fast->base64;
    if (!is_same) fail("the short cut read this differently", message);
}

// Reads every view, so that a dangling one shows; sends what a call would say to each event.
void play_the_call(RealtimeSession& session, RealtimeSession::Output& output) {
    std::size_t read = 0;
    RealtimeSession::Output answers;
    for (const auto& message : output.messages) {
        if (!is_valid_utf8(message) || !json_read::parse(message, 64)) fail("not JSON", message);
    }
    for (const auto& event : output.events) {
        if (const auto* audio = std::get_if<call::AgentAudio>(&event)) {
            for (const auto byte : audio->audio) read += byte;
            if (read % 7 == 0)
                session.truncate(audio->item_id, audio->content_index,
                                 static_cast<std::int64_t>(read), answers);
        } else if (const auto* text = std::get_if<call::AgentText>(&event)) {
            for (const char c : text->delta) read += static_cast<unsigned char>(c);
            if (read % 11 == 0) session.cancel(answers);
        } else if (const auto* tool = std::get_if<call::ToolCalled>(&event)) {
            session.tool_output(tool->tool_call_id, tool->arguments, answers);
            session.respond(tool->name, answers);
        } else if (std::holds_alternative<call::ResponseDone>(event)) {
            session.respond("", answers);
        }
    }
    session.settle(answers);
    for (const auto& message : answers.messages) {
        if (!is_valid_utf8(message) || !json_read::parse(message, 64)) fail("not JSON", message);
    }
    if (!answers.events.empty()) fail("an event out of a command", "");
    output.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const char choice = input.empty() ? '\0' : input.front();
    if (!input.empty()) input.remove_prefix(1);

    engine::OpenAiOptions options;
    options.audio = (choice & 1) != 0 ? engine::ModelAudio::pcm16_24k : engine::ModelAudio::pcmu;
    call::AgentProfile profile;
    profile.instructions = "You are Sarah.";
    RealtimeSession session(options, profile, {{call::Turn::Speaker::caller, "Hi"}}, "CA1",
                            TimePoint{}, WallTime{});
    RealtimeSession::Output output;
    if ((choice & 2) == 0) {
        session.receive(R"({"type":"session.created","session":{"expires_at":3600}})", output);
        const std::string format = (choice & 1) != 0
                                       ? R"({"format":{"type":"audio/pcm","rate":24000}})"
                                       : R"({"format":{"type":"audio/pcmu"}})";
        session.receive(R"({"type":"session.updated","session":{"audio":{"input":)" + format +
                            R"(,"output":)" + format + "}}}",
                        output);
        if (session.state() != RealtimeSession::State::ready) fail("not ready", format);
        play_the_call(session, output);
    }
    const std::vector<std::uint8_t> frame(160, 0x55);
    while (true) {
        const auto end = input.find('\n');
        const auto message = input.substr(0, end);
        compare_with_full_parser(message);
        session.receive(message, output);
        play_the_call(session, output);
        (void)session.append(frame);
        if (end == std::string_view::npos) break;
        input.remove_prefix(end + 1);
    }
    compare_with_full_parser(std::string_view(reinterpret_cast<const char*>(data), size));
    session.closed(static_cast<std::uint16_t>(size),
                   std::string_view(reinterpret_cast<const char*>(data), size), output);
    play_the_call(session, output);
    return 0;
}
