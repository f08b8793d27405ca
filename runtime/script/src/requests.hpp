// requests.hpp: what a handler waits for, outside its call: one struct for each kind, and who
// carries it out.
//
// A bound function puts a Request into the run and yields; ask() carries it out; the Answer goes
// into the run and the handler is resumed. A new module adds a request here, its answer, and a line
// to ask().
#pragma once

#include <parley/call/events.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/script/services.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
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
// What can go wrong outside a script: `nil, problem` in Lua.
struct Problem {
    std::string kind;        // "timeout": a word that scripts compare with
    std::string message;     // for people
    bool retry = false;      // whether trying again may help
    json::object more = {};  // further fields
};
using Outcome = boost::system::result<json::value, Problem>;
Problem problem_of(const store::QueryProblem& problem);
[[noreturn]] void throw_exception_from_error(const Problem& problem, const boost::source_location&);

// Where a request is carried out.
struct Around {
    const Services& services;
    Timekeeper& time;                   // the call's
    boost::asio::any_io_executor home;  // the call's thread
};
struct HostRequest {  // of a test of scripts: carried out by its host
    std::string what;
    json::value arguments;
};

// Everything else a module waits for. `start` begins it, on the call's thread; what it returns
// keeps it going, and is dropped when the answer has come or nobody waits for it any more. `done`:
// on any thread, at most once.
struct Errand {
    std::function<std::shared_ptr<void>(const Around& around, std::function<void(Outcome)> done)>
        start;
    enum class Counts { as_open_request, not_at_all } counts = Counts::not_at_all;
};

struct SayRequest {  // carried out by the agent, whose call it is
    std::string text;
};

struct MessageRequest {  // likewise: the call's journal tells of it
    std::string to;
    std::string text;
};

using Request = std::variant<std::monostate, QueryRequest, TransactionRequest, Errand, SayRequest,
                             MessageRequest, HostRequest>;
using Answer = std::variant<std::monostate, store::QueryResult, TransactionResult, Outcome,
                            call::SayDone, Checked<json::value>>;

// Whether it counts against the requests that a call may have open.
bool is_open_request(const Request& request);

// A pause, by the call's own clock.
Errand nap(milliseconds span);

// `done` may run on any thread, also inside ask(), and at most once. Keep what is returned until
// then.
std::shared_ptr<void> ask(Request request, const Around& around, std::function<void(Answer)> done);

}  // namespace parley::script
