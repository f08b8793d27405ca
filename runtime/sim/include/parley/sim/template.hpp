// template.hpp: sentences with holes, used by the scripts of both fakes.
//
//   {name}                          a variable
//   {result.available_slots[1]}     a path into a variable
//   {date: next tuesday}            "2026-11-24"
//   {spoken_date: open_weekday}     "Tuesday, November 24"
//   {weekday: open_weekday}         "Tuesday"
//   {digits: result.number}         "APT-12345" read out one by one: "A P T, 1 2 3 4 5"
//   {spell: name}                   "Ann Lee" letter by letter: "A N N, L E E"
//   {list: result.slots}            "9 AM, 10 AM or 11 AM"
//   {list 4: result.slots}          at most four of them
//   {choose: result.slots, 10:00 AM}  that one if it is among them, otherwise the first
//   {spoken_time: slot}             "10:00 AM" as said: "10 o'clock"; "9:30 AM": "9 30"
//   {{ and }}                       the braces themselves
//
// A day is: today, tomorrow, +N days, a weekday's name or "next" and its name (the first such day
// at least two days ahead), open_weekday (the first Monday to Friday at least two days ahead which
// is neither 25 December nor 1 January), a variable that holds one of these, or a date such as
// 2026-11-24. Pure functions: "today" is a parameter.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace parley::sim {

using Day = std::chrono::year_month_day;

// The local calendar day.
Day today_here();

// Fault: an unknown variable, filter or day, or a brace without its partner.
Checked<std::string> render(std::string_view text, const json::object& variables, Day today);

// The strings inside lists and maps, too. A string that is nothing but one variable keeps its type.
Checked<json::value> render_value(const json::value& value, const json::object& variables,
                                  Day today);

// The value at a path such as "result.slots[0].time", or null.
const json::value* find_path(const json::object& variables, std::string_view path);

}  // namespace parley::sim
