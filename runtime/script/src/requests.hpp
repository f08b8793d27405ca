// requests.hpp: what a handler waits for, outside its call: one struct for each kind, and who carries it out.
//
// A bound function puts a Request into the run and yields; ask() carries it out; the Answer goes into the run and the
// handler is resumed. A new module adds a request here, its answer, and a line to ask().
#pragma once

#include <parley/core/clock.hpp>
#include <parley/script/services.hpp>

#include <functional>
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

using Request = std::variant<std::monostate, QueryRequest, TransactionRequest, SleepRequest>;
using Answer = std::variant<std::monostate, store::QueryResult, TransactionResult>;

// `done` may run on any thread, also inside ask(), and at most once.
void ask(Request request, const Services& services, std::function<void(Answer)> done);

}  // namespace parley::script
