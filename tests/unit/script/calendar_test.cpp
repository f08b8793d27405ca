#include "support.hpp"

namespace parley::script {
namespace {

std::int64_t seconds(WallTime when) { return unix_ms(when) / 1000; }

std::string local(const char* zone, WallTime when) {
    const auto found = TimeZone::find(zone);
    if (!found) return "no zone";
    const LocalTime at = found->local(when);
    return format_date(at.date) + " " + format_time(at.minutes);
}

TEST(Dates, ReadsOnlyDaysThatExist) {
    EXPECT_TRUE(parse_date("2026-12-01"));
    EXPECT_TRUE(parse_date("2028-02-29"));
    for (const char* bad : {"2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "next week", "",
                            "2026-12-01 ", "2026/12/01", "-026-12-01"}) {
        EXPECT_FALSE(parse_date(bad)) << bad;
    }
}

TEST(Dates, SpeaksTheDate) {
    EXPECT_EQ(spoken_date(*parse_date("2026-12-01")), "Tuesday, December 1st");
    EXPECT_EQ(spoken_date(*parse_date("2026-12-02")), "Wednesday, December 2nd");
    EXPECT_EQ(spoken_date(*parse_date("2026-12-03")), "Thursday, December 3rd");
    EXPECT_EQ(spoken_date(*parse_date("2026-12-11")), "Friday, December 11th");
    EXPECT_EQ(spoken_date(*parse_date("2026-12-13")), "Sunday, December 13th");
    EXPECT_EQ(spoken_date(*parse_date("2026-12-22")), "Tuesday, December 22nd");
}

TEST(Times, ReadsBothWaysOfWriting) {
    EXPECT_EQ(parse_time("14:30"), 870);
    EXPECT_EQ(parse_time("2:30 PM"), 870);
    EXPECT_EQ(parse_time("2:30pm"), 870);
    EXPECT_EQ(parse_time("2 p.m."), 840);
    EXPECT_EQ(parse_time("12:00 AM"), 0);
    EXPECT_EQ(parse_time("12:05 PM"), 725);
    EXPECT_EQ(parse_time("00:00"), 0);
    for (const char* bad : {"24:00", "14:60", "13 PM", "0 AM", "14", "2:3 PM", "noon", "",
                            "14:30:00", "2:30 XM", "-2:30"}) {
        EXPECT_FALSE(parse_time(bad)) << bad;
    }
    for (int minutes = 0; minutes < 24 * 60; ++minutes) {
        EXPECT_EQ(parse_time(format_time(minutes)), minutes);
        EXPECT_EQ(parse_time(spoken_time(minutes)), minutes);
    }
}

TEST(TimeZones, KnowsTheHourOfEachSideOfAChange) {
    // New York, 2026: forward on March 8th at 7:00 UTC, back on November 1st at 6:00 UTC.
    EXPECT_EQ(local("America/New_York", utc(2026, 3, 8, 6, 59)), "2026-03-08 01:59");
    EXPECT_EQ(local("America/New_York", utc(2026, 3, 8, 7, 0)), "2026-03-08 03:00");
    EXPECT_EQ(local("America/New_York", utc(2026, 11, 1, 5, 59)), "2026-11-01 01:59");
    EXPECT_EQ(local("America/New_York", utc(2026, 11, 1, 6, 0)), "2026-11-01 01:00");
    EXPECT_EQ(local("Asia/Kolkata", utc(2026, 7, 1, 20, 0)), "2026-07-02 01:30");
    EXPECT_EQ(local("Australia/Sydney", utc(2026, 1, 1, 0, 0)), "2026-01-01 11:00");
    EXPECT_EQ(local("UTC", utc(2026, 1, 1, 0, 0)), "2026-01-01 00:00");
}

TEST(TimeZones, FindTheMomentOfALocalTime) {
    const auto moment = [](int month, int day, int minutes) {
        using namespace std::chrono;
        return TimeZone::find("America/New_York")->moment(year(2026) / month / day, minutes);
    };
    EXPECT_EQ(moment(12, 1, 10 * 60), utc(2026, 12, 1, 15, 0));
    EXPECT_EQ(moment(7, 1, 10 * 60), utc(2026, 7, 1, 14, 0));
    EXPECT_EQ(moment(3, 8, 90), utc(2026, 3, 8, 6, 30));
    EXPECT_EQ(moment(3, 8, 150), utc(2026, 3, 8, 7, 30)) << "2:30 is skipped: 3:30 by the clock";
    EXPECT_EQ(moment(3, 8, 210), utc(2026, 3, 8, 7, 30));
    EXPECT_EQ(moment(11, 1, 90), utc(2026, 11, 1, 5, 30)) << "comes twice: the first";
    EXPECT_EQ(moment(11, 1, 150), utc(2026, 11, 1, 7, 30));
}

TEST(TimeZones, FollowsTheRuleFarBeyondTheTable) {
    EXPECT_EQ(local("America/New_York", utc(2150, 1, 15, 12, 0)), "2150-01-15 07:00");
    EXPECT_EQ(local("America/New_York", utc(2150, 7, 15, 12, 0)), "2150-07-15 08:00");
    EXPECT_EQ(local("Europe/Berlin", utc(2099, 3, 29, 0, 59)), "2099-03-29 01:59");
    EXPECT_EQ(local("Europe/Berlin", utc(2099, 3, 29, 1, 0)), "2099-03-29 03:00");
    EXPECT_EQ(local("Australia/Sydney", utc(2150, 1, 15, 0, 0)), "2150-01-15 11:00");
    EXPECT_EQ(local("Australia/Sydney", utc(2150, 7, 15, 0, 0)), "2150-07-15 10:00");
    EXPECT_EQ(local("Asia/Tokyo", utc(2150, 7, 15, 0, 0)), "2150-07-15 09:00");
}

TEST(TimeZones, KnowsThePastBeforeTheTable) {
    EXPECT_EQ(local("Europe/Paris", utc(1800, 1, 1, 12, 0)), "1800-01-01 12:09");
}

TEST(TimeZones, ReadsEveryShapeOfRule) {
    const auto offset = [](const char* rule, WallTime when) {
        const auto zone = TimeZone::parse_rule(rule);
        return zone ? zone->offset_at(seconds(when)) : -1;
    };
    EXPECT_EQ(offset("<+0330>-3:30", utc(2040, 1, 1, 0, 0)), 12'600);
    EXPECT_EQ(offset("UTC0", utc(2040, 1, 1, 0, 0)), 0);
    // Dublin: "daylight saving" is the winter, one hour back.
    EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", utc(2040, 1, 15, 0, 0)), 0);
    EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", utc(2040, 7, 15, 0, 0)), 3'600);
    // Days of the year, with and without February 29th; an hour before midnight of the day before.
    EXPECT_EQ(offset("AAA3BBB,J60/0,J300/0", utc(2040, 3, 1, 2, 59)), -10'800);
    EXPECT_EQ(offset("AAA3BBB,J60/0,J300/0", utc(2040, 3, 1, 3, 0)), -7'200);
    EXPECT_EQ(offset("AAA3BBB,59/0,299/0", utc(2040, 2, 29, 3, 0)), -7'200);
    EXPECT_EQ(offset("AAA3BBB2,M3.2.0/-1,M11.1.0", utc(2040, 3, 11, 2, 0)), -7'200);
    for (const char* bad : {"", "E5", "EST", "EST5EDT,", "EST5EDT,M13.1.0,M11.1.0",
                            "EST5EDT,M3.2.0", "<+03-3", "EST5EDT,M3.2.0,M11.1.0x", "EST999"}) {
        EXPECT_EQ(TimeZone::parse_rule(bad), nullptr) << bad;
    }
}

TEST(TimeZones, RefusesWhatIsNoZone) {
    for (const char* bad : {"", "Mars/Olympus", "../../../etc/passwd", "/etc/passwd", "zone.tab",
                            "America", "America/New York", "America/New_York/"}) {
        EXPECT_EQ(TimeZone::find(bad), nullptr) << bad;
    }
}

TEST(TimeZones, SurvivesAnyCutOrChangedFile) {
    std::ifstream file("/usr/share/zoneinfo/America/New_York", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    ASSERT_FALSE(bytes.empty());
    ASSERT_NE(TimeZone::parse(bytes), nullptr);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto zone = TimeZone::parse(std::string_view(bytes).substr(0, size));
        if (zone) {
            EXPECT_NE(zone->offset_at(1'800'000'000), 1);
        }
    }
    std::uint32_t seed = 1;
    for (int i = 0; i < 3'000; ++i) {
        std::string changed = bytes;
        for (int k = 0; k < 3; ++k) {
            seed = seed * 1'664'525 + 1'013'904'223;
            changed[(seed >> 8) % changed.size()] = static_cast<char>(seed >> 24);
        }
        if (const auto zone = TimeZone::parse(changed)) {
            EXPECT_NE(zone->local(utc(2026, 1, 1, 0, 0)).minutes, -1);
        }
    }
}

}  // namespace
}  // namespace parley::script
