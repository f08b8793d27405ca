#include "requests.hpp"

namespace parley::script {
namespace {

using Done = std::function<void(Answer)>;

const store::QueryProblem no_database{store::QueryProblem::Kind::mistake, "no database is configured"};

void carry_out(std::monostate, const Services&, Done) {}

void carry_out(QueryRequest request, const Services& services, Done done) {
    if (services.database == nullptr) return done(store::QueryResult(no_database));
    services.database->query(std::move(request.statement),
                             [done = std::move(done)](store::QueryResult result) { done(std::move(result)); });
}

void carry_out(TransactionRequest request, const Services& services, Done done) {
    if (services.database == nullptr) return done(TransactionResult(no_database));
    services.database->transaction(std::move(request.statements),
                                   [done = std::move(done)](TransactionResult result) { done(std::move(result)); });
}

void carry_out(SleepRequest, const Services&, Done) {
    throw Bug("a sleep belongs to the agent's own clock");
}

}  // namespace

void ask(Request request, const Services& services, std::function<void(Answer)> done) {
    std::visit([&](auto& each) { carry_out(std::move(each), services, std::move(done)); }, request);
}

}  // namespace parley::script
