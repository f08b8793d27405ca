#include "transport.hpp"

#include <parley/core/result.hpp>

#include <boost/asio/execution/context.hpp>

#include <fmt/format.h>

#include <cctype>

namespace parley::net {

asio::io_context& context_of(const asio::any_io_executor& home) {
    // co_spawn may hand on a variant that counts as work; both name their context.
    using Tracked = asio::io_context::basic_executor_type<
        std::allocator<void>, asio::detail::io_context_bits::outstanding_work_tracked>;
    ensure(home.target<Executor>() != nullptr || home.target<Tracked>() != nullptr,
           "network operations start on an executor of an io_context");
    return static_cast<asio::io_context&>(asio::query(home, asio::execution::context));
}

std::string text_of(const tcp::endpoint& endpoint) {
    auto address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())  // IPv4 that came to a socket for both
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), endpoint.port())
                           : fmt::format("{}:{}", address.to_string(), endpoint.port());
}

std::string words_of(const error_code& error) {
    std::string words = error.message();
    const bool is_word = words.size() > 1 && std::islower(static_cast<unsigned char>(words[1]));
    if (is_word) words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
    return words;
}

}  // namespace parley::net
