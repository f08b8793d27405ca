#include <parley/sim/template.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::year;

const Day friday{year{2026}, month{11}, day{20}};

json::object known() {
    return json_read::
        parse(R"({"slots":["9:00 AM","9:30 AM","10:00 AM"],"result":{"number":"APT-12345","ok":true},"when":"2026-11-24"})")
            ->get_object();
}

std::string filled(std::string_view text, Day today = friday) {
    auto out = render(text, known(), today);
    return out ? *out : "FAULT " + out.error().text();
}

TEST(Template, FillsVariablesAndPaths) {
    EXPECT_EQ(filled("At {slots[1]} then {result.number}."), "At 9:30 AM then APT-12345.");
    EXPECT_EQ(filled("{{literally}}"), "{literally}");
}

TEST(Template, FindsDays) {
    EXPECT_EQ(filled("{date: today}"), "2026-11-20");
    EXPECT_EQ(filled("{date: tomorrow}"), "2026-11-21");
    EXPECT_EQ(filled("{date: next tuesday}"), "2026-11-24");
    EXPECT_EQ(filled("{date: saturday}"), "2026-11-28") << "tomorrow is too near";
    EXPECT_EQ(filled("{date: +3 days}"), "2026-11-23");
    EXPECT_EQ(filled("{spoken_date: when}"), "Tuesday, November 24") << "a variable holds the day";
    EXPECT_EQ(filled("{weekday: 2026-12-25}"), "Friday");
}

TEST(Template, OpenWeekdayAvoidsWeekendsAndHolidays) {
    EXPECT_EQ(filled("{date: open_weekday}"), "2026-11-23") << "Sunday is skipped";
    EXPECT_EQ(filled("{date: open_weekday}", Day{year{2026}, month{12}, day{23}}), "2026-12-28")
        << "25 December and a weekend";
    EXPECT_EQ(filled("{date: open_weekday}", Day{year{2026}, month{12}, day{30}}), "2027-01-04")
        << "1 January and a weekend";
}

TEST(Template, ReadsNumbersAndListsAloud) {
    EXPECT_EQ(filled("{digits: result.number}"), "A P T, 1 2 3 4 5");
    EXPECT_EQ(filled("{spell: Ann Lee}"), "A N N, L E E");
    EXPECT_EQ(filled("{list: slots}"), "9:00 AM, 9:30 AM or 10:00 AM");
    EXPECT_EQ(filled("{list 2: slots}"), "9:00 AM or 9:30 AM");
    EXPECT_EQ(filled("{choose: slots, 10:00 AM}"), "10:00 AM");
    EXPECT_EQ(filled("{choose: slots, 4:00 PM}"), "9:00 AM");
    EXPECT_EQ(filled("{spoken_time: slots[0]} {spoken_time: slots[1]}"), "9 o'clock 9 30");
}

TEST(Template, SaysWhatIsWrong) {
    EXPECT_THAT(filled("{slots[7]}"), testing::HasSubstr("no such variable"));
    EXPECT_THAT(filled("{slots[7]}"), testing::HasSubstr("known: slots, result, when"));
    EXPECT_THAT(filled("{dote: today}"), testing::HasSubstr("unknown filter"));
    EXPECT_THAT(filled("{date: someday}"), testing::HasSubstr("not a day"));
    EXPECT_THAT(filled("{slots"), testing::HasSubstr("not closed"));
    EXPECT_THAT(filled("slots}"), testing::HasSubstr("without an opening"));
    EXPECT_THAT(filled("{slots[99999999999999999999]}"), testing::HasSubstr("no such variable"));
}

TEST(Template, KeepsTheTypeOfASingleVariable) {
    const auto value = render_value(
        json_read::parse(R"({"all":"{slots}","ok":"{result.ok}","text":"{result.ok}!","n":4})")
            .value(),
        known(), friday);
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(json::serialize(*value),
              R"({"all":["9:00 AM","9:30 AM","10:00 AM"],"ok":true,"text":"true!","n":4})");
}

}  // namespace
}  // namespace parley::sim
