// spoken_text.hpp: phone numbers, digits and amounts as a voice should say them, and templates.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace parley::script {

// "+15550100001" -> "plus 1, 5 5 5, 0 1 0, 0 0 0 1": groups as people read them, so that a voice
// does not say a million. Nothing when there are fewer than 3 or more than 15 digits, or other
// characters than a number is written with.
std::optional<std::string> spoken_phone(std::string_view number);
// "A12 3" -> "A 1 2 3": each letter and digit alone.
std::string spoken_digits(std::string_view text);
// "(555) 010-0001", "555.010.0001", "00 49 30 1234" -> E.164: "+15550100001". `country_code` ("1",
// "49") is for numbers without one; a leading 0 of a national number is dropped. Nothing when no
// valid number comes of it.
std::optional<std::string> normal_phone(std::string_view number, std::string_view country_code);
// 1250 -> "12 dollars and 50 cents", 100 -> "1 dollar", 5 -> "5 cents", -100 -> "minus 1 dollar".
// Nothing for a currency that is not known: USD, EUR, GBP, CAD, AUD, CHF, JPY.
std::optional<std::string> spoken_money(std::int64_t cents, std::string_view currency);

// Fills in {name}; {{name}} stands for {name} itself. An unknown name goes to `unknown` and ends
// it.
std::optional<std::string> filled_template(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view)>& value_of,
    std::string& unknown);

}  // namespace parley::script
