// phrases.hpp: what a caller hears when no model can speak, rendered before it is needed.
#pragma once

#include <parley/call/conversation.hpp>

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
    using Texts = std::map<std::string, std::string>;  // by name: one_moment, apology, goodbye

    explicit PhraseBook(Texts first);
    ~PhraseBook();
    PhraseBook(const PhraseBook&) = delete;
    PhraseBook& operator=(const PhraseBook&) = delete;

    // Returns when of(texts) has them; at once where it has them already.
    void render(const Texts& texts);
    // Empty phrases until they are rendered, or when espeak-ng is missing; never null.
    std::shared_ptr<const call::Phrases> of(const Texts& texts) const;

 private:
    std::shared_ptr<const call::Phrases> find(const Texts& texts) const;

    mutable std::mutex mutex_;
    // the latest last
    std::deque<std::pair<Texts, std::shared_ptr<const call::Phrases>>> rendered_;
    std::thread worker_;
};

}  // namespace parley::app
