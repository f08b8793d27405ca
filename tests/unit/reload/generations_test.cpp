#include "support.hpp"

#include <parley/reload/status.hpp>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

WallTime second(int count) { return WallTime(std::chrono::seconds(1'700'000'000 + count)); }

std::shared_ptr<Generation> made(const std::string& version) {
    auto generation = std::make_shared<Generation>();
    generation->version = version;
    return generation;
}

std::vector<std::uint64_t> numbers(const Generations& generations) {
    std::vector<std::uint64_t> all;
    for (const auto& line : generations.status().generations)
        all.push_back(line.generation->number);
    return all;
}

TEST(Generations, AreNumberedFromOne) {
    Generations generations(made("a"), second(0));
    EXPECT_EQ(generations.current()->number, 1U);
    EXPECT_EQ(generations.publish(made("b"), Cause::saved, second(1))->number, 2U);
    EXPECT_EQ(generations.current()->version, "b");
    EXPECT_EQ(generations.status().since, second(1));
}

TEST(Generations, RollBackToWhatServedBeforeAndGoOnFromThere) {
    Generations generations(made("a"), second(0));
    EXPECT_EQ(generations.roll_back(second(1)), nullptr);

    generations.publish(made("b"), Cause::saved, second(1));
    generations.publish(made("c"), Cause::saved, second(2));
    EXPECT_EQ(generations.roll_back(second(3))->version, "b");
    EXPECT_EQ(generations.current()->number, 2U);

    EXPECT_EQ(generations.publish(made("d"), Cause::saved, second(4))->number, 4U)
        << "a number is not used twice";
    EXPECT_EQ(generations.roll_back(second(5))->version, "b") << "what served before d";
    EXPECT_EQ(generations.roll_back(second(6))->version, "a");
    EXPECT_EQ(generations.roll_back(second(7)), nullptr);
    EXPECT_EQ(generations.status().rollbacks, 3U);
}

TEST(Generations, KeepFiveAndThoseWithCalls) {
    Generations generations(made("1"), second(0));
    const CallTicket call(generations.current());
    for (int i = 2; i <= 8; ++i)
        generations.publish(made(std::to_string(i)), Cause::saved, second(i));

    EXPECT_THAT(numbers(generations), ElementsAre(8, 7, 6, 5, 4, 1));
    const auto status = generations.status();
    EXPECT_TRUE(status.generations[0].is_serving);
    EXPECT_TRUE(status.generations[4].can_be_rolled_back_to);
    EXPECT_FALSE(status.generations[5].can_be_rolled_back_to);
}

TEST(Generations, ForgetThoseThatNoCallHolds) {
    Generations generations(made("1"), second(0));
    const std::weak_ptr<const Generation> first = generations.current();
    for (int i = 2; i <= 6; ++i)
        generations.publish(made(std::to_string(i)), Cause::saved, second(i));
    EXPECT_TRUE(first.expired());
}

TEST(Generations, RememberTheLastFailureAndWhetherItIsMended) {
    Generations generations(made("a"), second(0));
    generations.refuse({second(1),
                        Cause::saved,
                        "bad",
                        {{Severity::error, "scripts/tools/x.lua", 3, "oops", "", "x ="}},
                        true});
    EXPECT_TRUE(generations.status().failure->is_current);
    EXPECT_EQ(generations.current()->version, "a");

    generations.mended(second(2));
    EXPECT_FALSE(generations.status().failure->is_current);
    EXPECT_EQ(generations.status().last_success, second(2));

    generations.refuse({second(3), Cause::saved, "bad", {}, true});
    generations.publish(made("b"), Cause::saved, second(4));
    EXPECT_FALSE(generations.status().failure->is_current);
    EXPECT_EQ(generations.status().failures, 2U);
}

TEST(Status, ShowsWhatServesAndTheOffendingLine) {
    Generations generations(made("aaaa"), second(0));
    auto next = made("bbbb");
    next->needs_restart = {{"server.port", "3000", "4000", "config/parley.yaml:4"}};
    generations.publish(next, Cause::saved, second(10));
    const CallTicket call(generations.current());
    generations.refuse(
        {second(60),
         Cause::saved,
         "cccc",
         {{Severity::error, "scripts/tools/x.lua", 3, "oops", "write it well", "  x = = 1"}},
         true});

    const auto json = to_json(generations.status(), Watcher::Kind::inotify);
    const auto text = shown_status(json, second(70));
    EXPECT_THAT(text, HasSubstr("Generation 2 serves since"));
    EXPECT_THAT(text, HasSubstr("60 s ago; a file was saved), version bbbb"));
    EXPECT_THAT(
        text, HasSubstr("scripts/tools/x.lua:3: error: oops; write it well\n     3 |   x = = 1\n"));
    EXPECT_THAT(text, HasSubstr("server.port: 3000 runs, 4000 is wanted  (config/parley.yaml:4)"));
    EXPECT_THAT(text, HasSubstr("1 call   serves"));
    EXPECT_THAT(text, Not(HasSubstr("mended")));
}

TEST(Status, SaysWhenAFailureIsMended) {
    Generations generations(made("aaaa"), second(0));
    generations.refuse(
        {second(60), Cause::saved, "cccc", {{Severity::error, "x.lua", 3, "oops", "", ""}}, true});
    generations.publish(made("dddd"), Cause::asked, second(61));

    const auto text = shown_status(to_json(generations.status(), Watcher::Kind::off), second(70));
    EXPECT_THAT(text, Not(HasSubstr("oops")));
    EXPECT_THAT(text, HasSubstr("The last failure was 10 s ago and is mended."));
    EXPECT_THAT(text, HasSubstr("not watched"));
}

}  // namespace
}  // namespace parley::reload
