#include <parley/core/base64.hpp>
#include <parley/core/json.hpp>
#include <parley/telephony/media_message.hpp>

#include <array>
#include <charconv>

namespace parley::telephony {

// Twilio warns about (31951) and drops messages with fields missing or extra.
MediaWriter::MediaWriter(std::string_view stream_sid) {
    const std::string sid = json::serialize(json::value(json::string(stream_sid)));
    media_ = "{\"event\":\"media\",\"streamSid\":" + sid + ",\"media\":{\"payload\":\"";
    media_head_ = media_.size();
    mark_ = "{\"event\":\"mark\",\"streamSid\":" + sid + ",\"mark\":{\"name\":\"m";
    mark_head_ = mark_.size();
    clear_ = "{\"event\":\"clear\",\"streamSid\":" + sid + "}";
}

std::string_view MediaWriter::media(std::span<const std::uint8_t> mulaw) {
    media_.resize(media_head_);
    base64::append(media_, mulaw);
    media_ += "\"}}";
    return media_;
}

std::string_view MediaWriter::mark(std::uint32_t mark) {
    std::array<char, 10> digits;
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), mark).ptr;
    mark_.resize(mark_head_);
    mark_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
    mark_ += "\"}}";
    return mark_;
}

std::string_view MediaWriter::clear() { return clear_; }

std::optional<std::uint32_t> mark_number(std::string_view name) {
    if (name.size() < 2 || name.front() != 'm') return std::nullopt;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return number;
}

}  // namespace parley::telephony
