// linger.hpp: the end of a connection that loses nothing.
#pragma once

#include "transport.hpp"

namespace parley::net {

// Ends a connection without losing what was sent last: closing a socket that has unread bytes makes
// the kernel send a reset, which may overtake our answer. Reads and drops until the peer closes
// too, for at most `close_wait`. No operation may be under way on `stream`. The socket's io_context
// keeps it.
void linger(TcpSocket stream);
void linger(TlsStream stream);

}  // namespace parley::net
