// media_message.hpp: the messages of a Twilio media stream, read and written.
//
// Fifty times a second and call a `media` message comes in and goes out. Reading one builds no JSON
// tree: a scan of the plain form (known keys, no escapes) that falls back to the full parser at the
// first surprise, so the two never differ in what they accept. Writing fills a reused buffer with
// exactly the fields Twilio wants.
//
// Sans-I/O. Owner: one stream. Thread: the stream's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parley::telephony {

struct Connected {};
struct Started {
    std::string stream_sid;
    std::string account_sid;
    std::string call_sid;
    // empty when it is 8 kHz mono µ-law or not given; otherwise what it is instead
    std::string format;
    std::vector<std::pair<std::string, std::string>> parameters;

    std::string_view parameter(std::string_view name) const;  // "" when absent
};
struct Media {
    std::string_view stream_sid;
    std::string_view track;  // "inbound"; empty when not given
    std::optional<std::int64_t> sequence;
    std::optional<std::int64_t> chunk;
    std::optional<std::int64_t> timestamp_ms;  // since the start of the stream
    std::span<const std::uint8_t> audio;       // decoded; 8 kHz µ-law
};
struct Dtmf {
    std::string_view stream_sid;
    char digit = 0;
};  // 0-9 * # A-D
struct MarkEcho {
    std::string_view stream_sid;
    std::string_view name;
};
struct Stopped {
    std::string_view stream_sid;
};
struct UnknownEvent {
    std::string_view event;
};
struct Malformed {
    std::string_view what;
};

using MediaMessage =
    std::variant<Connected, Started, Media, Dtmf, MarkEcho, Stopped, UnknownEvent, Malformed>;

class MediaReader {
 public:
    // Views in the result are valid until the next call and as long as `text`.
    MediaMessage read(std::string_view text);
    // The same without the fast scan.
    MediaMessage read_fully(std::string_view text);

 private:
    bool scan_media(std::string_view text, Media& media);

    std::vector<std::uint8_t> audio_;        // reused
    std::string stream_sid_, track_, word_;  // of read_fully
};

// Messages to Twilio. Each returns a view of a buffer that the next call overwrites.
class MediaWriter {
 public:
    explicit MediaWriter(std::string_view stream_sid);
    std::string_view media(std::span<const std::uint8_t> mulaw);
    std::string_view mark(std::uint32_t mark);  // named "m<number>"
    std::string_view clear();

 private:
    std::string media_;  // up to and including `"payload":"`, then the audio
    std::size_t media_head_;
    std::string mark_;
    std::size_t mark_head_;
    std::string clear_;
};

// The number in "m17"; nothing for names that are not ours.
std::optional<std::uint32_t> mark_number(std::string_view name);

}  // namespace parley::telephony
