// Card numbers in running text. One pass makes tokens (numerals and number words); a run of tokens
// with nothing but separators between them is searched for a window that is a card number. Windows
// have at most 19 digits, so the work for each token is bounded.
#include <parley/core/text.hpp>
#include <parley/privacy/masker.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace parley::privacy {
namespace {

constexpr std::size_t digits_min = 13;
constexpr std::size_t digits_max = 19;
constexpr std::size_t separators_max = 4;  // in a row; beyond it a new number begins
constexpr std::size_t word_bytes_max = 24;

struct Token {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string digits;
    bool may_begin = true;  // a numeral after a plus sign is a phone number's country code
};

const std::map<std::string, std::string, std::less<>>& number_words() {
    static const std::map<std::string, std::string, std::less<>> words{
        {"zero", "0"},
        {"oh", "0"},
        {"o", "0"},
        {"nil", "0"},
        {"one", "1"},
        {"two", "2"},
        {"three", "3"},
        {"four", "4"},
        {"five", "5"},
        {"six", "6"},
        {"seven", "7"},
        {"eight", "8"},
        {"nine", "9"},
        {"ten", "10"},
        {"eleven", "11"},
        {"twelve", "12"},
        {"thirteen", "13"},
        {"fourteen", "14"},
        {"fifteen", "15"},
        {"sixteen", "16"},
        {"seventeen", "17"},
        {"eighteen", "18"},
        {"nineteen", "19"},
        // German
        {"null", "0"},
        {"eins", "1"},
        {"ein", "1"},
        {"zwei", "2"},
        {"zwo", "2"},
        {"drei", "3"},
        {"vier", "4"},
        {"fünf", "5"},
        {"sechs", "6"},
        {"sieben", "7"},
        {"acht", "8"},
        {"neun", "9"},
        // Spanish
        {"cero", "0"},
        {"uno", "1"},
        {"una", "1"},
        {"dos", "2"},
        {"tres", "3"},
        {"cuatro", "4"},
        {"cinco", "5"},
        {"seis", "6"},
        {"siete", "7"},
        {"ocho", "8"},
        {"nueve", "9"},
        // French
        {"zéro", "0"},
        {"un", "1"},
        {"une", "1"},
        {"deux", "2"},
        {"trois", "3"},
        {"quatre", "4"},
        {"cinq", "5"},
        {"sept", "7"},
        {"huit", "8"},
        {"neuf", "9"},
    };
    return words;
}

const std::map<std::string, char, std::less<>>& tens_words() {
    static const std::map<std::string, char, std::less<>> words{
        {"twenty", '2'}, {"thirty", '3'},  {"forty", '4'},  {"fourty", '4'}, {"fifty", '5'},
        {"sixty", '6'},  {"seventy", '7'}, {"eighty", '8'}, {"ninety", '9'}};
    return words;
}

// Said between digits without ending the number.
const std::set<std::string, std::less<>>& fillers() {
    static const std::set<std::string, std::less<>> words{
        "and", "then", "dash", "hyphen", "space", "uh", "um", "er", "und", "y", "et"};
    return words;
}

// The digit that begins at `at`, and how many bytes it takes: ASCII, full-width, Arabic-Indic,
// Persian and Devanagari.
std::optional<std::pair<char, std::size_t>> digit_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    const unsigned first = byte(0);
    if (first >= '0' && first <= '9') return std::pair{static_cast<char>(first), std::size_t{1}};
    const auto within = [](unsigned value, unsigned zero) {
        return value >= zero && value < zero + 10;
    };
    const auto as_digit = [](unsigned value) { return static_cast<char>('0' + value); };
    if (first == 0xD9 && within(byte(1), 0xA0))
        return std::pair{as_digit(byte(1) - 0xA0), std::size_t{2}};
    if (first == 0xDB && within(byte(1), 0xB0))
        return std::pair{as_digit(byte(1) - 0xB0), std::size_t{2}};
    if (first == 0xE0 && byte(1) == 0xA5 && within(byte(2), 0xA6))
        return std::pair{as_digit(byte(2) - 0xA6), std::size_t{3}};
    if (first == 0xEF && byte(1) == 0xBC && within(byte(2), 0x90))
        return std::pair{as_digit(byte(2) - 0x90), std::size_t{3}};
    return std::nullopt;
}

// Bytes of the separator that begins at `at`: blanks, dashes, dots, commas, and their relatives in
// Unicode. 0: none.
std::size_t separator_at(std::string_view text, std::size_t at) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '-' || c == '.' || c == ',' ||
        c == '/' || c == '_' || c == ':' || c == ';')
        return 1;
    const auto rest = text.substr(at);
    if (rest.starts_with("\xC2\xA0")) return 2;  // no-break space
    for (const std::string_view each :
         {"\xE2\x80\xAF", "\xE2\x80\x89", "\xE2\x80\x90", "\xE2\x80\x91", "\xE2\x80\x92",
          "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x80\xA6"}) {
        if (rest.starts_with(each)) return each.size();
    }
    return 0;
}

bool is_letter(std::string_view text, std::size_t at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'') return true;
    return c >= 0x80 && !digit_at(text, at) && separator_at(text, at) == 0;
}

bool is_luhn(std::string_view digits) {
    int sum = 0;
    bool is_doubled = false;
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
        int value = *digit - '0';
        if (is_doubled) value = value > 4 ? 2 * value - 9 : 2 * value;
        sum += value;
        is_doubled = !is_doubled;
    }
    return sum % 10 == 0;
}

// The issuers' beginnings and lengths: of other numbers one in ten would pass the Luhn check alone.
bool begins_as_card(std::string_view digits) {
    const auto begins = [&](std::initializer_list<std::string_view> beginnings) {
        return std::any_of(beginnings.begin(), beginnings.end(),
                           [&](std::string_view each) { return digits.starts_with(each); });
    };
    const char first = digits.front();
    switch (digits.size()) {
        case 13: return first == '4' || first == '5' || first == '6';
        case 14: return begins({"30", "36", "38", "39", "5", "6"});
        case 15: return begins({"34", "37", "5", "6"});
        default: break;
    }
    if (first == '2') {
        const auto head = digits.substr(0, 4);
        return head >= "2200" && head <= "2720";
    }
    return (first >= '3' && first <= '6') || begins({"81", "9792"});
}

class Search {
 public:
    explicit Search(std::string_view text) : text_(text) {}

    std::vector<std::pair<std::size_t, std::size_t>> run() {
        for (std::size_t at = 0; at < text_.size();) {
            if (const auto bytes = separator_at(text_, at); bytes > 0) {
                if (++separators_ > separators_max) end_run();
                at += bytes;
            } else if (is_letter(text_, at) || digit_at(text_, at)) {
                at = take_word(at);
            } else {
                end_run();
                at += 1;
            }
        }
        end_run();
        return std::move(found_);
    }

 private:
    // Letters and digits without anything between them.
    std::size_t take_word(std::size_t begin) {
        separators_ = 0;
        std::size_t at = begin;
        while (at < text_.size() && is_letter(text_, at)) ++at;
        const std::size_t letters_end = at;
        std::string digits;
        while (at < text_.size()) {
            const auto digit = digit_at(text_, at);
            if (!digit) break;
            if (digits.size() <= digits_max) digits += digit->first;
            at += digit->second;
        }
        const std::size_t digits_end = at;
        while (at < text_.size() && (is_letter(text_, at) || digit_at(text_, at))) ++at;
        if (at != digits_end) {  // "4f6b2c1e": an identifier
            end_run();
        } else if (digits.empty()) {
            spoken(begin, letters_end);
        } else if (digits.size() > digits_max) {
            end_run();
        } else {
            if (letters_end != begin) end_run();  // "card4111..."
            const bool is_international = letters_end > 0 && text_[letters_end - 1] == '+';
            add({letters_end, digits_end, std::move(digits), !is_international});
        }
        return at;
    }

    void spoken(std::size_t begin, std::size_t end) {
        if (end - begin > word_bytes_max) return end_run();
        const std::string word = lower(text_.substr(begin, end - begin));
        if (word == "double" || word == "triple") {
            repeat_begin_ = begin;
            repeat_ = word == "double" ? 2 : 3;
            return;
        }
        if (const auto tens = tens_words().find(word); tens != tens_words().end()) {
            add({begin, end, std::string{tens->second, '0'}, true});
            is_tens_open_ = true;
            return;
        }
        if (const auto number = number_words().find(word); number != number_words().end()) {
            const auto& digits = number->second;
            const bool completes = is_tens_open_ && digits.size() == 1 && digits != "0";
            if (completes) {  // "forty one" is 41
                tokens_.back().digits.back() = digits.front();
                tokens_.back().end = end;
                is_tens_open_ = false;
                return;
            }
            return add({begin, end, digits, true});
        }
        if (!fillers().contains(word)) end_run();
    }

    void add(Token token) {
        is_tens_open_ = false;
        if (const int times = std::exchange(repeat_, 1); times > 1) {
            const std::string once = token.digits.substr(0, 1);
            for (int i = 1; i < times; ++i) token.digits.insert(0, once);
            token.begin = repeat_begin_;
        }
        tokens_.push_back(std::move(token));
    }

    void end_run() {
        for (std::size_t first = 0; first < tokens_.size();) {
            const auto last = longest_from(first);
            if (last) found_.emplace_back(tokens_[first].begin, tokens_[*last].end);
            first = last ? *last + 1 : first + 1;
        }
        tokens_.clear();
        separators_ = 0;
        repeat_ = 1;
        is_tens_open_ = false;
    }

    // The last token of the longest card number that begins with this one.
    std::optional<std::size_t> longest_from(std::size_t first) const {
        std::optional<std::size_t> last;
        if (!tokens_[first].may_begin) return last;
        std::string digits;
        for (std::size_t i = first; i < tokens_.size(); ++i) {
            digits += tokens_[i].digits;
            if (digits.size() > digits_max) break;
            if (digits.size() >= digits_min && begins_as_card(digits) && is_luhn(digits)) last = i;
        }
        return last;
    }

    const std::string_view text_;
    std::vector<Token> tokens_;
    std::vector<std::pair<std::size_t, std::size_t>> found_;
    std::size_t separators_ = 0;
    int repeat_ = 1;  // "double", "triple" was said
    std::size_t repeat_begin_ = 0;
    bool is_tens_open_ = false;  // "forty" was said, and a unit may follow
};

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> find_card_numbers(std::string_view text) {
    return Search(text).run();
}

}  // namespace parley::privacy
