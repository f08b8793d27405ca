// wiring.hpp: settings, as each room wants them. Only app knows both sides.
#pragma once

#include <parley/call/conversation.hpp>
#include <parley/config/settings.hpp>
#include <parley/engine/openai_options.hpp>
#include <parley/telephony/twilio.hpp>

namespace parley::app {

engine::OpenAiOptions engine_options(const config::OpenAiSettings& settings);
call::Policy call_policy(const config::CallSettings& settings);
// Fault when the account's REST address or SID cannot be used.
Checked<telephony::TwilioService::Options> twilio_options(const config::Settings& settings,
                                                          std::size_t io_threads);

}  // namespace parley::app
