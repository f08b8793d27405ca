#include <parley/privacy/dictation.hpp>

namespace parley::privacy {
namespace {

// Nineteen digits in words, with some "uh" and "and" between them.
constexpr std::size_t remembered_bytes_max = 240;

}  // namespace

std::string Dictation::text(std::string said) {
    if (!masker_->masks_cards()) return masker_->text(std::move(said));
    const std::size_t seam = earlier_.size() + 1;
    const std::string joined = earlier_ + " " + said;
    std::size_t over_until = 0;  // of a number that is complete
    for (const auto& [begin, end] : find_card_numbers(joined)) {
        over_until = end;
        if (begin < seam && end > seam) said.replace(0, end - seam, card_mask);
    }
    earlier_ = joined.substr(over_until);
    if (earlier_.size() > remembered_bytes_max) {
        const auto word = earlier_.find(' ', earlier_.size() - remembered_bytes_max);
        earlier_ = word == std::string::npos ? "" : earlier_.substr(word);
    }
    return masker_->text(std::move(said));
}

}  // namespace parley::privacy
