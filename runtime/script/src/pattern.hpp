// pattern.hpp: Lua's patterns with a meter.
//
// Problem: LuaJIT's own matcher backtracks without limit and without ever reaching the VM's hook:
// one line such as ("a"):rep(1e5):find(".-b") holds the thread for 20 seconds.
// Idea: a matcher of our own that counts its steps and gives up beyond a limit.
// Cost: one to two times the time of the built-in one on ordinary patterns.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace parley::script {

class Matcher {
 public:
    static constexpr int captures_max = 32;
    static constexpr std::uint64_t steps_max = 500'000;  // about 1 ms: a slice

    struct Capture {
        static constexpr std::ptrdiff_t unclosed = -1;
        static constexpr std::ptrdiff_t position = -2;  // "()": the place instead of a text
        std::size_t start = 0;
        std::ptrdiff_t length = 0;
    };

    // Both must outlive the matcher.
    Matcher(std::string_view subject, std::string_view pattern)
        : subject_(subject), pattern_(pattern) {}

    // True when the pattern matches at exactly `at`; then end() and captures are set. After false,
    // ask error().
    bool match_at(std::size_t at);
    std::size_t end() const { return end_; }
    int capture_count() const { return level_; }
    const Capture& capture(int index) const { return captures_[static_cast<std::size_t>(index)]; }

    const char* error() const { return error_; }  // null, or what is wrong with the pattern; final
    std::uint64_t steps() const { return steps_; }

 private:
    static constexpr std::size_t no_match = static_cast<std::size_t>(-1);
    static constexpr int depth_max = 200;

    std::size_t match(std::size_t at, std::size_t pattern_at);
    std::size_t item_end(std::size_t pattern_at);
    bool matches_one(std::size_t at, std::size_t pattern_at, std::size_t item_end);
    bool matches_set(unsigned char c, std::size_t set_at, std::size_t set_last);
    std::size_t most(std::size_t at, std::size_t pattern_at, std::size_t item_end);
    std::size_t fewest(std::size_t at, std::size_t pattern_at, std::size_t item_end);
    std::size_t open_capture(std::size_t at, std::size_t pattern_at, std::ptrdiff_t kind);
    std::size_t close_capture(std::size_t at, std::size_t pattern_at);
    std::size_t balanced(std::size_t at, std::size_t pattern_at);
    std::size_t back_reference(std::size_t at, unsigned char digit);
    std::size_t fail(const char* why) {
        if (error_ == nullptr) error_ = why;
        return no_match;
    }
    bool spend();

    std::string_view subject_;
    std::string_view pattern_;
    std::array<Capture, captures_max> captures_{};
    int level_ = 0;
    int depth_ = 0;
    std::size_t end_ = 0;
    std::uint64_t steps_ = 0;
    const char* error_ = nullptr;
};

}  // namespace parley::script
