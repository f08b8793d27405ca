#include <parley/telephony/twiml.hpp>

#include <parley/core/text.hpp>

#include <fmt/format.h>

namespace parley::telephony::twiml {
namespace {

// name and value together; a little room for the ellipsis
constexpr std::size_t parameter_bytes_max = 490;
constexpr std::string_view head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>";
constexpr std::string_view tail = "</Response>";

std::string document(std::string_view verbs) {
    std::string text(head);
    text += verbs;
    text += tail;
    return text;
}

std::string attribute(std::string_view name, std::string_view value) {
    return value.empty() ? std::string() : fmt::format(" {}=\"{}\"", name, escaped(value));
}

std::string say(const Say& words) {
    return "<Say" + attribute("voice", words.voice) + attribute("language", words.language) + ">" +
           escaped(words.text) + "</Say>";
}

}  // namespace

std::string escaped(std::string_view text) {
    const std::string valid = to_valid_utf8(text);
    std::string out;
    out.reserve(valid.size());
    for (const char c : valid) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&apos;"; break;
            // As references, or a parser would turn them into plain spaces in attributes.
            case '\t': out += "&#9;"; break;
            case '\n': out += "&#10;"; break;
            case '\r': out += "&#13;"; break;
            default:
                // XML 1.0 allows no other control characters, not even escaped.
                if (static_cast<unsigned char>(c) >= 0x20) out += c;
        }
    }
    return out;
}

std::string connect(const Stream& stream, const Say& greeting) {
    std::string verbs = greeting.text.empty() ? std::string() : say(greeting);
    verbs += "<Connect action=\"" + escaped(stream.action) + "\"><Stream url=\"" +
             escaped(stream.url) + "\">";
    for (const auto& [name, value] : stream.parameters) {
        const std::size_t left =
            name.size() < parameter_bytes_max ? parameter_bytes_max - name.size() : 0;
        verbs += "<Parameter name=\"" + escaped(name) + "\" value=\"" +
                 escaped(shortened(value, left)) + "\"/>";
    }
    verbs += "</Stream></Connect>";
    return document(verbs);
}

std::string say_and_hang_up(std::string_view sentence) {
    return document("<Say>" + escaped(sentence) + "</Say><Hangup/>");
}

std::string reject_busy() { return document("<Reject reason=\"busy\"/>"); }

std::string hang_up() { return document("<Hangup/>"); }

std::string dial(const Dial& dial) {
    const std::string timeout = std::to_string(dial.ring_limit.count());
    return document("<Dial" + attribute("action", dial.action) + attribute("timeout", timeout) +
                    attribute("callerId", dial.caller_id) + "><Number" +
                    attribute("url", dial.briefing_url) + ">" + escaped(dial.number) +
                    "</Number></Dial>");
}

std::string ask_for_key(std::string_view sentence, std::string_view action) {
    return document("<Gather" + attribute("action", action) + attribute("numDigits", "1") +
                    "><Say>" + escaped(sentence) + "</Say></Gather><Hangup/>");
}

std::string go_on() { return document(""); }

}  // namespace parley::telephony::twiml
