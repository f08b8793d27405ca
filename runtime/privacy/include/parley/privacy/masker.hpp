// masker.hpp: takes out of texts what must not be kept or shown.
//
// Card numbers are found by themselves: 13 to 19 digits that pass the Luhn check and begin as cards
// do, written together, in groups, or spoken as words ("four one one one", "double four"; English,
// German, Spanish and French). Further patterns are regular expressions of RE2, which takes time in
// proportion to the text whatever the pattern.
//
// Sans-I/O. Thread: const, any thread.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::privacy {

struct Pattern {
    std::string name;
    std::string pattern;  // RE2's syntax
    std::string replace;  // \1 is what the first pair of parentheses matched
};

// What stands in a card number's place.
constexpr std::string_view card_mask = "[card number]";

// Where card numbers stand in `text`: begin and end of each, in order.
std::vector<std::pair<std::size_t, std::size_t>> find_card_numbers(std::string_view text);

class Masker {
 public:
    enum class Cards { masked, kept };
    // Fault where a pattern cannot be used; `where` is its name.
    static Checked<std::shared_ptr<const Masker>> make(Cards cards,
                                                       const std::vector<Pattern>& patterns);
    ~Masker();

    bool masks_cards() const;
    std::string text(std::string text) const;
    // Every text, number and key in it. False: nothing was to be masked.
    bool json(json::value& value) const;
    void json(json::object& object) const;
    // Of tools: JSON stays JSON; what is none is a text.
    std::string json_or_text(std::string text) const;
    // Of one utterance, cut in two: a number may lie across the cut. It then belongs to the first.
    std::pair<std::string, std::string> parts(std::string heard, std::string unheard) const;

 private:
    struct Impl;
    explicit Masker(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Card numbers and nothing else: where the settings say nothing.
std::shared_ptr<const Masker> default_masker();

}  // namespace parley::privacy
