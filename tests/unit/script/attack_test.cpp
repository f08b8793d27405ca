// tests/attack/*.lua in a VM. Whatever it is, the call must live on, the log must name file, line
// and limit, and nothing may be left of it.
#include "../../attack/attacks.hpp"
#include "fakes.hpp"

#include <parley/core/text.hpp>

namespace parley::script {
namespace {

#ifdef PARLEY_SANITIZED
constexpr int slowness = 20;
#else
constexpr int slowness = 1;
#endif
constexpr std::chrono::milliseconds cpu_max{50};
// a busy machine must not make time the limit
constexpr std::chrono::milliseconds cpu_max_for_memory{5'000};
// making the bundle and the VM, and the limit's own slack
constexpr std::chrono::seconds cpu_beyond_max{2};
// three VMs at their limit, for the allocator's own habits
constexpr std::size_t rss_growth_max = 24 * 1024 * 1024;

using attack::Attack;

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096;
}

// A call with the tool `attack` and a harmless one.
class AttackedCall : public TestCall {
 public:
    explicit AttackedCall(const Attack& attack)
        : TestCall(bundle_of({{"agents/tester.lua", agent_file("", "\"attack\", \"alive\"")},
                              {"tools/attack.lua", attack::tool_file(attack)},
                              {"tools/alive.lua", tool_file("return 'alive'")}})) {
        parts.services.database = &database;
        parts.services.keys = &keys;
        parts.services.http = &web;
        parts.services.metrics = &metrics;
        parts.limits.cpu_max = cpu_max;
        parts.limits.tool_timeout = std::chrono::milliseconds(200);
        parts.limits.http.allow = {"api.example", "hang.example"};
        parts.limits.secrets["other"] = {Secret("another-value"), {"tools/other"}};
        for (int i = 0; i < 30; ++i) database.answers.push_back(store::QueryAnswer{});
    }
    FakeWeb web;
    metrics::Registry metrics;
};

void expect_end_in_limit(const Attack& attack) {
    SCOPED_TRACE(attack.name);
    const std::string limit = attack::limit_text(attack);
    ASSERT_NE(limit, "")
        << "the second line must be: -- expect: cpu, memory, unyielding, wall or error: TEXT";
    AttackedCall call(attack);
    ASSERT_TRUE(call.parts.bundle);
    if (attack.name == "reach_database_file")
        call.database.answers = {
            store::QueryProblem{store::QueryProblem::Kind::mistake,
                                "ATTACH, DETACH and VACUUM are not available to scripts"}};
    if (attack.name == "wait_web") {
        for (int i = 0; i < 30; ++i) call.web.answer(200, "{}");
    }
    const auto budget = attack.expected == "memory" ? cpu_max_for_memory : cpu_max;
    call.parts.limits.cpu_max = budget;
    // wall clock is not what is tried
    if (attack.expected != "wall") call.parts.limits.tool_timeout = std::chrono::seconds(60);
    ASSERT_TRUE(call.prepare());

    testing::internal::CaptureStderr();
    const auto before = cpu_now();
    const auto output = call.run_tool("attack");
    const auto used = cpu_now() - before;
    const std::string log = testing::internal::GetCapturedStderr();

    EXPECT_EQ(output.text, failed_text);
    EXPECT_LT(used, (budget + cpu_beyond_max) * slowness);
    EXPECT_THAT(log, testing::HasSubstr("script.failed call=CA1 script=tools/attack.lua"));
#ifdef PARLEY_SANITIZED  // so slow that computing time may run out first
    EXPECT_THAT(
        log, testing::AnyOf(testing::HasSubstr(limit), testing::HasSubstr("ms of computing time")));
#else
    EXPECT_THAT(log, testing::HasSubstr(limit));
#endif
    EXPECT_TRUE(std::regex_search(log, attack::place(attack))) << "no place in: " << log;

    call.parts.limits.cpu_max = cpu_max;
    EXPECT_EQ(call.run_tool("alive").text, R"("alive")");
}

TEST(AttackSuite, EndsInItsLimitsAndLeavesNothing) {
    const auto all = attack::all_of(PARLEY_SOURCE_DIR);
    ASSERT_GE(all.size(), 60u);
    expect_end_in_limit(all.front());  // what is allocated once and kept is not a leak
    [[maybe_unused]] const std::size_t before = resident_bytes();
    for (const auto& attack : all) expect_end_in_limit(attack);
#ifndef PARLEY_SANITIZED  // a sanitizer keeps what is freed
    EXPECT_LT(resident_bytes(), before + rss_growth_max);
#endif
}

}  // namespace
}  // namespace parley::script
