#include <parley/archive/transcript.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::archive {
namespace {

using namespace call::journal;

constexpr std::size_t name_bytes_max = 64;

// An id or number as part of a file's name. What had to be changed gets a digest of the whole, so
// that two calls cannot meet in one file.
std::string safe_name(std::string_view text) {
    std::string name;
    for (const char c : text) {
        const bool is_safe = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || c == '-' || c == '+';
        name += is_safe ? c : '-';
        if (name.size() == name_bytes_max) break;
    }
    if (name == text && !name.empty()) return name;
    return (name.empty() ? "unknown" : name + "-" + crypto::sha256_hex(text).substr(0, 8));
}

// Colons are not allowed in names of files everywhere.
std::string stamp(WallTime when) {
    std::string text = iso8601(when);
    std::replace(text.begin(), text.end(), ':', '-');
    return text;
}

// In the words that readers of these files know, and our own where there are none.
std::string shutdown_reason(std::string_view reason) {
    if (reason.ends_with("_unspoken")) reason.remove_suffix(std::string_view("_unspoken").size());
    if (reason == "caller_hung_up") return "twilio-stop";
    if (reason == "channel_lost") return "twilio-closed";
    if (reason == "provider_lost") return "openai-closed";
    if (reason == "provider_failed" || reason == "provider_unavailable") return "openai-error";
    std::string own(reason);
    std::replace(own.begin(), own.end(), '_', '-');
    return own;
}

std::string_view role_name(Transcript::Role role) {
    switch (role) {
        case Transcript::Role::user: return "user";
        case Transcript::Role::assistant: return "assistant";
        case Transcript::Role::system: return "system";
    }
    return "";
}

Transcript::Role role_named(std::string_view name) {
    if (name == "user") return Transcript::Role::user;
    return name == "assistant" ? Transcript::Role::assistant : Transcript::Role::system;
}

// A transcript has one line for each message, whatever was said.
std::string on_one_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
    }
    return text;
}

// The inverse of iso8601(), to the millisecond; the epoch for anything else.
WallTime time_of(const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%dZ", &year, &month, &day, &hour, &minute,
                    &second, &ms) != 7)
        return {};
    using namespace std::chrono;
    const year_month_day date{std::chrono::year(year),
                              std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return {};
    return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(ms);
}

}  // namespace

Transcript Transcript::of(std::string call_sid, const std::vector<Entry>& entries) {
    Transcript transcript(std::move(call_sid));
    for (const auto& entry : entries) transcript.add(entry);
    return transcript;
}

std::vector<Transcript::Message> Transcript::add(const Entry& entry) {
    std::vector<Message> added;
    const auto say = [&](Role role, std::string content, std::string unheard = {},
                         std::string item_id = {}) {
        added.push_back(
            {entry.at, role, std::move(content), std::move(unheard), std::move(item_id)});
    };
    if (const auto* started = std::get_if<CallStarted>(&entry.event)) {
        number_ = started->other_party();
        started_ = entry.at;
        has_started_ = true;
        say(Role::system, fmt::format("Call connected ({}).", call_sid_));
    } else if (std::holds_alternative<ProviderReady>(entry.event)) {
        say(Role::system, "OpenAI realtime session established.");
    } else if (const auto* said = std::get_if<CallerSaid>(&entry.event)) {
        say(Role::user, said->text, "", said->item_id);
    } else if (const auto* spoken = std::get_if<AgentSaid>(&entry.event)) {
        say(Role::assistant, spoken->heard, spoken->unheard, spoken->item_id);
    } else if (const auto* ended = std::get_if<CallEnded>(&entry.event)) {
        is_over_ = true;
        ended_ = entry.at;
        outcome_ = ended->outcome;
        reason_ = ended->reason;
        duration_ms_ = ended->duration_ms;
        say(Role::system,
            fmt::format("Shutting down voice bridge ({}).", shutdown_reason(ended->reason)));
    }
    messages_.insert(messages_.end(), added.begin(), added.end());
    return added;
}

void Transcript::take_in(const json::object& earlier) {
    const auto* messages = json_read::array(earlier, "messages");
    if (messages == nullptr) return;
    for (const auto& each : *messages) {
        const auto* fields = each.if_object();
        if (fields == nullptr) continue;
        const Message message{
            time_of(json_read::text(*fields, "timestamp")),
            role_named(json_read::text(*fields, "role")), json_read::text(*fields, "content"),
            json_read::text(*fields, "unheard"), json_read::text(*fields, "itemId")};
        const bool is_known =
            std::any_of(messages_.begin(), messages_.end(), [&](const Message& known) {
                return known.role == message.role && known.content == message.content &&
                       unix_ms(known.at) == unix_ms(message.at);
            });
        if (!is_known) messages_.push_back(message);
    }
}

bool Transcript::has_words() const {
    return std::any_of(messages_.begin(), messages_.end(),
                       [](const Message& each) { return each.role != Role::system; });
}

std::vector<Transcript::Message> Transcript::messages() const {
    auto sorted = messages_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Message& a, const Message& b) { return a.at < b.at; });
    return sorted;
}

std::string Transcript::text_file_name() const {
    return fmt::format("{}-{}.txt", stamp(started_), safe_name(call_sid_));
}

std::string Transcript::json_file_name() const {
    return fmt::format("{}_{}_{}.json", safe_name(call_sid_), safe_name(number_), stamp(started_));
}

json::object Transcript::as_json() const {
    json::array list;
    for (const auto& message : messages()) {
        json::object each{{"role", role_name(message.role)},
                          {"content", to_valid_utf8(message.content)},
                          {"timestamp", iso8601(message.at)}};
        if (!message.item_id.empty()) each["itemId"] = to_valid_utf8(message.item_id);
        if (!message.unheard.empty()) each["unheard"] = to_valid_utf8(message.unheard);
        list.push_back(std::move(each));
    }
    json::object all{{"callSid", to_valid_utf8(call_sid_)},
                     {"phoneNumber", to_valid_utf8(number_)},
                     {"timestamp", iso8601(started_)},
                     {"messages", std::move(list)}};
    if (is_over_) {
        all["endTime"] = iso8601(ended_);
        all["duration"] = static_cast<double>(duration_ms_) / 1'000;
        all["outcome"] = to_valid_utf8(outcome_);
        all["reason"] = to_valid_utf8(reason_);
    }
    all["complete"] = is_over_;
    return all;
}

std::string line_of(const Transcript::Message& message) {
    const auto speaker =
        message.role == Transcript::Role::user ? "customer" : role_name(message.role);
    return fmt::format("[{}] {}: {}\n", iso8601(message.at), speaker,
                       on_one_line(to_valid_utf8(message.content)));
}

std::string Transcript::as_lines() const {
    std::string lines;
    for (const auto& message : messages()) lines += line_of(message);
    return lines;
}

std::string Transcript::as_conversation() const {
    std::string text;
    for (const auto& message : messages()) {
        if (message.role == Role::system || message.content.empty()) continue;
        if (!text.empty()) text += "\n\n";
        text += message.role == Role::user ? "Caller: " : "Assistant: ";
        text += on_one_line(to_valid_utf8(message.content));
    }
    return text;
}

}  // namespace parley::archive
