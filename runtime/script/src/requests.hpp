// requests.hpp: what a handler waits for, outside its call: one struct for each kind, and who carries it out.
//
// A bound function puts a Request into the run and yields; ask() carries it out; the Answer goes into the run and the
// handler is resumed. A new module adds a request here, its answer, and a line to ask().
#pragma once

#include <parley/call/events.hpp>
#include <parley/core/clock.hpp>
#include <parley/script/services.hpp>

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace parley::script {

struct QueryRequest {
    store::Statement statement;
    enum class Wants { rows, counts } wants = Wants::rows;
};
struct TransactionRequest {
    std::vector<store::Statement> statements;
};
struct SleepRequest {  // by the call's own clock: carried out by the agent
    milliseconds span{};
};

struct SayRequest {  // carried out by the agent, too
    std::string text;
};
// What one agent knows of one caller from call to call; `key` is complete.
struct RememberRequest {
    std::string key;
    std::string json_text;  // empty: forget it
    KeyValues::Lifetime lifetime;
};
struct RecallRequest {
    std::string key;
};

// What a script gets as `problem`.
struct Trouble {
    std::string kind;
    std::string message;
    bool may_retry = false;
};
Trouble trouble_of(const store::QueryProblem& problem);

struct Remembered {
    std::optional<Trouble> trouble;
};
struct Recalled {
    std::optional<std::string> json_text;  // nothing: nothing is known
    std::optional<Trouble> trouble;
};

using Request = std::variant<std::monostate, QueryRequest, TransactionRequest, SleepRequest, SayRequest, RememberRequest, RecallRequest>;
using Answer = std::variant<std::monostate, store::QueryResult, TransactionResult, call::SayDone, Remembered, Recalled>;

// `done` may run on any thread, also inside ask(), and at most once.
void ask(Request request, const Services& services, std::function<void(Answer)> done);

}  // namespace parley::script
