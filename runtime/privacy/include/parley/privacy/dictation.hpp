// dictation.hpp: what the caller says in a call, utterance by utterance.
//
// A card number is often told in pieces, and each piece alone is none. Idea: the end of what was said
// before is remembered; where it and a new utterance make a card number, the new part of it is masked,
// so that never the whole of a number is kept.
//
// Sans-I/O. Owner: one call. Thread: the call's.
#pragma once

#include <parley/privacy/masker.hpp>

#include <memory>
#include <string>

namespace parley::privacy {

class Dictation {
 public:
    explicit Dictation(std::shared_ptr<const Masker> masker) : masker_(std::move(masker)) {}

    // The utterance as it may be kept, also by all other rules of the masker.
    std::string text(std::string said);

 private:
    const std::shared_ptr<const Masker> masker_;
    std::string earlier_;  // the end of what was said, as it was said
};

}  // namespace parley::privacy
