#include "requests.hpp"

#include <stdexcept>

namespace parley::script {
namespace {

using Done = std::function<void(Answer)>;

const store::QueryProblem no_database{store::QueryProblem::Kind::mistake,
                                      "no database is configured"};

std::shared_ptr<void> carry_out(std::monostate, const Around&, Done) { return nullptr; }

std::shared_ptr<void> carry_out(QueryRequest request, const Around& around, Done done) {
    if (around.services.database == nullptr) {
        done(store::QueryResult(no_database));
    } else {
        around.services.database->query(
            std::move(request.statement),
            [done = std::move(done)](store::QueryResult result) { done(std::move(result)); });
    }
    return nullptr;
}

std::shared_ptr<void> carry_out(TransactionRequest request, const Around& around, Done done) {
    if (around.services.database == nullptr) {
        done(TransactionResult(no_database));
    } else {
        around.services.database->transaction(
            std::move(request.statements),
            [done = std::move(done)](TransactionResult result) { done(std::move(result)); });
    }
    return nullptr;
}

std::shared_ptr<void> carry_out(Errand errand, const Around& around, Done done) {
    return errand.start(around,
                        [done = std::move(done)](Outcome outcome) { done(std::move(outcome)); });
}

std::shared_ptr<void> carry_out(const HostRequest&, const Around&, const Done&) {
    throw Bug("only a test of scripts has a host");
}

std::shared_ptr<void> carry_out(const SayRequest&, const Around&, const Done&) {
    throw Bug("what is said belongs to the agent's own call");
}

std::shared_ptr<void> carry_out(const MessageRequest&, const Around&, const Done&) {
    throw Bug("a text message belongs to the agent's own call");
}

}  // namespace

Problem problem_of(const store::QueryProblem& problem) {
    using Kind = store::QueryProblem::Kind;
    switch (problem.kind) {
        case Kind::constraint: return {"constraint", problem.message, false};
        case Kind::busy: return {"busy", problem.message, true};
        case Kind::timeout: return {"timeout", problem.message, true};
        case Kind::full: return {"full", problem.message, false};
        case Kind::mistake: break;
    }
    return {"mistake", problem.message, false};
}

void throw_exception_from_error(const Problem& problem, const boost::source_location&) {
    throw std::runtime_error(problem.message);
}

bool is_open_request(const Request& request) {
    if (const auto* errand = std::get_if<Errand>(&request))
        return errand->counts == Errand::Counts::as_open_request;
    return std::holds_alternative<QueryRequest>(request) ||
           std::holds_alternative<TransactionRequest>(request);
}

Errand nap(milliseconds span) {
    return {
        [span](const Around& around, std::function<void(Outcome)> done) -> std::shared_ptr<void> {
            std::shared_ptr<Alarm> alarm =
                around.time.make_alarm([done = std::move(done)] { done(json::value()); });
            alarm->arm(around.time.now() + span);
            return alarm;
        }};
}

std::shared_ptr<void> ask(Request request, const Around& around, std::function<void(Answer)> done) {
    return std::visit(
        [&](auto& each) { return carry_out(std::move(each), around, std::move(done)); }, request);
}

}  // namespace parley::script
