#include <parley/sim/openai_server.hpp>

#include <parley/core/answer.hpp>
#include <parley/core/log.hpp>
#include <parley/core/task.hpp>
#include <parley/core/text.hpp>
#include <parley/net/server.hpp>
#include <parley/sim/speech_api.hpp>
#include <parley/sim/speech_cache.hpp>
#include <parley/voice/voice.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <future>

namespace parley::sim {

namespace {

using Kind = InjectedFault::Kind;

// whether a connection that is to break has sent all
constexpr milliseconds look_again{5};
constexpr std::size_t connections_kept_max = 2'000;  // records of the oldest are given up first
constexpr std::size_t message_bytes_max = 24 * 1024 * 1024;
constexpr std::size_t speech_piece_bytes = 4'096;
constexpr std::size_t queue_bytes_max = 64 * 1024 * 1024;
// pings go out after half of it, like the real server's
constexpr std::chrono::seconds idle_timeout{40};

constexpr std::array<std::string_view, 9> models{"gpt-realtime-2.1",
                                                 "gpt-realtime-2.1-mini",
                                                 "gpt-realtime-2",
                                                 "gpt-realtime-1.5",
                                                 "gpt-realtime",
                                                 "gpt-realtime-mini",
                                                 "gpt-realtime-2025-08-28",
                                                 "gpt-realtime-mini-2025-12-15",
                                                 "gpt-realtime-2.1-2026-07-20"};

// An answer which comes only after the upgrade: one error event, then the close.
struct Refusal {
    ApiError error;
    std::uint16_t close_code = 4000;

    std::string close_reason() const {
        return error.code.empty() ? error.type : error.type + "." + error.code;
    }
    std::string event() const {
        json::object details{{"type", error.type},
                             {"code", nullptr},
                             {"message", error.message},
                             {"param", nullptr},
                             {"event_id", nullptr}};
        if (!error.code.empty()) details["code"] = error.code;
        return json::serialize(json::object{
            {"type", "error"}, {"event_id", "event_refused"}, {"error", std::move(details)}});
    }
};

std::string query_value(const net::Request& request, std::string_view name) {
    for (auto& [key, value] : net::parse_form(request.query())) {
        if (key == name) return value;
    }
    return {};
}

std::optional<Refusal> refusal_of(const net::Request& request, const std::string& api_key) {
    if (request.headers.get("OpenAI-Beta")) {
        return Refusal{
            {"beta_api_shape_disabled",
             "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."},
            4000};
    }
    const auto authorization = request.headers.get("Authorization");
    if (!authorization || !authorization->starts_with("Bearer ")) {
        return Refusal{{"", "Missing bearer or basic authentication in header"}, 3000};
    }
    const auto key = authorization->substr(7);
    if (key.empty() || (!api_key.empty() && key != api_key)) {
        return Refusal{{"invalid_api_key", fmt::format("Incorrect API key provided: {}.",
                                                       key.empty() ? "(empty)" : "sk-***")},
                       3000};
    }
    const std::string model = query_value(request, "model");
    if (model.empty())
        return Refusal{{"missing_model", "You must provide a model parameter."}, 4000};
    if (model.starts_with("gpt-4o") && model.find("realtime") != model.npos) {
        return Refusal{
            {"model_not_found",
             fmt::format("The model `{}` does not exist or you do not have access to it.", model)},
            4004};
    }
    if (std::find(models.begin(), models.end(), model) == models.end()) {
        return Refusal{
            {"invalid_model",
             fmt::format("Model \"{}\" is not supported in realtime mode.", shortened(model, 60))},
            4000};
    }
    return std::nullopt;
}

}  // namespace

std::vector<const ClientEvent*> SessionRecord::of_type(std::string_view type) const {
    std::vector<const ClientEvent*> found;
    for (const auto& event : events) {
        if (event.type == type) found.push_back(&event);
    }
    return found;
}

// One upgraded socket. The session stays for its record when the socket has gone.
struct Connection : std::enable_shared_from_this<Connection> {
    int number = 0;
    net::Headers headers;
    std::string target;
    std::string refused;
    std::vector<Violation> refused_violations;
    std::shared_ptr<net::WebSocket> socket;
    std::optional<RealtimeSession> session;
    std::unique_ptr<Alarm> alarm;
    bool is_open = false;
    bool is_breaking = false;  // as soon as what was said before has been sent
    bool was_cut = false;      // by a fault: whoever comes next may be the same call again
    std::uint16_t close_code = 0;
};

struct OpenAiServer::Impl {
    Impl(Options wanted, ModelScript model)
        : options(std::move(wanted)), script(std::move(model)), timekeeper(home()) {}

    boost::asio::any_io_executor home() { return threads.context(0).get_executor(); }

    Options options;
    const ModelScript script;
    net::IoThreads threads{1};
    IoTimekeeper timekeeper;
    std::uint16_t port = 0;
    std::mutex listening;
    std::unique_ptr<net::Server> server;
    std::atomic<int> connection_count{0};
    std::deque<std::shared_ptr<Connection>> connections;  // io thread only
    // joined first: they post to the io thread
    asio::thread_pool speakers{2};

    Checked<bool> listen();
    void stop_listening();
    Task<net::UpgradeAnswer> on_upgrade(net::Request request);
    Task<> refuse(std::shared_ptr<Connection> connection, Refusal refusal,
                  std::shared_ptr<net::WebSocket> socket);
    Task<> serve(std::shared_ptr<Connection> connection, std::string model,
                 std::shared_ptr<net::WebSocket> socket);
    void carry_out(const std::shared_ptr<Connection>& connection);
    void speak(const std::shared_ptr<Connection>& connection, RealtimeSession::Synthesize wanted);
    Task<net::Response> speech(SpeechWanted wanted);
    const InjectedFault* fault_of(Kind kind, int number) const;
    json::object variables_to_offer() const;
    void watch(int number, std::string_view line) const;
    SessionRecord record(const Connection& connection) const;

    // Runs `work` on the io thread and waits for it.
    template <class Work>
    auto on_io(Work work) {
        // Shared: the io thread is still inside the task when the result is there already.
        auto task = std::make_shared<std::packaged_task<decltype(work())()>>(std::move(work));
        auto result = task->get_future();
        asio::post(home(), [task] { (*task)(); });
        return result.get();
    }
};

Checked<bool> OpenAiServer::Impl::listen() {
    const std::lock_guard lock(listening);
    if (server != nullptr) return true;
    net::ServerOptions wanted;
    wanted.host = options.host;
    wanted.port = port != 0 ? port : options.port;
    wanted.websocket.message_bytes_max = message_bytes_max;
    wanted.websocket.queue_bytes_max = queue_bytes_max;
    wanted.websocket.idle_timeout = idle_timeout;
    net::Server::Handlers handlers;
    handlers.on_request = [this](net::Request request) -> Task<net::Response> {
        if (auto asked = speech_wanted(request, options.api_key)) {
            if (auto* refusal = std::get_if<net::Response>(&*asked)) co_return std::move(*refusal);
            co_return co_await speech(std::get<SpeechWanted>(std::move(*asked)));
        }
        net::Response response{.status = 404, .content_type = "application/json"};
        response.body =
            R"({"error":{"message":"Not found","type":"invalid_request_error","param":null,"code":null}})";
        co_return response;
    };
    handlers.on_upgrade = [this](net::Request request) { return on_upgrade(std::move(request)); };
    auto listener = net::Server::listen(threads, std::move(wanted), std::move(handlers));
    if (!listener) return listener.error();
    server = std::move(*listener);
    if (port == 0) port = server->port();  // others read it: it does not change afterwards
    return true;
}

void OpenAiServer::Impl::stop_listening() {
    const std::lock_guard lock(listening);
    if (server != nullptr) server->close();
    server.reset();
}

const InjectedFault* OpenAiServer::Impl::fault_of(Kind kind, int number) const {
    for (const auto& fault : script.faults) {
        if (fault.kind == kind && (fault.session == InjectedFault::any || fault.session == number))
            return &fault;
    }
    return nullptr;
}

void OpenAiServer::Impl::watch(int number, std::string_view line) const {
    if (options.watch) options.watch(fmt::format("session {}: {}", number, line));
}

Task<net::UpgradeAnswer> OpenAiServer::Impl::on_upgrade(net::Request request) {
    net::UpgradeAnswer answer;
    if (request.path() != "/v1/realtime") {
        answer.refusal = net::Response{.status = 404, .body = "Not found"};
        co_return answer;
    }
    auto connection = std::make_shared<Connection>();
    connection->number = ++connection_count;
    connection->headers = request.headers;
    connection->target = request.target;
    connections.push_back(connection);
    if (connections.size() > connections_kept_max && !connections.front()->is_open)
        connections.pop_front();
    if (fault_of(Kind::refuse_connection, connection->number + 1) != nullptr) {
        // From another thread: closing takes the listener's lock, which listen() may hold.
        asio::post(speakers, [this] { stop_listening(); });
    }

    if (const auto* fault = fault_of(Kind::refuse_http, connection->number)) {
        connection->refused = std::to_string(fault->http_status);
        watch(connection->number, fmt::format("refused with HTTP {}", fault->http_status));
        net::Response response{.status = fault->http_status, .content_type = "application/json"};
        response.body =
            R"({"error":{"message":"Refused on request","type":"server_error","param":null,"code":null}})";
        answer.refusal = std::move(response);
        co_return answer;
    }
    auto refusal = refusal_of(request, options.api_key);
    if (fault_of(Kind::refuse_key, connection->number) != nullptr) {
        refusal = Refusal{{"invalid_api_key", "Incorrect API key provided: sk-***."}, 3000};
    } else if (fault_of(Kind::refuse_model, connection->number) != nullptr) {
        refusal = Refusal{{"invalid_model", "Model is not supported in realtime mode."}, 4000};
    }
    if (refusal) {
        connection->refused =
            refusal->error.code.empty() ? refusal->error.type : refusal->error.code;
        if (refusal->error.code == "beta_api_shape_disabled") {
            connection->refused_violations.push_back(
                {Clock::now(), "beta_header", "OpenAI-Beta was sent"});
        }
        answer.serve = [this, connection,
                        refused = *refusal](std::shared_ptr<net::WebSocket> socket) {
            return refuse(connection, refused, std::move(socket));
        };
        co_return answer;
    }
    answer.serve = [this, connection,
                    model = query_value(request, "model")](std::shared_ptr<net::WebSocket> socket) {
        return serve(connection, model, std::move(socket));
    };
    co_return answer;
}

Task<> OpenAiServer::Impl::refuse(std::shared_ptr<Connection> connection, Refusal refusal,
                                  std::shared_ptr<net::WebSocket> socket) {
    watch(connection->number, fmt::format("refused: {}", refusal.close_reason()));
    socket->send(refusal.event());
    socket->close(refusal.close_code, refusal.close_reason());
    std::function<void(net::Message)> ignore = [](net::Message) {};
    co_await socket->run(std::move(ignore));
}

Task<> OpenAiServer::Impl::serve(std::shared_ptr<Connection> connection, std::string model,
                                 std::shared_ptr<net::WebSocket> socket) {
    const auto* expiry = fault_of(Kind::expire, connection->number);
    const milliseconds lifetime =
        expiry != nullptr ? expiry->after : milliseconds(options.session_lifetime);
    const auto wall_end = std::chrono::time_point_cast<std::chrono::seconds>(
        timekeeper.wall_now() + lifetime + milliseconds(500));
    RealtimeSession::Options session;
    session.number = connection->number;
    session.model = std::move(model);
    session.expires_at_s = wall_end.time_since_epoch().count();
    session.expires_at = Clock::now() + lifetime;
    ScriptPlayer player(script, today_here());
    player.offer(variables_to_offer());

    connection->socket = socket;
    connection->is_open = true;
    connection->session.emplace(std::move(session), script, std::move(player), Clock::now());
    connection->alarm = timekeeper.make_alarm([this, weak = std::weak_ptr(connection)] {
        const auto alive = weak.lock();
        if (alive == nullptr || !alive->is_open) return;
        alive->session->advance(Clock::now());
        carry_out(alive);
    });
    watch(connection->number, "connected");
    carry_out(connection);
    // Refers to this frame, which outlives run(): owning the connection, which owns the socket,
    // would make a ring.
    std::function<void(net::Message)> hear = [this, &connection](net::Message message) {
        if (message.is_text) {
            connection->session->receive(message.data, Clock::now());
        } else {
            connection->session->receive_binary(Clock::now());
        }
        carry_out(connection);
    };
    const auto reason = co_await socket->run(std::move(hear));
    connection->is_open = false;
    connection->close_code = reason.code;
    connection->alarm.reset();
    connection->socket.reset();
    watch(connection->number, fmt::format("ended ({})", reason.code));
}

void OpenAiServer::Impl::carry_out(const std::shared_ptr<Connection>& connection) {
    RealtimeSession& session = *connection->session;
    const auto socket = connection->socket;
    if (socket == nullptr) return;
    for (auto& output : session.take_output()) {
        if (auto* event = std::get_if<RealtimeSession::Send>(&output)) {
            socket->send(event->text);
        } else if (auto* wanted = std::get_if<RealtimeSession::Synthesize>(&output)) {
            speak(connection, std::move(*wanted));
        } else if (const auto* close = std::get_if<RealtimeSession::Close>(&output)) {
            connection->was_cut = true;
            socket->close(close->code, close->reason);
        } else if (std::holds_alternative<RealtimeSession::Drop>(output)) {
            connection->was_cut = true;
            connection->is_breaking = true;
        } else if (const auto* told = std::get_if<RealtimeSession::Tell>(&output)) {
            watch(connection->number, told->line);
        }
    }
    if (connection->alarm == nullptr) return;
    if (connection->is_breaking) {
        // On a busy machine the words before the break may still be waiting here; a script that
        // says them means them heard.
        if (socket->queued_bytes() == 0) return socket->abort();
        return connection->alarm->arm(Clock::now() + look_again);
    }
    const TimePoint due = session.next_due();
    if (due == TimePoint::max()) {
        connection->alarm->cancel();
    } else {
        connection->alarm->arm(due);
    }
}

void OpenAiServer::Impl::speak(const std::shared_ptr<Connection>& connection,
                               RealtimeSession::Synthesize wanted) {
    SpeechCache::Words words{std::move(wanted.words), script.voice, script.words_per_minute,
                             wanted.rate_hz};
    asio::post(speakers, [this, weak = std::weak_ptr(connection), ticket = wanted.ticket,
                          words = std::move(words)] {
        auto speech = SpeechCache::of_process().get(words);
        if (!speech) log::error("sim.no_speech", {{"what", speech.error().text()}});
        asio::post(home(), [this, weak, ticket, made = speech ? *speech : Speech()] {
            const auto alive = weak.lock();
            if (alive == nullptr || !alive->is_open) return;
            alive->session->speech_ready(ticket, made, Clock::now());
            carry_out(alive);
        });
    });
}

// Speech asked for by itself: sent in pieces, as a provider that speaks while it thinks.
Task<net::Response> OpenAiServer::Impl::speech(SpeechWanted wanted) {
    using Encoded = Checked<std::string>;
    auto start = [this, wanted](auto done) {
        asio::post(speakers, [this, wanted, done = std::move(done)] {
            const auto samples = SpeechCache::of_process().get(
                {wanted.text, script.voice, script.words_per_minute, wanted.rate_hz});
            done(samples ? voice::encode(**samples, wanted.rate_hz, wanted.format)
                         : Encoded(samples.error()));
        });
    };
    const auto file = co_await answer_to<Encoded>(std::move(start));
    net::Response response;
    if (!file) {
        response.status = 500;
        response.content_type = "application/json";
        response.body = json::serialize(
            json::object{{"error", {{"message", file.error().text()}, {"type", "server_error"}}}});
        co_return response;
    }
    response.content_type = wanted.content_type;
    response.stream = std::make_shared<net::BodyStream>(
        net::BodyStreamLimits{.queue_bytes_max = file->size() + 1});
    for (std::size_t at = 0; at < file->size(); at += speech_piece_bytes)
        response.stream->send(file->substr(at, speech_piece_bytes));
    response.stream->finish();
    co_return response;
}

// After a broken connection the next one may carry on the same call: it is offered what that one
// knew. Otherwise the newest session may be about to be replaced by its own successor.
json::object OpenAiServer::Impl::variables_to_offer() const {
    for (const bool must_be_cut : {true, false}) {
        for (auto at = connections.rbegin(); at != connections.rend(); ++at) {
            const Connection& earlier = **at;
            if (!earlier.session || (must_be_cut && !earlier.was_cut)) continue;
            if (!earlier.session->player().variables().empty())
                return earlier.session->player().variables();
        }
    }
    return {};
}

SessionRecord OpenAiServer::Impl::record(const Connection& connection) const {
    SessionRecord out;
    out.number = connection.number;
    out.headers = connection.headers;
    out.target = connection.target;
    out.refused = connection.refused;
    out.violations = connection.refused_violations;
    out.is_open = connection.is_open;
    out.close_code = connection.close_code;
    if (connection.session) {
        out.events = connection.session->client_events();
        out.violations = connection.session->violations();
        out.script_problems = connection.session->player().problems();
        out.appended_ms = connection.session->appended_ms();
        out.utterances = connection.session->utterances();
        out.responses = connection.session->responses();
    }
    return out;
}

OpenAiServer::OpenAiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Checked<std::unique_ptr<OpenAiServer>> OpenAiServer::start(Options options, ModelScript script) {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(script));
    auto listening = impl->listen();
    if (!listening) return listening.error();
    if (impl->fault_of(Kind::refuse_connection, 1) != nullptr) impl->stop_listening();
    impl->threads.start();
    return std::unique_ptr<OpenAiServer>(new OpenAiServer(std::move(impl)));
}

OpenAiServer::~OpenAiServer() {
    if (impl_ == nullptr) return;
    impl_->stop_listening();
    drop_all();
    impl_->speakers.join();
    impl_->threads.stop();
}

std::uint16_t OpenAiServer::port() const { return impl_->port; }

std::string OpenAiServer::base_url() const {
    return fmt::format("http://{}:{}/v1", impl_->options.host, impl_->port);
}

int OpenAiServer::connections() const { return impl_->connection_count; }

std::vector<SessionRecord> OpenAiServer::sessions() const {
    return impl_->on_io([impl = impl_.get()] {
        std::vector<SessionRecord> records;
        for (const auto& connection : impl->connections)
            records.push_back(impl->record(*connection));
        return records;
    });
}

void OpenAiServer::stop_listening() { impl_->stop_listening(); }

Checked<bool> OpenAiServer::listen_again() { return impl_->listen(); }

void OpenAiServer::drop_all() {
    impl_->on_io([impl = impl_.get()] {
        for (const auto& connection : impl->connections) {
            if (connection->socket == nullptr) continue;
            connection->was_cut = true;
            connection->socket->abort();
        }
    });
}

}  // namespace parley::sim
