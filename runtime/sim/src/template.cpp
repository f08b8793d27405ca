#include <parley/sim/template.hpp>

#include <parley/core/text.hpp>

#include <charconv>
#include <ctime>
#include <optional>
#include <vector>

namespace parley::sim {

namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 7> weekday_names{
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names{
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
// Clinics seldom book the same or the next day, so relative weekdays begin here.
constexpr days nearest{2};

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

std::optional<int> whole_number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string as_text(const json::value& value) {
    if (const auto* text = value.if_string()) return std::string(*text);
    return json::serialize(value);
}

std::optional<unsigned> weekday_index(std::string_view name) {
    for (unsigned i = 0; i < weekday_names.size(); ++i) {
        if (lower(weekday_names[i]) == name) return i;
    }
    return std::nullopt;
}

bool is_holiday(Day day) {
    using std::chrono::December;
    using std::chrono::January;
    return (day.month() == December && day.day() == std::chrono::day{25}) ||
           (day.month() == January && day.day() == std::chrono::day{1});
}

std::optional<Day> parse_iso(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    const auto year = whole_number(text.substr(0, 4));
    const auto month = whole_number(text.substr(5, 2));
    const auto day = whole_number(text.substr(8, 2));
    if (!year || !month || !day) return std::nullopt;
    const Day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                   std::chrono::day{static_cast<unsigned>(*day)}};
    return date.ok() ? std::optional(date) : std::nullopt;
}

std::optional<Day> day_named(std::string_view words, Day today) {
    std::string name = lower(trim(words));
    if (const auto date = parse_iso(name)) return date;
    const sys_days start{today};
    if (name == "today") return today;
    if (name == "tomorrow") return Day{start + days{1}};
    if (name.starts_with('+')) {
        std::string_view count = std::string_view(name).substr(1);
        if (const auto space = count.find(' '); space != count.npos) count = count.substr(0, space);
        if (const auto number = whole_number(count)) return Day{start + days{*number}};
        return std::nullopt;
    }
    if (name == "open_weekday") {
        for (sys_days day = start + nearest;; day += days{1}) {
            const std::chrono::weekday weekday{day};
            const bool is_weekend =
                weekday == std::chrono::Saturday || weekday == std::chrono::Sunday;
            if (!is_weekend && !is_holiday(Day{day})) return Day{day};
        }
    }
    if (name.starts_with("next ")) name.erase(0, 5);
    if (const auto wanted = weekday_index(name)) {
        for (sys_days day = start + nearest;; day += days{1}) {
            if (std::chrono::weekday{day} == std::chrono::weekday{*wanted}) return Day{day};
        }
    }
    return std::nullopt;
}

std::string iso_date(Day day) {
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                       static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string_view weekday_name(Day day) {
    return weekday_names[std::chrono::weekday{sys_days{day}}.c_encoding()];
}

std::string spoken_date(Day day) {
    return fmt::format("{}, {} {}", weekday_name(day),
                       month_names[static_cast<unsigned>(day.month()) - 1],
                       static_cast<unsigned>(day.day()));
}

// "APT-12345" -> "A P T, 1 2 3 4 5": a gap between characters, a pause between groups.
std::string spelled(std::string_view text) {
    std::string out;
    char last = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) == 0 && byte < 0x80) {
            last = 0;
            continue;
        }
        const bool same_group =
            last != 0 &&
            (std::isdigit(byte) != 0) == (std::isdigit(static_cast<unsigned char>(last)) != 0);
        const bool continues_character = (byte & 0xC0) == 0x80;
        if (!out.empty() && !continues_character) out += same_group ? " " : ", ";
        out += byte < 0x80 ? static_cast<char>(std::toupper(byte)) : c;
        last = c;
    }
    return out;
}

std::string spoken_time(std::string_view time) {
    const auto colon = time.find(':');
    if (colon == time.npos || colon + 3 > time.size()) return std::string(time);
    const std::string_view hour = time.substr(0, colon);
    const std::string_view minute = time.substr(colon + 1, 2);
    return minute == "00" ? fmt::format("{} o'clock", hour) : fmt::format("{} {}", hour, minute);
}

std::string spoken_list(const json::array& values, std::size_t count_max) {
    const std::size_t count = std::min(values.size(), count_max);
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += i + 1 == count ? " or " : ", ";
        out += as_text(values[i]);
    }
    return out;
}

Fault problem(std::string_view hole, std::string what, std::string remedy = {}) {
    return Fault{fmt::format("{{{}}}", hole), std::move(what), std::move(remedy)};
}

// Fault is an aggregate that a string alone could initialise, so a plain return would be ambiguous.
Checked<std::string> good(std::string text) {
    return {boost::system::in_place_value, std::move(text)};
}

class Hole {
 public:
    Hole(std::string_view text, const json::object& variables, Day today)
        : text_(text), variables_(variables), today_(today) {}

    Checked<std::string> fill() const {
        const auto colon = text_.find(':');
        if (colon == text_.npos) {
            if (const auto* value = find_path(variables_, trim(text_)))
                return good(as_text(*value));
            return problem(text_, "no such variable", known_variables());
        }
        std::string_view filter = trim(text_.substr(0, colon));
        const std::string_view argument = trim(text_.substr(colon + 1));
        std::size_t count_max = SIZE_MAX;
        if (const auto space = filter.find(' '); space != filter.npos) {
            const auto count = whole_number(trim(filter.substr(space + 1)));
            if (!count || *count < 1)
                return problem(text_, "expected a number after the filter's name");
            count_max = static_cast<std::size_t>(*count);
            filter = filter.substr(0, space);
        }
        return apply(filter, argument, count_max);
    }

 private:
    Checked<std::string> apply(std::string_view filter, std::string_view argument,
                               std::size_t count_max) const {
        if (filter == "date" || filter == "spoken_date" || filter == "weekday") {
            const auto day = day_named(value_or_literal(argument), today_);
            if (!day)
                return problem(text_, "not a day",
                               "use today, next tuesday, open_weekday, +3 days or 2026-11-24");
            if (filter == "date") return good(iso_date(*day));
            return good(filter == "weekday" ? std::string(weekday_name(*day)) : spoken_date(*day));
        }
        if (filter == "digits" || filter == "spell")
            return good(spelled(value_or_literal(argument)));
        if (filter == "spoken_time") return good(spoken_time(value_or_literal(argument)));
        if (filter == "list") {
            const auto* value = find_path(variables_, argument);
            if (value == nullptr || !value->is_array()) return problem(text_, "not a list");
            if (value->get_array().empty()) return problem(text_, "the list is empty");
            return good(spoken_list(value->get_array(), count_max));
        }
        if (filter == "choose") return choose(argument);
        return problem(
            text_, fmt::format("unknown filter \"{}\"", filter),
            "use date, spoken_date, weekday, digits, spell, spoken_time, list or choose");
    }

    Checked<std::string> choose(std::string_view argument) const {
        const auto comma = argument.find(',');
        const auto* value = find_path(variables_, trim(argument.substr(0, comma)));
        if (value == nullptr || !value->is_array()) return problem(text_, "not a list");
        const auto& choices = value->get_array();
        if (choices.empty()) return problem(text_, "the list is empty");
        const std::string wanted =
            comma == argument.npos ? "" : value_or_literal(trim(argument.substr(comma + 1)));
        for (const auto& choice : choices) {
            if (as_text(choice) == wanted) return good(wanted);
        }
        return good(as_text(choices.front()));
    }

    std::string value_or_literal(std::string_view argument) const {
        const auto* value = find_path(variables_, argument);
        return value != nullptr ? as_text(*value) : std::string(argument);
    }

    std::string known_variables() const {
        std::string names;
        for (const auto& member : variables_) {
            if (!names.empty()) names += ", ";
            names += member.key();
        }
        return names.empty() ? "nothing is known yet" : "known: " + names;
    }

    std::string_view text_;
    const json::object& variables_;
    Day today_;
};

}  // namespace

Day today_here() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    return Day{std::chrono::year{local.tm_year + 1900},
               std::chrono::month{static_cast<unsigned>(local.tm_mon + 1)},
               std::chrono::day{static_cast<unsigned>(local.tm_mday)}};
}

const json::value* find_path(const json::object& variables, std::string_view path) {
    const json::value* here = nullptr;
    std::size_t at = 0;
    while (at < path.size()) {
        if (path[at] == '[') {
            const auto end = path.find(']', at);
            if (here == nullptr || end == path.npos || !here->is_array()) return nullptr;
            const auto index = whole_number(path.substr(at + 1, end - at - 1));
            if (!index || *index < 0 ||
                static_cast<std::size_t>(*index) >= here->get_array().size())
                return nullptr;
            here = &here->get_array()[static_cast<std::size_t>(*index)];
            at = end + 1;
            continue;
        }
        if (path[at] == '.') {
            if (here == nullptr) return nullptr;
            ++at;
        }
        std::size_t end = at;
        while (end < path.size() && is_word(path[end])) ++end;
        if (end == at) return nullptr;
        const auto name = path.substr(at, end - at);
        const json::object* parent =
            here == nullptr ? (at == 0 ? &variables : nullptr) : here->if_object();
        if (parent == nullptr) return nullptr;
        here = parent->if_contains(name);
        if (here == nullptr) return nullptr;
        at = end;
    }
    return here;
}

Checked<std::string> render(std::string_view text, const json::object& variables, Day today) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
            out += c;
            ++i;
        } else if (c == '}') {
            return Fault{shortened(text, 60), "a closing brace without an opening one",
                         "write }} for the brace itself"};
        } else if (c == '{') {
            const auto end = text.find('}', i);
            if (end == text.npos)
                return Fault{shortened(text, 60), "a brace is not closed",
                             "write {{ for the brace itself"};
            auto filled = Hole(text.substr(i + 1, end - i - 1), variables, today).fill();
            if (!filled) return filled.error();
            out += *filled;
            i = end;
        } else {
            out += c;
        }
    }
    return good(std::move(out));
}

Checked<json::value> render_value(const json::value& value, const json::object& variables,
                                  Day today) {
    if (const auto* text = value.if_string()) {
        const std::string_view hole = *text;
        const bool is_one_hole =
            hole.size() > 2 && hole.front() == '{' && hole.find('}') == hole.size() - 1;
        if (is_one_hole) {
            if (const auto* found = find_path(variables, trim(hole.substr(1, hole.size() - 2))))
                return *found;
        }
        auto filled = render(hole, variables, today);
        if (!filled) return filled.error();
        return json::value(*filled);
    }
    if (const auto* list = value.if_array()) {
        json::array out;
        for (const auto& element : *list) {
            auto filled = render_value(element, variables, today);
            if (!filled) return filled.error();
            out.push_back(std::move(*filled));
        }
        return json::value(std::move(out));
    }
    if (const auto* members = value.if_object()) {
        json::object out;
        for (const auto& member : *members) {
            auto filled = render_value(member.value(), variables, today);
            if (!filled) return filled.error();
            out[member.key()] = std::move(*filled);
        }
        return json::value(std::move(out));
    }
    return value;
}

}  // namespace parley::sim
