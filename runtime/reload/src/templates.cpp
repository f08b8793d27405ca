#include <parley/reload/templates.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace parley::reload {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t name_bytes_max = 40;  // as the scripts folder has it

constexpr std::string_view agent_template =
    R"(-- Who answers the phone. Save this file, and the next call has what you changed.
-- What may stand here: docs/scripting/agents.md. `parley check` tells what is wrong, with the line.
return agent {
  api = 1,
  name = "@Name@",

  -- Spoken first, word for word. Without it the caller speaks first.
  greeting = "Hello, this is {company}. How can I help you?",

  -- What the model is told. {company} and other vars are filled in; {today}, {now}, {weekday} and {caller} always exist.
  prompt = [[
You are @Name@, and you answer the phone for {company}. Today is {weekday}, {today}.
- Be warm, calm and brief: one or two short sentences, then let the caller speak.
- This is a phone call: no lists, no symbols. Say dates and times as people say them.
- If you do not know something, say so. Never invent an answer.

When the caller needs nothing more, say goodbye in one short sentence@goodbye@.
]],

  -- Each can be set for every agent in the YAML settings, under agents.NAME.vars.
  vars = {
    company = "our company",
  },

  -- Names of files in scripts/tools/. A new one: parley new tool NAME
  tools = {@tools@},

  -- Runs before the greeting, for instance to look the caller up. What it sets in call.vars goes into the texts above.
  -- on_start = function(call)
  --   local rows = db.query("SELECT name FROM customers WHERE phone = ?", call.from)
  --   if rows and rows[1] then call.vars.customer = rows[1].name end
  -- end,
}
)";

constexpr std::string_view scenario_template = R"(# yaml-language-server: $schema=@schema@
#
# A call as data, and what must come of it. Play it: parley test tests/scenarios/@name@.yaml
scenario: A caller talks to @Name@ and hangs up

call:
  agent: @name@

steps:
  - caller says: "Hello, are you there?"
  - model says: "Yes, I am here. How can I help you?"
  - expect: { heard: "I am here" }
  - caller hangs up

expect:
  reason: caller_hung_up
)";

constexpr std::string_view tool_template =
    R"(-- Something an agent can do. Name it in the agent's `tools`, and tell the agent in its prompt when to use it.
-- What may stand here: docs/scripting/tools.md. `parley check` tells what is wrong, with the line.
return tool {
  api = 1,

  -- For the model: what the tool does, and when to use it.
  about = "Describe in one sentence what this does. Say when to use it.",

  -- What the model must give. The first text of each tells it what is meant; the runtime checks what it gives.
  -- Kinds: text, integer, number, yes_no, date, time, phone, choice, list, object.
  params = {
    name = param.text { "The caller's full name", required = true, max = 120 },
    -- day = param.date { "The day the caller wants, as YYYY-MM-DD" },
    -- size = param.choice { "Which size", "small", "large", default = "small" },
  },

  -- Seconds, waiting included.
  -- timeout = 5,

  run = function(args, call)
    -- A question to the database. What can go wrong outside comes back as nil and a problem:
    -- local rows, problem = db.query("SELECT * FROM things WHERE name = ?", args.name)
    -- if not rows then return fail("I cannot look that up at the moment.", problem) end

    -- The model gets what is returned, and puts it into words.
    return { greeting = "Hello, " .. args.name }
  end,
}
)";

constexpr std::string_view tool_test_template =
    R"(-- Tests of tools/@name@.lua, in the same sandbox as in a call. Run them: parley test tests/scripts/@name@_test.lua
describe("@name@", function()
  it("greets by name", function()
    local result = run_tool("@name@", { name = "Ann Lee" })
    expect(result.greeting).to_equal("Hello, Ann Lee")
  end)

  it("does not run without a name", function()
    local result = run_tool("@name@", {})
    expect(result.error).to_equal("bad_arguments")
  end)
end)
)";

std::string filled(std::string_view text,
                   std::initializer_list<std::pair<std::string_view, std::string>> words) {
    std::string out(text);
    for (const auto& [word, value] : words) {
        for (auto at = out.find(word); at != std::string::npos;
             at = out.find(word, at + value.size()))
            out.replace(at, word.size(), value);
    }
    return out;
}

// "front_desk" -> "Front desk"
std::string title_of(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    if (name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

bool is_file_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

}  // namespace

Checked<Plan> plan(New what, const std::string& name, const std::string& scripts_dir,
                   const std::string& settings_file) {
    const char* kind = what == New::agent ? "agent" : "tool";
    if (!is_file_name(name)) {
        return Fault{fmt::format("new {} {}", kind, name),
                     "the name becomes a file's, of a-z, 0-9 and _, at most 40 characters",
                     "write for instance front_desk"};
    }
    const fs::path scripts(scripts_dir);
    auto above = scripts.lexically_normal();
    above = (above.has_filename() ? above : above.parent_path()).parent_path();
    const auto tests = above / "tests";
    Plan plan;
    if (what == New::agent) {
        const bool can_end = fs::exists(scripts / "tools" / "end_call.lua");
        const auto schema = fs::exists(above / "schemas" / "scenario.schema.json") || above.empty()
                                ? "../../schemas/scenario.schema.json"
                                : "scenario.schema.json";
        const auto path = (scripts / "agents" / (name + ".lua")).lexically_normal().string();
        const auto scenario = (tests / "scenarios" / (name + ".yaml")).lexically_normal().string();
        plan.files.push_back(
            {path,
             filled(agent_template, {{"@Name@", title_of(name)},
                                     {"@name@", name},
                                     {"@tools@", can_end ? " \"end_call\" " : ""},
                                     {"@goodbye@", can_end ? " and then call end_call" : ""}})});
        plan.files.push_back({scenario, filled(scenario_template, {{"@Name@", title_of(name)},
                                                                   {"@name@", name},
                                                                   {"@schema@", schema}})});
        plan.next_steps = fmt::format(R"(Now:
  1. Say in {} who it is and what it does.
  2. Name it in {}:
       agents:
         {}:
           script: {}
       numbers:
         +15550100001: {}        # the number that it answers
  3. parley check
     parley test {}
)",
                                      path, settings_file, name, name, name, scenario);
    } else {
        const auto path = (scripts / "tools" / (name + ".lua")).lexically_normal().string();
        const auto test = (tests / "scripts" / (name + "_test.lua")).lexically_normal().string();
        plan.files.push_back({path, std::string(tool_template)});
        plan.files.push_back({test, filled(tool_test_template, {{"@name@", name}})});
        plan.next_steps = fmt::format(R"(Now:
  1. Say in {} what it does, and do it in `run`.
  2. Give it to an agent, in scripts/agents/NAME.lua:
       tools = {{ "{}", ... }}
     and say in its prompt when to call {}.
  3. parley check
     parley test {}
)",
                                      path, name, name, test);
    }
    return {boost::system::in_place_value, std::move(plan)};
}

Checked<void> write(const Plan& plan) {
    for (const auto& file : plan.files) {
        if (fs::exists(file.path))
            return Fault{file.path, "is there already, and nothing was written",
                         "choose another name, or remove it"};
    }
    for (const auto& file : plan.files) {
        std::error_code error;
        const auto folder = fs::path(file.path).parent_path();
        if (!folder.empty()) fs::create_directories(folder, error);
        if (error) return Fault{folder.string(), "the folder cannot be made: " + error.message()};
        // O_EXCL: never over a file that somebody has made meanwhile.
        const int out = open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        const auto size = static_cast<ssize_t>(file.text.size());
        const bool is_written =
            out >= 0 && ::write(out, file.text.data(), file.text.size()) == size;
        const int why = errno;
        if (out >= 0) close(out);
        if (!is_written)
            return Fault{file.path, fmt::format("cannot be written: {}", std::strerror(why)),
                         "check the folder's permissions"};
    }
    return {};
}

}  // namespace parley::reload
