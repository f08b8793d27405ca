// net_test_support.hpp: peers that follow no rules but the test's, and waiting with a deadline.
#pragma once

#include <parley/core/base64.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/task.hpp>
#include <parley/net/server.hpp>
#include <parley/net/websocket.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/sha.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>

namespace parley::net::test {

using namespace std::chrono_literals;

constexpr auto patience = 30s;  // far beyond what any condition needs, sanitizers included

// Values handed from an io thread to the test.
template <class T>
class Mailbox {
 public:
    void put(T value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(std::move(value));
        changed_.notify_all();
    }
    T take() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [&] { return !values_.empty(); })) {
            throw std::runtime_error("waited in vain for a value");
        }
        T value = std::move(values_.front());
        values_.pop_front();
        return value;
    }
    bool is_empty() {
        const std::lock_guard lock(mutex_);
        return values_.empty();
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> values_;
};

template <class T>
T await(asio::io_context& context, Task<T> task) {
    auto future = asio::co_spawn(context, std::move(task), asio::use_future);
    if (future.wait_for(patience) != std::future_status::ready)
        throw std::runtime_error("the task does not end");
    return future.get();
}

inline std::string digest_base64(const std::string& text) {
    std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return base64::encode(digest);
}

struct Frame {
    int opcode = -1;  // -1: the connection ended
    std::string payload;

    int close_code() const {
        return payload.size() < 2 ? 0
                                  : static_cast<unsigned char>(payload[0]) * 256 +
                                        static_cast<unsigned char>(payload[1]);
    }
};

inline std::string frame_bytes(int first_byte, std::string payload, bool masked) {
    std::string out(1, static_cast<char>(first_byte));
    const int mask_bit = masked ? 0x80 : 0;
    if (payload.size() < 126) {
        out += static_cast<char>(mask_bit | static_cast<int>(payload.size()));
    } else if (payload.size() < 65536) {
        out += static_cast<char>(mask_bit | 126);
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 255);
    } else {
        out += static_cast<char>(mask_bit | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            out += static_cast<char>((payload.size() >> shift) & 255);
    }
    if (masked) {
        const std::string key = "\x11\x22\x33\x44";
        out += key;
        for (std::size_t i = 0; i < payload.size(); ++i)
            payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    }
    return out + payload;
}

constexpr int text_frame = 0x81;
constexpr int binary_frame = 0x82;
constexpr int close_frame = 0x88;
constexpr int ping_frame = 0x89;

// A blocking TCP peer that sends exactly the bytes it is told to.
class RawPeer {
 public:
    explicit RawPeer(int descriptor) : descriptor_(descriptor) {
        timeval limit{30, 0};
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    static RawPeer connect(std::uint16_t port) {
        RawPeer peer(::socket(AF_INET, SOCK_STREAM, 0));
        peer.connect_to(port);
        return peer;
    }
    RawPeer(RawPeer&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), unread_(std::move(other.unread_)) {}
    RawPeer& operator=(RawPeer&&) = delete;
    ~RawPeer() { hang_up(); }

    void connect_to(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("connect failed");
        }
    }
    void hang_up() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }
    void end_of_sending() { ::shutdown(descriptor_, SHUT_WR); }
    void reset() {
        linger at_once{1, 0};
        setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        hang_up();
    }
    void shrink_receive_buffer() {
        int bytes = 4096;
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    bool send_frame(int first_byte, std::string payload, bool masked = true) {
        return send(frame_bytes(first_byte, std::move(payload), masked));
    }

    // Exactly `count` bytes, fewer when the connection ends before.
    std::string read(std::size_t count) {
        while (unread_.size() < count && fill()) {
        }
        return cut(std::min(count, unread_.size()));
    }
    std::string read_through(const std::string& mark) {
        std::size_t at = std::string::npos;
        while ((at = unread_.find(mark)) == std::string::npos && fill()) {
        }
        return cut(at == std::string::npos ? unread_.size() : at + mark.size());
    }
    std::string read_to_end() {
        while (fill()) {
        }
        return cut(unread_.size());
    }
    // An HTTP answer with a Content-Length.
    std::string read_answer() {
        std::string answer = read_through("\r\n\r\n");
        const auto at = answer.find("Content-Length: ");
        if (at != std::string::npos) answer += read(std::stoul(answer.substr(at + 16)));
        return answer;
    }
    Frame read_frame() {
        const std::string head = read(2);
        if (head.size() < 2) return {};
        Frame frame;
        frame.opcode = head[0] & 15;
        std::size_t length = head[1] & 127;
        if (length >= 126) {
            const std::string size = read(length == 126 ? 2 : 8);
            length = 0;
            for (const char c : size) length = length * 256 + static_cast<unsigned char>(c);
        }
        const std::string key = (head[1] & 0x80) != 0 ? read(4) : std::string();
        frame.payload = read(length);
        for (std::size_t i = 0; i < frame.payload.size() && !key.empty(); ++i) {
            frame.payload[i] = static_cast<char>(frame.payload[i] ^ key[i % 4]);
        }
        return frame;
    }

    // As a client: asks for a WebSocket; the answer's head.
    std::string upgrade(const std::string& path = "/", const std::string& along = "") {
        send("GET " + path +
             " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
             along);
        return read_through("\r\n\r\n");
    }
    // As a server: accepts the WebSocket that the peer asks for; the request's head.
    std::string accept_upgrade(const std::string& along = "") {
        const std::string request = read_through("\r\n\r\n");
        const auto at = request.find("Sec-WebSocket-Key: ");
        const std::string key = at == std::string::npos ? "" : request.substr(at + 19, 24);
        send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
            digest_base64(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11") + "\r\n\r\n" + along);
        return request;
    }

 private:
    bool fill() {
        char buffer[4096];
        const auto got = ::recv(descriptor_, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        unread_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }
    std::string cut(std::size_t count) {
        std::string head = unread_.substr(0, count);
        unread_.erase(0, count);
        return head;
    }

    int descriptor_;
    std::string unread_;
};

// Accepts one connection after the other, by hand.
class RawServer {
 public:
    RawServer() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(descriptor_, 64) != 0 ||
            ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
    }
    ~RawServer() { ::close(descriptor_); }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    std::uint16_t port() const { return port_; }
    RawPeer accept() { return RawPeer(::accept(descriptor_, nullptr, nullptr)); }
    Url url(const std::string& scheme, const std::string& target = "/") const {
        return Url::parse(scheme + "://127.0.0.1:" + std::to_string(port_) + target).value();
    }

 private:
    int descriptor_;
    std::uint16_t port_ = 0;
};

inline std::unique_ptr<Server> listen(IoThreads& threads, ServerOptions options,
                                      Server::Handlers handlers) {
    options.host = "127.0.0.1";
    auto server = Server::listen(threads, std::move(options), std::move(handlers));
    return std::move(server.value());
}

}  // namespace parley::net::test
