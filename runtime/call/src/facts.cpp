#include <parley/call/facts.hpp>

#include <optional>

namespace parley::call {
namespace {

// as deep as a tool's answer may be
constexpr std::size_t depth_max = 64;

void take_text(const json::object& from, std::initializer_list<const char*> names,
               std::string& into) {
    for (const char* name : names) {
        if (const auto text = json_read::string(from, name); text && !text->empty())
            into = std::string(*text);
    }
}

std::optional<json::object> object_of(std::string_view text) {
    auto value = json_read::parse(text, depth_max);
    if (!value || !value->is_object()) return std::nullopt;
    return std::move(value->get_object());
}

}  // namespace

void Facts::take(const journal::Event& event) {
    if (const auto* started = std::get_if<journal::ToolStarted>(&event)) {
        arguments_[started->tool_call_id] = started->arguments;
    } else if (const auto* returned = std::get_if<journal::ToolReturned>(&event)) {
        auto asked = arguments_.extract(returned->tool_call_id);
        if (returned->ok) learn_from_tool(asked ? asked.mapped() : "", returned->output);
    } else if (const auto* note = std::get_if<journal::Note>(&event)) {
        learn(note->fields);
        go_to(json_read::text(note->fields, "step"));
    } else if (const auto* summary = std::get_if<journal::Summary>(&event)) {
        learn(summary->fields);
    }
}

void Facts::learn(const json::object& fields) {
    take_text(fields, {"customerName", "customer_name"}, customer_name);
    std::string number;
    take_text(fields, {"confirmationNumber", "confirmation_number"}, number);
    if (number.empty()) return;
    confirmation_number = std::move(number);
    take_text(fields, {"appointment_date", "date"}, date);
    take_text(fields, {"appointment_time", "time"}, time);
}

// A tool that was asked with a day has booked something; one that looks a booking up has not, though
// it tells the confirmation number too.
void Facts::learn_from_tool(std::string_view arguments, std::string_view output) {
    const auto asked = object_of(arguments);
    const auto answer = object_of(output);
    if (asked) take_text(*asked, {"customerName", "customer_name"}, customer_name);
    if (!asked || !answer || !(asked->contains("date") || asked->contains("appointment_date")))
        return;
    std::string number;
    take_text(*answer, {"confirmationNumber", "confirmation_number"}, number);
    // What the agent has noted of this booking stands: the model may spell a time in its own way.
    if (number.empty() || (number == confirmation_number && !date.empty() && !time.empty())) return;
    take_text(*asked, {"appointment_date", "date"}, date);
    take_text(*asked, {"appointment_time", "time"}, time);
    learn(*answer);
}

void Facts::end() {
    go_to("farewell");
    is_ending_ = true;
}

void Facts::go_to(std::string_view step) {
    if (!step.empty() && !is_ending_) step_ = step;
}

std::string_view outcome_word(std::string_view outcome, std::string_view reason,
                              const Facts& facts) {
    if (outcome == "appointment_booked") return "appointment_booked";
    if (outcome == "error") return "error";
    if (!facts.confirmation_number.empty() && outcome != "appointment_cancelled")
        return "appointment_booked";
    return reason == "caller_hung_up" || reason == "channel_lost" ? "user_hangup" : "no_booking";
}

}  // namespace parley::call
