#include <parley/archive/transcript_files.hpp>

#include <parley/archive/transcript.hpp>
#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

namespace parley::archive {
namespace {

namespace fs = std::filesystem;
using call::journal::Entry;

constexpr const char* unfinished_folder = ".unfinished";
constexpr std::chrono::seconds remind_every{60};

std::string reason_of(int error) { return std::system_category().message(error); }

// What was said is for the service's user and group.
int open_for_writing(const std::string& path, int how) {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | how, 0640);
}

// The reason when it fails.
std::optional<std::string> write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const auto wrote = ::write(file, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return reason_of(errno);
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return std::nullopt;
}

std::optional<std::string> append_to(const std::string& path, std::string_view text) {
    const int file = open_for_writing(path, O_APPEND);
    if (file < 0) return reason_of(errno);
    auto why = write_all(file, text);
    ::close(file);
    return why;
}

// The whole of it or nothing: readers and a crash see the earlier file or the new one.
std::optional<std::string> replace_file(const std::string& path, std::string_view text) {
    const std::string beside = path + ".tmp";
    const int file = open_for_writing(beside, O_TRUNC);
    if (file < 0) return reason_of(errno);
    auto why = write_all(file, text);
    if (::close(file) != 0 && !why) why = reason_of(errno);
    if (!why && ::rename(beside.c_str(), path.c_str()) != 0) why = reason_of(errno);
    if (why) ::unlink(beside.c_str());
    return why;
}

std::string contents_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

struct TranscriptFiles::Impl {
    struct Call {
        explicit Call(const std::string& call_sid) : transcript(call_sid) {}
        Transcript transcript;
        std::string lines = {};  // for the text file, not yet written
        bool is_noted = false;   // in the folder of unfinished calls
        bool is_changed = false;
        bool has_gaps = false;  // entries were left out: the store knows better
    };

    Impl(Options wanted, Ask wanted_ask) : options(std::move(wanted)), ask(std::move(wanted_ask)) {}

    void run();
    void take(const Entry& entry);
    void write_changed();
    std::optional<std::string> write(Call& call);
    void complete_unfinished();
    void report(const std::optional<std::string>& why);
    std::string path_of(const std::string& name) const {
        return (fs::path(options.dir) / name).string();
    }
    // The note bears the name of the text file, which is safe and the call's own.
    std::string note_of(const Transcript& transcript) const {
        return (fs::path(options.dir) / unfinished_folder / transcript.text_file_name()).string();
    }

    const Options options;
    const Ask ask;
    std::map<std::string, Call, std::less<>> calls;  // the own thread's
    std::chrono::steady_clock::time_point quiet_until =
        std::chrono::steady_clock::time_point::min();

    mutable std::mutex mutex;  // for what follows
    std::condition_variable wake;
    std::vector<Entry> arrived;
    std::set<std::string> with_gaps;
    bool is_closing = false;
    Health health;

    std::thread thread;
};

void TranscriptFiles::Impl::run() {
    pthread_setname_np(pthread_self(), "parley-papers");
    complete_unfinished();
    std::unique_lock lock(mutex);
    while (true) {
        const bool is_failing = !health.is_well;
        if (arrived.empty() && !is_closing) {
            if (is_failing) {
                wake.wait_for(lock, options.retry_every);
            } else {
                wake.wait(lock, [this] { return !arrived.empty() || is_closing; });
            }
        }
        if (!is_closing && !arrived.empty()) {
            // Some utterances together: a file is opened once for them.
            wake.wait_for(lock, options.flush_every, [this] { return is_closing; });
        }
        auto entries = std::exchange(arrived, {});
        const auto gaps = std::exchange(with_gaps, {});
        const bool is_last = is_closing;
        lock.unlock();
        for (const auto& entry : entries) take(entry);
        for (const auto& call_sid : gaps) {
            if (const auto call = calls.find(call_sid); call != calls.end())
                call->second.has_gaps = true;
        }
        write_changed();
        lock.lock();
        health.calls_open = calls.size();
        if (is_last && arrived.empty()) return;
    }
}

void TranscriptFiles::Impl::take(const Entry& entry) {
    auto found = calls.find(entry.call_sid);
    const bool is_start = std::holds_alternative<call::journal::CallStarted>(entry.event);
    if (found == calls.end()) {
        const bool is_end = std::holds_alternative<call::journal::CallEnded>(entry.event);
        if (!is_start && !is_end) return;
        found = calls.emplace(entry.call_sid, Call(entry.call_sid)).first;
        found->second.has_gaps = is_end;  // its beginning was left out
    } else if (is_start) {
        return;  // announced once more: the same call
    }
    auto& call = found->second;
    for (const auto& message : call.transcript.add(entry)) {
        call.lines += line_of(message);
        call.is_changed = true;
    }
}

void TranscriptFiles::Impl::write_changed() {
    std::optional<std::string> why;
    bool has_written = false;
    for (auto call = calls.begin(); call != calls.end();) {
        if (!call->second.is_changed) {
            ++call;
            continue;
        }
        has_written = true;
        const auto failed = write(call->second);
        if (failed) why = failed;
        call = !failed && call->second.transcript.is_over() ? calls.erase(call) : std::next(call);
    }
    if (has_written) report(why);
}

std::optional<std::string> TranscriptFiles::Impl::write(Call& call) {
    if (call.transcript.is_over() && call.has_gaps) {
        auto whole = Transcript::of(call.transcript.call_sid(), ask(call.transcript.call_sid()));
        if (whole.is_over()) call.transcript = std::move(whole);
        if (!call.transcript.has_started()) return std::nullopt;  // nobody knows the call
    }
    const auto& transcript = call.transcript;
    if (!call.is_noted) {
        if (auto why = replace_file(
                note_of(transcript),
                json::serialize(json::object{{"callSid", to_valid_utf8(transcript.call_sid())},
                                             {"text", transcript.text_file_name()},
                                             {"json", transcript.json_file_name()}})))
            return why;
        call.is_noted = true;
    }
    const std::string text_file = path_of(transcript.text_file_name());
    if (transcript.is_over()) {
        if (auto why = replace_file(text_file, transcript.as_lines())) return why;
    } else if (!call.lines.empty()) {
        if (auto why = append_to(text_file, call.lines)) {
            // A part of it may be there: from now on the file is written as a whole.
            if (!replace_file(text_file, transcript.as_lines())) call.lines.clear();
            return why;
        }
        call.lines.clear();
    }
    if (auto why = replace_file(path_of(transcript.json_file_name()),
                                json::serialize(transcript.as_json()) + "\n"))
        return why;
    call.is_changed = false;
    if (transcript.is_over()) ::unlink(note_of(transcript).c_str());
    return std::nullopt;
}

// What an earlier process did not come to write.
void TranscriptFiles::Impl::complete_unfinished() {
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(fs::path(options.dir) / unfinished_folder, error)) {
        const std::string note = entry.path().string();
        const auto parsed = json_read::parse(contents_of(note));
        const auto call_sid =
            parsed && parsed->is_object() ? json_read::text(parsed->get_object(), "callSid") : "";
        if (call_sid.empty()) {
            fs::remove(entry.path(), error);  // cut off in the making; it had no files yet
            continue;
        }
        Call call(call_sid);
        call.transcript = Transcript::of(call_sid, ask(call_sid));
        if (!call.transcript.has_started()) {
            log::warn("transcript.not_completed",
                      {{"call", call_sid}, {"what", "the database does not know the call"}});
            fs::remove(entry.path(), error);
            continue;
        }
        // The file may hold an utterance that had not reached the store.
        const auto earlier =
            json_read::parse(contents_of(path_of(call.transcript.json_file_name())), 64);
        if (earlier && earlier->is_object()) call.transcript.take_in(earlier->get_object());
        call.is_noted = call.is_changed = true;
        const auto why = write(call);
        report(why);
        if (!why)
            log::info("transcript.completed",
                      {{"call", call_sid}, {"file", call.transcript.text_file_name()}});
        else
            calls.emplace(call_sid, std::move(call));  // tried again
    }
}

void TranscriptFiles::Impl::report(const std::optional<std::string>& why) {
    const std::string remedy = "free space on the disk of " + options.dir + ", or make it writable";
    bool was_well = true;
    {
        const std::lock_guard lock(mutex);
        was_well = health.is_well;
        health.is_well = !why;
        health.problem = why ? *why + "; " + remedy : "";
    }
    const auto now = std::chrono::steady_clock::now();
    if (!why) {
        if (!was_well) log::warn("transcript.recovered", {{"dir", options.dir}});
        quiet_until = std::chrono::steady_clock::time_point::min();
    } else if (now >= quiet_until) {
        quiet_until = now + remind_every;
        log::error("transcript.write_failed",
                   {{"dir", options.dir}, {"what", *why}, {"remedy", remedy}});
    }
}

Checked<std::unique_ptr<TranscriptFiles>> TranscriptFiles::open(Options options, Ask ask) {
    std::error_code error;
    const auto hidden = fs::path(options.dir) / unfinished_folder;
    fs::create_directories(hidden, error);
    if (error && !fs::is_directory(hidden)) {
        return Fault{options.dir,
                     "the folder of the transcripts cannot be made: " + error.message(),
                     "make it, or name another one (transcripts.dir)"};
    }
    // What callers say is not for every user of the machine.
    fs::permissions(options.dir,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
    auto impl = std::make_unique<Impl>(std::move(options), std::move(ask));
    auto* running = impl.get();
    impl->thread = std::thread([running] { running->run(); });
    return std::unique_ptr<TranscriptFiles>(new TranscriptFiles(std::move(impl)));
}

TranscriptFiles::TranscriptFiles(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TranscriptFiles::~TranscriptFiles() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_closing = true;
    }
    impl_->wake.notify_one();
    impl_->thread.join();
}

void TranscriptFiles::on_entry(const Entry& entry) {
    namespace journal = call::journal;
    const bool is_wanted = std::holds_alternative<journal::CallStarted>(entry.event) ||
                           std::holds_alternative<journal::ProviderReady>(entry.event) ||
                           std::holds_alternative<journal::CallerSaid>(entry.event) ||
                           std::holds_alternative<journal::AgentSaid>(entry.event) ||
                           std::holds_alternative<journal::CallEnded>(entry.event);
    if (!is_wanted) return;
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->arrived.size() >= impl_->options.entries_queued_max) {
            // The end is needed all the same: it completes the files.
            if (!std::holds_alternative<journal::CallEnded>(entry.event)) {
                impl_->with_gaps.insert(entry.call_sid);
                return;
            }
        }
        impl_->arrived.push_back(entry);
    }
    impl_->wake.notify_one();
}

TranscriptFiles::Health TranscriptFiles::health() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->health;
}

}  // namespace parley::archive
