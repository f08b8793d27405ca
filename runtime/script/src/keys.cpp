#include <parley/script/services.hpp>

namespace parley::script {
namespace {

using store::KeyRequest;
using store::KeyResult;

constexpr std::chrono::seconds for_ever{100LL * 365 * 24 * 3600};

class StoreKeys final : public KeyValues {
 public:
    explicit StoreKeys(store::Store& store) : store_(store) {}

    void get(std::string key,
             std::function<void(Result<std::optional<std::string>>)> done) override {
        store_.key({.verb = KeyRequest::Verb::get, .key = std::move(key)},
                   [done = std::move(done)](KeyResult result) {
                       if (!result) return done(result.error());
                       done(std::move(result->value));
                   });
    }
    void set(std::string key, std::string json_text, Lifetime lifetime,
             std::function<void(Result<void>)> done) override {
        store_.key({KeyRequest::Verb::set, std::move(key), std::move(json_text), 0,
                    lifetime.value_or(for_ever)},
                   [done = std::move(done)](KeyResult result) {
                       done(result ? Result<void>() : result.error());
                   });
    }
    void increment(std::string key, std::int64_t by, Lifetime lifetime,
                   std::function<void(Result<std::int64_t>)> done) override {
        store_.key(
            {KeyRequest::Verb::increment, std::move(key), "", by, lifetime.value_or(for_ever)},
            [done = std::move(done)](KeyResult result) {
                if (!result) return done(result.error());
                done(result->number);
            });
    }
    void remove(std::string key, std::function<void(Result<bool>)> done) override {
        store_.key({.verb = KeyRequest::Verb::remove, .key = std::move(key)},
                   [done = std::move(done)](KeyResult result) {
                       if (!result) return done(result.error());
                       done(result->did_change);
                   });
    }
    void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                       std::function<void(Result<std::optional<std::string>>)> done) override {
        store_.key({KeyRequest::Verb::set_if_absent, std::move(key), std::move(json_text), 0,
                    lifetime.value_or(for_ever)},
                   [done = std::move(done)](KeyResult result) {
                       if (!result) return done(result.error());
                       done(std::move(result->value));
                   });
    }

 private:
    store::Store& store_;
};

}  // namespace

std::unique_ptr<KeyValues> keys_of(store::Store& store) {
    return std::make_unique<StoreKeys>(store);
}

}  // namespace parley::script
