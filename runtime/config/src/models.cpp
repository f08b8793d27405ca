#include "models.hpp"

#include <array>

namespace parley::config {
namespace {

struct Leaving {
    std::string_view model;
    std::string_view successor;
    std::string_view last_day;
};

// As announced by the provider on 2026-07-20; they work until that day.
constexpr std::array leaving{
    Leaving{"gpt-realtime", "gpt-realtime-2.1", "2027-01-20"},
    Leaving{"gpt-realtime-2025-08-28", "gpt-realtime-2.1", "2027-01-20"},
    Leaving{"gpt-realtime-mini", "gpt-realtime-2.1-mini", "2027-01-20"},
    Leaving{"gpt-realtime-mini-2025-12-15", "gpt-realtime-2.1-mini", "2027-01-20"},
    Leaving{"whisper-1", "gpt-transcribe", "2027-02-26"},
    Leaving{"gpt-4o-transcribe", "gpt-transcribe", "2027-02-26"},
    Leaving{"gpt-4o-mini-transcribe", "gpt-transcribe", "2027-02-26"},
};

}  // namespace

std::optional<ModelAdvice> advise_on_model(std::string_view model) {
    // Every preview of the gpt-4o family is gone: a socket opened with such an id is closed at
    // once.
    const bool is_preview =
        model.starts_with("gpt-4o") && model.find("realtime") != std::string_view::npos;
    if (is_preview || model == "gpt-realtime-mini-2025-10-06") {
        const bool is_mini = model.find("mini") != std::string_view::npos;
        std::string use = is_mini ? "gpt-realtime-2.1-mini" : "gpt-realtime-2.1";
        std::string warning = "model " + std::string(model) + " is retired; using " + use;
        return ModelAdvice{std::move(use), std::move(warning)};
    }
    for (const auto& entry : leaving) {
        if (entry.model != model) continue;
        return ModelAdvice{std::string(model), "model " + std::string(model) + " shuts down on " +
                                                   std::string(entry.last_day) + "; change to " +
                                                   std::string(entry.successor)};
    }
    return std::nullopt;
}

}  // namespace parley::config
