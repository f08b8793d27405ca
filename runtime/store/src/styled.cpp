#include "styled.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace parley::store {
namespace {

struct Range {
    char32_t first, last;
};
constexpr std::array zero_width{Range{0x0300, 0x036F}, Range{0x200B, 0x200F}, Range{0x20D0, 0x20FF},
                                Range{0xFE00, 0xFE0F}};
constexpr std::array double_width{
    Range{0x1100, 0x115F}, Range{0x2E80, 0xA4CF}, Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE30, 0xFE6F}, Range{0xFF00, 0xFF60}, Range{0x1F300, 0x1FAFF}, Range{0x20000, 0x3FFFD}};
// Directional overrides and isolates: they could make a line read as what it is not.
constexpr std::array reordering{Range{0x200E, 0x200F}, Range{0x202A, 0x202E}, Range{0x2066, 0x2069},
                                Range{0x061C, 0x061C}};

template <std::size_t N>
bool is_in(char32_t c, const std::array<Range, N>& ranges) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [c](const Range& range) { return c >= range.first && c <= range.last; });
}

std::size_t width_of(char32_t c) {
    return is_in(c, zero_width) ? 0 : is_in(c, double_width) ? 2 : 1;
}

// Takes the next character off valid UTF-8.
char32_t take(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    char32_t c = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length && i < text.size(); ++i)
        c = (c << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    text.remove_prefix(std::min(length, text.size()));
    return c;
}

std::string_view code(Style style) {
    switch (style) {
        case Style::plain: return "";
        case Style::bold: return "\x1b[1m";
        case Style::dim: return "\x1b[2m";
        case Style::caller: return "\x1b[1;36m";
        case Style::agent: return "\x1b[1;32m";
        case Style::tool: return "\x1b[35m";
        case Style::good: return "\x1b[32m";
        case Style::bad: return "\x1b[31m";
        case Style::warning: return "\x1b[33m";
    }
    return "";
}

struct Word {
    Style style;
    std::string_view text;
    bool is_after_space;
};

std::vector<Word> words_of(const Styled& body) {
    std::vector<Word> words;
    bool is_after_space = false;
    for (const auto& piece : body) {
        std::string_view rest = piece.text;
        while (!rest.empty()) {
            if (rest.front() == ' ') {
                is_after_space = true;
                rest.remove_prefix(1);
                continue;
            }
            const auto end = std::min(rest.find(' '), rest.size());
            words.push_back({piece.style, rest.substr(0, end), is_after_space});
            rest.remove_prefix(end);
            is_after_space = false;
        }
    }
    return words;
}

// The longest beginning of `text` that fits, and at least one character.
std::size_t fitting(std::string_view text, std::size_t room) {
    std::string_view rest = text;
    std::size_t used = 0;
    while (!rest.empty()) {
        std::string_view after = rest;
        used += width_of(take(after));
        if (used > room && rest.size() != text.size()) break;
        rest = after;
    }
    return text.size() - rest.size();
}

}  // namespace

std::string safe(std::string_view text) {
    const std::string valid = is_valid_utf8(text) ? std::string(text) : to_valid_utf8(text);
    std::string out;
    out.reserve(valid.size());
    bool wants_space = false;
    for (std::string_view rest = valid; !rest.empty();) {
        const auto before = rest;
        const char32_t c = take(rest);
        if (is_in(c, reordering)) continue;
        if (c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x2028 || c == 0x2029) {
            wants_space = !out.empty();
            continue;
        }
        if (std::exchange(wants_space, false)) out += ' ';
        out += before.substr(0, before.size() - rest.size());
    }
    return out;
}

std::size_t columns(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) count += width_of(take(text));
    return count;
}

std::string paint(Style style, std::string_view text, Colour colour) {
    if (colour == Colour::plain || style == Style::plain || text.empty()) return std::string(text);
    return std::string(code(style)).append(text).append("\x1b[0m");
}

std::string paint(const Styled& pieces, Colour colour) {
    std::string out;
    for (const auto& piece : pieces) out += paint(piece.style, piece.text, colour);
    return out;
}

std::string wrapped(const Styled& body, std::size_t indent, std::size_t width, Colour colour) {
    if (width == 0) return paint(body, colour);
    constexpr std::size_t room_min = 20;  // a very narrow terminal wraps by itself
    const std::size_t room = std::max(width > indent ? width - indent : 0, room_min);
    std::string out;
    std::size_t used = 0;
    const auto new_line = [&] {
        out += '\n';
        out.append(indent, ' ');
        used = 0;
    };
    for (const auto& word : words_of(body)) {
        std::string_view rest = word.text;
        std::size_t wanted = columns(rest);
        const std::size_t space = word.is_after_space && used > 0 ? 1 : 0;
        if (used > 0 && used + space + wanted > room && word.is_after_space) {
            new_line();
        } else if (space > 0) {
            out += ' ';
            used += 1;
        }
        while (used + wanted > room) {  // a word longer than the line, such as JSON without spaces
            const auto cut = fitting(rest, room > used ? room - used : 0);
            out += paint(word.style, rest.substr(0, cut), colour);
            rest.remove_prefix(cut);
            wanted = columns(rest);
            if (rest.empty()) break;
            new_line();
        }
        out += paint(word.style, rest, colour);
        used += wanted;
    }
    return out;
}

}  // namespace parley::store
