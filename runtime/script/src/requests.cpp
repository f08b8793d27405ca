#include "requests.hpp"

namespace parley::script {
namespace {

using Done = std::function<void(Answer)>;

const store::QueryProblem no_database{store::QueryProblem::Kind::mistake, "no database is configured"};
const Trouble no_keys{"mistake", "there is no store for what is remembered", false};

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

void carry_out(RememberRequest request, const Services& services, Done done) {
    if (services.keys == nullptr) return done(Remembered{no_keys});
    auto answer = [done = std::move(done)](KeyValues::Result<void> result) {
        done(Remembered{result.has_error() ? std::optional(trouble_of(result.error())) : std::nullopt});
    };
    if (request.json_text.empty()) return services.keys->remove(std::move(request.key), std::move(answer));
    services.keys->set(std::move(request.key), std::move(request.json_text), request.lifetime, std::move(answer));
}

void carry_out(RecallRequest request, const Services& services, Done done) {
    if (services.keys == nullptr) return done(Recalled{std::nullopt, no_keys});
    services.keys->get(std::move(request.key), [done = std::move(done)](KeyValues::Result<std::optional<std::string>> result) {
        if (result.has_error()) return done(Recalled{std::nullopt, trouble_of(result.error())});
        done(Recalled{std::move(*result), std::nullopt});
    });
}

void carry_out(const SleepRequest&, const Services&, const Done&) {
    throw Bug("a sleep belongs to the agent's own clock");
}

void carry_out(const SayRequest&, const Services&, const Done&) {
    throw Bug("what is said belongs to the agent's own call");
}

}  // namespace

Trouble trouble_of(const store::QueryProblem& problem) {
    using Kind = store::QueryProblem::Kind;
    const char* kind = "mistake";
    switch (problem.kind) {
        case Kind::constraint: kind = "constraint"; break;
        case Kind::busy: kind = "busy"; break;
        case Kind::timeout: kind = "timeout"; break;
        case Kind::full: kind = "full"; break;
        case Kind::mistake: break;
    }
    return {kind, problem.message, problem.kind == Kind::busy || problem.kind == Kind::timeout};
}

void ask(Request request, const Services& services, std::function<void(Answer)> done) {
    std::visit([&](auto& each) { carry_out(std::move(each), services, std::move(done)); }, request);
}

}  // namespace parley::script
