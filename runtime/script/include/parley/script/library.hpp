// library.hpp: the scripts folder as one immutable, checked whole.
//
// A Bundle is everything a call needs of agents/*.lua, tools/*.lua and lib/*.lua: bytecode with
// debug info, agent tables as data, tool declarations as JSON Schema. It is built aside, in a
// sandbox without I/O, and exists only when every file is right: a bad folder gives all its faults
// ("tools/x.lua:17: what; remedy"). Which bundle new calls use is decided by reload::Generations;
// calls in progress keep the one they started with.
//
// Thread: any; a Bundle is const and may be shared freely. Building is slow (milliseconds) and
// reads files: not on an io thread once calls are running.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/script/calendar.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace parley::script {

class Bundle {
 public:
    struct Content;
    explicit Bundle(std::unique_ptr<const Content> content);
    ~Bundle();
    Bundle(const Bundle&) = delete;
    Bundle& operator=(const Bundle&) = delete;

    // first 12 hexadecimal digits of the hash of all files
    const std::string& version() const;
    std::vector<std::string> agents() const;  // names of agents/*.lua
    std::vector<std::string> tools() const;   // names of tools/*.lua
    // {"type":"function","name","description","parameters"}
    const json::object* tool(std::string_view name) const;

    // What is wrong with these settings for the agent's script: no such script, a var the script
    // does not have, an unknown time zone, an unknown {var} in the greeting, and whatever the
    // script's check_vars() objects to.
    std::vector<Fault> check(const config::AgentSettings& settings) const;

    // The zone an agent lives in: its var time_zone, else UTC.
    std::shared_ptr<const TimeZone> time_zone(const config::AgentSettings& settings) const;
    // The vars a call begins with: the script's, with those of the settings on top.
    json::object vars(const config::AgentSettings& settings) const;

    const Content& content() const { return *content_; }  // private to this room

 private:
    std::unique_ptr<const Content> content_;
};

class Library {
 public:
    using Agents = std::map<std::string, config::AgentSettings>;
    template <class T>
    // every fault found, not only the first
    using Loaded = boost::system::result<T, std::vector<Fault>>;

    // `agents`: the configured ones; a folder that does not suit them is not good either.
    static Loaded<std::shared_ptr<const Bundle>> build(const std::string& dir,
                                                       const Agents& agents = {});
    // The same in two steps, for who must know that what was read is what was built.
    using Sources = std::map<std::string, std::string>;  // "tools/check_slots.lua" -> its text
    static Sources read(const std::string& dir, std::vector<Fault>& faults);
    static Loaded<std::shared_ptr<const Bundle>> build_from(const Sources& sources,
                                                            const Agents& agents = {});
};

}  // namespace parley::script
