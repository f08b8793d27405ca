#include "tables.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace parley::store {
namespace {

constexpr std::array runtime_tables = std::to_array<std::string_view>(
    {"calls", "journal", "transcript", "tool_calls", "call_notes", "usage", "script_migrations",
     "unsaved_imports", "script_keys", "access_tokens", "audit", "outbound_attempts", "do_not_call",
     "webhook_deliveries"});

constexpr std::array versions{
    R"sql(
CREATE TABLE calls (
    call_sid      TEXT PRIMARY KEY NOT NULL,
    from_number   TEXT NOT NULL DEFAULT '',
    to_number     TEXT NOT NULL DEFAULT '',
    agent         TEXT NOT NULL DEFAULT '',
    channel       TEXT NOT NULL DEFAULT '',
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,                      -- NULL while the call runs
    outcome       TEXT NOT NULL DEFAULT '',
    reason        TEXT NOT NULL DEFAULT '',
    duration_ms   INTEGER,
    cost_usd      REAL NOT NULL DEFAULT 0,
    turns         INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX calls_by_start ON calls(started_at_ms);
CREATE INDEX calls_running ON calls(call_sid) WHERE ended_at_ms IS NULL;

CREATE TABLE journal (
    id       INTEGER PRIMARY KEY,               -- grows with each entry: a live view asks for what is after it
    call_sid TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    type     TEXT NOT NULL,
    data     TEXT NOT NULL                      -- JSON: the fields of that type
);
CREATE INDEX journal_by_call ON journal(call_sid, at_ms);

CREATE TABLE transcript (
    id          INTEGER PRIMARY KEY,
    call_sid    TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,               -- when the speech began
    speaker     TEXT NOT NULL CHECK (speaker IN ('caller', 'agent')),
    text        TEXT NOT NULL,                  -- of the agent: what the caller heard
    unheard     TEXT NOT NULL DEFAULT '',
    item_id     TEXT NOT NULL DEFAULT '',
    heard_ms    INTEGER,
    received_ms INTEGER,
    interrupted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX transcript_by_call ON transcript(call_sid, at_ms);

CREATE TABLE tool_calls (
    call_sid     TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    arguments    TEXT NOT NULL DEFAULT '',
    output       TEXT,                          -- NULL until it returned
    ok           INTEGER,
    at_ms        INTEGER NOT NULL,
    duration_ms  INTEGER,
    PRIMARY KEY (call_sid, tool_call_id)
);

CREATE TABLE usage (
    id                  INTEGER PRIMARY KEY,
    call_sid            TEXT NOT NULL,
    response_id         TEXT NOT NULL,
    input_text_tokens   INTEGER NOT NULL,
    input_audio_tokens  INTEGER NOT NULL,
    cached_text_tokens  INTEGER NOT NULL,
    cached_audio_tokens INTEGER NOT NULL,
    output_text_tokens  INTEGER NOT NULL,
    output_audio_tokens INTEGER NOT NULL,
    cost_usd            REAL NOT NULL,
    at_ms               INTEGER NOT NULL
);
CREATE INDEX usage_by_call ON usage(call_sid, at_ms);

CREATE TABLE script_migrations (
    name          TEXT PRIMARY KEY NOT NULL,
    sha256        TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL
);

-- Files of unsaved entries that were taken in: a file left behind by a crash after the commit is not taken in twice.
CREATE TABLE unsaved_imports (
    sha256 TEXT PRIMARY KEY NOT NULL,
    at_ms  INTEGER NOT NULL
);
)sql",
    // Writing down what callers say is counted too: by its item, and by time where that is what is
    // billed.
    R"sql(
ALTER TABLE usage ADD COLUMN item_id TEXT NOT NULL DEFAULT '';        -- of a transcription; response_id is then empty
ALTER TABLE usage ADD COLUMN audio_seconds REAL NOT NULL DEFAULT 0;
)sql",
    R"sql(
-- What the agent's script makes of a call after its end: JSON, the fields that on_end returned.
ALTER TABLE calls ADD COLUMN summary TEXT NOT NULL DEFAULT '';

CREATE TABLE call_notes (
    id       INTEGER PRIMARY KEY,
    call_sid TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    text     TEXT NOT NULL,
    fields   TEXT NOT NULL DEFAULT '{}'         -- JSON
);
CREATE INDEX call_notes_by_call ON call_notes(call_sid, at_ms);
)sql",
    R"sql(
CREATE TABLE script_keys (
    key           TEXT PRIMARY KEY NOT NULL,
    value         TEXT NOT NULL,                -- JSON
    expires_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX script_keys_by_end ON script_keys(expires_at_ms);
)sql",
    R"sql(
-- Who may enter, beside the token of the settings. Of a token only its digest is kept.
CREATE TABLE access_tokens (
    name          TEXT PRIMARY KEY NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    digest        TEXT NOT NULL,                -- SHA-256, hexadecimal
    created_at_ms INTEGER NOT NULL
);

-- Who changed what.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    who    TEXT NOT NULL,                       -- name of a token
    role   TEXT NOT NULL,
    peer   TEXT NOT NULL,
    action TEXT NOT NULL,                       -- "POST /api/reload"
    status INTEGER NOT NULL                     -- of the answer
);
)sql",
    R"sql(
-- Calls that we place. Each step is written before it is done: after a crash it is known what may have happened.
CREATE TABLE outbound_attempts (
    id            TEXT PRIMARY KEY NOT NULL,
    to_number     TEXT NOT NULL,
    from_number   TEXT NOT NULL,
    agent         TEXT NOT NULL,
    vars          TEXT NOT NULL DEFAULT '{}',   -- JSON
    state         TEXT NOT NULL CHECK (state IN ('planned', 'placing', 'placed', 'over')),
    call_sid      TEXT UNIQUE,                  -- once the carrier has named the call
    status        TEXT NOT NULL DEFAULT '',     -- as the carrier last said
    answered_by   TEXT NOT NULL DEFAULT '',
    outcome       TEXT NOT NULL DEFAULT '',     -- busy, no_answer, ..., not_placed
    detail        TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    placing_at_ms INTEGER NOT NULL DEFAULT 0,
    updated_at_ms INTEGER NOT NULL
);
CREATE INDEX outbound_attempts_by_number ON outbound_attempts(to_number, created_at_ms);
CREATE INDEX outbound_attempts_by_time ON outbound_attempts(created_at_ms);
CREATE INDEX outbound_attempts_open ON outbound_attempts(state) WHERE state <> 'over';

CREATE TABLE do_not_call (
    number      TEXT PRIMARY KEY NOT NULL,
    reason      TEXT NOT NULL DEFAULT '',
    added_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
)sql",
    // Written with the call's end, in one transaction: whatever happens afterwards, it is known who
    // has still to be told.
    R"sql(
CREATE TABLE webhook_deliveries (
    id             TEXT PRIMARY KEY NOT NULL,   -- sent with every attempt: receivers know by it what they have had
    webhook        TEXT NOT NULL,               -- the name in the settings
    call_sid       TEXT NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    next_try_at_ms INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    state          TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    problem        TEXT NOT NULL DEFAULT '',    -- of the last attempt
    body           TEXT,                        -- JSON, the same in every attempt; NULL before the first
    UNIQUE (call_sid, webhook)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries(next_try_at_ms) WHERE state = 'waiting';
)sql",
};

}  // namespace

bool is_runtime_table(std::string_view name) {
    return std::find(runtime_tables.begin(), runtime_tables.end(), lower(name)) !=
           runtime_tables.end();
}

bool is_private_table(std::string_view name) {
    const auto wanted = lower(name);
    return wanted == "access_tokens" || wanted == "audit";
}

int newest_version() { return static_cast<int>(versions.size()); }

Checked<void> make_tables(Database& database, const std::string& path) {
    const auto fault = [&](const SqlFailure& why) {
        return Fault{path, "cannot prepare the tables: " + why.message, remedy_for(why.code, path)};
    };
    if (const auto why = database.run("BEGIN IMMEDIATE")) return fault(why);
    const int version = std::atoi(database.value("PRAGMA user_version").c_str());
    if (version > newest_version()) {
        database.roll_back();
        return Fault{
            path,
            fmt::format("was written by a newer Parley (tables version {}, this one knows {})",
                        version, newest_version()),
            "run that version, or name another database (DATABASE_PATH)"};
    }
    for (int next = version; next < newest_version(); ++next) {
        auto why = database.run(versions[static_cast<std::size_t>(next)]);
        if (!why) why = database.run(fmt::format("PRAGMA user_version = {}", next + 1).c_str());
        if (why) {
            database.roll_back();
            return fault(why);
        }
    }
    if (const auto why = database.run("COMMIT")) {
        database.roll_back();
        return fault(why);
    }
    return {};
}

}  // namespace parley::store
