#include "spoken_text.hpp"

#include "bundle.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <array>
#include <cctype>

namespace parley::script {
namespace {

constexpr std::size_t digits_min = 3, digits_max = 15;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Digits {
    std::string text;
    bool is_international = false;
};
std::optional<Digits> digits_of(std::string_view number) {
    number = trim(number);
    Digits digits;
    for (std::size_t i = 0; i < number.size(); ++i) {
        const char c = number[i];
        if (is_digit(c)) {
            digits.text += c;
        } else if (c == '+' && digits.text.empty() && !digits.is_international) {
            digits.is_international = true;
        } else if (std::string_view(" -.()/").find(c) == std::string_view::npos) {
            return std::nullopt;
        }
    }
    if (digits.text.size() < digits_min || digits.text.size() > digits_max + 2) return std::nullopt;
    return digits;
}

std::string spaced(std::string_view digits) {
    std::string out;
    for (const char c : digits) {
        if (!out.empty()) out += ' ';
        out += c;
    }
    return out;
}

// Country codes of one and two digits that are not the beginning of a longer one; all others have
// three.
std::size_t country_code_length(std::string_view digits) {
    if (digits.starts_with('1') || digits.starts_with('7')) return 1;
    constexpr std::string_view two =
        " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 "
        "60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
    return two.find(fmt::format(" {} ", digits.substr(0, 2))) != std::string_view::npos ? 2 : 3;
}

// Groups of three, the last of two to four: "555, 010, 0001".
std::string grouped(std::string_view digits) {
    std::string out;
    while (!digits.empty()) {
        const std::size_t left = digits.size();
        const std::size_t take = left <= 4 ? left : 3;
        if (!out.empty()) out += ", ";
        out += spaced(digits.substr(0, take));
        digits.remove_prefix(take);
    }
    return out;
}

struct Currency {
    std::string_view code, one, many, small_one, small_many;
    int small_per_one;
};
constexpr std::array<Currency, 7> currencies{
    {{"USD", "dollar", "dollars", "cent", "cents", 100},
     {"EUR", "euro", "euros", "cent", "cents", 100},
     {"GBP", "pound", "pounds", "penny", "pence", 100},
     {"CAD", "dollar", "dollars", "cent", "cents", 100},
     {"AUD", "dollar", "dollars", "cent", "cents", 100},
     {"CHF", "franc", "francs", "centime", "centimes", 100},
     {"JPY", "yen", "yen", "", "", 1}}};

}  // namespace

std::optional<std::string> spoken_phone(std::string_view number) {
    const auto digits = digits_of(number);
    if (!digits || digits->text.size() > digits_max) return std::nullopt;
    if (!digits->is_international) return grouped(digits->text);
    const std::size_t code = std::min(country_code_length(digits->text), digits->text.size() - 1);
    return fmt::format("plus {}, {}", spaced(digits->text.substr(0, code)),
                       grouped(digits->text.substr(code)));
}

std::string spoken_digits(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool continues = (byte & 0xC0) == 0x80;  // in the middle of a UTF-8 character
        if (byte < 0x80 && std::isalnum(byte) == 0) continue;
        if (!out.empty() && !continues) out += ' ';
        out += byte < 0x80 ? static_cast<char>(std::toupper(byte)) : c;
    }
    return out;
}

std::optional<std::string> normal_phone(std::string_view number, std::string_view country_code) {
    auto digits = digits_of(number);
    if (!digits) return std::nullopt;
    std::string whole = digits->text;
    if (!digits->is_international && whole.starts_with("00")) {
        whole.erase(0, 2);
        digits->is_international = true;
    }
    if (!digits->is_international) {
        if (country_code == "1") {  // national numbers have ten digits, often written with the 1
            if (whole.size() == 11 && whole.starts_with('1')) whole.erase(0, 1);
            if (whole.size() != 10) return std::nullopt;
        } else if (whole.starts_with('0')) {
            whole.erase(0, 1);
        }
        whole = std::string(country_code) + whole;
    }
    if (whole.size() < 7 || whole.size() > digits_max || whole.starts_with('0'))
        return std::nullopt;
    return "+" + whole;
}

std::optional<std::string> spoken_money(std::int64_t cents, std::string_view currency) {
    for (const auto& known : currencies) {
        if (known.code != currency) continue;
        const std::uint64_t amount =
            cents < 0 ? 0 - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
        const auto per_one = static_cast<std::uint64_t>(known.small_per_one);
        const std::uint64_t whole = amount / per_one;
        const std::uint64_t rest = amount % per_one;
        std::string text = cents < 0 ? "minus " : "";
        if (whole > 0 || rest == 0)
            text += fmt::format("{} {}", whole, whole == 1 ? known.one : known.many);
        if (rest > 0)
            text += fmt::format("{}{} {}", whole > 0 ? " and " : "", rest,
                                rest == 1 ? known.small_one : known.small_many);
        return text;
    }
    return std::nullopt;
}

std::optional<std::string> filled_template(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view)>& value_of,
    std::string& unknown) {
    for (const auto& name : names_in(text)) {
        if (!value_of(name)) {
            unknown = name;
            return std::nullopt;
        }
    }
    return filled(text, value_of);
}

}  // namespace parley::script
