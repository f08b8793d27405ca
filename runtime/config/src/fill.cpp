#include "fill.hpp"

#include "models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace parley::config {
namespace {

// Reads members of one group; a member that is not there leaves its target alone.
class Group {
 public:
    explicit Group(const json::object* values) : values_(values) {}

    Group in(std::string_view key) const {
        return Group(values_ == nullptr ? nullptr : json_read::object(*values_, key));
    }
    void to(std::string_view key, std::string& target) const {
        if (const auto* value = find(key); value != nullptr && value->is_string()) {
            target = std::string(value->get_string());
        }
    }
    void to(std::string_view key, Secret& target) const {
        std::string text;
        to(key, text);
        if (!text.empty()) target = Secret(std::move(text));
    }
    void to(std::string_view key, bool& target) const {
        if (const auto* value = find(key); value != nullptr && value->is_bool())
            target = value->get_bool();
    }
    void to(std::string_view key, double& target) const {
        if (const auto* value = find(key); value != nullptr && value->is_number())
            target = value->to_number<double>();
    }
    // The schema's bounds keep every whole number within its target's range.
    template <std::integral Whole>
    void to(std::string_view key, Whole& target) const {
        if (const auto* value = find(key); value != nullptr && value->is_int64()) {
            target = static_cast<Whole>(value->get_int64());
        }
    }
    template <class Rep, class Period>
    void to(std::string_view key, std::chrono::duration<Rep, Period>& target) const {
        std::int64_t count = target.count();
        to(key, count);
        target = std::chrono::duration<Rep, Period>(count);
    }
    void to(std::string_view key, std::vector<std::string>& target) const {
        const auto* value = find(key);
        if (value == nullptr || !value->is_array()) return;
        target.clear();
        for (const auto& item : value->get_array()) {
            if (item.is_string()) target.emplace_back(item.get_string());
        }
    }
    template <class T>
    void to(std::string_view key, std::optional<T>& target) const {
        if (find(key) == nullptr) return;
        T value{};
        to(key, value);
        target = value;
    }
    // Calls `read` with each group in a list of groups.
    template <class Read>
    void each(std::string_view key, Read read) const {
        const auto* value = find(key);
        if (value == nullptr || !value->is_array()) return;
        for (const auto& item : value->get_array()) {
            if (item.is_object()) read(Group(&item.get_object()));
        }
    }
    bool has(std::string_view key) const { return find(key) != nullptr; }
    const json::object* values() const { return values_; }

 private:
    const json::value* find(std::string_view key) const {
        return values_ == nullptr ? nullptr : values_->if_contains(key);
    }
    const json::object* values_;
};

Price to_price(const Group& from) {
    Price price;
    from.to("text_in", price.text_in);
    from.to("text_cached", price.text_cached);
    from.to("text_out", price.text_out);
    from.to("audio_in", price.audio_in);
    from.to("audio_cached", price.audio_cached);
    from.to("audio_out", price.audio_out);
    return price;
}

TwilioPath to_path(const Group& from) {
    TwilioPath path;
    from.to("voice", path.voice);
    from.to("stream", path.stream);
    from.to("methods", path.methods);
    const auto greeting = from.in("greeting");
    greeting.to("say", path.greeting);
    greeting.to("voice", path.greeting_voice);
    greeting.to("language", path.greeting_language);
    return path;
}

PrivacySettings to_privacy(const Group& from) {
    PrivacySettings privacy;
    from.to("card_numbers", privacy.card_numbers);
    const auto masks = from.in("mask");
    if (masks.values() != nullptr) {
        for (const auto& mask : *masks.values()) {
            parley::privacy::Pattern pattern{
                .name = std::string(mask.key()), .pattern = {}, .replace = {}};
            masks.in(mask.key()).to("pattern", pattern.pattern);
            masks.in(mask.key()).to("replace", pattern.replace);
            privacy.mask.push_back(std::move(pattern));
        }
    }
    std::sort(privacy.mask.begin(), privacy.mask.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    using parley::privacy::Masker;
    privacy.masker =
        Masker::make(privacy.card_numbers ? Masker::Cards::masked : Masker::Cards::kept,
                     privacy.mask)
            .value();
    return privacy;
}

AgentSettings to_agent(std::string name, const Group& from, std::string where) {
    AgentSettings agent;
    agent.name = std::move(name);
    agent.where = std::move(where);
    from.to("script", agent.script);
    if (agent.script.empty()) agent.script = agent.name;
    from.to("voice", agent.voice);
    from.to("model", agent.model);
    from.to("language", agent.language);
    from.to("greeting", agent.greeting);
    const auto turns = from.in("turn_taking");
    turns.to("type", agent.turn_taking.type);
    turns.to("threshold", agent.turn_taking.threshold);
    turns.to("prefix_padding_ms", agent.turn_taking.prefix_padding_ms);
    turns.to("silence_ms", agent.turn_taking.silence_ms);
    turns.to("eagerness", agent.turn_taking.eagerness);
    turns.to("interruptions", agent.turn_taking.interruptions);
    turns.to("silence_before_prompt_ms", agent.turn_taking.silence_before_prompt);
    if (const auto* vars = from.in("vars").values()) agent.vars = *vars;
    return agent;
}

// Changes the text at `pointer` in place, keeping its origin.
template <class Change>
void change_text(Document& document, const std::string& pointer, Change change) {
    const auto* value = document.find(pointer);
    if (value == nullptr || !value->is_string()) return;
    std::string text = change(std::string(value->get_string()));
    if (text == std::string_view(value->get_string())) return;
    const auto origin = document.origins.find(pointer);
    document.set(pointer, json::value(text),
                 origin == document.origins.end() ? Origin{"default"} : origin->second);
}

std::string without_trailing_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

}  // namespace

std::vector<Fault> check_routes(const Document& document) {
    std::vector<Fault> faults;
    const auto* agents = json_read::object(document.root, "agents");
    const auto* numbers = json_read::object(document.root, "numbers");
    if (agents == nullptr || numbers == nullptr || agents->empty()) return faults;
    std::vector<std::string> names;
    for (const auto& agent : *agents) names.emplace_back(agent.key());
    std::sort(names.begin(), names.end());
    for (const auto& number : *numbers) {
        const auto* wanted = number.value().if_string();
        if (wanted == nullptr || wanted->empty() || agents->contains(*wanted)) continue;
        const auto meant = did_you_mean(*wanted, names);
        faults.push_back({document.where(pointer_to("/numbers", number.key())),
                          "there is no agent named " + shown(number.value()),
                          meant ? "did you mean \"" + *meant + "\"?" : "add it under agents"});
        if (faults.size() >= faults_max) break;
    }
    return faults;
}

namespace {

// What the service answers itself, and all below it.
constexpr std::array own_paths{"/api",           "/dashboard",     "/health", "/login",
                               "/logout",        "/metrics",       "/ready",  "/generate-voice",
                               "/twilio/status", "/twilio/call-me"};

bool is_within(std::string_view path, std::string_view above) {
    return path == above || (path.starts_with(above) && path[above.size()] == '/');
}

// "/media-stream/3" is the stream of the call on thread 3.
bool is_thread_of(std::string_view path, std::string_view stream) {
    return is_within(path, stream) && path.size() > stream.size() + 1 &&
           path.find_first_not_of("0123456789", stream.size() + 1) == path.npos;
}

}  // namespace

std::vector<Fault> check_paths(const Document& document) {
    std::vector<Fault> faults;
    const auto* paths = document.find("/twilio/paths");
    if (paths == nullptr || !paths->is_array()) return faults;
    struct Taken {
        std::string path, pointer;
        enum class Use { webhook, ended, transfers, stream } use;
    };
    std::vector<Taken> taken;
    for (std::size_t i = 0; i < paths->get_array().size(); ++i) {
        const auto* each = paths->get_array()[i].if_object();
        if (each == nullptr) continue;
        const auto at = pointer_to("/twilio/paths", std::to_string(i));
        const auto voice = json_read::text(*each, "voice");
        const auto stream = json_read::text(*each, "stream");
        if (!voice.empty()) {
            taken.push_back({voice, at + "/voice", Taken::Use::webhook});
            taken.push_back({voice + "/ended", at + "/voice", Taken::Use::ended});
            for (const char* below : {"/transferred", "/briefing"})
                taken.push_back({voice + below, at + "/voice", Taken::Use::transfers});
        }
        if (!stream.empty()) taken.push_back({stream, at + "/stream", Taken::Use::stream});
    }
    const auto refuse = [&](const Taken& which, std::string what) {
        if (faults.size() < faults_max)
            faults.push_back(
                {document.where(which.pointer), std::move(what), "choose another path"});
    };
    for (std::size_t i = 0; i < taken.size(); ++i) {
        const auto& later = taken[i];
        const auto* own = std::find_if(own_paths.begin(), own_paths.end(), [&](const char* path) {
            return is_within(later.path, path);
        });
        if (own != own_paths.end() && later.use != Taken::Use::ended &&
            later.use != Taken::Use::transfers)
            refuse(later, fmt::format("{} belongs to the service itself", later.path));
        for (std::size_t k = 0; k < i; ++k) {
            const auto& earlier = taken[k];
            const bool both_streams =
                earlier.use == Taken::Use::stream && later.use == Taken::Use::stream;
            const bool is_thread =
                (earlier.use == Taken::Use::stream && is_thread_of(later.path, earlier.path)) ||
                (later.use == Taken::Use::stream && is_thread_of(earlier.path, later.path));
            // Of two webhooks alike enough is said already.
            const bool both_transfers =
                earlier.use == Taken::Use::transfers && later.use == Taken::Use::transfers;
            // Several webhooks may announce the same stream.
            const bool is_same = earlier.path == later.path && !both_streams && !both_transfers;
            if (is_same || is_thread)
                refuse(later,
                       fmt::format("{} is taken by {}{}", later.path, dotted(earlier.pointer),
                                   earlier.use == Taken::Use::ended       ? " (its end)"
                                   : earlier.use == Taken::Use::transfers ? " (its transfers)"
                                                                          : ""));
        }
    }
    return faults;
}

std::vector<Fault> check_masks(const Document& document) {
    std::vector<Fault> faults;
    const auto* privacy = json_read::object(document.root, "privacy");
    const auto* masks = privacy == nullptr ? nullptr : json_read::object(*privacy, "mask");
    if (masks == nullptr) return faults;
    for (const auto& mask : *masks) {
        const auto* fields = mask.value().if_object();
        if (fields == nullptr) continue;
        const privacy::Pattern pattern{std::string(mask.key()), json_read::text(*fields, "pattern"),
                                       json_read::text(*fields, "replace")};
        const auto made = privacy::Masker::make(privacy::Masker::Cards::kept, {pattern});
        if (made) continue;
        faults.push_back({document.where(pointer_to("/privacy/mask", mask.key())),
                          made.error().what, made.error().remedy});
        if (faults.size() >= faults_max) break;
    }
    return faults;
}

std::vector<std::string> settle(Document& document) {
    change_text(document, "/server/public_url", [](std::string url) {
        if (!url.empty() && url.find("://") == std::string::npos) url = "https://" + url;
        return without_trailing_slash(std::move(url));
    });
    change_text(document, "/openai/base_url", without_trailing_slash);
    change_text(document, "/twilio/base_url", without_trailing_slash);

    std::vector<std::string> warnings;
    const auto settle_model = [&](const std::string& pointer) {
        change_text(document, pointer, [&](std::string model) {
            const auto advice = advise_on_model(model);
            if (!advice) return model;
            warnings.push_back(document.where(pointer) + ": " + advice->warning);
            return advice->use;
        });
    };
    settle_model("/openai/model");
    settle_model("/openai/transcription_model");
    if (const auto* agents = json_read::object(document.root, "agents")) {
        std::vector<std::string> names;
        for (const auto& agent : *agents) names.emplace_back(agent.key());
        for (const auto& name : names)
            settle_model(pointer_to(pointer_to("/agents", name), "model"));
    }
    const auto* validate = document.find("/twilio/validate_signatures");
    if (validate != nullptr && validate->is_bool() && !validate->get_bool()) {
        warnings.push_back(
            document.where("/twilio/validate_signatures") +
            ": signatures are not checked; whoever reaches this server can start calls");
    }
    return warnings;
}

Settings fill(const Document& document) {
    Settings settings;
    const Group root(&document.root);

    const auto server = root.in("server");
    server.to("host", settings.server.host);
    server.to("port", settings.server.port);
    server.to("public_url", settings.server.public_url);
    server.to("io_threads", settings.server.io_threads);
    server.to("calls_max", settings.server.calls_max);
    server.to("drain_limit_seconds", settings.server.drain_limit);
    server.to("admin_token", settings.server.admin_token);
    server.to("root_answer", settings.server.root_answer);

    const auto twilio = root.in("twilio");
    twilio.to("account_sid", settings.twilio.account_sid);
    twilio.to("auth_token", settings.twilio.auth_token);
    twilio.to("phone_number", settings.twilio.phone_number);
    twilio.to("base_url", settings.twilio.base_url);
    twilio.to("api_key", settings.twilio.api_key);
    twilio.to("api_secret", settings.twilio.api_secret);
    twilio.to("region", settings.twilio.region);
    twilio.to("edge", settings.twilio.edge);
    twilio.to("validate_signatures", settings.twilio.validate_signatures);
    if (twilio.has("paths")) settings.twilio.paths.clear();
    twilio.each("paths",
                [&](const Group& path) { settings.twilio.paths.push_back(to_path(path)); });

    const auto openai = root.in("openai");
    openai.to("api_key", settings.openai.api_key);
    openai.to("base_url", settings.openai.base_url);
    openai.to("model", settings.openai.model);
    openai.to("voice", settings.openai.voice);
    openai.to("audio", settings.openai.audio);
    openai.to("transcription_model", settings.openai.transcription_model);
    const auto turns = openai.in("turn_detection");
    turns.to("type", settings.openai.turn_detection.type);
    turns.to("threshold", settings.openai.turn_detection.threshold);
    turns.to("prefix_padding_ms", settings.openai.turn_detection.prefix_padding_ms);
    turns.to("silence_duration_ms", settings.openai.turn_detection.silence_duration_ms);
    turns.to("eagerness", settings.openai.turn_detection.eagerness);
    const auto prices = openai.in("prices");
    if (prices.values() != nullptr) {
        for (const auto& price : *prices.values()) {
            settings.openai.prices.emplace(price.key(), to_price(prices.in(price.key())));
        }
    }

    const auto transcription_prices = openai.in("transcription_prices");
    if (transcription_prices.values() != nullptr) {
        for (const auto& price : *transcription_prices.values()) {
            transcription_prices.to(price.key(), settings.openai.transcription_prices[price.key()]);
        }
    }

    const auto calls = root.in("calls");
    double minutes = static_cast<double>(settings.calls.duration_max.count()) / 60'000;
    calls.to("duration_max_minutes", minutes);
    settings.calls.duration_max = std::chrono::milliseconds(std::llround(minutes * 60'000));
    calls.to("filler_after_ms", settings.calls.filler_after);
    calls.to("silence_before_prompt_ms", settings.calls.silence_before_prompt);
    calls.to("silence_prompts_max", settings.calls.silence_prompts_max);
    calls.to("transfer_to", settings.calls.transfer_to);
    calls.to("hold_music", settings.calls.hold_music);
    calls.to("record", settings.calls.record);
    for (auto& [name, words] : settings.calls.phrases) calls.in("phrases").to(name, words);

    const auto outbound = root.in("outbound");
    outbound.to("allowed_prefixes", settings.outbound.allowed_prefixes);
    outbound.to("agent", settings.outbound.agent);
    outbound.to("calls_per_second", settings.outbound.calls_per_second);
    outbound.to("calls_max", settings.outbound.calls_max);
    outbound.to("per_number_per_day", settings.outbound.per_number_per_day);
    outbound.to("per_day", settings.outbound.per_day);
    outbound.to("quiet_hours", settings.outbound.quiet_hours);
    outbound.to("default_time_zone", settings.outbound.default_time_zone);
    const auto zones = outbound.in("time_zones");
    if (zones.values() != nullptr) {
        for (const auto& zone : *zones.values())
            zones.to(zone.key(), settings.outbound.time_zones[zone.key()]);
    }
    outbound.to("ring_seconds", settings.outbound.ring_limit);

    const auto scripts = root.in("scripts");
    scripts.to("dir", settings.scripts.dir);
    scripts.to("memory_bytes_max", settings.scripts.memory_bytes_max);
    scripts.to("cpu_max_ms", settings.scripts.cpu_max);
    scripts.to("tool_timeout_ms", settings.scripts.tool_timeout);
    scripts.to("output_bytes_max", settings.scripts.output_bytes_max);
    scripts.to("open_requests_max", settings.scripts.open_requests_max);
    const auto http = scripts.in("http");
    http.to("allow", settings.scripts.http.allow);
    http.to("allow_private", settings.scripts.http.allow_private);
    http.to("response_bytes_max", settings.scripts.http.response_bytes_max);
    http.to("timeout_ms", settings.scripts.http.timeout);
    const auto kv = scripts.in("kv");
    kv.to("ttl_seconds", settings.scripts.kv.ttl);
    kv.to("ttl_max_seconds", settings.scripts.kv.ttl_max);
    kv.to("value_bytes_max", settings.scripts.kv.value_bytes_max);
    const auto secrets = root.in("secrets");
    if (secrets.values() != nullptr) {
        for (const auto& secret : *secrets.values()) {
            const auto from = secrets.in(secret.key());
            auto& to = settings.scripts.secrets[secret.key()];
            from.to("value", to.value);
            from.to("scripts", to.scripts);
        }
    }
    settings.scripts.transfer_to = settings.calls.transfer_to;
    settings.scripts.message_to = settings.outbound.allowed_prefixes;
    scripts.to("watch", settings.scripts.watch);

    root.in("store").to("path", settings.store.path);
    root.in("log").to("level", settings.log.level);
    root.in("transcripts").to("dir", settings.transcripts.dir);
    const auto retention = root.in("retention");
    retention.to("transcripts_days", settings.retention.transcripts);
    retention.to("recordings_days", settings.retention.recordings);
    retention.to("journal_days", settings.retention.journal);
    settings.privacy = to_privacy(root.in("privacy"));
    const auto money = root.in("limits").in("money");
    money.to("call_usd", settings.money.call_usd);
    money.to("number_day_usd", settings.money.number_day_usd);
    money.to("day_usd", settings.money.day_usd);
    const auto webhooks = root.in("webhooks");
    if (webhooks.values() != nullptr) {
        for (const auto& webhook : *webhooks.values()) {
            const auto from = webhooks.in(webhook.key());
            auto& to = settings.webhooks[webhook.key()];
            from.to("url", to.url);
            from.to("secret", to.secret);
            from.to("give_up_after_days", to.give_up_after);
        }
    }
    const auto redis = root.in("redis");
    redis.to("url", settings.redis.url);
    redis.to("password", settings.redis.password);
    const auto speech = root.in("speech");
    speech.to("provider", settings.speech.provider);
    speech.to("voice", settings.speech.voice);
    speech.in("openai").to("base_url", settings.speech.openai_base_url);
    speech.in("openai").to("api_key", settings.speech.openai_api_key);
    speech.in("openai").to("model", settings.speech.openai_model);
    speech.in("elevenlabs").to("base_url", settings.speech.elevenlabs_base_url);
    speech.in("elevenlabs").to("api_key", settings.speech.elevenlabs_api_key);
    speech.in("elevenlabs").to("model", settings.speech.elevenlabs_model);

    const auto agents = root.in("agents");
    if (agents.values() != nullptr) {
        for (const auto& agent : *agents.values()) {
            const std::string name(agent.key());
            settings.agents.emplace(name, to_agent(name, agents.in(name),
                                                   document.source(pointer_to("/agents", name))));
        }
    }
    const auto numbers = root.in("numbers");
    if (numbers.values() != nullptr) {
        for (const auto& number : *numbers.values())
            numbers.to(number.key(), settings.numbers[number.key()]);
    }
    return settings;
}

std::vector<std::string> check_caps(const Document& document, const Settings& settings) {
    const auto& money = settings.money;
    if (money.call_usd <= 0 && money.number_day_usd <= 0 && money.day_usd <= 0) return {};
    std::set<std::string> used;
    for (const auto& [name, agent] : settings.agents)
        used.insert(agent.model.empty() ? settings.openai.model : agent.model);
    std::vector<std::string> warnings;
    for (const auto& model : used) {
        if (settings.openai.prices.contains(model)) continue;
        warnings.push_back(document.where("/limits/money") + ": calls with model " + model +
                           " are not limited: openai.prices does not say what it costs");
    }
    return warnings;
}

void resolve_agents(Document& document, const Settings& settings) {
    for (const auto& [name, agent] : settings.agents) {
        const auto at = pointer_to("/agents", name);
        const auto* script = document.find(at + "/script");
        if (script == nullptr || script->get_string().empty()) {
            document.set(at + "/script", json::value(agent.script), {"the agent's name"});
        }
        if (agent.voice.empty())
            document.set(at + "/voice", json::value(settings.openai.voice), {"openai.voice"});
        if (agent.model.empty())
            document.set(at + "/model", json::value(settings.openai.model), {"openai.model"});
    }
}

}  // namespace parley::config
