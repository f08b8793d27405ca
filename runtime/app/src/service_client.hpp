// service_client.hpp: a command's question to the running service.
#pragma once

#include "admin_token.hpp"
#include "paths.hpp"

#include <parley/core/json.hpp>

#include <string>

namespace parley::app {

struct ServiceAnswer {
    int status = 0;
    json::object body;
};

// Fault when nobody answers, when the token is not the service's, or when the answer is none of
// parley's.
Checked<ServiceAnswer> ask_service(const Access& access, const std::string& method,
                                   const std::string& path,
                                   const std::optional<json::object>& body = {});

}  // namespace parley::app
