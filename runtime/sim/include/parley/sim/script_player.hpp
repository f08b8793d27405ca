// script_player.hpp: decides what the simulated model answers next.
//
// One per session. It knows turns, tool results and variables, and nothing of events, audio or
// sockets. A turn is used up when its answer begins to sound; an answer that failed or was cut off
// before its first sound is put back, because a caller who pauses in mid-sentence has not had an
// answer yet.
#pragma once

#include <parley/sim/model_script.hpp>
#include <parley/sim/template.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::sim {

// One response: something said, then tools called; both may be missing.
struct Answer {
    struct Call {
        std::string tool;
        json::object arguments;
    };
    static constexpr int no_turn = -1;

    std::string says;
    std::vector<Call> calls;
    int turn = no_turn;  // 0: the greeting, n: the script's nth turn
};

class ScriptPlayer {
 public:
    // `script` must outlive the player.
    ScriptPlayer(const ModelScript& script, Day today) : script_(&script), today_(today) {}

    // A finished utterance; returns what transcription makes of it.
    std::string caller_spoke();
    // The answer to a finished utterance, when the server creates the response by itself.
    Answer answer_caller();
    // The answer to response.create; no instructions: as the conversation stands.
    Answer answer_request(std::string_view instructions);
    // The last answer was not heard at all: what it answered is unanswered again.
    void put_back();

    // The last answer's calls were made, under these ids, in order.
    void calls_made(const std::vector<std::string>& call_ids);
    void tool_result(std::string_view call_id, std::string_view output);

    // The client wrote a message into the conversation. After a reconnect it writes down the whole
    // conversation so far, which tells how far the script has come.
    void client_wrote(std::string_view role, std::string_view text);
    // Variables that an earlier connection remembered; taken over if the client replays a
    // conversation.
    void offer(json::object variables) { offered_ = std::move(variables); }
    const json::object& variables() const { return variables_; }

    // Templates that could not be filled and the like: mistakes of the script, not of the client.
    const std::vector<std::string>& problems() const { return problems_; }

 private:
    // Calls that were made and whose results have not been answered yet.
    struct Waiting {
        const ModelTurn* turn = nullptr;
        int number = 0;
        std::vector<std::pair<std::string, std::string>> outstanding;  // call id, tool
        json::value result;                                            // the last one
    };
    enum class Source { none, greeting, request, turn, results };

    Answer next_turn();
    Answer greeting(std::string_view instructions);
    Answer answer_results();
    Answer speak(const ModelTurn& turn, int number, const json::value& result);
    Answer fallback();
    std::deque<Waiting>::iterator finished_results();
    void remember(const ModelTurn& turn, const json::value& result);
    json::object scope(const json::value& result) const;
    bool applies(const std::string& condition, const json::value& result) const;
    std::string heard_of(std::size_t turn);

    const ModelScript* script_;
    Day today_;
    json::object variables_;
    json::object offered_;
    std::size_t next_turn_ = 0;
    bool is_greeted_ = false;
    bool is_unanswered_ = false;       // the caller has said something
    bool is_next_turn_heard_ = false;  // ... and it has been transcribed
    std::deque<Waiting> waiting_;

    // Of the last answer.
    Source source_ = Source::none;
    const ModelTurn* spoken_turn_ = nullptr;
    int spoken_number_ = 0;
    std::vector<std::string> spoken_tools_;
    std::optional<Waiting> spoken_results_;

    std::string told_;  // what is to be said to a system text
    std::vector<std::string> problems_;
};

// What a client wants to be said word for word: the last quotation in its instructions (the agent's
// prompt, which may quote as well, comes before it), or else what follows the first colon; empty
// when there is neither.
std::string wanted_words(std::string_view instructions);

}  // namespace parley::sim
