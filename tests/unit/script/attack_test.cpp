// tests/attack/*.lua: every way to misuse a script that we know. Each file is the body of a tool
// and says in its second line which limit ends it:
//
//   cpu          computing time            memory   bytes of the VM
//   unyielding   inside a sort or gsub function      wall   the tool's deadline
//   error: TEXT  an ordinary error with that text
//
// Whatever it is, the call must live on, the log must name file, line and limit, and nothing may be
// left of it.
#include "fakes.hpp"

#include <parley/core/text.hpp>

#include <time.h>

#include <filesystem>
#include <regex>

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

struct Attack {
    std::string name;
    std::string body;
    std::string expected;
};

std::vector<Attack> attacks() {
    std::vector<Attack> all;
    for (const auto& file :
         std::filesystem::directory_iterator(std::string(PARLEY_SOURCE_DIR) + "/tests/attack")) {
        if (file.path().extension() != ".lua") continue;
        std::ifstream in(file.path(), std::ios::binary);
        Attack attack{file.path().stem().string(), {std::istreambuf_iterator<char>(in), {}}, ""};
        const std::string mark = "\n-- expect: ";
        const auto at = attack.body.find(mark);
        if (at != std::string::npos) {
            const auto from = at + mark.size();
            attack.expected = attack.body.substr(from, attack.body.find('\n', from) - from);
        }
        all.push_back(std::move(attack));
    }
    std::sort(all.begin(), all.end(),
              [](const Attack& a, const Attack& b) { return a.name < b.name; });
    return all;
}

std::chrono::nanoseconds cpu_now() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096;
}

std::string text_of(const std::string& expected) {
    if (expected == "cpu") return "used more than 50 ms of computing time";
    if (expected == "memory") return "used more than 8388608 bytes of memory";
    if (expected == "unyielding") return "took too long inside a sort or gsub function";
    if (expected == "wall") return "gave no result within 200 ms";
    if (expected.starts_with("error: ")) return expected.substr(7);
    return "";
}

// A call with the tool `attack` and a harmless one.
class AttackedCall : public TestCall {
 public:
    explicit AttackedCall(const std::string& body)
        : TestCall(bundle_of({{"agents/tester.lua", agent_file("", "\"attack\", \"alive\"")},
                              // On the file's own first line, a comment: lines keep their numbers.
                              {"tools/attack.lua",
                               "return tool { api = 1, about = 'x', run = function(args, call) " +
                                   body + "\nend }"},
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
    const std::string limit = text_of(attack.expected);
    ASSERT_NE(limit, "")
        << "the second line must be: -- expect: cpu, memory, unyielding, wall or error: TEXT";
    AttackedCall call(attack.body);
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
    // The result of a handler is looked at when no line of it runs any more.
    const std::regex place(attack.name.starts_with("output_")
                               ? "what=\"tools/attack\\.lua(:\\d+)?: "
                               : "what=\"(tools/attack\\.lua:\\d+|lib/\\w+\\.lua:\\d+): ");
    EXPECT_TRUE(std::regex_search(log, place)) << "no place in: " << log;

    call.parts.limits.cpu_max = cpu_max;
    EXPECT_EQ(call.run_tool("alive").text, R"("alive")");
}

TEST(AttackSuite, EndsInItsLimitsAndLeavesNothing) {
    const auto all = attacks();
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
