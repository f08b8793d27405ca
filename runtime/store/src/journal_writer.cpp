#include "journal_writer.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/crypto.hpp>

namespace parley::store {
namespace {

using namespace call::journal;

// Carriers repeat webhooks, a call may move from one stream to the next, and entries may have been
// lost: so nothing here relies on a row being there already, or on it not being there.
constexpr std::string_view insert_journal =
    "INSERT INTO journal(call_sid, at_ms, type, data) VALUES (?1, ?2, ?3, ?4)";
constexpr std::string_view upsert_started =
    "INSERT INTO calls(call_sid, started_at_ms, from_number, to_number, agent, channel) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
    "ON CONFLICT(call_sid) DO UPDATE SET started_at_ms = min(started_at_ms, excluded.started_at_ms), "
    "from_number = excluded.from_number, to_number = excluded.to_number, agent = excluded.agent, channel = excluded.channel, "
    "ended_at_ms = NULL, outcome = '', reason = '', duration_ms = NULL";
constexpr std::string_view upsert_ended =
    "INSERT INTO calls(call_sid, started_at_ms, ended_at_ms, outcome, reason, duration_ms) VALUES (?1, ?2 - ?5, ?2, ?3, ?4, ?5) "
    "ON CONFLICT(call_sid) DO UPDATE SET ended_at_ms = excluded.ended_at_ms, outcome = excluded.outcome, "
    "reason = excluded.reason, duration_ms = excluded.duration_ms";
constexpr std::string_view insert_said =
    "INSERT INTO transcript(call_sid, at_ms, speaker, text, unheard, item_id, heard_ms, received_ms, interrupted) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
constexpr std::string_view upsert_turn =
    "INSERT INTO calls(call_sid, started_at_ms, turns) VALUES (?1, ?2, 1) ON CONFLICT(call_sid) DO UPDATE SET turns = turns + 1";
constexpr std::string_view upsert_tool_started =
    "INSERT INTO tool_calls(call_sid, tool_call_id, at_ms, name, arguments) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT(call_sid, tool_call_id) DO UPDATE SET name = excluded.name, arguments = excluded.arguments, at_ms = excluded.at_ms";
constexpr std::string_view upsert_tool_returned =
    "INSERT INTO tool_calls(call_sid, tool_call_id, at_ms, name, output, ok, duration_ms) VALUES (?1, ?2, ?3 - ?7, ?4, ?5, ?6, ?7) "
    "ON CONFLICT(call_sid, tool_call_id) DO UPDATE SET output = excluded.output, ok = excluded.ok, duration_ms = excluded.duration_ms";
constexpr std::string_view insert_usage =
    "INSERT INTO usage(call_sid, response_id, input_text_tokens, input_audio_tokens, cached_text_tokens, cached_audio_tokens, "
    "output_text_tokens, output_audio_tokens, cost_usd, at_ms, item_id, audio_seconds) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
constexpr std::string_view upsert_cost =
    "INSERT INTO calls(call_sid, started_at_ms, cost_usd) VALUES (?1, ?2, ?3) "
    "ON CONFLICT(call_sid) DO UPDATE SET cost_usd = cost_usd + excluded.cost_usd";
constexpr std::string_view insert_note =
    "INSERT INTO call_notes(call_sid, at_ms, text, fields) VALUES (?1, ?2, ?3, ?4)";
constexpr std::string_view upsert_summary =
    "INSERT INTO calls(call_sid, started_at_ms, summary) VALUES (?1, ?2, ?3) ON CONFLICT(call_sid) DO UPDATE SET summary = excluded.summary";

// A call ends once, but entries may be written twice: by a crash, or taken in from a file.
constexpr std::string_view insert_delivery =
    "INSERT INTO webhook_deliveries(id, webhook, call_sid, created_at_ms, next_try_at_ms) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT(call_sid, webhook) DO NOTHING";
constexpr std::string_view hasten_delivery =
    "UPDATE webhook_deliveries SET next_try_at_ms = ?2 WHERE call_sid = ?1 AND attempts = 0 AND state = 'waiting'";
// An agent may take five seconds for its last word; what it says then belongs to the delivery.
constexpr std::int64_t summary_within_ms = 6'000;

std::int64_t as_integer(bool flag) { return flag ? 1 : 0; }

}  // namespace

bool is_entrys_fault(int code) {
    const int primary = code & 0xFF;
    return primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH ||
           primary == SQLITE_RANGE;
}

SqlFailure JournalWriter::prepare(Database& database, std::vector<std::string> webhooks) {
    database_ = &database;
    webhooks_ = std::move(webhooks);
    for (const auto& [statement, sql] :
         {std::pair{&journal_, insert_journal}, std::pair{&started_, upsert_started},
          std::pair{&ended_, upsert_ended}, std::pair{&said_, insert_said},
          std::pair{&turn_, upsert_turn}, std::pair{&tool_started_, upsert_tool_started},
          std::pair{&tool_returned_, upsert_tool_returned}, std::pair{&usage_, insert_usage},
          std::pair{&cost_, upsert_cost}, std::pair{&note_, insert_note},
          std::pair{&summary_, upsert_summary}, std::pair{&delivery_, insert_delivery},
          std::pair{&delivery_due_, hasten_delivery}}) {
        *statement = database.prepare(sql);
        if (!*statement) return database.failure();
    }
    return {};
}

void JournalWriter::close() {
    for (auto* statement :
         {&journal_, &started_, &ended_, &said_, &turn_, &tool_started_, &tool_returned_, &usage_,
          &cost_, &note_, &summary_, &delivery_, &delivery_due_}) {
        *statement = Prepared();
    }
}

SqlFailure JournalWriter::write(const Entry& entry) {
    const std::int64_t at_ms = unix_ms(entry.at);
    const std::string data = json::serialize(fields(entry.event));
    int code = journal_.run(std::string_view(entry.call_sid), at_ms, type_name(entry.event),
                            std::string_view(data));
    if (code == SQLITE_OK) code = derive(entry, at_ms);
    if (code == SQLITE_OK) return {};
    return {code, sqlite3_errmsg(database_->get())};
}

int JournalWriter::derive(const Entry& entry, std::int64_t at_ms) {
    using Text = std::string_view;
    const Text sid = entry.call_sid;
    if (const auto* e = std::get_if<CallStarted>(&entry.event)) {
        return started_.run(sid, at_ms, Text(e->from), Text(e->to), Text(e->agent),
                            Text(e->channel));
    }
    if (const auto* e = std::get_if<CallEnded>(&entry.event)) {
        int code = ended_.run(sid, at_ms, Text(e->outcome), Text(e->reason), e->duration_ms);
        for (const auto& webhook : webhooks_) {
            if (code != SQLITE_OK) break;
            const std::string id = crypto::uuid4();
            code = delivery_.run(Text(id), Text(webhook), sid, at_ms, at_ms + summary_within_ms);
        }
        return code;
    }
    if (const auto* e = std::get_if<CallerSaid>(&entry.event)) {
        const int code = said_.run(sid, at_ms, Text("caller"), Text(e->text), Text(""),
                                   Text(e->item_id), nullptr, nullptr, std::int64_t{0});
        return code == SQLITE_OK ? turn_.run(sid, at_ms) : code;
    }
    if (const auto* e = std::get_if<AgentSaid>(&entry.event)) {
        const int code =
            said_.run(sid, at_ms, Text("agent"), Text(e->heard), Text(e->unheard), Text(e->item_id),
                      e->heard_ms, e->received_ms, as_integer(e->interrupted));
        return code == SQLITE_OK ? turn_.run(sid, at_ms) : code;
    }
    if (const auto* e = std::get_if<ToolStarted>(&entry.event)) {
        return tool_started_.run(sid, Text(e->tool_call_id), at_ms, Text(e->name),
                                 Text(e->arguments));
    }
    if (const auto* e = std::get_if<ToolReturned>(&entry.event)) {
        return tool_returned_.run(sid, Text(e->tool_call_id), at_ms, Text(e->name), Text(e->output),
                                  as_integer(e->ok), e->duration_ms);
    }
    if (const auto* e = std::get_if<UsageCounted>(&entry.event)) {
        const auto& usage = e->usage;
        const int code =
            usage_.run(sid, Text(e->response_id), usage.input_text_tokens, usage.input_audio_tokens,
                       usage.cached_text_tokens, usage.cached_audio_tokens,
                       usage.output_text_tokens, usage.output_audio_tokens, usage.cost_usd, at_ms,
                       Text(e->item_id), usage.audio_seconds);
        return code == SQLITE_OK ? cost_.run(sid, at_ms, usage.cost_usd) : code;
    }
    if (const auto* e = std::get_if<Note>(&entry.event)) {
        const std::string more = json::serialize(e->fields);
        return note_.run(sid, at_ms, Text(e->text), Text(more));
    }
    if (const auto* e = std::get_if<Summary>(&entry.event)) {
        const std::string all = json::serialize(e->fields);
        const int code = summary_.run(sid, at_ms, Text(all));
        return code == SQLITE_OK ? delivery_due_.run(sid, at_ms) : code;
    }
    return SQLITE_OK;
}

}  // namespace parley::store
