// openai_realtime.hpp: the model's side of a call, by the OpenAI Realtime protocol (GA) over a
// WebSocket.
//
// open() connects, configures the session and replays the history as text; EngineReady follows, or
// EngineLost. open() on a working engine renews the connection without a gap: the old one serves
// until the new one is ready, then it is closed with 1000 and whatever it still says is ignored. If
// the new one fails, the old one stays and EngineProblem "rotation_failed" tells so. If the old one
// dies meanwhile, EngineLost waits for the fate of the new one.
//
// What to say to the server is decided in RealtimeSession (sans-I/O); this part owns sockets and
// timers.
//
// Owner:  the call's Session. `sink` must outlive the engine.
// Thread: the io thread of `home`; events come on it, never inside a command.
// End:    destroying the engine stops its events at once; the socket is closed with 1000 in the background.
#pragma once

#include <parley/call/ports.hpp>
#include <parley/engine/openai_options.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace parley::engine {

std::unique_ptr<call::Engine> make_openai_realtime(boost::asio::any_io_executor home,
                                                   OpenAiOptions options, call::EventSink& sink,
                                                   std::string call_sid);

}  // namespace parley::engine
