#include <parley/core/json.hpp>
#include <parley/core/schema.hpp>

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(JsonRead, TakesNumbersFromStringsToo) {
    const auto value =
        json::parse(R"({"a":"20","b":20,"c":"2x","d":1.5,"e":"","f":18446744073709551615})")
            .as_object();
    EXPECT_EQ(json_read::integer(value, "a"), 20);
    EXPECT_EQ(json_read::integer(value, "b"), 20);
    for (const char* bad : {"c", "d", "e", "f", "missing"})
        EXPECT_FALSE(json_read::integer(value, bad)) << bad;
}

TEST(JsonRead, GivesNothingForTheWrongKind) {
    const auto value = json::parse(R"({"s":"x","n":1,"b":true,"o":{},"a":[]})").as_object();
    EXPECT_FALSE(json_read::string(value, "n"));
    EXPECT_FALSE(json_read::boolean(value, "s"));
    EXPECT_EQ(json_read::object(value, "a"), nullptr);
    EXPECT_EQ(json_read::array(value, "o"), nullptr);
    EXPECT_EQ(json_read::text(value, "missing"), "");
}

TEST(JsonRead, RefusesBrokenAndTooDeepText) {
    EXPECT_FALSE(json_read::parse("{"));
    EXPECT_FALSE(json_read::parse("{} x"));
    EXPECT_FALSE(json_read::parse("\"\xFF\""));
    EXPECT_FALSE(json_read::parse(std::string(100, '[') + std::string(100, ']')));
    EXPECT_TRUE(json_read::parse("[[1]]"));
}

TEST(Schema, NamesTheOffendingValue) {
    auto schema = Schema::compile(json::parse(R"({"type":"object","additionalProperties":false,
        "properties":{"server":{"type":"object","properties":{"port":{"type":"integer"}}}}})"));
    ASSERT_TRUE(schema);
    EXPECT_TRUE(schema->check(json::parse(R"({"server":{"port":3000}})")).empty());
    const auto wrong = schema->check(json::parse(R"({"server":{"port":"eighty"}})"));
    ASSERT_FALSE(wrong.empty());
    EXPECT_TRUE(std::any_of(wrong.begin(), wrong.end(),
                            [](const auto& each) { return each.path == "/server/port"; }));
    EXPECT_FALSE(schema->check(json::parse(R"({"sever":{}})")).empty());
}

TEST(Schema, RefusesASchemaThatIsWrongItself) {
    EXPECT_FALSE(Schema::compile(json::parse(R"({"type":12})")));
}

}  // namespace
}  // namespace parley
