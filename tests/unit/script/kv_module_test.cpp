#include "fakes.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;

TEST(KvModule, KeepsPlainValues) {
    WideProbe probe(
        "kv.set('slots', { free = { '09:00' }, none = json.list {} }, { ttl = 30 }) "
        "return { kv.get('slots'), kv.get('other') == nil, kv.delete('slots'), kv.delete('slots') }");
    EXPECT_EQ(probe.run().text, R"([{"free":["09:00"],"none":[]},true,true,false])");
    EXPECT_EQ(probe.keys.lifetimes.at("kv/scripts/slots"), std::chrono::seconds(30));
}

TEST(KvModule, CountsAndSetsOnce) {
    WideProbe probe(
        "return { kv.increment('n'), kv.increment('n', 5), kv.increment('n', -2), kv.set_if_absent('lock', 'a'), "
        "kv.set_if_absent('lock', 'b'), kv.get('lock') }");
    EXPECT_EQ(probe.run().text, R"([1,6,4,true,false,"a"])");
}

TEST(KvModule, AlwaysHasALifetime) {
    WideProbe probe("kv.set('a', 1)");
    EXPECT_EQ(probe.run().text, R"({"done":true})");
    EXPECT_EQ(probe.keys.lifetimes.at("kv/scripts/a"), std::chrono::hours(24));
}

TEST(KvModule, BelongsToItsScriptsFolder) {
    WideProbe probe("kv.set('a', 1)");
    probe.parts.limits.dir = "/srv/clinics/east/";
    probe.run();
    EXPECT_EQ(probe.keys.values.count("kv/east/a"), 1u);
}

TEST(KvModule, GivesAProblemWhenTheStoreIsBusy) {
    WideProbe probe("local value, problem = kv.get('a') return { value == nil, problem }");
    probe.keys.problem =
        store::QueryProblem{store::QueryProblem::Kind::busy, "the database is locked"};
    EXPECT_EQ(probe.run().text,
              R"([true,{"kind":"busy","message":"the database is locked","retry":true}])");
    WideProbe without("local value, problem = kv.get('a') return problem.message");
    without.parts.services.keys = nullptr;
    EXPECT_EQ(without.run().text, R"("no database is configured")");
}

TEST(KvModule, SaysWhatIsWrongWithItsArguments) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"kv.get()", "kv.get: the key: expected text, found nothing"},
        {"kv.get('')", "kv.get: expected a key of 1 to 200 characters"},
        {"kv.get(('x'):rep(201))", "kv.get: expected a key of 1 to 200 characters"},
        {"kv.set('a')", "kv.set: expected a value, found nothing; kv.delete removes a key"},
        {"kv.set('a', print)", "kv.set: the value is a function"},
        {"kv.set('a', ('x'):rep(70000))",
         "kv.set: the value is too long; the limit is 65536 bytes (scripts.kv.value_bytes_max)"},
        {"kv.set('a', 1, { tll = 5 })", "kv.set: unknown option `tll`; did you mean `ttl`?"},
        {"kv.set('a', 1, { ttl = 0 })",
         "kv.set: ttl: expected seconds from 1 to 2592000 (scripts.kv.ttl_max_seconds), found 0"},
        {"kv.set('a', 1, { ttl = 2592001 })", "kv.set: ttl: expected seconds from 1 to 2592000"},
        {"kv.increment('a', 1.5)", "kv.increment: expected a whole number, found 1.5"},
        {"kv.increment('a', 'x')", "kv.increment: by: expected a number from"},
        {"map({ 1 }, function() return string.format('%s', setmetatable({}, { __tostring = function() kv.get('a') end })) end)",
         "kv.get cannot be used inside a function that cannot wait, such as __tostring"},
    };
    for (const auto& [call, message] : mistakes) {
        WideProbe probe(fmt::format("local out = {} return out", call));
        EXPECT_THAT(log_of_run(probe), HasSubstr(message)) << call;
    }
    WideProbe many("for i = 1, 51 do kv.get('a') end");
    EXPECT_THAT(log_of_run(many), HasSubstr("kv.get: more than 50 kv calls in one run"));
}

TEST(KvModule, WorksWithTheRealStore) {
    auto store = store::Store::open({.path = ":memory:"});
    ASSERT_TRUE(store);
    const auto keys = keys_of(**store);
    WideProbe probe(
        "kv.set('a', { 1 }) kv.increment('n', 2) return { kv.get('a'), kv.increment('n'), kv.set_if_absent('a', 5), kv.delete('a'), "
        "kv.get('a') == nil, (select(2, kv.increment('a', 1))) == nil }");
    probe.parts.services.keys = keys.get();
    EXPECT_EQ(probe.run().text, "[[1],3,false,true,true,true]");
    (*store)->close();
}

}  // namespace
}  // namespace parley::script
