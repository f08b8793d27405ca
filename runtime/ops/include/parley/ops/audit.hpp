// audit.hpp: who changed what: one line in the log and one row in the database for each request
// that was to change something, done or refused.
//
// Owner: serve(). Thread: any; note() never waits.
#pragma once

#include <parley/ops/routes.hpp>
#include <parley/store/store.hpp>

namespace parley::ops {

class Audit {
 public:
    explicit Audit(store::Store& store) : store_(store) {}

    void note(const Deed& deed);
    // GET /dashboard/api/audit?limit=100: newest first.
    void add_to(Routes& routes);

 private:
    store::Store& store_;
};

}  // namespace parley::ops
