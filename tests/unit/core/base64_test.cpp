#include <parley/core/base64.hpp>

#include <gtest/gtest.h>

namespace parley {
namespace {

std::string decoded(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    if (!base64::decode(text, bytes)) return "refused";
    return {bytes.begin(), bytes.end()};
}

TEST(Base64, FollowsTheTestVectorsOfRfc4648) {
    for (const auto& [plain, coded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64::encode(std::string_view(plain)), coded);
        EXPECT_EQ(decoded(coded), plain);
    }
}

TEST(Base64, RoundTripsEveryByteAtEveryLength) {
    std::vector<std::uint8_t> bytes;
    for (int i = 0; i < 512; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(i * 7));
        std::vector<std::uint8_t> back;
        ASSERT_TRUE(base64::decode(base64::encode(bytes), back));
        ASSERT_EQ(back, bytes);
    }
}

TEST(Base64, RefusesWhatIsNotStrict) {
    for (const char* bad : {"Zg", "Zg=", "Z", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9_",
                            "Zh==", "Zm9=", "=Zg="}) {
        EXPECT_EQ(decoded(bad), "refused") << bad;
    }
}

TEST(Base64, KnowsItsAlphabetAtEveryPlace) {
    const std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t at = 0; at < 28; ++at) {
        for (int c = 0; c < 256; ++c) {
            std::string text(28, 'A');
            text[at] = static_cast<char>(c);
            const auto value = alphabet.find(text[at]);
            std::vector<std::uint8_t> bytes;
            const bool is_padding = c == '=' && at == text.size() - 1;
            ASSERT_EQ(base64::decode(text, bytes), value != alphabet.npos || is_padding)
                << c << " at " << at;
            if (value == alphabet.npos) continue;
            EXPECT_EQ(base64::encode(bytes), text);
            std::vector<std::uint8_t> expected(21, 0);
            const std::uint32_t bits = static_cast<std::uint32_t>(value) << (18 - at % 4 * 6);
            for (std::size_t i = 0; i < 3; ++i)
                expected[at / 4 * 3 + i] = static_cast<std::uint8_t>(bits >> (16 - 8 * i));
            EXPECT_EQ(bytes, expected);
        }
    }
}

TEST(Base64, AppendsBehindWhatIsThere) {
    std::string out = "{\"audio\":\"";
    const std::uint8_t bytes[] = {1, 2, 3};
    base64::append(out, bytes);
    EXPECT_EQ(out, "{\"audio\":\"AQID");
}

}  // namespace
}  // namespace parley
