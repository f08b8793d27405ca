#include "memory_keys.hpp"

#include <charconv>

namespace parley::rehearsal {

MemoryKeys::Value* MemoryKeys::find(const std::string& key) {
    const auto found = values_.find(key);
    if (found == values_.end()) return nullptr;
    if (found->second.until > clock_.now()) return &found->second;
    values_.erase(found);
    return nullptr;
}

void MemoryKeys::get(std::string key,
                     std::function<void(Result<std::optional<std::string>>)> done) {
    const auto* value = find(key);
    done(value == nullptr ? std::optional<std::string>() : std::optional(value->json_text));
}

void MemoryKeys::set(std::string key, std::string json_text, Lifetime lifetime,
                     std::function<void(Result<void>)> done) {
    values_[std::move(key)] = {std::move(json_text), end_of(lifetime)};
    done({});
}

void MemoryKeys::increment(std::string key, std::int64_t by, Lifetime lifetime,
                           std::function<void(Result<std::int64_t>)> done) {
    auto* value = find(key);
    if (value == nullptr) value = &(values_[key] = {"0", end_of(lifetime)});
    std::int64_t number = 0;
    const auto* end = value->json_text.data() + value->json_text.size();
    const auto read = std::from_chars(value->json_text.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end) {
        return done(store::QueryProblem{store::QueryProblem::Kind::mistake,
                                        "the value under " + key + " is not a whole number"});
    }
    value->json_text = std::to_string(number + by);
    done(number + by);
}

void MemoryKeys::remove(std::string key, std::function<void(Result<bool>)> done) {
    const bool was_there = find(key) != nullptr;
    values_.erase(key);
    done(was_there);
}

void MemoryKeys::set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                               std::function<void(Result<std::optional<std::string>>)> done) {
    if (const auto* value = find(key)) return done(std::optional(value->json_text));
    values_[std::move(key)] = {std::move(json_text), end_of(lifetime)};
    done(std::optional<std::string>());
}

}  // namespace parley::rehearsal
