// folder.hpp: a folder of a test's own, which goes away with it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace parley {

class Folder {
 public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "parley-test-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    explicit Folder(const std::map<std::string, std::string>& files) : Folder() {
        for (const auto& [name, text] : files) write(name, text);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::filesystem::path& name) const {
        return (std::filesystem::path(path_) / name).string();
    }

    // Makes the folders above it, and returns the whole path.
    std::string write(const std::filesystem::path& name, std::string_view text) const {
        const std::filesystem::path file = *this / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }
    std::string read(const std::filesystem::path& name) const {
        std::ifstream in(*this / name, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }

 private:
    std::string path_;
};

}  // namespace parley
