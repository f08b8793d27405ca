#include "dial.hpp"

#include "tls.hpp"

#include <parley/core/result.hpp>

#include <boost/asio/ip/basic_resolver.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace parley::net {
namespace {

// A host with an unreachable IPv6 address must not eat the whole budget while IPv4 would answer.
constexpr std::chrono::seconds attempt_max{3};

using Endpoints = std::vector<tcp::endpoint>;

// getaddrinfo cannot be interrupted: when time is up the lookup is left to itself, so it owns what
// it uses.
struct Lookup {
    explicit Lookup(asio::io_context& context)
        : resolver(context.get_executor()), answered(context.get_executor(), TimePoint::max()) {}
    asio::ip::basic_resolver<tcp, Executor> resolver;
    Timer answered;  // cancelled by the answer or by the deadline
    error_code error = asio::error::timed_out;
    Endpoints endpoints;
};

Task<Result<Endpoints>> look_up(asio::io_context& context, const Url& url, Deadline& deadline) {
    const auto port = static_cast<std::uint16_t>(std::stoi(url.port));
    error_code not_an_address;
    const auto address = asio::ip::make_address(url.host, not_an_address);
    if (!not_an_address) {
        Endpoints one(1, tcp::endpoint(address, port));
        co_return one;
    }
    if (url.host == "localhost") {
        // RFC 6761, 6.3: always loopback, also on a machine whose /etc/hosts does not say so.
        Endpoints both;
        both.emplace_back(asio::ip::address_v4::loopback(), port);
        both.emplace_back(asio::ip::address_v6::loopback(), port);
        co_return both;
    }
    auto lookup = std::make_shared<Lookup>(context);
    lookup->resolver.async_resolve(
        url.host, url.port, asio::ip::resolver_base::numeric_service,
        [lookup](const error_code& error, const tcp::resolver::results_type& results) {
            lookup->error = error;
            for (const auto& result : results) lookup->endpoints.push_back(result.endpoint());
            lookup->answered.cancel();
        });
    deadline.on_expiry([lookup] { lookup->answered.cancel(); });
    co_await lookup->answered.async_wait(with_error);
    deadline.on_expiry(nullptr);
    if (deadline.has_expired()) co_return error_code(asio::error::timed_out);
    if (lookup->error) co_return lookup->error;
    co_return std::move(lookup->endpoints);
}

using Stage = DialFailure::Stage;

DialFailure failure(Stage stage, std::string what, const error_code& error,
                    const Deadline& deadline) {
    if (deadline.has_expired()) return {asio::error::timed_out, "timed out", false, stage};
    return {error, std::move(what), false, stage};
}

}  // namespace

struct Deadline::State {
    explicit State(asio::io_context& context) : timer(context.get_executor()) {}
    Timer timer;
    std::function<void()> give_up;
    bool has_expired = false;
};

Deadline::Deadline(asio::io_context& context, Clock::duration budget)
    : state_(std::make_shared<State>(context)) {
    state_->timer.expires_after(budget);
    state_->timer.async_wait([state = state_](const error_code& error) {
        if (error) return;
        state->has_expired = true;
        if (auto give_up = std::exchange(state->give_up, nullptr)) give_up();
    });
}

Deadline::~Deadline() {
    state_->give_up = nullptr;
    state_->timer.cancel();
}

void Deadline::on_expiry(std::function<void()> give_up) { state_->give_up = std::move(give_up); }
bool Deadline::has_expired() const { return state_->has_expired; }

Task<std::optional<DialFailure>> dial(TcpSocket& socket, const Url& url, Deadline& deadline,
                                      const AddressCheck& may_connect) {
    auto& context = socket.get_executor().context();
    auto found = co_await look_up(context, url, deadline);
    if (!found) {
        auto what = fmt::format("could not resolve {}: {}", url.host, words_of(found.error()));
        co_return failure(Stage::resolve, std::move(what), found.error(), deadline);
    }
    if (may_connect) {
        const std::string first = found->empty() ? "" : found->front().address().to_string();
        std::erase_if(*found, [&](const tcp::endpoint& endpoint) {
            return !may_connect(endpoint.address());
        });
        if (found->empty()) {
            auto what =
                fmt::format("{} is at the address {}, which is not allowed", url.host, first);
            co_return failure(Stage::not_allowed, std::move(what), asio::error::access_denied,
                              deadline);
        }
    }
    error_code error = asio::error::host_not_found;
    for (std::size_t i = 0; i < found->size(); ++i) {
        const bool is_last = i + 1 == found->size();
        error_code ignored;
        socket.close(ignored);
        deadline.on_expiry([&socket] {
            error_code also_ignored;
            socket.close(also_ignored);
        });
        if (deadline.has_expired()) break;
        std::optional<Deadline> attempt;
        if (!is_last) {
            attempt.emplace(context, attempt_max);
            attempt->on_expiry([&socket] {
                error_code also_ignored;
                socket.close(also_ignored);
            });
        }
        const auto [connect_error] = co_await socket.async_connect((*found)[i], with_error);
        error = connect_error;
        if (!error) break;
    }
    if (!error && !deadline.has_expired()) socket.set_option(tcp::no_delay(true), error);
    if (error || deadline.has_expired())
        co_return failure(Stage::connect, words_of(error), error, deadline);
    co_return std::nullopt;
}

Task<std::optional<DialFailure>> dial(TlsStream& stream, const Url& url, Deadline& deadline,
                                      const AddressCheck& may_connect) {
    auto connect_failure = co_await dial(stream.next_layer(), url, deadline, may_connect);
    if (connect_failure) co_return connect_failure;
    error_code error = expect_host(stream, url.host);
    if (!error) {
        const auto [handshake_error] =
            co_await stream.async_handshake(asio::ssl::stream_base::client, with_error);
        error = handshake_error;
    }
    if (!error && !deadline.has_expired()) co_return std::nullopt;
    auto tls = failure(Stage::tls, tls_failure(stream, error), error, deadline);
    tls.is_tls = true;
    co_return tls;
}

}  // namespace parley::net
