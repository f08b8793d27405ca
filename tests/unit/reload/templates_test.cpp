#include "support.hpp"

#include <parley/reload/lint.hpp>
#include <parley/reload/templates.hpp>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Checked<Plan> plan_in(const Tree& tree, New what, const std::string& name) {
    return plan(what, name, (tree / "scripts").string(), (tree / "config/parley.yaml").string());
}

TEST(Templates, PassTheCheckAsTheyAre) {
    const Tree tree;
    tree.write("scripts/tools/end_call.lua", tool_file());
    const auto agent = plan_in(tree, New::agent, "front_desk");
    const auto tool = plan_in(tree, New::tool, "leave_message");
    ASSERT_TRUE(agent && tool);
    ASSERT_TRUE(write(*agent) && write(*tool));
    EXPECT_TRUE(fs::exists(tree / "scripts/agents/front_desk.lua"));
    EXPECT_TRUE(fs::exists(tree / "tests/scenarios/front_desk.yaml"));
    EXPECT_TRUE(fs::exists(tree / "scripts/tools/leave_message.lua"));
    EXPECT_TRUE(fs::exists(tree / "tests/scripts/leave_message_test.lua"));

    const auto generation = tree.generation();
    ASSERT_NE(generation, nullptr);
    // What is left to do is what the warnings say.
    EXPECT_THAT(
        tree.texts(lint(*generation)),
        ElementsAre(HasSubstr("agents/front_desk.lua:1: no agent in the settings uses this script"),
                    HasSubstr("tools/leave_message.lua:1: no agent has the tool leave_message")));
    EXPECT_THAT(agent->next_steps, HasSubstr("script: front_desk"));
    EXPECT_THAT(tool->next_steps, HasSubstr("tools = { \"leave_message\""));
}

TEST(Templates, DoWithoutToolsThatAreNotThere) {
    const Tree tree;
    ASSERT_TRUE(write(*plan_in(tree, New::agent, "front_desk")));
    EXPECT_NE(tree.generation(), nullptr);
}

TEST(Templates, OverwriteNothing) {
    const Tree tree;
    const auto agent = plan_in(tree, New::agent, "anna");
    ASSERT_TRUE(agent);
    const auto written = write(*agent);
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().text(), HasSubstr("scripts/agents/anna.lua: is there already"));
    EXPECT_FALSE(fs::exists(tree / "tests/scenarios/anna.yaml")) << "nothing at all was written";
}

TEST(Templates, RefuseNamesThatCannotBeFiles) {
    const Tree tree;
    for (const char* name :
         {"", "Anna", "a-b", "../x", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
        EXPECT_FALSE(plan_in(tree, New::tool, name)) << name;
}

}  // namespace
}  // namespace parley::reload
