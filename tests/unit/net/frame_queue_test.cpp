#include "../../../runtime/net/src/frame_queue.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace parley::net {
namespace {

// Reads one frame as RFC 6455 has it, and takes it from `wire`.
struct Read {
    std::string text;
    std::string key;  // empty: not masked
};
Read read_frame(std::string& wire) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(wire.at(at)); };
    EXPECT_EQ(byte(0), 0x81);
    std::size_t at = 2;
    std::uint64_t size = byte(1) & 0x7F;
    const int length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (length_bytes > 0) size = 0;
    for (int i = 0; i < length_bytes; ++i) size = size << 8 | byte(at++);
    Read read;
    if ((byte(1) & 0x80) != 0) {
        read.key = wire.substr(at, 4);
        at += 4;
    }
    read.text = wire.substr(at, size);
    EXPECT_EQ(read.text.size(), size);
    for (std::size_t i = 0; i < read.text.size() && !read.key.empty(); ++i) read.text[i] = static_cast<char>(read.text[i] ^ read.key[i % 4]);
    wire.erase(0, at + size);
    return read;
}

std::string written_out(FrameQueue& queue) {
    std::string wire;
    while (!queue.is_empty()) {
        wire += queue.front();
        queue.wrote(queue.front().size());
    }
    return wire;
}

class FrameQueueOfEverySize : public testing::TestWithParam<bool> {};

TEST_P(FrameQueueOfEverySize, WritesFramesAsTheStandardSays) {
    FrameQueue queue;
    if (GetParam()) queue.mask_from(1);
    const std::vector<std::size_t> sizes{0, 1, 7, 8, 9, 125, 126, 127, 1000, 65'535, 65'536, 200'001};
    for (const std::size_t size : sizes) queue.push(std::string(size, static_cast<char>('a' + size % 26)));
    std::string wire = written_out(queue);
    for (const std::size_t size : sizes) {
        const Read read = read_frame(wire);
        EXPECT_EQ(read.key.empty(), !GetParam());
        EXPECT_TRUE(read.text == std::string(size, static_cast<char>('a' + size % 26))) << size;
    }
    EXPECT_TRUE(wire.empty());
}
INSTANTIATE_TEST_SUITE_P(, FrameQueueOfEverySize, testing::Bool());

TEST(FrameQueue, MasksEveryFrameAnew) {
    FrameQueue queue;
    queue.mask_from(0);
    for (int i = 0; i < 100; ++i) queue.push("x");
    std::string wire = written_out(queue);
    std::set<std::string> keys;
    for (int i = 0; i < 100; ++i) keys.insert(read_frame(wire).key);
    EXPECT_EQ(keys.size(), 100u);
}

TEST(FrameQueue, KeepsWhatIsBeingWrittenInPlaceWhileMoreArrives) {
    FrameQueue queue;
    queue.push("short");  // lives inside the string object, which therefore must not move
    const char* place = queue.front().data();
    for (int i = 0; i < 100; ++i) queue.push("another");
    EXPECT_EQ(queue.front().data(), place);
    EXPECT_EQ(queue.front().size(), 2u + 5);
}

TEST(FrameQueue, GoesOnWhereAWriteStopped) {
    FrameQueue queue;
    queue.push("first");
    std::string wire(queue.front().substr(0, 3));
    queue.wrote(3);
    queue.push("second");
    EXPECT_EQ(queue.bytes(), 7u + 8 - 3);
    wire += written_out(queue);
    EXPECT_EQ(read_frame(wire).text, "first");
    EXPECT_EQ(read_frame(wire).text, "second");
    EXPECT_EQ(queue.bytes(), 0u);
}

TEST(FrameQueue, KeepsOrderThroughWritesOfAnySize) {
    FrameQueue queue;
    int pushed = 0;
    std::string wire;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 7; ++i) queue.push(std::to_string(pushed++));
        for (int i = 0; i < 5; ++i) {
            const auto piece = queue.front().substr(0, static_cast<std::size_t>(round % 9));
            wire += piece;
            queue.wrote(piece.size());
        }
    }
    wire += written_out(queue);
    for (int i = 0; i < pushed; ++i) ASSERT_EQ(read_frame(wire).text, std::to_string(i));
}

TEST(FrameQueue, DropsAllButWhatIsBeingWritten) {
    FrameQueue queue;
    queue.drop_waiting();
    EXPECT_TRUE(queue.is_empty());
    queue.push("first");
    queue.front();
    queue.push("second");
    queue.drop_waiting();
    EXPECT_EQ(queue.bytes(), 7u);
    queue.push("third");
    std::string wire = written_out(queue);
    EXPECT_EQ(read_frame(wire).text, "first");
    EXPECT_EQ(read_frame(wire).text, "third");
}

}  // namespace
}  // namespace parley::net
