// stage.hpp: what all rehearsals of one run share: the settings, the checked scripts, the rules of
// a call.
#pragma once

#include <parley/call/conversation.hpp>
#include <parley/config/settings.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/script/library.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace parley::rehearsal {

struct Stage {
    config::Settings settings;
    std::shared_ptr<const script::Bundle> bundle;
    call::Policy policy = {};
    Recordings* recorder = nullptr;  // rehearsed calls are recorded, too; outlives the stage
    RecordedCall::Keep recorded = RecordedCall::Keep::all;

    std::string migrations_dir() const {  // "" where the scripts have no tables of their own
        const auto dir = std::filesystem::path(settings.scripts.dir) / "migrations";
        std::error_code ignored;
        return std::filesystem::is_directory(dir, ignored) ? dir.string() : "";
    }
};

}  // namespace parley::rehearsal
