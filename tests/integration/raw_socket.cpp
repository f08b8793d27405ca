#include "raw_socket.hpp"

#include <fmt/format.h>

#include <array>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace parley::integration {

RawSocket::RawSocket(std::uint16_t port, const std::string& target, const net::Headers& headers) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &place.sin_addr);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0) return;
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        target, port);
    for (const auto& [name, value] : headers.all()) request += name + ": " + value + "\r\n";
    bytes(request + "\r\n");
    const auto deadline = Clock::now() + generous;
    std::size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill(received_.size() + 1, deadline)) return;
    }
    if (received_.starts_with("HTTP/1.1 ")) http_status_ = std::stoi(received_.substr(9, 3));
    received_.erase(0, end + 4);
}

RawSocket::RawSocket(RawSocket&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      http_status_(other.http_status_),
      close_code_(other.close_code_),
      received_(std::move(other.received_)) {}

RawSocket::~RawSocket() { drop(); }

void RawSocket::drop() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawSocket::bytes(std::string_view raw) {
    while (socket_ >= 0 && !raw.empty()) {
        const auto sent = ::send(socket_, raw.data(), raw.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;  // the server has closed: the test will see that when it reads
        raw.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void RawSocket::frame(Opcode opcode, std::string_view payload) {
    // RFC 6455: final frame, masked, as a client's must be.
    std::string out;
    out += static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode));
    const auto append_size = [&](int count) {
        for (int i = count - 1; i >= 0; --i)
            out += static_cast<char>((payload.size() >> (8 * i)) & 0xFF);
    };
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else if (payload.size() < 65'536) {
        out += static_cast<char>(0x80 | 126);
        append_size(2);
    } else {
        out += static_cast<char>(0x80 | 127);
        append_size(8);
    }
    constexpr std::array<char, 4> mask{0x12, 0x34, 0x56, 0x78};
    out.append(mask.data(), mask.size());
    for (std::size_t i = 0; i < payload.size(); ++i)
        out += static_cast<char>(payload[i] ^ mask[i % 4]);
    bytes(out);
}

bool RawSocket::fill(std::size_t wanted, TimePoint deadline) {
    while (received_.size() < wanted) {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
        if (socket_ < 0 || left <= 0) return false;
        pollfd waiting{socket_, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
        std::array<char, 16'384> piece;
        const auto count = ::recv(socket_, piece.data(), piece.size(), 0);
        if (count <= 0) {
            close_code_ = close_code_ != 0 ? close_code_ : 1006;
            drop();
            return false;
        }
        received_.append(piece.data(), static_cast<std::size_t>(count));
    }
    return true;
}

std::optional<RawSocket::Frame> RawSocket::next_frame(TimePoint deadline) {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(received_[at]));
    };
    if (!fill(2, deadline)) return std::nullopt;
    std::size_t header = 2;
    std::size_t size = byte(1) & 0x7F;
    if (size >= 126) {
        const std::size_t count = size == 126 ? 2 : 8;
        header += count;
        if (!fill(header, deadline)) return std::nullopt;
        size = 0;
        for (std::size_t i = 0; i < count; ++i) size = size << 8 | byte(2 + i);
    }
    if (!fill(header + size, deadline)) return std::nullopt;
    Frame found{static_cast<Opcode>(byte(0) & 0x0F), received_.substr(header, size)};
    received_.erase(0, header + size);
    if (found.opcode == Opcode::close) {
        close_code_ = found.payload.size() < 2 ? 1005
                                               : static_cast<unsigned char>(found.payload[0]) << 8 |
                                                     static_cast<unsigned char>(found.payload[1]);
        frame(Opcode::close, found.payload.substr(0, 2));
    } else if (found.opcode == Opcode::ping) {
        frame(Opcode::pong, found.payload);
    }
    return found;
}

std::optional<std::string> RawSocket::next_text(milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (close_code_ == 0) {
        auto found = next_frame(deadline);
        if (!found) return std::nullopt;
        if (found->opcode == Opcode::text) return std::move(found->payload);
    }
    return std::nullopt;
}

int RawSocket::close_code(milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (close_code_ == 0 && next_frame(deadline)) {
    }
    return close_code_;
}

}  // namespace parley::integration
