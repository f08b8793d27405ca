// zones.hpp: in which time zones a number may be, by its prefix.
//
// A mobile phone travels and a number may be carried along, so this is where it most probably is. Of
// countries with several zones all are given, except where the area code tells (North America).
//
// Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::outbound {

// Names as the system has them ("Europe/Berlin"); empty: not known. `own` (prefix -> zone) goes
// before the built-in table; the longest prefix counts.
std::vector<std::string> zones_of(std::string_view number,
                                  const std::map<std::string, std::string>& own = {});

}  // namespace parley::outbound
