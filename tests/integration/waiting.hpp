// waiting.hpp: what every integration test needs: a folder of its own, and waiting for a condition.
#pragma once

#include "../eventually.hpp"

#include <parley/core/clock.hpp>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace parley::integration {

using namespace std::chrono_literals;

constexpr milliseconds generous{40'000};

class Folder {
 public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "parley-integration-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
    std::string path_;
};

inline std::string text_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace parley::integration
