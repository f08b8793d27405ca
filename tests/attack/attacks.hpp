// attacks.hpp: the scripts of this folder as tools, for whoever tries them: in a VM, in calls, or
// while the calls beside them are measured.
//
// Every way to misuse a script that we know. Each file is the body of a tool and says in its second
// line which limit ends it:
//
//   cpu          computing time            memory   bytes of the VM
//   unyielding   inside __tostring                   wall   the tool's deadline
//   error: TEXT  an ordinary error with that text
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace parley::attack {

struct Attack {
    std::string name;  // "spin_while"
    std::string body;
    std::string expected;  // as the second line says
    std::string file = "tools/attack.lua";
};

inline std::vector<Attack> all_of(const std::filesystem::path& tree) {
    std::vector<Attack> all;
    for (const auto& file : std::filesystem::directory_iterator(tree / "tests/attack")) {
        if (file.path().extension() != ".lua") continue;
        std::ifstream in(file.path(), std::ios::binary);
        Attack attack{file.path().stem().string(), {std::istreambuf_iterator<char>(in), {}}, ""};
        const std::string mark = "\n-- expect: ";
        const auto at = attack.body.find(mark);
        if (at != std::string::npos) {
            const auto from = at + mark.size();
            attack.expected = attack.body.substr(from, attack.body.find('\n', from) - from);
        }
        all.push_back(std::move(attack));
    }
    std::sort(all.begin(), all.end(),
              [](const Attack& a, const Attack& b) { return a.name < b.name; });
    return all;
}

inline std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

// How the log names the limit, with the limits as they are unless set; empty when the second line
// names none.
inline std::string limit_text(const Attack& attack) {
    if (attack.expected == "cpu") return "used more than 50 ms of computing time";
    if (attack.expected == "memory") return "used more than 8388608 bytes of memory";
    if (attack.expected == "unyielding")
        return "took too long inside a function that cannot pause, such as __tostring";
    if (attack.expected == "wall") return "gave no result within 200 ms";
    if (attack.expected.starts_with("error: "))
        return replaced(attack.expected.substr(7), "tools/attack.lua", attack.file);
    return "";
}

// Where the log must say that it happened.
inline std::regex place(const Attack& attack) {
    const auto file = replaced(attack.file, ".", "\\.");
    // The result of a handler is looked at when no line of it runs any more.
    return std::regex(attack.name.starts_with("output_")
                          ? "what=\"" + file + "(:\\d+)?: "
                          : "what=\"(" + file + ":\\d+|lib/\\w+\\.lua:\\d+): ");
}

// The file of the tool. Its first line is the attack's own first line: lines keep their numbers.
inline std::string tool_file(const Attack& attack, const std::string& more = "") {
    return "return tool { api = 1, about = 'x', " + more + "run = function(args, call) " +
           attack.body + "\nend }";
}

// ---- in a service of its own ------------------------------------------------------------------

// Listens and never answers.
class DeafServer {
 public:
    DeafServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const where = reinterpret_cast<sockaddr*>(&address);
        if (bind(socket_, where, size) != 0 || listen(socket_, SOMAXCONN) != 0 ||
            getsockname(socket_, where, &size) != 0)
            throw std::runtime_error("cannot listen on a port of this machine");
        port_ = ntohs(address.sin_port);
    }
    ~DeafServer() { close(socket_); }
    DeafServer(const DeafServer&) = delete;
    DeafServer& operator=(const DeafServer&) = delete;
    std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
    int socket_;
    std::uint16_t port_ = 0;
};

// Scripts and settings in which each attack is the tool of an agent that has a number of its own.
class Staff {
 public:
    // `scripts` exists; `web` is a host that answers requests, "127.0.0.1:8080".
    Staff(const std::filesystem::path& tree, std::filesystem::path scripts, std::string web)
        : attacks_(all_of(tree)), scripts_(std::move(scripts)), web_(std::move(web)) {
        for (auto& attack : attacks_) {
            const auto name = tool_of(attack);
            attack.file = "tools/" + name + ".lua";
            attack.body = replaced(attack.body, "https://api.example", "http://" + web_);
            attack.body = replaced(attack.body, "https://hang.example", "http://" + deaf_.host());
            // Only where time is the limit is it short: the machine may be busy.
            write(attack.file, tool_file(attack, attack.expected == "wall" ? "timeout = 0.2, "
                                                                           : "timeout = 60, "));
            write("agents/" + name + ".lua",
                  "return agent { api = 1, prompt = 'Attack.', vars = { attack = '" + attack.name +
                      "' }, tools = { '" + name + "', 'which', 'alive' } }");
        }
        write("tools/which.lua",
              "return tool { api = 1, about = 'x', run = function(args, call) "
              "return { [call.vars.attack] = true } end }");
        write("tools/alive.lua",
              "return tool { api = 1, about = 'x', run = function() return 'alive' end }");
        write("tools/other.lua",
              "return tool { api = 1, about = 'x', run = function() return 'other' end }");
    }

    const std::vector<Attack>& attacks() const { return attacks_; }
    static std::string tool_of(const Attack& attack) { return "attack_" + attack.name; }
    static std::string number_of(std::size_t attack) {
        const auto digits = std::to_string(100'000 + attack);
        return "+1555020" + digits.substr(1);
    }

    // `cpu_max_ms` is 50 unless the machine is slowed down by what looks over its shoulder.
    std::string scripts_settings(int cpu_max_ms = 50) const {
        return "scripts:\n  dir: \"" + scripts_.string() +
               "/\"\n  watch: off\n  cpu_max_ms: " + std::to_string(cpu_max_ms) +
               "\n  http: {allow: [\"" + web_ + "\", \"" + deaf_.host() +
               "\"], allow_private: [127.0.0.1]}\nsecrets: {other: {value: another-value, "
               "scripts: [tools/other]}}\n";
    }
    std::string agents_settings() const {
        std::string text = "agents:\n";
        for (const auto& attack : attacks_)
            text += "  " + tool_of(attack) + ": {script: " + tool_of(attack) + "}\n";
        text += "numbers:\n";
        for (std::size_t i = 0; i < attacks_.size(); ++i)
            text += "  " + number_of(i) + ": " + tool_of(attacks_[i]) + "\n";
        return text;
    }

 private:
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((scripts_ / name).parent_path());
        std::ofstream(scripts_ / name, std::ios::binary) << text;
    }

    std::vector<Attack> attacks_;
    std::filesystem::path scripts_;
    std::string web_;
    DeafServer deaf_;
};

// What is missing in the log of how the attack ended; empty: nothing.
inline std::string missing_in(std::string_view log, const Attack& attack) {
    const auto mark = "script=" + attack.file + " ";
    std::string found;
    for (std::size_t at = 0; at < log.size();) {
        const auto end = std::min(log.find('\n', at), log.size());
        const std::string line(log.substr(at, end - at));
        at = end + 1;
        if (line.find("script.failed") == line.npos || line.find(mark) == line.npos) continue;
        found = line;
        // An attack on memory may be slow enough to meet the other limit first.
        const bool has_limit =
            line.find(limit_text(attack)) != line.npos ||
            (attack.expected == "memory" && line.find("of computing time") != line.npos);
        if (has_limit && std::regex_search(line, place(attack))) return "";
    }
    return attack.name + " must end with \"" + limit_text(attack) + "\"; the log has " +
           (found.empty() ? "nothing" : found);
}

}  // namespace parley::attack
