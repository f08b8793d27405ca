#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>

#include <gtest/gtest.h>

#include <set>

namespace parley {
namespace {

TEST(Crypto, ComputesHmacSha1AsInRfc2202) {
    const auto digest = crypto::hmac_sha1("Jefe", "what do ya want for nothing?");
    EXPECT_EQ(base64::encode(digest), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
}

TEST(Crypto, ComputesSha256) {
    EXPECT_EQ(crypto::sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, NeverRepeatsAToken) {
    std::set<std::string> seen;
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.insert(crypto::random_hex(16)).second);
    EXPECT_EQ(seen.begin()->size(), 32u);
}

TEST(Crypto, ComparesWholeStrings) {
    EXPECT_TRUE(crypto::equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(crypto::equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(crypto::equal_in_constant_time("abc", "abcd"));
    EXPECT_TRUE(crypto::equal_in_constant_time("", ""));
}

}  // namespace
}  // namespace parley
