// unsaved.hpp: entries that could not be written before the end, one JSON object a line, for the
// next start.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/result.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace parley::store {

std::string unsaved_path(const std::string& database_path);

// Appends the entries and waits until they are on the disk; the reason when that fails.
std::optional<std::string> save_unsaved(const std::string& file,
                                        std::span<const call::journal::Entry> entries);

struct Unsaved {
    std::vector<call::journal::Entry> entries;
    std::size_t lines_unreadable = 0;  // such as a last line that the full disk cut off
    std::string sha256;                // of the file
};
// Nothing when there is no such file; Fault when it cannot be read.
Checked<std::optional<Unsaved>> load_unsaved(const std::string& file);

// The inverse of call::journal::type_name and fields; nothing for an unknown type.
std::optional<call::journal::Event> event_from(std::string_view type, const json::object& fields);

}  // namespace parley::store
