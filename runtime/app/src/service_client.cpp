#include "service_client.hpp"

#include <parley/net/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

namespace parley::app {
namespace {

// a reload that applies a migration may take its time
constexpr std::chrono::seconds answer_within{60};

}  // namespace

Checked<ServiceAnswer> ask_service(const Access& access, const std::string& method,
                                   const std::string& path,
                                   const std::optional<json::object>& body) {
    auto url = net::Url::parse(access.url + path);
    if (!url)
        return Fault{access.url, "is not an address",
                     "write for instance --url http://127.0.0.1:3000"};
    net::Request request;
    request.method = method;
    request.headers.set("Authorization", "Bearer " + access.token.reveal());
    if (body) {
        request.headers.set("Content-Type", "application/json");
        request.body = json::serialize(*body);
    }
    net::RequestLimits limits;
    limits.timeout = answer_within;

    asio::io_context io;
    std::optional<Result<net::Response>> response;
    asio::co_spawn(io, net::fetch(std::move(*url), std::move(request), limits),
                   [&](std::exception_ptr, Result<net::Response> result) {
                       response.emplace(std::move(result));
                   });
    io.run();
    if (!response || !*response) {
        return Fault{access.url,
                     "no service answers: " +
                         (response ? response->error().message() : std::string("interrupted")),
                     "start it with `parley serve`, or name another with --url"};
    }
    const auto& answer = **response;
    if (answer.status == 401)
        return Fault{
            access.url, "the service does not know this token",
            "is it another service's? name the database (--database) or the token (PARLEY_ADMIN_TOKEN)"};
    auto answered = json_read::parse(answer.body, 64);
    if (!answered || !answered->is_object())
        return Fault{access.url,
                     fmt::format("the answer is none of parley's (status {})", answer.status),
                     "name the service with --url"};
    return {boost::system::in_place_value,
            ServiceAnswer{answer.status, std::move(answered->get_object())}};
}

}  // namespace parley::app
