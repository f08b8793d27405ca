#include <parley/rehearsal/complaint.hpp>

#include <parley/core/text.hpp>
#include <parley/rehearsal/performance.hpp>
#include <parley/script/calendar.hpp>

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>
#include <set>

namespace parley::rehearsal {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t bytes_per_ms = 8;
constexpr milliseconds silence_worth_a_step{9'500};  // shorter pauses change nothing
constexpr int tries_max = 20;                        // what is mended may bring another to light

// A text as YAML takes it: JSON is YAML.
std::string in_quotes(std::string_view text) { return json::serialize(json::string(text)); }

std::string seconds_text(nanoseconds span) {
    const auto ms = std::chrono::duration_cast<milliseconds>(span).count();
    return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

struct Move {
    enum class Kind {
        says,
        interrupts,
        presses,
        silent,
        model,
        fails,
        drops,
        transfer,
        hangs_up
    } kind;
    std::string text;  // said, pressed, how it failed
    std::string id;    // of the caller's item, or the response
    nanoseconds span{0};
    std::vector<std::pair<std::string, std::string>> calls = {};  // tool call id, name
    bool is_for_good = false;
};

// Goes through the lines and tells the moves.
class Reader {
 public:
    explicit Reader(const Recording& recording) : recording_(recording) {}

    void read() {
        for (const auto& line : recording_.lines) {
            const auto space = std::min(line.event.find(' '), line.event.size());
            const std::string name = line.event.substr(0, space);
            const std::string_view rest =
                std::string_view(line.event).substr(std::min(space + 1, line.event.size()));
            const auto parsed = json_read::parse(rest);
            const json::object none;
            const json::object& of = parsed && parsed->is_object() ? parsed->get_object() : none;
            on(name, rest, of, line);
            for (const auto& command : line.commands) on_command(command, line.at);
        }
        // What was cut off before it was said in full.
        for (auto& move : moves) {
            if (move.kind == Move::Kind::model && move.text.empty()) move.text = written_[move.id];
        }
        std::erase_if(moves, [](const Move& move) {
            const bool is_caller =
                move.kind == Move::Kind::says || move.kind == Move::Kind::interrupts;
            return (is_caller && move.text.empty()) ||
                   (move.kind == Move::Kind::model && move.text.empty() && move.calls.empty());
        });
    }

    std::vector<Move> moves;
    std::map<std::string, std::string> results;  // by tool call
    std::map<std::string, std::string> arguments;
    std::string outcome, reason;

 private:
    static std::string text(const json::object& of, std::string_view key) {
        return json_read::text(of, key);
    }

    void on(const std::string& name, std::string_view rest, const json::object& of,
            const Recording::Line& line) {
        if (name == "speech_started") {
            caller_begins(text(of, "item"), line.at);
        } else if (name == "caller_said") {
            for (auto& move : moves) {
                if (move.id == text(of, "item")) move.text = text(of, "text");
            }
        } else if (name == "dtmf") {
            const bool goes_on = !moves.empty() && moves.back().kind == Move::Kind::presses;
            if (!goes_on) moves.push_back({Move::Kind::presses, "", ""});
            moves.back().text += rest;
        } else if (name == "response") {
            if (is_cue_) cues_.insert(text(of, "id"));
            is_cue_ = false;
        } else if (name == "agent_text") {
            if (auto* move = model(text(of, "response"))) written_[move->id] += text(of, "delta");
        } else if (name == "agent_done") {
            if (auto* move = model(text(of, "response")))
                move->text += (move->text.empty() ? "" : " ") + text(of, "text");
        } else if (name == "tool_called") {
            arguments[text(of, "id")] = text(of, "arguments");
            if (auto* move = model(text(of, "response")))
                move->calls.emplace_back(text(of, "id"), text(of, "name"));
        } else if (name == "response_done" && json_read::integer(of, "status") == 3) {
            const std::string detail = text(of, "detail");
            const bool is_limit = detail.find("rate_limit") != std::string::npos;
            const std::string how = is_limit                                      ? "rate limit"
                                    : json_read::boolean(of, "may_retry") == true ? "server error"
                                                                                  : "out of quota";
            moves.push_back({Move::Kind::fails, how, ""});
        } else if (name == "lost") {
            moves.push_back({.kind = Move::Kind::drops,
                             .text = "",
                             .id = "",
                             .is_for_good = json_read::boolean(of, "may_retry") == false});
        } else if (name == "transfer_ended") {
            handed_over_at_.reset();
            std::string how = text(of, "how");
            std::replace(how.begin(), how.end(), '_', ' ');
            moves.push_back({Move::Kind::transfer, std::move(how), ""});
        } else if (name == "gone" && handed_over_at_) {
            moves.push_back({.kind = Move::Kind::hangs_up,
                             .text = "",
                             .id = "",
                             .span = line.at - *handed_over_at_});
        } else if (name == "gone") {
            silence_until(line.at);
            moves.push_back({Move::Kind::hangs_up, "", ""});
        } else if (name == "script" && rest.starts_with("tool_finished ")) {
            const auto result =
                json_read::parse(rest.substr(std::string_view("tool_finished ").size()));
            if (result && result->is_object())
                results[text(result->get_object(), "id")] = text(result->get_object(), "output");
        }
    }

    void on_command(const std::string& command, nanoseconds at) {
        if (command.starts_with("play ")) {
            std::size_t bytes = 0;
            std::from_chars(command.data() + 5, command.data() + command.size(), bytes);
            if (playing_until_ < at) playing_since_ = at;
            playing_until_ = std::max(playing_until_, at) + milliseconds(bytes / bytes_per_ms);
        } else if (command == "clear") {
            playing_until_ = at;
        } else if (command.starts_with("hand_over ")) {
            handed_over_at_ = at;
        } else if (command.starts_with("respond ")) {
            is_cue_ = command != R"(respond {"instructions":""})";
        } else if (command.starts_with("finish ")) {
            const auto parsed = json_read::parse(std::string_view(command).substr(7));
            if (parsed && parsed->is_object()) {
                outcome = text(parsed->get_object(), "outcome");
                reason = text(parsed->get_object(), "reason");
            }
        }
    }

    void caller_begins(const std::string& item, nanoseconds at) {
        if (at < playing_until_) {
            moves.push_back({Move::Kind::interrupts, "", item, at - playing_since_});
            return;
        }
        silence_until(at);
        moves.push_back({Move::Kind::says, "", item});
    }

    void silence_until(nanoseconds at) {
        if (playing_until_.count() > 0 && at - playing_until_ > silence_worth_a_step)
            moves.push_back({Move::Kind::silent, "", "", at - playing_until_});
    }

    // The move of a response, made when it first does something; null for what the runtime itself
    // asked for.
    Move* model(const std::string& response) {
        if (cues_.contains(response)) return nullptr;
        for (auto& move : moves) {
            if (move.kind == Move::Kind::model && move.id == response) return &move;
        }
        moves.push_back({Move::Kind::model, "", response});
        return &moves.back();
    }

    const Recording& recording_;
    std::set<std::string> cues_;
    std::map<std::string, std::string> written_;
    bool is_cue_ = false;
    nanoseconds playing_since_{0}, playing_until_{0};
    std::optional<nanoseconds> handed_over_at_;
};

// Lines of YAML; those in `notes` are comments from now on.
class Writer {
 public:
    void add(std::string line) { lines_.push_back({std::move(line), false}); }
    // An expectation: one line, which can become a comment.
    void expect(std::string line) { lines_.push_back({std::move(line), true}); }
    std::size_t size() const { return lines_.size(); }
    std::string text() const {
        std::string all;
        for (const auto& [line, is_expectation] : lines_) all += line + "\n";
        return all;
    }
    // False where that line is no expectation.
    bool drop(std::size_t number, std::string_view why) {
        if (number == 0 || number > lines_.size() || !lines_[number - 1].second) return false;
        auto& [line, is_expectation] = lines_[number - 1];
        const auto indent = std::min(line.find_first_not_of(' '), line.size());
        line = line.substr(0, indent) + "# does not hold in a fresh database (" + std::string(why) +
               "): " + line.substr(indent);
        is_expectation = false;
        return true;
    }

 private:
    std::vector<std::pair<std::string, bool>> lines_;
};

std::string call_yaml(const std::string& name, const std::string& arguments) {
    const auto parsed = json_read::parse(arguments);
    if (!parsed || !parsed->is_object() || parsed->get_object().empty())
        return fmt::format("{{{}: {{}}}}", name);
    return fmt::format("{{{}: {}}}", name, json::serialize(*parsed));
}

std::string local_time(const Recording& recording, const script::TimeZone& zone) {
    const auto local = zone.local(recording.call.info.started_at);
    return fmt::format("{} {}", script::format_date(local.date),
                       script::format_time(local.minutes));
}

// `began` gets the move that each line belongs to.
void write(const Recording& recording, const Reader& read, const script::TimeZone& zone,
           Writer& out, std::map<std::size_t, std::size_t>& began) {
    const auto& call = recording.call;
    out.add("# yaml-language-server: $schema=../../schemas/scenario.schema.json");
    out.add(fmt::format(
        "# From the call {}. What people said may not be for everybody: read it before you share it.",
        call.info.call_sid));
    out.add(fmt::format("scenario: {}", in_quotes(fmt::format("What happened in the call of {}",
                                                              local_time(recording, zone)))));
    out.add("call:");
    out.add(fmt::format("  {{from: {}, to: {}, at: {}, agent: {}, seed: {}}}",
                        in_quotes(call.info.from), in_quotes(call.info.to),
                        in_quotes(local_time(recording, zone)), in_quotes(call.agent.name),
                        call.seed));
    out.add("steps:");
    for (std::size_t index = 0; index < read.moves.size(); ++index) {
        const Move& move = read.moves[index];
        began[out.size() + 1] = index;
        switch (move.kind) {
            case Move::Kind::says:
                out.add(fmt::format("  - caller says: {}", in_quotes(move.text)));
                break;
            case Move::Kind::interrupts:
                out.add(fmt::format("  - caller interrupts after: {}", seconds_text(move.span)));
                out.add(fmt::format("    says: {}", in_quotes(move.text)));
                break;
            case Move::Kind::presses:
                out.add(fmt::format("  - caller presses: {}", in_quotes(move.text)));
                break;
            case Move::Kind::silent:
                out.add(fmt::format("  - caller is silent for: {}", seconds_text(move.span)));
                break;
            case Move::Kind::fails: out.add(fmt::format("  - model fails: {}", move.text)); break;
            case Move::Kind::drops:
                out.add(move.is_for_good ? "  - provider drops for good" : "  - provider drops");
                break;
            case Move::Kind::transfer:
                out.add(fmt::format("  - transfer: {}", move.text));
                break;
            case Move::Kind::hangs_up:
                out.add(move.span.count() == 0 ? "  - caller hangs up"
                                               : fmt::format("  - caller hangs up after: {}",
                                                             seconds_text(move.span)));
                break;
            case Move::Kind::model:
                if (!move.text.empty())
                    out.add(fmt::format("  - model says: {}", in_quotes(move.text)));
                for (std::size_t i = 0; i < move.calls.size(); ++i) {
                    const auto& [id, name] = move.calls[i];
                    if (i == 0)
                        out.add(fmt::format("  {} model calls:", move.text.empty() ? "-" : " "));
                    const auto found = read.arguments.find(id);
                    out.add(fmt::format(
                        "      - {}",
                        call_yaml(name, found == read.arguments.end() ? "{}" : found->second)));
                }
                for (const auto& [id, name] : move.calls) {
                    const auto result = read.results.find(id);
                    if (result == read.results.end() || !json_read::parse(result->second)) continue;
                    out.expect(fmt::format("  - expect: {{tool called: {}, result: {}}}", name,
                                           result->second));
                }
                break;
        }
    }
    out.add("expect:");
    if (!read.outcome.empty())
        out.expect(fmt::format("  - {{outcome: {}}}", in_quotes(read.outcome)));
    if (!read.reason.empty()) out.expect(fmt::format("  - {{reason: {}}}", in_quotes(read.reason)));
}

}  // namespace

Checked<std::string> scenario_from(const Recording& recording, const Stage& stage,
                                   const config::FileSchema& schema) {
    if (auto fault = recording.why_not_replayed()) return std::move(*fault);
    Reader reader(recording);
    reader.read();
    if (reader.moves.empty()) return Fault{recording.file, "nobody said anything in this call", ""};
    const auto zone = stage.bundle->time_zone(recording.call.agent);
    std::vector<std::string> errors;  // of scripts, which the scenario then expects
    std::optional<Writer> writer;
    std::map<std::size_t, std::size_t> began;
    for (int tried = 0; tried < tries_max; ++tried) {
        if (!writer) {
            began.clear();
            writer.emplace();
            write(recording, reader, *zone, *writer, began);
            for (const auto& error : errors)
                writer->expect(fmt::format("  - {{script error: {}}}", in_quotes(error)));
        }
        const auto scenario = Scenario::parse(writer->text(), recording.file, schema);
        if (!scenario)
            return Fault{recording.file,
                         "cannot be made into a scenario: " + scenario.error().front().text(), ""};
        const auto performed = perform(*scenario, stage);
        if (!performed) return performed.error();
        if (performed->has_passed()) return {boost::system::in_place_value, writer->text()};

        const auto& first = performed->broken.front();
        const auto move = began.find(first.line);
        if (first.text.starts_with("the scenario stopped") && move != began.end()) {
            // Synthetic speech has other lengths than the real one, and no provider asks twice.
            auto& stopped = reader.moves[move->second];
            if (stopped.kind == Move::Kind::interrupts) {
                stopped.kind = Move::Kind::says;
            } else {
                reader.moves.erase(reader.moves.begin() +
                                   static_cast<std::ptrdiff_t>(move->second));
            }
            writer.reset();
            continue;
        }
        bool is_mended = false;
        for (const auto& broken : performed->broken) {
            if (broken.line == 0 && broken.text == "a script failed") {
                errors.push_back(broken.detail);
                writer.reset();
                is_mended = true;
                break;
            }
            is_mended = writer->drop(broken.line, broken.detail) || is_mended;
        }
        if (!is_mended)
            return Fault{recording.file,
                         fmt::format("the scenario made of it does not pass: {}; {}", first.text,
                                     first.detail),
                         ""};
    }
    return Fault{recording.file, "no scenario made of it passes",
                 "see what differs: parley replay"};
}

}  // namespace parley::rehearsal
