// print.hpp: calls, transcripts and the live view as text for a terminal.
//
// What callers, models and tools said is made safe to show: no control characters reach the
// terminal. Heard speech is plain; what was cut off stands apart: `We have nine thirty, ten ✂ [not
// heard: or eleven.]` Times of day are local (TZ); offsets count from the start of the call.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/store/store.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

namespace parley::store {

enum class Colour { plain, ansi };

struct PrintOptions {
    Colour colour = Colour::plain;
    std::size_t width = 100;  // columns to wrap at; 0: never, for pipes and files
    // of one tool's arguments or output; the database has it all
    std::size_t tool_bytes_max = 1'000;
};

// For `parley calls`: one line each, as given by Reader::calls().
std::string calls_table(std::span<const CallRow> calls, const PrintOptions& options);

// For `parley transcript`: `entries` as given by Reader::conversation(); sorted here by their time.
std::string transcript(const CallRow& call, const json::array& entries,
                       const PrintOptions& options);

// An entry in the form Reader::journal() gives, for a live view in the process that writes it.
json::object to_row(const call::journal::Entry& entry);

// For `parley watch`: one line per entry, as it happens. Remembers when calls began, to show
// offsets.
class LiveView {
 public:
    enum class Calls { one, many };  // many: each line names its call by the end of its sid
    static constexpr std::size_t calls_remembered_max = 10'000;

    LiveView(Calls calls, PrintOptions options) : calls_(calls), options_(options) {}
    // For calls that began before the view did.
    void remember(const CallRow& call);
    // Without a line break at the end.
    std::string line(const json::object& row);

 private:
    Calls calls_;
    PrintOptions options_;
    std::unordered_map<std::string, std::int64_t> started_at_ms_;
};

}  // namespace parley::store
