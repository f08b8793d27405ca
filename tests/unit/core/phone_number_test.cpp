#include <parley/core/phone_number.hpp>

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(E164, HasAPlusACountryCodeAndDigits) {
    for (const char* number : {"+15550100001", "+4930123456", "+2901234", "+123456789012345"})
        EXPECT_TRUE(is_e164(number)) << number;
    for (const char* other : {"", "+", "15550100001", "+05550100001", "+1 555 010 0001",
                              "+1555010000a", "+123456", "+1234567890123456", "client:desk"})
        EXPECT_FALSE(is_e164(other)) << other;
}

}  // namespace
}  // namespace parley
