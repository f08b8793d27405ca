// http_rules.hpp: where scripts may send requests, from scripts.http.allow and allow_private.
//
//   "api.example.com"        that host, at the scheme's own port
//   "api.example.com:8443"   that host at that port
//   "*.crm.example"          every host below crm.example, not crm.example itself
//   "127.0.0.1:8080"         an address; listed itself, it may be one of this machine
// allow_private takes the same, and networks such as "10.1.0.0/16".
#pragma once

#include <parley/config/settings.hpp>
#include <parley/net/http.hpp>

#include <boost/asio/ip/address.hpp>

namespace parley::script {

class HttpRules {
 public:
    explicit HttpRules(const config::ScriptHttpSettings& settings) : settings_(settings) {}

    bool allows(const net::Url& url) const;
    // Whether a connection to `url` may go to that address.
    bool allows_address(const net::Url& url, const boost::asio::ip::address& address) const;

 private:
    const config::ScriptHttpSettings& settings_;
};

}  // namespace parley::script
