// Mistakes people make, put into the shipped scripts: each must be found by the shipped tests, in
// words that name it.
#include "support.hpp"

namespace parley::rehearsal {
namespace {

namespace fs = std::filesystem;

struct Bug {
    std::string name, what, file, replace, with;
    std::vector<std::string> named;
};

std::vector<Bug> seeded_bugs() {
    std::vector<Bug> bugs;
    const auto form =
        config::FileSchema::load(source_dir + "/tests/bugs", "bug.schema.json").value();
    for (const auto& entry : fs::directory_iterator(source_dir + "/tests/bugs")) {
        if (entry.path().extension() != ".yaml") continue;
        const auto file = config::YamlFile::load(entry.path().string(), *form).value();
        const auto text = [&](const char* key) { return json_read::text(file.root(), key); };
        Bug bug{entry.path().stem().string(),
                text("bug"),
                text("file"),
                text("replace"),
                text("with"),
                {}};
        for (const auto& words : *json_read::array(file.root(), "named"))
            bug.named.emplace_back(words.get_string());
        bugs.push_back(std::move(bug));
    }
    std::sort(bugs.begin(), bugs.end(), [](const Bug& a, const Bug& b) { return a.name < b.name; });
    return bugs;
}

void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.what; }

class SeededBug : public testing::TestWithParam<Bug> {};

TEST_P(SeededBug, IsFoundAndNamed) {
    const Bug& bug = GetParam();
    Folder folder;
    fs::copy(source_dir + "/scripts", folder.path(), fs::copy_options::recursive);
    std::string source = folder.read(bug.file);
    const auto at = source.find(bug.replace);
    ASSERT_NE(at, std::string::npos) << bug.file << " has changed: there is no " << bug.replace;
    ASSERT_EQ(source.find(bug.replace, at + 1), std::string::npos)
        << bug.replace << " stands there twice";
    folder.write(bug.file, source.replace(at, bug.replace.size(), bug.with));

    std::string said;
    Stage stage;
    stage.settings = settings_for(folder.path());
    auto built = script::Library::build(folder.path(), stage.settings.agents);
    if (!built) {
        for (const auto& fault : built.error()) said += fault.text() + "\n";
    } else {
        stage.bundle = *built;
        Suite suite(stage, schema(),
                    {.paths = {source_dir + "/tests/scenarios", source_dir + "/tests/scripts"},
                     .filter = ""});
        suite.run([&](const TestResult& result) {
            if (!result.has_passed()) said += shown(result, Ink::plain);
        });
        EXPECT_GT(suite.failed(), 0u);
    }
    for (const auto& words : bug.named) EXPECT_THAT(said, testing::HasSubstr(words));
}

INSTANTIATE_TEST_SUITE_P(Shipped, SeededBug, testing::ValuesIn(seeded_bugs()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(SeededBugs, AreAtLeastFifteen) { EXPECT_GE(seeded_bugs().size(), 15u); }

}  // namespace
}  // namespace parley::rehearsal
