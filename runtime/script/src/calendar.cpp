#include <parley/core/text.hpp>
#include <parley/script/calendar.hpp>

#include <array>
#include <cctype>

namespace parley::script {
namespace {

using std::chrono::sys_days;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int number_at(std::string_view text, std::size_t at, std::size_t length) {
    int value = 0;
    for (std::size_t i = at; i < at + length; ++i) value = value * 10 + (text[i] - '0');
    return value;
}

const char* ordinal_ending(unsigned day) {
    if (day >= 11 && day <= 13) return "th";
    switch (day % 10) {
        case 1: return "st";
        case 2: return "nd";
        case 3: return "rd";
        default: return "th";
    }
}

}  // namespace

bool looks_like_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
    for (const std::size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
        if (!is_digit(text[i])) return false;
    }
    return true;
}

std::optional<Date> parse_date(std::string_view text) {
    if (!looks_like_date(text)) return std::nullopt;
    const Date date{std::chrono::year(number_at(text, 0, 4)),
                    std::chrono::month(static_cast<unsigned>(number_at(text, 5, 2))),
                    std::chrono::day(static_cast<unsigned>(number_at(text, 8, 2)))};
    if (!date.ok()) return std::nullopt;
    return date;
}

std::string format_date(Date date) {
    return fmt::format("{:04}-{:02}-{:02}", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()));
}

Date add_days(Date date, int days) { return sys_days(date) + std::chrono::days(days); }

int days_between(Date from, Date to) {
    return static_cast<int>((sys_days(to) - sys_days(from)).count());
}

std::string_view weekday_name(Date date) {
    constexpr std::array<std::string_view, 7> names{"sunday",   "monday", "tuesday", "wednesday",
                                                    "thursday", "friday", "saturday"};
    return names[std::chrono::weekday(sys_days(date)).c_encoding()];
}

std::string spoken_date(Date date) {
    constexpr std::array<std::string_view, 12> months{
        "January", "February", "March",     "April",   "May",      "June",
        "July",    "August",   "September", "October", "November", "December"};
    std::string weekday(weekday_name(date));
    weekday[0] = static_cast<char>(weekday[0] - 'a' + 'A');
    const unsigned day(date.day());
    return fmt::format("{}, {} {}{}", weekday, months[unsigned(date.month()) - 1], day,
                       ordinal_ending(day));
}

std::optional<int> parse_time(std::string_view text) {
    text = trim(text);
    std::size_t at = 0;
    const auto digits = [&](std::size_t at_most) -> std::optional<int> {
        const std::size_t start = at;
        while (at < text.size() && at - start < at_most && is_digit(text[at])) ++at;
        if (at == start) return std::nullopt;
        return number_at(text, start, at - start);
    };
    const auto hour_read = digits(2);
    if (!hour_read) return std::nullopt;
    int hour = *hour_read;
    int minute = 0;
    bool has_minutes = false;
    if (at < text.size() && text[at] == ':') {
        ++at;
        const std::size_t start = at;
        const auto minute_read = digits(2);
        if (!minute_read || at - start != 2 || *minute_read > 59) return std::nullopt;
        minute = *minute_read;
        has_minutes = true;
    }
    std::string half;  // "am" or "pm", however it was written
    for (const char c : text.substr(at)) {
        if (c != ' ' && c != '.')
            half += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (half.empty()) {
        if (!has_minutes || hour > 23) return std::nullopt;
        return hour * 60 + minute;
    }
    if ((half != "am" && half != "pm") || hour < 1 || hour > 12) return std::nullopt;
    hour %= 12;
    if (half == "pm") hour += 12;
    return hour * 60 + minute;
}

std::string format_time(int minutes) {
    return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

std::string spoken_time(int minutes) {
    const int hour = minutes / 60 % 24;
    return fmt::format("{}:{:02} {}", hour % 12 == 0 ? 12 : hour % 12, minutes % 60,
                       hour < 12 ? "AM" : "PM");
}

}  // namespace parley::script
