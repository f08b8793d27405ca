#include "net_test_support.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>

#include <set>

namespace parley::net::test {
namespace {

TEST(IoThreads, RunsEachContextOnItsOwnThread) {
    IoThreads threads(3);
    threads.start();
    Mailbox<std::thread::id> ids;
    std::set<std::thread::id> seen;
    for (std::size_t i = 0; i < 3; ++i) {
        asio::post(threads.context(i), [&ids] { ids.put(std::this_thread::get_id()); });
        seen.insert(ids.take());
    }
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen.count(std::this_thread::get_id()), 0u);
}

TEST(IoThreads, HaveTheStackThatLuaNeeds) {
    IoThreads threads(1);
    threads.start();
    Mailbox<std::size_t> sizes;
    asio::post(threads.context(0), [&sizes] {
        pthread_attr_t attributes;
        pthread_getattr_np(pthread_self(), &attributes);
        std::size_t bytes = 0;
        pthread_attr_getstacksize(&attributes, &bytes);
        pthread_attr_destroy(&attributes);
        sizes.put(bytes);
    });
    EXPECT_GE(sizes.take(), 8u * 1024 * 1024);
}

TEST(IoThreads, GoOnAfterAHandlerThrew) {
    IoThreads threads(1);
    threads.start();
    Mailbox<int> after;
    asio::post(threads.context(0), [] { throw std::runtime_error("on purpose"); });
    asio::post(threads.context(0), [&after] { after.put(1); });
    EXPECT_EQ(after.take(), 1);
}

TEST(IoThreads, NameTheLeastLoaded) {
    IoThreads threads(3);
    EXPECT_EQ(threads.least_loaded(), 0u);
    threads.add_load(0);
    threads.add_load(1);
    EXPECT_EQ(threads.least_loaded(), 2u);
    threads.add_load(2);
    threads.drop_load(1);
    EXPECT_EQ(threads.least_loaded(), 1u);
}

TEST(IoThreads, StopTwiceAndWithoutStart) {
    IoThreads never_started(2);
    never_started.stop();
    IoThreads threads(2);
    threads.start();
    threads.stop();
    threads.stop();
    EXPECT_TRUE(threads.context(0).stopped());
}

TEST(IoThreads, MustBeAtLeastOne) { EXPECT_THROW(IoThreads(0), Bug); }

}  // namespace
}  // namespace parley::net::test
