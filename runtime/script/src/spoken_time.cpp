#include "spoken_time.hpp"

#include "spoken_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace parley::script {
namespace {

constexpr std::size_t words_max = 40;
constexpr std::size_t text_bytes_max = 500;

constexpr auto fillers = std::to_array<std::string_view>(
    {"the",    "at",     "on",      "um",      "uh",    "er",       "erm",
     "please", "around", "about",   "say",     "maybe", "for",      "well",
     "so",     "like",   "ok",      "okay",    "yes",   "lets",     "then",
     "and",    "sharp",  "exactly", "perhaps", "how",   "sometime", "by"});

}  // namespace

void throw_exception_from_error(const SpokenProblem& problem, const boost::source_location&) {
    throw std::runtime_error(problem.message);
}

boost::system::result<SpokenTime, SpokenProblem> parse_spoken(std::string_view text, WallTime now,
                                                              const TimeZone& zone,
                                                              DateOrder order) {
    if (text.size() > text_bytes_max)
        return SpokenProblem{SpokenProblem::Kind::unclear, "the text is too long for a date"};
    auto words = spoken_words(text);
    if (words.empty())
        return SpokenProblem{SpokenProblem::Kind::unclear, "no date and no time is named"};
    if (words.size() > words_max)
        return SpokenProblem{SpokenProblem::Kind::unclear, "the text is too long for a date"};
    try {
        return SpokenReader(std::move(words), now, zone, order).run();
    } catch (SpokenReader::Stop& stopped) {
        return std::move(stopped.problem);
    }
}

SpokenTime SpokenReader::run() {
    while (at_ < words_.size()) {
        if (!match_date() && !match_relative() && !match_time() && !match_filler())
            stop(Trouble::unclear, fmt::format("\"{}\" is not understood", word().text));
    }
    return settle();
}

bool SpokenReader::match_filler() {
    const bool is_filler = word().kind == Kind::word &&
                           std::find(fillers.begin(), fillers.end(), word().text) != fillers.end();
    if (is_filler) ++at_;
    return is_filler;
}

SpokenTime SpokenReader::settle() {
    settle_date();
    SpokenTime spoken{date_, std::nullopt, ""};
    if (minutes_) {
        spoken.minutes = time_of_day();
        // "Tonight at half past twelve" is, by the calendar, tomorrow.
        if (part_ == "night" && *spoken.minutes < 5 * 60 && spoken.date)
            spoken.date = add_days(*spoken.date, 1);
    } else {
        if (!half_.empty()) stop(Trouble::incomplete, fmt::format("which hour, {}?", half_));
        spoken.part = part_;
    }
    if (!spoken.date && !spoken.minutes && spoken.part.empty())
        stop(Trouble::unclear, "no date and no time is named");
    if (spoken.date && (int(spoken.date->year()) < 1 || int(spoken.date->year()) > 9999))
        stop(Trouble::impossible, "the year is beyond 9999");
    if (spoken.date && spoken.minutes) check_clock_change(*spoken.date, *spoken.minutes);
    return spoken;
}

}  // namespace parley::script
