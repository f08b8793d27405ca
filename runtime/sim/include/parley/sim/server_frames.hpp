// server_frames.hpp: checks what the server under test sends into a media stream: exact fields, our
// streamSid, strict base64.
#pragma once

#include <parley/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parley::sim {

struct ServerFrame {
    enum class Kind { media, mark, clear };

    Kind kind = Kind::media;
    std::vector<std::uint8_t> audio;  // media
    std::string mark;                 // mark: its name
    std::string warning;              // accepted, but not what a careful server sends; empty: none
};

// Fault: Twilio would log a warning (31950, 31951) and drop the message.
Checked<ServerFrame> read_server_frame(std::string_view text, std::string_view stream_sid);

}  // namespace parley::sim
