#include <parley/engine/openai_realtime.hpp>

#include <parley/core/log.hpp>
#include <parley/engine/realtime_session.hpp>
#include <parley/net/websocket.hpp>

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <functional>
#include <utility>

namespace parley::engine {
namespace {

constexpr std::uint16_t normal_closure = 1000;

// "https://api.openai.com/v1" -> "wss://api.openai.com/v1/realtime?model=..."
Checked<net::Url> realtime_url(std::string_view base_url, std::string_view model) {
    while (base_url.ends_with('/')) base_url.remove_suffix(1);
    auto url =
        net::Url::parse(std::string(base_url) + "/realtime?model=" + net::percent_encode(model));
    if (!url) return url;
    if (url->scheme == "http") url->scheme = "ws";
    if (url->scheme == "https") url->scheme = "wss";
    return url;
}

// One connection, from dialling to the end of its socket.
struct Connection {
    Connection(const OpenAiOptions& options, const call::AgentProfile& profile,
               std::vector<call::Turn> history, std::string call_sid, const Timekeeper& time)
        : model(profile.model.empty() ? options.model : profile.model),
          session(options, profile, std::move(history), std::move(call_sid), time.now(),
                  time.wall_now()) {}

    std::string model;
    RealtimeSession session;
    RealtimeSession::Output received;        // reused from message to message
    std::shared_ptr<net::WebSocket> socket;  // none while dialling
    std::unique_ptr<Alarm> setup_alarm;
    bool is_retired = false;  // what it still says does not count
};

// What the engine and the coroutines of its connections share. Outlives the engine while a socket
// closes.
class Core : public std::enable_shared_from_this<Core> {
 public:
    Core(boost::asio::any_io_executor home, OpenAiOptions options, call::EventSink& sink,
         std::string call_sid)
        : home_(std::move(home)),
          options_(std::move(options)),
          call_sid_(std::move(call_sid)),
          time_(home_),
          sink_(&sink) {}

    void open(const call::AgentProfile& profile, const std::vector<call::Turn>& history);
    void append(call::Bytes audio);
    // Lets a command speak to the session that serves, and sends what comes of it.
    template <class Command>
    void command(Command&& give);
    void inject(const call::Turn& turn);
    void offer_tools(const json::array& tools);
    void revise(const call::AgentProfile& profile);
    void shut();

 private:
    using ConnectionPtr = std::shared_ptr<Connection>;

    static Task<> serve(std::shared_ptr<Core> core, ConnectionPtr connection);
    void connected(const ConnectionPtr& connection, std::shared_ptr<net::WebSocket> socket);
    void received(const ConnectionPtr& connection, net::Message message);
    void ended(const ConnectionPtr& connection, const net::CloseReason& how);
    void deliver(const ConnectionPtr& connection);
    void send(const ConnectionPtr& connection, const RealtimeSession::Output& output);
    void take_over(const ConnectionPtr& connection);
    void lost(const ConnectionPtr& connection, const call::EngineLost& event);
    void retire(const ConnectionPtr& connection);

    const boost::asio::any_io_executor home_;
    const OpenAiOptions options_;
    const std::string call_sid_;
    IoTimekeeper time_;
    call::EventSink* sink_;  // none once the engine is gone
    ConnectionPtr live_;     // serves
    ConnectionPtr next_;     // being opened; takes over when ready
    RealtimeSession::Output commanded_;
    std::uint64_t dropped_before_ready_ = 0;  // pieces of caller audio
    std::uint64_t dropped_slow_ = 0;
};

void Core::open(const call::AgentProfile& profile, const std::vector<call::Turn>& history) {
    if (next_) retire(next_);
    next_ = std::make_shared<Connection>(options_, profile, history, call_sid_, time_);
    const auto on_end = [core = shared_from_this(),
                         connection = next_](const std::exception_ptr& failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log::error("openai.connection_failed",
                       {{"call", core->call_sid_}, {"what", error.what()}});
            core->lost(connection, {"internal error", true});
        }
    };
    boost::asio::co_spawn(home_, serve(shared_from_this(), next_), on_end);
}

Task<> Core::serve(std::shared_ptr<Core> core, ConnectionPtr connection) {
    const auto url = realtime_url(core->options_.base_url, connection->model);
    if (!url) {
        core->lost(connection, {"OPENAI_BASE_URL: " + url.error().text(), false});
        co_return;
    }
    net::Headers headers;
    if (!core->options_.api_key.empty())
        headers.set("Authorization", "Bearer " + core->options_.api_key.reveal());
    net::WebSocketLimits limits;
    limits.message_bytes_max = core->options_.message_bytes_max;
    limits.queue_bytes_max = core->options_.send_queue_bytes_max;
    limits.handshake_timeout = core->options_.handshake_timeout;
    limits.idle_timeout = core->options_.idle_timeout;
    auto dialled = co_await net::connect(*url, std::move(headers), limits);
    if (!dialled) {
        const auto& error = dialled.error();
        // A certificate or a refusal stays as it is; a network that is down may come back.
        const bool may_retry = error.http_status == 0
                                   ? !error.is_tls
                                   : realtime::may_reconnect_after_status(error.http_status);
        if (error.http_status != 0 && !may_retry) {
            log::error("openai.refused",
                       {{"call", core->call_sid_},
                        {"what", error.what},
                        {"remedy", realtime::remedy_for_status(error.http_status)}});
        }
        core->lost(connection, {error.what, may_retry});
        co_return;
    }
    const auto socket = *dialled;
    core->connected(connection, socket);
    // Refers to this frame, which outlives run(); owning the connection would make a ring, for that
    // owns the socket.
    // Built first: GCC 12 mishandles temporaries inside a co_await expression.
    std::function<void(net::Message)> on_message = [&core, &connection](net::Message message) {
        core->received(connection, message);
    };
    const auto how = co_await socket->run(std::move(on_message));
    core->ended(connection, how);
}

void Core::connected(const ConnectionPtr& connection, std::shared_ptr<net::WebSocket> socket) {
    connection->socket = std::move(socket);
    if (connection->is_retired) {
        connection->socket->close(normal_closure, "");
        return;
    }
    connection->setup_alarm =
        time_.make_alarm([core = weak_from_this(), waiting = std::weak_ptr(connection)] {
            const auto self = core.lock();
            const auto late = waiting.lock();
            if (!self || !late || late->is_retired) return;
            late->received.clear();
            late->session.setup_timed_out(late->received);
            self->deliver(late);
        });
    connection->setup_alarm->arm(time_.now() + options_.setup_timeout);
}

void Core::received(const ConnectionPtr& connection, net::Message message) {
    if (connection->is_retired) return;
    try {
        connection->received.clear();
        if (message.is_text) {
            connection->session.receive(message.data, connection->received);
        } else {
            connection->session.receive_binary(connection->received);
        }
        deliver(connection);
        if (connection->is_retired) return;
        connection->received.clear();
        connection->session.settle(connection->received);
        send(connection, connection->received);
    } catch (const std::exception& error) {
        // A Bug ends the work on this message, not the io thread's other calls.
        log::error("openai.event_failed", {{"call", call_sid_}, {"what", error.what()}});
    }
}

void Core::ended(const ConnectionPtr& connection, const net::CloseReason& how) {
    if (connection->is_retired) return;
    auto& output = connection->received;
    output.clear();
    using How = net::CloseReason::How;
    switch (how.how) {
        case How::closed_by_peer: connection->session.closed(how.code, how.reason, output); break;
        case How::slow_peer:
            connection->session.lost("the server does not read what is sent to it", output);
            break;
        case How::bad_message:
            connection->session.lost("a broken frame or an oversized message: " + how.reason,
                                     output);
            break;
        case How::closed_by_us:
        case How::lost:
            connection->session.lost("the connection broke: " + how.reason, output);
            break;
    }
    deliver(connection);
}

// An event may lead to commands, to open() and to the end of the engine before the next one is
// looked at.
void Core::deliver(const ConnectionPtr& connection) {
    const auto keep_alive = shared_from_this();
    send(connection, connection->received);
    for (std::size_t i = 0; i < connection->received.events.size() && !connection->is_retired;
         ++i) {
        const call::Event& event = connection->received.events[i];
        if (const auto* end = std::get_if<call::EngineLost>(&event)) return lost(connection, *end);
        if (std::holds_alternative<call::EngineReady>(event)) take_over(connection);
        if (connection == live_) {
            sink_->on(event);
        } else if (const auto* problem = std::get_if<call::EngineProblem>(&event)) {
            // Of a connection that may never serve: its end, if it comes to that, is what the call
            // hears of.
            log::warn("openai.problem_while_opening",
                      {{"call", call_sid_}, {"what", problem->message}});
        }
    }
}

void Core::send(const ConnectionPtr& connection, const RealtimeSession::Output& output) {
    for (const auto& message : output.messages) connection->socket->send(message);
}

void Core::take_over(const ConnectionPtr& connection) {
    connection->setup_alarm->cancel();
    next_.reset();
    if (const auto old = std::exchange(live_, connection)) retire(old);
}

void Core::lost(const ConnectionPtr& connection, const call::EngineLost& event) {
    if (connection->is_retired) return;
    retire(connection);
    const auto keep_alive = shared_from_this();
    if (connection == live_) {
        live_.reset();
        if (next_) {
            log::info("openai.lost_while_renewing",
                      {{"call", call_sid_}, {"reason", event.reason}});
            return;  // the new one decides
        }
        sink_->on(event);
    } else {
        next_.reset();
        if (live_) {
            sink_->on(call::EngineProblem{"rotation_failed", event.reason});
        } else {
            sink_->on(event);
        }
    }
}

void Core::retire(const ConnectionPtr& connection) {
    connection->is_retired = true;
    if (connection->setup_alarm) connection->setup_alarm->cancel();
    if (connection->socket) connection->socket->close(normal_closure, "");
}

template <class Command>
void Core::command(Command&& give) {
    if (!live_) return;
    commanded_.clear();
    give(live_->session, commanded_);
    send(live_, commanded_);
}

void Core::append(call::Bytes audio) {
    if (!live_) {
        ++dropped_before_ready_;
        if (options_.figures != nullptr)
            options_.figures->lost_not_connected.add(call::Figures::seconds_of(audio.size()));
        return;
    }
    if (live_->socket->queued_bytes() > options_.audio_queue_bytes_max) {
        if (++dropped_slow_ == 1)
            log::warn("openai.slow_server",
                      {{"call", call_sid_}, {"queued_bytes", live_->socket->queued_bytes()}});
        if (options_.figures != nullptr)
            options_.figures->lost_slow_provider.add(call::Figures::seconds_of(audio.size()));
        return;
    }
    const auto message = live_->session.append(audio);
    if (!message.empty()) live_->socket->send(message);
}

void Core::inject(const call::Turn& turn) {
    command([&](RealtimeSession& session, RealtimeSession::Output& output) {
        session.inject(turn, output);
    });
    // The one being opened has the history from before this.
    if (next_) {
        commanded_.clear();
        next_->session.inject(turn, commanded_);
    }
}

void Core::offer_tools(const json::array& tools) {
    command([&](RealtimeSession& session, RealtimeSession::Output& output) {
        session.offer_tools(tools, output);
    });
    if (!next_) return;
    commanded_.clear();
    next_->session.offer_tools(tools, commanded_);  // not ready yet: it says so once it is
}

void Core::revise(const call::AgentProfile& profile) {
    command([&](RealtimeSession& session, RealtimeSession::Output& output) {
        session.revise(profile, output);
    });
    if (!next_) return;
    commanded_.clear();
    next_->session.revise(profile, commanded_);
}

void Core::shut() {
    sink_ = nullptr;
    if (const auto live = std::exchange(live_, nullptr)) retire(live);
    if (const auto next = std::exchange(next_, nullptr)) retire(next);
    if (dropped_before_ready_ + dropped_slow_ == 0) return;
    log::info("openai.audio_dropped", {{"call", call_sid_},
                                       {"before_ready", dropped_before_ready_},
                                       {"server_too_slow", dropped_slow_}});
}

class OpenAiRealtime final : public call::Engine {
 public:
    explicit OpenAiRealtime(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    OpenAiRealtime(const OpenAiRealtime&) = delete;
    OpenAiRealtime& operator=(const OpenAiRealtime&) = delete;
    ~OpenAiRealtime() override { core_->shut(); }

    void open(const call::AgentProfile& profile, const std::vector<call::Turn>& history) override {
        core_->open(profile, history);
    }
    void append(call::Bytes audio) override { core_->append(audio); }
    void respond(std::string_view instructions) override {
        core_->command([&](auto& session, auto& output) { session.respond(instructions, output); });
    }
    void cancel() override {
        core_->command([](auto& session, auto& output) { session.cancel(output); });
    }
    void withdraw() override {
        core_->command([](auto& session, auto&) { session.withdraw(); });
    }
    void truncate(std::string_view item_id, int content_index, std::int64_t audio_end_ms) override {
        core_->command([&](auto& session, auto& output) {
            session.truncate(item_id, content_index, audio_end_ms, output);
        });
    }
    void tool_output(std::string_view tool_call_id, std::string_view output_text) override {
        core_->command([&](auto& session, auto& output) {
            session.tool_output(tool_call_id, output_text, output);
        });
    }
    void inject(const call::Turn& turn) override { core_->inject(turn); }
    void offer_tools(const json::array& tools) override { core_->offer_tools(tools); }
    void revise(const call::AgentProfile& profile) override { core_->revise(profile); }

 private:
    std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<call::Engine> make_openai_realtime(boost::asio::any_io_executor home,
                                                   OpenAiOptions options, call::EventSink& sink,
                                                   std::string call_sid) {
    return std::make_unique<OpenAiRealtime>(
        std::make_shared<Core>(std::move(home), std::move(options), sink, std::move(call_sid)));
}

}  // namespace parley::engine
