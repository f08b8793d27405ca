#include "load.hpp"

#include <parley/core/base64.hpp>
#include <parley/net/http.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include <time.h>

namespace parley::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t frame_bytes = 160;     // 20 ms of µ-law
constexpr int slots = 20;                    // one a millisecond
constexpr std::uint8_t stamp_magic = 0xA5;   // first byte of a frame of ours
constexpr int connects_per_ms = 1;

std::uint64_t now_ns() { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); }

// One frame in base64 whose first nine bytes carry the magic and the time: nine bytes are twelve characters.
void stamp(std::string& base64, std::size_t at) {
    std::uint8_t head[9] = {stamp_magic};
    const auto now = now_ns();
    std::memcpy(head + 1, &now, sizeof now);
    std::string text;
    base64::append(text, head);
    base64.replace(at, text.size(), text);
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

class Peer : public std::enable_shared_from_this<Peer> {
 public:
    explicit Peer(tcp::socket socket) : ws(std::move(socket)) {}
    virtual ~Peer() = default;

    void send(std::string text) {
        queue.push_back(std::move(text));
        if (queue.size() == 1) write();
    }
    void read() {
        ws.async_read(buffer, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) {
                self->is_open = false;
                return;
            }
            self->on_text({static_cast<const char*>(self->buffer.data().data()), self->buffer.size()});
            self->buffer.clear();
            self->read();
        });
    }
    void close() {
        is_open = false;
        beast::error_code ignored;
        ws.next_layer().close(ignored);
    }
    virtual void on_text(std::string_view text) = 0;

    websocket::stream<tcp::socket> ws;
    beast::flat_buffer buffer;
    std::deque<std::string> queue;
    bool is_open = false;

 private:
    void write() {
        ws.async_write(asio::buffer(queue.front()), [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) {
                self->is_open = false;
                self->queue.clear();
                return;
            }
            self->queue.pop_front();
            if (!self->queue.empty()) self->write();
        });
    }
};

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

    explicit Impl(Plan wanted) : plan(wanted), acceptor(io, {asio::ip::address_v4::loopback(), wanted.model_port}), ticker(io) {
        const std::vector<std::uint8_t> quiet(plan.sound == Sound::pcmu ? frame_bytes : frame_bytes * 6, plan.sound == Sound::pcmu ? 0xFF : 0);
        model_frame = base64::encode(quiet);
        caller_frame = base64::encode(std::vector<std::uint8_t>(frame_bytes, 0xFF));
    }

    void accept();
    void tick();
    bool run_until(Clock::duration limit, const std::function<bool()>& is_done) {
        const auto end = Clock::now() + limit;
        while (Clock::now() < end) {
            if (is_done()) return true;
            io.run_for(std::chrono::milliseconds(5));
        }
        return is_done();
    }
    // Takes the delays of all frames in a received payload.
    void take(std::string_view base64, Delays& delays, std::uint64_t& count) {
        if (plan.sound != Sound::pcmu || !base64::decode(base64, scratch)) return;  // a stamp does not survive resampling
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
    asio::io_context io{1};
    tcp::acceptor acceptor;
    asio::steady_timer ticker;
    Clock::time_point next_tick;
    std::uint64_t ticks = 0;
    std::vector<std::shared_ptr<Model>> models;
    std::vector<std::shared_ptr<Caller>> callers;
    std::string caller_frame, model_frame;
    std::vector<std::uint8_t> scratch;
    std::uint64_t measure_from = 0, measure_to = ~std::uint64_t{0};
    Clock::time_point barge_in_at, tool_at;
};

// The model's side of one call.
class Load::Impl::Model final : public Peer {
 public:
    Model(Impl& load, tcp::socket socket) : Peer(std::move(socket)), load_(load) {}

    void start() {
        ws.next_layer().set_option(tcp::no_delay(true));
        ws.async_accept([self = shared_from_this(), this](beast::error_code error) {
            if (error) return;
            ws.text(true);
            is_open = true;
            if (load_.plan.target == Target::relay) begin_response();
            if (load_.plan.target == Target::parley) send(R"({"type":"session.created","event_id":"e0","session":{"type":"realtime","id":"sess_1"}})");
            self->read();
        });
    }
    void tick() {
        if (!is_open || !is_speaking_) return;
        if (queue.size() > 50) return;  // the far side is lost; do not fill memory
        std::string message = head_ + load_.model_frame + "\"}";
        if (load_.plan.sound == Sound::pcmu) stamp(message, head_.size());
        if (load_.is_measuring()) ++load_.result.down_sent;
        send(std::move(message));
    }
    void speech_started() {
        interrupted_at = Clock::now();
        send(R"({"type":"input_audio_buffer.speech_started","event_id":"e1","audio_start_ms":100,"item_id":"item_u1"})");
        is_speaking_ = false;
        send(fmt::format(R"({{"type":"response.done","event_id":"e2","response":{{"id":"resp_{0}","status":"cancelled","status_details":{{"type":"cancelled","reason":"turn_detected"}},"output":[]}}}})", responses_));
        send(R"({"type":"input_audio_buffer.speech_stopped","event_id":"e3","audio_end_ms":900,"item_id":"item_u1"})");
        begin_response();
    }
    void call_tool() {
        is_speaking_ = false;
        tool_started = Clock::now();
        const std::string item = R"({"id":"item_f1","type":"function_call","status":"completed","name":"check_slots","call_id":"call_1","arguments":"{\"date\":\"2100-01-01\"}"})";
        send(fmt::format(R"({{"type":"response.output_item.done","event_id":"e4","response_id":"resp_{}","output_index":1,"item":{}}})", responses_, item));
        send(fmt::format(R"({{"type":"response.done","event_id":"e5","response":{{"id":"resp_{}","status":"completed","output":[{}]}}}})", responses_, item));
    }
    void on_text(std::string_view text) override {
        if (const auto audio = between(text, load_.plan.target == Target::relay ? "\"payload\":\"" : "\"audio\":\"", '"'); audio.size() > 100) {
            got_audio = true;
            load_.take(audio, load_.result.up, load_.result.up_received);
            return;
        }
        if (load_.plan.target == Target::relay) return;
        if (text.find("session.update") != text.npos) {
            const char* format = load_.plan.sound == Sound::pcmu ? R"({"type":"audio/pcmu"})" : R"({"type":"audio/pcm","rate":24000})";
            send(fmt::format(R"({{"type":"session.updated","event_id":"e6","session":{{"type":"realtime","id":"sess_1","audio":{{"input":{{"format":{0}}},"output":{{"format":{0}}}}}}}}})", format));
        } else if (text.find("response.create") != text.npos) {
            begin_response();
        } else if (text.find("function_call_output") != text.npos && tool_started) {
            load_.result.tool.us.push_back(std::chrono::duration<float, std::micro>(Clock::now() - *tool_started).count());
            tool_started.reset();
        }
    }

    bool got_audio = false;
    std::optional<Clock::time_point> interrupted_at, tool_started;

 private:
    void begin_response() {
        ++responses_;
        is_speaking_ = true;
        head_ = fmt::format(R"({{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_{0}","item_id":"item_{0}","output_index":0,"content_index":0,"delta":")", responses_);
        if (load_.plan.target == Target::relay) return;
        send(fmt::format(R"({{"type":"response.created","event_id":"e7","response":{{"id":"resp_{}","status":"in_progress"}}}})", responses_));
        send(fmt::format(R"({{"type":"response.output_item.added","event_id":"e8","response_id":"resp_{0}","output_index":0,"item":{{"id":"item_{0}","type":"message","role":"assistant","status":"in_progress","content":[]}}}})", responses_));
    }

    Impl& load_;
    std::string head_;
    int responses_ = 0;
    bool is_speaking_ = false;
};

// The carrier's side of one call.
class Load::Impl::Caller final : public Peer {
 public:
    Caller(Impl& load, int number) : Peer(tcp::socket(load.io)), load_(load), web_(load.io), call_sid_(fmt::format("CA{:016x}{:016x}", now_ns(), number)) {  // new in every wave: an ended call does not come back
        head_ = fmt::format(R"({{"event":"media","sequenceNumber":"2","streamSid":"MZ{}","media":{{"track":"inbound","chunk":"1","timestamp":")", call_sid_.substr(2));
    }

    void start() {
        if (load_.plan.target == Target::relay) return open_stream("/");
        request_.method(http::verb::post);
        request_.target("/voice");
        request_.set(http::field::host, "127.0.0.1");
        request_.set(http::field::content_type, "application/x-www-form-urlencoded");
        request_.body() = "CallSid=" + call_sid_ + "&AccountSid=AC" + std::string(32, '0') + "&From=%2B15550100001&To=%2B15550100002&CallStatus=ringing&Direction=inbound&ApiVersion=2010-04-01";
        request_.prepare_payload();
        const tcp::endpoint server{asio::ip::address_v4::loopback(), load_.plan.target_port};
        web_.async_connect(server, [this, self = shared_from_this()](beast::error_code error) {
            if (error) return fail("connect: " + error.message());
            http::async_write(web_, request_, [this, self](beast::error_code failed, std::size_t) {
                if (failed) return fail("webhook: " + failed.message());
                http::async_read(web_, web_buffer_, response_, [this, self](beast::error_code refused, std::size_t) {
                    if (refused) return fail("webhook: " + refused.message());
                    on_document();
                });
            });
        });
    }
    void tick() {
        if (!is_open) return;
        while (!marks_.empty() && marks_.front().first <= Clock::now()) {
            send(fmt::format(R"({{"event":"mark","sequenceNumber":"3","streamSid":"MZ{}","mark":{{"name":"{}"}}}})", call_sid_.substr(2), marks_.front().second));
            marks_.pop_front();
        }
        std::string message = fmt::format("{}{}\",\"payload\":\"", head_, ++frames_ * 20);
        const auto at = message.size();
        message += load_.caller_frame;
        message += "\"}}";
        stamp(message, at);
        if (load_.is_measuring()) ++load_.result.up_sent;
        if (queue.size() < 50) send(std::move(message));
    }
    void on_text(std::string_view text) override {
        const bool is_relay = load_.plan.target == Target::relay;
        if (const auto audio = between(text, is_relay ? "\"delta\":\"" : "\"payload\":\"", '"'); audio.size() > 100) {
            if (!got_audio) load_.result.set_up.us.push_back(std::chrono::duration<float, std::micro>(Clock::now() - stream_started_).count());
            got_audio = true;
            load_.take(audio, load_.result.down, load_.result.down_received);
            playout_end_ = std::max(playout_end_, Clock::now()) + std::chrono::milliseconds(audio.size() * 3 / 4 / 8);
        } else if (text.find("\"clear\"") != text.npos) {
            if (model_interrupted_at) {
                load_.result.barge_in.us.push_back(std::chrono::duration<float, std::micro>(Clock::now() - *model_interrupted_at).count());
                model_interrupted_at.reset();
            }
            marks_.clear();
        } else if (const auto name = between(text, "\"name\":\"", '"'); !name.empty()) {
            marks_.emplace_back(playout_end_, std::string(name));
        }
    }
    std::optional<Clock::time_point> model_interrupted_at;
    bool got_audio = false;

 private:
    void on_document() {
        const std::string& document = response_.body();
        token_ = between(document.substr(std::min(document.size(), document.find("\"token\""))), "value=\"", '"');
        const auto url = net::Url::parse(between(document, "<Stream url=\"", '"'));
        if (token_.empty() || !url) return fail("unexpected answer to the webhook: " + document.substr(0, 200));
        beast::error_code ignored;
        web_.close(ignored);
        open_stream(url->target);
    }
    void open_stream(std::string target) {
        const tcp::endpoint server{asio::ip::address_v4::loopback(), load_.plan.target_port};
        ws.next_layer().async_connect(server, [this, self = shared_from_this(), target](beast::error_code error) {
            if (error) return fail("stream: " + error.message());
            ws.next_layer().set_option(tcp::no_delay(true));
            ws.async_handshake("127.0.0.1", target, [this, self](beast::error_code refused) {
                if (refused) return fail("stream: " + refused.message());
                ws.text(true);
                is_open = true;
                stream_started_ = Clock::now();
                const auto stream = "MZ" + call_sid_.substr(2);
                send(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
                send(fmt::format(R"({{"event":"start","sequenceNumber":"1","streamSid":"{0}","start":{{"accountSid":"AC{1}","streamSid":"{0}","callSid":"{2}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{"callSid":"{2}","callerNumber":"+15550100001","token":"{3}"}}}}}})",
                                 stream, std::string(32, '0'), call_sid_, token_));
                read();
            });
        });
    }
    void fail(const std::string& what) {
        if (load_.result.fault.empty()) load_.result.fault = what;
    }

    Impl& load_;
    tcp::socket web_;
    beast::flat_buffer web_buffer_;
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
    std::string call_sid_, token_, head_;
    std::uint64_t frames_ = 0;
    Clock::time_point stream_started_, playout_end_;
    std::deque<std::pair<Clock::time_point, std::string>> marks_;
};

void Load::Impl::accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
        if (error) return;
        models.push_back(std::make_shared<Model>(*this, std::move(socket)));
        models.back()->start();
        accept();
    });
}

void Load::Impl::tick() {
    const auto slot = ticks++ % slots;
    for (std::size_t i = slot; i < models.size(); i += slots) models[i]->tick();
    for (std::size_t i = slot; i < callers.size(); i += slots) callers[i]->tick();
    for (int i = 0; i < connects_per_ms && static_cast<int>(callers.size()) < plan.calls; ++i) {
        if (ticks % 5 != 0) break;  // 200 calls a second: an evening's rush, not an attack
        callers.push_back(std::make_shared<Caller>(*this, static_cast<int>(callers.size()) + 1));
        callers.back()->start();
    }
    next_tick += std::chrono::milliseconds(1);
    ticker.expires_at(next_tick);
    ticker.async_wait([this](beast::error_code error) { if (!error) tick(); });
}

Load::Load(Plan plan) : impl_(new Impl(plan)) {}
Load::~Load() { delete impl_; }

bool Load::connect_and_warm_up() {
    auto& load = *impl_;
    load.accept();
    load.next_tick = Clock::now();
    load.tick();
    const auto everyone_talks = [&] {
        return static_cast<int>(load.callers.size()) == load.plan.calls &&
               std::all_of(load.callers.begin(), load.callers.end(), [](const auto& each) { return each->got_audio; });
    };
    if (!load.run_until(std::chrono::seconds(20 + load.plan.calls / 50), everyone_talks)) {
        if (load.result.fault.empty()) load.result.fault = "not every call got audio in time";
        return false;
    }
    load.io.run_for(std::chrono::seconds(load.plan.warm_up_s));
    return true;
}

void Load::measure() {
    auto& load = *impl_;
    load.measure_from = now_ns();
    load.measure_to = load.measure_from + static_cast<std::uint64_t>(load.plan.measure_s) * 1'000'000'000u;
    timespec before{}, after{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    load.io.run_for(std::chrono::seconds(load.plan.measure_s));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    load.result.cpu_share = (static_cast<double>(after.tv_sec - before.tv_sec) + static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9) / load.plan.measure_s;
    load.result.calls_up = static_cast<int>(std::count_if(load.callers.begin(), load.callers.end(), [](const auto& each) { return each->is_open; }));
}

void Load::try_reactions() {
    auto& load = *impl_;
    load.io.run_for(std::chrono::milliseconds(500));  // what was under way when measuring ended arrives
    if (load.plan.tries_barge_in) {
        // Calls and model connections are made in the same order only by chance: match them by who clears first after whom,
        // one call at a time.
        for (auto& model : load.models) {
            for (auto& caller : load.callers) caller->model_interrupted_at.reset();
            model->speech_started();
            for (auto& caller : load.callers) caller->model_interrupted_at = model->interrupted_at;
            const auto seen = load.result.barge_in.us.size();
            load.run_until(std::chrono::milliseconds(200), [&] { return load.result.barge_in.us.size() > seen; });
        }
        for (auto& caller : load.callers) caller->model_interrupted_at.reset();
    }
    if (load.plan.tries_tools) {
        for (auto& model : load.models) {
            model->call_tool();
            load.run_until(std::chrono::milliseconds(500), [&] { return !model->tool_started; });
        }
    }
}

Result Load::finish() {
    auto& load = *impl_;
    for (auto& caller : load.callers) caller->close();
    load.io.run_for(std::chrono::milliseconds(300));
    for (auto& model : load.models) model->close();
    load.ticker.cancel();
    beast::error_code ignored;
    load.acceptor.close(ignored);
    load.io.run_for(std::chrono::milliseconds(50));
    return std::move(load.result);
}

}  // namespace parley::bench
