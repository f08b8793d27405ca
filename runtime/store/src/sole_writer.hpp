// sole_writer.hpp: am I the only process that has this store open for writing?
//
// Only then can a call without an end be one whose process has died. A lock on `<path>.lock` tells,
// and the system lets go of it when a process dies, however it dies. Not a lock on the database
// itself: closing any descriptor of that file would drop SQLite's own locks.
#pragma once

#include <parley/core/result.hpp>

#include <string>
#include <utility>

namespace parley::store {

class SoleWriter {
 public:
    SoleWriter() = default;
    SoleWriter(SoleWriter&& other) noexcept
        : file_(std::exchange(other.file_, -1)), is_sole_(other.is_sole_) {}
    SoleWriter& operator=(SoleWriter&& other) noexcept;
    ~SoleWriter();

    // Others wait in take() until share().
    static Checked<SoleWriter> take(const std::string& database_path);
    bool is_sole() const { return is_sole_; }
    // From here on others may open the store too, and will see that they are not alone.
    void share();

 private:
    int file_ = -1;
    bool is_sole_ = true;
};

}  // namespace parley::store
