// phrases.hpp: what a caller hears when no model can speak, rendered once at start.
#pragma once

#include <parley/call/conversation.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace parley::app {

// Renders on its own thread (espeak-ng takes tens of milliseconds), so that listening does not wait for it.
// Thread: current() from any thread. End: the destructor waits for the rendering.
class PhraseBook {
 public:
    // `texts` by name: one_moment, apology, goodbye.
    explicit PhraseBook(std::map<std::string, std::string> texts);
    ~PhraseBook();
    PhraseBook(const PhraseBook&) = delete;
    PhraseBook& operator=(const PhraseBook&) = delete;

    // Empty phrases until they are rendered, or when espeak-ng is missing; never null.
    std::shared_ptr<const call::Phrases> current() const;

 private:
    void render(const std::map<std::string, std::string>& texts);

    mutable std::mutex mutex_;
    std::shared_ptr<const call::Phrases> phrases_;
    std::thread worker_;
};

}  // namespace parley::app
