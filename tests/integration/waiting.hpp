// waiting.hpp: what every integration test needs: a folder of its own, waiting for a condition, and
// reading what a program left.
#pragma once

#include "../eventually.hpp"
#include "../folder.hpp"

#include <parley/core/clock.hpp>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>

namespace parley::integration {

using namespace std::chrono_literals;

constexpr milliseconds generous{40'000};

inline std::string text_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace parley::integration
