// suite.hpp: what `parley test` runs: scenarios (*.yaml) and tests of scripts (*_test.lua), one
// after the other.
//
// Thread: one. Nothing here waits: a suite takes as long as its computing.
#pragma once

#include <parley/config/yaml_file.hpp>
#include <parley/engine/openai_options.hpp>
#include <parley/rehearsal/record.hpp>
#include <parley/rehearsal/stage.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::rehearsal {

// One scenario, or one `it` of a test of scripts.
struct TestResult {
    struct Broken {
        std::string where;  // "tests/scenarios/a.yaml:12"
        std::string what;   // what was expected
        std::string found;  // and what was found; may be empty
    };
    std::string file;
    std::string name;
    std::vector<Broken> broken;  // empty: passed
    std::string conversation;    // of a scenario that failed
    std::size_t turns = 0;
    int runs = 1;  // with a real model: how often it was played
    int runs_passed = 0;
    bool is_left_out = false;  // cannot be played with a real model
    bool has_passed() const { return broken.empty(); }
};

struct SuiteOptions {
    // files and folders; empty: tests/scenarios and tests/scripts
    std::vector<std::string> paths;
    std::string filter;  // only tests whose file or name contains it, in any case
    Ink ink = Ink::plain;
    // scenarios with a real model, `times` each; no tests of scripts
    std::optional<engine::OpenAiOptions> live = {};
    int times = 1;
    // Tests in a folder with a parley.yaml are played with the settings in it; empty: that file is
    // not looked at.
    std::function<boost::system::result<Stage, std::vector<Fault>>(
        const std::string& settings_file)>
        load_stage = {};
};

class Suite {
 public:
    Suite(const Stage& stage, std::shared_ptr<const config::FileSchema> schema,
          SuiteOptions options);

    // `each` is told of every test as it ends.
    void run(const std::function<void(const TestResult&)>& each);

    std::size_t passed() const { return passed_; }
    std::size_t failed() const { return failed_; }
    std::size_t turns() const { return turns_; }

 private:
    struct File {
        std::string path;
        enum class Kind { scenario, script_test } kind;
    };
    // Sorted; faults of paths that lead nowhere become failed tests.
    std::vector<File> files(const std::function<void(TestResult)>& refuse) const;
    bool is_wanted(const std::string& file, const std::string& name) const;
    // The stage of a folder's tests; null, with a failed test, when its settings are wrong.
    const Stage* stage_of(const std::string& path, const std::function<void(TestResult)>& refuse);
    void play(const std::string& path, const Stage& stage,
              const std::function<void(TestResult)>& done) const;

    void run_scripts(const std::string& path, const Stage& stage,
                     const std::function<void(TestResult)>& done) const;

    const Stage& stage_;
    const std::shared_ptr<const config::FileSchema> schema_;
    const SuiteOptions options_;
    // by folder; null: its settings are wrong
    std::map<std::string, std::unique_ptr<Stage>> stages_;
    std::size_t passed_ = 0;
    std::size_t failed_ = 0;
    std::size_t turns_ = 0;
};

// "✓ tests/scenarios/a.yaml  A caller books" or the conversation with what is broken, for a
// terminal.
std::string shown(const TestResult& result, Ink ink);

}  // namespace parley::rehearsal
