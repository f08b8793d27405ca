#include <parley/audio/wav.hpp>
#include <parley/net/server.hpp>
#include <parley/voice/voice.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>

namespace parley::voice {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using Made = boost::system::result<Audio, Failure>;

std::vector<std::int16_t> tone(std::size_t count) {
    std::vector<std::int16_t> samples(count);
    for (std::size_t i = 0; i < count; ++i)
        samples[i] = static_cast<std::int16_t>(8'000 * std::sin(0.1 * static_cast<double>(i)));
    return samples;
}

TEST(Encoding, MakesFilesThatBeginAsTheyShould) {
    const auto samples = tone(24'000);
    const auto file = [&](std::string_view format) {
        const auto made = encode(samples, 24'000, format);
        EXPECT_TRUE(made) << format;
        return made ? *made : std::string();
    };
    EXPECT_THAT(file("wav"), StartsWith("RIFF"));
    EXPECT_THAT(file("opus"), StartsWith("OggS"));
    EXPECT_THAT(file("opus").substr(0, 64), HasSubstr("OpusHead"));
    EXPECT_THAT(file("flac"), StartsWith("fLaC"));
    EXPECT_EQ(file("pcm").size(), 48'000u);
    const auto mp3 = file("mp3");
    EXPECT_EQ(static_cast<unsigned char>(mp3.at(0)), 0xFF);
    EXPECT_EQ(static_cast<unsigned char>(mp3.at(1)) & 0xE0, 0xE0);
    EXPECT_LT(mp3.size(), 24'000u);
    const auto wav = file("wav");
    const auto read =
        audio::read_wav(std::span(reinterpret_cast<const std::uint8_t*>(wav.data()), wav.size()));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->samples, samples);
    EXPECT_FALSE(encode(samples, 24'000, "aac"));
    EXPECT_FALSE(encode(samples, 24'000, "exe"));
}

TEST(Voices, OfOtherProvidersHaveOneOfEspeak) {
    EXPECT_EQ(espeak_voice(""), "en-us");
    EXPECT_EQ(espeak_voice("verse"), "en-us+m2");
    EXPECT_EQ(espeak_voice("de"), "de");
    EXPECT_EQ(espeak_voice("de; rm"), std::nullopt);
}

// A provider, and whoever listens to what is made.
class VoiceTest : public testing::Test {
 protected:
    VoiceTest() {
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request request) -> Task<net::Response> {
            net::Response response;
            if (request.target == "/say") {
                auto made = co_await voice->make(wanted);
                if (made) {
                    response.content_type = made->content_type;
                    response.stream = made->body;
                } else {
                    response.status = 500;
                    response.body = made.error().what;
                    kind = made.error().kind;
                }
                co_return response;
            }
            asked = request;
            response.status = status;
            response.body = body;
            response.content_type = "application/json";
            co_return response;
        };
        handlers.on_upgrade = [](net::Request) -> Task<net::UpgradeAnswer> {
            co_return net::UpgradeAnswer{net::Response{.status = 404}};
        };
        server = net::Server::listen(threads, {.host = "127.0.0.1"}, std::move(handlers)).value();
        threads.start();
    }
    std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(server->port()) + path;
    }
    void use(const std::string& provider, const std::string& path = "") {
        auto made = make_voice({.provider = provider,
                                .base_url = provider == "espeak" ? "" : url(path),
                                .api_key = Secret("key-123"),
                                .model = "model-1",
                                .timeout = 30s});
        ASSERT_TRUE(made) << made.error().text();
        voice = std::move(*made);
    }
    net::Response say(Wanted what) {
        wanted = std::move(what);
        auto future =
            asio::co_spawn(listeners.context(0),
                           net::fetch(*net::Url::parse(url("/say")), net::Request{.method = "GET"},
                                      net::RequestLimits{.timeout = 60s}),
                           asio::use_future);
        if (!is_listening) listeners.start();
        is_listening = true;
        auto result = future.get();
        EXPECT_TRUE(result) << result.error().message();
        return result ? *result : net::Response{.status = 0};
    }

    std::unique_ptr<Voice> voice;
    Wanted wanted;
    net::Request asked;
    int status = 200;
    std::string body;
    std::optional<Failure::Kind> kind;
    bool is_listening = false;
    net::IoThreads threads{1};
    std::unique_ptr<net::Server> server;
    net::IoThreads listeners{1};
};

TEST_F(VoiceTest, SpeaksWithEspeakWithoutAnyKey) {
    use("espeak");
    const auto response = say({"Hello there.", "verse", "wav"});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "audio/wav");
    EXPECT_THAT(response.body, StartsWith("RIFF"));
    EXPECT_GT(response.body.size(), 10'000u);
    say({"Hello there.", "", "aac"});
    EXPECT_EQ(kind, Failure::Kind::mistake);
}

TEST_F(VoiceTest, AsksAnyServerThatKnowsOpenAisWay) {
    use("openai", "/v1/");
    body = std::string(200'000, 'x');
    const auto response = say({"Hello.", "", "opus"});
    EXPECT_EQ(response.content_type, "audio/ogg");
    EXPECT_EQ(response.body, body);
    EXPECT_EQ(asked.target, "/v1/audio/speech");
    EXPECT_EQ(asked.headers.get("Authorization"), "Bearer key-123");
    EXPECT_EQ(asked.body,
              R"({"model":"model-1","input":"Hello.","voice":"verse","response_format":"opus"})");
}

TEST_F(VoiceTest, AsksElevenLabs) {
    use("elevenlabs");
    body = "0123";
    const auto response = say({"Hello.", "voice/1", "wav"});
    EXPECT_EQ(response.content_type, "audio/wav");
    ASSERT_EQ(response.body.size(), 48u);
    EXPECT_THAT(response.body, StartsWith("RIFF"));
    EXPECT_EQ(response.body.substr(44), "0123");
    EXPECT_EQ(asked.target, "/v1/text-to-speech/voice%2F1/stream?output_format=pcm_24000");
    EXPECT_EQ(asked.headers.get("xi-api-key"), "key-123");
    EXPECT_EQ(asked.body, R"({"text":"Hello.","model_id":"model-1"})");
    say({"Hello.", "", "mp3"});
    EXPECT_EQ(kind, Failure::Kind::mistake) << "there is no usual voice";
}

TEST_F(VoiceTest, TellsWhatTheProviderHasAgainstIt) {
    use("openai", "/v1");
    status = 401;
    body = R"({"error":{"message":"Incorrect API key provided."}})";
    EXPECT_EQ(say({"Hello.", "", "mp3"}).body,
              "the provider answered 401: Incorrect API key provided.");
    EXPECT_EQ(kind, Failure::Kind::provider);
    body = R"({"detail":{"status":"quota_exceeded","message":"No credits."}})";
    EXPECT_EQ(say({"Hello.", "", "mp3"}).body, "the provider answered 401: No credits.");
    body = "<html>";
    EXPECT_EQ(say({"Hello.", "", "mp3"}).body, "the provider answered 401");
}

TEST(VoiceSettings, ThatCannotWorkAreFaults) {
    EXPECT_FALSE(
        make_voice({.provider = "openai", .base_url = "nonsense", .api_key = Secret("k")}));
    const auto without_key =
        make_voice({.provider = "elevenlabs", .base_url = "https://api.elevenlabs.io"});
    ASSERT_FALSE(without_key);
    EXPECT_THAT(without_key.error().text(), HasSubstr("set ELEVENLABS_API_KEY"));
}

}  // namespace
}  // namespace parley::voice
