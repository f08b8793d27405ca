#include <parley/sim/twiml.hpp>

#include <parley/core/text.hpp>

#include "xml.hpp"

#include <array>
#include <charconv>
#include <initializer_list>
#include <optional>

namespace parley::sim {

namespace {

constexpr std::size_t parameter_chars_max = 500;  // name and value together must stay under it
constexpr std::array<std::string_view, 12> other_verbs{"Play",    "Record", "Start",   "Stop",
                                                       "Enqueue", "Leave",  "Pay",     "Refer",
                                                       "Siprec",  "Sms",    "Message", "Queue"};
constexpr int ring_seconds_max = 600;

Fault problem(const XmlElement& element, std::string what, std::string remedy = {}) {
    return Fault{fmt::format("<{}>", element.name), std::move(what), std::move(remedy)};
}

std::optional<Fault> check_attributes(const XmlElement& element,
                                      std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : element.attributes) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return problem(element, fmt::format("unknown attribute \"{}\"", name));
        }
    }
    return std::nullopt;
}

std::optional<Fault> check_empty(const XmlElement& element) {
    if (!element.children.empty())
        return problem(element,
                       fmt::format("<{}> is not allowed in it", element.children.front().name));
    if (!trim(element.text).empty()) return problem(element, "text is not allowed in it");
    return std::nullopt;
}

std::string attribute_or(const XmlElement& element, std::string_view name,
                         std::string_view otherwise) {
    const auto* value = element.attribute(name);
    return value != nullptr ? *value : std::string(otherwise);
}

std::optional<Fault> check_method(const XmlElement& element, std::string_view method) {
    if (method == "POST" || method == "GET") return std::nullopt;
    return problem(element, fmt::format("unknown method \"{}\"", method), "use POST or GET");
}

std::optional<Fault> read_stream(const XmlElement& stream, StreamScheme scheme, TwimlVerb& verb,
                                 std::vector<std::string>& warnings) {
    if (auto fault = check_attributes(
            stream, {"url", "name", "track", "statusCallback", "statusCallbackMethod"}))
        return fault;
    const auto* url = stream.attribute("url");
    if (url == nullptr) return problem(stream, "`url` is missing");
    const bool is_wss = url->starts_with("wss://");
    if (!is_wss && !(scheme == StreamScheme::ws_too && url->starts_with("ws://"))) {
        return problem(stream, fmt::format("31922: the URL must begin with wss://, found \"{}\"",
                                           shortened(*url, 80)));
    }
    const auto track = attribute_or(stream, "track", "inbound_track");
    if (track != "inbound_track")
        return problem(stream, fmt::format("31941: track \"{}\" under <Connect>", track),
                       "use inbound_track");
    verb.stream_url = *url;
    if (const auto query = verb.stream_url.find('?'); query != std::string::npos) {
        verb.stream_url.resize(query);
        warnings.push_back("<Stream>: the query of the URL is dropped; use <Parameter>");
    }
    verb.stream_name = attribute_or(stream, "name", "");
    for (const auto& child : stream.children) {
        if (child.name != "Parameter")
            return problem(stream, fmt::format("<{}> is not allowed in it", child.name));
        if (auto fault = check_attributes(child, {"name", "value"})) return fault;
        if (auto fault = check_empty(child)) return fault;
        const auto* name = child.attribute("name");
        const auto* value = child.attribute("value");
        if (name == nullptr || value == nullptr || name->empty())
            return problem(child, "`name` and `value` are needed");
        if (name->size() + value->size() >= parameter_chars_max)
            return problem(child, "name and value together must be under 500 characters");
        verb.parameters.emplace_back(*name, *value);
    }
    if (!trim(stream.text).empty()) return problem(stream, "text is not allowed in it");
    return std::nullopt;
}

std::optional<Fault> read_connect(const XmlElement& element, StreamScheme scheme, TwimlVerb& verb,
                                  std::vector<std::string>& warnings) {
    if (auto fault = check_attributes(element, {"action", "method"})) return fault;
    verb.kind = TwimlVerb::Kind::connect;
    verb.action = attribute_or(element, "action", "");
    verb.method = attribute_or(element, "method", "POST");
    if (auto fault = check_method(element, verb.method)) return fault;
    if (element.children.size() != 1 || !trim(element.text).empty())
        return problem(element, "exactly one <Stream> is needed in it");
    if (element.children.front().name != "Stream") {
        return problem(element, fmt::format("<{}> is not known to this simulator",
                                            element.children.front().name));
    }
    return read_stream(element.children.front(), scheme, verb, warnings);
}

std::optional<Fault> read_seconds(const XmlElement& element, std::string_view name, int otherwise,
                                  int least, int most, milliseconds& into) {
    const auto text = attribute_or(element, name, std::to_string(otherwise));
    int seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < least ||
        seconds > most)
        return problem(element, fmt::format("`{}` must be {} to {} seconds", name, least, most));
    into = std::chrono::seconds(seconds);
    return std::nullopt;
}

std::optional<Fault> read_verb(const XmlElement& element, StreamScheme scheme, TwimlVerb& verb,
                               std::vector<std::string>& warnings);

std::optional<Fault> read_gather(const XmlElement& element, StreamScheme scheme, TwimlVerb& verb,
                                 std::vector<std::string>& warnings) {
    if (auto fault = check_attributes(
            element, {"action", "method", "input", "timeout", "numDigits", "finishOnKey"}))
        return fault;
    verb.kind = TwimlVerb::Kind::gather;
    verb.action = attribute_or(element, "action", "");
    verb.method = attribute_or(element, "method", "POST");
    if (auto fault = check_method(element, verb.method)) return fault;
    if (attribute_or(element, "input", "dtmf") != "dtmf")
        return problem(element, "this simulator gathers keys only", "use input=\"dtmf\"");
    if (attribute_or(element, "finishOnKey", "#") != "#")
        return problem(element, "this simulator knows # as the last key only");
    if (auto fault = read_seconds(element, "timeout", 5, 1, ring_seconds_max, verb.length))
        return fault;
    milliseconds digits{0};
    if (element.attribute("numDigits") != nullptr) {
        if (auto fault = read_seconds(element, "numDigits", 1, 1, 1'000, digits))
            return problem(element, "`numDigits` must be a number above 0");
    }
    verb.digits_max = static_cast<int>(digits.count() / 1'000);
    if (!trim(element.text).empty()) return problem(element, "text is not allowed in it");
    for (const auto& child : element.children) {
        if (child.name != "Say" && child.name != "Pause")
            return problem(element, fmt::format("<{}> is not understood in it", child.name));
        if (auto fault = read_verb(child, scheme, verb.nested.emplace_back(), warnings))
            return fault;
    }
    return std::nullopt;
}

std::optional<Fault> read_dial(const XmlElement& element, TwimlVerb& verb) {
    if (auto fault = check_attributes(
            element, {"action", "method", "timeout", "timeLimit", "callerId", "answerOnBridge"}))
        return fault;
    verb.kind = TwimlVerb::Kind::dial;
    verb.action = attribute_or(element, "action", "");
    verb.method = attribute_or(element, "method", "POST");
    verb.caller_id = attribute_or(element, "callerId", "");
    if (auto fault = check_method(element, verb.method)) return fault;
    if (auto fault = read_seconds(element, "timeout", 30, 1, ring_seconds_max, verb.length))
        return fault;
    if (auto fault = read_seconds(element, "timeLimit", 14'400, 1, 86'400, verb.talk_max))
        return fault;
    if (element.children.empty()) {
        verb.text = trim(element.text);
        if (verb.text.empty()) return problem(element, "whom to dial is missing");
        return std::nullopt;
    }
    if (element.children.size() != 1 || !trim(element.text).empty())
        return problem(element, "this simulator dials one number at a time");
    const auto& number = element.children.front();
    if (number.name != "Number")
        return problem(element, fmt::format("<{}> is not known to this simulator", number.name));
    if (auto fault = check_attributes(number, {"url", "method"})) return fault;
    if (!number.children.empty()) return problem(number, "only a number is allowed in it");
    verb.text = trim(number.text);
    verb.number_url = attribute_or(number, "url", "");
    verb.number_method = attribute_or(number, "method", "POST");
    if (verb.text.empty()) return problem(number, "the number is missing");
    return check_method(number, verb.number_method);
}

std::optional<Fault> read_verb(const XmlElement& element, StreamScheme scheme, TwimlVerb& verb,
                               std::vector<std::string>& warnings) {
    if (element.name == "Connect") return read_connect(element, scheme, verb, warnings);
    if (element.name == "Gather") return read_gather(element, scheme, verb, warnings);
    if (element.name == "Dial") return read_dial(element, verb);
    if (element.name == "Say") {
        verb.kind = TwimlVerb::Kind::say;
        verb.text = trim(element.text);
        if (!element.children.empty()) return problem(element, "only text is understood in it");
        return check_attributes(element, {"voice", "language", "loop"});
    }
    if (element.name == "Pause") {
        verb.kind = TwimlVerb::Kind::pause;
        const auto length = attribute_or(element, "length", "1");
        int seconds = 0;
        const auto [end, error] =
            std::from_chars(length.data(), length.data() + length.size(), seconds);
        if (error != std::errc() || end != length.data() + length.size() || seconds < 0)
            return problem(element, "`length` must be seconds");
        verb.length = std::chrono::seconds(seconds);
        if (auto fault = check_empty(element)) return fault;
        return check_attributes(element, {"length"});
    }
    if (element.name == "Redirect") {
        verb.kind = TwimlVerb::Kind::redirect;
        verb.text = trim(element.text);
        verb.method = attribute_or(element, "method", "POST");
        if (verb.text.empty()) return problem(element, "the URL is missing");
        if (auto fault = check_method(element, verb.method)) return fault;
        return check_attributes(element, {"method"});
    }
    if (element.name == "Hangup") {
        verb.kind = TwimlVerb::Kind::hangup;
        if (auto fault = check_empty(element)) return fault;
        return check_attributes(element, {});
    }
    if (element.name == "Reject") {
        verb.kind = TwimlVerb::Kind::reject;
        verb.text = attribute_or(element, "reason", "rejected");
        if (verb.text != "rejected" && verb.text != "busy")
            return problem(element, "`reason` must be rejected or busy");
        if (auto fault = check_empty(element)) return fault;
        return check_attributes(element, {"reason"});
    }
    if (std::find(other_verbs.begin(), other_verbs.end(), element.name) != other_verbs.end()) {
        return problem(element, "this simulator does not carry out this verb",
                       "use Connect, Dial, Gather, Say, Pause, Redirect, Hangup or Reject");
    }
    return problem(element, "12100: no such verb; names are case-sensitive");
}

}  // namespace

Checked<Twiml> parse_twiml(std::string_view xml, StreamScheme scheme) {
    auto root = parse_xml(trim(xml));
    if (!root) return root.error();
    if (root->name != "Response") return problem(*root, "12100: the root must be <Response>");
    if (!root->attributes.empty())
        return problem(*root,
                       fmt::format("unknown attribute \"{}\"", root->attributes.front().first));
    if (!trim(root->text).empty()) return problem(*root, "12100: text is not allowed in it");
    Twiml twiml;
    for (const auto& element : root->children) {
        TwimlVerb verb;
        if (auto fault = read_verb(element, scheme, verb, twiml.warnings)) return *fault;
        if (verb.kind == TwimlVerb::Kind::reject && !twiml.verbs.empty())
            return problem(element, "must be the first verb");
        twiml.verbs.push_back(std::move(verb));
    }
    return twiml;
}

}  // namespace parley::sim
