// facts.hpp: what others want to know of a call: who calls, what was booked, how far it has come.
//
// Learnt from the journal by the names of fields, whichever script wrote them: customer_name,
// confirmation_number, and date and time beside it. A script says them in a note (call.note), in
// what its tools are asked and answer, or in the summary of on_end; of tools only those have booked
// that were asked with a date. A note with the field step says how far the call has come.
//
// Thread: one at a time.
#pragma once

#include <parley/call/journal.hpp>

#include <map>
#include <string>
#include <string_view>

namespace parley::call {

class Facts {
 public:
    std::string customer_name, confirmation_number, date, time;

    // From the journal, in its order: tools that start and return, notes, the summary.
    void take(const journal::Event& event);
    // The same, where only what they left is at hand.
    void learn(const json::object& fields);
    // Of a tool that succeeded: its arguments and its output, both JSON text.
    void learn_from_tool(std::string_view arguments, std::string_view output);

    // The call is being ended: it stays at its last step.
    void end();
    // "greeting" at first, "farewell" in the end, and in between as the agent says.
    const std::string& step() const { return step_; }

 private:
    void go_to(std::string_view step);

    std::string step_ = "greeting";
    bool is_ending_ = false;
    std::map<std::string, std::string, std::less<>> arguments_;  // of tools that run, by call
};

// "appointment_booked", "user_hangup", "error" or "no_booking".
std::string_view outcome_word(std::string_view outcome, std::string_view reason,
                              const Facts& facts);

}  // namespace parley::call
