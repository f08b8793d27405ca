// spoken_words.hpp: what somebody says about a date or a time, cut into words and numbers.
//
// "Tuesday the twenty-third, at half past 2pm" -> tuesday the 23(ordinal) at half past 2 pm. Number
// words become numbers here, so that the grammar in spoken_time.cpp sees one form only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

struct SpokenWord {
    enum class Kind {
        word,     // lower case, without apostrophes: "oclock", "tuesday"
        number,   // 3, "three", "23rd", "twenty-third"
        clock,    // 14:30, 2.30
        iso,      // 2026-12-01
        slashed,  // 3/5, 3/5/2026, 3-5-2026: which is the month depends
        dotted,   // 3.5., 3.5.2026: the day comes first
    } kind = Kind::word;
    std::string text;  // as said, for messages; of a word its plain form
    int number = 0;    // of a clock: the hour; of dates the first number
    int second = -1, third = -1;
    bool is_ordinal = false;
    bool has_two_digits = false;  // of a number or hour in digits: 03, 15

    bool is(std::string_view word) const { return kind == Kind::word && text == word; }
};

std::vector<SpokenWord> spoken_words(std::string_view text);

std::optional<int> month_number(std::string_view word);  // "december", "dec" -> 12
// "tuesday", "tue", "tues" -> 2; Sunday is 0
std::optional<int> weekday_number(std::string_view word);

}  // namespace parley::script
