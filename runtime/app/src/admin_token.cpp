#include "admin_token.hpp"

#include <parley/core/crypto.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

namespace parley::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t token_bytes = 32;

std::string beside_database(const config::Settings& settings, const char* name) {
    return (fs::path(settings.store.path).parent_path() / name).string();
}

// A new file by a new name, so that nobody who had the old one open reads the new token.
Checked<void> write_private(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    unlink(fresh.c_str());
    const int out = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool is_written =
        out >= 0 && write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    int why = errno;
    if (out >= 0) close(out);
    if (is_written && rename(fresh.c_str(), path.c_str()) == 0) return {};
    if (is_written) why = errno;
    unlink(fresh.c_str());
    return Fault{path, fmt::format("cannot be written: {}", std::strerror(why)),
                 "make the database's folder writable, or set PARLEY_ADMIN_TOKEN"};
}

std::optional<std::string> first_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    if (!in || !std::getline(in, line)) return std::nullopt;
    return std::string(trim(line));
}

std::string reachable(const std::string& host) {
    if (host.empty() || host == "0.0.0.0" || host == "::") return "127.0.0.1";
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

Checked<AdminToken> AdminToken::make(const config::Settings& settings, std::uint16_t port) {
    AdminToken made;
    made.token_ = settings.server.admin_token;
    made.url_ = fmt::format("http://{}:{}", reachable(settings.server.host), port);
    made.where_ = "the token of server.admin_token (PARLEY_ADMIN_TOKEN)";
    if (settings.store.path == ":memory:") {
        if (made.token_.empty()) {
            made.token_ = Secret(crypto::random_hex(token_bytes));
            made.where_ =
                "nothing: set PARLEY_ADMIN_TOKEN, for there is no file to write a token to";
        }
        return {boost::system::in_place_value, std::move(made)};
    }
    if (made.token_.empty()) {
        made.token_ = Secret(crypto::random_hex(token_bytes));
        const auto file = beside_database(settings, "admin.token");
        if (auto written = write_private(file, made.token_.reveal() + "\n"); !written)
            return written.error();
        made.files_.push_back(file);
        made.where_ = "the token in " + file;
    }
    const auto file = beside_database(settings, "admin.url");
    if (auto written = write_private(file, made.url_ + "\n"); !written) return written.error();
    made.files_.push_back(file);
    return {boost::system::in_place_value, std::move(made)};
}

AdminToken::~AdminToken() {
    for (const auto& file : files_) unlink(file.c_str());
}

Checked<Access> access_of(const config::Settings& settings, const std::string& url) {
    Access access;
    access.url = url;
    if (access.url.empty()) {
        const auto file = beside_database(settings, "admin.url");
        const auto written = first_line(file);
        if (!written && settings.server.port == 0)
            return Fault{file, "is not there: no service runs on this database",
                         "start it with `parley serve`, or name it with --url"};
        access.url = written ? *written
                             : fmt::format("http://{}:{}", reachable(settings.server.host),
                                           settings.server.port);
    }
    while (!access.url.empty() && access.url.back() == '/') access.url.pop_back();
    access.token = settings.server.admin_token;
    if (access.token.empty()) {
        const auto file = beside_database(settings, "admin.token");
        const auto token = first_line(file);
        if (!token) {
            return Fault{
                file,
                "is not there, or not readable: no service runs on this database, or it runs as another user",
                "start it with `parley serve`, run this as its user, or set PARLEY_ADMIN_TOKEN"};
        }
        access.token = Secret(*token);
    }
    return {boost::system::in_place_value, std::move(access)};
}

}  // namespace parley::app
