// sound_text.hpp: audio in the lines of a recording. "160 =ff" is 160 bytes of ff, as silence is;
// "160 q83vASNF..." is base64; "160 #9ae16a3b2f90404f" is audio that is known from elsewhere, told
// by its FNV-1a hash of 64 bits.
#pragma once

#include <parley/call/events.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::rehearsal {

std::string sound_text(call::Bytes audio);
std::string fingerprint(call::Bytes audio);
// Replaces `out` with what sound_text() has written down. False for anything else.
bool read_sound(std::string_view text, std::vector<std::uint8_t>& out);

}  // namespace parley::rehearsal
