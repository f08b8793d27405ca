// ledger.hpp: what has been begun with whom, and who is not to be called: tables outbound_attempts
// and do_not_call.
//
// Every step is written before it is done, so that after a crash it is known what may have happened.
//
// Owner:  the Dialler. Thread: the caller's; the store's thread does the work.
// End:    an answer that nobody waits for is dropped.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/task.hpp>
#include <parley/outbound/manners.hpp>
#include <parley/store/store.hpp>

#include <string>
#include <vector>

namespace parley::outbound {

struct Attempt {
    enum class State { planned, placing, placed, over };
    std::string id;  // our mark: 32 hexadecimal digits, or the caller's own key
    std::string to, from, agent;
    json::object vars = {};
    State state = State::planned;
    std::string call_sid = {};
    std::string status = {};  // as the carrier last said
    std::string answered_by = {};
    std::string outcome = {};  // of an attempt that is over: busy, no_answer, ..., not_placed
    std::string detail = {};
    WallTime created_at = {};
    WallTime placing_at = {};
};

template <class T>
using Stored = boost::system::result<T, store::QueryProblem>;

class Ledger {
 public:
    explicit Ledger(store::Store& store) : store_(store) {}

    // In one step: the facts, and the attempt written if they allow it.
    struct Admission {
        Facts facts;
        bool is_written = false;
    };
    Task<Stored<Admission>> admit(Attempt attempt, Rules rules, WallTime now);
    // Its row as it now is.
    Task<Stored<void>> write(Attempt attempt, WallTime now);
    Task<Stored<std::vector<Attempt>>> open_attempts();
    Task<Stored<std::optional<Attempt>>> find(std::string id);
    // Which of these calls belong to attempts already.
    Task<Stored<std::vector<std::string>>> known_calls(std::string to);

    struct Listed {
        std::string number, reason;
        std::int64_t added_at_ms = 0;
    };
    Task<Stored<std::vector<Listed>>> list();
    Task<Stored<bool>> add(std::string number, std::string reason,
                           WallTime now);           // false: was there
    Task<Stored<bool>> remove(std::string number);  // false: was not

 private:
    Task<store::QueryResult> run(std::string sql, json::array parameters = {});
    Task<store::TransactionResult> run_all(std::vector<store::Statement> statements);
    store::Store& store_;
};

}  // namespace parley::outbound
