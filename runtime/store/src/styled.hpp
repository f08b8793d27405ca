// styled.hpp: text in pieces of different looks, wrapped to the width of a terminal.
#pragma once

#include <parley/store/print.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::store {

enum class Style { plain, bold, dim, caller, agent, tool, good, bad, warning };

struct Piece {
    Style style = Style::plain;
    std::string text;
};
using Styled = std::vector<Piece>;

// One line of safe text: white space and control characters become single spaces, also those that
// would reverse or hide text.
std::string safe(std::string_view text);

// Columns on the screen: none for combining marks, two for East Asian characters and emoji.
std::size_t columns(std::string_view text);

std::string paint(Style style, std::string_view text, Colour colour);
std::string paint(const Styled& pieces, Colour colour);

// Breaks `body` at spaces so that lines fit into `width` columns, of which the first `indent` are
// left to a label that the caller writes before the first line. Later lines are indented by as
// much.
std::string wrapped(const Styled& body, std::size_t indent, std::size_t width, Colour colour);

}  // namespace parley::store
