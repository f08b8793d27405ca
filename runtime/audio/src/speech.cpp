#include <parley/audio/speech.hpp>

#include <parley/audio/resampler.hpp>
#include <parley/audio/wav.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/text.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

extern char** environ;

namespace parley::audio {
namespace {

constexpr std::size_t output_bytes_max = 64 * 1024 * 1024;  // over twenty minutes of speech
constexpr std::size_t complaint_bytes_max = 4 * 1024;

class File {
 public:
    File() = default;
    explicit File(int number) : number_(number) {}
    File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    File& operator=(File&& other) noexcept {
        close();
        number_ = std::exchange(other.number_, -1);
        return *this;
    }
    ~File() { close(); }
    void close() {
        if (number_ >= 0) ::close(number_);
        number_ = -1;
    }
    int number() const { return number_; }

 private:
    int number_ = -1;
};

struct Pipe {
    File read;
    File write;
};

bool open_pipe(Pipe& pipe) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    pipe.read = File(ends[0]);
    pipe.write = File(ends[1]);
    return true;
}

// 0 or the error number. The child reads nothing, writes to the two pipes, and has default signals
// whatever ours are.
int spawn(const std::vector<std::string>& arguments, const Pipe& out, const Pipe& complaints,
          pid_t& child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (const int error = posix_spawn_file_actions_init(&actions); error != 0) return error;
    if (const int error = posix_spawnattr_init(&attributes); error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write.number(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints.write.number(), STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::vector<char*> argv;
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int error = ::posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

enum class Gathered { all, too_late, too_much };

// Reads both pipes until the child has closed them.
Gathered gather(Pipe& out, Pipe& complaints, std::vector<std::uint8_t>& bytes, std::string& words,
                TimePoint deadline) {
    std::array<std::uint8_t, 16 * 1024> piece;
    while (out.read.number() >= 0 || complaints.read.number() >= 0) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return Gathered::too_late;
        std::array<pollfd, 2> waits{
            {{out.read.number(), POLLIN, 0}, {complaints.read.number(), POLLIN, 0}}};
        if (::poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 &&
            errno != EINTR)
            return Gathered::all;
        for (const bool is_out : {true, false}) {
            Pipe& from = is_out ? out : complaints;
            const pollfd& wait = waits[is_out ? 0 : 1];
            if (wait.fd < 0 || (wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
            const ssize_t got = ::read(wait.fd, piece.data(), piece.size());
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) {
                from.read.close();
            } else if (is_out) {
                if (bytes.size() + static_cast<std::size_t>(got) > output_bytes_max)
                    return Gathered::too_much;
                bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
            } else if (words.size() < complaint_bytes_max) {
                words.append(reinterpret_cast<const char*>(piece.data()),
                             static_cast<std::size_t>(got));
            }
        }
    }
    return Gathered::all;
}

// -1 when the status is unknown: a program that ignores SIGCHLD has its children reaped by the
// system.
int wait_for(pid_t child) {
    int status = 0;
    pid_t who = 0;
    do {
        who = ::waitpid(child, &status, 0);
    } while (who < 0 && errno == EINTR);
    if (who < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool is_voice_name(std::string_view voice) {
    return !voice.empty() && voice.front() != '-' &&
           std::all_of(voice.begin(), voice.end(), [](unsigned char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '+';
           });
}

}  // namespace

Checked<std::vector<std::int16_t>> speak(std::string_view text, const SpeechOptions& options) {
    const std::string where = "speech";
    if (trim(text).empty()) return std::vector<std::int16_t>();
    if (text.size() > options.text_bytes_max) {
        return Fault{where, fmt::format("{} bytes of text, at most {} are spoken", text.size(),
                                        options.text_bytes_max)};
    }
    if (text.find('\0') != std::string_view::npos || !is_valid_utf8(text)) {
        return Fault{where, "the text is not valid UTF-8"};
    }
    if (!is_voice_name(options.voice)) {
        return Fault{
            where,
            fmt::format("\"{}\" is not a voice name", to_valid_utf8(shortened(options.voice, 40))),
            "see the list: espeak-ng --voices"};
    }

    Pipe out;
    Pipe complaints;
    if (!open_pipe(out) || !open_pipe(complaints))
        return Fault{where, fmt::format("no pipe: {}", std::strerror(errno))};
    // After "--" a text that begins with '-' is still a text.
    const std::vector<std::string> arguments{options.program,
                                             "--stdout",
                                             "-v",
                                             options.voice,
                                             "-s",
                                             std::to_string(std::clamp(options.speed, 80, 450)),
                                             "--",
                                             std::string(text)};
    const TimePoint deadline = Clock::now() + options.timeout;
    pid_t child = 0;
    if (const int error = spawn(arguments, out, complaints, child); error != 0) {
        if (error == ENOENT) {
            return Fault{where, fmt::format("the program {} was not found", options.program),
                         "install it: apt-get install espeak-ng"};
        }
        return Fault{
            where, fmt::format("{} cannot be started: {}", options.program, std::strerror(error))};
    }
    out.write.close();
    complaints.write.close();

    std::vector<std::uint8_t> bytes;
    std::string words;
    const Gathered gathered = gather(out, complaints, bytes, words, deadline);
    if (gathered != Gathered::all) ::kill(child, SIGKILL);
    const int status = wait_for(child);
    if (gathered == Gathered::too_late) {
        return Fault{where, fmt::format("{} took longer than {} ms", options.program,
                                        options.timeout.count())};
    }
    if (gathered == Gathered::too_much) return Fault{where, "the speech is too long"};
    if (status > 0) {
        return Fault{where, fmt::format("{} ended with status {}: {}", options.program, status,
                                        to_valid_utf8(shortened(trim(words), 200)))};
    }
    // Its header comes before the speech is made, so the length there is a placeholder.
    auto wav = read_wav(bytes, options.program, WavLength::streamed);
    if (!wav) return wav.error();
    if (wav->channels != 1) return Fault{options.program, "expected one channel"};
    return resampled(wav->samples, wav->rate_hz, options.rate_hz);
}

}  // namespace parley::audio
