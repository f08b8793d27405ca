// written_engine.hpp: a real model that writes, behind the port of one that speaks.
//
// For trying an agent without audio: the caller's words go to the model as text, its written
// answers become synthetic speech on the call's clock, as long as the text is. What is heard and
// unheard is thus real for the call; the model itself is not told what was cut off, for it knows no
// audio.
//
// The call may run on a virtual clock while the model is on the network: whoever drives the clock
// lets it stand while is_asking() says that the model has the word.
//
// Owner:  the call's Session. `sink` outlives it.
// Thread: the io thread of `home`.
// End:    destroying it closes the connection.
#pragma once

#include <parley/engine/openai_options.hpp>
#include <parley/engine/typed_caller.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace parley::engine {

class WrittenEngine : public TypedCaller {
 public:
    virtual bool is_asking() const = 0;
};

std::unique_ptr<WrittenEngine> make_written_engine(boost::asio::any_io_executor home,
                                                   OpenAiOptions options, call::EventSink& sink,
                                                   std::string call_sid);

}  // namespace parley::engine
