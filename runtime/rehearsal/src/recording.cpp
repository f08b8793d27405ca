#include <parley/rehearsal/recording.hpp>

#include "recording_head.hpp"
#include "sound_text.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <pthread.h>

namespace parley::rehearsal {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

constexpr std::size_t piece_bytes = 64 * 1024;  // handed to the disk at once
constexpr std::size_t file_bytes_max = 64 * 1024 * 1024;
constexpr const char* cut_line = "cut";
const std::string music_line = "~ ";           // what a caller on hold hears
constexpr std::size_t held_lines_max = 5'000;  // while the model speaks one answer

// ---- answers of the database ------------------------------------------------------------------

json::value answer_json(const store::QueryAnswer& answer) {
    return json::object{
        {"rows", answer.rows}, {"changes", answer.changes}, {"last_id", answer.last_id}};
}
json::value problem_json(const store::QueryProblem& problem) {
    return json::object{
        {"problem", {{"kind", static_cast<int>(problem.kind)}, {"message", problem.message}}}};
}
json::value result_json(const store::QueryResult& result) {
    return result ? answer_json(*result) : problem_json(result.error());
}
json::value result_json(const script::TransactionResult& result) {
    if (!result) return problem_json(result.error());
    json::array answers;
    for (const auto& each : *result) answers.push_back(answer_json(each));
    return answers;
}

}  // namespace

// ---- the disk ---------------------------------------------------------------------------------

// Pieces of files, written in order by a thread of its own.
struct Recordings::Disk {
    struct Piece {
        std::string path;
        std::string text;
    };

    explicit Disk(Options wanted) : options(std::move(wanted)), thread([this] { run(); }) {}
    ~Disk() {
        {
            const std::lock_guard lock(mutex);
            is_closing = true;
        }
        changed.notify_one();
        thread.join();
    }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    void write(std::string path, std::string text) {
        {
            const std::lock_guard lock(mutex);
            if (bytes_queued + text.size() > options.bytes_queued_max) {
                ++dropped;
                return;
            }
            bytes_queued += text.size();
            pieces.push_back({std::move(path), std::move(text)});
        }
        changed.notify_one();
    }

    void run() {
        pthread_setname_np(pthread_self(), "parley-record");
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [this] { return !pieces.empty() || is_closing; });
            if (pieces.empty()) return;
            const Piece piece = std::move(pieces.front());
            pieces.pop_front();
            bytes_queued -= piece.text.size();
            const auto lost = std::exchange(dropped, 0);
            lock.unlock();
            if (lost > 0)
                log::warn("recording.dropped", {{"pieces", lost}, {"why", "the disk is too slow"}});
            std::ofstream out(piece.path, std::ios::binary | std::ios::app);
            out << piece.text;
            if (!out.flush())
                log::warn(
                    "recording.write_failed",
                    {{"file", piece.path}, {"remedy", "free space, or turn calls.record off"}});
            lock.lock();
        }
    }

    const Options options;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Piece> pieces;
    std::size_t bytes_queued = 0;
    std::size_t dropped = 0;
    bool is_closing = false;
    std::thread thread;
};

namespace {

// What the call's thread and the store's thread write into. Outlives the recorder while an answer
// is on its way.
class Pages {
 public:
    Pages(std::shared_ptr<Recordings::Disk> disk, std::size_t bytes_max,
          std::shared_ptr<const privacy::Masker> masker)
        : disk_(std::move(disk)), bytes_max_(bytes_max), masker_(std::move(masker)) {}
    ~Pages() {
        settle_texts();
        hand_over();
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;

    void begin(std::string path, const std::string& head) {
        const std::lock_guard lock(mutex_);
        path_ = std::move(path);
        text_ = head + "\n";
    }
    // Without the secrets that may have found their way into it, and what is masked.
    void add_safely(std::string line) { add(masked(log::without_secrets(std::move(line)))); }
    void add(std::string_view line) {
        const std::lock_guard lock(mutex_);
        if (held_.empty()) return append(line);
        held_.push_back({.line = std::string(line)});
        if (held_.size() > held_lines_max) release();
    }
    // A piece of what the model says. What must not be kept may lie across pieces: it and what
    // follows wait for settle_texts().
    void add_text(std::string before, const call::AgentText& piece) {
        const std::lock_guard lock(mutex_);
        held_.push_back({.line = std::move(before),
                         .response_id = std::string(piece.response_id),
                         .item_id = std::string(piece.item_id),
                         .delta = std::string(piece.delta),
                         .is_text = true});
    }
    // The texts that wait are whole.
    void settle_texts() {
        const std::lock_guard lock(mutex_);
        release();
    }

 private:
    struct Held {
        std::string line;  // of a text: what stands before it
        std::string response_id = {}, item_id = {}, delta = {};
        bool is_text = false;
    };

    // A line is words and at its end JSON; a command has a line of its own.
    std::string masked(std::string text) const {
        if (!masker_) return text;
        std::string all;
        for (std::size_t at = 0; at <= text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            std::string line = text.substr(at, end - at);
            const auto json_at = std::min(line.find('{'), line.size());
            if (at > 0) all += '\n';
            all += line.substr(0, json_at);
            all += masker_->json_or_text(line.substr(json_at));
            at = end + 1;
        }
        return all;
    }

    void release() {
        std::map<std::string, std::string> whole;
        for (const auto& each : held_) {
            if (each.is_text) whole[each.item_id] += each.delta;
        }
        // An item that is masked has all its text in its first piece.
        std::map<std::string, std::string> replaced;
        for (const auto& [item, text] : whole) {
            auto shown = masker_ ? masker_->text(text) : text;
            if (shown != text) replaced.emplace(item, std::move(shown));
        }
        for (auto& each : std::exchange(held_, {})) {
            if (!each.is_text) {
                append(each.line);
                continue;
            }
            if (const auto found = replaced.find(each.item_id); found != replaced.end())
                each.delta = std::exchange(found->second, "");
            append(each.line + log::without_secrets(event_text(
                                   call::AgentText{each.response_id, each.item_id, each.delta})));
        }
    }

    void append(std::string_view line) {
        if (is_cut_) return;
        bytes_ += line.size() + 1;
        is_cut_ = bytes_ > bytes_max_;
        text_ += is_cut_ ? std::string_view(cut_line) : line;
        text_ += '\n';
        if (text_.size() >= piece_bytes) hand_over();
    }

    void hand_over() {
        if (!path_.empty() && !text_.empty()) disk_->write(path_, std::exchange(text_, {}));
    }

    std::mutex mutex_;
    std::shared_ptr<Recordings::Disk> disk_;
    const std::size_t bytes_max_;
    const std::shared_ptr<const privacy::Masker> masker_;
    std::vector<Held> held_;
    std::string path_;
    std::string text_;
    std::size_t bytes_ = 0;
    bool is_cut_ = false;
};

json::value result_json(const script::KeyValues::Result<std::optional<std::string>>& result) {
    if (!result) return problem_json(result.error());
    return json::object{{"value", *result ? json::value(**result) : json::value(nullptr)}};
}
json::value result_json(const script::KeyValues::Result<std::int64_t>& result) {
    if (!result) return problem_json(result.error());
    return json::object{{"number", *result}};
}
json::value result_json(const script::KeyValues::Result<bool>& result) {
    if (!result) return problem_json(result.error());
    return json::object{{"was_there", *result}};
}
json::value result_json(const script::HttpClient::Result& result) {
    if (!result) {
        return json::object{
            {"failure",
             {{"kind", static_cast<int>(result.error().kind)}, {"what", result.error().what}}}};
    }
    json::array headers;
    for (const auto& [name, value] : result->headers.all())
        headers.push_back(json::array{name, value});
    return json::object{{"status", result->status},
                        {"type", result->content_type},
                        {"headers", std::move(headers)},
                        {"body", to_valid_utf8(result->body)}};
}
json::value result_json(const script::Messages::Result& result) {
    if (!result) return problem_json(result.error());
    return json::object{{"id", *result}};
}
json::value result_json(const script::KeyValues::Result<void>& result) {
    if (!result) return problem_json(result.error());
    return json::object();
}

// Writes what a script asks for, and what it is answered.
class Asking {
 public:
    Asking(std::shared_ptr<Pages> pages, std::function<TimePoint()> now)
        : pages_(std::move(pages)), now_(std::move(now)) {}

    void begun(TimePoint when) { began_ = when; }

    template <class Result>
    std::function<void(Result)> noting(json::array asked, std::function<void(Result)> done) {
        const auto request = next_++;
        pages_->add_safely("? " + json::serialize(json::object{{"request", request},
                                                               {"asked", std::move(asked)}}));
        return [pages = pages_, now = now_, began = began_, request,
                done = std::move(done)](Result result) {
            const auto at = std::chrono::duration_cast<nanoseconds>(now() - began).count();
            pages->add_safely(
                "! " + json::serialize(json::object{
                           {"request", request}, {"at_ns", at}, {"answer", result_json(result)}}));
            done(std::move(result));
        };
    }

 private:
    std::shared_ptr<Pages> pages_;
    std::function<TimePoint()> now_;
    TimePoint began_ = {};
    std::size_t next_ = 0;  // requests come from the call's thread
};

class RecordedKeys final : public script::KeyValues {
 public:
    RecordedKeys(script::KeyValues& inner, Asking& asking) : inner_(inner), asking_(asking) {}

    void get(std::string key,
             std::function<void(Result<std::optional<std::string>>)> done) override {
        json::array asked{{{"get", key}}};
        inner_.get(std::move(key), asking_.noting<Result<std::optional<std::string>>>(
                                       std::move(asked), std::move(done)));
    }
    void set(std::string key, std::string json_text, Lifetime lifetime,
             std::function<void(Result<void>)> done) override {
        json::array asked{{{"set", key}, {"value", json_text}, {"seconds", seconds(lifetime)}}};
        inner_.set(std::move(key), std::move(json_text), lifetime,
                   asking_.noting<Result<void>>(std::move(asked), std::move(done)));
    }
    void increment(std::string key, std::int64_t by, Lifetime lifetime,
                   std::function<void(Result<std::int64_t>)> done) override {
        json::array asked{{{"increment", key}, {"by", by}, {"seconds", seconds(lifetime)}}};
        inner_.increment(std::move(key), by, lifetime,
                         asking_.noting<Result<std::int64_t>>(std::move(asked), std::move(done)));
    }
    void remove(std::string key, std::function<void(Result<bool>)> done) override {
        json::array asked{{{"remove", key}}};
        inner_.remove(std::move(key),
                      asking_.noting<Result<bool>>(std::move(asked), std::move(done)));
    }
    void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                       std::function<void(Result<std::optional<std::string>>)> done) override {
        json::array asked{
            {{"set_if_absent", key}, {"value", json_text}, {"seconds", seconds(lifetime)}}};
        inner_.set_if_absent(
            std::move(key), std::move(json_text), lifetime,
            asking_.noting<Result<std::optional<std::string>>>(std::move(asked), std::move(done)));
    }

 private:
    static json::value seconds(const Lifetime& lifetime) {
        if (!lifetime) return nullptr;
        return lifetime->count();
    }
    script::KeyValues& inner_;
    Asking& asking_;
};

class RecordedWeb final : public script::HttpClient {
 public:
    RecordedWeb(script::HttpClient& inner, Asking& asking) : inner_(inner), asking_(asking) {}

    std::shared_ptr<void> send(boost::asio::any_io_executor home, net::Url url,
                               net::Request request, net::RequestLimits limits,
                               std::function<void(Result)> done) override {
        json::array asked{web_request_json(url, request)};
        auto noted = asking_.noting<Result>(std::move(asked), std::move(done));
        return inner_.send(std::move(home), std::move(url), std::move(request), std::move(limits),
                           std::move(noted));
    }

 private:
    script::HttpClient& inner_;
    Asking& asking_;
};

class RecordedMessages final : public script::Messages {
 public:
    RecordedMessages(script::Messages& inner, Asking& asking) : inner_(inner), asking_(asking) {}

    void send(std::string from, std::string to, std::string text,
              std::function<void(Result)> done) override {
        json::array asked{{{"sms", to}, {"from", from}, {"text", text}}};
        inner_.send(std::move(from), std::move(to), std::move(text),
                    asking_.noting<Result>(std::move(asked), std::move(done)));
    }

 private:
    script::Messages& inner_;
    Asking& asking_;
};

class RecordedDatabase final : public script::Database {
 public:
    RecordedDatabase(script::Database& inner, Asking& asking) : inner_(inner), asking_(asking) {}

    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override {
        json::array asked{{{"sql", statement.sql}, {"parameters", statement.parameters}}};
        inner_.query(std::move(statement),
                     asking_.noting<store::QueryResult>(std::move(asked), std::move(done)));
    }
    void transaction(std::vector<store::Statement> statements,
                     std::function<void(script::TransactionResult)> done) override {
        json::array asked;
        for (const auto& each : statements)
            asked.push_back({{"sql", each.sql}, {"parameters", each.parameters}});
        inner_.transaction(std::move(statements), asking_.noting<script::TransactionResult>(
                                                      std::move(asked), std::move(done)));
    }

 private:
    script::Database& inner_;
    Asking& asking_;
};

bool is_at_most_passed_on(const call::CallerAudio& audio,
                          const std::vector<call::Command>& commands) {
    if (commands.empty()) return true;
    const auto* append = std::get_if<call::AppendAudio>(&commands.front());
    return commands.size() == 1 && append != nullptr &&
           std::equal(append->audio.begin(), append->audio.end(), audio.audio.begin(),
                      audio.audio.end());
}

class FileRecorder final : public CallRecorder {
 public:
    FileRecorder(std::shared_ptr<Recordings::Disk> disk, RecordedCall call,
                 std::function<TimePoint()> now)
        : dir_(disk->options.dir),
          call_(std::move(call)),
          pages_(std::make_shared<Pages>(disk, disk->options.bytes_max, call_.masker)),
          asking_(pages_, std::move(now)) {}

    script::Services record(script::Services services) override {
        if (call_.keep == RecordedCall::Keep::asked) return services;
        if (services.database != nullptr) {
            database_ = std::make_unique<RecordedDatabase>(*services.database, asking_);
            services.database = database_.get();
        }
        if (services.keys != nullptr) {
            keys_ = std::make_unique<RecordedKeys>(*services.keys, asking_);
            services.keys = keys_.get();
        }
        if (services.http != nullptr) {
            web_ = std::make_unique<RecordedWeb>(*services.http, asking_);
            services.http = web_.get();
        }
        if (services.messages != nullptr) {
            messages_ = std::make_unique<RecordedMessages>(*services.messages, asking_);
            services.messages = messages_.get();
        }
        return services;
    }

    void begun(const call::CallInfo& info, TimePoint now) override {
        call_.info = info;
        call_.began = last_ = now;
        asking_.begun(now);
        // A carrier's id is letters and digits; anything else must not lead out of the folder.
        std::string name;
        for (const char c : info.call_sid)
            name +=
                std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ? c : '_';
        file_ = (fs::path(dir_) / (name + ".events")).string();
        if (call_.keep == RecordedCall::Keep::all) pages_->begin(file_, head_of(call_));
    }
    void prepared(const call::AgentProfile& profile) override {
        if (call_.keep == RecordedCall::Keep::asked) return;
        pages_->add_safely("= " + json::serialize(profile_json(profile)));
    }

    void handled(const call::Event& event, TimePoint now,
                 const std::vector<call::Command>& commands) override {
        if (call_.keep == RecordedCall::Keep::asked && !is_asked_for(commands)) return;
        keep_music(event);
        line_.clear();
        const auto since = std::chrono::duration_cast<nanoseconds>(now - last_).count();
        last_ = now;
        const auto* audio = std::get_if<call::CallerAudio>(&event);
        if (audio != nullptr && is_at_most_passed_on(*audio, commands)) {
            // Fifty a second: "20012345 a160 =ff", or "A" when the model got just that.
            fmt::format_to(std::back_inserter(line_), "{} {}{}", since,
                           commands.empty() ? 'a' : 'A', sound_text(audio->audio));
            return pages_->add(line_);
        }
        const auto* text = std::get_if<call::AgentText>(&event);
        if (text != nullptr && commands.empty())
            return pages_->add_text(fmt::format("{} ", since), *text);
        if (std::holds_alternative<call::AgentItemDone>(event) ||
            std::holds_alternative<call::ResponseDone>(event) ||
            std::holds_alternative<call::EngineLost>(event))
            pages_->settle_texts();
        fmt::format_to(std::back_inserter(line_), "{} {}", since, event_text(event));
        for (const auto& command : commands) line_ += "\n> " + command_text(command);
        // The model's sound is much, and there is nothing in it to mask.
        const bool is_sound = std::holds_alternative<call::AgentAudio>(event) &&
                              std::all_of(commands.begin(), commands.end(), [](const auto& each) {
                                  return std::holds_alternative<call::Play>(each) ||
                                         std::holds_alternative<call::SendMark>(each);
                              });
        is_sound ? pages_->add(line_) : pages_->add_safely(line_);
    }

 private:
    // The events that begin and end it belong to it.
    bool is_asked_for(const std::vector<call::Command>& commands) {
        const bool was_on = is_on_;
        for (const auto& command : commands) {
            if (const auto* record = std::get_if<call::Record>(&command)) is_on_ = record->is_on;
        }
        // A file only where there is something to keep; once more, it goes on.
        if (is_on_ && !std::exchange(has_file_, has_file_ || is_on_))
            pages_->begin(file_, head_of(call_));
        if (was_on && !is_on_) pages_->settle_texts();
        return was_on || is_on_;
    }

    // Minutes of music are not for the file of each call, only where it is played.
    void keep_music(const call::Event& event) {
        const auto* hold = std::get_if<call::HoldAsked>(&event);
        if (hold == nullptr || !hold->is_on || has_music_ || !call_.phrases ||
            call_.phrases->hold.empty())
            return;
        has_music_ = true;
        pages_->add(music_line + sound_text(call_.phrases->hold));
    }

    const std::string dir_;
    RecordedCall call_;
    std::string file_;
    bool is_on_ = false;  // the script has asked for it
    bool has_file_ = false;
    bool has_music_ = false;
    std::shared_ptr<Pages> pages_;
    Asking asking_;
    std::unique_ptr<RecordedDatabase> database_;
    std::unique_ptr<RecordedKeys> keys_;
    std::unique_ptr<RecordedWeb> web_;
    std::unique_ptr<RecordedMessages> messages_;
    TimePoint last_ = {};
    std::string line_;
};

}  // namespace

Checked<std::unique_ptr<Recordings>> Recordings::open(Options options) {
    std::error_code error;
    fs::create_directories(options.dir, error);
    if (error && !fs::is_directory(options.dir)) {
        return Fault{options.dir, "the folder of the recordings cannot be made: " + error.message(),
                     "make it, or set calls.record to off"};
    }
    // What callers say is not for every user of the machine.
    fs::permissions(options.dir,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
    return std::unique_ptr<Recordings>(new Recordings(std::make_shared<Disk>(std::move(options))));
}

Recordings::~Recordings() = default;

std::unique_ptr<CallRecorder> Recordings::begin(RecordedCall call, std::function<TimePoint()> now) {
    return std::make_unique<FileRecorder>(disk_, std::move(call), std::move(now));
}

json::object web_request_json(const net::Url& url, const net::Request& request) {
    json::array headers;
    for (const auto& [name, value] : request.headers.all())
        headers.push_back(json::array{name, value});
    return {{"method", request.method},
            {"url", fmt::format("{}://{}{}", url.scheme, url.authority(),
                                request.target.empty() ? url.target : request.target)},
            {"headers", std::move(headers)},
            {"body", to_valid_utf8(request.body)}};
}

std::string recordings_dir(const std::string& database_path) {
    return (fs::path(database_path).parent_path() / "recordings").string();
}

// ---- reading ----------------------------------------------------------------------------------

Checked<Recording> Recording::load(const std::string& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    std::ifstream in(path, std::ios::binary);
    if (error || !in)
        return Fault{
            path, "cannot be read",
            "`parley calls` lists the calls; recorded are those made with calls.record: events"};
    if (size > file_bytes_max) return Fault{path, "is too large for a recording", ""};
    const auto broken = [&](std::size_t number, const char* what) {
        return Fault{fmt::format("{}:{}", path, number), what,
                     "this is no recording of Parley, or one of another version"};
    };
    Recording recording;
    recording.file = path;
    std::string line;
    if (!std::getline(in, line)) return broken(1, "the file is empty");
    auto call = read_head(line);
    if (!call) return broken(1, "the first line does not describe a call");
    recording.call = std::move(*call);
    nanoseconds at{0};
    std::map<std::size_t, Answer> answers;
    std::vector<std::uint8_t> audio;
    for (std::size_t number = 2; std::getline(in, line); ++number) {
        if (line == cut_line) {
            recording.is_cut = true;
        } else if (line.starts_with(music_line)) {
            auto phrases = std::make_shared<call::Phrases>(*recording.call.phrases);
            if (!read_sound(std::string_view(line).substr(music_line.size()), phrases->hold))
                return broken(number, "the music is broken");
            recording.call.phrases = std::move(phrases);
        } else if (line.starts_with("{")) {
            // The call was announced twice, and the first session came to nothing.
            auto again = read_head(line);
            if (!again) return broken(number, "the line does not describe a call");
            recording = Recording{.file = path, .call = std::move(*again)};
            answers.clear();
            at = nanoseconds(0);
        } else if (line.starts_with("> ")) {
            if (recording.lines.empty()) return broken(number, "a command without an event");
            recording.lines.back().commands.push_back(line.substr(2));
        } else if (line.starts_with("= ") || line.starts_with("? ") || line.starts_with("! ")) {
            auto parsed = json_read::parse(std::string_view(line).substr(2), 64);
            if (!parsed || !parsed->is_object()) return broken(number, "the line cannot be read");
            json::object& object = parsed->get_object();
            if (line.front() == '=') {
                recording.profile = std::move(object);
                continue;
            }
            const auto request =
                static_cast<std::size_t>(json_read::integer(object, "request").value_or(0));
            Answer& answer = answers[request];
            answer.request = request;
            if (const auto* asked = json_read::array(object, "asked")) answer.asked = *asked;
            if (const auto* given = object.if_contains("answer")) {
                answer.answer = *given;
                answer.at = nanoseconds(json_read::integer(object, "at_ns").value_or(0));
                answer.after_lines = recording.lines.size();
            }
        } else {
            std::int64_t since = 0;
            const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), since);
            if (code != std::errc{} || end == line.data() + line.size() || *end != ' ')
                return broken(number, "the line cannot be read");
            at += nanoseconds(since);
            Line read{.number = number, .at = at};
            const std::string_view text(
                end + 1, static_cast<std::size_t>(line.data() + line.size() - end - 1));
            if (text.size() > 1 && (text[0] == 'a' || text[0] == 'A') && text[1] >= '0' &&
                text[1] <= '9') {
                if (!read_sound(text.substr(1), audio))
                    return broken(number, "the audio is broken");
                read.event = fmt::format("audio {}", text.substr(1));
                if (text[0] == 'A') read.commands.push_back("append " + fingerprint(audio));
            } else {
                read.event = std::string(text);
            }
            recording.lines.push_back(std::move(read));
        }
    }
    for (auto& [request, answer] : answers) recording.answers.push_back(std::move(answer));
    return recording;
}

std::optional<Fault> Recording::why_not_replayed() const {
    if (call.keep == RecordedCall::Keep::all) return std::nullopt;
    return Fault{
        file,
        "was recorded only where its script asked for it (calls.record: asked), so that "
        "most of the call is missing",
        "listen to it on the dashboard; whole calls are recorded with calls.record: events"};
}

}  // namespace parley::rehearsal
