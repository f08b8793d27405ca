// twilio_test_support.hpp: calls that only remember, a phone that speaks Twilio's protocol, and
// waiting without sleeping.
#pragma once

#include <parley/net/server.hpp>
#include <parley/telephony/signature.hpp>
#include <parley/telephony/twilio.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>

namespace parley::telephony {

using namespace std::chrono_literals;

constexpr auto patience = 30s;  // generous: sanitizers on a busy machine
inline const std::string auth_token = "12345678901234567890123456789012";
inline const std::string account_sid = "AC00000000000000000000000000000001";

// Lines that threads leave for the test.
class Inbox {
 public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
        changed_.notify_all();
    }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    // True once a line that begins with `start` is there.
    bool wait_for(std::string_view start, std::size_t count = 1) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] {
            return static_cast<std::size_t>(std::count_if(
                       lines_.begin(), lines_.end(),
                       [&](const auto& line) { return line.starts_with(start); })) >= count;
        });
    }

 private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

// Tells what it hears; holds the channel for the test to act on.
class FakeSession final : public call::EventSink {
 public:
    void on(const call::Event& event) override {
        if (const auto* audio = std::get_if<call::CallerAudio>(&event)) {
            const bool is_silence = std::all_of(audio->audio.begin(), audio->audio.end(),
                                                [](auto byte) { return byte == 0xFF; });
            events.add((is_silence ? "silence " : "audio ") + std::to_string(audio->audio.size()));
        } else if (const auto* dtmf = std::get_if<call::DtmfPressed>(&event)) {
            events.add(std::string("dtmf ") + dtmf->digit);
        } else if (const auto* mark = std::get_if<call::MarkPlayed>(&event)) {
            events.add("mark " + std::to_string(mark->mark));
        } else if (const auto* gone = std::get_if<call::CallerGone>(&event)) {
            events.add(gone->how == call::CallerGone::How::hung_up ? "gone hung_up" : "gone lost");
        } else if (const auto* ended = std::get_if<call::TransferEnded>(&event)) {
            events.add("transfer " + std::to_string(static_cast<int>(ended->how)) + " " +
                       ended->detail);
        }
    }
    Inbox events;
    std::unique_ptr<call::Channel> channel;  // home thread
    std::size_t home = 0;
};

class FakeCalls final : public TwilioService::Calls {
 public:
    boost::system::result<call::Switchboard::Announced, call::Switchboard::Refusal> announce(
        call::CallInfo info) override {
        const std::lock_guard lock(mutex);
        if (refusal) return *refusal;
        announced.push_back(info);
        return call::Switchboard::Announced{"token-of-" + info.call_sid, home};
    }
    std::optional<TwilioService::Claimed> claim(std::string_view token, std::string_view call_sid,
                                                std::size_t at) override {
        const std::lock_guard lock(mutex);
        ++claims;
        if (token != "token-of-" + std::string(call_sid)) return std::nullopt;
        session->home = at;
        TwilioService::Claimed claimed;
        claimed.events = session;
        claimed.our_number = our_number;
        claimed.attach = [this](std::unique_ptr<call::Channel> channel) {
            if (refuses_attach) return false;
            session->channel = std::move(channel);
            session->events.add("attached");
            return true;
        };
        return claimed;
    }
    std::optional<call::Finish> ending_of(std::string_view call_sid) const override {
        const std::lock_guard lock(mutex);
        const auto found = endings.find(std::string(call_sid));
        return found == endings.end() ? std::nullopt : std::optional(found->second);
    }

    std::optional<call::Switchboard::Announced> transfer_ended(std::string_view call_sid,
                                                               call::TransferEnded ended) override {
        const std::lock_guard lock(mutex);
        transfers.emplace_back(call_sid, ended.how);
        if (!away.contains(std::string(call_sid)) ||
            ended.how == call::TransferEnded::How::answered)
            return std::nullopt;
        return call::Switchboard::Announced{"token-of-" + std::string(call_sid), home};
    }
    void caller_left(std::string_view call_sid) override {
        const std::lock_guard lock(mutex);
        left.emplace_back(call_sid);
    }

    void end(const std::string& call_sid, call::Finish ending) {
        const std::lock_guard lock(mutex);
        endings[call_sid] = std::move(ending);
    }

    mutable std::mutex mutex;
    std::optional<call::Switchboard::Refusal> refusal;
    std::vector<call::CallInfo> announced;
    std::map<std::string, call::Finish> endings;
    std::set<std::string> away;  // calls that are handed over
    std::vector<std::pair<std::string, call::TransferEnded::How>> transfers;  // that are over
    std::vector<std::string> left;
    std::string our_number = "+15550100002";
    std::size_t home = 0;
    std::atomic<int> claims = 0;
    std::atomic<bool> refuses_attach = false;
    std::shared_ptr<FakeSession> session = std::make_shared<FakeSession>();
};

inline TwilioService::Options options_for(std::string public_url) {
    TwilioService::Options options;
    options.public_url = std::move(public_url);
    options.auth_tokens = {Secret(auth_token)};
    options.account_sid = account_sid;
    return options;
}

inline FormFields incoming(const std::string& call_sid) {
    return {{"AccountSid", account_sid},
            {"CallSid", call_sid},
            {"CallStatus", "ringing"},
            {"From", "+15550100001"},
            {"To", "+15550100002"}};
}

inline net::Request signed_post(const std::string& public_url, const std::string& target,
                                const FormFields& form) {
    net::Request request;
    request.method = "POST";
    request.target = target;
    request.body = net::encode_form(form);
    request.headers.set("Host", "internal:3000");
    request.headers.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    request.headers.set("X-Twilio-Signature", signature(auth_token, public_url + target, form));
    return request;
}

// What Twilio would do with its end of a stream.
class Phone {
 public:
    Phone(net::IoThreads& threads, std::uint16_t port)
        : threads_(threads), base_("ws://127.0.0.1:" + std::to_string(port)) {}
    ~Phone() {
        if (socket_) {
            asio::post(socket_->executor(), [socket = socket_] { socket->abort(); });
            ended_.wait_for(patience);
        }
    }

    // 101, or the status of the refusal.
    int open(const std::string& path, std::optional<std::string> sent_signature = {}) {
        net::Headers headers;
        const std::string wanted = sent_signature.value_or(signature(auth_token, base_ + path));
        if (!wanted.empty()) headers.set("x-twilio-signature", wanted);
        auto url = net::Url::parse(base_ + path);
        auto connected =
            asio::co_spawn(threads_.context(0), net::connect(*url, headers, {}), asio::use_future);
        auto result = connected.get();
        if (!result) return result.error().http_status;
        socket_ = *result;
        auto ended = std::make_shared<std::promise<net::CloseReason>>();
        ended_ = ended->get_future();
        asio::co_spawn(threads_.context(0), run(socket_, messages, ended), asio::detached);
        return 101;
    }
    void send(std::string text) { send_together({std::move(text)}); }
    // No time passes between them, however slow the machine is.
    void send_together(std::vector<std::string> texts) {
        asio::post(socket_->executor(), [socket = socket_, texts = std::move(texts)] {
            for (const auto& text : texts) socket->send(text);
        });
    }
    void start(const std::string& call_sid, const std::string& token,
               const std::string& account = account_sid) {
        send(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
        send(R"({"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":")" +
             account + R"(","callSid":")" + call_sid + R"(","customParameters":{"token":")" +
             token + R"("}}})");
    }
    static std::string media_text(int number) {
        return R"({"event":"media","sequenceNumber":")" + std::to_string(number + 1) +
               R"(","streamSid":"MZ1","media":{"track":"inbound","chunk":")" +
               std::to_string(number) + R"(","timestamp":")" + std::to_string(number * 20) +
               R"(","payload":")" + std::string(212, 'A') + R"(AA=="}})";
    }
    void media(int number) { send(media_text(number)); }
    void close(std::uint16_t code) {
        asio::post(socket_->executor(), [socket = socket_, code] { socket->close(code, ""); });
    }
    void drop() {
        asio::post(socket_->executor(), [socket = socket_] { socket->abort(); });
    }
    // The code our side closed with; 0 when it did not.
    int closed_with() {
        if (ended_.wait_for(patience) != std::future_status::ready) return 0;
        return ended_.get().code;
    }
    std::shared_ptr<Inbox> messages = std::make_shared<Inbox>();

 private:
    static Task<> run(std::shared_ptr<net::WebSocket> socket, std::shared_ptr<Inbox> inbox,
                      std::shared_ptr<std::promise<net::CloseReason>> ended) {
        // Built first: GCC 12 destroys a capturing lambda twice when it is a temporary of the
        // awaited expression.
        std::function<void(net::Message)> keep = [inbox](net::Message message) {
            inbox->add(std::string(message.data));
        };
        auto reason = co_await socket->run(keep);
        ended->set_value(std::move(reason));
    }

    net::IoThreads& threads_;
    std::string base_;
    std::shared_ptr<net::WebSocket> socket_;
    std::shared_future<net::CloseReason> ended_;
};

}  // namespace parley::telephony
