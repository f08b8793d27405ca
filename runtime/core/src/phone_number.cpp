#include <parley/core/phone_number.hpp>

#include <algorithm>

namespace parley {

bool is_e164(std::string_view number) {
    if (number.size() < 8 || number.size() > 16 || number[0] != '+' || number[1] == '0')
        return false;
    return std::all_of(number.begin() + 1, number.end(),
                       [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace parley
