#include <parley/reload/restart.hpp>

#include <parley/config/report.hpp>
#include <parley/core/crypto.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

namespace parley::reload {
namespace {

using config::Settings;

struct Fixed {
    std::string_view setting;
    std::string (*value)(const Settings&);
    enum class Kind { plain, secret } kind = Kind::plain;
};

std::string paths_text(const Settings& s) {
    std::string text;
    for (const auto& path : s.twilio.paths) {
        text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", fmt::join(path.methods, "|"),
                            path.voice, path.stream);
        if (!path.greeting.empty())
            text += fmt::format(" ({} {} says: {})", path.greeting_voice, path.greeting_language,
                                path.greeting);
    }
    return text;
}

// The names are in the database, the addresses and secrets with whoever sends. A secret is told from
// another by a piece of its digest.
std::string webhooks_text(const Settings& settings) {
    std::string text;
    for (const auto& [name, each] : settings.webhooks)
        text += fmt::format("{}{} {} {} days, secret {}", text.empty() ? "" : ", ", name, each.url,
                            each.give_up_after.count(),
                            crypto::sha256_hex(each.secret.reveal()).substr(0, 6));
    return text;
}

// What the process has built its sockets, threads and files on.
const std::array fixed{
    Fixed{"server.host", [](const Settings& s) { return s.server.host; }},
    Fixed{"server.port", [](const Settings& s) { return std::to_string(s.server.port); }},
    Fixed{"server.public_url", [](const Settings& s) { return s.server.public_url; }},
    Fixed{"server.io_threads",
          [](const Settings& s) { return std::to_string(s.server.io_threads); }},
    Fixed{"server.calls_max", [](const Settings& s) { return std::to_string(s.server.calls_max); }},
    Fixed{"server.drain_limit_seconds",
          [](const Settings& s) { return std::to_string(s.server.drain_limit.count()); }},
    Fixed{"server.admin_token", [](const Settings& s) { return s.server.admin_token.reveal(); },
          Fixed::Kind::secret},
    Fixed{"server.root_answer", [](const Settings& s) { return s.server.root_answer; }},
    Fixed{"twilio.account_sid", [](const Settings& s) { return s.twilio.account_sid; }},
    Fixed{"twilio.auth_token", [](const Settings& s) { return s.twilio.auth_token.reveal(); },
          Fixed::Kind::secret},
    Fixed{"twilio.phone_number", [](const Settings& s) { return s.twilio.phone_number; }},
    Fixed{"twilio.base_url", [](const Settings& s) { return s.twilio.base_url; }},
    Fixed{"twilio.api_key", [](const Settings& s) { return s.twilio.api_key; }},
    Fixed{"twilio.api_secret", [](const Settings& s) { return s.twilio.api_secret.reveal(); },
          Fixed::Kind::secret},
    Fixed{"twilio.region", [](const Settings& s) { return s.twilio.region; }},
    Fixed{"twilio.edge", [](const Settings& s) { return s.twilio.edge; }},
    Fixed{"twilio.validate_signatures",
          [](const Settings& s) {
              return std::string(s.twilio.validate_signatures ? "true" : "false");
          }},
    Fixed{"twilio.paths", paths_text},
    Fixed{"calls.record", [](const Settings& s) { return s.calls.record; }},
    Fixed{"scripts.dir", [](const Settings& s) { return s.scripts.dir; }},
    Fixed{"scripts.watch", [](const Settings& s) { return s.scripts.watch; }},
    Fixed{"transcripts.dir", [](const Settings& s) { return s.transcripts.dir; }},
    Fixed{"retention.transcripts_days",
          [](const Settings& s) { return std::to_string(s.retention.transcripts.count()); }},
    Fixed{"retention.recordings_days",
          [](const Settings& s) { return std::to_string(s.retention.recordings.count()); }},
    Fixed{"retention.journal_days",
          [](const Settings& s) { return std::to_string(s.retention.journal.count()); }},
    Fixed{"redis.url", [](const Settings& s) { return s.redis.url; }},
    Fixed{"redis.password", [](const Settings& s) { return s.redis.password.reveal(); },
          Fixed::Kind::secret},
    Fixed{"speech.provider", [](const Settings& s) { return s.speech.provider; }},
    Fixed{"speech.voice", [](const Settings& s) { return s.speech.voice; }},
    Fixed{"speech.openai.base_url", [](const Settings& s) { return s.speech.openai_base_url; }},
    Fixed{"speech.openai.api_key",
          [](const Settings& s) { return s.speech.openai_api_key.reveal(); }, Fixed::Kind::secret},
    Fixed{"speech.openai.model", [](const Settings& s) { return s.speech.openai_model; }},
    Fixed{"speech.elevenlabs.base_url",
          [](const Settings& s) { return s.speech.elevenlabs_base_url; }},
    Fixed{"speech.elevenlabs.api_key",
          [](const Settings& s) { return s.speech.elevenlabs_api_key.reveal(); },
          Fixed::Kind::secret},
    Fixed{"speech.elevenlabs.model", [](const Settings& s) { return s.speech.elevenlabs_model; }},
    Fixed{"webhooks", [](const Settings& s) { return webhooks_text(s); }},
    Fixed{"store.path", [](const Settings& s) { return s.store.path; }},
};

// Groups whose settings a call takes from its generation, or that the process can change while it
// runs.
constexpr std::array<std::string_view, 10> live{"openai.",  "calls.",       "outbound.", "scripts.",
                                                "secrets.", "log.",         "agents.",   "numbers.",
                                                "privacy.", "limits.money."};

}  // namespace

std::vector<NeedsRestart> needs_restart(const Settings& running, const Settings& wanted) {
    std::vector<NeedsRestart> found;
    for (const auto& each : fixed) {
        const std::string before = each.value(running);
        const std::string after = each.value(wanted);
        if (before == after) continue;
        const auto masked = [&](const std::string& value) {
            if (each.kind == Fixed::Kind::secret) return config::masked_secret(value);
            return value.empty() ? std::string("not set") : value;
        };
        const auto* line = config::find(wanted, each.setting);
        found.push_back({std::string(each.setting), masked(before), masked(after),
                         line == nullptr ? "" : line->source});
    }
    return found;
}

json::object to_json(const NeedsRestart& setting) {
    return {{"setting", setting.setting},
            {"running", setting.running},
            {"wanted", setting.wanted},
            {"source", setting.source}};
}

TakenOver taken_over(std::string_view setting) {
    const bool is_fixed = std::any_of(fixed.begin(), fixed.end(), [&](const Fixed& each) {
        return each.setting == setting ||
               (each.setting == "webhooks" && setting.starts_with("webhooks."));
    });
    if (is_fixed) return TakenOver::by_restart;
    const bool is_live = std::any_of(live.begin(), live.end(), [&](std::string_view group) {
        return setting.starts_with(group);
    });
    return is_live ? TakenOver::by_reload : TakenOver::unknown;
}

}  // namespace parley::reload
