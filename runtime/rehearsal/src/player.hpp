// player.hpp: walks through the steps of a scenario while the call goes on.
//
// Problem: steps are written one after the other, a call goes on by itself. Idea: a step waits for
// its moment. The caller's steps, and expectations, wait until the line has been quiet for a while;
// the model's wait until the engine has a response to fill. A step whose moment can no longer come
// breaks the scenario, and says why.
//
// Owner:  perform(). Thread: the rig's.
#pragma once

#include "expectations.hpp"
#include "rig.hpp"

#include <parley/engine/openai_options.hpp>
#include <parley/engine/scripted_engine.hpp>
#include <parley/rehearsal/scenario.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace parley::rehearsal {

class Player final : public engine::Prompter {
 public:
    Player(const Scenario& scenario, Rig& rig);

    void run();
    // a scenario without steps of the model and the provider
    void run_live(const engine::OpenAiOptions& model);
    std::vector<Happening>& broken() { return broken_; }
    std::size_t turns() const { return turns_; }

    // ---- for the engine ------------------------------------------------------------------------
    std::optional<engine::ScriptedLine> next_line(std::string_view instructions) override;
    void opened(const call::AgentProfile& profile, const std::vector<call::Turn>& history) override;
    void told(const call::Turn& turn) override;
    void asked(std::string_view instructions) override;
    void offered(const json::array& tools) override;

 private:
    enum class Progress { made, none };

    void go_on();
    Progress advance();
    Progress take(const Step& step);
    Progress interrupt(const Step& step);
    Progress expect(const Step& step);
    Progress wait_for_model(const Step& step);
    // While the caller is with somebody else.
    Progress while_away();
    Progress transfer(const Step& step);
    // Nothing while they still ring.
    Progress end_transfer(call::TransferEnded::How how);
    void after_the_last();
    void done();  // with the current step
    void open_window();
    void speak(const std::string& text);
    void press(const std::string& keys);
    void hang_up();
    // nothing is under way, or only a response without a line
    bool is_settled() const;
    milliseconds quiet_for() const;  // how long that has been so
    bool has_floor();                // the caller may begin to speak
    void wake_at(TimePoint when);
    Seen seen() const;
    void check_all(const std::vector<Expectation>& expectations);
    void broke(Happening happening);
    void stuck(const Step& step, std::string why);
    std::string describe(const Step& step) const;
    std::string hang_up_by() const;

    const Scenario& scenario_;
    Rig& rig_;
    engine::TypedCaller* engine_ = nullptr;       // while the call lasts
    engine::ScriptedEngine* scripted_ = nullptr;  // the same, unless the model is a real one
    std::unique_ptr<Alarm> wake_;
    std::unique_ptr<Alarm> mouth_;   // the end of what the caller says
    std::unique_ptr<Alarm> finger_;  // the next key
    std::size_t next_ = 0;           // step
    std::set<std::size_t> taken_;    // model steps used ahead of their turn
    TimePoint step_began_;
    TimePoint settled_since_ = TimePoint::max();
    TimePoint silent_since_ = TimePoint::max();  // of the step in which the caller is silent
    TimePoint pressed_at_ = TimePoint::min();
    std::string saying_;
    std::string keys_left_;
    bool is_speaking_ = false;
    bool has_hung_up_ = false;
    bool is_stuck_ = false;
    std::size_t window_ = 0;
    std::size_t turns_ = 0;
    std::string instructions_;
    std::vector<std::string> tools_offered_;
    std::vector<Happening> broken_;
};

}  // namespace parley::rehearsal
