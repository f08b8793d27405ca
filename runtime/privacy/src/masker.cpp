#include <parley/privacy/masker.hpp>

#include <parley/core/text.hpp>

#include <re2/re2.h>

#include <algorithm>

namespace parley::privacy {
namespace {

constexpr std::int64_t pattern_memory_max = 4 * 1024 * 1024;
constexpr int json_depth_max = 64;

std::string without_cards(std::string text) {
    const auto found = find_card_numbers(text);
    if (found.empty()) return text;
    std::string masked;
    std::size_t at = 0;
    for (const auto& [begin, end] : found) {
        masked.append(text, at, begin - at);
        masked += card_mask;
        at = end;
    }
    return masked.append(text, at);
}

}  // namespace

struct Masker::Impl {
    struct Compiled {
        std::unique_ptr<re2::RE2> pattern;
        std::string replace;
    };
    Cards cards = Cards::masked;
    std::vector<Compiled> patterns;

    bool walk(json::value& value, const Masker& masker, int depth) const {
        if (depth > json_depth_max) return false;
        if (auto* text = value.if_string()) {
            std::string masked = masker.text(std::string(*text));
            if (masked == std::string_view(*text)) return false;
            *text = masked;
            return true;
        }
        if (value.is_number()) {
            const std::string number = json::serialize(value);
            std::string masked = masker.text(number);
            if (masked == number) return false;
            value = json::string(masked);
            return true;
        }
        bool is_changed = false;
        if (auto* items = value.if_array()) {
            for (auto& item : *items) is_changed = walk(item, masker, depth + 1) || is_changed;
        } else if (auto* members = value.if_object()) {
            bool is_key_changed = false;
            for (auto& member : *members) {
                is_changed = walk(member.value(), masker, depth + 1) || is_changed;
                const std::string key(member.key());
                is_key_changed = is_key_changed || masker.text(key) != key;
            }
            if (is_key_changed) {
                json::object renamed;
                for (auto& member : *members)
                    renamed[masker.text(std::string(member.key()))] = std::move(member.value());
                *members = std::move(renamed);
                is_changed = true;
            }
        }
        return is_changed;
    }
};

Masker::Masker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Masker::~Masker() = default;

Checked<std::shared_ptr<const Masker>> Masker::make(Cards cards,
                                                    const std::vector<Pattern>& patterns) {
    auto impl = std::make_unique<Impl>();
    impl->cards = cards;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(pattern_memory_max);
    for (const auto& each : patterns) {
        auto compiled = std::make_unique<re2::RE2>(each.pattern, options);
        std::string why;
        if (!compiled->ok()) {
            return Fault{each.name, "is no pattern that RE2 knows: " + compiled->error(),
                         "see https://github.com/google/re2/wiki/Syntax"};
        }
        if (re2::RE2::FullMatch("", *compiled)) {
            return Fault{each.name, "also fits an empty text, so it would be found everywhere",
                         "let it ask for at least one character"};
        }
        if (!compiled->CheckRewriteString(each.replace, &why)) {
            return Fault{each.name, "has a replacement that does not fit it: " + why,
                         R"(write \1 for the first pair of parentheses, \\ for a backslash)"};
        }
        impl->patterns.push_back({std::move(compiled), each.replace});
    }
    return std::shared_ptr<const Masker>(new Masker(std::move(impl)));
}

bool Masker::masks_cards() const { return impl_->cards == Cards::masked; }

std::string Masker::text(std::string text) const {
    if (masks_cards()) text = without_cards(std::move(text));
    if (impl_->patterns.empty()) return text;
    if (!is_valid_utf8(text)) text = to_valid_utf8(text);
    for (const auto& each : impl_->patterns)
        re2::RE2::GlobalReplace(&text, *each.pattern, each.replace);
    return text;
}

bool Masker::json(json::value& value) const { return impl_->walk(value, *this, 0); }

void Masker::json(json::object& object) const {
    json::value value(std::move(object));
    impl_->walk(value, *this, 0);
    object = std::move(value.get_object());
}

std::string Masker::json_or_text(std::string text) const {
    const auto first = text.find_first_not_of(" \t\r\n");
    const bool may_be_json =
        first != std::string::npos && (text[first] == '{' || text[first] == '[');
    // Most texts hold nothing to mask; then the very same bytes are kept.
    if (may_be_json && this->text(text) != text) {
        if (auto parsed = json_read::parse(text, json_depth_max)) {
            json(*parsed);
            return json::serialize(*parsed);
        }
    }
    return this->text(std::move(text));
}

std::pair<std::string, std::string> Masker::parts(std::string heard, std::string unheard) const {
    if (unheard.empty()) return {text(std::move(heard)), ""};
    const std::string whole = text(heard + " " + unheard);
    std::string first = text(heard);
    std::string second = text(unheard);
    if (whole == first + " " + second) return {std::move(first), std::move(second)};
    // What is left of the second part behind the number that lay across the cut.
    const auto same = std::mismatch(whole.rbegin(), whole.rend(), second.rbegin(), second.rend());
    const auto left = static_cast<std::size_t>(same.second - second.rbegin());
    first = std::string(trim(std::string_view(whole).substr(0, whole.size() - left)));
    second = std::string(trim(std::string_view(whole).substr(whole.size() - left)));
    return {std::move(first), std::move(second)};
}

std::shared_ptr<const Masker> default_masker() {
    static const std::shared_ptr<const Masker> cards =
        Masker::make(Masker::Cards::masked, {}).value();
    return cards;
}

}  // namespace parley::privacy
