#include "../../../runtime/net/src/frame_reader.hpp"
#include "../../../runtime/net/src/frame_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

namespace parley::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = FrameReader::Item::Kind;
using Masks = FrameReader::Masks;

constexpr std::size_t limit = 100'000;

std::string frame(int first_byte, const std::string& payload) {
    std::string bytes(1, static_cast<char>(first_byte));
    const auto size = payload.size();
    const int length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
    bytes += static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
    for (int shift = length_bytes * 8 - 8; shift >= 0; shift -= 8)
        bytes += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
    return bytes + payload;
}
std::string masked(std::string bytes) {
    const std::string key = "\x11\x22\xF3\x44";
    const auto second = static_cast<std::uint8_t>(bytes.at(1));
    const std::size_t head = 2 + (second == 126 ? 2 : second == 127 ? 8 : 0);
    bytes[1] = static_cast<char>(second | 0x80);
    for (std::size_t i = head; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(bytes[i] ^ key[(i - head) % key.size()]);
    return bytes.insert(head, key);
}

struct Seen {
    Kind kind;
    std::string data;
    int code;
    bool operator==(const Seen&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
    return out << static_cast<int>(seen.kind) << " \"" << seen.data << "\" " << seen.code;
}

void take_all(FrameReader& reader, std::vector<Seen>& seen) {
    while (const auto item = reader.next())
        seen.push_back({item->kind, std::string(item->data), item->code});
}
// As if the socket gave at most `piece` bytes at a time.
std::vector<Seen> read(const std::string& bytes, Masks masks = Masks::forbidden,
                       std::size_t piece = std::string::npos) {
    FrameReader reader(masks, limit);
    std::vector<Seen> seen;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto room = reader.room();
        const auto size = std::min({room.size(), bytes.size() - at, piece});
        std::memcpy(room.data(), bytes.data() + at, size);
        reader.filled(size);
        at += size;
        take_all(reader, seen);
    }
    return seen;
}

TEST(FrameReader, GivesMessagesOfEverySizeHoweverTheyCome) {
    std::string wire, masked_wire;
    std::vector<Seen> sent;
    for (const std::size_t size :
         {0, 1, 7, 8, 9, 125, 126, 127, 1'000, 4'095, 65'535, 65'536, 99'999}) {
        const std::string text(size, static_cast<char>('a' + size % 26));
        const bool is_text = size % 2 == 0;
        wire += frame(is_text ? 0x81 : 0x82, text);
        masked_wire += masked(frame(is_text ? 0x81 : 0x82, text));
        sent.push_back({is_text ? Kind::text : Kind::binary, text, 0});
    }
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{3}, std::size_t{1'000}, std::string::npos}) {
        EXPECT_TRUE(read(wire, Masks::forbidden, piece) == sent) << piece;
        EXPECT_TRUE(read(masked_wire, Masks::wanted, piece) == sent) << piece;
    }
}

TEST(FrameReader, JoinsPartsWithControlFramesBetweenThem) {
    const auto wire = frame(0x01, "a\xC3") + frame(0x89, "p") + frame(0x00, "\xA9") +
                      frame(0x8A, "q") + frame(0x80, "z") + frame(0x02, "x") + frame(0x80, "") +
                      frame(0x81, "next");
    for (const std::size_t piece : {std::size_t{1}, std::string::npos}) {
        EXPECT_THAT(read(wire, Masks::forbidden, piece),
                    ElementsAre(Seen{Kind::ping, "p", 0}, Seen{Kind::pong, "q", 0},
                                Seen{Kind::text, "a\xC3\xA9z", 0}, Seen{Kind::binary, "x", 0},
                                Seen{Kind::text, "next", 0}));
    }
}

TEST(FrameReader, EndsWithThePeersClose) {
    EXPECT_THAT(read(frame(0x88, "\x0F\xA0 bye") + frame(0x81, "too late")),
                ElementsAre(Seen{Kind::close, " bye", 4000}));
    EXPECT_THAT(read(frame(0x88, "")), ElementsAre(Seen{Kind::close, "", 1005}));
}

TEST(FrameReader, TakesTheCloseCodesOfTheStandardAndOfApplications) {
    for (const int code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999}) {
        const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
        EXPECT_THAT(read(frame(0x88, payload)), ElementsAre(Seen{Kind::close, "", code}));
    }
    for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65'535}) {
        const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
        const auto seen = read(frame(0x88, payload));
        ASSERT_EQ(seen.size(), 1u);
        EXPECT_EQ(seen[0].kind, Kind::broken) << code;
        EXPECT_EQ(seen[0].code, 1002) << code;
    }
}

struct Bad {
    std::string wire;
    int code;
    std::string words;
};

TEST(FrameReader, SaysWhatIsWrongAndReadsNoFurther) {
    const std::string long_head("\x81\x7F\x00\x00\x00\x00\x00\x01\x86\xA1", 10);  // 100,001
    const Bad cases[] = {
        {frame(0xC1, "x"), 1002, "reserved bit"},
        {frame(0x83, "x"), 1002, "reserved kind"},
        {frame(0x8B, "x"), 1002, "reserved kind"},
        {frame(0x80, "x"), 1002, "part of no message"},
        {frame(0x01, "x") + frame(0x81, "y"), 1002, "inside another"},
        {frame(0x09, "x"), 1002, "control frame in parts"},
        {frame(0x89, std::string(126, 'x')), 1002, "control frame is too long"},
        {frame(0x88, "x"), 1002, "code that is none"},
        {masked(frame(0x81, "x")), 1002, "a frame is masked"},
        {std::string("\x81\x7E\x00\x7D", 4), 1002, "needless"},
        {std::string("\x81\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", 10), 1002, "needless"},
        {long_head, 1009, "too big"},
        {std::string("\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10), 1009, "too big"},
        {frame(0x01, std::string(60'000, 'x')) + frame(0x80, std::string(60'000, 'x')), 1009,
         "too big"},
        {frame(0x81, "\xC3\x28"), 1007, "not UTF-8"},
        {frame(0x81, "\xE2\x82"), 1007, "not UTF-8"},
        {frame(0x88, "\x03\xE8\xFF"), 1007, "not UTF-8"},
    };
    for (const auto& each : cases) {
        const auto seen = read(each.wire + frame(0x81, "after"));
        ASSERT_EQ(seen.size(), 1u) << each.words;
        EXPECT_EQ(seen[0].kind, Kind::broken) << each.words;
        EXPECT_EQ(seen[0].code, each.code) << each.words;
        EXPECT_THAT(seen[0].data, HasSubstr(each.words));
    }
    EXPECT_THAT(read(frame(0x81, "x"), Masks::wanted),
                ElementsAre(Seen{Kind::broken, "a frame is not masked", 1002}));
}

TEST(FrameReader, AnswersPingsBetweenThePartsOfALargeMessage) {
    const auto wire = frame(0x01, std::string(limit - 1, 'x')) + frame(0x89, std::string(125, 'p'));
    EXPECT_THAT(read(wire), ElementsAre(Seen{Kind::ping, std::string(125, 'p'), 0}));
}

TEST(FrameReader, ReadsWhatFrameQueueWrites) {
    for (const bool is_client : {false, true}) {
        FrameQueue queue;
        if (is_client) queue.mask_from(7);
        queue.push("text");
        queue.push_ping();
        queue.push_pong("p");
        queue.push_close(4001, "asked to");
        const std::string wire(queue.front());
        EXPECT_THAT(read(wire, is_client ? Masks::wanted : Masks::forbidden),
                    ElementsAre(Seen{Kind::text, "text", 0}, Seen{Kind::ping, "", 0},
                                Seen{Kind::pong, "p", 0}, Seen{Kind::close, "asked to", 4001}));
    }
    FrameQueue queue;
    queue.push_close();
    EXPECT_THAT(read(std::string(queue.front())), ElementsAre(Seen{Kind::close, "", 1005}));
}

TEST(FrameReader, GrowsWithWhatComesAndGivesItBack) {
    FrameReader reader(Masks::forbidden, 16 * 1024 * 1024);
    reader.put(std::string("\x81\x7F\x00\x00\x00\x00\x00\xFF\xFF\xFF", 10));  // 16 MB announced
    EXPECT_FALSE(reader.next());
    EXPECT_LE(reader.room().size(), 8 * 1024u);

    FrameReader other(Masks::forbidden, 16 * 1024 * 1024);
    other.put(frame(0x81, std::string(1'000'000, 'x')));
    EXPECT_EQ(other.next()->data.size(), 1'000'000u);
    EXPECT_LE(other.room().size(), 8 * 1024u);
}

}  // namespace
}  // namespace parley::net
