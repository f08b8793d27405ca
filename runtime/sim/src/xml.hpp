// xml.hpp: the XML that TwiML needs: elements, attributes, text, CDATA, comments, entities. Private
// to the room.
//
// Strict: a document type, an unknown entity, a second root or a tag that is not closed is an
// error.
#pragma once

#include <parley/core/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::sim {

struct XmlElement {
    std::string name;
    std::vector<std::pair<std::string, std::string>> attributes;
    std::string text;  // all text directly inside, together
    std::vector<XmlElement> children;

    const std::string* attribute(std::string_view wanted) const;
};

Checked<XmlElement> parse_xml(std::string_view text);

}  // namespace parley::sim
