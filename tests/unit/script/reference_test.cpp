// The annotations, the reference made from them, and the code: three things that must say the same.
#include "../../../runtime/script/src/reference.hpp"

#include "../../../runtime/script/src/bundle.hpp"
#include "../../../runtime/script/src/vm.hpp"
#include "support.hpp"

#include <parley/core/text.hpp>

#include <set>

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<AnnotatedFile> shipped_annotations() {
    auto files = read_all_annotations(std::string(PARLEY_SOURCE_DIR) + "/schemas/lua");
    if (!files) {
        for (const auto& fault : files.error()) ADD_FAILURE() << fault.text();
        return {};
    }
    return std::move(*files);
}

std::vector<std::string> missing(const std::vector<std::string>& from,
                                 const std::vector<std::string>& in) {
    std::vector<std::string> found;
    for (const auto& name : from) {
        if (std::find(in.begin(), in.end(), name) == in.end()) found.push_back(name);
    }
    return found;
}

// Names that are worked out when they are asked for, so that no table lists them.
const std::vector<std::string> worked_out{"call.idempotency_key"};

TEST(Annotations, NameWhatScriptsCanUseAndNothingElse) {
    const auto bundle =
        bundle_of({{"agents/tester.lua", agent_file()}, {"tools/probe.lua", tool_file("")}});
    ASSERT_TRUE(bundle);
    Vm::World world;
    world.wall_now = [] { return WallTime(); };
    world.zone = TimeZone::find("UTC");
    const auto vm = Vm::create(bundle->content().files, {}, std::move(world));
    ASSERT_TRUE(vm);
    const auto names = vm->names();
    const auto annotated = annotated_names(shipped_annotations());
    EXPECT_GT(names.size(), 100u);
    EXPECT_THAT(missing(names, annotated), IsEmpty()) << "in the code, not in schemas/lua";
    auto gone = missing(annotated, names);
    std::erase_if(gone, [](const std::string& name) {
        return std::find(worked_out.begin(), worked_out.end(), name) != worked_out.end();
    });
    EXPECT_THAT(gone, IsEmpty()) << "in schemas/lua, not in the code";
}

std::vector<std::string> fields_of(const char* file, const char* class_name) {
    std::vector<std::string> names;
    for (const auto& one : shipped_annotations()) {
        const auto* found = one.name == file ? one.find_class(class_name) : nullptr;
        for (std::size_t i = 0; found != nullptr && i < found->fields.size(); ++i) {
            std::string name = found->fields[i].name;
            if (name.ends_with('?')) name.pop_back();
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

// The keys a file accepts are in the message that lists them: "known here: api, about, ...".
std::vector<std::string> keys_known(const Files& files) {
    std::vector<std::string> names;
    for (const auto& fault : faults_of(files)) {
        const auto at = fault.find("known here: ");
        if (at == std::string::npos) continue;
        for (const auto name : split(std::string_view(fault).substr(at + 12), ','))
            names.emplace_back(trim(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

TEST(Annotations, NameTheKeysOfAgentsAndTools) {
    EXPECT_EQ(keys_known({{"agents/a.lua", "return agent { qqqqqqqqqqqq = 1 }"}}),
              fields_of("agent", "agent.Spec"));
    EXPECT_EQ(keys_known({{"tools/a.lua", "return tool { qqqqqqqqqqqq = 1 }"}}),
              fields_of("tool", "tool.Spec"));
}

TEST(Annotations, AreFaultyWithoutTextParametersOrExample) {
    std::vector<Fault> faults;
    const auto file = read_annotations(
        "x",
        "---@meta\n\n--- A table.\n---@class x\n---@field f? table<string, any> A field\nx = {}\n\n"
        "--- Does it.\n---@param a string The a\n---@param b? fun(i: T): any\n---@return string? text Some text\n"
        "---@return Problem? problem\n--- ```lua\n--- x.f(1)\n--- ```\nfunction x.f(a, b) end\n\n"
        "function x.g(a) end\n",
        faults);
    EXPECT_THAT(
        texts(faults),
        ElementsAre("schemas/lua/x.lua:18: x.g: the arguments and the ---@param lines differ",
                    "schemas/lua/x.lua:18: x.g: a text is missing",
                    "schemas/lua/x.lua:18: x.g: an example is missing"));
    ASSERT_EQ(file.functions.size(), 2u);
    const auto& f = file.functions[0];
    EXPECT_EQ(f.signature, "x.f(a, b)");
    EXPECT_EQ(f.params[0].text, "The a");
    EXPECT_EQ(f.params[1].name + " " + f.params[1].type, "b? fun(i: T): any");
    EXPECT_EQ(f.returns[0].type + " " + f.returns[0].name + " " + f.returns[0].text,
              "string? text Some text");
    EXPECT_EQ(f.example, "x.f(1)\n");
    ASSERT_NE(file.find_class("x"), nullptr);
    EXPECT_EQ(file.find_class("x")->fields[0].type, "table<string, any>");
}

TEST(Reference, IsMadeFromTheAnnotations) {
    const std::string path = std::string(PARLEY_SOURCE_DIR) + "/docs/scripting/reference.md";
    std::ifstream in(path, std::ios::binary);
    const std::string committed{std::istreambuf_iterator<char>(in), {}};
    EXPECT_TRUE(committed == reference_page(shipped_annotations()))
        << path << " is out of date: run ./dev docs";
}

// Every example is Lua that compiles.
TEST(Reference, HasExamplesThatCompile) {
    for (const auto& file : shipped_annotations()) {
        for (const auto& function : file.functions) {
            std::string code = function.example;
            if (file.name == "param") code = "local params = {\n" + code + "}\n";
            // Some lines of the kind `time.today() -- x` are values, not statements.
            auto compiled = compile(function.name, code);
            if (!compiled) {
                std::string as_value;
                for (const auto line : split(code, '\n'))
                    as_value += trim(line).empty() ? "" : "local _ = " + std::string(line) + "\n";
                compiled = compile(function.name, as_value);
            }
            EXPECT_TRUE(compiled.has_value())
                << function.name << ": " << compiled.error().text() << "\n"
                << function.example;
        }
    }
}

}  // namespace
}  // namespace parley::script
