#include "stage.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/speech.hpp>
#include <parley/core/base64.hpp>

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

namespace parley::integration {

namespace {

constexpr std::size_t log_shown_max = 20'000;

std::vector<std::uint8_t> as_mulaw(const std::vector<std::int16_t>& samples) {
    std::vector<std::uint8_t> out(samples.size());
    audio::encode_mulaw(samples, out);
    return out;
}

std::vector<std::uint8_t> as_the_model_says(const std::string& sentence) {
    const sim::ModelScript voice;
    const auto spoken = sim::SpeechCache::of_process().get(
        {sentence, voice.voice, voice.words_per_minute, audio::telephone_hz});
    if (!spoken) throw std::runtime_error(spoken.error().text());
    return as_mulaw(**spoken);
}

double share(const std::vector<std::uint8_t>& heard, const std::vector<std::uint8_t>& spoken) {
    constexpr std::size_t piece = 480;
    std::size_t pieces = 0;
    std::size_t found = 0;
    auto from = heard.begin();
    for (std::size_t at = 0; at + piece <= spoken.size(); at += piece) {
        const auto begin = spoken.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = begin + static_cast<std::ptrdiff_t>(piece);
        // A pause looks the same everywhere.
        if (std::all_of(begin, end,
                        [](std::uint8_t sample) { return sample == 0xFF || sample == 0x7F; }))
            continue;
        ++pieces;
        const auto place = std::search(from, heard.end(), std::default_searcher(begin, end));
        if (place == heard.end()) continue;
        ++found;
        from = place;
    }
    return pieces == 0 ? 0 : static_cast<double>(found) / static_cast<double>(pieces);
}

}  // namespace

Stage::Stage(std::string_view model_yaml, StageOptions options) : options_(std::move(options)) {
    sim::SpeechCache::of_process().keep_in(PARLEY_SPEECH_CACHE);
    const auto remember = [this](std::string_view line) {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(line);
    };
    auto model = options_.model;
    if (!model.watch) model.watch = remember;
    auto script = sim::ModelScript::parse(model_yaml, "model script");
    if (!script) throw std::runtime_error(script.error().text());
    model_ = sim::OpenAiServer::start(std::move(model), std::move(*script)).value();
    sim::TwilioServer::Options carrier;
    carrier.account_sid = account_sid;
    carrier.auth_token = auth_token;
    carrier.watch = remember;
    carrier_ = sim::TwilioServer::start(std::move(carrier)).value();
    if (!options_.overlay.empty()) std::ofstream(overlay()) << options_.overlay;
    start_service();
}

Stage::~Stage() {
    if (!testing::Test::HasFailure()) return;
    const std::string log = service_->log();
    std::string told;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& line : lines_) told += line + "\n";
    }
    const auto tail = [](const std::string& from) {
        return from.substr(from.size() - std::min(from.size(), log_shown_max));
    };
    fmt::print(stderr, "---- what model and carrier saw\n{}---- parley's log\n{}----\n", tail(told),
               tail(log));
}

void Stage::start_service() {
    Variables environment{{"PORT", "0"},
                          {"HOST", "127.0.0.1"},
                          {"PUBLIC_URL", public_url},
                          {"TWILIO_AUTH_TOKEN", auth_token},
                          {"OPENAI_API_KEY", openai_key},
                          {"OPENAI_BASE_URL", model_->base_url()},
                          {"DATABASE_PATH", database()},
                          {"LOG_LEVEL", "debug"}};
    for (const auto& [name, value] : options_.environment) environment[name] = value;
    std::vector<std::string> flags = options_.flags;
    if (!options_.overlay.empty())
        flags.insert(flags.end(), {"--overlay", folder_ / "overlay.yaml"});
    service_ = std::make_unique<Service>(folder_ / fmt::format("parley{}.log", ++starts_),
                                         std::move(environment), std::move(flags));
}

std::string Stage::admin_token() const {
    const auto text = text_of_file(folder_ / "admin.token");
    return text.substr(0, text.find('\n'));
}

void Stage::wait_for_phrases() {
    EXPECT_TRUE(eventually([&] { return service_->has_logged("phrases.ready"); }));
}

void Stage::restart() {
    service_.reset();
    start_service();
}

std::shared_ptr<sim::TwilioCall> Stage::dial(std::string_view caller_yaml, const Change& change) {
    auto script = sim::CallerScript::parse(caller_yaml, "caller script");
    if (!script) throw std::runtime_error(script.error().text());
    sim::CallOptions options;
    options.webhook = public_url + "/voice";
    options.connect_to = service_->address();
    options.script = std::move(*script);
    options.playback.strict_frames = true;
    if (change) change(options);
    return carrier_->dial(std::move(options));
}

sim::Form Stage::form(const std::string& call_sid) const {
    return {{"AccountSid", account_sid}, {"CallSid", call_sid},    {"CallStatus", "ringing"},
            {"Direction", "inbound"},    {"From", "+15550100001"}, {"To", "+15550100002"}};
}

net::Response Stage::post(const std::string& path, const sim::Form& form,
                          const std::string& signature) {
    net::Request request;
    request.method = "POST";
    request.target = path;
    request.body = net::encode_form(form);
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    if (!signature.empty()) request.headers.set("X-Twilio-Signature", signature);
    return service_->ask(std::move(request));
}

net::Response Stage::post(const std::string& path, const sim::Form& form) {
    return post(path, form, sim::twilio_signature(auth_token, public_url + path, form));
}

Ticket Stage::announce(const std::string& call_sid) {
    const auto response = post("/voice", form(call_sid));
    Ticket ticket{.status = response.status,
                  .body = response.body,
                  .call_sid = call_sid,
                  .stream_url = {},
                  .token = {}};
    const auto twiml = sim::parse_twiml(response.body, sim::StreamScheme::wss_only);
    if (!twiml) return ticket;
    for (const auto& verb : twiml->verbs) {
        ticket.stream_url += verb.stream_url;
        for (const auto& [name, value] : verb.parameters) {
            if (name == "token") ticket.token = value;
        }
    }
    return ticket;
}

RawSocket Stage::open_stream(const std::string& stream_url) {
    net::Headers headers;
    headers.set("x-twilio-signature", sim::twilio_signature(auth_token, stream_url, {}));
    return RawSocket(service_->port(), net::Url::parse(stream_url).value().target, headers);
}

bool Stage::has_happened(std::string_view words) {
    const std::lock_guard lock(mutex_);
    return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
        return line.find(words) != std::string::npos;
    });
}

std::vector<json::object> Stage::entries(const std::string& call_sid, std::string_view type) {
    std::vector<json::object> found;
    const auto reader = store::Reader::open(database());
    if (!reader) return found;
    for (auto& entry : (*reader)->conversation(call_sid)) {
        auto* fields = entry.if_object();
        if (fields != nullptr && (type.empty() || json_read::text(*fields, "type") == type))
            found.push_back(std::move(*fields));
    }
    return found;
}

store::CallRow Stage::ended(const std::string& call_sid) {
    store::CallRow row;
    const bool has_ended = eventually([&] {
        const auto reader = store::Reader::open(database());
        const auto found = reader ? (*reader)->call(call_sid) : std::nullopt;
        if (found) row = *found;
        return row.ended_at_ms != 0;
    });
    EXPECT_TRUE(has_ended) << "call " << call_sid << " has no end in the journal";
    return row;
}

std::string Stage::value(const std::string& sql) {
    sqlite3* handle = nullptr;
    sqlite3_stmt* statement = nullptr;
    std::string found = "error";
    sqlite3_open_v2(database().c_str(), &handle, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_busy_timeout(handle, 10'000);
    if (sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
        found.clear();
        if (sqlite3_step(statement) == SQLITE_ROW &&
            sqlite3_column_type(statement, 0) != SQLITE_NULL) {
            found = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
        }
    }
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return found;
}

DatabaseLock::DatabaseLock(const std::string& path) {
    sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_busy_timeout(handle_, 10'000);
    EXPECT_EQ(sqlite3_exec(handle_, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle_);
}

void DatabaseLock::release() {
    if (handle_ == nullptr) return;
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(std::exchange(handle_, nullptr));
}

std::string start_message(const Ticket& ticket, const std::string& stream_sid) {
    json::object parameters{{"callSid", ticket.call_sid}, {"callerNumber", "+15550100001"}};
    if (!ticket.token.empty()) parameters["token"] = ticket.token;
    json::object format{{"encoding", "audio/x-mulaw"}, {"sampleRate", 8000}, {"channels", 1}};
    json::array tracks;
    tracks.push_back("inbound");
    json::object start{
        {"accountSid", account_sid},        {"streamSid", stream_sid},
        {"callSid", ticket.call_sid},       {"tracks", std::move(tracks)},
        {"mediaFormat", std::move(format)}, {"customParameters", std::move(parameters)}};
    return json::serialize(json::object{{"event", "start"},
                                        {"sequenceNumber", "1"},
                                        {"streamSid", stream_sid},
                                        {"start", std::move(start)}});
}

std::string media_message(int number, std::string_view payload, const std::string& stream_sid) {
    return fmt::format(
        R"({{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{}"}},)"
        R"("streamSid":"{}"}})",
        number + 1, number, number * 20, payload, stream_sid);
}

std::string silent_media(int number, const std::string& stream_sid) {
    return media_message(
        number, base64::encode(std::vector<std::uint8_t>(160, audio::mulaw_silence)), stream_sid);
}

double share_heard(const std::vector<std::uint8_t>& heard, const std::string& sentence) {
    return share(heard, as_the_model_says(sentence));
}

double share_of_phrase(const std::vector<std::uint8_t>& heard, const std::string& phrase) {
    const auto spoken = audio::speak(phrase, {.rate_hz = audio::telephone_hz});
    if (!spoken) throw std::runtime_error(spoken.error().text());
    return share(heard, as_mulaw(*spoken));
}

milliseconds time_to_say(const std::string& sentence) {
    sim::AgentEar ear;
    ear.hear(as_the_model_says(sentence));
    const auto& segments = ear.segments();
    return segments.empty() ? milliseconds(0) : segments.back().end - segments.front().begin;
}

std::string text(const json::object& from, std::string_view key) {
    return json_read::text(from, key);
}

std::int64_t number(const json::object& from, std::string_view key) {
    return json_read::integer(from, key).value_or(-1);
}

std::vector<std::string> violations(const sim::SessionRecord& session) {
    std::vector<std::string> out;
    for (const auto& each : session.violations) out.push_back(each.code + ": " + each.what);
    for (const auto& each : session.script_problems) out.push_back("script: " + each);
    return out;
}

std::vector<std::string> tool_outputs(const std::vector<sim::SessionRecord>& sessions) {
    std::vector<std::string> out;
    for (const auto& session : sessions) {
        for (const auto* event : session.of_type("conversation.item.create")) {
            const auto* item = json_read::object(event->event, "item");
            if (item != nullptr && text(*item, "type") == "function_call_output")
                out.push_back(text(*item, "output"));
        }
    }
    return out;
}

}  // namespace parley::integration
