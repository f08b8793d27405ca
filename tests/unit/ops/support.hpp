// support.hpp: asking routes without a network.
#pragma once

#include <parley/core/json.hpp>
#include <parley/ops/routes.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace parley::ops::test {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <class T>
T run(Task<T> task) {
    asio::io_context io;
    auto future = asio::co_spawn(io, std::move(task), asio::use_future);
    io.run();
    return future.get();
}

inline net::Request request(const std::string& method, const std::string& target,
                            const std::string& token = "") {
    net::Request made;
    made.method = method;
    made.target = target;
    made.peer = "192.0.2.1:4000";
    if (!token.empty()) made.headers.set("Authorization", "Bearer " + token);
    return made;
}

inline std::string error_of(const net::Response& response) {
    const auto body = json_read::parse(response.body);
    return body && body->is_object() ? json_read::text(body->get_object(), "error") : "";
}

inline std::string header_of(const net::Response& response, std::string_view name) {
    return std::string(response.headers.get(name).value_or(""));
}

}  // namespace parley::ops::test
