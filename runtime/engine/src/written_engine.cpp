#include <parley/engine/written_engine.hpp>

#include <parley/engine/openai_realtime.hpp>
#include <parley/engine/scripted_engine.hpp>

#include <fmt/format.h>

namespace parley::engine {
namespace {

constexpr std::size_t bytes_per_ms = 8;  // of the channel's format

class Written final : public WrittenEngine, public call::EventSink {
 public:
    Written(boost::asio::any_io_executor home, OpenAiOptions options, call::EventSink& sink,
            std::string call_sid)
        : sink_(sink),
          model_(make_openai_realtime(std::move(home), std::move(options), *this,
                                      std::move(call_sid))) {}

    // ---- commands ------------------------------------------------------------------------------
    void open(const call::AgentProfile& profile, const std::vector<call::Turn>& history) override {
        is_opening_ = true;
        model_->open(profile, history);
    }
    void append(call::Bytes) override {}
    void respond(std::string_view instructions) override {
        ++wanted_;
        model_->respond(instructions);
    }
    void cancel() override { model_->cancel(); }
    void withdraw() override { model_->withdraw(); }
    void truncate(std::string_view, int, std::int64_t) override {}
    void tool_output(std::string_view tool_call_id, std::string_view output) override {
        model_->tool_output(tool_call_id, output);
    }
    void inject(const call::Turn& turn) override { model_->inject(turn); }
    void offer_tools(const json::array& tools) override { model_->offer_tools(tools); }

    // ---- the caller ----------------------------------------------------------------------------
    void caller_starts() override {
        item_ = fmt::format("item_caller_{}", ++next_item_);
        sink_.on(call::CallerSpeechStarted{item_});
        if (is_active_) model_->cancel();
    }
    void caller_stops(std::string text) override {
        if (item_.empty()) return;
        const std::string item = std::exchange(item_, {});
        const std::weak_ptr<int> alive = alive_;
        model_->inject({call::Turn::Speaker::caller, text});
        sink_.on(call::CallerSpeechStopped{item});
        if (alive.expired()) return;
        sink_.on(call::CallerTranscribed{item, std::move(text)});
        if (!alive.expired()) respond({});
    }
    bool is_idle() const override { return !is_asking(); }
    bool is_asking() const override { return is_opening_ || is_active_ || wanted_ > 0; }

    // ---- from the model ------------------------------------------------------------------------
    void on(const call::Event& event) override {
        if (const auto* done = std::get_if<call::AgentItemDone>(&event)) return speak(*done);
        if (std::holds_alternative<call::AgentText>(event)) return;  // told with the whole
        if (std::holds_alternative<call::ResponseStarted>(event)) {
            is_active_ = true;
            wanted_ = 0;
        } else if (std::holds_alternative<call::ResponseDone>(event)) {
            is_active_ = false;
        } else if (std::holds_alternative<call::EngineReady>(event)) {
            is_opening_ = false;
            // The session's end is by the machine's clock, the call goes by its own.
            return sink_.on(call::EngineReady{});
        } else if (std::holds_alternative<call::EngineLost>(event)) {
            is_opening_ = is_active_ = false;
            wanted_ = 0;
        }
        sink_.on(event);
    }

 private:
    void speak(const call::AgentItemDone& done) {
        const std::weak_ptr<int> alive = alive_;
        if (!done.text.empty()) {
            sink_.on(call::AgentText{done.response_id, done.item_id, done.text});
            if (alive.expired()) return;
            audio_.assign(static_cast<std::size_t>(spoken_length(done.text).count()) * bytes_per_ms,
                          ScriptedEngine::speech_byte);
            sink_.on(call::AgentAudio{done.response_id, done.item_id, 0, audio_});
            if (alive.expired()) return;
        }
        sink_.on(done);
    }

    call::EventSink& sink_;
    std::unique_ptr<call::Engine> model_;
    std::string item_;
    int next_item_ = 0;
    int wanted_ = 0;  // responses asked for, none of them begun
    bool is_opening_ = false;
    bool is_active_ = false;
    std::vector<std::uint8_t> audio_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with the engine
};

}  // namespace

std::unique_ptr<WrittenEngine> make_written_engine(boost::asio::any_io_executor home,
                                                   OpenAiOptions options, call::EventSink& sink,
                                                   std::string call_sid) {
    options.speech = ModelSpeech::written;
    options.transcription_model.clear();
    return std::make_unique<Written>(std::move(home), std::move(options), sink,
                                     std::move(call_sid));
}

}  // namespace parley::engine
