// phrases.hpp: what a caller hears when no model can speak or is to, rendered before it is needed.
#pragma once

#include <parley/call/conversation.hpp>
#include <parley/config/settings.hpp>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace parley::app {

// The first ones are rendered on a thread of their own (espeak-ng takes tens of milliseconds), so
// that listening does not wait for them; those of later settings by whoever reloads.
// Thread: of() and render() from any thread. End: the destructor waits for the rendering.
class PhraseBook {
 public:
    explicit PhraseBook(const config::CallSettings& first);
    ~PhraseBook();
    PhraseBook(const PhraseBook&) = delete;
    PhraseBook& operator=(const PhraseBook&) = delete;

    // Returns when of(settings) has them; at once where it has them already.
    void render(const config::CallSettings& settings);
    // Empty phrases until they are rendered, or when espeak-ng is missing; never null.
    std::shared_ptr<const call::Phrases> of(const config::CallSettings& settings) const;

 private:
    struct Wanted {
        std::map<std::string, std::string> texts;  // by name: one_moment, apology, goodbye
        std::string hold_music;
        bool operator==(const Wanted&) const = default;
    };
    static Wanted wanted_of(const config::CallSettings& settings);
    std::shared_ptr<const call::Phrases> find(const Wanted& wanted) const;
    void render(const Wanted& wanted);

    mutable std::mutex mutex_;
    // the latest last
    std::deque<std::pair<Wanted, std::shared_ptr<const call::Phrases>>> rendered_;
    std::thread worker_;
};

}  // namespace parley::app
