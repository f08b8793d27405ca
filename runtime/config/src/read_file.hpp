// read_file.hpp: a small text file, whole.
#pragma once

#include <parley/core/result.hpp>

#include <string>

namespace parley::config {

// At most a little more than yaml_bytes_max, so that /dev/zero is refused later rather than read.
Checked<std::string> read_file(const std::string& path, const std::string& remedy);

}  // namespace parley::config
