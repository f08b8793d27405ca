#include <parley/sim/speech_api.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using testing::HasSubstr;

net::Request asking(std::string target, std::string body) {
    net::Request request;
    request.method = "POST";
    request.target = std::move(target);
    request.headers.set("Authorization", "Bearer sk-1");
    request.headers.set("xi-api-key", "sk-1");
    request.body = std::move(body);
    return request;
}
SpeechWanted wanted(const net::Request& request) {
    const auto answer = speech_wanted(request, "sk-1");
    EXPECT_TRUE(answer && std::holds_alternative<SpeechWanted>(*answer));
    return answer ? std::get<SpeechWanted>(*answer) : SpeechWanted{};
}
std::string refused(const net::Request& request, const std::string& key = "sk-1") {
    const auto answer = speech_wanted(request, key);
    if (!answer || std::holds_alternative<SpeechWanted>(*answer)) return "accepted";
    const auto& response = std::get<net::Response>(*answer);
    return std::to_string(response.status) + " " + response.body;
}

TEST(SpeechApi, SpeaksAsOpenAiDoes) {
    const auto speech =
        wanted(asking("/v1/audio/speech",
                      R"({"model":"m","input":"Hi.","voice":"verse","response_format":"opus"})"));
    EXPECT_EQ(speech.text, "Hi.");
    EXPECT_EQ(speech.format, "opus");
    EXPECT_EQ(
        wanted(asking("/v1/audio/speech", R"({"model":"m","input":"Hi.","voice":"verse"})")).format,
        "mp3");
    EXPECT_THAT(refused(asking("/v1/audio/speech", "{}"), "sk-2"), HasSubstr("invalid_api_key"));
    EXPECT_THAT(refused(asking("/v1/audio/speech", R"({"model":"m","voice":"verse"})")),
                HasSubstr("'input'"));
    EXPECT_THAT(refused(asking("/v1/audio/speech", R"({"model":"m","input":"Hi.","voice":"bob"})")),
                HasSubstr("400"));
}

TEST(SpeechApi, SpeaksAsElevenLabsDoes) {
    const auto speech = wanted(asking("/v1/text-to-speech/v1/stream?output_format=pcm_24000",
                                      R"({"text":"Hi.","model_id":"m"})"));
    EXPECT_EQ(speech.format, "pcm");
    EXPECT_EQ(speech.rate_hz, 24'000);
    EXPECT_THAT(refused(asking("/v1/text-to-speech/v1/stream", "{}")), HasSubstr("422"));
    EXPECT_THAT(
        refused(asking("/v1/text-to-speech/v1/stream?output_format=x", R"({"text":"Hi."})")),
        HasSubstr("output format"));
}

TEST(SpeechApi, LeavesOtherPathsToOthers) {
    EXPECT_FALSE(speech_wanted(asking("/v1/models", "{}"), ""));
}

}  // namespace
}  // namespace parley::sim
