// What people say about dates and times. Today is Friday, November 20th 2026, ten in the morning in
// New York.
#include "../../../runtime/script/src/spoken_time.hpp"

#include "support.hpp"

namespace parley::script {
namespace {

using Trouble = SpokenProblem::Kind;

struct Clock {
    std::shared_ptr<const TimeZone> zone = TimeZone::find("America/New_York");
    WallTime now = utc(2026, 11, 20, 15, 0);
};

std::string date_and_time(const SpokenTime& spoken) {
    std::string text = spoken.date ? format_date(*spoken.date) : "";
    if (spoken.minutes) text += (text.empty() ? "" : " ") + format_time(*spoken.minutes);
    if (!spoken.part.empty()) text += (text.empty() ? "" : " ") + spoken.part;
    return text;
}

std::string heard(std::string_view text, DateOrder order = DateOrder::unknown, Clock clock = {}) {
    const auto result = parse_spoken(text, clock.now, *clock.zone, order);
    return result ? date_and_time(*result) : "problem: " + result.error().message;
}

TEST(SpokenTime, IsUnderstoodAsPeopleMeanIt) {
    const std::vector<std::pair<std::string, std::string>> phrases{
        // days
        {"today", "2026-11-20"},
        {"tomorrow", "2026-11-21"},
        {"yesterday", "2026-11-19"},
        {"the day after tomorrow", "2026-11-22"},
        {"day before yesterday", "2026-11-18"},
        {"Tuesday", "2026-11-24"},
        {"on Tuesday, please", "2026-11-24"},
        {"Friday", "2026-11-27"},
        {"this Friday", "2026-11-20"},
        {"this Saturday", "2026-11-21"},
        {"next Tuesday", "2026-11-24"},
        {"next Friday", "2026-11-27"},
        {"next Sunday", "2026-11-29"},
        {"coming Monday", "2026-11-23"},
        {"last Friday", "2026-11-13"},
        {"last Thursday", "2026-11-19"},
        {"Tuesday next week", "2026-11-24"},
        {"next week on Tuesday", "2026-11-24"},
        {"Saturday this week", "2026-11-21"},
        {"Friday week", "2026-12-04"},
        {"the week after next, on Monday", "2026-11-30"},
        {"tues", "2026-11-24"},
        // so much later
        {"in two weeks", "2026-12-04"},
        {"in two weeks' time", "2026-12-04"},
        {"in a week", "2026-11-27"},
        {"in a fortnight", "2026-12-04"},
        {"in 3 days", "2026-11-23"},
        {"three days from now", "2026-11-23"},
        {"a week from Tuesday", "2026-12-01"},
        {"a week from tomorrow", "2026-11-28"},
        {"two weeks from Monday", "2026-12-07"},
        {"a week on Monday", "2026-11-30"},
        {"Tuesday in two weeks", "2026-12-01"},
        {"in two weeks on Wednesday", "2026-12-02"},
        {"in a month", "2026-12-20"},
        {"in a couple of days", "2026-11-22"},
        {"a year from today", "2027-11-20"},
        {"two days ago", "2026-11-18"},
        {"in half an hour", "2026-11-20 10:30"},
        {"in an hour", "2026-11-20 11:00"},
        {"in an hour and a half", "2026-11-20 11:30"},
        {"in 90 minutes", "2026-11-20 11:30"},
        {"in 20 hours", "2026-11-21 06:00"},
        // days of a month
        {"the 3rd of May", "2027-05-03"},
        {"May 3rd", "2027-05-03"},
        {"3 May", "2027-05-03"},
        {"the third of may", "2027-05-03"},
        {"May the fourth", "2027-05-04"},
        {"December first", "2026-12-01"},
        {"December 1", "2026-12-01"},
        {"Dec 24th", "2026-12-24"},
        {"Tuesday, December 1st", "2026-12-01"},
        {"Tuesday the first of December", "2026-12-01"},
        {"November twentieth", "2026-11-20"},
        {"November 19th", "2027-11-19"},
        {"twenty-third of November", "2026-11-23"},
        {"1 December 2027", "2027-12-01"},
        {"December 1st, twenty twenty-seven", "2027-12-01"},
        {"May 3rd next year", "2027-05-03"},
        {"the 25th", "2026-11-25"},
        {"the 3rd", "2026-12-03"},
        {"the twenty first", "2026-11-21"},
        {"the 3rd of next month", "2026-12-03"},
        {"the 30th of this month", "2026-11-30"},
        {"2026-12-01", "2026-12-01"},
        {"12/24", "2026-12-24"},
        {"24/12", "2026-12-24"},
        {"24/12/2027", "2027-12-24"},
        {"5/5", "2027-05-05"},
        {"3.5.", "2027-05-03"},
        {"3.5.2028", "2028-05-03"},
        // times
        {"2 pm", "14:00"},
        {"2pm", "14:00"},
        {"2:30 p.m.", "14:30"},
        {"14:30", "14:30"},
        {"at 3", "15:00"},
        {"three o'clock", "15:00"},
        {"three thirty", "15:30"},
        {"ten fifteen", "10:15"},
        {"three oh five", "15:05"},
        {"half past three", "15:30"},
        {"half three", "15:30"},
        {"quarter past nine", "09:15"},
        {"a quarter to ten", "09:45"},
        {"quarter to one", "12:45"},
        {"ten to eleven", "10:50"},
        {"twenty minutes past four", "16:20"},
        {"five after two", "14:05"},
        {"ten of five", "16:50"},
        {"twelve", "12:00"},
        {"noon", "12:00"},
        {"midnight", "00:00"},
        {"12 am", "00:00"},
        {"12:30 pm", "12:30"},
        {"seven in the evening", "19:00"},
        {"seven", "07:00"},
        {"ten in the morning", "10:00"},
        {"six in the morning", "06:00"},
        {"at 8 at night", "20:00"},
        {"03:30", "03:30"},
        {"2.30", "14:30"},
        {"the afternoon", "afternoon"},
        // both
        {"next Tuesday 2 pm", "2026-11-24 14:00"},
        {"tomorrow at half past three", "2026-11-21 15:30"},
        {"tomorrow morning", "2026-11-21 morning"},
        {"tomorrow morning at nine", "2026-11-21 09:00"},
        {"this afternoon", "2026-11-20 afternoon"},
        {"tonight at eight", "2026-11-20 20:00"},
        {"tonight at half past twelve", "2026-11-21 00:30"},
        {"Tuesday, December 1st at 2:30 in the afternoon", "2026-12-01 14:30"},
        {"2 pm on the 3rd of May", "2027-05-03 14:00"},
        {"um, maybe Wednesday around ten", "2026-11-25 10:00"},
        {"Monday 9:30", "2026-11-23 09:30"},
        {"Thursday evening", "2026-11-26 evening"},
        {"December 1st 2 pm", "2026-12-01 14:00"},
        {"the day after tomorrow at noon", "2026-11-22 12:00"},
    };
    EXPECT_GE(phrases.size(), 100u);
    for (const auto& [phrase, expected] : phrases) EXPECT_EQ(heard(phrase), expected) << phrase;
}

TEST(SpokenTime, IsRefusedRatherThanGuessed) {
    const std::vector<std::pair<std::string, Trouble>> phrases{
        {"", Trouble::unclear},
        {"soon", Trouble::unclear},
        {"whenever you like", Trouble::unclear},
        {"between two and four", Trouble::unclear},
        {"Tuesday or Wednesday", Trouble::unclear},
        {"the first Monday of June", Trouble::unclear},
        {"at 99", Trouble::unclear},
        {"next week", Trouble::incomplete},
        {"next month", Trouble::incomplete},
        {"in May", Trouble::incomplete},
        {"at pm", Trouble::incomplete},
        {"a week from", Trouble::incomplete},
        {"3/5", Trouble::ambiguous},
        {"2/11/2026", Trouble::ambiguous},
        {"13/13", Trouble::impossible},
        {"0/5", Trouble::impossible},
        {"the 31st of June", Trouble::impossible},
        {"February 30th", Trouble::impossible},
        {"February 29th", Trouble::impossible},
        {"29.2.2027", Trouble::impossible},
        {"the 45th", Trouble::impossible},
        {"25:00", Trouble::impossible},
        {"10:75", Trouble::impossible},
        {"14:30 am", Trouble::impossible},
        {"today tomorrow", Trouble::impossible},
        {"Monday Tuesday", Trouble::impossible},
        {"two pm three pm", Trouble::impossible},
        {"Monday, December 1st", Trouble::impossible},
        {"tomorrow, Friday", Trouble::impossible},
    };
    const Clock clock;
    for (const auto& [phrase, kind] : phrases) {
        const auto result = parse_spoken(phrase, clock.now, *clock.zone);
        ASSERT_FALSE(result) << phrase << " was taken for " << date_and_time(*result);
        EXPECT_EQ(result.error().kind, kind) << phrase << ": " << result.error().message;
        EXPECT_FALSE(result.error().message.empty()) << phrase;
    }
    EXPECT_FALSE(parse_spoken(std::string(10'000, '1'), clock.now, *clock.zone));
    EXPECT_FALSE(parse_spoken("in 999999999999 days", clock.now, *clock.zone));
    EXPECT_FALSE(parse_spoken("\xff\xfe", clock.now, *clock.zone));
}

TEST(SpokenTime, GivesBothReadingsOfADateThatHasTwo) {
    const Clock clock;
    const auto result = parse_spoken("3/5", clock.now, *clock.zone);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "3/5 can be March 5th or May 3rd");
    ASSERT_EQ(result.error().readings.size(), 2u);
    EXPECT_EQ(date_and_time(result.error().readings[0]), "2027-03-05");
    EXPECT_EQ(date_and_time(result.error().readings[1]), "2027-05-03");
    EXPECT_EQ(heard("3/5", DateOrder::day_first), "2027-05-03");
    EXPECT_EQ(heard("3/5", DateOrder::month_first), "2027-03-05");
    EXPECT_EQ(heard("3/13", DateOrder::day_first), "problem: 3/13 is not a day that exists");
}

TEST(SpokenTime, KnowsMonthEndsAndLeapDays) {
    const auto new_york = TimeZone::find("America/New_York");
    EXPECT_EQ(heard("in a month", DateOrder::unknown, {new_york, utc(2027, 1, 31, 15, 0)}),
              "2027-02-28");
    EXPECT_EQ(heard("in a month", DateOrder::unknown, {new_york, utc(2028, 1, 31, 15, 0)}),
              "2028-02-29");
    EXPECT_EQ(heard("tomorrow", DateOrder::unknown, {new_york, utc(2028, 2, 28, 15, 0)}),
              "2028-02-29");
    EXPECT_EQ(heard("February 29th", DateOrder::unknown, {new_york, utc(2027, 11, 20, 15, 0)}),
              "2028-02-29");
    EXPECT_EQ(heard("the 31st", DateOrder::unknown, {new_york, utc(2027, 4, 1, 15, 0)}),
              "2027-05-31");
    EXPECT_EQ(heard("tomorrow", DateOrder::unknown, {new_york, utc(2026, 12, 31, 15, 0)}),
              "2027-01-01");
    EXPECT_EQ(heard("next Monday", DateOrder::unknown, {new_york, utc(2026, 11, 22, 15, 0)}),
              "2026-11-23");
    EXPECT_EQ(heard("next Tuesday", DateOrder::unknown, {new_york, utc(2026, 11, 23, 15, 0)}),
              "2026-12-01");
    EXPECT_EQ(heard("Monday", DateOrder::unknown, {new_york, utc(2026, 11, 23, 15, 0)}),
              "2026-11-30");
}

TEST(SpokenTime, GoesByTheZone) {
    // Half past two in the morning of the 21st in Berlin, still the 20th in New York.
    const WallTime now = utc(2026, 11, 21, 1, 30);
    EXPECT_EQ(heard("tomorrow", DateOrder::unknown, {TimeZone::find("Europe/Berlin"), now}),
              "2026-11-22");
    EXPECT_EQ(heard("tomorrow", DateOrder::unknown, {TimeZone::find("America/New_York"), now}),
              "2026-11-21");
}

TEST(SpokenTime, KnowsWhenTheClocksAreChanged) {
    const auto new_york = TimeZone::find("America/New_York");
    EXPECT_EQ(heard("March 8th at 2:30 am", DateOrder::unknown, {new_york, utc(2026, 3, 1, 15, 0)}),
              "problem: there is no 2:30 AM on Sunday, March 8th: the clocks are put forward");
    EXPECT_EQ(heard("March 8th at 3:30 am", DateOrder::unknown, {new_york, utc(2026, 3, 1, 15, 0)}),
              "2026-03-08 03:30");
    // One hour after half past one is half past three on that day.
    EXPECT_EQ(heard("in an hour", DateOrder::unknown, {new_york, utc(2026, 3, 8, 6, 30)}),
              "2026-03-08 03:30");
    EXPECT_EQ(heard("in two days", DateOrder::unknown, {new_york, utc(2026, 3, 7, 4, 59)}),
              "2026-03-08");
    EXPECT_EQ(
        heard("November 1st at 1:30 am", DateOrder::unknown, {new_york, utc(2026, 10, 1, 15, 0)}),
        "2026-11-01 01:30");
}

TEST(SpokenTime, IsSaidAsPeopleSayIt) {
    const Date today = *parse_date("2026-11-20");
    const auto said = [&](const char* date, const char* time,
                          ClockStyle style = ClockStyle::digits) {
        return as_spoken({parse_date(date), parse_time(time), ""}, today, style);
    };
    EXPECT_EQ(said("2026-11-20", "14:00"), "today at 2 PM");
    EXPECT_EQ(said("2026-11-21", "14:30"), "tomorrow at 2:30 PM");
    EXPECT_EQ(said("2026-11-19", ""), "yesterday");
    EXPECT_EQ(said("2026-12-01", "12:00"), "Tuesday, December 1st at noon");
    EXPECT_EQ(said("2026-12-01", "00:00"), "Tuesday, December 1st at midnight");
    EXPECT_EQ(said("2027-01-05", ""), "Tuesday, January 5th");
    EXPECT_EQ(said("2028-01-05", ""), "Wednesday, January 5th, 2028");
    EXPECT_EQ(said("2025-01-05", ""), "Sunday, January 5th, 2025");
    EXPECT_EQ(said("", "09:05"), "9:05 AM");
    EXPECT_EQ(as_spoken({today, std::nullopt, "morning"}, today), "today in the morning");
    EXPECT_EQ(as_spoken({std::nullopt, std::nullopt, "night"}, today), "at night");

    const std::vector<std::pair<const char*, std::string>> words{{"14:00", "two o'clock"},
                                                                 {"14:05", "five past two"},
                                                                 {"14:15", "quarter past two"},
                                                                 {"14:25", "twenty-five past two"},
                                                                 {"14:30", "half past two"},
                                                                 {"14:40", "twenty to three"},
                                                                 {"14:45", "quarter to three"},
                                                                 {"14:55", "five to three"},
                                                                 {"23:45", "quarter to twelve"},
                                                                 {"12:30", "half past twelve"},
                                                                 {"14:03", "2:03"},
                                                                 {"12:00", "noon"}};
    for (const auto& [time, expected] : words)
        EXPECT_EQ(said("", time, ClockStyle::words), expected);
}

TEST(SpokenTime, IsReadBackAsItWasMeant) {
    const Clock clock;
    const Date today = *parse_date("2026-11-20");
    for (const char* phrase : {"next Tuesday 2 pm", "tomorrow at half past three",
                               "the 3rd of May at noon", "December 31st", "today at 9:45 am"}) {
        const auto first = parse_spoken(phrase, clock.now, *clock.zone);
        ASSERT_TRUE(first) << phrase;
        const auto again = parse_spoken(as_spoken(*first, today), clock.now, *clock.zone);
        ASSERT_TRUE(again) << as_spoken(*first, today);
        EXPECT_EQ(date_and_time(*first), date_and_time(*again)) << as_spoken(*first, today);
    }
}

}  // namespace
}  // namespace parley::script
