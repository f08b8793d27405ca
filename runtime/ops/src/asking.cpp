#include "asking.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>

namespace parley::ops {

Task<store::QueryResult> ask(store::Store& store, store::Statement statement) {
    auto home = co_await asio::this_coro::executor;
    auto start = [&store, &statement, home](auto handler) {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        store.run(std::move(statement), [kept, home](store::QueryResult result) {
            asio::post(
                home, [kept, result = std::move(result)]() mutable { (*kept)(std::move(result)); });
        });
    };
    co_return co_await asio::async_initiate<decltype(asio::use_awaitable),
                                            void(store::QueryResult)>(start, asio::use_awaitable);
}

std::int64_t limit_of(const Asked& asked, std::int64_t otherwise, std::int64_t most) {
    const auto text = asked.query("limit").value_or("");
    std::int64_t limit = otherwise;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size()) limit = otherwise;
    return std::clamp<std::int64_t>(limit, 1, most);
}

}  // namespace parley::ops
