#include "support.hpp"

#include <parley/reload/lint.hpp>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> warnings(const Tree& tree) {
    const auto generation = tree.generation();
    if (!generation) return {"no generation"};
    const auto findings = lint(*generation);
    for (const auto& each : findings) EXPECT_EQ(each.severity, Severity::warning);
    return tree.texts(findings);
}

std::string with_prompt(const std::string& prompt, const std::string& extra = "") {
    return "return agent {\n  api = 1,\n  prompt = [[\nYou help.\n" + prompt + "\n]],\n  " + extra +
           "\n}\n";
}

TEST(Lint, HasNothingToSayOfTheShippedFiles) {
    Recipe recipe;
    recipe.options.file = PARLEY_SOURCE_DIR "/config/parley.yaml";
    recipe.options.schema_dir = PARLEY_SOURCE_DIR "/schemas";
    recipe.options.env_file = "";
    recipe.scripts_dir = PARLEY_SOURCE_DIR "/scripts";
    const auto built = build(recipe, nullptr, {});
    ASSERT_NE(built.generation, nullptr);
    std::vector<std::string> texts;
    for (const auto& each : lint(*built.generation)) texts.push_back(each.text());
    EXPECT_THAT(texts, IsEmpty());
}

TEST(Lint, WarnsOfAVarThatNothingUses) {
    const Tree tree;
    tree.write(
        "scripts/agents/anna.lua",
        agent_file(
            "Hello from {place}.",
            "vars = {\n    place = \"here\",\n    colour = \"red\",\n    size = 3,\n    time_zone "
            "= \"UTC\",\n  },\n  on_start = function(call) call.vars.size = 4 end,"));
    EXPECT_THAT(
        warnings(tree),
        ElementsAre(
            "scripts/agents/anna.lua:7: var `colour` is used nowhere; put {colour} into the prompt or use "
            "call.vars.colour in a tool, or remove it"));
}

TEST(Lint, AVarThatAToolOrALibraryUsesIsUsed) {
    const Tree tree;
    tree.write(
        "scripts/agents/anna.lua",
        agent_file("Hello.", "vars = { colour = \"red\", size = 3 },\n  tools = { \"paint\" },"));
    tree.write("scripts/tools/paint.lua", tool_file("return { call.vars.colour }"));
    tree.write("scripts/lib/more.lua", "return { size_of = function(vars) return vars.size end }");
    EXPECT_THAT(warnings(tree), IsEmpty());
}

TEST(Lint, WarnsOfFilesThatNobodyUses) {
    const Tree tree;
    tree.write(".env", "OPENAI_API_KEY=sk-any\n");  // a settings file too, and no place for agents
    tree.write("scripts/agents/otto.lua", agent_file());
    tree.write("scripts/tools/spare.lua", tool_file());
    const auto found = warnings(tree);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(
        found[0],
        "scripts/agents/otto.lua:1: no agent in the settings uses this script; add `otto:` with `script: otto` under `agents:` in config/parley.yaml");
    EXPECT_EQ(
        found[1],
        "scripts/tools/spare.lua:1: no agent has the tool spare; add \"spare\" to an agent's `tools`");
}

TEST(Lint, WarnsOfAnAgentThatNoNumberLeadsTo) {
    const Tree tree;
    tree.write(
        "config/parley.yaml",
        "agents:\n  anna: {script: anna}\n  otto: {script: anna}\nnumbers:\n  default: anna\n");
    EXPECT_THAT(
        warnings(tree),
        ElementsAre(
            "config/parley.yaml:3: agents.otto: no number leads to this agent; add a line such as `+15550100001: otto` under `numbers:`"));
}

TEST(Lint, WarnsThatNobodyAnswersOurOwnNumber) {
    const Tree tree;
    tree.write(
        "config/parley.yaml",
        "twilio:\n  phone_number: +15550100009\nagents:\n  anna: {script: anna}\nnumbers:\n  +15550100001: anna\n");
    EXPECT_THAT(warnings(tree),
                ElementsAre(HasSubstr(
                    "config/parley.yaml:2: twilio.phone_number: nobody answers +15550100009")));
}

TEST(Lint, WarnsOfHoldMusicThatIsNotThere) {
    const Tree tree;
    const auto settings = [&](const std::string& file) {
        tree.write("config/parley.yaml",
                   "calls:\n  hold_music: \"" + file +
                       "\"\nagents:\n  anna: {}\nnumbers:\n  default: anna\n");
    };
    settings("/nonexistent/hold.wav");
    EXPECT_THAT(warnings(tree),
                ElementsAre(HasSubstr("config/parley.yaml:2: calls.hold_music: there "
                                      "is no file /nonexistent/hold.wav")));
    settings(PARLEY_SOURCE_DIR "/README.md");
    EXPECT_THAT(warnings(tree), IsEmpty());
}

TEST(Lint, WarnsOfAPromptThatPromisesToolsTheAgentLacks) {
    const Tree tree;
    tree.write("scripts/tools/check_slots.lua", tool_file());
    tree.write("scripts/tools/transfer.lua", tool_file());
    tree.write("scripts/agents/otto.lua",
               with_prompt("You may transfer.", "tools = { \"transfer\" },"));
    tree.write("config/parley.yaml",
               "agents: {anna: {}, otto: {}}\nnumbers: {default: anna, +15550100001: otto}\n");

    tree.write("scripts/agents/anna.lua",
               with_prompt("Call check_slot first.\nThen use the book_table tool.",
                           "tools = { \"check_slots\" },"));
    EXPECT_THAT(
        warnings(tree),
        ElementsAre(
            "scripts/agents/anna.lua:5: the prompt names check_slot, and there is no such tool; did you mean check_slots?",
            "scripts/agents/anna.lua:6: the prompt names book_table, and there is no such tool; write tools/book_table.lua "
            "(`parley new tool book_table`), or take it out of the prompt"));

    tree.write(
        "scripts/agents/anna.lua",
        with_prompt("Look with check_slots.\nIf need be, call transfer. A transfer takes long."));
    const auto found = warnings(tree);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(
        found[0],
        "scripts/agents/anna.lua:5: the prompt names the tool check_slots, which this agent does not have; add \"check_slots\" to `tools`");
    EXPECT_EQ(
        found[1],
        "scripts/agents/anna.lua:6: the prompt names the tool transfer, which this agent does not have; add \"transfer\" to `tools`");
    EXPECT_THAT(found[2], HasSubstr("no agent has the tool check_slots"));
}

TEST(Lint, LeavesOrdinaryWordsAlone) {
    const Tree tree;
    tree.write(
        "scripts/tools/book.lua",
        "return tool { api = 1, about = \"Books.\", params = { full_name = param.text { \"Who\" } }, run = function() end }");
    tree.write(
        "scripts/agents/anna.lua",
        with_prompt("Ask for the full_name and some_thing. Use a {house_rule}. Book a table.",
                    "tools = { \"book\" }, vars = { house_rule = \"x\" },"));
    EXPECT_THAT(warnings(tree), IsEmpty());
}

TEST(Lint, WarnsOfSecretsThatTheSettingsDoNotHold) {
    const Tree tree;
    tree.write("scripts/agents/anna.lua", agent_file("Hello.", "tools = { \"crm\" },"));
    tree.write("scripts/tools/crm.lua", tool_file("return { secrets.get(\"crm_token\") }"));
    EXPECT_THAT(
        warnings(tree),
        ElementsAre(
            "scripts/tools/crm.lua:5: there is no secret \"crm_token\" in the settings; add crm_token "
            "under `secrets:`, with the scripts that may have it"));
}

}  // namespace
}  // namespace parley::reload
