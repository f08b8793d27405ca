// openai_server.hpp: a server that speaks OpenAI's GA Realtime protocol, with a script for a brain.
//
// Give a client "http://127.0.0.1:PORT/v1" as its base URL (or ws://…/v1/realtime). Everything it
// sends is kept for assertions.
// Thread: has its own io thread and speech threads; all public members may be used from any other
// thread.
// End:    the destructor closes all connections and joins the threads.
#pragma once

#include <parley/net/http.hpp>
#include <parley/sim/realtime_session.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::sim {

// One connection as the server saw it, open or ended.
struct SessionRecord {
    int number = 0;        // counting from 1
    net::Headers headers;  // of the upgrade request
    std::string target;
    // the error code or HTTP status; empty: a session was opened
    std::string refused;
    std::vector<ClientEvent> events;
    std::vector<Violation> violations;
    std::vector<std::string> script_problems;  // the script's own mistakes
    std::int64_t appended_ms = 0;
    int utterances = 0;
    int responses = 0;
    bool is_open = false;
    std::uint16_t close_code = 0;  // what the client closed with, or 1006

    // Events of one type, in order.
    std::vector<const ClientEvent*> of_type(std::string_view type) const;
};

class OpenAiServer {
 public:
    struct Options {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;  // 0: any free one
        // empty: any key is right, but there must be one
        std::string api_key;
        std::chrono::seconds session_lifetime{3'600};
        // one readable line per happening; called on the io thread
        std::function<void(std::string_view)> watch;
    };

    static Checked<std::unique_ptr<OpenAiServer>> start(Options options, ModelScript script);
    ~OpenAiServer();

    std::uint16_t port() const;
    std::string base_url() const;  // "http://127.0.0.1:PORT/v1"

    int connections() const;  // upgrade requests seen so far
    std::vector<SessionRecord> sessions() const;

    // While not listening, connections are refused by the system. Those that are open stay.
    void stop_listening();
    Checked<bool> listen_again();
    // Breaks every open connection.
    void drop_all();

 private:
    struct Impl;
    explicit OpenAiServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::sim
