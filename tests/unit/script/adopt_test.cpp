// A call in progress goes on with newer scripts.
#include "support.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;

std::string agent_with(const std::string& prompt, const std::string& vars,
                       const std::string& extra = "") {
    return "return agent { api = 1, prompt = \"" + prompt + "\", vars = { " + vars +
           " }, tools = { \"probe\" }, " + extra + " }";
}

class Adopting : public TestCall {
 public:
    explicit Adopting(const Files& files) : TestCall(bundle_of(files)) {
        parts.newer = [this]() -> std::optional<Newer> {
            ++asked;
            if (!next) return std::nullopt;
            return Newer{std::exchange(next, nullptr), parts.settings, parts.limits};
        };
    }
    // What the session is told; nothing when there was nothing newer.
    std::optional<Checked<call::AgentProfile>> adopt() {
        std::optional<Checked<call::AgentProfile>> revised;
        agent->adopt(
            [&](Checked<call::AgentProfile> profile) { revised.emplace(std::move(profile)); });
        EXPECT_FALSE(revised.has_value()) << "called inside adopt()";
        const int before = asked;
        run_until([&] { return revised.has_value() || asked > before; });
        settle();
        return revised;
    }

    std::shared_ptr<const Bundle> next;
    int asked = 0;
};

TEST(Adopt, GivesTheNewPromptAndRunsTheNewTool) {
    Adopting call({{"agents/tester.lua", agent_with("Old.", "")},
                   {"tools/probe.lua", tool_file("return { \"old\" }")}});
    ASSERT_TRUE(call.prepare());
    call.next = bundle_of({{"agents/tester.lua", agent_with("New.", "")},
                           {"tools/probe.lua", tool_file("return { \"new\" }")}});
    const auto revised = call.adopt();
    ASSERT_TRUE(revised && *revised);
    EXPECT_EQ((*revised)->instructions, "New.");
    EXPECT_EQ(call.run_tool("probe").text, "[\"new\"]");
}

TEST(Adopt, KeepsWhatTheCallHasChangedAndTakesTheRestFromTheNewFiles) {
    Adopting call({{"agents/tester.lua",
                    agent_with("{name} {colour}", "name = \"nobody\", colour = \"red\"")},
                   {"tools/probe.lua", tool_file("call.vars.name = \"Ann\" return {}")}});
    ASSERT_TRUE(call.prepare());
    call.run_tool("probe");
    call.next = bundle_of(
        {{"agents/tester.lua",
          agent_with("{name} {colour} {size}", "name = \"somebody\", colour = \"blue\", size = 3")},
         {"tools/probe.lua",
          tool_file("return { call.vars.name, call.vars.colour, call.vars.size }")}});
    const auto revised = call.adopt();
    ASSERT_TRUE(revised && *revised);
    EXPECT_EQ((*revised)->instructions, "Ann blue 3");
    EXPECT_EQ(call.run_tool("probe").text, "[\"Ann\",\"blue\",3]");
}

TEST(Adopt, WaitsForAToolThatRuns) {
    Adopting call({{"agents/tester.lua", agent_with("Old.", "")},
                   {"tools/probe.lua", tool_file("db.query(\"SELECT 1\") return { \"old\" }")}});
    call.parts.services.database = &call.database;
    ASSERT_TRUE(call.prepare());
    Output output;
    bool is_done = false;
    call.start_tool("probe", "{}", output, is_done);
    call.run_until([&] { return !call.database.waiting.empty(); });

    call.next = bundle_of({{"agents/tester.lua", agent_with("New.", "")},
                           {"tools/probe.lua", tool_file("return { \"new\" }")}});
    bool is_revised = false;
    call.agent->adopt([&](const Checked<call::AgentProfile>&) { is_revised = true; });
    call.settle();
    EXPECT_FALSE(is_revised);
    EXPECT_EQ(call.asked, 0);

    call.database.waiting.front()(store::QueryAnswer{});
    call.run_until([&] { return is_done && is_revised; });
    EXPECT_EQ(output.text, "[\"old\"]") << "it ends with the scripts it began with";
    EXPECT_EQ(call.run_tool("probe").text, "[\"new\"]");
}

TEST(Adopt, ChangesNothingWhereThereIsNothingNewerOrTheScriptIsGone) {
    Adopting call({{"agents/tester.lua", agent_with("Old.", "")},
                   {"tools/probe.lua", tool_file("return { \"old\" }")}});
    ASSERT_TRUE(call.prepare());
    EXPECT_FALSE(call.adopt().has_value());
    call.next = bundle_of({{"agents/other.lua", "return agent { api = 1, prompt = \"Other.\" }"}});
    EXPECT_FALSE(call.adopt().has_value());
    EXPECT_EQ(call.run_tool("probe").text, "[\"old\"]");
}

}  // namespace
}  // namespace parley::script
