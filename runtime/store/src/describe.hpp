// describe.hpp: what one journal entry says, in words.
#pragma once

#include "styled.hpp"

namespace parley::store {

struct Description {
    std::size_t indent = 0;  // of what belongs to the line before it
    Styled text = {};        // empty: nothing worth a line
};

enum class Detail {
    transcript,  // for reading: token counts are left to the summary
    live,        // everything, as it happens
};

// `row` as Reader::journal() gives it; unknown types and missing fields are shown as well as they
// can be.
Description describe(const json::object& row, Detail detail, const PrintOptions& options);

std::string duration(std::int64_t ms);                           // "1:02", "1:04:09"
std::string seconds(std::int64_t ms);                            // "2.2 s"
std::string offset(std::int64_t ms);                             // "[00:12.3]"
std::string dollars(double usd);                                 // "$0.0312"
std::string local_time(std::int64_t at_ms, const char* format);  // of strftime

}  // namespace parley::store
