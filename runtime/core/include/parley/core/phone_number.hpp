// phone_number.hpp: numbers as carriers write them.
#pragma once

#include <string_view>

namespace parley {

// "+15550100001": a plus sign, a country code, and seven to fifteen digits in all (ITU-T E.164
// allows fifteen; shorter ones are local services, which cannot be called from abroad).
bool is_e164(std::string_view number);

}  // namespace parley
