// twilio.paths: where Twilio may ask, and what may not be there.
#include "loading.hpp"

namespace parley::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Paths, OfTheSystemsBeforeServeTogether) {
    const auto settings = settings_with_agent(
        "twilio:\n"
        "  paths:\n"
        "    - {voice: /voice, stream: /voice/stream}\n"
        "    - {voice: /twiml, stream: /call, methods: [GET, POST]}\n"
        "    - {voice: /incoming-call, stream: /media-stream}\n"
        "    - {voice: /twilio/voice, stream: /twilio-stream}\n");
    ASSERT_EQ(settings.twilio.paths.size(), 4U);
    EXPECT_EQ(settings.twilio.paths[1].voice, "/twiml");
    EXPECT_EQ(settings.twilio.paths[1].stream, "/call");
}

TEST(Paths, SeveralWebhooksMayAnnounceOneStream) {
    EXPECT_THAT(
        faults_with_agent("twilio: {paths: [{voice: /a, stream: /s}, {voice: /b, stream: /s}]}"),
        IsEmpty());
}

TEST(Paths, ThatClashAreFaultsWithTheirLine) {
    EXPECT_THAT(
        faults_with_agent("twilio:\n"
                          "  paths:\n"
                          "    - voice: /voice\n"
                          "      stream: /s\n"
                          "    - voice: /voice\n"
                          "      stream: /voice/ended\n"
                          "    - voice: /s/7\n"
                          "      stream: /api/stream\n"),
        ElementsAre("parley.yaml:5: twilio.paths.1.voice: /voice is taken by "
                    "twilio.paths.0.voice; choose another path",
                    "parley.yaml:5: twilio.paths.1.voice: /voice/ended is taken by "
                    "twilio.paths.0.voice (its end); choose another path",
                    "parley.yaml:6: twilio.paths.1.stream: /voice/ended is taken by "
                    "twilio.paths.0.voice (its end); choose another path",
                    "parley.yaml:6: twilio.paths.1.stream: /voice/ended is taken by "
                    "twilio.paths.1.voice (its end); choose another path",
                    "parley.yaml:7: twilio.paths.2.voice: /s/7 is taken by "
                    "twilio.paths.0.stream; choose another path",
                    "parley.yaml:8: twilio.paths.2.stream: /api/stream belongs to the service "
                    "itself; choose another path"));
}

TEST(Paths, OfTransfersAreTakenToo) {
    EXPECT_THAT(faults_with_agent("twilio:\n"
                                  "  paths:\n"
                                  "    - voice: /voice\n"
                                  "      stream: /voice/briefing\n"
                                  "    - voice: /voice/transferred\n"
                                  "      stream: /s\n"),
                ElementsAre("parley.yaml:4: twilio.paths.0.stream: /voice/briefing is taken by "
                            "twilio.paths.0.voice (its transfers); choose another path",
                            "parley.yaml:5: twilio.paths.1.voice: /voice/transferred is taken by "
                            "twilio.paths.0.voice (its transfers); choose another path"));
}

TEST(Paths, MustBePaths) {
    EXPECT_THAT(
        faults_with_agent("twilio: {paths: [{voice: voice, stream: /s/}]}"),
        ElementsAre("parley.yaml:1: twilio.paths.0.voice: expected a path of letters, digits "
                    "and -._~, without a slash at its end, found \"voice\"; write a path such "
                    "as /voice",
                    "parley.yaml:1: twilio.paths.0.stream: expected a path of letters, digits "
                    "and -._~, without a slash at its end, found \"/s/\"; write a path such as "
                    "/media-stream"));
    EXPECT_THAT(
        faults_with_agent("twilio: {paths: []}"),
        ElementsAre("parley.yaml:1: twilio.paths: expected at least one entry, found 0; write "
                    "a list such as [{voice: /voice, stream: /media-stream}]"));
    EXPECT_THAT(faults_with_agent("twilio: {paths: [{voice: /voice}]}"),
                ElementsAre("parley.yaml:1: twilio.paths.0.stream: missing; write a path such as "
                            "/media-stream"));
    EXPECT_THAT(faults_with_agent("twilio: {paths: [{voice: /v, stream: /s, methods: [PUT]}]}"),
                ElementsAre(::testing::HasSubstr(
                    "twilio.paths.0.methods.0: expected one of GET, POST, found \"PUT\"")));
}

TEST(Environment, ThePublicAddressHasASecondName) {
    EXPECT_EQ(settings_of(an_agent, with_environment({{"PUBLIC_BASE_URL", "https://b.example"}}))
                  .server.public_url,
              "https://b.example");
    const auto both =
        settings_of(an_agent, with_environment({{"PUBLIC_BASE_URL", "https://b.example"},
                                                {"PUBLIC_URL", "https://a.example"}}));
    EXPECT_EQ(both.server.public_url, "https://a.example");
    EXPECT_EQ(explained(both, "server.public_url"), "https://a.example (environment PUBLIC_URL)");
}

}  // namespace
}  // namespace parley::config::test
