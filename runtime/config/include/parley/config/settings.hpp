// settings.hpp: config/parley.yaml, the environment and the command line, as typed values.
//
// Order, later wins: schemas' defaults < parley.yaml < overlay files < environment (and .env) <
// command-line flags. `${NAME}` and `${NAME:-default}` in YAML values are filled from the
// environment before validation. Unknown keys are errors with a "did you mean". Every Fault reads
// "file:line: path: what; what to do". schemas/parley.schema.json describes the file for the
// runtime and for editors alike.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/core/text.hpp>
#include <parley/privacy/masker.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::config {

struct ServerSettings {
    std::string host = "::";
    std::uint16_t port = 3000;
    std::string
        public_url;  // "https://voice.example.com", no trailing slash; what Twilio calls and signs
    std::size_t io_threads = 0;  // 0: one per core
    std::size_t calls_max = 2000;
    std::chrono::seconds drain_limit{30};
    // PARLEY_ADMIN_TOKEN; empty: a random one, in a file beside the database
    Secret admin_token;
    std::string root_answer;  // what GET / says; JSON, or a text
};

// A voice webhook, and the media stream that it announces.
struct TwilioPath {
    std::string voice = "/voice";
    std::string stream = "/media-stream";
    std::vector<std::string> methods = {"GET", "POST"};
    // said by Twilio before the stream; empty: the agent greets
    std::string greeting, greeting_voice, greeting_language;

    friend bool operator==(const TwilioPath&, const TwilioPath&) = default;
};

struct TwilioSettings {
    std::string account_sid;
    Secret auth_token;
    std::string phone_number;
    std::string base_url = "https://api.twilio.com";
    // asked with in place of the token, where both are set: TWILIO_API_KEY, TWILIO_API_SECRET
    std::string api_key;
    Secret api_secret;
    std::string region, edge;         // TWILIO_REGION, TWILIO_EDGE; empty: US1
    bool validate_signatures = true;  // ENABLE_WEBHOOK_VALIDATION
    std::vector<TwilioPath> paths = {TwilioPath{}};
};

// One price list, USD per million tokens.
struct Price {
    double text_in = 0, text_cached = 0, text_out = 0;
    double audio_in = 0, audio_cached = 0, audio_out = 0;
};

struct TurnDetection {
    std::string type = "server_vad";  // or semantic_vad
    double threshold = 0.5;
    int prefix_padding_ms = 300;
    int silence_duration_ms = 500;
    std::string eagerness = "auto";  // semantic_vad: low, medium, high, auto
};

// What an agent sets of its own, in its script or under agents.NAME.turn_taking. What is not set
// goes by openai.turn_detection and calls.silence_before_prompt_ms.
struct TurnTaking {
    std::string type;  // server_vad or semantic_vad
    std::optional<double> threshold;
    std::optional<int> prefix_padding_ms;
    std::optional<int> silence_ms;      // that ends the caller's turn
    std::string eagerness;              // semantic_vad: low, medium, high, auto
    std::optional<bool> interruptions;  // false: the caller cannot cut the agent off
    std::optional<std::chrono::milliseconds> silence_before_prompt;

    // These, and those of `base` where these say nothing.
    TurnTaking over(const TurnTaking& base) const;
};

struct OpenAiSettings {
    Secret api_key;
    std::string base_url = "https://api.openai.com/v1";
    std::string model = "gpt-realtime-2.1";  // retired ids are already mapped to their successor
    std::string voice = "marin";
    std::string audio = "pcmu";  // pcmu: passed through; pcm16_24k: resampled
    std::string transcription_model = "gpt-transcribe";  // empty: none
    TurnDetection turn_detection = {};
    std::map<std::string, Price> prices;  // by model
    // USD per minute of speech, by transcription model
    std::map<std::string, double> transcription_prices;
};

struct CallSettings {
    std::chrono::milliseconds duration_max{5 * 60'000};  // MAX_CALL_DURATION_MINUTES
    // a caller who waits this long for an answer hears one_moment
    std::chrono::milliseconds filler_after{4'000};
    std::chrono::milliseconds silence_before_prompt{10'000};
    int silence_prompts_max = 2;
    // whom callers may be put through to: "+15550100", prefixes in E.164; empty: nobody
    std::vector<std::string> transfer_to;
    std::string hold_music;  // a WAV file; empty: the built-in one
    // or events: kept beside the database, for parley replay; or asked: from when a script asks
    // for it until it says that it is enough
    std::string record = "off";
    std::map<std::string, std::string> phrases = {
        // spoken without a model
        {"one_moment", "One moment, please."},
        {"apology", "I am sorry, we have a technical problem. Please call again later."},
        {"goodbye", "Goodbye."},
        {"over_budget",
         "I am sorry, we cannot take your call now. Please call again later. Goodbye."},
    };
};

// Calls that we place, and the manners they keep.
struct OutboundSettings {
    std::vector<std::string> allowed_prefixes;  // "+1", "+4420"; empty: nobody is called
    std::string agent;                          // empty: the one that answers our number
    double calls_per_second = 1;                // as the account may
    int calls_max = 10;                         // at the same time
    int per_number_per_day = 3;
    int per_day = 500;
    std::string quiet_hours = "21:00-08:00";  // where the callee lives; empty: none
    std::string default_time_zone;            // of prefixes we know nothing of; empty: not called
    std::map<std::string, std::string> time_zones;  // prefix -> zone, over the built-in table
    std::chrono::seconds ring_limit{30};
};

// Where the scripts' http module may go.
struct ScriptHttpSettings {
    // "api.example.com", "*.crm.example", "127.0.0.1:8080"; empty: nowhere
    std::vector<std::string> allow;
    // hosts, addresses and networks of our own that may be reached too
    std::vector<std::string> allow_private;
    std::size_t response_bytes_max = 1024 * 1024;
    // of a request with its retries, where the script names none
    std::chrono::milliseconds timeout{10'000};
};

// The scripts' kv module.
struct ScriptKeySettings {
    std::chrono::seconds ttl{24 * 3600};  // where the script names none
    std::chrono::seconds ttl_max{30 * 24 * 3600};
    std::size_t value_bytes_max = 64 * 1024;
};

struct SecretSettings {
    Secret value;
    std::vector<std::string> scripts;  // "tools/check_slots": who may have it
};

struct ScriptSettings {
    std::string dir = "scripts";                     // holds agents/, tools/, migrations/
    std::size_t memory_bytes_max = 8 * 1024 * 1024;  // per call
    std::chrono::milliseconds cpu_max{50};           // per invocation
    std::chrono::milliseconds tool_timeout{10'000};  // wall clock, where the tool names none
    std::size_t output_bytes_max = 64 * 1024;
    int open_requests_max = 16;  // of one call at the same time: http and db together
    ScriptHttpSettings http = {};
    ScriptKeySettings kv = {};
    std::map<std::string, SecretSettings> secrets = {};  // from the top level's `secrets`
    // Whom a script may put a caller through to, and whom else it may write to: from
    // calls.transfer_to and outbound.allowed_prefixes.
    std::vector<std::string> transfer_to = {};
    std::vector<std::string> message_to = {};
    // auto: saving a file is enough; poll: also on network disks; off
    std::string watch = "auto";
};

struct AgentSettings {
    std::string name;
    // path under scripts/agents, without .lua; default: the agent's name
    std::string script;
    std::string voice, model, language;  // empty: the general setting
    std::string greeting;                // empty: the script's
    TurnTaking turn_taking;              // over the script's
    // override the script's vars; scalars, lists and objects
    json::object vars;
    std::string where;  // "config/parley.yaml:40", for messages
};

struct StoreSettings {
    std::string path = "data/parley.db";  // DATABASE_PATH
};

struct TranscriptSettings {
    std::string dir;  // empty: no files
};

// 0: kept for ever.
struct RetentionSettings {
    std::chrono::days transcripts{0}, recordings{0}, journal{0};
};

struct PrivacySettings {
    bool card_numbers = true;
    std::vector<privacy::Pattern> mask;  // in the order of their names
    // made of the two above; never null
    std::shared_ptr<const privacy::Masker> masker = privacy::default_masker();
};

// USD; 0: no limit.
struct MoneyLimits {
    double call_usd = 0, number_day_usd = 0, day_usd = 0;
};

// Told of each call when it is over.
struct WebhookSettings {
    std::string url;
    Secret secret;  // signs what is sent; empty: not signed
    std::chrono::days give_up_after{3};
};

// Where others look for what goes on; empty url: nowhere.
struct RedisSettings {
    std::string url;  // REDIS_URL: redis://[user@]host[:port][/database]
    Secret password;  // REDIS_PASSWORD
};

// What POST /generate-voice speaks with.
struct SpeechSettings {
    std::string provider = "espeak";  // or openai, elevenlabs
    std::string voice;                // where the request names none; empty: the provider's
    // any server that knows /audio/speech; an empty key: openai.api_key
    std::string openai_base_url = "https://api.openai.com/v1";
    Secret openai_api_key;
    std::string openai_model = "gpt-4o-mini-tts";
    std::string elevenlabs_base_url = "https://api.elevenlabs.io";
    Secret elevenlabs_api_key;  // ELEVENLABS_API_KEY
    std::string elevenlabs_model = "eleven_flash_v2_5";
};

struct LogSettings {
    std::string level = "info";
};

// One effective value and where it came from; secrets are masked.
struct Explained {
    std::string path;  // "server.port"
    std::string value;
    // "default", "config/parley.yaml:4", "environment PORT", ".env PORT", "flag --port"
    std::string source;
};

struct Settings {
    ServerSettings server;
    TwilioSettings twilio;
    OpenAiSettings openai;
    CallSettings calls;
    OutboundSettings outbound;
    ScriptSettings scripts;
    StoreSettings store;
    TranscriptSettings transcripts;
    RetentionSettings retention;
    PrivacySettings privacy;
    MoneyLimits money;
    std::map<std::string, WebhookSettings> webhooks;  // by name
    RedisSettings redis;
    SpeechSettings speech;
    LogSettings log;
    std::map<std::string, AgentSettings> agents;
    std::map<std::string, std::string> numbers;  // E.164 or "default" -> agent name
    // "model gpt-4o-realtime-preview is retired; using gpt-realtime-2.1"
    std::vector<std::string> warnings;
    std::vector<Explained> explained;

    // The agent for a called number: its own entry, else `default`; null when there is neither.
    const AgentSettings* agent_for(std::string_view called_number) const;
};

struct LoadOptions {
    std::string file = "config/parley.yaml";
    std::vector<std::string> overlays;  // merged on top, in order
    std::string schema_dir = "schemas";
    std::string env_file = ".env";                   // read if present; empty: none
    std::map<std::string, std::string> environment;  // usually the process's own
    std::map<std::string, std::string> flags;        // "server.port" -> "4000"
    // Files that have been read already, by the path they have above: they are not read again.
    std::map<std::string, std::string> texts = {};
};

// All faults found, not only the first.
boost::system::result<Settings, std::vector<Fault>> load(const LoadOptions& options);
// The same for a document in memory, in place of options.file; `name` stands for the file in
// messages.
boost::system::result<Settings, std::vector<Fault>> load_text(std::string_view yaml,
                                                              const std::string& name,
                                                              const LoadOptions& options);
std::map<std::string, std::string> process_environment();

}  // namespace parley::config

namespace parley {

// Found by result<…, std::vector<Fault>>::value() through Fault, hence in Fault's namespace.
[[noreturn]] void throw_exception_from_error(const std::vector<Fault>& faults,
                                             const boost::source_location&);

}  // namespace parley
