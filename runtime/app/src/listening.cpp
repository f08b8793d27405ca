#include "listening.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/wav.hpp>
#include <parley/ops/answers.hpp>
#include <parley/rehearsal/sound_track.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace parley::app {
namespace {

constexpr std::size_t kept_max = 2;
constexpr int rate_hz = 8'000;

// Stereo PCM16.
std::string wav_of(const rehearsal::SoundTrack& track) {
    const auto frames = std::min(track.caller.size(), track.agent.size());
    const auto header = audio::wav_header(rate_hz, 2, static_cast<std::uint32_t>(frames * 4));
    std::string out(header.begin(), header.end());
    out.reserve(out.size() + frames * 4);
    const auto put = [&](std::uint8_t mulaw) {
        const auto sample = static_cast<std::uint16_t>(audio::mulaw_to_linear(mulaw));
        out += static_cast<char>(sample & 0xFF);
        out += static_cast<char>(sample >> 8);
    };
    for (std::size_t i = 0; i < frames; ++i) {
        put(track.caller[i]);
        put(track.agent[i]);
    }
    return out;
}

// Of a call in progress it changes: what was made of it then is not the whole.
std::string version_of(const std::string& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    const auto written = std::filesystem::last_write_time(file, error);
    return fmt::format("{}:{}:{}", file, size, written.time_since_epoch().count());
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
    const auto file = file_of(call_sid);
    const auto version = version_of(file);
    const auto known = std::find_if(kept_.begin(), kept_.end(),
                                    [&](const auto& each) { return each.first == version; });
    if (known != kept_.end()) co_return ops::ranged(asked.request, *known->second, "audio/wav");

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
    kept_.emplace_front(version, made);
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
