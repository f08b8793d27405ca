#include "peer.hpp"

#include <parley/core/base64.hpp>

#include <openssl/sha.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace parley::bench {
namespace {

constexpr std::uint8_t text_frame = 0x81, close_opcode = 8, ping_opcode = 9, pong_frame = 0x8A;

void unmask(char* data, std::size_t size, const char* key) {
    std::uint64_t twice = 0;
    std::memcpy(&twice, key, 4);
    std::memcpy(reinterpret_cast<char*>(&twice) + 4, key, 4);
    std::size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data + at, 8);
        word ^= twice;
        std::memcpy(data + at, &word, 8);
    }
    for (; at < size; ++at) data[at] = static_cast<char>(data[at] ^ key[at % 4]);
}

}  // namespace

void Peer::adopt(int socket) {
    close();
    socket_ = socket;
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = this}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, socket_, &event);
}

bool Peer::connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Without waiting in practice: on loopback the kernel has shaken hands when the call returns.
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(socket);
        return false;
    }
    adopt(socket);
    return true;
}

void Peer::close() {
    is_open = false;
    if (socket_ >= 0) ::close(socket_);  // which also ends the watching
    socket_ = -1;
    unread_.clear();
    unsent_.clear();
}

void Peer::expect_frames(Side side) {
    mode_ = Mode::frames;
    side_ = side;
    is_open = true;
}

void Peer::write(std::string_view bytes) {
    if (socket_ < 0) return;
    if (unsent_.empty()) {
        const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent == static_cast<ssize_t>(bytes.size())) return;
        if (sent < 0 && errno != EAGAIN) return lost();
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
        watch(true);
    }
    unsent_ += bytes;
}

void Peer::send(std::string_view text) {
    const std::size_t size = text.size();
    const char mask_bit = side_ == Side::client ? static_cast<char>(0x80) : '\0';
    frame_.assign(1, static_cast<char>(text_frame));
    if (size < 126) {
        frame_ += static_cast<char>(mask_bit | static_cast<char>(size));
    } else {  // messages of the load are short
        frame_ += static_cast<char>(mask_bit | 126);
        frame_ += static_cast<char>(size >> 8);
        frame_ += static_cast<char>(size);
    }
    if (side_ == Side::client) frame_.append(4, '\0');
    frame_ += text;
    write(frame_);
}

void Peer::on_ready(std::uint32_t events, char* buffer) {
    if ((events & EPOLLOUT) != 0 && socket_ >= 0) {
        const auto sent = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
        if (unsent_.empty()) watch(false);
    }
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0 || socket_ < 0) return;
    const auto size = ::recv(socket_, buffer, read_buffer_bytes, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) lost();
        return;
    }
    if (unread_.empty()) {
        const auto taken = take_all(buffer, static_cast<std::size_t>(size));
        unread_.assign(buffer + taken, static_cast<std::size_t>(size) - taken);
    } else {
        unread_.append(buffer, static_cast<std::size_t>(size));
        std::string all = std::move(unread_);
        unread_.clear();
        all.erase(0, take_all(all.data(), all.size()));
        unread_ = std::move(all);
    }
    if (socket_ < 0) unread_.clear();
}

void Peer::lost() {
    close();
    on_lost();
}

std::size_t Peer::take_all(char* data, std::size_t size) {
    std::size_t at = 0;
    while (at < size) {
        const int before = socket_;
        const auto taken = mode_ == Mode::http ? take_http({data + at, size - at})
                                               : take_frame(data + at, size - at);
        if (socket_ < 0 || socket_ != before) return size;  // closed, or already another connection
        if (taken == 0) break;
        at += taken;
    }
    return at;
}

std::size_t Peer::take_http(std::string_view bytes) {
    const auto end = bytes.find("\r\n\r\n");
    if (end == bytes.npos) return 0;
    const auto head = bytes.substr(0, end + 2);
    const auto length = header(head, "Content-Length");
    std::size_t body = 0;
    std::from_chars(length.data(), length.data() + length.size(), body);
    if (bytes.size() < end + 4 + body) return 0;
    on_http(head, bytes.substr(end + 4, body));
    return end + 4 + body;
}

std::size_t Peer::take_frame(char* data, std::size_t size) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(data[at]); };
    if (size < 2) return 0;
    std::size_t at = 2;
    std::uint64_t length = byte(1) & 0x7F;
    const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    const bool is_masked = (byte(1) & 0x80) != 0;
    if (size < at + length_bytes + (is_masked ? 4 : 0)) return 0;
    if (length_bytes > 0) length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8 | byte(at++);
    const char* key = data + at;
    if (is_masked) at += 4;
    if (size - at < length) return 0;
    if (is_masked) unmask(data + at, length, key);
    const std::string_view payload(data + at, length);
    switch (byte(0) & 0x0F) {
        case close_opcode: lost(); break;
        case ping_opcode: {
            std::string pong{static_cast<char>(pong_frame),
                             static_cast<char>((side_ == Side::client ? 0x80 : 0) | length)};
            if (side_ == Side::client) pong.append(4, '\0');
            write(pong.append(payload));
            break;
        }
        default: on_text(payload);
    }
    return at + length;
}

void Peer::watch(bool wants_to_write) {
    epoll_event event{.events = wants_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN,
                      .data = {.ptr = this}};
    epoll_ctl(poll_, EPOLL_CTL_MOD, socket_, &event);
}

std::string_view header(std::string_view head, std::string_view key) {
    for (std::size_t at = head.find("\r\n"); at != head.npos && at + 2 < head.size();
         at = head.find("\r\n", at + 2)) {
        auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        if (line.size() <= key.size() || line[key.size()] != ':' ||
            strncasecmp(line.data(), key.data(), key.size()) != 0)
            continue;
        line.remove_prefix(key.size() + 1);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        return line;
    }
    return {};
}

std::string accept_key(std::string_view key) {
    const std::string text =
        std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 4.2.2
    std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return base64::encode(digest);
}

}  // namespace parley::bench
