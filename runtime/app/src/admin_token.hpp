// admin_token.hpp: the key to the service's own doors (/api, /metrics), and how commands on the
// same machine find it.
//
// A service writes its address into `admin.url` beside the database, and its token into
// `admin.token`, unless the settings name one. Only the user it runs as can read them. Both go when
// it stops.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/result.hpp>

#include <cstdint>
#include <string>

namespace parley::app {

// Owner: serve(). End: the destructor removes the files.
class AdminToken {
 public:
    // The settings' token, or a new one of 256 random bits, written down. Fault when that is not
    // possible.
    static Checked<AdminToken> make(const config::Settings& settings, std::uint16_t port);
    ~AdminToken();
    AdminToken(AdminToken&& other) noexcept
        : token_(std::move(other.token_)),
          url_(std::move(other.url_)),
          where_(std::move(other.where_)),
          files_(std::exchange(other.files_, {})) {}
    AdminToken& operator=(AdminToken&&) = delete;

    const Secret& token() const { return token_; }
    // Where this machine reaches the service, and where a person finds the token.
    const std::string& url() const { return url_; }
    const std::string& where() const { return where_; }

 private:
    AdminToken() = default;
    Secret token_;
    std::string url_;
    std::string where_;
    std::vector<std::string> files_;
};

// How a command reaches the running service.
struct Access {
    std::string url;  // "http://127.0.0.1:3000"
    Secret token;
};
// `url`: as the command line has it; empty: as written beside the database, else as the settings
// say.
Checked<Access> access_of(const config::Settings& settings, const std::string& url);

}  // namespace parley::app
