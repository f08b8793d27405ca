// transcript.hpp: the journal of one call as people and other programs read it.
//
// Sans-I/O; knows no files. Speakers in text are customer, assistant and system; roles in JSON are
// user, assistant and system.
//
// Thread: one at a time.
#pragma once

#include <parley/call/journal.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::archive {

class Transcript {
 public:
    enum class Role { user, assistant, system };
    struct Message {
        WallTime at;
        Role role = Role::system;
        std::string content;       // of the assistant: what the caller heard
        std::string unheard = {};  // what was cut off
        std::string item_id = {};
    };

    explicit Transcript(std::string call_sid) : call_sid_(std::move(call_sid)) {}
    static Transcript of(std::string call_sid, const std::vector<call::journal::Entry>& entries);

    // The messages it adds; most entries add none.
    std::vector<Message> add(const call::journal::Entry& entry);
    // Messages of an earlier copy (of as_json()) that this one lacks.
    void take_in(const json::object& earlier);

    const std::string& call_sid() const { return call_sid_; }
    bool has_started() const { return has_started_; }
    bool is_over() const { return is_over_; }
    bool has_words() const;                 // of caller or agent
    std::vector<Message> messages() const;  // in the order they were spoken

    // "2026-11-20T18-52-03.120Z-CA1.txt" and "CA1_+15550100001_2026-11-20T18-52-03.120Z.json":
    // whatever the carrier sent as id and number, these lead into no other folder.
    std::string text_file_name() const;
    std::string json_file_name() const;

    // {"callSid", "phoneNumber", "timestamp", "messages": [{"role", "content", "timestamp",
    // "itemId"?, "unheard"?}], "endTime"?, "outcome"?, "reason"?, "duration"?, "complete"}
    json::object as_json() const;
    // "[2026-11-20T18:52:03.120Z] customer: Hello?", one line each.
    std::string as_lines() const;
    // "Caller: Hello?" and "Assistant: …" with a blank line between; system lines are left out.
    std::string as_conversation() const;

 private:
    std::string call_sid_;
    std::string number_;
    WallTime started_ = {};
    bool has_started_ = false;
    bool is_over_ = false;
    WallTime ended_ = {};
    std::string outcome_, reason_;
    std::int64_t duration_ms_ = 0;
    std::vector<Message> messages_;
};

// One line of as_lines(), with its line break.
std::string line_of(const Transcript::Message& message);

}  // namespace parley::archive
