// fuzz_media_stream.cpp: the media stream's messages. The fast scan must agree with the full parser
// on every input, and the state machine must stay within its rules whatever comes in which order.
//
// Input: messages separated by a zero byte; one that begins with 0x01 counts as binary.
#include <parley/telephony/gap_filler.hpp>
#include <parley/telephony/stream_state.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>

using namespace parley;
using namespace parley::telephony;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void compare(std::string_view text) {
    MediaReader fast;
    MediaReader full;
    const MediaMessage a = fast.read(text);
    const MediaMessage b = full.read_fully(text);
    require(a.index() == b.index());
    const auto* x = std::get_if<Media>(&a);
    if (x == nullptr) return;
    const Media& y = std::get<Media>(b);
    require(x->stream_sid == y.stream_sid && x->track == y.track && x->sequence == y.sequence &&
            x->chunk == y.chunk && x->timestamp_ms == y.timestamp_ms &&
            std::ranges::equal(x->audio, y.audio));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    TimePoint now{};
    StreamState state(now);
    GapFiller filler;
    bool has_ended = false;
    bool is_started = false;
    while (!rest.empty()) {
        const std::string_view message = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(message.size() + 1, rest.size()));
        compare(message);

        const StreamStep step =
            !message.empty() && message.front() == 1 ? state.on_binary() : state.on_text(message);
        using Do = StreamStep::Do;
        require(!has_ended || step.action == Do::nothing);
        switch (step.action) {
            case Do::nothing: break;
            case Do::check_start:
                require(!is_started && !step.started->call_sid.empty() &&
                        !step.started->stream_sid.empty());
                is_started = true;
                state.accept();
                break;
            case Do::hear: {
                require(is_started && state.is_active());
                const auto advice = filler.on_media(step.media.timestamp_ms, step.media.chunk,
                                                    step.media.audio.size(), now);
                require(advice.silence_bytes <= 8'000 &&
                        (!advice.drop || advice.silence_bytes == 0));
                break;
            }
            case Do::press:
            case Do::mark_played: require(is_started); break;
            case Do::finish: has_ended = true; break;
            case Do::close:
                require(step.close_code == 1008 || step.close_code == 1003);
                require(!step.complaint.empty());
                has_ended = true;
                break;
        }
        now += milliseconds(20);
        const std::size_t silence = filler.on_time(now);
        require(silence == 0 || silence == 8'000);
    }
    return 0;
}
