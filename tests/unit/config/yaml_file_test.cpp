// Files of ours that are not the settings.
#include <parley/config/yaml_file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace parley::config {
namespace {

using testing::ElementsAre;

const char* const schema_text = R"({
  "type": "object", "additionalProperties": false, "x-unknown": "unknown word", "required": ["name"],
  "properties": {
    "name": {"type": "string"},
    "size": {"$ref": "#/definitions/size"},
    "either": {"x-expected": "a text or a list", "anyOf": [{"type": "string", "minLength": 2}, {"type": "array", "items": {"$ref": "#/definitions/size"}}]}
  },
  "definitions": {"size": {"type": "integer", "minimum": 1}}
})";

class YamlFiles : public testing::Test {
 protected:
    void SetUp() override {
        dir_ = std::filesystem::temp_directory_path() /
               ("parley-yaml-file-" + std::to_string(::getpid()));
        std::filesystem::create_directories(dir_);
        std::ofstream(dir_ / "x.schema.json") << schema_text;
        auto loaded = FileSchema::load(dir_.string(), "x.schema.json");
        ASSERT_TRUE(loaded) << loaded.error().text();
        schema_ = *loaded;
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    std::vector<std::string> faults(std::string_view yaml) {
        const auto file = YamlFile::parse(yaml, "a.yaml", *schema_);
        std::vector<std::string> lines;
        if (file.has_error()) {
            for (const auto& fault : file.error()) lines.push_back(fault.text());
        }
        return lines;
    }

    std::filesystem::path dir_;
    std::shared_ptr<const FileSchema> schema_;
};

TEST_F(YamlFiles, SayWhatIsWrongAndWhere) {
    EXPECT_THAT(faults("nam: x\n"),
                ElementsAre("a.yaml: name: missing",
                            "a.yaml:1: nam: unknown word; did you mean \"name\"?"));
    EXPECT_THAT(faults("name: x\nsize: 0\n"),
                ElementsAre("a.yaml:2: size: expected a whole number of at least 1, found 0"));
    EXPECT_THAT(
        faults("name: x\neither: {a: 1}\n"),
        ElementsAre("a.yaml:2: either: expected a text or a list, found a group of settings"));
    EXPECT_THAT(faults("name: x\neither:\n  - 1\n  - 0\n"),
                ElementsAre("a.yaml:4: either.1: expected a whole number of at least 1, found 0"));
    EXPECT_THAT(
        faults("name: {a: b c?}\n"),
        ElementsAre(
            "a.yaml:1: unknown token; put a text with signs such as ? or : into quotation marks"));
}

TEST_F(YamlFiles, KeepTextsAsTheyAreWritten) {
    const auto file = YamlFile::parse("name: 0123\neither: 12\n", "a.yaml", *schema_);
    ASSERT_TRUE(file) << file.error().front().text();
    EXPECT_EQ(json::serialize(file->root()), R"({"name":"0123","either":"12"})");
    const auto dollar = YamlFile::parse("name: $HOME and ${HOME}\n", "a.yaml", *schema_);
    ASSERT_TRUE(dollar) << dollar.error().front().text();
    EXPECT_EQ(json_read::text(dollar->root(), "name"), "$HOME and ${HOME}");
}

TEST_F(YamlFiles, RememberTheirLines) {
    const auto file = YamlFile::parse("name: x\neither:\n  - 1\n  - 2\n", "a.yaml", *schema_);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->where("/either/1"), "a.yaml:4: either.1");
    EXPECT_EQ(file->line("/either/7/x"), 2u);
    EXPECT_EQ(file->where(""), "a.yaml:1");
}

TEST_F(YamlFiles, ThatAreNotThereAreNamed) {
    const auto file = YamlFile::load((dir_ / "none.yaml").string(), *schema_);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().front().text(),
                testing::HasSubstr("none.yaml: cannot be read: No such file or directory"));
    EXPECT_FALSE(FileSchema::load(dir_.string(), "none.json"));
}

}  // namespace
}  // namespace parley::config
