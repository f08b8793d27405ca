#include <parley/sim/call_report.hpp>

#include <parley/audio/g711.hpp>
#include <parley/audio/wav.hpp>

namespace parley::sim {

namespace {

double seconds(milliseconds time) { return static_cast<double>(time.count()) / 1000; }

std::string spans(const std::vector<Segment>& segments) {
    std::string out;
    for (const Segment& segment : segments)
        out += fmt::format(" {:.1f}-{:.1f}", seconds(segment.begin), seconds(segment.end));
    return out.empty() ? " never" : out;
}

// How long the caller waited for each answer.
std::string waits(const CallReport& report) {
    std::string out;
    for (const Segment& said : report.caller) {
        for (const Segment& answer : report.agent) {
            if (answer.begin < said.end) continue;
            out += fmt::format(" {:.2f}", seconds(answer.begin - said.end));
            break;
        }
    }
    return out;
}

}  // namespace

milliseconds CallReport::agent_speech() const {
    milliseconds sum{0};
    for (const Segment& segment : agent) sum += segment.end - segment.begin;
    return sum;
}

std::vector<std::string> unmet(const Expectations& expect, const CallReport& report) {
    std::vector<std::string> misses;
    const auto at_least = [&](std::string_view what, std::int64_t wanted, std::int64_t found) {
        if (found < wanted)
            misses.push_back(fmt::format("expected at least {} {}, found {}", wanted, what, found));
    };
    at_least("agent segments", expect.agent_segments_min,
             static_cast<std::int64_t>(report.agent.size()));
    at_least("ms of agent speech", expect.agent_speech_min.count(), report.agent_speech().count());
    at_least("clears", expect.clears_min, static_cast<std::int64_t>(report.clears.size()));
    at_least("marks", expect.marks_min, static_cast<std::int64_t>(report.marks.size()));
    if (static_cast<int>(report.violations.size()) > expect.violations_max) {
        misses.push_back(fmt::format("expected at most {} violations, found {}: {}",
                                     expect.violations_max, report.violations.size(),
                                     report.violations.front()));
    }
    if (expect.ended_by && *expect.ended_by != report.ended_by) {
        misses.push_back(fmt::format("expected the {} to end the call, it was the {}",
                                     *expect.ended_by, report.ended_by));
    }
    if (expect.duration_max > milliseconds(0) && report.duration > expect.duration_max) {
        misses.push_back(fmt::format("expected at most {:.1f} s, the call took {:.1f} s",
                                     seconds(expect.duration_max), seconds(report.duration)));
    }
    return misses;
}

std::string summary(const CallReport& report) {
    std::string out = fmt::format("call {}: {}{}\n", report.call_sid, report.ending,
                                  report.failure.empty() ? "" : "; FAILED: " + report.failure);
    for (const auto& [url, status] : report.http) out += fmt::format("  {} -> {}\n", url, status);
    if (!report.stream_sid.empty()) {
        out += fmt::format("  stream {:.1f} s; agent heard at{}\n", seconds(report.duration),
                           spans(report.agent));
        out += fmt::format("  caller spoke at{}; seconds to the answer:{}\n", spans(report.caller),
                           waits(report));
        int cleared = 0;
        for (const auto& mark : report.marks) cleared += mark.was_cleared ? 1 : 0;
        out += fmt::format(
            "  {} media messages, {} marks ({} of them cleared), {} clears, {:.1f} s never heard\n",
            report.media_messages, report.marks.size(), cleared, report.clears.size(),
            seconds(report.unheard));
    }
    for (const auto& words : report.said) out += fmt::format("  <Say> {}\n", words);
    for (const auto& leg : report.dialled) {
        out += fmt::format("  <Dial> {}: {}{}\n", leg.number, leg.status,
                           leg.is_joined ? ", joined with the caller" : "");
        for (const auto& words : leg.heard) out += fmt::format("    heard: {}\n", words);
        if (!leg.pressed.empty()) out += fmt::format("    pressed: {}\n", leg.pressed);
    }
    for (const auto& note : report.notes) out += fmt::format("  note: {}\n", note);
    for (const auto& violation : report.violations)
        out += fmt::format("  violation: {}\n", violation);
    return out;
}

Checked<bool> write_recording(const CallReport& report, const std::string& path) {
    auto file = audio::WavWriter::create(path, audio::telephone_hz, 2);
    if (!file) return file.error();
    std::vector<std::int16_t> both;
    const std::size_t length = std::max(report.heard.size(), report.spoken.size());
    both.reserve(length * 2);
    for (std::size_t i = 0; i < length; ++i) {
        both.push_back(i < report.spoken.size() ? audio::mulaw_to_linear(report.spoken[i])
                                                : std::int16_t{0});
        both.push_back(i < report.heard.size() ? audio::mulaw_to_linear(report.heard[i])
                                               : std::int16_t{0});
    }
    if (!file->write(both) || !file->close())
        return Fault{path, "the recording could not be written", "check the disk's free space"};
    return true;
}

}  // namespace parley::sim
