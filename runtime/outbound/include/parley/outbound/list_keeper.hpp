// list_keeper.hpp: who says in a call that they do not want to be called goes on the do-not-call
// list, at its end: a call with the outcome do_not_call.
//
// Owner:  app; outlives every session. Thread: any io thread.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/store/store.hpp>

namespace parley::outbound {

class ListKeeper final : public call::journal::Subscriber {
 public:
    explicit ListKeeper(store::Store& store) : store_(store) {}
    void on_entry(const call::journal::Entry& entry) override;

 private:
    store::Store& store_;
};

}  // namespace parley::outbound
