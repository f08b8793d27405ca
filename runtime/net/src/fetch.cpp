#include "dial.hpp"
#include "http_messages.hpp"
#include "tls.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <fmt/format.h>

#include <algorithm>

// GCC 12 with sanitizers takes the allocation functions of inlined coroutine frames for a
// mismatched pair.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace parley::net {
namespace {

constexpr std::uint32_t response_header_bytes_max = 64 * 1024;
constexpr int interim_responses_max = 8;  // 100 Continue, 103 Early Hints

using WireRequest = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;

// False when the request cannot be put on the wire as it is.
bool fill(WireRequest& out, const Url& url, Request& request) {
    const auto is_plain = [](char c) { return c > ' ' && c < 0x7F; };
    const std::string& target = request.target.empty() ? url.target : request.target;
    if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), is_plain))
        return false;
    if (request.method.empty()) request.method = "GET";
    if (!is_safe_header(request.method, "")) return false;
    for (const auto& [name, value] : request.headers.all()) {
        if (!is_safe_header(name, value)) return false;
    }
    out.version(11);
    out.method_string(request.method);
    out.target(target);
    out.set(http::field::host, url.authority());
    out.set(http::field::user_agent, "parley");
    out.set(http::field::accept, "*/*");
    for (const auto& [name, value] : request.headers.all()) out.set(name, value);
    out.set(http::field::connection, "close");
    out.body() = std::move(request.body);
    out.prepare_payload();
    return true;
}

Response response_of(http::response<http::string_body> message) {
    Response response;
    response.status = static_cast<int>(message.result_int());
    response.content_type = std::string(message[http::field::content_type]);
    response.headers = headers_of(message);
    response.body = std::move(message.body());
    return response;
}

using Kind = FetchFailure::Kind;
using FetchResult = boost::system::result<Response, FetchFailure>;

FetchFailure why(const DialFailure& failure) {
    if (failure.code == asio::error::timed_out) return {Kind::timeout, failure.what, failure.code};
    switch (failure.stage) {
        case DialFailure::Stage::resolve: return {Kind::dns, failure.what, failure.code};
        case DialFailure::Stage::not_allowed:
            return {Kind::not_allowed, failure.what, failure.code};
        case DialFailure::Stage::tls: return {Kind::tls, failure.what, failure.code};
        case DialFailure::Stage::connect: return {Kind::refused, failure.what, failure.code};
    }
    return {Kind::broken, failure.what, failure.code};
}

// At most so much of a body is in memory.
constexpr std::size_t piece_bytes = 16 * 1024;

template <class Stream>
Task<FetchResult> fetch_over(Stream stream, Url url, Request request, RequestLimits limits,
                             Pieces pieces = {}) {
    auto& socket = tcp_of(stream);
    Deadline deadline(socket.get_executor().context(), limits.timeout);
    const auto failed = [&](const error_code& error) -> FetchResult {
        if (deadline.has_expired())
            return FetchFailure{Kind::timeout, "timed out", asio::error::timed_out};
        if (error == http::error::body_limit) {
            return FetchFailure{
                Kind::too_large,
                fmt::format("the response has more than {} bytes", limits.response_bytes_max),
                error};
        }
        return FetchFailure{Kind::broken, words_of(error), error};
    };

    WireRequest message;
    if (!fill(message, url, request)) {
        co_return FetchFailure{Kind::invalid, "the request has characters that HTTP does not allow",
                               asio::error::invalid_argument};
    }
    const auto failure = co_await dial(stream, url, deadline, limits.may_connect);
    if (failure) co_return why(*failure);
    const auto [write_error, written] = co_await http::async_write(stream, message, with_error);
    // A server may refuse a large body before it has read all of it: its answer is then worth
    // reading.
    if (write_error && write_error != asio::error::broken_pipe &&
        write_error != asio::error::connection_reset) {
        co_return failed(write_error);
    }
    beast::flat_buffer buffer;
    for (int i = 0; i < interim_responses_max; ++i) {
        Parser parser;
        parser.header_limit(response_header_bytes_max);
        parser.body_limit(limits.response_bytes_max);
        parser.skip(message.method() == http::verb::head);
        const auto [header_error, header_bytes] =
            co_await http::async_read_header(stream, buffer, parser, with_error);
        if (header_error) co_return failed(header_error);
        if (parser.get().result_int() / 100 == 1 && parser.get().result_int() != 101) continue;
        if (pieces.take && parser.get().result_int() / 100 == 2) {
            Response head;
            head.status = static_cast<int>(parser.get().result_int());
            head.content_type = std::string(parser.get()[http::field::content_type]);
            head.headers = headers_of(parser.get());
            pieces.began(head);
            http::response_parser<http::buffer_body> rest(std::move(parser));
            std::string room(piece_bytes, '\0');
            while (!rest.is_done()) {
                rest.get().body().data = room.data();
                rest.get().body().size = room.size();
                const auto [error, bytes] =
                    co_await http::async_read_some(stream, buffer, rest, with_error);
                const std::size_t got = room.size() - rest.get().body().size;
                if (error && error != http::error::need_buffer) co_return failed(error);
                if (got == 0) continue;
                std::string piece = room.substr(0, got);
                const bool goes_on = co_await pieces.take(std::move(piece));
                if (!goes_on) break;
            }
            co_return head;
        }
        if (!parser.is_done()) {
            const auto [body_error, body_bytes] =
                co_await http::async_read(stream, buffer, parser, with_error);
            if (body_error) co_return failed(body_error);
        }
        co_return response_of(parser.release());
    }
    co_return failed(http::error::bad_status);
}

}  // namespace

Task<FetchResult> fetch_or_why(Url url, Request request, RequestLimits limits) {
    auto& context = context_of(co_await asio::this_coro::executor);
    if (url.is_secure()) {
        TlsStream stream(TcpSocket(context), tls_client_context());
        co_return co_await fetch_over(std::move(stream), std::move(url), std::move(request),
                                      std::move(limits));
    }
    co_return co_await fetch_over(TcpSocket(context), std::move(url), std::move(request),
                                  std::move(limits));
}

Task<FetchResult> fetch_in_pieces(Url url, Request request, RequestLimits limits, Pieces pieces) {
    auto& context = context_of(co_await asio::this_coro::executor);
    if (url.is_secure()) {
        TlsStream stream(TcpSocket(context), tls_client_context());
        co_return co_await fetch_over(std::move(stream), std::move(url), std::move(request),
                                      std::move(limits), std::move(pieces));
    }
    co_return co_await fetch_over(TcpSocket(context), std::move(url), std::move(request),
                                  std::move(limits), std::move(pieces));
}

Task<Result<Response>> fetch(Url url, Request request, RequestLimits limits) {
    auto result = co_await fetch_or_why(std::move(url), std::move(request), std::move(limits));
    if (!result) co_return result.error().code;
    co_return std::move(*result);
}

void throw_exception_from_error(const FetchFailure& failure, const boost::source_location&) {
    throw boost::system::system_error(failure.code, failure.what);
}

}  // namespace parley::net
