// models.hpp: model ids that the provider has retired, or is about to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace parley::config {

struct ModelAdvice {
    std::string use;      // the id to send
    std::string warning;  // "model x is retired; using y"
};

// Nothing for ids that are alive and well, or unknown.
std::optional<ModelAdvice> advise_on_model(std::string_view model);

}  // namespace parley::config
