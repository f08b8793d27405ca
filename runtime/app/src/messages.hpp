// messages.hpp: the scripts' text messages, by Twilio.
//
// Owner:  serve(); outlives every agent and the io threads' work.
// Thread: send() from any io thread; `done` on the one given.
#pragma once

#include <parley/script/services.hpp>
#include <parley/telephony/rest.hpp>

#include <boost/asio/any_io_executor.hpp>

namespace parley::app {

// Null where there is no account to send with.
std::unique_ptr<script::Messages> twilio_messages(telephony::TwilioRest::Ask rest,
                                                  boost::asio::any_io_executor home);

}  // namespace parley::app
