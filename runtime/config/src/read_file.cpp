#include "read_file.hpp"

#include "yaml_tree.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace parley::config {

Checked<std::string> read_file(const std::string& path, const std::string& remedy) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        return Fault{path, "is a folder, not a file", remedy};
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Fault{path,
                     std::string("cannot be read: ") + std::strerror(errno == 0 ? EIO : errno),
                     remedy};
    std::string text;
    std::array<char, 16 * 1024> piece;
    while (file && text.size() <= yaml_bytes_max) {
        file.read(piece.data(), piece.size());
        text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (file.bad()) return Fault{path, "cannot be read to its end", remedy};
    return {boost::system::in_place_value, std::move(text)};
}

}  // namespace parley::config
