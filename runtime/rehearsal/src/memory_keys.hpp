// memory_keys.hpp: what scripts keep under names, in memory and by a clock of ours; answers come at
// once.
//
// Thread: the rig's.
#pragma once

#include <parley/core/virtual_clock.hpp>
#include <parley/script/services.hpp>

#include <map>
#include <string>

namespace parley::rehearsal {

class MemoryKeys final : public script::KeyValues {
 public:
    explicit MemoryKeys(const VirtualClock& clock) : clock_(clock) {}

    void get(std::string key,
             std::function<void(Result<std::optional<std::string>>)> done) override;
    void set(std::string key, std::string json_text, Lifetime lifetime,
             std::function<void(Result<void>)> done) override;
    void increment(std::string key, std::int64_t by, Lifetime lifetime,
                   std::function<void(Result<std::int64_t>)> done) override;
    void remove(std::string key, std::function<void(Result<bool>)> done) override;
    void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                       std::function<void(Result<std::optional<std::string>>)> done) override;

 private:
    struct Value {
        std::string json_text;
        TimePoint until = TimePoint::max();
    };
    Value* find(const std::string& key);
    TimePoint end_of(const Lifetime& lifetime) const {
        return lifetime ? clock_.now() + *lifetime : TimePoint::max();
    }

    const VirtualClock& clock_;
    std::map<std::string, Value> values_;
};

}  // namespace parley::rehearsal
