// What the tests of this room share: a tree of settings and scripts on disk.
#pragma once

#include <parley/reload/generation.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace parley::reload {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline std::string agent_file(const std::string& greeting = "Hello.",
                              const std::string& extra = "") {
    return "return agent {\n  api = 1,\n  greeting = \"" + greeting +
           "\",\n  prompt = \"You help.\",\n  " + extra + "\n}\n";
}
inline std::string tool_file(const std::string& body = "return {}") {
    return "return tool {\n  api = 1,\n  about = \"Does it.\",\n  run = function(args, call)\n    " +
           body + "\n  end,\n}\n";
}
inline const std::string plain_yaml =
    "agents:\n  anna:\n    script: anna\nnumbers:\n  default: anna\n";

// A folder with config/parley.yaml and scripts/, good until a test breaks it.
class Tree {
 public:
    Tree() {
        static int count = 0;
        dir_ = fs::temp_directory_path() / fmt::format("parley-reload-{}-{}", ::getpid(), ++count);
        fs::remove_all(dir_);
        write("config/parley.yaml", plain_yaml);
        write("scripts/agents/anna.lua", agent_file());
    }
    ~Tree() {
        std::error_code ignored;
        fs::remove_all(dir_, ignored);
    }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    fs::path operator/(const std::string& path) const { return dir_ / path; }
    void write(const std::string& path, const std::string& text) const {
        fs::create_directories((dir_ / path).parent_path());
        std::ofstream(dir_ / path, std::ios::binary) << text;
    }
    // As most editors save: a new file, renamed over the old one.
    void save(const std::string& path, const std::string& text) const {
        write(path + ".tmp", text);
        fs::rename(dir_ / (path + ".tmp"), dir_ / path);
    }
    void remove(const std::string& path) const { fs::remove_all(dir_ / path); }

    Recipe recipe() const {
        Recipe recipe;
        recipe.options.file = (dir_ / "config/parley.yaml").string();
        recipe.options.schema_dir = PARLEY_SOURCE_DIR "/schemas";
        recipe.options.env_file = (dir_ / ".env").string();
        recipe.scripts_dir = (dir_ / "scripts").string();
        return recipe;
    }
    Built build(const MigrationRule& rule = {}) const {
        return reload::build(recipe(), nullptr, rule);
    }
    std::shared_ptr<Generation> generation() const {
        auto built = build();
        for (const auto& each : built.findings)
            EXPECT_NE(each.severity, Severity::error) << each.text();
        return built.generation;
    }
    // Findings by where they are below this folder.
    std::vector<std::string> texts(const std::vector<Finding>& findings) const {
        std::vector<std::string> lines;
        for (const auto& each : findings) {
            auto line = each.text();
            const auto prefix = dir_.string() + "/";
            for (auto at = line.find(prefix); at != std::string::npos; at = line.find(prefix))
                line.erase(at, prefix.size());
            lines.push_back(std::move(line));
        }
        return lines;
    }

 private:
    fs::path dir_;
};

}  // namespace parley::reload
