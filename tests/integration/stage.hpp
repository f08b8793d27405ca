// stage.hpp: a whole call's surroundings: a simulated model, a simulated carrier, and parley
// between them.
//
// parley runs as in production behind a proxy: PUBLIC_URL is an https address that Twilio signs,
// requests really go to a port of this machine. It has the shipped config/ and nothing else but the
// environment variables below.
//
// When a test fails, the service's log follows the failure.
#pragma once

#include "raw_socket.hpp"
#include "service.hpp"

#include <parley/core/json.hpp>
#include <parley/sim/openai_server.hpp>
#include <parley/sim/speech_cache.hpp>
#include <parley/sim/twilio_server.hpp>
#include <parley/store/store.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace parley::integration {

inline const std::string public_url = "https://voice.parley.test";
inline const std::string account_sid = "AC00000000000000000000000000000001";
inline const std::string auth_token = "12345678901234567890123456789012";
inline const std::string openai_key = "sk-integration";

// Model scripts begin with this: nothing takes longer than it must, but the caller still hears in
// real time.
inline const std::string fast = "speed: 0\nthink_ms: 20\ntranscription_delay_ms: 20\n";

struct StageOptions {
    sim::OpenAiServer::Options model = {};
    // added to, or in place of, the usual ones; empty values are left out
    Variables environment = {};
    std::string overlay = {};             // YAML for --overlay; empty: none
    std::vector<std::string> flags = {};  // of serve
};

// What a webhook's TwiML says about the stream to open.
struct Ticket {
    int status = 0;
    std::string body;
    std::string call_sid;
    std::string stream_url;  // empty: no stream
    std::string token;
};

class Stage {
 public:
    explicit Stage(std::string_view model_yaml, StageOptions options = {});
    ~Stage();

    sim::OpenAiServer& model() { return *model_; }
    sim::TwilioServer& carrier() { return *carrier_; }
    Service& service() { return *service_; }
    std::string database() const { return folder_ / "parley.db"; }
    std::string overlay() const { return folder_ / "overlay.yaml"; }
    std::string admin_token() const;  // as the service wrote it beside the database

    // A caller of the simulated carrier.
    using Change = std::function<void(sim::CallOptions&)>;
    std::shared_ptr<sim::TwilioCall> dial(std::string_view caller_yaml, const Change& change = {});

    // The carrier's parts by hand.
    sim::Form form(const std::string& call_sid) const;
    net::Response post(const std::string& path, const sim::Form& form,
                       const std::string& signature);
    net::Response post(const std::string& path, const sim::Form& form);  // rightly signed
    Ticket announce(const std::string& call_sid);
    RawSocket open_stream(const std::string& stream_url);

    // parley's own sentences are rendered in the first moments of the process; calls from then on
    // have them.
    void wait_for_phrases();

    // Starts the service again on the same database: after a crash.
    void restart();

    // Lines that the model's and the carrier's side have told so far.
    bool has_happened(std::string_view words);

    // The journal.
    std::vector<json::object> entries(const std::string& call_sid, std::string_view type = {});
    // Waits until the call's end is in the journal; fails the test when it does not come.
    store::CallRow ended(const std::string& call_sid);
    // One value of a query, as text.
    std::string value(const std::string& sql);

 private:
    void start_service();

    Folder folder_;
    StageOptions options_;
    std::mutex mutex_;
    std::vector<std::string> lines_;
    std::unique_ptr<sim::OpenAiServer> model_;
    std::unique_ptr<sim::TwilioServer> carrier_;
    std::unique_ptr<Service> service_;
    int starts_ = 0;
};

// A process's connection to the database that keeps all others from writing, until it is destroyed.
class DatabaseLock {
 public:
    explicit DatabaseLock(const std::string& path);
    ~DatabaseLock() { release(); }
    DatabaseLock(const DatabaseLock&) = delete;
    DatabaseLock& operator=(const DatabaseLock&) = delete;
    void release();

 private:
    sqlite3* handle_ = nullptr;
};

// Messages of a media stream, as Twilio writes them.
std::string start_message(const Ticket& ticket, const std::string& stream_sid = "MZ1");
std::string media_message(int number, std::string_view payload,
                          const std::string& stream_sid = "MZ1");
std::string silent_media(int number, const std::string& stream_sid = "MZ1");  // 20 ms

// How much of a sentence of the model can be heard in `heard`: 0 to 1, counted in pieces of 60 ms,
// in their order.
double share_heard(const std::vector<std::uint8_t>& heard, const std::string& sentence);
// The same for a phrase of parley's own.
double share_of_phrase(const std::vector<std::uint8_t>& heard, const std::string& phrase);
// A sentence of the model from its first to its last sound, when nothing holds it up.
milliseconds time_to_say(const std::string& sentence);

std::string text(const json::object& from, std::string_view key);
std::int64_t number(const json::object& from, std::string_view key);
std::vector<std::string> violations(const sim::SessionRecord& session);
// Outputs of tools that the model was given, over all sessions.
std::vector<std::string> tool_outputs(const std::vector<sim::SessionRecord>& sessions);

}  // namespace parley::integration
