#include "frame_reader.hpp"

#include "frame_mask.hpp"

#include <parley/core/text.hpp>

#include <cstring>
#include <utility>

namespace parley::net {
namespace {

using Item = FrameReader::Item;

constexpr int continuation = 0, binary = 2,  // text is 1
    close_frame = 8, ping = 9, pong = 10;
constexpr std::uint64_t control_bytes_max = 125;
constexpr std::size_t capacity_min = 4 * 1024;
constexpr std::size_t capacity_kept = 32 * 1024;
constexpr std::size_t room_min = 1024;

constexpr std::uint16_t protocol_error = 1002, no_status = 1005, bad_payload = 1007, too_big = 1009;

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
}

// Those that may be on the wire: of the standard, as registered since, and of applications.
bool is_close_code(std::uint64_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

}  // namespace

std::span<char> FrameReader::room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        if (capacity_ > capacity_kept) resize(capacity_min);
    }
    if (capacity_ - end_ < room_min && begin_ > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (capacity_ - end_ < room_min) resize(capacity_ == 0 ? capacity_min : 2 * capacity_);
    return {buffer_.get() + end_, capacity_ - end_};
}

void FrameReader::resize(std::size_t capacity) {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (end_ > begin_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_ = std::move(larger);
    capacity_ = capacity;
}

void FrameReader::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto space = room();
        const auto piece = bytes.substr(0, space.size());
        std::memcpy(space.data(), piece.data(), piece.size());
        filled(piece.size());
        bytes.remove_prefix(piece.size());
    }
}

std::optional<FrameReader::Item> FrameReader::next() {
    if (whole_.capacity() > capacity_kept) std::string().swap(whole_);
    while (!is_over_) {
        const auto head = read_head();
        if (!head) return over(*flaw_);
        if (head->bytes == 0 || unread().size() - head->bytes < head->length) return std::nullopt;
        const auto length = static_cast<std::size_t>(head->length);
        char* const payload = buffer_.get() + begin_ + head->bytes;
        if (masks_ == Masks::wanted) apply_mask(head->mask, payload, length);
        begin_ += head->bytes + length;
        auto item = head->opcode >= close_frame ? take_control(*head, {payload, length})
                                                : take_data(*head, {payload, length});
        if (item) return item;
    }
    return std::nullopt;
}

std::optional<FrameReader::Head> FrameReader::read_head() {
    const auto have = unread();
    Head head;
    if (have.size() < 2) return head;
    const auto first = static_cast<std::uint8_t>(have[0]);
    const auto second = static_cast<std::uint8_t>(have[1]);
    head.opcode = first & 0x0F;
    head.is_final = (first & 0x80) != 0;
    head.length = second & 0x7F;
    const bool is_masked = (second & 0x80) != 0;
    if ((first & 0x70) != 0) return refuse(protocol_error, "a reserved bit is set");
    if (is_masked != (masks_ == Masks::wanted))
        return refuse(protocol_error, is_masked ? "a frame is masked" : "a frame is not masked");
    const bool is_control = head.opcode >= close_frame;
    if (is_control) {
        if (head.opcode > pong) return refuse(protocol_error, "a reserved kind of frame");
        if (!head.is_final) return refuse(protocol_error, "a control frame in parts");
        if (head.length > control_bytes_max)
            return refuse(protocol_error, "a control frame is too long");
    } else {
        if (head.opcode > binary) return refuse(protocol_error, "a reserved kind of frame");
        if (head.opcode == continuation && fragmented_ == 0)
            return refuse(protocol_error, "a part of no message");
        if (head.opcode != continuation && fragmented_ != 0)
            return refuse(protocol_error, "a message inside another");
    }
    std::size_t at = 2;
    if (head.length > control_bytes_max) {
        const std::size_t bytes = head.length == 126 ? 2 : 8;
        if (have.size() < at + bytes) return head;
        head.length = big_endian(have.substr(at, bytes));
        if (head.length <= (bytes == 2 ? control_bytes_max : 0xFFFF))
            return refuse(protocol_error, "a length with needless bytes");
        at += bytes;
    }
    if (!is_control && head.length > message_bytes_max_ - parts_.size())
        return refuse(too_big, "the message is too big");
    if (is_masked) {
        if (have.size() < at + sizeof head.mask) return head;
        std::memcpy(&head.mask, have.data() + at, sizeof head.mask);
        at += sizeof head.mask;
    }
    head.bytes = at;
    return head;
}

std::optional<FrameReader::Item> FrameReader::take_data(const Head& head,
                                                        std::string_view payload) {
    const int opcode = head.opcode == continuation ? fragmented_ : head.opcode;
    if (fragmented_ != 0 || !head.is_final) {
        parts_.append(payload);
        fragmented_ = head.is_final ? 0 : opcode;
        if (!head.is_final) return std::nullopt;
        whole_ = std::exchange(parts_, {});
        payload = whole_;
    }
    if (opcode == binary) return Item{Item::Kind::binary, payload};
    if (!is_valid_utf8(payload))
        return over({Item::Kind::broken, "the text is not UTF-8", bad_payload});
    return Item{Item::Kind::text, payload};
}

std::optional<FrameReader::Item> FrameReader::take_control(const Head& head,
                                                           std::string_view payload) {
    if (head.opcode == ping) return Item{Item::Kind::ping, payload};
    if (head.opcode == pong) return Item{Item::Kind::pong, payload};
    if (payload.empty()) return over({Item::Kind::close, "", no_status});
    const auto code = big_endian(payload.substr(0, 2));
    if (payload.size() < 2 || !is_close_code(code))
        return over({Item::Kind::broken, "a close with a code that is none", protocol_error});
    const auto reason = payload.substr(2);
    if (!is_valid_utf8(reason))
        return over({Item::Kind::broken, "the reason of a close is not UTF-8", bad_payload});
    return over({Item::Kind::close, reason, static_cast<std::uint16_t>(code)});
}

}  // namespace parley::net
