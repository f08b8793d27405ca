// service.hpp: `parley serve` as a process of its own, started with nothing but environment
// variables.
//
// Owner: the test. End: the destructor kills it; a test that cares how it ends asks exit_status()
// first.
#pragma once

#include "waiting.hpp"

#include <parley/net/http.hpp>
#include <parley/net/server.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace parley::integration {

using Variables = std::map<std::string, std::string>;

class Service {
 public:
    // Returns when it listens; fails the test when it does not. `flags` come after "serve".
    Service(std::string log_file, Variables environment, std::vector<std::string> flags);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    std::uint16_t port() const { return port_; }
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

    void signal(int number) const;
    // From now on no file of the process may grow beyond this, its log neither; nothing: as the
    // system allows.
    void limit_files(std::optional<std::uint64_t> bytes) const;
    // Nothing when it still runs at the deadline; 128 + n when signal n ended it.
    std::optional<int> exit_status(milliseconds limit = generous);
    bool is_running();
    std::int64_t resident_kb() const;  // of its memory
    std::string log() const { return text_of_file(log_file_); }
    bool has_logged(std::string_view words) const { return log().find(words) != std::string::npos; }

    // A command of the same program, with its own output and error together; the service's
    // environment.
    struct Ran {
        int status = -1;
        std::string output;
    };
    Ran command(const std::vector<std::string>& words) const;

    // Over a connection of its own; status 0 when there was no answer.
    net::Response ask(net::Request request);
    net::Response get(std::string path);

 private:
    std::optional<int> poll_exit(int options);

    std::string log_file_;
    std::vector<std::string> variables_;
    pid_t pid_ = -1;
    std::optional<int> exit_status_;
    std::uint16_t port_ = 0;
    net::IoThreads threads_{1};
};

}  // namespace parley::integration
