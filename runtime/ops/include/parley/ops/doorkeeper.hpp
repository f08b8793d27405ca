// doorkeeper.hpp: knows by their bearer token who asks, and whether that is enough.
//
// Owner: serve(). Thread: any.
#pragma once

#include <parley/core/text.hpp>
#include <parley/ops/routes.hpp>

#include <mutex>

namespace parley::ops {

class Doorkeeper final : public Guard {
 public:
    // The token that the service was started with. It is not written down here.
    explicit Doorkeeper(Secret admin_token);

    std::variant<Who, net::Response> admit(const net::Request& request, Access needed) override;

 private:
    const std::string admin_digest_;
};

}  // namespace parley::ops
