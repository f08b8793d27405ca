// task.hpp: the coroutine type everyone shares. A Task owns what it touches: parameters by value.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace parley {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

}  // namespace parley
