// TZif (RFC 8536): a header and a table for 32-bit times, the same again for 64-bit times, and a
// footer with a POSIX rule for all later times. Only the 64-bit table and the footer are used.
#include <parley/script/calendar.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

namespace parley::script {
namespace {

constexpr std::string_view zone_dir = "/usr/share/zoneinfo/";
constexpr std::size_t zone_bytes_max = 64 * 1024;  // the largest file of tzdata has 4 KB
constexpr std::size_t zones_max = 1'000;           // tzdata has about 600 names
constexpr std::size_t header_size = 44;

struct Counts {
    std::size_t isut, isstd, leap, time, type, chars;
    std::size_t data_size(std::size_t time_size) const {
        return time * time_size + time + type * 6 + chars + leap * (time_size + 4) + isstd + isut;
    }
};

std::int64_t big_endian(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
        value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
    if (size == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
    return static_cast<std::int64_t>(value);
}

std::optional<Counts> read_header(std::string_view bytes) {
    if (bytes.size() < header_size || bytes.substr(0, 4) != "TZif" || bytes[4] < '2')
        return std::nullopt;
    const auto count = [&](std::size_t index) {
        return static_cast<std::size_t>(
            static_cast<std::uint32_t>(big_endian(bytes, 20 + 4 * index, 4)));
    };
    const Counts counts{count(0), count(1), count(2), count(3), count(4), count(5)};
    for (const std::size_t one :
         {counts.isut, counts.isstd, counts.leap, counts.time, counts.type, counts.chars}) {
        if (one > zone_bytes_max) return std::nullopt;
    }
    return counts;
}

bool is_safe_name(std::string_view name) {
    if (name.empty() || name.size() > 64 || name.front() == '/' ||
        name.find("..") != std::string_view::npos)
        return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '_' || c == '-' || c == '+';
    });
}

}  // namespace

struct TimeZone::RuleReader {
    std::string_view text;
    std::size_t at = 0;
    bool is_good = true;

    bool next_is(char c) const { return at < text.size() && text[at] == c; }
    bool take(char c) {
        if (!next_is(c)) return false;
        ++at;
        return true;
    }
    void name() {  // "EST" or "<+0330>"
        const std::size_t start = at;
        if (take('<')) {
            while (at < text.size() && text[at] != '>') ++at;
            if (!take('>')) is_good = false;
            return;
        }
        while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at]))) ++at;
        if (at - start < 3) is_good = false;
    }
    int number(int at_most) {
        const std::size_t start = at;
        int value = 0;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - start < 4)
            value = value * 10 + (text[at++] - '0');
        if (at == start || value > at_most) is_good = false;
        return value;
    }
    int clock() {  // [+-]hh[:mm[:ss]] in seconds
        const int sign = take('-') ? -1 : (take('+'), 1);
        int seconds = number(167) * 3600;
        if (take(':')) {
            seconds += number(59) * 60;
            if (take(':')) seconds += number(59);
        }
        return sign * seconds;
    }
    Change change() {
        Change change;
        if (take('M')) {
            change.month = number(12);
            if (!take('.')) is_good = false;
            change.week = number(5);
            if (!take('.')) is_good = false;
            change.day = number(6);
            if (change.month < 1 || change.week < 1) is_good = false;
        } else if (take('J')) {
            change.kind = Change::Kind::day_without_leap;
            change.day = number(365);
            if (change.day < 1) is_good = false;
        } else {
            change.kind = Change::Kind::day_with_leap;
            change.day = number(365);
        }
        if (take('/')) change.seconds = clock();
        return change;
    }
};

std::shared_ptr<const TimeZone> TimeZone::parse_rule(std::string_view text) {
    RuleReader in{text};
    Rule rule;
    in.name();
    rule.standard_offset = -in.clock();  // POSIX counts west as positive
    if (in.at < text.size()) {
        rule.has_daylight = true;
        in.name();
        rule.daylight_offset = in.next_is(',') ? rule.standard_offset + 3600 : -in.clock();
        if (!in.take(',')) in.is_good = false;
        rule.start = in.change();
        if (!in.take(',')) in.is_good = false;
        rule.end = in.change();
    }
    if (!in.is_good || in.at != text.size()) return nullptr;
    auto zone = std::make_shared<TimeZone>();
    zone->offset_before_ = rule.standard_offset;
    zone->rule_ = rule;
    return zone;
}

std::shared_ptr<const TimeZone> TimeZone::parse(std::string_view bytes) {
    const auto old = read_header(bytes);
    if (!old) return nullptr;
    const std::size_t skipped = header_size + old->data_size(4);
    if (skipped > bytes.size()) return nullptr;
    bytes.remove_prefix(skipped);
    const auto counts = read_header(bytes);
    if (!counts || counts->type == 0) return nullptr;
    bytes.remove_prefix(header_size);
    if (counts->data_size(8) > bytes.size()) return nullptr;

    auto zone = std::make_shared<TimeZone>();
    const std::size_t indexes = counts->time * 8;
    const std::size_t types = indexes + counts->time;
    const auto offset_of = [&](std::size_t type) {
        return static_cast<int>(big_endian(bytes, types + type * 6, 4));
    };
    zone->offset_before_ = offset_of(0);
    for (std::size_t i = 0; i < counts->time; ++i) {
        const auto type = static_cast<std::uint8_t>(bytes[indexes + i]);
        if (type >= counts->type) return nullptr;
        zone->transitions_.push_back(big_endian(bytes, i * 8, 8));
        zone->offsets_.push_back(offset_of(type));
    }
    if (!std::is_sorted(zone->transitions_.begin(), zone->transitions_.end())) return nullptr;

    std::string_view footer = bytes.substr(counts->data_size(8));
    if (footer.size() >= 2 && footer.front() == '\n') {
        footer.remove_prefix(1);
        footer = footer.substr(0, footer.find('\n'));
        if (!footer.empty()) {
            const auto rule = parse_rule(footer);
            if (!rule) return nullptr;
            zone->rule_ = rule->rule_;
        }
    }
    return zone;
}

std::shared_ptr<const TimeZone> TimeZone::find(std::string_view name) {
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> known;
    if (!is_safe_name(name)) return nullptr;
    const std::lock_guard lock(mutex);
    if (const auto found = known.find(name); found != known.end()) return found->second;

    std::shared_ptr<const TimeZone> zone;
    if (std::ifstream file(std::string(zone_dir) + std::string(name), std::ios::binary); file) {
        std::string bytes;
        bytes.resize(zone_bytes_max);
        file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
        zone = parse(bytes);
    }
    // a machine without tzdata can still tell the time
    if (!zone && name == "UTC") zone = parse_rule("UTC0");
    if (zone && known.size() < zones_max) known.emplace(name, zone);
    return zone;
}

std::int64_t TimeZone::moment_of(const Change& change, int year) {
    using namespace std::chrono;
    sys_days day;
    if (change.kind == Change::Kind::month_week_day) {
        const auto month_of_year =
            std::chrono::year(year) / month(static_cast<unsigned>(change.month));
        const weekday wanted(static_cast<unsigned>(change.day));
        day = change.week == 5
                  ? sys_days(month_of_year / wanted[last])
                  : sys_days(month_of_year / wanted[static_cast<unsigned>(change.week)]);
    } else {
        const sys_days first = std::chrono::year(year) / January / 1;
        int days_on = change.day;
        // 1..365; February 29th is never counted
        if (change.kind == Change::Kind::day_without_leap) {
            days_on -= 1;
            if (std::chrono::year(year).is_leap() && change.day >= 60) days_on += 1;
        }
        day = first + days(days_on);
    }
    return duration_cast<seconds>(day.time_since_epoch()).count() + change.seconds;
}

int TimeZone::offset_by_rule(std::int64_t unix_seconds) const {
    if (!rule_->has_daylight) return rule_->standard_offset;
    using namespace std::chrono;
    const auto day = floor<days>(sys_seconds(seconds(unix_seconds + rule_->standard_offset)));
    const int year(year_month_day(day).year());
    const std::int64_t start = moment_of(rule_->start, year) - rule_->standard_offset;
    const std::int64_t end = moment_of(rule_->end, year) - rule_->daylight_offset;
    // northern summer
    const bool is_daylight = start < end ? unix_seconds >= start && unix_seconds < end
                                         : unix_seconds >= start || unix_seconds < end;  // southern
    return is_daylight ? rule_->daylight_offset : rule_->standard_offset;
}

int TimeZone::offset_at(std::int64_t unix_seconds) const {
    if (transitions_.empty() || unix_seconds >= transitions_.back()) {
        if (rule_) return offset_by_rule(unix_seconds);
        return offsets_.empty() ? offset_before_ : offsets_.back();
    }
    const auto next = std::upper_bound(transitions_.begin(), transitions_.end(), unix_seconds);
    if (next == transitions_.begin()) return offset_before_;
    return offsets_[static_cast<std::size_t>(next - transitions_.begin()) - 1];
}

LocalTime TimeZone::local(WallTime when) const {
    using namespace std::chrono;
    const std::int64_t unix_seconds = floor<seconds>(when).time_since_epoch().count();
    const int offset = offset_at(unix_seconds);
    const sys_seconds shifted{seconds(unix_seconds + offset)};
    const auto day = floor<days>(shifted);
    return {year_month_day(day), static_cast<int>(duration_cast<minutes>(shifted - day).count()),
            offset};
}

WallTime TimeZone::moment(Date date, int minutes_of_day) const {
    using namespace std::chrono;
    constexpr std::int64_t day = 86'400;
    const std::int64_t wanted =
        duration_cast<seconds>(sys_days(date).time_since_epoch()).count() + minutes_of_day * 60;
    const std::int64_t before = offset_at(wanted - day);
    const std::int64_t after = offset_at(wanted + day);
    const bool is_after =
        offset_at(wanted - before) != before && offset_at(wanted - after) == after;
    return WallTime(seconds(wanted - (is_after ? after : before)));
}

}  // namespace parley::script
