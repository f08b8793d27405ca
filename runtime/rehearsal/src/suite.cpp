#include <parley/rehearsal/suite.hpp>

#include "compare.hpp"
#include "tool_world.hpp"

#include <parley/rehearsal/performance.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace parley::rehearsal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_max = 10'000;

constexpr const char* settings_file = "parley.yaml";

bool is_scenario(const fs::path& path) {
    return path.filename() != settings_file &&
           (path.extension() == ".yaml" || path.extension() == ".yml");
}
bool is_script_test(const fs::path& path) {
    return path.filename().string().ends_with("_test.lua");
}

TestResult refused(const std::string& file, const std::vector<Fault>& faults) {
    TestResult result{.file = file, .name = file};
    for (const auto& fault : faults) {
        std::string what = fault.what;
        if (!fault.remedy.empty()) what += "; " + fault.remedy;
        result.broken.push_back({fault.where.empty() ? file : fault.where, std::move(what), ""});
    }
    return result;
}

}  // namespace

Suite::Suite(const Stage& stage, std::shared_ptr<const config::FileSchema> schema,
             SuiteOptions options)
    : stage_(stage), schema_(std::move(schema)), options_(std::move(options)) {}

std::vector<Suite::File> Suite::files(const std::function<void(TestResult)>& refuse) const {
    std::vector<File> found;
    const auto add = [&](const fs::path& path) {
        if (is_scenario(path)) found.push_back({path.string(), File::Kind::scenario});
        if (is_script_test(path)) found.push_back({path.string(), File::Kind::script_test});
    };
    std::vector<std::string> paths = options_.paths;
    if (paths.empty()) paths = {"tests/scenarios", "tests/scripts"};
    for (const auto& path : paths) {
        std::error_code error;
        if (fs::is_directory(path, error)) {
            const std::size_t first = found.size();
            for (fs::recursive_directory_iterator it(path, error), end;
                 !error && it != end && found.size() < files_max; it.increment(error)) {
                if (it->is_regular_file(error)) add(it->path());
            }
            std::sort(found.begin() + static_cast<std::ptrdiff_t>(first), found.end(),
                      [](const File& a, const File& b) { return a.path < b.path; });
            continue;
        }
        const bool is_default = options_.paths.empty();
        if (!fs::exists(path, error)) {
            if (!is_default) refuse(refused(path, {{path, "there is no such file or folder", ""}}));
        } else if (!is_scenario(path) && !is_script_test(path)) {
            refuse(refused(
                path, {{path, "is neither a scenario (*.yaml) nor a test of scripts (*_test.lua)",
                        "name it accordingly"}}));
        } else {
            add(path);
        }
    }
    return found;
}

bool Suite::is_wanted(const std::string& file, const std::string& name) const {
    return options_.filter.empty() || contains_words(file, options_.filter) ||
           contains_words(name, options_.filter);
}

const Stage* Suite::stage_of(const std::string& path,
                             const std::function<void(TestResult)>& refuse) {
    const fs::path folder = fs::path(path).parent_path();
    std::error_code error;
    if (!options_.load_stage || !fs::exists(folder / settings_file, error)) return &stage_;
    const auto known = stages_.find(folder.string());
    if (known != stages_.end()) return known->second.get();
    auto loaded = options_.load_stage((folder / settings_file).string());
    auto& stage = stages_[folder.string()];
    if (loaded) {
        stage = std::make_unique<Stage>(std::move(*loaded));
    } else {
        refuse(refused((folder / settings_file).string(), loaded.error()));
    }
    return stage.get();
}

void Suite::play(const std::string& path, const Stage& stage,
                 const std::function<void(TestResult)>& done) const {
    const auto scenario = Scenario::load(path, *schema_);
    if (!scenario) {
        if (is_wanted(path, path)) done(refused(path, scenario.error()));
        return;
    }
    if (!is_wanted(path, scenario->name)) return;
    TestResult result{.file = path, .name = scenario->name};
    result.runs = options_.live ? options_.times : 1;
    for (int run = 0; run < result.runs; ++run) {
        auto performed = options_.live ? perform_live(*scenario, stage, *options_.live)
                                       : perform(*scenario, stage);
        if (!performed) {
            result = refused(path, {performed.error()});
            result.name = scenario->name;
            result.is_left_out = options_.live.has_value();
            return done(std::move(result));
        }
        result.turns += performed->turns;
        if (performed->has_passed()) {
            ++result.runs_passed;
            continue;
        }
        result.broken.clear();
        for (const auto& broken : performed->broken) {
            result.broken.push_back(
                {broken.line == 0 ? path : fmt::format("{}:{}", path, broken.line), broken.text,
                 broken.detail});
        }
        result.conversation = conversation(performed->record, options_.ink);
    }
    done(std::move(result));
}

void Suite::run_scripts(const std::string& path, const Stage& stage,
                        const std::function<void(TestResult)>& done) const {
    std::ifstream in(path, std::ios::binary);
    const std::string source(std::istreambuf_iterator<char>(in), {});
    const auto tests = script::ScriptTests::load(stage.bundle, path, source);
    if (!tests) {
        if (is_wanted(path, path)) done(refused(path, {tests.error()}));
        return;
    }
    for (std::size_t i = 0; i < tests->tests().size(); ++i) {
        const auto& test = tests->tests()[i];
        if (!is_wanted(path, test.name)) continue;
        TestResult result{.file = path, .name = test.name};
        auto world = ToolWorld::make(stage);
        if (!world) return done(refused(path, {world.error()}));
        if (const auto failure = tests->run(i, **world))
            result.broken.push_back({failure->where, failure->what, failure->found});
        done(std::move(result));
    }
}

void Suite::run(const std::function<void(const TestResult&)>& each) {
    const auto count = [&](const TestResult& result) {
        if (!result.is_left_out) (result.has_passed() ? passed_ : failed_) += 1;
        turns_ += result.turns;
        each(result);
    };
    for (const auto& file : files(count)) {
        if (file.kind == File::Kind::script_test && options_.live) continue;
        const auto* stage = stage_of(file.path, count);
        if (stage == nullptr) continue;
        if (file.kind == File::Kind::scenario) {
            play(file.path, *stage, count);
        } else {
            run_scripts(file.path, *stage, count);
        }
    }
}

std::string shown(const TestResult& result, Ink ink) {
    const bool is_coloured = ink == Ink::ansi;
    if (result.is_left_out)
        return fmt::format("- {}  {}: left out, {}\n", result.file, result.name,
                           result.broken.front().what);
    const std::string rate =
        result.runs > 1 ? fmt::format("  {} of {}", result.runs_passed, result.runs) : "";
    if (result.has_passed()) {
        return fmt::format("{}✓{} {}  {}{}\n", is_coloured ? "\033[32m" : "",
                           is_coloured ? "\033[0m" : "", result.file, result.name, rate);
    }
    std::string text = fmt::format("{}✗{} {}  {}{}\n", is_coloured ? "\033[31m" : "",
                                   is_coloured ? "\033[0m" : "", result.file, result.name, rate);
    if (!result.conversation.empty()) return text + "\n" + result.conversation + "\n";
    for (const auto& broken : result.broken) {
        text += fmt::format("  ✗ {}: {}\n", broken.where, broken.what);
        if (!broken.found.empty()) text += fmt::format("      found: {}\n", broken.found);
    }
    return text;
}

}  // namespace parley::rehearsal
