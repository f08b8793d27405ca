// The short cut for response.output_audio.delta.
//
// Problem: most of what a server sends is audio, and a JSON tree for each delta costs more than the
// base64 in it.
// Idea: walk the message once as a flat JSON object whose values are plain strings, small whole
// numbers, true, false or null, and keep views of the four that matter. Anything else (an escape, a
// nested value, a repeated key, a byte outside ASCII) ends the walk with "not for me"; the full
// parser then decides.
// Cost: two ways to read one event. The fuzz target compares them on every input.

#include <parley/engine/realtime_protocol.hpp>

#include <cstring>

namespace parley::engine::realtime {
namespace {

class Walk {
 public:
    explicit Walk(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool take(char wanted) {
        skip_space();
        if (at_ == end_ || *at_ != wanted) return false;
        ++at_;
        return true;
    }

    bool is_next(char wanted) {
        skip_space();
        return at_ != end_ && *at_ == wanted;
    }

    bool is_at_end() {
        skip_space();
        return at_ == end_;
    }

    // A string without escapes, control characters and bytes outside ASCII; nothing otherwise.
    std::optional<std::string_view> string() {
        if (!take('"')) return std::nullopt;
        const auto* quote =
            static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
        if (quote == nullptr) return std::nullopt;
        const std::string_view inside(at_, static_cast<std::size_t>(quote - at_));
        // Without a branch, and in bytes throughout, so that the loop becomes vector code.
        unsigned char is_unusual = 0;
        for (const char c : inside) {
            // 0x60 and above: control or not ASCII
            const auto above_control = static_cast<unsigned char>(c - 0x20);
            is_unusual =
                static_cast<unsigned char>(is_unusual | (above_control >= 0x60) | (c == '\\'));
        }
        if (is_unusual != 0) return std::nullopt;
        at_ = quote + 1;
        return inside;
    }

    // A whole number of at most nine digits, without sign, leading zero, fraction or exponent.
    std::optional<int> small_number() {
        skip_space();
        const char* const start = at_;
        int value = 0;
        for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
            if (at_ - start == 9) return std::nullopt;
            value = value * 10 + (*at_ - '0');
        }
        if (at_ == start || (*start == '0' && at_ - start > 1)) return std::nullopt;
        return value;
    }

    bool word(std::string_view wanted) {
        skip_space();
        if (static_cast<std::size_t>(end_ - at_) < wanted.size() ||
            std::string_view(at_, wanted.size()) != wanted)
            return false;
        at_ += wanted.size();
        return true;
    }

 private:
    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }

    const char* at_;
    const char* end_;
};

// Keeps the first value; false for a second one.
template <class T>
bool keep(std::optional<T>& into, const std::optional<T>& value) {
    if (into || !value) return false;
    into = value;
    return true;
}

}  // namespace

std::optional<AudioDeltaView> scan_audio_delta(std::string_view text) {
    Walk walk(text);
    std::optional<std::string_view> type, response_id, item_id, base64;
    std::optional<int> content_index;
    if (!walk.take('{')) return std::nullopt;
    do {
        const auto key = walk.string();
        if (!key || !walk.take(':')) return std::nullopt;
        bool is_kept = true;
        if (*key == "type") {
            is_kept = keep(type, walk.string()) && *type == "response.output_audio.delta";
        } else if (*key == "response_id") {
            is_kept = keep(response_id, walk.string());
        } else if (*key == "item_id") {
            is_kept = keep(item_id, walk.string());
        } else if (*key == "content_index") {
            is_kept = keep(content_index, walk.small_number());
        } else if (*key == "delta") {
            is_kept = keep(base64, walk.string());
        } else if (walk.is_next('"')) {
            is_kept = walk.string().has_value();
        } else {
            is_kept =
                walk.small_number() || walk.word("null") || walk.word("true") || walk.word("false");
        }
        if (!is_kept) return std::nullopt;
    } while (walk.take(','));
    if (!walk.take('}') || !walk.is_at_end()) return std::nullopt;
    if (!type || !response_id || !item_id || !base64) return std::nullopt;
    if (response_id->empty() || response_id->size() > id_bytes_max || item_id->empty() ||
        item_id->size() > id_bytes_max)
        return std::nullopt;
    return AudioDeltaView{*response_id, *item_id, content_index.value_or(0), *base64};
}

}  // namespace parley::engine::realtime
