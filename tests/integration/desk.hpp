// desk.hpp: a scripts folder and an overlay that belong to the test, and the service that works with
// them: what staff sit at while calls come in.
//
// Owner: the test. The files are the copy of the shipped ones, with an agent `front` and its tool
// `tell` added; nothing of the tree is written.
#pragma once

#include "stage.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace parley::integration {

namespace fs = std::filesystem;

// Prompt, greeting, library and settings each carry a mark, so that a call tells which generation
// each came from.
inline std::string agent_file(const std::string& mark) {
    return "return agent {\n  api = 1,\n  greeting = \"Hello, this is " + mark +
           ".\",\n  prompt = [[\nprompt=" + mark +
           " settings={mark}\nSay hello.\n]],\n  vars = { mark = \"none\" },\n  tools = { \"tell\" },\n}\n";
}
inline std::string tool_file(const std::string& mark) {
    return "local words = require \"lib.words\"\nreturn tool {\n  api = 1,\n  about = \"Tells the marks.\",\n  run = function(args, "
           "call)\n    return { tool = \"" +
           mark + "\", lib = words.mark, settings = call.vars.mark }\n  end,\n}\n";
}
inline std::string library_file(const std::string& mark) {
    return "return { mark = \"" + mark + "\" }\n";
}

class Desk {
 public:
    explicit Desk(const std::string& model = fast + "greeting: from_instructions\n",
                  const std::string& watch = "auto", std::vector<std::string> flags = {})
        : watch_(watch) {
        // The shipped settings name the shipped agent, which therefore must be there.
        fs::copy(fs::path(PARLEY_SOURCE_DIR) / "scripts", path(""), fs::copy_options::recursive);
        write_all("one");
        StageOptions options;
        options.overlay = settings("one");
        options.flags = std::move(flags);
        stage_ = std::make_unique<Stage>(model, std::move(options));
    }

    Stage& stage() { return *stage_; }
    Service& service() { return stage_->service(); }
    std::string path(const std::string& name) const { return scripts_ / name; }

    std::string settings(const std::string& mark, const std::string& more = "") const {
        return "scripts: {dir: \"" + (scripts_ / "") + "\", watch: " + watch_ +
               "}\nagents:\n  front:\n    script: front\n    vars: {mark: " + mark +
               "}\nnumbers:\n  default: front\n" + more;
    }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(path(name)).parent_path());
        std::ofstream(path(name), std::ios::binary) << text;
    }
    // As most editors save.
    static void save(const std::string& file, const std::string& text) {
        std::ofstream(file + ".tmp", std::ios::binary) << text;
        fs::rename(file + ".tmp", file);
    }
    void save_script(const std::string& name, const std::string& text) const {
        save(path(name), text);
    }
    // A service that watches sees all that `work` saves in one look, however long this machine takes
    // for it: it stands still meanwhile.
    template <class Work>
    void at_once(const Work& work) const {
        const bool is_watched = watch_ != "off";
        if (is_watched) stage_->service().signal(SIGSTOP);
        work();
        if (is_watched) stage_->service().signal(SIGCONT);
    }
    void save_all(const std::string& mark) const {
        at_once([&] {
            save_script("agents/front.lua", agent_file(mark));
            save_script("tools/tell.lua", tool_file(mark));
            save_script("lib/words.lua", library_file(mark));
            save(stage_->overlay(), settings(mark));
        });
    }

    net::Response api(const std::string& method, const std::string& path,
                      const std::string& token) {
        net::Request request;
        request.method = method;
        request.target = path;
        if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
        return service().ask(std::move(request));
    }
    json::object ask(const std::string& method, const std::string& path) {
        const auto response = api(method, path, stage_->admin_token());
        auto body = json_read::parse(response.body, 64);
        return body && body->is_object() ? std::move(body->get_object()) : json::object{};
    }
    json::object status() { return ask("GET", "/api/status"); }
    std::int64_t generation() { return number(status(), "generation"); }
    bool reaches(std::int64_t wanted) {
        return eventually([&] { return generation() == wanted; });
    }

    std::shared_ptr<sim::TwilioCall> dial(
        std::string_view steps = "steps: [{wait_for_agent: {silent_for_ms: 200}}, hang_up]") {
        return stage_->dial(steps);
    }
    // What the model was told at the beginning of its nth session.
    std::string instructions(std::size_t session) {
        const auto sessions = stage_->model().sessions();
        if (session >= sessions.size()) return "no such session";
        for (const auto* update : sessions[session].of_type("session.update")) {
            if (const auto* fields = json_read::object(update->event, "session"))
                return text(*fields, "instructions");
        }
        return "no session.update";
    }

 private:
    void write_all(const std::string& mark) const {
        write("agents/front.lua", agent_file(mark));
        write("tools/tell.lua", tool_file(mark));
        write("lib/words.lua", library_file(mark));
    }

    Folder scripts_;
    std::string watch_;
    std::unique_ptr<Stage> stage_;
};

}  // namespace parley::integration
