#include "support.hpp"

#include <parley/reload/explain.hpp>

namespace parley::reload {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string yaml = R"(openai:
  voice: marin
agents:
  anna:
    voice: cedar
    vars:
      place: Lakeside
      api_key: abcdefghijklmnopq
  otto:
    script: anna
    greeting: "Otto at {place}."
numbers:
  +15550100001: otto
  default: anna
)";
const std::string script = R"(return agent {
  api = 1,
  name = "Anna",
  language = "en",
  greeting = "This is {place}.",
  prompt = "You work at {place}. It is {now}.",
  vars = {
    place = "here",
    api_key = "",
    size = 3,
  },
  tools = { "look" },
  on_start = function(call) call.vars.size = 4 end,
}
)";

struct Explained : testing::Test {
    Explained() {
        tree.write("config/parley.yaml", yaml);
        tree.write("scripts/agents/anna.lua", script);
        tree.write("scripts/tools/look.lua", tool_file());
        tree.write("scripts/tools/other.lua", tool_file());
        generation = tree.generation();
    }
    std::string line(const json::object& explanation, const char* group,
                     std::string_view name) const {
        for (const auto& each : explanation.at(group).as_array()) {
            const auto& object = each.as_object();
            if (json_read::text(object, "name") == name)
                return short_path(json_read::text(object, "value") + " | " +
                                  json_read::text(object, "source"));
        }
        return "absent";
    }
    std::string short_path(std::string text) const {
        const auto prefix = (tree / "").string();
        for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
            text.erase(at, prefix.size());
        return text;
    }
    Tree tree;
    std::shared_ptr<Generation> generation;
};

TEST_F(Explained, NamesTheAgentAndWhereEachPartIsWritten) {
    const auto explained = explain(*generation, "+1999");
    ASSERT_TRUE(explained);
    const auto& all = *explained;
    EXPECT_EQ(json_read::text(all.at("route").as_object(), "value"), "anna");
    EXPECT_TRUE(all.at("route_is_default").get_bool());
    EXPECT_EQ(line(all, "settings", "voice"), "cedar | config/parley.yaml:5");
    EXPECT_EQ(line(all, "settings", "model"), "gpt-realtime-2.1 | default");
    EXPECT_EQ(line(all, "settings", "language"), "en | scripts/agents/anna.lua:4");
    EXPECT_EQ(line(all, "settings", "calls.duration_max_minutes"), "5 | default");
    EXPECT_EQ(line(all, "vars", "place"), "Lakeside | config/parley.yaml:7");
    EXPECT_EQ(line(all, "vars", "size"), "3 | scripts/agents/anna.lua:10");
    EXPECT_EQ(line(all, "vars", "api_key"), "set (…nopq) | config/parley.yaml:8") << "a secret";
    EXPECT_EQ(line(all, "tools", "look"), "Does it. | scripts/tools/look.lua:1");
    EXPECT_EQ(line(all, "tools", "other"), "absent");
    EXPECT_EQ(line(all, "hooks", "on_start"), "function | scripts/agents/anna.lua:13");
    const auto& prompt = all.at("prompt").as_object();
    EXPECT_EQ(json_read::text(prompt, "value"), "You work at Lakeside. It is {now}.");
    EXPECT_EQ(short_path(json_read::text(prompt, "source")), "scripts/agents/anna.lua:6");
}

TEST_F(Explained, ANumbersOwnLineWins) {
    const auto explained = explain(*generation, "+15550100001");
    ASSERT_TRUE(explained);
    EXPECT_EQ(short_path(json_read::text(explained->at("route").as_object(), "source")),
              "config/parley.yaml:13");
    EXPECT_EQ(line(*explained, "settings", "voice"), "marin | config/parley.yaml:2");
    EXPECT_EQ(line(*explained, "vars", "place"), "here | scripts/agents/anna.lua:8");
    EXPECT_EQ(json_read::text(explained->at("greeting").as_object(), "value"), "Otto at here.");
    EXPECT_EQ(short_path(json_read::text(explained->at("greeting").as_object(), "source")),
              "config/parley.yaml:11");
}

TEST_F(Explained, ReadsLikeAnAnswer) {
    const auto text = short_path(shown_explanation(*explain(*generation, "+1999")));
    EXPECT_THAT(
        text,
        HasSubstr(
            "A call to +1999\n  is answered by anna, by numbers.default  (config/parley.yaml:14)\n"));
    EXPECT_THAT(text, HasSubstr("Prompt  (scripts/agents/anna.lua:6)"));
    EXPECT_THAT(text, HasSubstr("  You work at Lakeside."));
    EXPECT_THAT(text, Not(HasSubstr("abcdefghijklm")));
}

TEST_F(Explained, SaysWhenNobodyAnswers) {
    tree.write("config/parley.yaml", "agents: {anna: {}}\nnumbers: {+15550100001: anna}\n");
    const auto explained = explain(*tree.generation(), "+15550100002");
    ASSERT_FALSE(explained);
    EXPECT_THAT(explained.error().text(), HasSubstr("no agent answers this number"));
    EXPECT_THAT(explained.error().remedy, HasSubstr("did you mean +15550100001?"));
}

// What a call gets, not what the general settings say.
TEST_F(Explained, TurnTakingOfTheAgentComesBeforeTheGeneralSettings) {
    tree.write(
        "scripts/agents/anna.lua",
        "return agent {\n  api = 1,\n  prompt = \"You help.\",\n  turn_taking = {\n"
        "    threshold = 0.6,\n    silence_ms = 800,\n    interruptions = false,\n  },\n}\n");
    tree.write(
        "config/parley.yaml",
        "agents:\n  anna:\n    turn_taking:\n      silence_ms: 900\nnumbers:\n  default: anna\n");
    generation = tree.generation();
    ASSERT_NE(generation, nullptr);
    const auto explained = explain(*generation, "+15550100001");
    ASSERT_TRUE(explained) << explained.error().text();
    EXPECT_EQ(line(*explained, "settings", "openai.turn_detection.threshold"),
              "0.6 | scripts/agents/anna.lua:5");
    EXPECT_EQ(line(*explained, "settings", "openai.turn_detection.silence_duration_ms"),
              "900 | config/parley.yaml:4");
    EXPECT_EQ(line(*explained, "settings", "turn_taking.interruptions"),
              "false | scripts/agents/anna.lua:7");
    EXPECT_EQ(line(*explained, "settings", "openai.turn_detection.type"), "server_vad | default");
}

}  // namespace
}  // namespace parley::reload
