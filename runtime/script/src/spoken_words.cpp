#include "spoken_words.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <array>

namespace parley::script {
namespace {

using Kind = SpokenWord::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

constexpr std::array<std::string_view, 20> small_numbers{
    "zero",     "one",     "two",     "three",     "four",     "five",    "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 20> small_ordinals{
    "zeroth",     "first",     "second",    "third",       "fourth",     "fifth",     "sixth",
    "seventh",    "eighth",    "ninth",     "tenth",       "eleventh",   "twelfth",   "thirteenth",
    "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"};
constexpr std::array<std::string_view, 4> tens{"twenty", "thirty", "forty", "fifty"};
constexpr std::array<std::string_view, 4> tens_ordinals{"twentieth", "thirtieth", "fortieth",
                                                        "fiftieth"};

template <class Names>
int index_of(const Names& names, std::string_view word) {
    const auto found = std::find(names.begin(), names.end(), word);
    return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

// Reads the text from left to right; each step takes at least one character.
class Cutter {
 public:
    explicit Cutter(std::string text) : text_(std::move(text)) {}

    std::vector<SpokenWord> run() {
        while (at_ < text_.size()) {
            if (is_digit(text_[at_])) {
                cut_number();
            } else if (is_letter(text_[at_])) {
                cut_word();
            } else {
                ++at_;
            }
        }
        return std::move(words_);
    }

 private:
    // Up to `at_most` digits at `from`; their number and how many there are.
    struct Digits {
        int value = 0;
        std::size_t count = 0;
    };
    Digits digits_at(std::size_t from, std::size_t at_most) const {
        Digits digits;
        while (digits.count < at_most && from + digits.count < text_.size() &&
               is_digit(text_[from + digits.count])) {
            digits.value = digits.value * 10 + (text_[from + digits.count] - '0');
            ++digits.count;
        }
        return digits;
    }
    char char_at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

    void add(SpokenWord word, std::size_t length) {
        word.text = text_.substr(at_, length);
        words_.push_back(std::move(word));
        at_ += length;
    }

    void cut_number() {
        const Digits first = digits_at(at_, 9);
        std::size_t next = at_ + first.count;
        const char mark = char_at(next);
        const Digits second = mark == '\0' ? Digits() : digits_at(next + 1, 4);
        const std::size_t after_second = next + 1 + second.count;
        const char second_mark = char_at(after_second);
        const Digits third = second_mark == mark ? digits_at(after_second + 1, 4) : Digits();

        SpokenWord word;
        word.number = first.value;
        word.has_two_digits = first.count == 2;
        if (second.count > 0 && first.count <= 4) {
            word.second = second.value;
            if (mark == '-' && first.count == 4 && third.count > 0) {
                word.kind = Kind::iso;
                word.third = third.value;
                return add(word, after_second + 1 + third.count - at_);
            }
            if (mark == ':' && first.count <= 2 && second.count == 2) {
                word.kind = Kind::clock;
                return add(word, after_second - at_);
            }
            const bool is_date = first.count <= 2 && second.count <= 2;
            if (is_date && third.count > 0 && (mark == '/' || mark == '-' || mark == '.')) {
                word.kind = mark == '.' ? Kind::dotted : Kind::slashed;
                word.third = third.value;
                return add(word, after_second + 1 + third.count - at_);
            }
            if (is_date && mark == '/') {
                word.kind = Kind::slashed;
                return add(word, after_second - at_);
            }
            if (is_date && mark == '.' && second_mark == '.') {
                word.kind = Kind::dotted;
                return add(word, after_second + 1 - at_);
            }
            if (is_date && mark == '.' && second.count == 2) {
                word.kind = Kind::clock;
                return add(word, after_second - at_);
            }
            word.second = -1;
        }
        word.kind = Kind::number;
        for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
            if (text_.compare(next, 2, ending) == 0 && !is_letter(char_at(next + 2))) {
                word.is_ordinal = true;
                return add(word, first.count + 2);
            }
        }
        add(word, first.count);
    }

    void cut_word() {
        std::string plain;
        std::size_t end = at_;
        for (; end < text_.size(); ++end) {
            if (is_letter(text_[end])) {
                plain += text_[end];
            } else if (text_[end] == '.' && plain.size() == 1 && char_at(end + 1) == 'm') {
                continue;  // p.m.
            } else if (text_[end] != '\'') {
                break;
            }
        }
        at_ = end;
        add_word(std::move(plain));
    }

    void add_word(std::string plain) {
        SpokenWord word;
        word.text = plain;
        const auto number = [&](int value, bool is_ordinal) {
            word.kind = Kind::number;
            word.number = value;
            word.is_ordinal = is_ordinal;
            // "twenty" "three" are one number; "twenty" "twenty" are two.
            if (!words_.empty() && value >= 1 && value <= 9) {
                auto& before = words_.back();
                const bool is_tens = before.kind == Kind::number && !before.is_ordinal &&
                                     index_of(tens, before.text) >= 0;
                if (is_tens) {
                    before.number += value;
                    before.is_ordinal = is_ordinal;
                    before.text += "-" + plain;
                    return;
                }
            }
            words_.push_back(word);
        };
        if (const int value = index_of(small_numbers, plain); value >= 0)
            return number(value, false);
        if (const int value = index_of(small_ordinals, plain); value >= 0)
            return number(value, true);
        if (const int value = index_of(tens, plain); value >= 0)
            return number(20 + 10 * value, false);
        if (const int value = index_of(tens_ordinals, plain); value >= 0)
            return number(20 + 10 * value, true);
        words_.push_back(std::move(word));
    }

    const std::string text_;
    std::size_t at_ = 0;
    std::vector<SpokenWord> words_;
};

// The start of a name is enough from three letters on: "sep", "sept", "tues", "thurs".
template <class Names>
std::optional<int> beginning_of(const Names& names, std::string_view word) {
    if (word.size() < 3) return std::nullopt;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i].starts_with(word)) return static_cast<int>(i);
    }
    return std::nullopt;
}

}  // namespace

std::vector<SpokenWord> spoken_words(std::string_view text) {
    std::string plain = lower(text);
    for (auto at = plain.find("’"); at != std::string::npos; at = plain.find("’"))
        plain.replace(at, 3, "'");
    return Cutter(std::move(plain)).run();
}

std::optional<int> month_number(std::string_view word) {
    constexpr std::array<std::string_view, 12> names{
        "january", "february", "march",     "april",   "may",      "june",
        "july",    "august",   "september", "october", "november", "december"};
    const auto index = beginning_of(names, word);
    if (!index) return std::nullopt;
    return *index + 1;
}

std::optional<int> weekday_number(std::string_view word) {
    constexpr std::array<std::string_view, 7> names{"sunday",   "monday", "tuesday", "wednesday",
                                                    "thursday", "friday", "saturday"};
    if (word.ends_with("days")) word.remove_suffix(1);
    return beginning_of(names, word);
}

}  // namespace parley::script
