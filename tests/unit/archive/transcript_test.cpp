#include <parley/archive/transcript.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::archive {
namespace {

using namespace call::journal;
using testing::HasSubstr;
using testing::Not;

// 2026-11-20T18:52:00Z and so many milliseconds.
WallTime at(std::int64_t ms) { return WallTime(milliseconds(1'795'200'720'000 + ms)); }

std::vector<Entry> a_call(std::string sid = "CA1", std::string from = "+15550100001") {
    return {{sid, at(0), CallStarted{from, "+15550100002", "sarah", "twilio"}},
            {sid, at(350), ProviderReady{350}},
            {sid, at(900), AgentSaid{"a0", "Hello, this is Sarah.", "", 1'000, 1'000, false}},
            // written down after the answer has begun
            {sid, at(5'000), AgentSaid{"a1", "We have nine", "thirty.", 700, 1'400, true}},
            {sid, at(3'000), CallerSaid{"c1", "Tuesday,\nplease."}},
            {sid, at(9'120), CallEnded{"no_booking", "caller_hung_up", 9'120}}};
}

TEST(Transcript, TellsWhatWasSaidInItsOrder) {
    EXPECT_EQ(Transcript::of("CA1", a_call()).as_lines(),
              "[2026-11-20T18:52:00.000Z] system: Call connected (CA1).\n"
              "[2026-11-20T18:52:00.350Z] system: OpenAI realtime session established.\n"
              "[2026-11-20T18:52:00.900Z] assistant: Hello, this is Sarah.\n"
              "[2026-11-20T18:52:03.000Z] customer: Tuesday, please.\n"
              "[2026-11-20T18:52:05.000Z] assistant: We have nine\n"
              "[2026-11-20T18:52:09.120Z] system: Shutting down voice bridge (twilio-stop).\n");
}

TEST(Transcript, IsJsonForPrograms) {
    const auto json = Transcript::of("CA1", a_call()).as_json();
    EXPECT_EQ(
        json::serialize(json),
        R"({"callSid":"CA1","phoneNumber":"+15550100001","timestamp":"2026-11-20T18:52:00.000Z","messages":[)"
        R"({"role":"system","content":"Call connected (CA1).","timestamp":"2026-11-20T18:52:00.000Z"},)"
        R"({"role":"system","content":"OpenAI realtime session established.","timestamp":"2026-11-20T18:52:00.350Z"},)"
        R"({"role":"assistant","content":"Hello, this is Sarah.","timestamp":"2026-11-20T18:52:00.900Z","itemId":"a0"},)"
        R"({"role":"user","content":"Tuesday,\nplease.","timestamp":"2026-11-20T18:52:03.000Z","itemId":"c1"},)"
        R"({"role":"assistant","content":"We have nine","timestamp":"2026-11-20T18:52:05.000Z","itemId":"a1","unheard":"thirty."},)"
        R"({"role":"system","content":"Shutting down voice bridge (twilio-stop).","timestamp":"2026-11-20T18:52:09.120Z"}],)"
        R"("endTime":"2026-11-20T18:52:09.120Z","duration":9.12E0,"outcome":"no_booking","reason":"caller_hung_up","complete":true})");
}

TEST(Transcript, IsAConversationWithoutSystemLines) {
    EXPECT_EQ(
        Transcript::of("CA1", a_call()).as_conversation(),
        "Assistant: Hello, this is Sarah.\n\nCaller: Tuesday, please.\n\nAssistant: We have nine");
}

TEST(Transcript, NamesItsFilesAfterTimeCallAndNumber) {
    const auto transcript = Transcript::of("CA1", a_call());
    EXPECT_EQ(transcript.text_file_name(), "2026-11-20T18-52-00.000Z-CA1.txt");
    EXPECT_EQ(transcript.json_file_name(), "CA1_+15550100001_2026-11-20T18-52-00.000Z.json");
}

TEST(Transcript, OfACallThatWeMadeIsNamedAfterTheOneWeCalled) {
    Transcript transcript("CA1");
    transcript.add(
        {"CA1", at(0), CallStarted{"+15550100002", "+15550100001", "sarah", "twilio", "outbound"}});
    EXPECT_EQ(transcript.json_file_name(), "CA1_+15550100001_2026-11-20T18-52-00.000Z.json");
}

TEST(Transcript, AnIdLeadsIntoNoOtherFolder) {
    for (const std::string id :
         {"../../etc/passwd", "/root", "a/b", "..", "", "x\ny", "a b", "a_b"}) {
        const auto transcript = Transcript::of(id, a_call(id, "sip:../x@y"));
        for (const auto& name : {transcript.text_file_name(), transcript.json_file_name()}) {
            EXPECT_THAT(name, Not(HasSubstr("/"))) << id;
            EXPECT_THAT(name, Not(HasSubstr(".."))) << id;
            EXPECT_LT(name.size(), 255u);
        }
    }
    EXPECT_NE(Transcript::of("a/b", a_call("a/b")).text_file_name(),
              Transcript::of("a-b", a_call("a-b")).text_file_name());
    EXPECT_LT(Transcript::of(std::string(3'000, 'A'), a_call()).json_file_name().size(), 255u);
}

TEST(Transcript, GivesEachEndAReasonThatReadersKnow) {
    const auto last_line = [](std::string reason) {
        Transcript transcript("CA1");
        return transcript.add({"CA1", at(0), CallEnded{"error", std::move(reason), 1}})
            .at(0)
            .content;
    };
    EXPECT_THAT(last_line("channel_lost"), HasSubstr("(twilio-closed)"));
    EXPECT_THAT(last_line("provider_lost_unspoken"), HasSubstr("(openai-closed)"));
    EXPECT_THAT(last_line("provider_failed"), HasSubstr("(openai-error)"));
    EXPECT_THAT(last_line("process_died"), HasSubstr("(process-died)"));
    EXPECT_THAT(last_line("cost_limit"), HasSubstr("(cost-limit)"));
}

TEST(Transcript, TakesInWhatOnlyTheEarlierCopyHas) {
    auto entries = a_call();
    const auto whole = Transcript::of("CA1", entries);
    const auto earlier = whole.as_json();
    entries.erase(entries.begin() + 4);  // the caller's words had not reached the store
    auto transcript = Transcript::of("CA1", entries);
    transcript.take_in(earlier);
    EXPECT_EQ(transcript.as_json(), earlier);
    transcript.take_in(json::object{{"messages", "none"}});
    transcript.take_in(json::object{{"messages", {1, nullptr}}});
    EXPECT_EQ(transcript.as_lines(), whole.as_lines());
}

}  // namespace
}  // namespace parley::archive
