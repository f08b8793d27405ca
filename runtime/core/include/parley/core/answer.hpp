// answer.hpp: awaits what is told to a callback.
//
//   auto ask = [&store, sid](auto done) { store.conversation(sid, std::move(done)); };
//   const auto entries = co_await answer_to<Entries>(std::move(ask));
//
// `ask` is called once, at once. `done` may be called on any thread, at most once; the coroutine goes
// on where it was. Without a call it waits for ever.
#pragma once

#include <parley/core/task.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace parley {

// Name the lambda before it is given: GCC 12 destroys the captures of one that is written inside
// co_await twice.
template <class T, class Ask>
Task<T> answer_to(Ask ask) {
    auto start = [ask = std::move(ask)](auto handler) mutable {
        const auto home = asio::get_associated_executor(handler);
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        ask(std::function<void(T)>([kept, home](T answer) {
            asio::post(
                home, [kept, answer = std::move(answer)]() mutable { (*kept)(std::move(answer)); });
        }));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(std::move(start),
                                                                        asio::use_awaitable);
}

}  // namespace parley
