#include <parley/sim/server_frames.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/json.hpp>
#include <parley/core/text.hpp>

#include <initializer_list>
#include <optional>

namespace parley::sim {

namespace {

constexpr std::size_t frame_bytes = 160;  // 20 ms of µ-law
constexpr std::size_t mark_name_max = 64;
constexpr std::size_t message_advised_max = 32 * 1024;

Fault bad(std::string_view text, std::string what) {
    return Fault{"31951", fmt::format("{} in {}", what, shortened(text, 120)), {}};
}

std::optional<std::string> wrong_fields(const json::object& object,
                                        std::initializer_list<std::string_view> wanted) {
    for (const auto& member : object) {
        const std::string_view key = member.key();
        if (std::find(wanted.begin(), wanted.end(), key) == wanted.end())
            return fmt::format("unexpected field \"{}\"", key);
    }
    for (const auto key : wanted) {
        if (!object.contains(key)) return fmt::format("missing field \"{}\"", key);
    }
    return std::nullopt;
}

}  // namespace

Checked<ServerFrame> read_server_frame(std::string_view text, std::string_view stream_sid) {
    const auto parsed = json_read::parse(text);
    const auto* message = parsed ? parsed->if_object() : nullptr;
    if (message == nullptr) return bad(text, "invalid JSON");
    const auto event = json_read::string(*message, "event");
    ServerFrame frame;
    std::optional<std::string> wrong;
    if (event == "media") {
        wrong = wrong_fields(*message, {"event", "streamSid", "media"});
        frame.kind = ServerFrame::Kind::media;
    } else if (event == "mark") {
        wrong = wrong_fields(*message, {"event", "streamSid", "mark"});
        frame.kind = ServerFrame::Kind::mark;
    } else if (event == "clear") {
        wrong = wrong_fields(*message, {"event", "streamSid"});
        frame.kind = ServerFrame::Kind::clear;
    } else {
        return bad(text, "unknown event");
    }
    if (wrong) return bad(text, *wrong);
    if (json_read::string(*message, "streamSid") != stream_sid)
        return bad(text, "foreign streamSid");
    if (text.size() > message_advised_max)
        frame.warning = fmt::format("a message of {} bytes", text.size());
    if (frame.kind == ServerFrame::Kind::media) {
        const auto* media = json_read::object(*message, "media");
        if (media == nullptr) return bad(text, "media is not an object");
        if (const auto extra = wrong_fields(*media, {"payload"})) return bad(text, *extra);
        const auto payload = json_read::string(*media, "payload");
        if (!payload || !base64::decode(*payload, frame.audio))
            return bad(text, "payload is not base64");
        if (frame.audio.empty()) {
            frame.warning = "media without audio";
        } else if (frame.audio.size() % frame_bytes != 0) {
            frame.warning =
                fmt::format("media of {} bytes: not whole 20 ms frames", frame.audio.size());
        } else if (frame.audio.size() > 4 &&
                   std::equal(frame.audio.begin(), frame.audio.begin() + 4, "RIFF")) {
            frame.warning = "media begins with a WAV header";
        }
    }
    if (frame.kind == ServerFrame::Kind::mark) {
        const auto* mark = json_read::object(*message, "mark");
        if (mark == nullptr) return bad(text, "mark is not an object");
        if (const auto extra = wrong_fields(*mark, {"name"})) return bad(text, *extra);
        const auto name = json_read::string(*mark, "name");
        if (!name || name->empty()) return bad(text, "mark without a name");
        frame.mark = *name;
        if (frame.mark.size() > mark_name_max)
            frame.warning = "a mark's name is longer than 64 characters";
    }
    return frame;
}

}  // namespace parley::sim
