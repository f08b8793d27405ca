#include "sole_writer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace parley::store {

SoleWriter& SoleWriter::operator=(SoleWriter&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(is_sole_, other.is_sole_);
    return *this;
}

SoleWriter::~SoleWriter() {
    if (file_ >= 0) ::close(file_);
}

Checked<SoleWriter> SoleWriter::take(const std::string& database_path) {
    const std::string path = database_path + ".lock";
    SoleWriter writer;
    writer.file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (writer.file_ < 0) {
        return Fault{
            path, "cannot be created: " + std::system_category().message(errno),
            "make the folder writable for the user that runs parley, or name another database (DATABASE_PATH)"};
    }
    writer.is_sole_ = ::flock(writer.file_, LOCK_EX | LOCK_NB) == 0;
    if (!writer.is_sole_) writer.share();
    return writer;
}

void SoleWriter::share() {
    if (file_ < 0) return;
    while (::flock(file_, LOCK_SH) != 0 && errno == EINTR) {
    }
}

}  // namespace parley::store
