#include <parley/core/json.hpp>
#include <parley/core/schema.hpp>

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(SchemaType, IsTheTypeTheSchemaNames) {
    EXPECT_EQ(schema_type({{"type", "integer"}}), "integer");
}

TEST(SchemaType, OfSeveralIsTheFirst) {
    EXPECT_EQ(schema_type({{"type", json::array{"object", "null"}}}), "object");
}

TEST(SchemaType, IsEmptyWhereTheSchemaNamesNone) {
    EXPECT_EQ(schema_type({}), "");
    EXPECT_EQ(schema_type({{"type", json::array{}}}), "");
    EXPECT_EQ(schema_type({{"type", 3}}), "");
}

}  // namespace
}  // namespace parley
