#include <parley/core/base64.hpp>
#include <parley/core/json.hpp>
#include <parley/telephony/media_message.hpp>

#include <gtest/gtest.h>

namespace parley::telephony {
namespace {

const std::string plain =
    R"({"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"AAECAw=="}})";
const std::vector<std::uint8_t> four_bytes{0, 1, 2, 3};

std::string media_json(const std::string& payload) {
    return R"({"event":"media","streamSid":"MZ1","media":{"payload":")" + payload + "\"}}";
}

std::string complaint(std::string_view text) {
    MediaReader reader;
    const auto message = reader.read(text);
    const auto* malformed = std::get_if<Malformed>(&message);
    return malformed == nullptr ? "" : std::string(malformed->what);
}

TEST(MediaReader, SaysWhatIsWrong) {
    EXPECT_EQ(complaint(""), "not JSON");
    EXPECT_EQ(complaint("{"), "not JSON");
    EXPECT_EQ(complaint("nonsense"), "not JSON");
    EXPECT_EQ(complaint(plain + "x"), "not JSON");
    EXPECT_EQ(complaint(plain.substr(0, plain.size() - 1)), "not JSON");
    EXPECT_EQ(complaint("[]"), "not a JSON object");
    EXPECT_EQ(complaint("{}"), "\"event\" is missing");
    EXPECT_EQ(complaint(R"({"event":5})"), "\"event\" is missing");
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1"})"),
              "the object named after the event is missing");
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1","media":"AAAA"})"),
              "the object named after the event is missing");
    EXPECT_EQ(complaint(R"({"event":"media","media":{"payload":"AAAA"}})"), "streamSid is missing");
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"","media":{"payload":"AAAA"}})"),
              "streamSid is missing");
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1","media":{}})"),
              "media: payload is missing");
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1","media":{"payload":5}})"),
              "media: payload is missing");
    for (const char* bad :
         {"AAA", "A===", "AA=A", "AAAA ", "AAA-", "AA\\n==", "=AAA", "AAAB=", "AAF="}) {
        EXPECT_EQ(complaint(media_json(bad)), "media: payload is not base64") << bad;
    }
    EXPECT_EQ(complaint(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"55"}})"),
              "dtmf: digit is missing or none");
    EXPECT_EQ(complaint(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"x"}})"),
              "dtmf: digit is missing or none");
    EXPECT_EQ(complaint(R"({"event":"mark","streamSid":"MZ1","mark":{}})"),
              "mark: name is missing");
    EXPECT_EQ(complaint(R"({"event":"start","streamSid":"MZ1"})"),
              "start: the object \"start\" is missing");
    EXPECT_EQ(complaint(R"({"event":"start","streamSid":"MZ1","start":{}})"),
              "start: callSid is missing");
    EXPECT_EQ(complaint(R"({"event":"start","start":{"callSid":"CA1"}})"),
              "start: streamSid is missing");
    EXPECT_EQ(complaint(std::string(2'000, '[') + std::string(2'000, ']')), "not JSON")
        << "too deep";
}

TEST(MediaReader, TakesAKeyAndAParameterInWhateverTypeTheyCome) {
    MediaReader reader;
    EXPECT_EQ(
        std::get<Dtmf>(reader.read(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":7}})"))
            .digit,
        '7');
    EXPECT_EQ(
        std::get<Dtmf>(reader.read(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"b"}})"))
            .digit,
        'B');
    EXPECT_EQ(complaint(R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":12}})"),
              "dtmf: digit is missing or none");
    const auto started = std::get<Started>(reader.read(
        R"({"event":"start","streamSid":"MZ1","start":{"customParameters":{"callSid":"CA1","token":12345,"none":null,"list":[1]}}})"));
    EXPECT_EQ(started.call_sid, "CA1") << "as we gave it to the document";
    EXPECT_EQ(started.parameter("token"), "12345");
    EXPECT_EQ(started.parameters.size(), 2u);
}

TEST(MediaReader, TakesAStopThatNamesNoStream) {
    MediaReader reader;
    EXPECT_TRUE(std::holds_alternative<Stopped>(reader.read(R"({"event":"stop"})")));
}

void expect_media(const std::string& text, std::string_view why) {
    MediaReader reader;
    const auto message = reader.read(text);
    const auto* media = std::get_if<Media>(&message);
    ASSERT_NE(media, nullptr) << why;
    EXPECT_EQ(media->stream_sid, "MZ1") << why;
    EXPECT_EQ(std::vector<std::uint8_t>(media->audio.begin(), media->audio.end()), four_bytes)
        << why;
}

TEST(MediaReader, ReadsMediaHoweverItIsWritten) {
    expect_media(plain, "as Twilio writes it");
    expect_media(
        R"({"event":"media","sequenceNumber":2,"streamSid":"MZ1","media":{"track":"inbound","chunk":1,"timestamp":20,"payload":"AAECAw=="}})",
        "numbers");
    expect_media(R"({"media":{"payload":"AAECAw=="},"streamSid":"MZ1","event":"media"})",
                 "another order, nothing optional");
    expect_media(
        " {\n\t\"event\" : \"media\" ,\r\n\"streamSid\":\"MZ1\", \"media\" : { \"payload\" : \"AAECAw==\" } } \n",
        "white space");
    expect_media(
        R"({"event":"media","streamSid":"MZ1","extra":[1,{"a":2}],"media":{"payload":"AAECAw==","more":null}})",
        "unknown members");
    expect_media(
        R"({"event":"medi\u0061","streamSid":"M\u005a1","media":{"p\u0061yload":"AAEC\u0041w=="}})",
        "escapes");
    expect_media(
        R"({"event":"media","sequenceNumber":"123456789012345678901234567890","streamSid":"MZ1","media":{"chunk":1234567890123456,"payload":"AAECAw=="}})",
        "endless numbers");
    expect_media(
        R"({"event":"media","sequenceNumber":1e2,"streamSid":"MZ1","media":{"timestamp":-5,"payload":"AAECAw=="}})",
        "odd numbers");
}

TEST(MediaReader, TellsTheNumbers) {
    MediaReader reader;
    const auto message = reader.read(plain);
    const auto& media = std::get<Media>(message);
    EXPECT_EQ(media.sequence, 2);
    EXPECT_EQ(media.chunk, 1);
    EXPECT_EQ(media.timestamp_ms, 20);
    EXPECT_EQ(media.track, "inbound");
    const auto bare = reader.read(media_json("AAECAw=="));
    EXPECT_FALSE(std::get<Media>(bare).sequence);
    EXPECT_FALSE(std::get<Media>(bare).timestamp_ms);
    const auto odd = reader.read(
        R"({"event":"media","streamSid":"MZ1","media":{"timestamp":"soon","chunk":1.5,"payload":""}})");
    EXPECT_FALSE(std::get<Media>(odd).timestamp_ms);
    EXPECT_FALSE(std::get<Media>(odd).chunk);
    EXPECT_TRUE(std::get<Media>(odd).audio.empty());
}

TEST(MediaReader, LookAlikesInOtherPlacesDoNotFoolIt) {
    // The outer object decides, whatever strings or inner objects pretend.
    EXPECT_EQ(complaint(R"({"event":"media","streamSid":"MZ1","x":{"payload":"AAECAw=="}})"),
              "the object named after the event is missing");
    EXPECT_EQ(
        complaint(
            R"({"event":"media","x":"\"streamSid\":\"MZ1\"","media":{"streamSid":"MZ1","payload":"AAECAw=="}})"),
        "streamSid is missing");
    EXPECT_EQ(
        complaint(
            R"({"event":"media","streamSid":"MZ1","media":{"inner":{"payload":"AAECAw=="}}})"),
        "media: payload is missing");
    MediaReader reader;
    const auto stop = reader.read(
        R"({"event":"stop","streamSid":"MZ1","media":{"event":"media","payload":"AAECAw=="}})");
    EXPECT_TRUE(std::holds_alternative<Stopped>(stop));
    const auto named =
        reader.read(R"({"event":"mark","streamSid":"MZ1","mark":{"name":"\",\"event\":\"media"}})");
    EXPECT_EQ(std::get<MarkEcho>(named).name, "\",\"event\":\"media");
}

TEST(MediaReader, TheFastScanAgreesWithTheFullParser) {
    for (const std::string& text :
         {plain, media_json("AAECAw=="), media_json(""),
          std::string(
              R"({"event":"media","event":"stop","streamSid":"MZ1","media":{"payload":""}})")}) {
        MediaReader fast;
        MediaReader full;
        const auto a = fast.read(text);
        const auto b = full.read_fully(text);
        ASSERT_EQ(a.index(), b.index()) << text;
        if (const auto* media = std::get_if<Media>(&a)) {
            const auto& other = std::get<Media>(b);
            EXPECT_EQ(media->stream_sid, other.stream_sid);
            EXPECT_EQ(media->track, other.track);
            EXPECT_EQ(media->sequence, other.sequence);
            EXPECT_EQ(media->timestamp_ms, other.timestamp_ms);
            EXPECT_EQ(std::vector(media->audio.begin(), media->audio.end()),
                      std::vector(other.audio.begin(), other.audio.end()));
        }
    }
}

TEST(MediaReader, ReadsStart) {
    MediaReader reader;
    const auto message = reader.read(
        R"({"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],)"
        R"("mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"abc","n":5}}})");
    const auto& started = std::get<Started>(message);
    EXPECT_EQ(started.stream_sid, "MZ1");
    EXPECT_EQ(started.call_sid, "CA1");
    EXPECT_EQ(started.account_sid, "AC1");
    EXPECT_EQ(started.format, "");
    EXPECT_EQ(started.parameter("token"), "abc");
    EXPECT_EQ(started.parameter("n"), "5");
    EXPECT_EQ(started.parameter("other"), "");

    const auto wide = reader.read(
        R"({"event":"start","start":{"streamSid":"MZ2","callSid":"CA1","mediaFormat":{"encoding":"audio/l16","sampleRate":"16000"}}})");
    EXPECT_EQ(std::get<Started>(wide).stream_sid, "MZ2");
    EXPECT_EQ(std::get<Started>(wide).format, "audio/l16 at 16000 Hz, 1 channels");
}

TEST(MediaReader, ReadsTheRest) {
    MediaReader reader;
    EXPECT_TRUE(std::holds_alternative<Connected>(
        reader.read(R"({"event":"connected","protocol":"Call","version":"1.0.0"})")));
    const auto dtmf = reader.read(
        R"({"event":"dtmf","sequenceNumber":"7","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}})");
    EXPECT_EQ(std::get<Dtmf>(dtmf).digit, '#');
    const auto mark = reader.read(
        R"({"event":"mark","sequenceNumber":"9","streamSid":"MZ1","mark":{"name":"m12"}})");
    EXPECT_EQ(std::get<MarkEcho>(mark).name, "m12");
    const auto stop = reader.read(
        R"({"event":"stop","sequenceNumber":"99","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}})");
    EXPECT_EQ(std::get<Stopped>(stop).stream_sid, "MZ1");
    const auto other = reader.read(R"({"event":"brand-new"})");
    EXPECT_EQ(std::get<UnknownEvent>(other).event, "brand-new");
}

TEST(MediaWriter, WritesExactlyTheFieldsTwilioWants) {
    MediaWriter writer("MZ1");
    EXPECT_EQ(writer.media(four_bytes),
              R"({"event":"media","streamSid":"MZ1","media":{"payload":"AAECAw=="}})");
    EXPECT_EQ(writer.mark(0), R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m0"}})");
    EXPECT_EQ(writer.mark(4'294'967'295),
              R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m4294967295"}})");
    EXPECT_EQ(writer.mark(7), R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m7"}})");
    EXPECT_EQ(writer.clear(), R"({"event":"clear","streamSid":"MZ1"})");
    EXPECT_EQ(writer.media({}), R"({"event":"media","streamSid":"MZ1","media":{"payload":""}})");
}

TEST(MediaWriter, AStrangeStreamSidStaysInsideItsString) {
    MediaWriter writer("MZ\",\"x\":\"\n");
    const auto parsed = json_read::parse(writer.clear());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->as_object().size(), 2u);
    EXPECT_EQ(json_read::text(parsed->as_object(), "streamSid"), "MZ\",\"x\":\"\n");
}

TEST(MarkNumber, KnowsOnlyOurOwnNames) {
    EXPECT_EQ(mark_number("m12"), 12u);
    EXPECT_EQ(mark_number("m4294967295"), 4'294'967'295u);
    for (const char* name : {"", "m", "12", "m-1", "m4294967296", "m1x", "M1", "m 1"})
        EXPECT_FALSE(mark_number(name)) << name;
}

}  // namespace
}  // namespace parley::telephony
