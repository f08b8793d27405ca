// A call on a virtual clock, for the tests of Conversation.
#pragma once

#include <parley/call/conversation.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::call {

constexpr TimePoint start{std::chrono::hours(1)};

inline std::vector<std::uint8_t> speech(milliseconds span) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(span.count()) * 8, 0x55);
}

inline std::shared_ptr<const Phrases> phrases() {
    auto all = std::make_shared<Phrases>();
    all->one_moment = speech(milliseconds(600));
    all->apology = speech(milliseconds(800));
    all->goodbye = speech(milliseconds(300));
    for (int i = 0; i < 24'000; ++i)  // three seconds, each of a sound of its own
        all->hold.push_back(static_cast<std::uint8_t>(0x60 + i / 8'000));
    return all;
}

// A call on a virtual clock. The line echoes marks when the audio before them has been played, as a
// carrier does.
class Call {
 public:
    explicit Call(Policy policy = {}, std::shared_ptr<const Phrases> spoken = phrases())
        : conversation_(policy, std::move(spoken), start) {}

    void send(const Event& event) { take(conversation_.handle(event, now_)); }

    // Passes time in the order of alarms and mark echoes.
    void pass(milliseconds span) {
        const TimePoint end = now_ + span;
        while (true) {
            const TimePoint alarm = conversation_.next_alarm();
            const TimePoint echo = line_.empty() ? TimePoint::max() : line_.front().first;
            const TimePoint next = std::max(now_, std::min(alarm, echo));
            if (next > end) break;
            now_ = next;
            if (echo <= alarm) {
                const auto mark = line_.front().second;
                line_.erase(line_.begin());
                send(MarkPlayed{mark});
            } else {
                send(AlarmRang{});
            }
        }
        now_ = end;
    }

    // Connected, greeted ("Hello there." in one second of audio), and the greeting heard.
    void greet(AgentPrepared rules = {}) {
        rules.greeting = "Hello there.";
        send(rules);
        send(EngineReady{});
        send(CallerAttached{});
        answer("r0", "a0", "Hello there.", milliseconds(1'000));
        pass(milliseconds(1'100));
        log.clear();
    }
    void answer(const std::string& response, const std::string& item, const std::string& text,
                milliseconds span) {
        send(ResponseStarted{response});
        send(AgentText{response, item, text});
        const auto audio = speech(span);
        send(AgentAudio{response, item, 0, audio});
        send(AgentItemDone{response, item, text});
        send(ResponseDone{response, ResponseDone::Status::completed});
    }
    void caller_says(const std::string& item, const std::string& text) {
        send(CallerSpeechStarted{item});
        pass(milliseconds(800));
        send(CallerSpeechStopped{item});
        send(CallerTranscribed{item, text});
    }

    template <class T>
    std::vector<T> journal() const {
        std::vector<T> found;
        for (const auto& note : notes) {
            if (const auto* event = std::get_if<T>(&note.event)) found.push_back(*event);
        }
        return found;
    }
    int count(std::string_view line) const {
        return static_cast<int>(std::count(log.begin(), log.end(), line));
    }

    // The news of one kind, in order.
    template <class T>
    std::vector<T> told() const {
        std::vector<T> found;
        for (const auto& each : news) {
            if (const auto* one = std::get_if<T>(&each)) found.push_back(*one);
        }
        return found;
    }
    // The model answers what it was asked last, and is heard.
    void speak(const std::string& response, const std::string& text, milliseconds span) {
        answer(response, response + "_item", text, span);
        pass(span + milliseconds(100));
    }

    std::vector<News> news;        // for the agent
    Totals totals;                 // of a finished call
    std::vector<std::string> log;  // commands but audio, as short lines
    std::vector<Conversation::Note> notes;
    std::vector<Turn> last_history;
    std::int64_t played_ms = 0;
    std::vector<std::uint8_t> played;  // what was sent to the caller
    std::int64_t appended = 0;
    TimePoint now_ = start;
    bool echoes_marks = true;
    Conversation conversation_;

 private:
    void take(const std::vector<Command>& commands) {
        for (const auto& command : commands)
            std::visit([this](const auto& each) { carry_out(each); }, command);
        for (auto& entry : conversation_.take_notes()) notes.push_back(std::move(entry));
    }
    void carry_out(const Play& play) {
        const milliseconds span(static_cast<std::int64_t>(play.audio.size() / 8));
        played_ms += span.count();
        played.insert(played.end(), play.audio.begin(), play.audio.end());
        line_end_ = std::max(line_end_, now_) + span;
    }
    void carry_out(const SendMark& mark) {
        if (echoes_marks) line_.emplace_back(line_end_, mark.mark);
    }
    void carry_out(const ClearPlayback&) {
        log.push_back("clear");
        line_end_ = now_;
        line_.clear();
    }
    void carry_out(const HangUp&) { log.push_back("hang up"); }
    void carry_out(const HandOver& over) {
        log.push_back("hand over to " + over.transfer.to);
        line_.clear();
    }
    void carry_out(const Record& record) {
        log.push_back(record.is_on ? "record" : "stop recording");
    }
    void carry_out(const OpenEngine& open) {
        log.push_back("open");
        last_history = open.history;
    }
    void carry_out(const AppendAudio& append) {
        appended += static_cast<std::int64_t>(append.audio.size());
    }
    void carry_out(const Respond& respond) { log.push_back("respond " + respond.instructions); }
    void carry_out(const CancelResponse&) { log.push_back("cancel"); }
    void carry_out(const WithdrawResponse&) { log.push_back("withdraw"); }
    void carry_out(const Truncate& cut) {
        log.push_back("truncate " + cut.item_id + " " + std::to_string(cut.audio_end_ms));
    }
    void carry_out(const SendToolOutput& output) {
        log.push_back("output " + output.tool_call_id + " " + output.output);
    }
    void carry_out(const InjectText& inject) { log.push_back("inject " + inject.turn.text); }
    void carry_out(const RunTool& run) {
        log.push_back((run.purpose == RunTool::Purpose::check ? "check "
                       : run.attempt > 1                      ? "rerun "
                                                              : "run ") +
                      run.name);
    }
    void carry_out(const OfferTools& offer) {
        log.push_back("offer " + std::to_string(offer.tools.size()));
    }
    void carry_out(const TellAgent& tell) { news.push_back(tell.news); }
    void carry_out(const Finish& finish) {
        log.push_back("finish " + finish.outcome + " " + finish.reason);
        totals = finish.totals;
    }

    // marks, by when the caller will have heard them
    std::vector<std::pair<TimePoint, std::uint32_t>> line_;
    TimePoint line_end_ = start;
};

}  // namespace parley::call
