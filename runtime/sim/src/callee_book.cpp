#include <parley/sim/twilio_account.hpp>

#include "caller_reader.hpp"

#include <array>

namespace parley::sim {

namespace {

constexpr std::array<std::pair<std::string_view, Callee::Answer>, 5> answers{
    {{"human", Callee::Answer::human},
     {"machine", Callee::Answer::machine},
     {"busy", Callee::Answer::busy},
     {"no_answer", Callee::Answer::no_answer},
     {"failed", Callee::Answer::failed}}};

Callee read_callee(const YamlReader& yaml, const YAML::Node& node) {
    yaml.expect_map(
        node, "callee",
        {"to", "answer", "rings_ms", "detection_ms", "voice", "words_per_minute", "time_limit_s",
         "steps", "expect", "presses", "hangs_up_at_briefing", "talks_ms"});
    Callee callee;
    callee.to = yaml.text(node, "to", callee.to);
    const auto wanted = yaml.text(node, "answer", "human");
    const auto* answer = std::find_if(answers.begin(), answers.end(),
                                      [&](const auto& each) { return each.first == wanted; });
    if (answer == answers.end())
        yaml.fail(node["answer"], "answer: use human, machine, busy, no_answer or failed");
    callee.answer = answer->second;
    callee.rings = yaml.duration_ms(node, "rings_ms", callee.rings);
    callee.detection = yaml.duration_ms(node, "detection_ms", callee.detection);
    callee.presses = yaml.text(node, "presses", callee.presses);
    if (callee.presses.find_first_not_of("0123456789*#") != std::string::npos)
        yaml.fail(node["presses"], "presses: use keys, such as \"1\"");
    const auto hangs_up = yaml.text(node, "hangs_up_at_briefing", "false");
    if (hangs_up != "true" && hangs_up != "false")
        yaml.fail(node["hangs_up_at_briefing"], "hangs_up_at_briefing: use true or false");
    callee.hangs_up_at_briefing = hangs_up == "true";
    callee.talks = yaml.duration_ms(node, "talks_ms", callee.talks);
    if (node["steps"].IsDefined()) callee.script = read_caller(yaml, node);
    return callee;
}

}  // namespace

Checked<CalleeBook> CalleeBook::parse(std::string_view text, std::string_view file) {
    const YamlReader yaml(file);
    try {
        const YAML::Node root = yaml.parse(text);
        yaml.expect_map(root, "callees", {"numbers", "callees"});
        CalleeBook book;
        if (const YAML::Node numbers = root["numbers"]; numbers.IsDefined()) {
            yaml.expect_list(numbers, "numbers");
            for (const auto& each : numbers) {
                yaml.expect_map(each, "number", {"number", "name"});
                const auto number = yaml.text(each, "number", "");
                book.numbers.push_back({number, yaml.text(each, "name", number)});
            }
        }
        if (const YAML::Node callees = root["callees"]; callees.IsDefined()) {
            yaml.expect_list(callees, "callees");
            for (const auto& each : callees) book.callees.push_back(read_callee(yaml, each));
        }
        return book;
    } catch (const YamlProblem& problem) {
        return problem.fault;
    } catch (const YAML::Exception& error) {
        return Fault{std::string(file), error.msg, {}};
    }
}

Checked<CalleeBook> CalleeBook::load(const std::string& path) {
    auto text = read_text_file(path);
    if (!text) return text.error();
    return parse(*text, path);
}

}  // namespace parley::sim
