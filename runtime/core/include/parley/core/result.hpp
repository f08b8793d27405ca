// result.hpp: the three kinds of failure.
//
//   Result<T>   an expected failure with an error_code: absent, refused, timed out.
//   Checked<T>  a person must act: Fault says what is wrong, where, and what to do about it.
//   Bug         our own mistake; thrown by ensure(), ends the call it happened in and nothing else.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace parley {

template <class T>
using Result = boost::system::result<T>;

struct Fault {
    // "config/parley.yaml:12: server.port", "tools/check_slots.lua:17", a URL; may be empty
    std::string where;
    std::string what;  // one sentence without a full stop: "expected a number, found \"eighty\""
    // what to do, or empty where `what` says it: "use a port such as 3000"
    std::string remedy = {};

    // "where: what; remedy", as shown to people.
    std::string text() const {
        std::string line = where.empty() ? what : where + ": " + what;
        if (!remedy.empty()) line += "; " + remedy;
        return line;
    }
};

template <class T>
using Checked = boost::system::result<T, Fault>;

class Bug : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

inline void ensure(bool holds, const char* expectation) {
    if (!holds) throw Bug(expectation);
}

[[noreturn]] inline void throw_exception_from_error(const Fault& fault,
                                                    const boost::source_location&) {
    throw std::runtime_error(fault.text());
}

}  // namespace parley
