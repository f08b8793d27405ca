#include <parley/core/task.hpp>
#include <parley/script/services.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

namespace parley::script {
namespace {

class WebClient final : public HttpClient {
 public:
    std::shared_ptr<void> send(boost::asio::any_io_executor home, net::Url url,
                               net::Request request, net::RequestLimits limits,
                               std::function<void(Result)> done) override {
        const auto signal = std::make_shared<asio::cancellation_signal>();
        auto exchange = net::fetch_or_why(std::move(url), std::move(request), std::move(limits));
        asio::co_spawn(std::move(home), std::move(exchange),
                       asio::bind_cancellation_slot(
                           signal->slot(), [signal, done = std::move(done)](
                                               std::exception_ptr failed, Result result) {
                               // cancelled, or no memory: whoever waits is told all the same
                               if (failed) {
                                   done(net::FetchFailure{net::FetchFailure::Kind::broken,
                                                          "the request was given up",
                                                          asio::error::operation_aborted});
                               } else {
                                   done(std::move(result));
                               }
                           }));
        return {nullptr, [signal](void*) { signal->emit(asio::cancellation_type::terminal); }};
    }
};

}  // namespace

std::unique_ptr<HttpClient> web_client() { return std::make_unique<WebClient>(); }

}  // namespace parley::script
