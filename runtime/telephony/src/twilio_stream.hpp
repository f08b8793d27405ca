// twilio_stream.hpp: one media stream, from the upgrade to its end.
//
// Owner:  the coroutine serve(), and for a moment the one that hangs up. The call's Channel only
// knows it weakly:
//         the call may outlive the socket, and the socket the call.
// Thread: its home io thread.
// End:    when the socket ends; by then the call has been told.
#pragma once

#include "twilio_shared.hpp"

#include <parley/telephony/gap_filler.hpp>
#include <parley/telephony/media_message.hpp>
#include <parley/telephony/stream_state.hpp>

#include <memory>

namespace parley::telephony {

class TwilioStream : public std::enable_shared_from_this<TwilioStream> {
 public:
    static Task<> serve(std::shared_ptr<TwilioService::Shared> shared, std::size_t home,
                        std::shared_ptr<net::WebSocket> socket);

    TwilioStream(std::shared_ptr<TwilioService::Shared> shared, std::size_t home,
                 std::shared_ptr<net::WebSocket> socket);

    // For the Channel.
    void play(call::Bytes audio);
    void mark(std::uint32_t mark);
    void clear();
    void hang_up();
    bool transfer(const call::Transfer& transfer);
    // The call is over and has not hung up: Twilio goes on in its document.
    void leave();

 private:
    void on_message(const net::Message& message);
    void carry_out(const StreamStep& step);
    void start_call(const Started& started);
    void hear(const Media& media);
    void on_alarm();
    void watch();
    void on_end(const net::CloseReason& reason);
    void tell_gone(call::CallerGone::How how, std::string detail);
    void close(std::uint16_t code, std::string_view reason);
    static Task<> hand_over(std::shared_ptr<TwilioStream> stream, std::string document);
    void handed_over(const RestResult<CallResource>& answer);
    void fail_to_hand_over(std::string detail);
    static Task<> end_call(std::shared_ptr<TwilioStream> stream);
    std::string_view call_sid() const {
        return call_sid_.empty() ? std::string_view("-") : call_sid_;
    }

    std::shared_ptr<TwilioService::Shared> shared_;
    std::size_t home_;
    std::shared_ptr<net::WebSocket> socket_;
    IoTimekeeper time_;
    StreamState state_;
    GapFiller filler_;
    // from the accepted start on: nothing is sent before
    std::optional<MediaWriter> writer_;
    std::string call_sid_;
    // the call, until it has been told that the caller is gone
    std::shared_ptr<call::EventSink> events_;
    // What becomes of the line: our TwiML is to take the stream's place. `unclear`: Twilio may have
    // taken it or not; if it has, the stream ends soon.
    enum class Transfer { none, asked, unclear, done } transfer_ = Transfer::none;
    std::optional<call::CallerGone> ended_;  // while that was asked
    std::string our_number_;
    std::unique_ptr<Alarm> alarm_;
    bool is_watching_ = false;  // the alarm is armed for a stall
    bool is_hanging_up_ = false;
    // a refused Channel goes away at once, which is no end of a call
    bool is_attaching_ = false;
    bool has_left_ = false;
};

}  // namespace parley::telephony
