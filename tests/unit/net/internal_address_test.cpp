#include <parley/net/http.hpp>

#include <gtest/gtest.h>

namespace parley::net {
namespace {

bool is_internal_text(const char* address) {
    return is_internal(boost::asio::ip::make_address(address));
}

TEST(InternalAddress, IsWhatIsNotReachableForAll) {
    for (const char* address : {"0.0.0.0",
                                "10.0.0.1",
                                "10.255.255.255",
                                "100.64.0.1",
                                "100.127.255.255",
                                "127.0.0.1",
                                "127.255.0.1",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.192",
                                "192.0.2.1",
                                "192.168.0.1",
                                "198.18.0.1",
                                "203.0.113.7",
                                "224.0.0.1",
                                "255.255.255.255",
                                "::",
                                "::1",
                                "::ffff:10.0.0.1",
                                "::127.0.0.1",
                                "64:ff9b::169.254.169.254",
                                "64:ff9b:1::1",
                                "2002:a00:1::1",
                                "2001::1",
                                "2001:db8::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fe80::1",
                                "ff02::1",
                                "3fff::1"}) {
        EXPECT_TRUE(is_internal_text(address)) << address;
    }
}

TEST(InternalAddress, IsNoOther) {
    for (const char* address :
         {"1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
          "172.15.0.1", "172.32.0.1", "192.167.1.1", "223.255.255.255", "2606:4700::1111",
          "2a00:1450::200e", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"}) {
        EXPECT_FALSE(is_internal_text(address)) << address;
    }
}

}  // namespace
}  // namespace parley::net
