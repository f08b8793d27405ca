// log.hpp: a log line is an event with fields: `call.ended call=CA1 outcome=no_booking turns=14`.
//
// Lines go to stderr through a bounded queue and their own thread, so that a slow terminal never
// holds up an io thread; when the queue is full the oldest line is dropped. Values that hold
// spaces, quotes or control characters are quoted and escaped. Secrets have no formatter.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace parley::log {

enum class Level { debug, info, warn, error };

struct Field {
    template <class T>
    Field(std::string_view field_name, const T& field_value)
        : name(field_name), value(fmt::format("{}", field_value)) {}
    std::string_view name;
    std::string value;
};

using Fields = std::initializer_list<Field>;

// Call once from main. Before that, and in tests, lines of warn and above go to stderr directly.
void start(Level threshold);
// Flushes what is queued and joins the thread.
void stop();
bool enabled(Level level);
void set_threshold(Level threshold);  // from any thread
void write(Level level, std::string_view event, Fields fields);

// From now on `secret` is replaced by *** in every line; one of less than six characters is not, it
// would hide words. `without_secrets` does the same to any text.
void hide(std::string_view secret);
std::string without_secrets(std::string text);
// From now on every value of a field goes through `mask` before it is written: what callers say may
// get into a line. Secrets are taken out all the same.
void mask_with(std::function<std::string(std::string)> mask);

inline void debug(std::string_view event, Fields fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) {
    write(Level::error, event, fields);
}

// While it lives, lines of `threshold` and above that this thread writes go to `take`, and none
// goes to stderr. For rehearsals and tests, where what a script logs is part of the result. The
// latest one counts.
class Capture {
 public:
    using Take = std::function<void(Level, std::string_view event, Fields fields)>;
    Capture(Level threshold, Take take);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

 private:
    friend bool enabled(Level level);
    friend void write(Level level, std::string_view event, Fields fields);
    static thread_local Capture* current_;

    Level threshold_;
    Take take_;
    Capture* earlier_;
};

// "debug", "info", "warn"/"warning", "error"; anything else is info.
Level level_named(std::string_view name);

}  // namespace parley::log
