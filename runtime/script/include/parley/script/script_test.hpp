// script_test.hpp: a file of tests for scripts, tests/scripts/*_test.lua, in the sandbox that
// serves calls.
//
//   describe("check_slots", function()
//     it("offers nothing on Sundays", function()
//       clock.set("2026-12-01 10:00")
//       local answer = run_tool("check_slots", { date = "2026-12-06" })
//       expect(answer.reason).to_equal("We are closed on Sundays.")
//     end)
//   end)
//
// Each test runs in a VM of its own, under the limits of a tool but for a longer computing time.
// What it asks of the world beyond its VM (run_tool, clock, fakes) goes to a TestHost, which
// answers before ask() returns.
//
// Thread: one.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/script/library.hpp>
#include <parley/script/services.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

class TestHost {
 public:
    virtual ~TestHost() = default;
    // The answer, or a Fault whose `what` becomes an error in the test.
    virtual Checked<json::value> ask(std::string_view what, const json::value& arguments) = 0;
    virtual const Services& services() = 0;
    virtual const config::ScriptSettings& settings() = 0;  // hosts that may be reached, secrets
    virtual std::shared_ptr<const TimeZone> zone() = 0;
    virtual Timekeeper& time() = 0;
    virtual boost::asio::any_io_executor home() = 0;
    // Lets time go on until something has happened. False: nothing will.
    virtual bool go_on() = 0;
};

class ScriptTests {
 public:
    struct Test {
        std::string name;  // "check_slots offers nothing on Sundays"
        std::size_t line = 0;
    };
    struct Failure {
        std::string where;  // "tests/scripts/a_test.lua:7"
        std::string what;   // "expected \"a\""
        std::string found;  // empty where a script failed
        std::string traceback;
    };

    // `path` as messages show it. Faults of the file itself: it cannot be read as Lua, or fails
    // while its tests are collected.
    static Checked<ScriptTests> load(std::shared_ptr<const Bundle> bundle, const std::string& path,
                                     std::string_view source);

    const std::vector<Test>& tests() const { return tests_; }
    // Nothing: it passed.
    std::optional<Failure> run(std::size_t index, TestHost& host) const;

 private:
    ScriptTests() = default;

    std::shared_ptr<const Bundle> bundle_;
    std::string path_;
    // of the bundle, and the test
    std::shared_ptr<const std::map<std::string, std::string, std::less<>>> files_;
    std::vector<Test> tests_;
};

}  // namespace parley::script
