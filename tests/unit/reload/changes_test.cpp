#include "support.hpp"

#include <parley/reload/changes.hpp>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Changes : public testing::Test {
 protected:
    Changes() {
        tree_.write("scripts/agents/anna.lua",
                    agent_file("Hello.", "tools = { \"look\" },\n  vars = { place = \"here\" },"));
        tree_.write("scripts/tools/look.lua", tool_file());
        before_ = content_of(*tree_.generation());
    }
    std::string difference() {
        return shown(
            changes_from(to_json(changes_between(before_, content_of(*tree_.generation())))));
    }

    Tree tree_;
    json::object before_;
};

TEST_F(Changes, AreNoneWhenNothingThatCountsDiffers) {
    tree_.write("config/parley.yaml", "# a remark\n" + plain_yaml);
    EXPECT_EQ(difference(), "");
}

TEST_F(Changes, ShowThePromptLineByLine) {
    tree_.write(
        "scripts/agents/anna.lua",
        "return agent {\n  api = 1,\n  greeting = \"Good day.\",\n  prompt = \"You help.\\nBe brief.\",\n  tools = { \"look\" },\n "
        " vars = { place = \"there\" },\n}\n");
    EXPECT_EQ(difference(),
              "script of agent anna: the prompt changes\n    + Be brief.\n"
              "script of agent anna: the greeting changes\n    - Hello.\n    + Good day.\n"
              "script of agent anna: vars.place: here -> there\n");
}

TEST_F(Changes, NameToolsThatComeGoAndChange) {
    tree_.write("scripts/tools/book.lua", tool_file());
    tree_.write(
        "scripts/tools/look.lua",
        "return tool { api = 1, about = \"Looks.\", params = { day = param.date { \"A day\" } }, run = function() end }");
    tree_.write(
        "scripts/agents/anna.lua",
        agent_file("Hello.", "tools = { \"look\", \"book\" },\n  vars = { place = \"here\" },"));
    const auto text = difference();
    EXPECT_THAT(text, HasSubstr("script of agent anna: gets tools: book\n"));
    EXPECT_THAT(text, HasSubstr("tool book: is new\n"));
    EXPECT_THAT(
        text,
        HasSubstr(
            "tool look: what the model is told of it changes\n    - Does it.\n    + Looks.\n    + day: {"));
}

TEST_F(Changes, TellCodeFromWords) {
    tree_.write("scripts/tools/look.lua", tool_file("return { 1 }"));
    tree_.write("scripts/lib/more.lua", "return {}");
    EXPECT_EQ(difference(), "tool look: its code changes\nlib/more.lua: is new\n");
}

TEST_F(Changes, OfSettingsSayWhichNeedARestart) {
    tree_.write(
        "config/parley.yaml",
        "server: {port: 4000}\nopenai: {voice: cedar}\nagents:\n  anna: {}\n  otto: {script: anna}\nnumbers:\n  default: anna\n  "
        "+15550100001: otto\n");
    EXPECT_EQ(difference(),
              "agents.anna.voice: marin -> cedar\n"
              "agent otto: is new, with the script anna\n"
              "numbers.+15550100001: nothing -> otto\n"
              "openai.voice: marin -> cedar\n"
              "server.port: 3000 -> 4000   (needs a restart)\n");
}

TEST_F(Changes, ShowNoSecret) {
    tree_.write("config/parley.yaml",
                plain_yaml + "openai: {api_key: abcdefghijklmnopqrstuvwxyz}\n");
    EXPECT_THAT(difference(), HasSubstr("openai.api_key: not set -> set (…wxyz)"));
    EXPECT_THAT(json::serialize(content_of(*tree_.generation())), Not(HasSubstr("abcdef")));
}

TEST(LineDifference, KeepsWhatIsAlike) {
    EXPECT_THAT(line_difference("a\nb\nc", "a\nx\nc\nd"), ElementsAre("- b", "+ x", "+ d"));
    EXPECT_THAT(line_difference("", "a"), ElementsAre("- ", "+ a"));
    EXPECT_THAT(line_difference("a\nb", "a\nb"), IsEmpty());
}

}  // namespace
}  // namespace parley::reload
