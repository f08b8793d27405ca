#include <parley/rehearsal/sound_track.hpp>

#include "sound_text.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/tones.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <optional>

namespace parley::rehearsal {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t bytes_per_ms = 8;
constexpr std::size_t frame_bytes = 160;
// A line that says nothing for so long has stopped sending; what follows belongs to its own time.
constexpr std::size_t gap_bytes = 500 * bytes_per_ms;
// No call is longer; a damaged recording must not ask for all memory.
constexpr std::size_t track_bytes_max = std::size_t{4} * 3'600'000 * bytes_per_ms;

// What the agent may be heard saying next, in order.
class Speech {
 public:
    explicit Speech(const call::Phrases& phrases)
        : phrases_{&phrases.one_moment, &phrases.apology, &phrases.goodbye, &phrases.over_budget,
                   &phrases.hold} {}

    void add(std::string key, call::Bytes audio) {
        if (items_.empty() || items_.back().key != key) items_.push_back({.key = std::move(key)});
        auto& bytes = items_.back().bytes;
        bytes.insert(bytes.end(), audio.begin(), audio.end());
    }
    void forget() { items_.clear(); }

    // The piece that "320 #9ae16a3b2f90404f" is about. Nothing when it was nowhere said.
    std::optional<std::vector<std::uint8_t>> take(std::size_t size, std::string_view print) {
        if (auto piece = take_from(items_, size, print)) return piece;
        for (const auto* phrase : phrases_) {
            for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
                if (phrase->empty() || place > items_.size()) continue;
                auto with_phrase = items_;
                with_phrase.insert(with_phrase.begin() + static_cast<std::ptrdiff_t>(place),
                                   Item{.key = {}, .bytes = *phrase});
                if (auto piece = take_from(with_phrase, size, print)) {
                    items_ = std::move(with_phrase);
                    return piece;
                }
            }
        }
        // Answers that were dropped before any of it went out.
        for (std::size_t dropped = 1; dropped < items_.size(); ++dropped) {
            std::deque<Item> rest(items_.begin() + static_cast<std::ptrdiff_t>(dropped),
                                  items_.end());
            if (auto piece = take_from(rest, size, print)) {
                items_ = std::move(rest);
                return piece;
            }
        }
        return std::nullopt;
    }

 private:
    struct Item {
        std::string key;
        std::vector<std::uint8_t> bytes;
        std::size_t used = 0;
    };

    // From the front; the tail of each item is padded to a whole frame, as call::Playout does.
    static std::optional<std::vector<std::uint8_t>> take_from(std::deque<Item>& items,
                                                              std::size_t size,
                                                              std::string_view print) {
        std::vector<std::uint8_t> piece;
        piece.reserve(size);
        std::vector<std::size_t> used;
        for (const auto& item : items) {
            if (piece.size() == size) break;
            const auto count = std::min(size - piece.size(), item.bytes.size() - item.used);
            const auto from = item.bytes.begin() + static_cast<std::ptrdiff_t>(item.used);
            piece.insert(piece.end(), from, from + static_cast<std::ptrdiff_t>(count));
            used.push_back(item.used + count);
            if (piece.size() < size && piece.size() % frame_bytes != 0) {
                piece.resize(piece.size() + frame_bytes - piece.size() % frame_bytes,
                             audio::mulaw_silence);
            }
        }
        if (piece.size() != size || fingerprint(piece) != print) return std::nullopt;
        for (std::size_t i = 0; i < used.size(); ++i) items[i].used = used[i];
        while (items.size() > 1 && items.front().used == items.front().bytes.size())
            items.pop_front();
        return piece;
    }

    std::array<const std::vector<std::uint8_t>*, 5> phrases_;
    std::deque<Item> items_;
};

class Listener {
 public:
    explicit Listener(const Recording& recording) : recording_(recording), speech_(phrases()) {}

    SoundTrack listen() {
        for (const auto& line : recording_.lines) {
            // A caller may be attached again; what was recorded in part begins with its first line.
            const bool begins =
                line.event == "attached" || recording_.call.keep == RecordedCall::Keep::asked;
            if (!attached_at_ && begins) attached_at_ = line.at;
            if (!attached_at_) continue;
            const auto now = position(line.at);
            if (now > track_bytes_max) break;
            // The agent's first sound ends the music before it is queued itself.
            const bool ends_hold = line.event.starts_with("agent_audio ") &&
                                   !line.commands.empty() && line.commands.front() == "clear";
            if (ends_hold) carry_out("clear", now);
            hear(line.event, now);
            for (const auto& command : line.commands) {
                if (!ends_hold || command != "clear") carry_out(command, now);
            }
        }
        const auto size = std::max(track_.caller.size(), track_.agent.size());
        track_.caller.resize(size, audio::mulaw_silence);
        track_.agent.resize(size, audio::mulaw_silence);
        return std::move(track_);
    }

 private:
    const call::Phrases& phrases() const {
        static const call::Phrases none;
        return recording_.call.phrases ? *recording_.call.phrases : none;
    }
    std::size_t position(nanoseconds at) const {
        const auto since = std::chrono::duration_cast<milliseconds>(at - *attached_at_).count();
        return static_cast<std::size_t>(std::max<std::int64_t>(0, since)) * bytes_per_ms;
    }

    void hear(const std::string& text, std::size_t now) {
        hear_keys(text);
        const bool is_caller = text.starts_with("audio ");
        if (!is_caller && !text.starts_with("agent_audio ")) return;
        const auto event = event_of(text, scratch_, audio_);
        if (!event) return;
        if (is_caller) {
            auto& caller = track_.caller;
            if (now > caller.size() + gap_bytes) caller.resize(now, audio::mulaw_silence);
            if (caller.size() < track_bytes_max)
                caller.insert(caller.end(), audio_.begin(), audio_.end());
        } else if (const auto* said = std::get_if<call::AgentAudio>(&*event)) {
            speech_.add(
                fmt::format("{} {} {}", said->response_id, said->item_id, said->content_index),
                said->audio);
        }
    }

    void carry_out(std::string_view command, std::size_t now) {
        if (command == "clear") {
            track_.agent.resize(std::min(track_.agent.size(), now));
            return speech_.forget();
        }
        constexpr std::string_view play = "play ";
        if (!command.starts_with(play)) return;
        const auto print = command.substr(play.size());
        std::size_t size = 0;
        std::from_chars(print.data(), print.data() + print.size(), size);
        if (size == 0 || track_.agent.size() + size > track_bytes_max) return;
        // Played when it comes, or after what is still playing.
        if (now > track_.agent.size()) track_.agent.resize(now, audio::mulaw_silence);
        if (auto piece = speech_.take(size, print)) {
            track_.agent.insert(track_.agent.end(), piece->begin(), piece->end());
        } else {
            track_.agent.resize(track_.agent.size() + size, audio::mulaw_silence);
            track_.unknown += milliseconds(size / bytes_per_ms);
        }
    }

    // Keys that a script has pressed come behind what the agent is saying, as call::Conversation
    // does it.
    void hear_keys(std::string_view text) {
        constexpr std::string_view asked = "script digits ";
        if (text.starts_with(asked)) {
            const auto parsed = json_read::parse(text.substr(asked.size()));
            if (parsed && parsed->is_object())
                keys_ += json_read::text(parsed->get_object(), "digits");
        } else if (text.starts_with("agent_audio ")) {
            is_item_open_ = true;
        } else if (text.starts_with("agent_done ") || text.starts_with("response_done ") ||
                   text.starts_with("lost ")) {
            is_item_open_ = false;
        }
        if (keys_.empty() || is_item_open_) return;
        const auto tones = audio::dtmf_tones(std::exchange(keys_, {}));
        speech_.add(fmt::format("keys {}", pressed_++), tones);
    }

    const Recording& recording_;
    Speech speech_;
    std::string keys_;
    int pressed_ = 0;
    bool is_item_open_ = false;
    SoundTrack track_;
    std::optional<nanoseconds> attached_at_;
    std::string scratch_;
    std::vector<std::uint8_t> audio_;
};

}  // namespace

SoundTrack sound_track(const Recording& recording) { return Listener(recording).listen(); }

}  // namespace parley::rehearsal
