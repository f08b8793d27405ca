#include <parley/call/conversation.hpp>

#include <parley/core/text.hpp>

namespace parley::call {

// The model gives no word timings, so speech is taken as even: the n-th part of the audio spoke the
// n-th part of the text.
std::pair<std::string, std::string> split_heard(std::string_view text, std::int64_t heard_ms,
                                                std::int64_t received_ms) {
    text = trim(text);
    if (received_ms <= 0 || heard_ms <= 0) return {"", std::string(text)};
    if (heard_ms >= received_ms) return {std::string(text), ""};
    std::size_t cut =
        static_cast<std::size_t>(static_cast<double>(text.size()) * static_cast<double>(heard_ms) /
                                 static_cast<double>(received_ms));
    // Back to the end of the last whole word; UTF-8 is safe because a space is never part of a
    // longer character.
    while (cut > 0 && text[cut] != ' ') --cut;
    return {std::string(trim(text.substr(0, cut))), std::string(trim(text.substr(cut)))};
}

}  // namespace parley::call
