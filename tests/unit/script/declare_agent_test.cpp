#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> agent_faults(const std::string& lines) {
    return faults_of(
        {{"agents/a.lua", "return agent {\napi = 1,\nprompt = 'x',\n" + lines + "\n}"}});
}

TEST(AgentFile, MaySayAllThereIsToSay) {
    EXPECT_THAT(faults_of({{"agents/other.lua", "return agent { api = 1, prompt = 'x' }"},
                           {"tools/t.lua", tool_file("return 1")},
                           {"agents/a.lua", R"(return agent {
        api = 1, name = "A", about = "For billing.", voice = "v", language = "en", model = "m", greeting = "Hi", voicemail = "Bye",
        prompt = function(call) return "x" end, vars = { a = 1 }, tools = { "t" }, hand_offs = { "other" },
        turn_taking = { type = "server_vad", threshold = 0.5, prefix_padding_ms = 300, silence_ms = 500, eagerness = "auto",
                        interruptions = true, silence_before_prompt_ms = 8000 },
        check_vars = function(vars) end, on_start = function(call) end, on_caller_said = function(call, text) end,
        on_agent_said = function(call, heard, unheard) end, on_interrupted = function(call, heard, unheard) end,
        on_dtmf = function(call, digit) return true end, on_silence = function(call, seconds) end,
        on_returned = function(call, why) end,
        on_tool_error = function(call, tool, problem) end, on_end = function(call, outcome, summary) return { a = 1 } end,
    })"}}),
                IsEmpty());
}

TEST(AgentFile, NamesTheNearestHook) {
    EXPECT_THAT(agent_faults("on_silent = function() end"),
                ElementsAre("agents/a.lua:4: unknown key `on_silent`; did you mean `on_silence`?"));
    EXPECT_THAT(
        agent_faults("on_tool_eror = function() end"),
        ElementsAre("agents/a.lua:4: unknown key `on_tool_eror`; did you mean `on_tool_error`?"));
    EXPECT_THAT(agent_faults("handoffs = {}"),
                ElementsAre("agents/a.lua:4: unknown key `handoffs`; did you mean `hand_offs`?"));
}

TEST(AgentFile, WantsFunctionsForHooks) {
    for (const char* hook :
         {"on_start", "on_caller_said", "on_agent_said", "on_interrupted", "on_dtmf", "on_silence",
          "on_returned", "on_tool_error", "on_end", "check_vars"}) {
        EXPECT_THAT(agent_faults(fmt::format("{} = 'x'", hook)),
                    ElementsAre(fmt::format(
                        "agents/a.lua:4: `{}`: expected a function, found the text \"x\"", hook)));
    }
    EXPECT_THAT(agent_faults("about = 5"),
                ElementsAre("agents/a.lua:4: `about`: expected text, found the number 5"));
}

TEST(AgentFile, HandsOffToAgentsThatExist) {
    const auto faults = [](const std::string& names) {
        return faults_of({{"agents/billing.lua", "return agent { api = 1, prompt = 'x' }"},
                          {"agents/a.lua",
                           "return agent { api = 1, prompt = 'x',\nhand_offs = " + names + " }"}});
    };
    EXPECT_THAT(faults("{ \"billing\" }"), IsEmpty());
    EXPECT_THAT(
        faults("{ \"biling\" }"),
        ElementsAre(
            "agents/a.lua:2: there is no agent \"biling\": no file agents/biling.lua; did you mean \"billing\"?"));
    EXPECT_THAT(
        faults("{ \"a\" }"),
        ElementsAre("agents/a.lua:2: `hand_offs`: \"a\" is this agent itself; name another agent"));
    EXPECT_THAT(faults("{ \"billing\", \"billing\" }"),
                ElementsAre("agents/a.lua:2: agent \"billing\" is listed twice"));
    EXPECT_THAT(
        faults("\"billing\""),
        ElementsAre(
            "agents/a.lua:2: `hand_offs`: expected a list of names; write: hand_offs = { \"billing\" }"));
    EXPECT_THAT(
        faults("{ 5 }"),
        ElementsAre(
            "agents/a.lua:2: `hand_offs`: expected the name of an agent, found the number 5"));
}

TEST(AgentFile, ChecksTurnTaking) {
    const auto faults = [](const std::string& turns) {
        return agent_faults("turn_taking = {\n" + turns + "\n}");
    };
    EXPECT_THAT(
        faults("silence = 500"),
        ElementsAre(
            "agents/a.lua:5: turn_taking: unknown key `silence`; did you mean `silence_ms`?"));
    EXPECT_THAT(
        faults("type = 'semantic'"),
        ElementsAre(
            "agents/a.lua:5: `type`: expected one of \"server_vad\", \"semantic_vad\", found "
            "the text \"semantic\""));
    EXPECT_THAT(
        faults("eagerness = 'hihg'"),
        ElementsAre("agents/a.lua:5: `eagerness`: expected one of \"low\", \"medium\", \"high\", "
                    "\"auto\", found the text \"hihg\"; did you mean \"high\"?"));
    EXPECT_THAT(
        faults("threshold = 2"),
        ElementsAre(
            "agents/a.lua:5: `threshold`: expected a number from 0 to 1, found the number 2"));
    EXPECT_THAT(
        faults("silence_ms = 5"),
        ElementsAre(
            "agents/a.lua:5: `silence_ms`: expected milliseconds from 50 to 10000, found the number 5"));
    EXPECT_THAT(
        faults("silence_before_prompt_ms = 'long'"),
        ElementsAre(
            "agents/a.lua:5: `silence_before_prompt_ms`: expected milliseconds from 100 to 600000, found the text \"long\""));
    EXPECT_THAT(
        faults("interruptions = 'no'"),
        ElementsAre(
            "agents/a.lua:5: `interruptions`: expected true or false, found the text \"no\""));
    EXPECT_THAT(
        agent_faults("turn_taking = 5"),
        ElementsAre("agents/a.lua:4: `turn_taking`: expected names and values, found the number 5; "
                    "write: turn_taking = { silence_ms = 700 }"));
}

}  // namespace
}  // namespace parley::script
