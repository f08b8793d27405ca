#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> tool_faults(const std::string& lines) {
    return faults_of(
        {{"tools/t.lua",
          "return tool {\napi = 1,\nabout = 'x',\nrun = function() end,\n" + lines + "\n}"}});
}

TEST(ToolFile, MaySayAllThereIsToSay) {
    EXPECT_THAT(
        tool_faults(
            "timeout = 4, say_if_slow = 'Let me look.', confirm = 'Is {date} right?', idempotent = true,\n"
            "when = function(call) return true end, runs_after_hangup = true,\n"
            "params = { date = param.date { 'The day' } }"),
        IsEmpty());
    EXPECT_THAT(tool_faults("say_if_slow = { 'Let me look.', after_ms = 2000 }, confirm = true"),
                IsEmpty());
    EXPECT_THAT(tool_faults("confirm = false, idempotent = false"), IsEmpty());
}

TEST(ToolFile, NamesTheNearestOption) {
    EXPECT_THAT(
        tool_faults("say_if_show = 'x'"),
        ElementsAre("tools/t.lua:5: unknown key `say_if_show`; did you mean `say_if_slow`?"));
    EXPECT_THAT(tool_faults("idempotant = true"),
                ElementsAre("tools/t.lua:5: unknown key `idempotant`; did you mean `idempotent`?"));
}

TEST(ToolFile, ChecksThePhraseForSlowRuns) {
    const std::string example =
        "write: say_if_slow = \"Let me look.\" or { \"Let me look.\", after_ms = 2000 }";
    EXPECT_THAT(
        tool_faults("say_if_slow = true"),
        ElementsAre("tools/t.lua:5: `say_if_slow`: expected a phrase, found true; " + example));
    EXPECT_THAT(
        tool_faults("say_if_slow = ' '"),
        ElementsAre("tools/t.lua:5: `say_if_slow`: expected a phrase of 1 to 500 characters; " +
                    example));
    EXPECT_THAT(
        tool_faults("say_if_slow = { 'x', after = 3 }"),
        ElementsAre("tools/t.lua:5: `say_if_slow`: unknown key `after`; did you mean `after_ms`?"));
    EXPECT_THAT(
        tool_faults("say_if_slow = { 'x', after_ms = 0 }"),
        ElementsAre(
            "tools/t.lua:5: `after_ms`: expected milliseconds from 1 to 30000, found the number 0"));
    EXPECT_EQ(tool_faults("say_if_slow = { 'x', 'y' }").size(), 1u);
}

TEST(ToolFile, ChecksTheQuestionToTheCaller) {
    EXPECT_THAT(
        tool_faults("params = { date = param.date { 'The day' } },\nconfirm = 'Book {dat}?'"),
        ElementsAre("tools/t.lua:6: `confirm`: there is no argument {dat}; did you mean {date}?"));
    EXPECT_THAT(
        tool_faults("confirm = 'Book {date}?'"),
        ElementsAre("tools/t.lua:5: `confirm`: there is no argument {date}; name one of `params`"));
    EXPECT_THAT(
        tool_faults("confirm = 5"),
        ElementsAre(
            "tools/t.lua:5: `confirm`: expected true or a question, found the number 5; write: confirm = true, or a "
            "question for the caller such as \"Shall I book {date}?\""));
}

TEST(ToolFile, ChecksTheOtherOptions) {
    EXPECT_THAT(
        tool_faults("idempotent = 'yes'"),
        ElementsAre("tools/t.lua:5: `idempotent`: expected true or false, found the text \"yes\""));
    EXPECT_THAT(
        tool_faults("runs_after_hangup = 1"),
        ElementsAre(
            "tools/t.lua:5: `runs_after_hangup`: expected true or false, found the number 1"));
    EXPECT_THAT(tool_faults("when = true"),
                ElementsAre("tools/t.lua:5: `when`: expected a function, found true"));
}

}  // namespace
}  // namespace parley::script
