#include <parley/call/journal.hpp>
#include <parley/core/text.hpp>

#include <gtest/gtest.h>

#include <set>

namespace parley::call::journal {
namespace {

template <std::size_t... I>
std::vector<Event> one_of_each(std::index_sequence<I...>) {
    return {Event(std::in_place_index<I>)...};
}

TEST(Journal, GivesEachEventItsOwnTypeName) {
    std::set<std::string_view> names;
    const auto events = one_of_each(std::make_index_sequence<std::variant_size_v<Event>>());
    for (const auto& event : events) names.insert(type_name(event));

    EXPECT_EQ(names.size(), std::variant_size_v<Event>);
    EXPECT_EQ(type_name(CallerSaid{}), "caller_said");
    EXPECT_EQ(type_name(ToolReturned{}), "tool_returned");
    EXPECT_EQ(type_name(CallEnded{}), "call_ended");
}

TEST(Journal, LeavesTypeTimeAndCallOutOfTheFields) {
    const auto events = one_of_each(std::make_index_sequence<std::variant_size_v<Event>>());
    for (const auto& event : events) {
        const auto object = fields(event);
        EXPECT_FALSE(object.contains("type")) << type_name(event);
        EXPECT_FALSE(object.contains("at_ms")) << type_name(event);
        EXPECT_FALSE(object.contains("call_sid")) << type_name(event);
    }
}

TEST(Journal, KeepsHeardAndUnheardApart) {
    const auto object =
        fields(AgentSaid{"item_1", "We have nine thirty,", "or ten.", 1'850, 4'200, true});

    EXPECT_EQ(json::serialize(object),
              R"({"item_id":"item_1","heard":"We have nine thirty,","unheard":"or ten.",)"
              R"("heard_ms":1850,"received_ms":4200,"interrupted":true})");
}

TEST(Journal, NeverHoldsTheDigitThatWasPressed) { EXPECT_TRUE(fields(DtmfReceived{}).empty()); }

TEST(Journal, TellsHowManyDigitsWereSentAndNotWhich) {
    EXPECT_EQ(json::serialize(fields(DigitsSent{4})), R"({"count":4})");
}

TEST(Journal, TellsHowATransferWent) {
    EXPECT_EQ(json::serialize(fields(TransferStarted{"+15550100100", true})),
              R"({"to":"+15550100100","briefed":true})");
    EXPECT_EQ(json::serialize(fields(TransferEnded{"no_answer", "", 20'000})),
              R"({"how":"no_answer","duration_ms":20000})");
    EXPECT_EQ(json::serialize(fields(TransferEnded{"failed", "Twilio says 21220", 90})),
              R"({"how":"failed","detail":"Twilio says 21220","duration_ms":90})");
}

TEST(Journal, MasksWhatPeopleAndCarriersWrote) {
    const auto masker = privacy::default_masker();
    const std::string card = "4111 1111 1111 1111";
    for (const auto& event :
         {Event(TransferEnded{"failed", card}), Event(RecordingStarted{card}),
          Event(MessageSent{"+15550100002", false, card}), Event(Problem{"x", card})}) {
        const auto kept = json::serialize(fields(masked(event, *masker)));
        EXPECT_EQ(kept.find("4111 1111"), std::string::npos) << kept;
    }
    EXPECT_EQ(std::get<MessageSent>(masked(MessageSent{"+15550100002", true, "SM1"}, *masker)).to,
              "+15550100002");
}

TEST(Journal, WritesTokensAndCostOfAResponse) {
    Usage usage;
    usage.input_audio_tokens = 120;
    usage.cached_text_tokens = 30;
    usage.cost_usd = 0.25;
    const auto object = fields(UsageCounted{"resp_1", usage});

    EXPECT_EQ(object.at("response_id").as_string(), "resp_1");
    EXPECT_EQ(object.at("input_audio_tokens").as_int64(), 120);
    EXPECT_EQ(object.at("cached_text_tokens").as_int64(), 30);
    EXPECT_DOUBLE_EQ(object.at("cost_usd").as_double(), 0.25);
}

TEST(Journal, MakesValidUtf8OfWhateverItIsGiven) {
    const auto object = fields(ToolReturned{"c1", "lookup", true, "caf\xE9", 3});

    EXPECT_EQ(object.at("output").as_string(), "caf\xEF\xBF\xBD");
    EXPECT_TRUE(is_valid_utf8(json::serialize(object)));
}

}  // namespace
}  // namespace parley::call::journal
