#include "../../../runtime/net/src/wire.hpp"

#include <gtest/gtest.h>
#include <boost/asio/read.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace parley::net {
namespace {

// Two writers of one socket whose buffers are far too small for what they write.
class WireWithTwoWriters : public testing::Test {
 protected:
    WireWithTwoWriters() {
        tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
        acceptor.set_option(asio::socket_base::receive_buffer_size(4096));
        TcpSocket near(io_);
        near.open(tcp::v4());
        near.set_option(asio::socket_base::send_buffer_size(4096));
        near.connect(acceptor.local_endpoint());
        acceptor.accept(far_);
        wire_.emplace(std::move(near), "");
    }

    // What the other side gets until the connection ends.
    std::string read_all() {
        std::string text;
        asio::async_read(far_, asio::dynamic_buffer(text), [](const error_code&, std::size_t) {});
        io_.run();
        return text;
    }
    void close() { wire_->close(); }

    asio::io_context io_{1};
    TcpSocket far_{io_};
    std::optional<Wire<TcpSocket>> wire_;
};

TEST_F(WireWithTwoWriters, WritesAControlFrameBetweenTwoWritesOfFrames) {
    const std::string first(1'000'000, 'a');
    const std::string second(1'000'000, 'b');
    wire_->async_write_all(first, [&](const error_code& error, std::size_t) {
        EXPECT_FALSE(error);
        // Begun by Beast meanwhile, so that this has to wait.
        ASSERT_TRUE(wire_->is_being_written());
        wire_->after_this_write([&] {
            wire_->async_write_all(second, [&](const error_code&, std::size_t) { close(); });
        });
    });
    std::array<asio::const_buffer, 1> control{asio::buffer("control", 7)};
    std::size_t written = 0;
    wire_->async_write_some(control,
                            [&](const error_code&, std::size_t bytes) { written = bytes; });
    EXPECT_TRUE(read_all() == first + "control" + second);
    EXPECT_EQ(written, 7u);
}

TEST_F(WireWithTwoWriters, WritesALargeControlFrameWhole) {
    const std::string head(500'000, 'h');
    const std::string frames(500'000, 'f');
    wire_->async_write_some(asio::buffer(head), [&](const error_code& error, std::size_t bytes) {
        EXPECT_FALSE(error);
        EXPECT_EQ(bytes, head.size());
    });
    ASSERT_TRUE(wire_->is_being_written());
    wire_->after_this_write(
        [&] { wire_->async_write_all(frames, [&](const error_code&, std::size_t) { close(); }); });
    EXPECT_TRUE(read_all() == head + frames);
}

TEST_F(WireWithTwoWriters, TellsBothWhenTheConnectionBreaks) {
    const std::string frames(1'000'000, 'f');
    error_code of_frames, of_control;
    wire_->async_write_all(frames,
                           [&](const error_code& error, std::size_t) { of_frames = error; });
    wire_->async_write_some(asio::buffer("control", 7),
                            [&](const error_code& error, std::size_t) { of_control = error; });
    close();
    io_.run();
    EXPECT_TRUE(of_frames);
    EXPECT_TRUE(of_control);
    EXPECT_FALSE(wire_->is_being_written());
}

TEST_F(WireWithTwoWriters, TakesOnlyWhatFitsWithoutWaiting) {
    const std::string frames(10'000'000, 'f');
    error_code error;
    std::size_t taken = 0;
    while (!error) taken += wire_->write_now(std::string_view(frames).substr(taken), error);
    EXPECT_EQ(error, asio::error::would_block);
    EXPECT_LT(taken, frames.size());
}

}  // namespace
}  // namespace parley::net
