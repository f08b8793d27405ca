#include "http_connection.hpp"

#include <parley/core/log.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <fmt/format.h>

#include <cerrno>

namespace parley::net {
namespace {

using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

// Without descriptors or memory accept() fails at once, again and again: wait for someone to hang
// up.
constexpr std::chrono::milliseconds accept_pause{100};

Fault cannot_listen(const ServerOptions& options, const std::string& why) {
    return Fault{fmt::format("{}:{}", options.host, options.port), "cannot listen: " + why,
                 "check host and port, and whether another program uses them"};
}

Result<tcp::endpoint> local_endpoint(asio::io_context& context, const ServerOptions& options) {
    error_code error;
    const auto address = asio::ip::make_address(options.host, error);
    if (!error) return tcp::endpoint(address, options.port);
    asio::ip::basic_resolver<tcp, Executor> resolver(context.get_executor());
    const auto found = resolver.resolve(options.host, std::to_string(options.port),
                                        asio::ip::resolver_base::passive, error);
    if (error) return error;
    return found.begin()->endpoint();
}

// `::` takes IPv4 too, whatever the system's own choice (net.ipv6.bindv6only) is.
error_code open(Acceptor& acceptor, const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error && endpoint.address() == asio::ip::address_v6::any())
        acceptor.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
    return error;
}

bool is_without_ipv6(const error_code& error) {
    return error == asio::error::address_family_not_supported ||
           error == boost::system::errc::address_not_available;
}

Task<> accept_all(std::shared_ptr<HttpService> service, std::shared_ptr<Acceptor> acceptor) {
    auto& context = service->threads.context(0);
    Timer pause(context.get_executor());
    bool was_full = false;
    error_code last_error;
    while (acceptor->is_open()) {
        TcpSocket socket(context);
        const auto [error] = co_await acceptor->async_accept(socket, with_error);
        if (service->is_closing) break;
        if (error == asio::error::connection_aborted) continue;
        if (error) {
            if (error != last_error) log::error("net.accept_failed", {{"what", error.message()}});
            last_error = error;
            pause.expires_after(accept_pause);
            co_await pause.async_wait(with_error);
            continue;
        }
        last_error = {};
        const bool is_full = *service->open >= service->options.connections_max;
        if (is_full && !was_full)
            log::warn("net.connections_max", {{"open", service->open->load()}});
        was_full = is_full;
        if (is_full) continue;
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        asio::co_spawn(
            context,
            serve_connection(service, std::move(socket), std::make_shared<Ticket>(service->open)),
            [](std::exception_ptr failure) {
                if (!failure) return;
                try {
                    std::rethrow_exception(failure);
                } catch (const std::exception& thrown) {
                    log::error("net.connection_failed", {{"what", thrown.what()}});
                } catch (...) {
                    log::error("net.connection_failed");
                }
            });
    }
}

}  // namespace

struct Server::Impl {
    std::shared_ptr<HttpService> service;
    std::shared_ptr<Acceptor> acceptor;
    std::uint16_t port = 0;
};

Checked<std::unique_ptr<Server>> Server::listen(IoThreads& threads, ServerOptions options,
                                                Handlers handlers) {
    auto& context = threads.context(0);
    const auto endpoint = local_endpoint(context, options);
    if (!endpoint) return cannot_listen(options, words_of(endpoint.error()));
    auto acceptor = std::make_shared<Acceptor>(context);
    auto error = open(*acceptor, *endpoint);
    if (endpoint->address() == asio::ip::address_v6::any() && is_without_ipv6(error)) {
        *acceptor = Acceptor(context);
        error = open(*acceptor, {asio::ip::address_v4::any(), options.port});
    }
    if (error) return cannot_listen(options, words_of(error));

    auto service =
        std::make_shared<HttpService>(HttpService{threads,
                                                  std::move(options),
                                                  std::move(handlers),
                                                  std::make_shared<std::atomic<std::size_t>>(0),
                                                  {},
                                                  false});
    auto impl = std::make_shared<Impl>(Impl{service, acceptor, acceptor->local_endpoint().port()});
    asio::co_spawn(context, accept_all(std::move(service), std::move(acceptor)), asio::detached);
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { close(); }

std::uint16_t Server::port() const { return impl_->port; }

void Server::close() {
    asio::post(impl_->acceptor->get_executor(), [impl = impl_] {
        error_code ignored;
        impl->service->is_closing = true;
        impl->acceptor->close(ignored);
        for (auto* connection : impl->service->connections) connection->close_when_idle();
    });
}

}  // namespace parley::net
