// pages.hpp: the files of the dashboard, read once at the start and kept in memory.
//
//   page/index.html     GET /dashboard
//   page/x.mjs          GET /dashboard/x.mjs, for those who may look
//   page/login.html     GET /login (see doorkeeper.hpp); the files it names by "/dashboard/x.css" are for
//                       everyone
//
// Owner: serve(); outlives the server's requests. Thread: any.
#pragma once

#include <parley/core/result.hpp>
#include <parley/ops/routes.hpp>

#include <map>
#include <set>
#include <string>

namespace parley::ops {

class Pages {
 public:
    struct Limits {
        std::size_t files_max = 200;
        std::size_t bytes_max = 16 * 1024 * 1024;
    };

    // Every file below `dir`; `more` adds single files from elsewhere by the name they are to have,
    // and is silent about those that are not there. Fault when there is no dashboard in `dir`.
    static Checked<Pages> load(const std::string& dir,
                               const std::map<std::string, std::string>& more, Limits limits);
    static Checked<Pages> load(const std::string& dir,
                               const std::map<std::string, std::string>& more = {}) {
        return load(dir, more, Limits());
    }

    void add_to(Routes& routes) const;
    // "" when there is none of that name.
    std::string text(std::string_view name) const;

 private:
    struct File {
        std::string content_type;
        std::string text;
        std::string etag;
    };
    net::Response answer(const net::Request& request, const std::string& name) const;
    std::set<std::string> named_by_login() const;

    std::map<std::string, File, std::less<>> files_;
};

}  // namespace parley::ops
