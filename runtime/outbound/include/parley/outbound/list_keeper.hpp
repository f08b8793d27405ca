// list_keeper.hpp: who says in a call that they do not want to be called goes on the do-not-call
// list, at its end: a call with the outcome do_not_call.
//
// Owner:  app; outlives every session. Thread: any io thread.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/store/store.hpp>

#include <map>
#include <mutex>
#include <string>

namespace parley::outbound {

class ListKeeper final : public call::journal::Subscriber {
 public:
    explicit ListKeeper(store::Store& store) : store_(store) {}
    void on_entry(const call::journal::Entry& entry) override;

 private:
    std::string take_party(const std::string& call_sid);
    void list(const std::string& number, const std::string& call_sid);

    store::Store& store_;
    std::mutex mutex_;  // for what follows
    // Of calls in progress, by call sid. The database may be late with them.
    std::map<std::string, std::string> other_parties_;
};

}  // namespace parley::outbound
