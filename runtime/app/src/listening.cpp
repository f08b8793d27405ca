#include "listening.hpp"

#include <parley/audio/g711.hpp>
#include <parley/ops/answers.hpp>
#include <parley/rehearsal/sound_track.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace parley::app {
namespace {

constexpr std::size_t kept_max = 2;
constexpr std::uint32_t rate_hz = 8'000;
constexpr std::uint32_t bytes_per_frame = 4;  // two samples of 16 bits

void put(std::string& out, std::uint32_t value, int bytes) {  // little endian
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

// Stereo PCM16.
std::string wav_of(const rehearsal::SoundTrack& track) {
    const auto frames = std::min(track.caller.size(), track.agent.size());
    const auto bytes = static_cast<std::uint32_t>(frames * bytes_per_frame);
    std::string out;
    out.reserve(44 + bytes);
    out += "RIFF";
    put(out, 36 + bytes, 4);
    out += "WAVEfmt ";
    put(out, 16, 4);
    put(out, 1, 2);  // PCM
    put(out, 2, 2);  // channels
    put(out, rate_hz, 4);
    put(out, rate_hz * bytes_per_frame, 4);
    put(out, bytes_per_frame, 2);
    put(out, 16, 2);  // bits
    out += "data";
    put(out, bytes, 4);
    for (std::size_t i = 0; i < frames; ++i) {
        put(out, static_cast<std::uint16_t>(audio::mulaw_to_linear(track.caller[i])), 2);
        put(out, static_cast<std::uint16_t>(audio::mulaw_to_linear(track.agent[i])), 2);
    }
    return out;
}

}  // namespace

std::string Listening::file_of(std::string_view call_sid) const {
    const bool is_name = !call_sid.empty() && call_sid.size() <= 64 &&
                         std::all_of(call_sid.begin(), call_sid.end(), [](unsigned char c) {
                             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                    (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
                         });
    return is_name ? fmt::format("{}/{}.events", dir_, call_sid) : "";
}

bool Listening::has(std::string_view call_sid) const {
    const auto file = file_of(call_sid);
    std::error_code ignored;
    return !file.empty() && std::filesystem::is_regular_file(file, ignored);
}

Task<net::Response> Listening::answer(ops::Asked asked) {
    const auto call_sid = asked.param("callSid");
    const auto known = std::find_if(kept_.begin(), kept_.end(),
                                    [&](const auto& each) { return each.first == call_sid; });
    if (known != kept_.end()) co_return ops::ranged(asked.request, *known->second, "audio/wav");

    const auto file = file_of(call_sid);
    auto made = std::make_shared<std::string>();
    ops::Archive::Look look = [this, call_sid, file, made](store::Reader&) -> json::value {
        if (!has(call_sid)) return 404;
        const auto recording = rehearsal::Recording::load(file);
        if (!recording) return json::value(recording.error().text());
        *made = wav_of(rehearsal::sound_track(*recording));
        return 200;
    };
    const auto done = co_await archive_.read(std::move(look));
    if (!done) co_return ops::refusal(503, done.error().text());
    if (done->is_string())
        co_return ops::refusal(500, "the recording cannot be read", done->as_string());
    if (*done == json::value(404)) co_return ops::refusal(404, "this call was not recorded");
    kept_.emplace_front(call_sid, made);
    if (kept_.size() > kept_max) kept_.pop_back();
    co_return ops::ranged(asked.request, *made, "audio/wav");
}

void Listening::add_to(ops::Routes& routes) {
    routes.add({{"GET"},
                "/dashboard/api/calls/:callSid/recording",
                ops::Access::viewer,
                "a recorded call as sound: the caller left, what they heard right",
                [this](ops::Asked asked) { return answer(std::move(asked)); }});
}

}  // namespace parley::app
