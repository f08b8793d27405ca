// stage.hpp: what all rehearsals of one run share: the settings, the checked scripts, the rules of a call.
#pragma once

#include <parley/call/conversation.hpp>
#include <parley/config/settings.hpp>
#include <parley/script/library.hpp>

#include <memory>
#include <string>

namespace parley::rehearsal {

struct Stage {
    config::Settings settings;
    std::shared_ptr<const script::Bundle> bundle;
    call::Policy policy = {};

    std::string migrations_dir() const { return settings.scripts.dir + "/migrations"; }
};

}  // namespace parley::rehearsal
