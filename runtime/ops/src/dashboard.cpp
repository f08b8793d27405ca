#include <parley/ops/dashboard.hpp>

#include "asking.hpp"

#include <parley/ops/answers.hpp>

#include <fmt/format.h>

namespace parley::ops {
namespace {

constexpr std::size_t words_bytes_max = 500;
constexpr std::size_t search_bytes_max = 200;
constexpr std::int64_t appointments_shown = 20;

net::Response already_json(std::string text) {
    net::Response response;
    response.content_type = "application/json";
    response.body = std::move(text);
    return response;
}

net::Response no_such_call(const std::string& call_sid) {
    return refusal(404, fmt::format("there is no call {}", call_sid));
}

}  // namespace

void Dashboard::add_to(Routes& routes) {
    const auto add = [&](std::string path, std::string about, auto answer) {
        routes.add({{"GET"}, std::move(path), Access::viewer, std::move(about), std::move(answer)});
    };
    add("/dashboard/api/calls/active", "calls in progress",
        [this](const Asked&) -> Task<net::Response> {
            co_return already_json(parts_.live.text(Live::List::active));
        });
    add("/dashboard/api/metrics", "how fast answers and tools are",
        [this](const Asked&) -> Task<net::Response> {
            co_return already_json(parts_.live.text(Live::List::metrics));
        });
    add("/dashboard/api/calls/history", "calls that are over; q, outcome, before, limit",
        [this](Asked asked) { return history(std::move(asked)); });
    add("/dashboard/api/calls/appointments", "the last appointments",
        [this](Asked asked) { return appointments(std::move(asked)); });
    add("/dashboard/api/calls/stats", "figures of today and of the last calls",
        [this](const Asked&) { return stats(); });
    add("/dashboard/api/calls/:callSid", "everything of one call",
        [this](Asked asked) { return call(std::move(asked)); });
    add("/dashboard/api/transcripts/:callSid", "what was said in a call",
        [this](Asked asked) { return transcript(std::move(asked)); });
    add("/dashboard/api/transcripts/:callSid/stream", "the same, as it is said (SSE)",
        [this](Asked asked) -> Task<net::Response> { co_return transcript_stream(asked); });
    add("/dashboard/stream", "what happens in all calls, as it happens (SSE)",
        [this](Asked asked) -> Task<net::Response> {
            co_return parts_.live.watch(asked.request.headers.get("Last-Event-ID"));
        });
    routes.add({{"POST"},
                "/api/calls/:callSid/end",
                Access::operating,
                "end a call: {\"say\": last words} or {\"at_once\": true}",
                [this](Asked asked) -> Task<net::Response> { co_return end(asked); }});
    routes.add({{"POST"},
                "/dashboard/api/calls/:callSid/transfer",
                Access::operating,
                "put a caller through: {\"to\": number, \"words\": said first}",
                [this](Asked asked) -> Task<net::Response> { co_return transfer(asked); }});
}

Task<net::Response> Dashboard::read(Archive::Look look, std::string what) {
    if (parts_.archive == nullptr)
        co_return refusal(503, "Failed to fetch " + what, "the database is in memory only");
    auto found = co_await parts_.archive->read(std::move(look));
    if (!found) co_return refusal(500, "Failed to fetch " + what, found.error().text());
    // null: there is no such thing
    if (found->is_null()) co_return refusal(404, "there is no such call");
    co_return as_json(200, *found);
}

std::string Dashboard::recording_of(const std::string& call_sid) const {
    if (!parts_.has_recording || !parts_.has_recording(call_sid)) return "";
    return "/dashboard/api/calls/" + net::percent_encode(call_sid) + "/recording";
}

Task<net::Response> Dashboard::history(Asked asked) {
    HistoryQuery query;
    query.limit = static_cast<std::size_t>(limit_of(asked, 20, 200));
    query.text = asked.query("q").value_or("").substr(0, search_bytes_max);
    query.outcome = asked.query("outcome").value_or("");
    query.has_recording = parts_.has_recording;
    if (const auto before = asked.query("before"); before && !before->empty()) {
        query.before_ms = parse_iso8601(*before);
        if (!query.before_ms)
            co_return refusal(400, "before is not a time such as 2026-11-20T18:52:03.120Z");
    }
    Archive::Look look = [query](store::Reader& reader) -> json::value {
        return read_history(reader, query);
    };
    co_return co_await read(std::move(look), "call history");
}

Task<net::Response> Dashboard::appointments(Asked asked) {
    const auto limit = static_cast<std::size_t>(limit_of(asked, appointments_shown, 200));
    Archive::Look look = [limit](store::Reader& reader) -> json::value {
        return read_appointments(reader, limit);
    };
    co_return co_await read(std::move(look), "appointments");
}

Task<net::Response> Dashboard::stats() {
    const auto active = json::parse(parts_.live.text(Live::List::active)).as_array().size();
    Archive::Look look = [active](store::Reader& reader) -> json::value {
        auto stats = read_stats(reader, std::chrono::system_clock::now());
        stats["activeCalls"] = active;
        return stats;
    };
    co_return co_await read(std::move(look), "stats");
}

Task<net::Response> Dashboard::call(Asked asked) {
    const auto call_sid = asked.param("callSid");
    auto live = parts_.live.active(call_sid);
    Archive::Look look = [this, call_sid, live](store::Reader& reader) -> json::value {
        auto found = read_call(reader, call_sid);
        if (!found) return live ? json::value(*live) : json::value(nullptr);
        if (found->at("endTime").is_null() && live) {
            for (const auto& field : *live) (*found)[field.key()] = field.value();
        }
        const auto recording = recording_of(call_sid);
        (*found)["recording"] = recording.empty() ? json::value(nullptr) : json::value(recording);
        return *found;
    };
    co_return co_await read(std::move(look), "the call");
}

Task<net::Response> Dashboard::transcript(Asked asked) {
    const auto call_sid = asked.param("callSid");
    Archive::Look look = [call_sid](store::Reader& reader) -> json::value {
        auto found = read_transcript(reader, call_sid);
        return found ? json::value(std::move(*found)) : json::value(nullptr);
    };
    co_return co_await read(std::move(look), "transcript");
}

net::Response Dashboard::transcript_stream(const Asked& asked) {
    const auto call_sid = asked.param("callSid");
    auto response = parts_.live.watch_transcript(call_sid);
    return response ? std::move(*response)
                    : refusal(404, fmt::format("there is no call {} in progress", call_sid));
}

net::Response Dashboard::end(const Asked& asked) {
    const auto call_sid = asked.param("callSid");
    const auto body = asked.json_body();
    if (!body) return refusal(400, body.error().text());
    auto words = json_read::text(*body, "say");
    const bool is_at_once = json_read::boolean(*body, "at_once").value_or(false);
    if (is_at_once == !words.empty())
        return refusal(400, "give either say, the last words, or at_once: true");
    if (words.size() > words_bytes_max)
        return refusal(400, fmt::format("say has at most {} bytes", words_bytes_max));
    if (!parts_.end_call(call_sid, std::move(words))) return no_such_call(call_sid);
    return as_json(202, {{"success", true}, {"message", "The call is being ended"}});
}

net::Response Dashboard::transfer(const Asked& asked) {
    const auto body = asked.json_body();
    if (!body) return refusal(400, body.error().text());
    call::TransferAsked wanted;
    wanted.transfer.to = json_read::text(*body, "to");
    wanted.words = json_read::text(*body, "words");
    if (wanted.transfer.to.empty()) return refusal(400, "to is needed: the number to connect to");
    if (wanted.words.size() > words_bytes_max)
        return refusal(400, fmt::format("words has at most {} bytes", words_bytes_max));
    const auto call_sid = asked.param("callSid");
    if (!parts_.transfer) return no_such_call(call_sid);
    if (auto refused = parts_.transfer(call_sid, std::move(wanted))) {
        if (refused->status == 404) return no_such_call(call_sid);
        return refusal(refused->status, refused->problem, refused->remedy);
    }
    return as_json(202, {{"success", true}, {"message", "The caller is being put through"}});
}

}  // namespace parley::ops
