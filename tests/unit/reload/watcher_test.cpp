#include "support.hpp"

#include <parley/reload/watcher.hpp>

#include <poll.h>

namespace parley::reload {
namespace {

Watcher::Paths paths(const Tree& tree) {
    return {(tree / "scripts").string(),
            {(tree / "config/parley.yaml").string(), (tree / ".env").string(),
             (tree / "config/mine.yaml").string()}};
}

// Whether anything that counts comes; what does not count may come as well.
bool tells(Watcher& watcher) {
    for (pollfd waiting{watcher.descriptor(), POLLIN, 0}; poll(&waiting, 1, 200) > 0;) {
        if (watcher.look()) return true;
    }
    return false;
}
void drain(Watcher& watcher) {
    while (tells(watcher)) {
    }
}

TEST(Watcher, TellsOfEveryKindOfSave) {
    const Tree tree;
    Watcher watcher(paths(tree), Watcher::Wanted::inotify);
    ASSERT_EQ(watcher.kind(), Watcher::Kind::inotify);
    EXPECT_FALSE(tells(watcher));

    tree.write("scripts/agents/anna.lua", agent_file());
    EXPECT_TRUE(tells(watcher)) << "in place";
    drain(watcher);
    tree.save("scripts/agents/anna.lua", agent_file());
    EXPECT_TRUE(tells(watcher)) << "by renaming";
    drain(watcher);
    tree.write("scripts/tools/new.lua", tool_file());
    EXPECT_TRUE(tells(watcher)) << "a new folder with a file";
    drain(watcher);
    tree.write("scripts/tools/new.lua", tool_file("return 1"));
    EXPECT_TRUE(tells(watcher)) << "a file of the new folder";
    drain(watcher);
    tree.remove("scripts/tools/new.lua");
    EXPECT_TRUE(tells(watcher)) << "deleted";
    drain(watcher);
    tree.save("config/parley.yaml", plain_yaml);
    EXPECT_TRUE(tells(watcher)) << "settings";
    drain(watcher);
    tree.write(".env", "A=1\n");
    EXPECT_TRUE(tells(watcher)) << "a .env that appears";
    drain(watcher);
    tree.write("config/mine.yaml", "log: {}\n");
    EXPECT_TRUE(tells(watcher)) << "an overlay that appears";
}

TEST(Watcher, PassesOverWhatDoesNotCount) {
    const Tree tree;
    tree.write("scripts/.git/index", "x");
    Watcher watcher(paths(tree), Watcher::Wanted::inotify);
    for (const char* path :
         {"scripts/agents/.anna.lua.swp", "scripts/agents/anna.lua~", "scripts/agents/4913",
          "scripts/notes.txt", "scripts/.git/index", "config/parley.yaml.bak", "data.db-wal"}) {
        tree.write(path, "x");
        EXPECT_FALSE(tells(watcher)) << path;
    }
}

TEST(Watcher, FollowsAFolderThatIsReplaced) {
    const Tree tree;
    Watcher watcher(paths(tree), Watcher::Wanted::inotify);
    tree.write("next/agents/anna.lua", agent_file());
    drain(watcher);
    fs::rename(tree / "scripts", tree / "old");
    fs::rename(tree / "next", tree / "scripts");
    EXPECT_TRUE(tells(watcher));
    drain(watcher);
    tree.write("scripts/agents/anna.lua", agent_file("Hi."));
    EXPECT_TRUE(tells(watcher));
    drain(watcher);
    tree.write("old/agents/anna.lua", agent_file("Hi."));
    EXPECT_FALSE(tells(watcher)) << "what is there no longer does not count";
}

TEST(Watcher, MissesNothingWhenMoreHappensThanTheSystemKeeps) {
    const Tree tree;
    Watcher watcher(paths(tree), Watcher::Wanted::inotify);
    // The system keeps 16,384 events at the least; equal ones in a row count once, so two files
    // take turns.
    tree.write("scripts/agents/otto.lua", agent_file());
    for (int i = 0; i < 20'000; ++i) {
        for (const char* path : {"scripts/agents/anna.lua", "scripts/agents/otto.lua"}) {
            fs::permissions(tree / path, i % 2 == 0 ? fs::perms::owner_read : fs::perms::owner_all);
        }
    }
    tree.write("scripts/lib/late.lua", "return {}");
    EXPECT_TRUE(watcher.look());
    drain(watcher);
    tree.write("scripts/lib/late.lua", "return { 1 }");
    EXPECT_TRUE(tells(watcher)) << "the folder that was made while events were lost";
}

TEST(Watcher, SeesChangesByLooking) {
    const Tree tree;
    Watcher watcher(paths(tree), Watcher::Wanted::poll);
    EXPECT_EQ(watcher.kind(), Watcher::Kind::poll);
    EXPECT_LT(watcher.descriptor(), 0);
    EXPECT_FALSE(watcher.look());
    tree.save("scripts/agents/anna.lua", agent_file("Hi there."));
    EXPECT_TRUE(watcher.look());
    EXPECT_FALSE(watcher.look());
    tree.remove("scripts/agents/anna.lua");
    EXPECT_TRUE(watcher.look());
    tree.write("config/mine.yaml", "log: {}\n");
    EXPECT_TRUE(watcher.look());
    tree.write("scripts/notes.txt", "x");
    EXPECT_FALSE(watcher.look());
}

TEST(Watcher, IsOffWhenItIsNotWanted) {
    const Tree tree;
    Watcher watcher(paths(tree), Watcher::Wanted::off);
    tree.save("scripts/agents/anna.lua", "x");
    EXPECT_EQ(watcher.kind(), Watcher::Kind::off);
    EXPECT_FALSE(watcher.look());
}

}  // namespace
}  // namespace parley::reload
