#include "load.hpp"

#include "peer.hpp"

#include <parley/core/base64.hpp>
#include <parley/net/http.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace parley::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t frame_bytes = 160;    // 20 ms of µ-law
constexpr int slots = 20;                   // one a millisecond
constexpr int ticks_per_s = 1'000 / slots;  // of one call
constexpr std::uint8_t stamp_magic = 0xA5;  // first byte of a frame of ours
constexpr int ticks_per_connect = 5;        // 200 calls a second: an evening's rush, not an attack
constexpr std::size_t queued_bytes_max = 20'000;  // the far side is lost; do not fill memory
constexpr std::size_t stamp_bytes = 9, stamp_chars = 12;

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

// One frame in base64 whose first nine bytes carry the magic and the time: nine bytes are twelve
// characters.
void stamp(std::string& base64, std::size_t at) {
    std::uint8_t head[stamp_bytes] = {stamp_magic};
    const auto now = now_ns();
    std::memcpy(head + 1, &now, sizeof now);
    base64.replace(at, stamp_chars, base64::encode(head));
}

std::optional<std::uint64_t> read_stamp(const std::uint8_t* frame) {
    if (frame[0] != stamp_magic) return std::nullopt;
    std::uint64_t then = 0;
    std::memcpy(&then, frame + 1, sizeof then);
    return then;
}

std::string_view between(std::string_view text, std::string_view before, char after) {
    const auto start = text.find(before);
    if (start == std::string_view::npos) return {};
    text.remove_prefix(start + before.size());
    return text.substr(0, text.find(after));
}

}  // namespace

double Delays::percentile(double p) {
    if (us.empty()) return 0;
    const auto at = static_cast<std::size_t>(p * static_cast<double>(us.size() - 1));
    std::nth_element(us.begin(), us.begin() + static_cast<std::ptrdiff_t>(at), us.end());
    return us[at];
}

struct Load::Impl {
    class Model;
    class Caller;

    explicit Impl(Plan wanted);
    ~Impl();
    void accept_all();
    void tick();
    void keep_attacking();
    void attack_is_over(const std::string& tool, std::string_view output);
    void run_for(Clock::duration time) {
        run_until(time, [] { return false; });
    }
    bool run_until(Clock::duration limit, const std::function<bool()>& is_done);
    // Takes the delays of all frames in a received payload.
    void take(std::string_view base64, Delays& delays, std::uint64_t& count) {
        if (plan.sound != Sound::pcmu) return;  // a stamp does not survive resampling
        const bool is_one_frame = base64.size() <= caller_frame.size();
        if (!base64::decode(is_one_frame ? base64.substr(0, stamp_chars) : base64, scratch)) return;
        if (is_one_frame) scratch.resize(frame_bytes);
        const auto now = now_ns();
        for (std::size_t at = 0; at + frame_bytes <= scratch.size(); at += frame_bytes) {
            const auto then = read_stamp(scratch.data() + at);
            if (!then || *then < measure_from || *then >= measure_to) continue;
            ++count;
            delays.us.push_back(static_cast<float>(now - *then) / 1000.0f);
        }
    }
    bool is_measuring() const { return measure_from != 0 && now_ns() < measure_to; }

    Plan plan;
    Result result;
    int poll = -1;
    int listener = -1;
    bool is_ticking = false;
    Clock::time_point next_tick;
    std::uint64_t ticks = 0;
    std::vector<std::unique_ptr<Model>> models;
    std::vector<std::unique_ptr<Caller>> callers;
    std::vector<std::unique_ptr<Caller>> attackers;
    std::size_t attacks_begun = 0;
    bool is_attacking = false;
    std::vector<char> buffer = std::vector<char>(read_buffer_bytes);
    std::string caller_frame, model_frame;
    std::vector<std::uint8_t> scratch;
    std::uint64_t measure_from = 0, measure_to = ~std::uint64_t{0};
    Clock::time_point barge_in_at, tool_at;
};

// The model's side of one call.
class Load::Impl::Model final : public Peer {
 public:
    explicit Model(Impl& load)
        // calls take their turns one after another
        : Peer(load.poll),
          load_(load),
          ticks_to_turn_(turn_ticks() - static_cast<int>(load.models.size()) % (turn_ticks() + 1)) {
    }

    void tick() {
        if (!is_open || !is_speaking_) return;
        if (load_.plan.turn_every_s > 0 && --ticks_to_turn_ <= 0) {
            ticks_to_turn_ = turn_ticks();
            take_turn();
        }
        if (queued_bytes() > queued_bytes_max) return;
        if (load_.plan.sound == Sound::pcmu) stamp(message_, head_bytes_);
        if (load_.is_measuring()) ++load_.result.down_sent;
        send(message_);
    }
    void speech_started() {
        interrupted_at = Clock::now();
        send(
            R"({"type":"input_audio_buffer.speech_started","event_id":"e1","audio_start_ms":100,"item_id":"item_u1"})");
        is_speaking_ = false;
        send(fmt::format(
            R"({{"type":"response.done","event_id":"e2","response":{{"id":"resp_{0}","status":"cancelled","status_details":{{"type":"cancelled","reason":"turn_detected"}},"output":[]}}}})",
            responses_));
        send(
            R"({"type":"input_audio_buffer.speech_stopped","event_id":"e3","audio_end_ms":900,"item_id":"item_u1"})");
        begin_response();
    }
    void take_turn() {
        const auto item = fmt::format("item_u{}", responses_);
        send(fmt::format(
            R"({{"type":"input_audio_buffer.speech_started","event_id":"e1","audio_start_ms":100,"item_id":"{}"}})",
            item));
        send(fmt::format(
            R"({{"type":"response.done","event_id":"e2","response":{{"id":"resp_{0}","status":"cancelled","status_details":{{"type":"cancelled","reason":"turn_detected"}},"output":[]}}}})",
            responses_));
        send(fmt::format(
            R"({{"type":"input_audio_buffer.speech_stopped","event_id":"e3","audio_end_ms":900,"item_id":"{}"}})",
            item));
        send(fmt::format(
            R"({{"type":"conversation.item.input_audio_transcription.completed","event_id":"e4","item_id":"{}","content_index":0,"transcript":"I would rather come on Thursday, if there is a slot left."}})",
            item));
        begin_response();
        send(fmt::format(
            R"({{"type":"response.output_audio_transcript.delta","event_id":"e5","response_id":"resp_{0}","item_id":"item_{0}","output_index":0,"content_index":0,"delta":"On Thursday we have nine, nine thirty and ten o'clock. Which of them would you like?"}})",
            responses_));
    }
    void check_slots() { call_tool("check_slots", R"({\"date\":\"2100-01-01\"})"); }
    void call_tool(const std::string& name, const std::string& arguments) {
        if (responses_ == 0) begin_response();
        is_speaking_ = false;
        tool_started = Clock::now();
        const std::string item = fmt::format(
            R"({{"id":"item_f1","type":"function_call","status":"completed","name":"{}","call_id":"call_1","arguments":"{}"}})",
            name, arguments);
        send(fmt::format(
            R"({{"type":"response.output_item.done","event_id":"e4","response_id":"resp_{}","output_index":1,"item":{}}})",
            responses_, item));
        send(fmt::format(
            R"({{"type":"response.done","event_id":"e5","response":{{"id":"resp_{}","status":"completed","output":[{}]}}}})",
            responses_, item));
    }
    void on_http(std::string_view head, std::string_view) override {
        write(fmt::format(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            accept_key(header(head, "Sec-WebSocket-Key"))));
        expect_frames(Side::server);
        if (load_.plan.target == Target::relay) return begin_response();
        send(
            R"({"type":"session.created","event_id":"e0","session":{"type":"realtime","id":"sess_1"}})");
    }
    void on_text(std::string_view text) override {
        if (const auto audio = between(
                text, load_.plan.target == Target::relay ? "\"payload\":\"" : "\"audio\":\"", '"');
            audio.size() > 100) {
            if (!got_audio && !attack_.empty()) call_tool(attack_, "{}");
            got_audio = true;
            load_.take(audio, load_.result.up, load_.result.up_received);
            return;
        }
        if (load_.plan.target == Target::relay) return;
        if (text.find("session.update") != text.npos) {
            attack_ = between(text, "\"name\":\"attack_", '"');
            if (!attack_.empty()) attack_ = "attack_" + attack_;
            const char* format = load_.plan.sound == Sound::pcmu
                                     ? R"({"type":"audio/pcmu"})"
                                     : R"({"type":"audio/pcm","rate":24000})";
            send(fmt::format(
                R"({{"type":"session.updated","event_id":"e6","session":{{"type":"realtime","id":"sess_1","audio":{{"input":{{"format":{0}}},"output":{{"format":{0}}}}}}}}})",
                format));
        } else if (text.find("response.create") != text.npos) {
            if (attack_.empty()) begin_response();
        } else if (text.find("function_call_output") != text.npos && tool_started) {
            if (!attack_.empty()) {
                load_.attack_is_over(attack_, text);
            } else {
                load_.result.tool.us.push_back(
                    std::chrono::duration<float, std::micro>(Clock::now() - *tool_started).count());
            }
            tool_started.reset();
        }
    }

    bool got_audio = false;
    std::optional<Clock::time_point> interrupted_at, tool_started;

 private:
    void begin_response() {
        ++responses_;
        is_speaking_ = true;
        message_ = fmt::format(
            R"({{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_{0}","item_id":"item_{0}","output_index":0,"content_index":0,"delta":")",
            responses_);
        head_bytes_ = message_.size();
        message_ += load_.model_frame + "\"}";
        if (load_.plan.target == Target::relay) return;
        send(fmt::format(
            R"({{"type":"response.created","event_id":"e7","response":{{"id":"resp_{}","status":"in_progress"}}}})",
            responses_));
        send(fmt::format(
            R"({{"type":"response.output_item.added","event_id":"e8","response_id":"resp_{0}","output_index":0,"item":{{"id":"item_{0}","type":"message","role":"assistant","status":"in_progress","content":[]}}}})",
            responses_));
    }

    int turn_ticks() const { return load_.plan.turn_every_s * ticks_per_s; }

    Impl& load_;
    int ticks_to_turn_;
    std::string attack_;   // the tool that this call is there for; empty: none
    std::string message_;  // one frame of audio
    std::size_t head_bytes_ = 0;
    int responses_ = 0;
    bool is_speaking_ = false;
};

// The carrier's side of one call.
class Load::Impl::Caller final : public Peer {
 public:
    Caller(Impl& load, int number, std::string to = "+15550100002")
        // new in every wave: an ended call does not come back
        : Peer(load.poll),
          load_(load),
          to_(std::move(to)),
          call_sid_(fmt::format("CA{:016x}{:016x}", now_ns(), number)) {
        head_ = fmt::format(
            R"({{"event":"media","sequenceNumber":"2","streamSid":"MZ{}","media":{{"track":"inbound","chunk":"1","timestamp":")",
            call_sid_.substr(2));
    }

    void start() {
        if (load_.plan.target == Target::relay) return open_stream("/");
        if (!connect_to(load_.plan.target_port)) return fail("cannot connect for the webhook");
        const std::string form = "CallSid=" + call_sid_ + "&AccountSid=AC" + std::string(32, '0') +
                                 "&From=%2B15550100001&To=%2B" + to_.substr(1) +
                                 "&CallStatus=ringing&Direction=inbound&ApiVersion=2010-04-01";
        write(fmt::format(
            "POST /voice HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
            form.size(), form));
    }
    void tick() {
        if (!is_open) return;
        while (!marks_.empty() && marks_.front().first <= load_.next_tick) {
            send(fmt::format(
                R"({{"event":"mark","sequenceNumber":"3","streamSid":"MZ{}","mark":{{"name":"{}"}}}})",
                call_sid_.substr(2), marks_.front().second));
            marks_.pop_front();
        }
        message_.assign(head_);
        fmt::format_to(std::back_inserter(message_), "{}\",\"payload\":\"", ++frames_ * 20);
        const auto at = message_.size();
        message_.append(load_.caller_frame).append("\"}}");
        if (!is_attacker()) {
            stamp(message_, at);
            if (load_.is_measuring()) ++load_.result.up_sent;
        }
        if (queued_bytes() < queued_bytes_max) send(message_);
    }
    void on_text(std::string_view text) override {
        const bool is_relay = load_.plan.target == Target::relay;
        if (const auto audio = between(text, is_relay ? "\"delta\":\"" : "\"payload\":\"", '"');
            audio.size() > 100) {
            if (!got_audio)
                load_.result.set_up.us.push_back(
                    std::chrono::duration<float, std::micro>(Clock::now() - stream_started_)
                        .count());
            got_audio = true;
            load_.take(audio, load_.result.down, load_.result.down_received);
            playout_end_ = std::max(playout_end_, Clock::now()) +
                           std::chrono::milliseconds(audio.size() * 3 / 4 / 8);
        } else if (text.find("\"clear\"") != text.npos) {
            if (model_interrupted_at) {
                load_.result.barge_in.us.push_back(
                    std::chrono::duration<float, std::micro>(Clock::now() - *model_interrupted_at)
                        .count());
                model_interrupted_at.reset();
            }
            marks_.clear();
        } else if (const auto name = between(text, "\"name\":\"", '"'); !name.empty()) {
            marks_.emplace_back(playout_end_, std::string(name));
        }
    }
    std::optional<Clock::time_point> model_interrupted_at;
    bool got_audio = false;
    std::string attack;  // the tool that this call is there for; empty: a call that is measured
    bool is_over = false;
    bool is_attacker() const { return !attack.empty(); }

 private:
    void on_http(std::string_view head, std::string_view body) override {
        if (head.find(" 101 ") < head.find("\r\n")) return on_stream();
        const std::string document(body);
        token_ = between(document.substr(std::min(document.size(), document.find("\"token\""))),
                         "value=\"", '"');
        const auto url = net::Url::parse(between(document, "<Stream url=\"", '"'));
        if (token_.empty() || !url)
            return fail("unexpected answer to the webhook: " + document.substr(0, 200));
        open_stream(url->target);
    }
    void open_stream(const std::string& target) {
        if (!connect_to(load_.plan.target_port)) return fail("cannot connect for the stream");
        write(fmt::format(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            target));
    }
    void on_stream() {
        expect_frames(Side::client);
        stream_started_ = Clock::now();
        const auto stream = "MZ" + call_sid_.substr(2);
        send(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
        send(fmt::format(
            R"({{"event":"start","sequenceNumber":"1","streamSid":"{0}","start":{{"accountSid":"AC{1}","streamSid":"{0}","callSid":"{2}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{"callSid":"{2}","callerNumber":"+15550100001","token":"{3}"}}}}}})",
            stream, std::string(32, '0'), call_sid_, token_));
    }
    void on_lost() override {
        if (is_attacker()) {
            if (!is_over) fail(attack + ": the call was closed before its tool had ended");
            return;
        }
        if (!got_audio) fail("a stream was closed before it had audio");
    }
    void fail(const std::string& what) {
        if (load_.result.fault.empty()) load_.result.fault = what;
    }

    Impl& load_;
    std::string to_, call_sid_, token_, head_, message_;
    std::uint64_t frames_ = 0;
    Clock::time_point stream_started_, playout_end_;
    std::deque<std::pair<Clock::time_point, std::string>> marks_;
};

Load::Impl::Impl(Plan wanted) : plan(std::move(wanted)), poll(epoll_create1(EPOLL_CLOEXEC)) {
    const std::vector<std::uint8_t> quiet(plan.sound == Sound::pcmu ? frame_bytes : frame_bytes * 6,
                                          plan.sound == Sound::pcmu ? 0xFF : 0);
    model_frame = base64::encode(quiet);
    caller_frame = base64::encode(std::vector<std::uint8_t>(frame_bytes, 0xFF));
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan.model_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        result.fault = fmt::format("cannot listen on port {}", plan.model_port);
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};  // no peer: the listener
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
}

Load::Impl::~Impl() {
    if (listener >= 0) ::close(listener);
    ::close(poll);
}

void Load::Impl::accept_all() {
    for (int socket = 0; (socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        models.push_back(std::make_unique<Model>(*this));
        models.back()->adopt(socket);
    }
}

void Load::Impl::tick() {
    const auto slot = ticks++ % slots;
    for (std::size_t i = slot; i < models.size(); i += slots) models[i]->tick();
    for (std::size_t i = slot; i < callers.size(); i += slots) callers[i]->tick();
    for (std::size_t i = slot; i < attackers.size(); i += slots) attackers[i]->tick();
    if (ticks % ticks_per_connect == 0) keep_attacking();
    if (ticks % ticks_per_connect == 0 && static_cast<int>(callers.size()) < plan.calls) {
        callers.push_back(std::make_unique<Caller>(*this, static_cast<int>(callers.size()) + 1));
        callers.back()->start();
    }
}

// Between two rounds of events only: it destroys callers.
void Load::Impl::keep_attacking() {
    std::erase_if(attackers, [](const auto& each) { return each->is_over; });
    if (!is_attacking || attacks_begun == plan.attacks.size() ||
        static_cast<int>(attackers.size()) >= plan.attacks_at_once)
        return;
    const auto& wanted = plan.attacks[attacks_begun++];
    attackers.push_back(std::make_unique<Caller>(
        *this, plan.calls + static_cast<int>(attacks_begun), wanted.number));
    attackers.back()->attack = wanted.tool;
    attackers.back()->start();
}

void Load::Impl::attack_is_over(const std::string& tool, std::string_view output) {
    ++result.attacks_over;
    if (output.find("tool_failed") != output.npos) ++result.attacks_failed;
    const auto found = std::find_if(attackers.begin(), attackers.end(), [&](const auto& each) {
        return each->attack == tool && !each->is_over;
    });
    if (found != attackers.end()) (*found)->is_over = true;
}

bool Load::Impl::run_until(Clock::duration limit, const std::function<bool()>& is_done) {
    std::array<epoll_event, 256> events;
    const auto end = Clock::now() + limit;
    while (!is_done()) {
        auto now = Clock::now();
        if (now >= end) return false;
        if (is_ticking && now >= next_tick) {
            tick();
            next_tick += std::chrono::milliseconds(1);
            now = Clock::now();
        }
        const auto until = std::min(end, is_ticking ? next_tick : end);
        const auto wait = std::max<std::int64_t>(0, std::chrono::nanoseconds(until - now).count());
        const timespec patience{wait / 1'000'000'000, wait % 1'000'000'000};
        const int ready =
            epoll_pwait2(poll, events.data(), static_cast<int>(events.size()), &patience, nullptr);
        for (int i = 0; i < ready; ++i) {
            const auto& event = events[static_cast<std::size_t>(i)];
            if (event.data.ptr == nullptr) {
                accept_all();
            } else {
                static_cast<Peer*>(event.data.ptr)->on_ready(event.events, buffer.data());
            }
        }
    }
    return true;
}

Load::Load(Plan plan) : impl_(new Impl(std::move(plan))) {}
Load::~Load() { delete impl_; }

bool Load::connect_and_warm_up() {
    auto& load = *impl_;
    load.next_tick = Clock::now();
    load.is_ticking = true;
    const auto everyone_talks = [&] {
        return static_cast<int>(load.callers.size()) == load.plan.calls &&
               std::all_of(load.callers.begin(), load.callers.end(),
                           [](const auto& each) { return each->got_audio; });
    };
    if (!load.run_until(std::chrono::seconds(20 + load.plan.calls / 50), everyone_talks)) {
        if (load.result.fault.empty()) load.result.fault = "not every call got audio in time";
        return false;
    }
    load.run_for(std::chrono::seconds(load.plan.warm_up_s));
    return true;
}

void Load::measure() {
    auto& load = *impl_;
    const auto length = static_cast<std::uint64_t>(load.plan.measure_s) * 1'000'000'000u;
    load.measure_from = now_ns();
    load.measure_to = load.measure_from + length;
    timespec before{}, after{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    if (load.plan.attacks.empty()) {
        load.run_for(std::chrono::seconds(load.plan.measure_s));
    } else {
        load.measure_to = ~std::uint64_t{0};
        const auto count = static_cast<int>(load.plan.attacks.size());
        load.is_attacking = true;
        const bool are_over = load.run_until(std::chrono::seconds(30 + count),
                                             [&] { return load.result.attacks_over == count; });
        load.is_attacking = false;
        load.measure_to = now_ns();
        if (!are_over && load.result.fault.empty())
            load.result.fault =
                fmt::format("{} of {} attacks have ended", load.result.attacks_over, count);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    load.result.measured_s = static_cast<double>(load.measure_to - load.measure_from) / 1e9;
    load.result.cpu_share = (static_cast<double>(after.tv_sec - before.tv_sec) +
                             static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9) /
                            load.result.measured_s;
    load.result.calls_up = static_cast<int>(std::count_if(
        load.callers.begin(), load.callers.end(), [](const auto& each) { return each->is_open; }));
}

void Load::try_reactions() {
    auto& load = *impl_;
    // what was under way when measuring ended arrives
    load.run_for(std::chrono::milliseconds(500));
    if (load.plan.tries_barge_in) {
        // Calls and model connections are made in the same order only by chance: match them by who
        // clears first after whom, one call at a time.
        for (auto& model : load.models) {
            for (auto& caller : load.callers) caller->model_interrupted_at.reset();
            model->speech_started();
            for (auto& caller : load.callers) caller->model_interrupted_at = model->interrupted_at;
            const auto seen = load.result.barge_in.us.size();
            load.run_until(std::chrono::milliseconds(200),
                           [&] { return load.result.barge_in.us.size() > seen; });
        }
        for (auto& caller : load.callers) caller->model_interrupted_at.reset();
    }
    if (load.plan.tries_tools) {
        for (auto& model : load.models) {
            model->check_slots();
            load.run_until(std::chrono::milliseconds(500), [&] { return !model->tool_started; });
        }
    }
}

Result Load::finish() {
    auto& load = *impl_;
    for (auto& caller : load.callers) caller->close();
    load.run_for(std::chrono::milliseconds(300));
    for (auto& model : load.models) model->close();
    load.is_ticking = false;
    load.run_for(std::chrono::milliseconds(50));
    return std::move(load.result);
}

}  // namespace parley::bench
