// dial.hpp: from a URL to a connected socket, within a deadline.
#pragma once

#include "transport.hpp"

#include <parley/net/http.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace parley::net {

// A budget of time for several operations in a row. When it is spent, the function last given to
// on_expiry() runs once: it ends the operation under way, which then fails with its own error.
//
// Owner: a coroutine's frame; destroying it disarms it. Thread: the io_context's.
class Deadline {
 public:
    Deadline(asio::io_context& context, Clock::duration budget);
    ~Deadline();
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void on_expiry(std::function<void()> give_up);
    bool has_expired() const;

 private:
    struct State;
    std::shared_ptr<State> state_;
};

struct DialFailure {
    error_code code;
    std::string what;  // for people
    bool is_tls = false;
    enum class Stage { resolve, not_allowed, connect, tls } stage = Stage::connect;
};

// Empty: every address will do.
using AddressCheck = std::function<bool(const asio::ip::address&)>;

// Resolves and connects, address by address; for a TLS stream also shakes hands and checks the
// certificate. The caller keeps the arguments alive; until the deadline is destroyed or given
// something else to do, its expiry closes the socket.
Task<std::optional<DialFailure>> dial(TcpSocket& socket, const Url& url, Deadline& deadline,
                                      const AddressCheck& may_connect = {});
Task<std::optional<DialFailure>> dial(TlsStream& stream, const Url& url, Deadline& deadline,
                                      const AddressCheck& may_connect = {});

}  // namespace parley::net
