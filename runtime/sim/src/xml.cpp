#include "xml.hpp"

#include <parley/core/text.hpp>

#include <charconv>

namespace parley::sim {

namespace {

constexpr std::size_t depth_max = 32;

struct XmlProblem {
    std::size_t at;
    std::string what;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_name_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' ||
           c == ':';
}

void append_utf8(std::string& out, unsigned long code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | (code >> 6));
        out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | (code >> 12));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (code >> 18));
        out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
    }
}

class Parser {
 public:
    explicit Parser(std::string_view text) : text_(text) {}

    XmlElement document() {
        if (text_.substr(at_).starts_with("\xEF\xBB\xBF")) at_ += 3;
        if (text_.substr(at_).starts_with("<?xml")) skip_past("?>");
        skip_between();
        XmlElement root = element(0);
        skip_between();
        if (at_ < text_.size()) fail("there is something behind the root element");
        return root;
    }

 private:
    [[noreturn]] void fail(std::string what) const { throw XmlProblem{at_, std::move(what)}; }

    bool takes(std::string_view token) {
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }

    void skip_past(std::string_view token) {
        const auto end = text_.find(token, at_);
        if (end == text_.npos) fail(fmt::format("\"{}\" is missing", token));
        at_ = end + token.size();
    }

    void skip_spaces() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    void skip_between() {
        for (;;) {
            skip_spaces();
            if (!takes("<!--")) return;
            skip_past("-->");
        }
    }

    std::string name() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
        if (at_ == begin) fail("a name is missing");
        return std::string(text_.substr(begin, at_ - begin));
    }

    void append_entity(std::string& out) {
        const auto end = text_.find(';', at_);
        if (end == text_.npos || end - at_ > 10) fail("\"&\" must be written &amp;");
        const auto entity = text_.substr(at_ + 1, end - at_ - 1);
        if (entity == "amp") {
            out += '&';
        } else if (entity == "lt") {
            out += '<';
        } else if (entity == "gt") {
            out += '>';
        } else if (entity == "quot") {
            out += '"';
        } else if (entity == "apos") {
            out += '\'';
        } else if (entity.starts_with('#')) {
            const bool is_hex = entity.size() > 1 && entity[1] == 'x';
            const auto digits = entity.substr(is_hex ? 2 : 1);
            unsigned long code = 0;
            const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(),
                                                       code, is_hex ? 16 : 10);
            const bool is_whole = error == std::errc() && stop == digits.data() + digits.size();
            if (!is_whole || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
                fail("a character reference is wrong");
            append_utf8(out, code);
        } else {
            fail(fmt::format("unknown entity \"&{};\"", entity));
        }
        at_ = end + 1;
    }

    std::string attribute_value() {
        if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\''))
            fail("an attribute's value must be in quotes");
        const char quote = text_[at_++];
        std::string value;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '<') fail("\"<\" in an attribute must be written &lt;");
            if (text_[at_] == '&') {
                append_entity(value);
            } else {
                value += text_[at_++];
            }
        }
        if (at_ >= text_.size()) fail("an attribute's value is not closed");
        ++at_;
        return value;
    }

    XmlElement element(std::size_t depth) {
        if (depth > depth_max) fail("elements are nested too deep");
        if (!takes("<")) fail("expected an element");
        if (at_ < text_.size() && (text_[at_] == '!' || text_[at_] == '?'))
            fail("document types and instructions are not allowed");
        XmlElement out;
        out.name = name();
        for (;;) {
            const std::size_t before = at_;
            skip_spaces();
            if (takes("/>")) return out;
            if (takes(">")) break;
            if (at_ == before) fail(fmt::format("<{}> is not closed", out.name));
            std::string key = name();
            if (out.attribute(key) != nullptr)
                fail(fmt::format("the attribute {} comes twice", key));
            skip_spaces();
            if (!takes("=")) fail(fmt::format("the attribute {} has no value", key));
            skip_spaces();
            out.attributes.emplace_back(std::move(key), attribute_value());
        }
        content(out, depth);
        return out;
    }

    void content(XmlElement& out, std::size_t depth) {
        while (at_ < text_.size()) {
            if (takes("</")) {
                const std::string closed = name();
                skip_spaces();
                if (closed != out.name || !takes(">"))
                    fail(fmt::format("<{}> is closed by </{}>", out.name, closed));
                return;
            }
            if (takes("<!--")) {
                skip_past("-->");
            } else if (takes("<![CDATA[")) {
                const auto end = text_.find("]]>", at_);
                if (end == text_.npos) fail("CDATA is not closed");
                out.text += text_.substr(at_, end - at_);
                at_ = end + 3;
            } else if (text_[at_] == '<') {
                out.children.push_back(element(depth + 1));
            } else if (text_[at_] == '&') {
                append_entity(out.text);
            } else {
                out.text += text_[at_++];
            }
        }
        fail(fmt::format("<{}> is not closed", out.name));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

const std::string* XmlElement::attribute(std::string_view wanted) const {
    for (const auto& [key, value] : attributes) {
        if (key == wanted) return &value;
    }
    return nullptr;
}

Checked<XmlElement> parse_xml(std::string_view text) {
    if (!is_valid_utf8(text)) return Fault{"XML", "the text is not UTF-8", {}};
    try {
        return Parser(text).document();
    } catch (const XmlProblem& problem) {
        const auto line =
            1 + std::count(
                    text.begin(),
                    text.begin() + static_cast<std::ptrdiff_t>(std::min(problem.at, text.size())),
                    '\n');
        return Fault{fmt::format("XML line {}", line), problem.what, {}};
    }
}

}  // namespace parley::sim
