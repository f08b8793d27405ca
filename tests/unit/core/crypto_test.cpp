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
    EXPECT_EQ(crypto::sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
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

// RFC 4231, test cases 1 and 2.
TEST(Crypto, ComputesHmacSha256) {
    EXPECT_EQ(crypto::hex(crypto::hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(crypto::hex(crypto::hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, MakesUuidsOfVersionFour) {
    const std::string uuid = crypto::uuid4();
    ASSERT_EQ(uuid.size(), 36u);
    EXPECT_EQ(uuid[8], '-');
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
    EXPECT_NE(uuid, crypto::uuid4());
}

}  // namespace
}  // namespace parley
