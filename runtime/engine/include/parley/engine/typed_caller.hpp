// typed_caller.hpp: an engine whose caller is somebody who types, or a scenario: words come as
// text, not as audio.
#pragma once

#include <parley/call/ports.hpp>

#include <string>
#include <string_view>

namespace parley::engine {

class TypedCaller : public call::Engine {
 public:
    // The caller begins to speak; the model falls silent, as it does when it hears a caller.
    virtual void caller_starts() = 0;
    // The caller has said `text`, and the model answers.
    virtual void caller_stops(std::string text) = 0;
    // Nothing is under way: no response, no connecting, nothing of the caller's left to answer.
    virtual bool is_idle() const = 0;
};

// How long `text` takes to say: about fifteen characters a second.
milliseconds spoken_length(std::string_view text, milliseconds per_character = milliseconds(60));

}  // namespace parley::engine
