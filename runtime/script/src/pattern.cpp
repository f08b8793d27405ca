#include "pattern.hpp"

#include <cctype>
#include <cstring>

namespace parley::script {
namespace {

bool matches_class(unsigned char c, unsigned char letter) {
    bool is_in = false;
    switch (std::tolower(letter)) {
        case 'a': is_in = std::isalpha(c) != 0; break;
        case 'c': is_in = std::iscntrl(c) != 0; break;
        case 'd': is_in = std::isdigit(c) != 0; break;
        case 'g': is_in = std::isgraph(c) != 0; break;
        case 'l': is_in = std::islower(c) != 0; break;
        case 'p': is_in = std::ispunct(c) != 0; break;
        case 's': is_in = std::isspace(c) != 0; break;
        case 'u': is_in = std::isupper(c) != 0; break;
        case 'w': is_in = std::isalnum(c) != 0; break;
        case 'x': is_in = std::isxdigit(c) != 0; break;
        case 'z': is_in = c == 0; break;
        default: return letter == c;  // %. and the like: the character itself
    }
    return std::isupper(letter) ? !is_in : is_in;
}

}  // namespace

bool Matcher::spend() {
    if (++steps_ <= steps_max) return true;
    fail(
        "pattern takes too long on this text; use text.trim, text.split, or find(text, word, 1, true)");
    return false;
}

bool Matcher::match_at(std::size_t at) {
    level_ = 0;
    depth_ = 0;
    if (error_ != nullptr) return false;
    end_ = match(at, 0);
    return error_ == nullptr && end_ != no_match;
}

// Where the single item at `p` ends: after "a", "%d", "[...]".
std::size_t Matcher::item_end(std::size_t p) {
    const char first = pattern_[p++];
    if (first == '%') {
        if (p >= pattern_.size()) return fail("malformed pattern (ends with '%')");
        return p + 1;
    }
    if (first != '[') return p;
    if (p < pattern_.size() && pattern_[p] == '^') ++p;
    bool is_first = true;  // a ']' in first place stands for itself
    while (is_first || p >= pattern_.size() || pattern_[p] != ']') {
        if (p >= pattern_.size()) return fail("malformed pattern (missing ']')");
        is_first = false;
        if (pattern_[p++] == '%') {
            if (p >= pattern_.size()) return fail("malformed pattern (missing ']')");
            ++p;
        }
    }
    return p + 1;
}

// `set_at` is at '[', `last` at the closing ']'.
bool Matcher::matches_set(unsigned char c, std::size_t set_at, std::size_t last) {
    bool is_negated = false;
    std::size_t p = set_at + 1;
    if (pattern_[p] == '^') {
        is_negated = true;
        ++p;
    }
    for (; p < last; ++p) {
        const auto low = static_cast<unsigned char>(pattern_[p]);
        if (low == '%') {
            ++p;
            if (matches_class(c, static_cast<unsigned char>(pattern_[p]))) return !is_negated;
        } else if (p + 2 < last && pattern_[p + 1] == '-') {
            const auto high = static_cast<unsigned char>(pattern_[p + 2]);
            p += 2;
            if (low <= c && c <= high) return !is_negated;
        } else if (low == c) {
            return !is_negated;
        }
    }
    return is_negated;
}

bool Matcher::matches_one(std::size_t at, std::size_t p, std::size_t after) {
    if (at >= subject_.size() || !spend()) return false;
    const auto c = static_cast<unsigned char>(subject_[at]);
    switch (pattern_[p]) {
        case '.': return true;
        case '%': return matches_class(c, static_cast<unsigned char>(pattern_[p + 1]));
        case '[': steps_ += (after - p) / 4; return matches_set(c, p, after - 1);
        default: return static_cast<unsigned char>(pattern_[p]) == c;
    }
}

std::size_t Matcher::most(std::size_t at, std::size_t p, std::size_t after) {
    std::size_t count = 0;
    while (matches_one(at + count, p, after)) ++count;
    for (;; --count) {
        if (error_ != nullptr) return no_match;
        const std::size_t end = match(at + count, after + 1);
        if (end != no_match || count == 0) return end;
    }
}

std::size_t Matcher::fewest(std::size_t at, std::size_t p, std::size_t after) {
    while (true) {
        const std::size_t end = match(at, after + 1);
        if (end != no_match || error_ != nullptr) return end;
        if (!matches_one(at, p, after)) return no_match;
        ++at;
    }
}

std::size_t Matcher::open_capture(std::size_t at, std::size_t p, std::ptrdiff_t kind) {
    if (level_ >= captures_max) return fail("too many captures");
    captures_[static_cast<std::size_t>(level_)] = {at, kind};
    ++level_;
    const std::size_t end = match(at, p);
    if (end == no_match) --level_;
    return end;
}

std::size_t Matcher::close_capture(std::size_t at, std::size_t p) {
    int open = level_ - 1;
    while (open >= 0 && captures_[static_cast<std::size_t>(open)].length != Capture::unclosed)
        --open;
    if (open < 0) return fail("invalid pattern capture");
    Capture& capture = captures_[static_cast<std::size_t>(open)];
    capture.length = static_cast<std::ptrdiff_t>(at - capture.start);
    const std::size_t end = match(at, p);
    if (end == no_match) capture.length = Capture::unclosed;
    return end;
}

std::size_t Matcher::balanced(std::size_t at, std::size_t p) {
    if (p + 1 >= pattern_.size()) return fail("unbalanced pattern");
    if (at >= subject_.size() || subject_[at] != pattern_[p]) return no_match;
    const char open = pattern_[p];
    const char close = pattern_[p + 1];
    int depth = 1;
    for (std::size_t i = at + 1; i < subject_.size(); ++i) {
        if (!spend()) return no_match;
        if (subject_[i] == close) {
            if (--depth == 0) return i + 1;
        } else if (subject_[i] == open) {
            ++depth;
        }
    }
    return no_match;
}

std::size_t Matcher::back_reference(std::size_t at, unsigned char digit) {
    const int index = digit - '1';
    if (index < 0 || index >= level_ ||
        captures_[static_cast<std::size_t>(index)].length == Capture::unclosed) {
        return fail("invalid capture index");
    }
    const Capture& capture = captures_[static_cast<std::size_t>(index)];
    if (capture.length == Capture::position) return no_match;  // as in LuaJIT
    const auto length = static_cast<std::size_t>(capture.length);
    steps_ += length / 16;
    if (subject_.size() - at < length ||
        subject_.substr(at, length) != subject_.substr(capture.start, length))
        return no_match;
    return at + length;
}

std::size_t Matcher::match(std::size_t at, std::size_t p) {
    if (++depth_ > depth_max) {
        --depth_;
        return fail("pattern too complex");
    }
    struct Leave {
        int& depth;
        ~Leave() { --depth; }
    } leave{depth_};

    while (true) {
        if (error_ != nullptr || !spend()) return no_match;
        if (p >= pattern_.size()) return at;
        switch (pattern_[p]) {
            case '(':
                if (p + 1 < pattern_.size() && pattern_[p + 1] == ')')
                    return open_capture(at, p + 2, Capture::position);
                return open_capture(at, p + 1, Capture::unclosed);
            case ')': return close_capture(at, p + 1);
            case '$':
                if (p + 1 == pattern_.size()) return at == subject_.size() ? at : no_match;
                break;
            case '%': {
                if (p + 1 >= pattern_.size()) return fail("malformed pattern (ends with '%')");
                const auto next = static_cast<unsigned char>(pattern_[p + 1]);
                if (next == 'b') {
                    at = balanced(at, p + 2);
                    if (at == no_match) return no_match;
                    p += 4;
                    continue;
                }
                if (next == 'f') {
                    p += 2;
                    if (p >= pattern_.size() || pattern_[p] != '[')
                        return fail("missing '[' after '%f' in pattern");
                    const std::size_t after = item_end(p);
                    if (error_ != nullptr) return no_match;
                    const auto before =
                        static_cast<unsigned char>(at == 0 ? '\0' : subject_[at - 1]);
                    const auto here =
                        static_cast<unsigned char>(at < subject_.size() ? subject_[at] : '\0');
                    if (matches_set(before, p, after - 1) || !matches_set(here, p, after - 1))
                        return no_match;
                    p = after;
                    continue;
                }
                if (std::isdigit(next)) {
                    at = back_reference(at, next);
                    if (at == no_match) return no_match;
                    p += 2;
                    continue;
                }
                break;
            }
            default: break;
        }
        const std::size_t after = item_end(p);
        if (error_ != nullptr) return no_match;
        const char suffix = after < pattern_.size() ? pattern_[after] : '\0';
        if (suffix == '?') {
            if (matches_one(at, p, after)) {
                const std::size_t end = match(at + 1, after + 1);
                if (end != no_match) return end;
            }
            p = after + 1;
            continue;
        }
        if (suffix == '*') return most(at, p, after);
        if (suffix == '+') return matches_one(at, p, after) ? most(at + 1, p, after) : no_match;
        if (suffix == '-') return fewest(at, p, after);
        if (!matches_one(at, p, after)) return no_match;
        ++at;
        p = after;
    }
}

}  // namespace parley::script
