#include <parley/core/base64.hpp>
#include <parley/core/json.hpp>
#include <parley/telephony/media_message.hpp>

#include <cstring>

namespace parley::telephony {
namespace {

constexpr std::size_t parameters_max = 32;
constexpr std::size_t depth_max = 8;
constexpr std::size_t event_name_shown = 40;

// ---- the fast scan --------------------------------------------------------------------------

// Walks the plain form of JSON. Every method returns false at anything that is not plain; then the
// full parser decides.
class Scan {
 public:
    explicit Scan(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool take(char wanted) {
        skip_space();
        if (at_ == end_ || *at_ != wanted) return false;
        ++at_;
        return true;
    }

    // Printable ASCII without escapes.
    bool word(std::string_view& out) {
        if (!take('"')) return false;
        const char* start = at_;
        while (at_ != end_ && *at_ != '"') {
            if (*at_ < 0x20 || *at_ > 0x7E || *at_ == '\\') return false;
            ++at_;
        }
        if (at_ == end_) return false;
        out = {start, static_cast<std::size_t>(at_ - start)};
        ++at_;
        return true;
    }

    // Up to the next quote, unlooked at: what is in it is checked by the base64 decoder, which
    // knows neither escapes nor control characters.
    bool payload(std::string_view& out) {
        if (!take('"')) return false;
        const auto* quote =
            static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
        if (quote == nullptr) return false;
        out = {at_, static_cast<std::size_t>(quote - at_)};
        at_ = quote + 1;
        return true;
    }

    // 5 or "5".
    bool number(std::optional<std::int64_t>& out) {
        skip_space();
        const bool is_quoted = at_ != end_ && *at_ == '"';
        if (is_quoted) ++at_;
        const char* start = at_;
        std::int64_t value = 0;
        while (at_ != end_ && at_ - start < digits_max && *at_ >= '0' && *at_ <= '9')
            value = value * 10 + (*at_++ - '0');
        const auto digits = at_ - start;
        if (digits == 0) return false;
        if (is_quoted) {
            if (at_ == end_ || *at_++ != '"') return false;
        } else if ((*start == '0' && digits > 1) || at_ == end_ ||
                   (*at_ != ',' && *at_ != '}' && !is_space(*at_))) {
            return false;  // a leading zero is no JSON; a fraction or exponent is not plain
        }
        out = value;
        return true;
    }

    bool is_at_end() {
        skip_space();
        return at_ == end_;
    }

 private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    void skip_space() {
        while (at_ != end_ && is_space(*at_)) ++at_;
    }

    // far from overflow; a longer one fails on its next digit
    static constexpr std::ptrdiff_t digits_max = 15;

    const char* at_;
    const char* end_;
};

// The members of one object; `member` reads the value of a key. A key that comes twice is not
// plain.
template <class Member>
bool scan_object(Scan& scan, Member member) {
    if (!scan.take('{')) return false;
    do {
        std::string_view key;
        if (!scan.word(key) || !scan.take(':') || !member(key)) return false;
    } while (scan.take(','));
    return scan.take('}');
}

bool first_time(unsigned& seen, unsigned bit) {
    if ((seen & bit) != 0) return false;
    seen |= bit;
    return true;
}

// ---- the full parser ------------------------------------------------------------------------

std::string format_of(const json::object& start) {
    const json::object* format = json_read::object(start, "mediaFormat");
    if (format == nullptr) return "";
    const std::string encoding = json_read::text(*format, "encoding");
    const std::int64_t rate_hz = json_read::integer(*format, "sampleRate").value_or(8'000);
    const std::int64_t channels = json_read::integer(*format, "channels").value_or(1);
    if ((encoding.empty() || encoding == "audio/x-mulaw") && rate_hz == 8'000 && channels == 1)
        return "";
    return encoding.substr(0, event_name_shown) + " at " + std::to_string(rate_hz) + " Hz, " +
           std::to_string(channels) + " channels";
}

MediaMessage read_start(const json::object& message) {
    const json::object* start = json_read::object(message, "start");
    if (start == nullptr) return Malformed{"start: the object \"start\" is missing"};
    Started started;
    started.stream_sid = json_read::text(message, "streamSid");
    if (started.stream_sid.empty()) started.stream_sid = json_read::text(*start, "streamSid");
    if (started.stream_sid.empty()) return Malformed{"start: streamSid is missing"};
    started.account_sid = json_read::text(*start, "accountSid");
    started.call_sid = json_read::text(*start, "callSid");
    started.format = format_of(*start);
    if (const json::object* parameters = json_read::object(*start, "customParameters")) {
        for (const auto& member : *parameters) {
            if (started.parameters.size() == parameters_max) break;
            if (member.value().is_structured() || member.value().is_null()) continue;
            // Twilio sends strings; who sends a number means the same.
            const auto* text = member.value().if_string();
            started.parameters.emplace_back(
                std::string(member.key()),
                text != nullptr ? std::string(*text) : json::serialize(member.value()));
        }
    }
    // ours, from the document, come back
    if (started.call_sid.empty()) started.call_sid = started.parameter("callSid");
    if (started.call_sid.empty()) return Malformed{"start: callSid is missing"};
    return started;
}

// "5", "a" or 5; 0 for what is no key of a telephone.
char read_digit(const json::object& dtmf) {
    std::string text = json_read::text(dtmf, "digit");
    if (text.empty()) {
        const auto number = json_read::integer(dtmf, "digit");
        if (number && *number >= 0 && *number <= 9) text = std::to_string(*number);
    }
    if (text.size() != 1) return 0;
    const char key =
        text[0] >= 'a' && text[0] <= 'd' ? static_cast<char>(text[0] - 'a' + 'A') : text[0];
    return std::string_view("0123456789*#ABCD").find(key) != std::string_view::npos ? key : '\0';
}

}  // namespace

std::string_view Started::parameter(std::string_view name) const {
    for (const auto& [known, value] : parameters) {
        if (known == name) return value;
    }
    return "";
}

MediaMessage MediaReader::read(std::string_view text) {
    Media media;
    if (scan_media(text, media)) return media;
    return read_fully(text);
}

bool MediaReader::scan_media(std::string_view text, Media& media) {
    enum : unsigned {
        event = 1,
        sequence = 2,
        sid = 4,
        body = 8,
        track = 16,
        chunk = 32,
        timestamp = 64,
        payload = 128
    };
    unsigned seen = 0;
    std::string_view encoded;
    Scan scan(text);
    const bool is_plain = scan_object(scan, [&](std::string_view key) {
        if (key == "event") {
            std::string_view name;
            return first_time(seen, event) && scan.word(name) && name == "media";
        }
        if (key == "sequenceNumber")
            return first_time(seen, sequence) && scan.number(media.sequence);
        if (key == "streamSid") return first_time(seen, sid) && scan.word(media.stream_sid);
        if (key != "media" || !first_time(seen, body)) return false;
        return scan_object(scan, [&](std::string_view inner) {
            if (inner == "track") return first_time(seen, track) && scan.word(media.track);
            if (inner == "chunk") return first_time(seen, chunk) && scan.number(media.chunk);
            if (inner == "timestamp")
                return first_time(seen, timestamp) && scan.number(media.timestamp_ms);
            return inner == "payload" && first_time(seen, payload) && scan.payload(encoded);
        });
    });
    constexpr unsigned needed = event | sid | body | payload;
    if (!is_plain || !scan.is_at_end() || (seen & needed) != needed || media.stream_sid.empty())
        return false;
    if (!base64::decode(encoded, audio_)) return false;
    media.audio = audio_;
    return true;
}

MediaMessage MediaReader::read_fully(std::string_view text) {
    const auto parsed = json_read::parse(text, depth_max);
    if (!parsed) return Malformed{"not JSON"};
    const json::object* message = parsed->if_object();
    if (message == nullptr) return Malformed{"not a JSON object"};
    const auto event = json_read::string(*message, "event");
    if (!event) return Malformed{"\"event\" is missing"};
    if (*event == "connected") return Connected{};
    if (*event == "start") return read_start(*message);

    const bool is_known =
        *event == "media" || *event == "dtmf" || *event == "mark" || *event == "stop";
    if (!is_known) {
        word_ = event->substr(0, event_name_shown);
        return UnknownEvent{word_};
    }
    stream_sid_ = json_read::text(*message, "streamSid");
    // on this socket only one stream can end, named or not
    if (*event == "stop") return Stopped{stream_sid_};
    if (stream_sid_.empty()) return Malformed{"streamSid is missing"};

    const json::object* body = json_read::object(*message, *event);
    if (body == nullptr) return Malformed{"the object named after the event is missing"};
    if (*event == "dtmf") {
        const char digit = read_digit(*body);
        if (digit == 0) return Malformed{"dtmf: digit is missing or none"};
        return Dtmf{stream_sid_, digit};
    }
    if (*event == "mark") {
        const auto name = json_read::string(*body, "name");
        if (!name) return Malformed{"mark: name is missing"};
        word_ = *name;
        return MarkEcho{stream_sid_, word_};
    }
    const auto payload = json_read::string(*body, "payload");
    if (!payload) return Malformed{"media: payload is missing"};
    if (!base64::decode(*payload, audio_)) return Malformed{"media: payload is not base64"};
    track_ = json_read::text(*body, "track");
    return Media{stream_sid_,
                 track_,
                 json_read::integer(*message, "sequenceNumber"),
                 json_read::integer(*body, "chunk"),
                 json_read::integer(*body, "timestamp"),
                 audio_};
}

}  // namespace parley::telephony
