#include <parley/sim/twilio_server.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/json.hpp>
#include <parley/core/text.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <map>

namespace parley::sim {

namespace {

net::Response json_response(int status, const json::object& body) {
    net::Response response{.status = status, .content_type = "application/json"};
    response.body = json::serialize(body);
    return response;
}

net::Response rest_error(int status, int code, std::string_view message) {
    return json_response(status,
                         {{"code", code},
                          {"message", message},
                          {"more_info", fmt::format("https://www.twilio.com/docs/errors/{}", code)},
                          {"status", status}});
}

Task<> keep_alive(std::shared_ptr<TwilioCall> call) { co_await call->run(); }

}  // namespace

struct TwilioServer::Impl {
    explicit Impl(Options wanted) : options(std::move(wanted)) {}

    Options options;
    net::IoThreads threads{1};
    std::unique_ptr<net::Server> server;
    std::map<std::string, std::shared_ptr<TwilioCall>> calls;  // io thread only
    mutable std::mutex mutex;
    std::vector<RestRequest> requests;
    asio::thread_pool workers{2};

    boost::asio::any_io_executor home() { return threads.context(0).get_executor(); }

    Task<net::Response> on_request(net::Request request) {
        net::Response response = answer(request);
        const std::lock_guard lock(mutex);
        requests.push_back(
            {request.method, std::string(request.path()), request.body, response.status});
        co_return response;
    }

    bool is_authorized(const net::Request& request) const {
        const auto given = request.headers.get("Authorization");
        const std::string pair = fmt::format("{}:{}", options.account_sid, options.auth_token);
        return given && *given == "Basic " + base64::encode(std::string_view(pair));
    }

    net::Response answer(const net::Request& request) {
        // "", 2010-04-01, Accounts, AC…, Calls, CA….json
        const auto parts = split(request.path(), '/');
        if (parts.size() < 4 || parts[1] != "2010-04-01" || parts[2] != "Accounts")
            return rest_error(404, 20404, "The requested resource was not found");
        if (!is_authorized(request)) return rest_error(401, 20003, "Authenticate");
        const bool is_call = parts.size() == 6 && parts[4] == "Calls" &&
                             parts[5].ends_with(".json") && parts[3] == options.account_sid;
        const std::string sid =
            is_call ? std::string(parts[5].substr(0, parts[5].size() - 5)) : std::string();
        const auto found = calls.find(sid);
        if (!is_call || found == calls.end()) {
            return rest_error(
                404, 20404, fmt::format("The requested resource {} was not found", request.path()));
        }
        TwilioCall& call = *found->second;
        if (request.method == "GET") return json_response(200, call_object(call));
        if (request.method != "POST") return rest_error(405, 20004, "Method not allowed");
        std::string status;
        for (const auto& [name, value] : net::parse_form(request.body)) {
            if (name == "Status") {
                status = value;
            } else if (name == "Twiml" || name == "Url") {
                return rest_error(400, 21218, "This simulator does not redirect calls");
            }
        }
        if (status != "completed" && status != "canceled")
            return rest_error(400, 20001, fmt::format("Invalid Status '{}'", status));
        if (call.status() == "completed")
            return rest_error(400, 21220, "Call is not in-progress. Cannot redirect.");
        call.end_by_rest();
        return json_response(200, call_object(call));
    }

    json::object call_object(const TwilioCall& call) const {
        const CallOptions& known = call.options();
        return {{"sid", call.sid()},
                {"account_sid", options.account_sid},
                {"parent_call_sid", nullptr},
                {"status", call.status()},
                {"direction", "inbound"},
                {"to", known.to},
                {"from", known.from},
                {"duration", nullptr},
                {"price", nullptr},
                {"price_unit", "USD"},
                {"answered_by", nullptr},
                {"api_version", "2010-04-01"},
                {"queue_time", "0"},
                {"uri", fmt::format("/2010-04-01/Accounts/{}/Calls/{}.json", options.account_sid,
                                    call.sid())}};
    }
};

TwilioServer::TwilioServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Checked<std::unique_ptr<TwilioServer>> TwilioServer::start(Options options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    net::ServerOptions wanted;
    wanted.host = impl->options.host;
    wanted.port = impl->options.port;
    net::Server::Handlers handlers;
    handlers.on_request = [raw = impl.get()](net::Request request) {
        return raw->on_request(std::move(request));
    };
    handlers.on_upgrade = [](net::Request) -> Task<net::UpgradeAnswer> {
        net::UpgradeAnswer answer;
        answer.refusal = net::Response{.status = 404, .body = "Not found"};
        co_return answer;
    };
    auto server = net::Server::listen(impl->threads, std::move(wanted), std::move(handlers));
    if (!server) return server.error();
    impl->server = std::move(*server);
    impl->threads.start();
    return std::unique_ptr<TwilioServer>(new TwilioServer(std::move(impl)));
}

TwilioServer::~TwilioServer() {
    if (impl_ == nullptr) return;
    impl_->server->close();
    impl_->threads.stop();
    impl_->workers.join();
    for (auto& [sid, call] : impl_->calls) call->abandon();
}

std::uint16_t TwilioServer::port() const { return impl_->server->port(); }

std::string TwilioServer::base_url() const {
    return fmt::format("http://{}:{}", impl_->options.host, port());
}

std::shared_ptr<TwilioCall> TwilioServer::dial(CallOptions options) {
    options.account_sid = impl_->options.account_sid;
    if (options.auth_token.empty()) options.auth_token = impl_->options.auth_token;
    if (!options.watch) options.watch = impl_->options.watch;
    auto call = std::make_shared<TwilioCall>(std::move(options), impl_->home(), impl_->workers);
    asio::post(impl_->home(), [impl = impl_.get(), call] {
        impl->calls[call->sid()] = call;
        asio::co_spawn(impl->home(), keep_alive(call), asio::detached);
    });
    return call;
}

std::vector<TwilioServer::RestRequest> TwilioServer::rest_requests() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->requests;
}

}  // namespace parley::sim
