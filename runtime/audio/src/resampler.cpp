#include <parley/audio/resampler.hpp>

#include <parley/core/result.hpp>

#include <soxr.h>

#include <cmath>
#include <string>

namespace parley::audio {
namespace {

unsigned long preset(Recipe::Quality quality) {
    switch (quality) {
        case Recipe::Quality::quick: return SOXR_QQ;
        case Recipe::Quality::low: return SOXR_LQ;
        case Recipe::Quality::medium: return SOXR_MQ;
        case Recipe::Quality::high: return SOXR_HQ;
        case Recipe::Quality::very_high: return SOXR_VHQ;
    }
    return SOXR_HQ;
}

// Slack beyond the exact ratio: libsoxr hands out whole transform blocks. With the recipe for calls
// that is enough for all it has; others are asked again. Much more would cost more to clear, frame
// by frame, than the resampling itself.
constexpr std::size_t output_slack = 512;

}  // namespace

const Recipe& call_recipe() {
    // 16 ms held back each way, 90 dB and more from 300 to 3,400 Hz, -0.2 dB at 3,400 Hz, nothing
    // from 4.4 kHz.
    static const Recipe recipe{.name = "call",
                               .quality = Recipe::Quality::low,
                               .passband_end = 0.78,
                               .stopband_begin = 1.10,
                               .phase = Recipe::Phase::linear,
                               .log2_dft_size = 8};
    return recipe;
}

const Recipe& offline_recipe() {
    static const Recipe recipe{.name = "offline", .quality = Recipe::Quality::high};
    return recipe;
}

struct Resampler::Soxr {
    int rate_in_hz;
    int rate_out_hz;
    Recipe recipe;
    soxr_t handle = nullptr;

    Soxr(int in_hz, int out_hz, const Recipe& wanted)
        : rate_in_hz(in_hz), rate_out_hz(out_hz), recipe(wanted) {
        make();
    }
    ~Soxr() { soxr_delete(handle); }
    Soxr(const Soxr&) = delete;
    Soxr& operator=(const Soxr&) = delete;

    // Made anew for a reset too: soxr_clear() of 0.1.3 forgets the rates, and this takes about 10
    // µs.
    void make() {
        soxr_delete(handle);
        handle = nullptr;
        soxr_quality_spec_t quality = soxr_quality_spec(preset(recipe.quality), 0);
        if (recipe.passband_end > 0) quality.passband_end = recipe.passband_end;
        if (recipe.stopband_begin > 0) quality.stopband_begin = recipe.stopband_begin;
        if (recipe.phase == Recipe::Phase::minimum) quality.phase_response = 0;
        // Dither would only add noise: the signal is coarser than 16 bits already.
        soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
        io.flags = SOXR_NO_DITHER;
        soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
        if (recipe.log2_dft_size > 0) runtime.log2_min_dft_size = recipe.log2_dft_size;
        soxr_error_t error = nullptr;
        handle = soxr_create(rate_in_hz, rate_out_hz, 1, &error, &io, &quality, &runtime);
        if (handle == nullptr || error != nullptr) {
            soxr_delete(handle);
            handle = nullptr;
            throw Bug("libsoxr refuses recipe \"" + recipe.name +
                      "\": " + (error ? error : "out of memory"));
        }
    }

    std::size_t room_for(std::size_t samples_in) const {
        return samples_in * static_cast<std::size_t>(rate_out_hz) /
                   static_cast<std::size_t>(rate_in_hz) +
               output_slack;
    }
};

Resampler::Resampler(int rate_in_hz, int rate_out_hz, const Recipe& recipe) {
    const auto is_sane = [](int hz) { return hz >= 1'000 && hz <= 192'000; };
    ensure(is_sane(rate_in_hz) && is_sane(rate_out_hz),
           "resampler: rates must be 1,000 to 192,000 Hz");
    soxr_ = std::make_unique<Soxr>(rate_in_hz, rate_out_hz, recipe);
}

Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::process(std::span<const std::int16_t> in, std::vector<std::int16_t>& out) {
    bool is_full = false;
    while (!in.empty() || is_full) {
        const std::size_t start = out.size();
        out.resize(start + soxr_->room_for(in.size()));
        std::size_t used = 0;
        std::size_t made = 0;
        const soxr_error_t error = soxr_process(soxr_->handle, in.data(), in.size(), &used,
                                                out.data() + start, out.size() - start, &made);
        out.resize(start + made);
        ensure(error == nullptr, "libsoxr failed to process");
        ensure(used > 0 || made > 0 || is_full, "libsoxr took no input and gave no output");
        is_full = made == soxr_->room_for(in.size());
        in = in.subspan(used);
    }
}

void Resampler::flush(std::vector<std::int16_t>& out) {
    for (;;) {
        const std::size_t start = out.size();
        out.resize(start + output_slack);
        std::size_t made = 0;
        const soxr_error_t error = soxr_process(soxr_->handle, nullptr, 0, nullptr,
                                                out.data() + start, output_slack, &made);
        out.resize(start + made);
        ensure(error == nullptr, "libsoxr failed to flush");
        if (made < output_slack) break;
    }
    soxr_->make();
}

void Resampler::reset() { soxr_->make(); }

std::vector<std::int16_t> resampled(std::span<const std::int16_t> in, int rate_in_hz,
                                    int rate_out_hz) {
    std::vector<std::int16_t> out;
    if (rate_in_hz == rate_out_hz) {
        out.assign(in.begin(), in.end());
        return out;
    }
    Resampler resampler(rate_in_hz, rate_out_hz, offline_recipe());
    resampler.process(in, out);
    resampler.flush(out);
    return out;
}

}  // namespace parley::audio
