#include "http_rules.hpp"

#include <parley/core/text.hpp>

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>

namespace parley::script {
namespace {

namespace ip = boost::asio::ip;

struct HostPattern {
    std::string host;  // lower case, without brackets
    std::string port;  // empty: the scheme's own
};

HostPattern host_pattern(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        const auto host = text.substr(1, end == std::string_view::npos ? end : end - 1);
        const auto colon = end == std::string_view::npos ? end : text.find(':', end);
        return {lower(host),
                colon == std::string_view::npos ? "" : std::string(text.substr(colon + 1))};
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
        return {lower(text), ""};
    return {lower(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

bool matches_host(std::string_view pattern, std::string_view host) {
    if (pattern.starts_with("*."))
        return host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
    return pattern == host;
}

bool matches(const HostPattern& pattern, const net::Url& url) {
    const std::string_view own_port = url.is_secure() ? "443" : "80";
    return matches_host(pattern.host, url.host) &&
           url.port == (pattern.port.empty() ? own_port : std::string_view(pattern.port));
}

// Both in IPv4 form where that is what an IPv6 address carries.
ip::address plain(const ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

bool is_in_network(std::string_view text, const ip::address& address) {
    boost::system::error_code error;
    const auto alone = ip::make_address(std::string(text), error);
    if (!error) return plain(alone) == address;
    if (address.is_v4()) {
        const auto network = ip::make_network_v4(std::string(text), error);
        return !error && network.network() ==
                             ip::network_v4(address.to_v4(), network.prefix_length()).network();
    }
    const auto network = ip::make_network_v6(std::string(text), error);
    return !error &&
           network.network() == ip::network_v6(address.to_v6(), network.prefix_length()).network();
}

}  // namespace

bool HttpRules::allows(const net::Url& url) const {
    return std::any_of(settings_.allow.begin(), settings_.allow.end(),
                       [&](const std::string& text) { return matches(host_pattern(text), url); });
}

bool HttpRules::allows_address(const net::Url& url, const ip::address& given) const {
    const ip::address address = plain(given);
    if (!net::is_internal(address)) return true;
    boost::system::error_code not_an_address;
    const auto written = ip::make_address(url.host, not_an_address);
    if (!not_an_address && plain(written) == address) {
        // The address itself stands in the list of allowed hosts: somebody meant it.
        const bool is_listed = std::any_of(
            settings_.allow.begin(), settings_.allow.end(), [&](const std::string& text) {
                const auto pattern = host_pattern(text);
                return pattern.host == url.host && matches(pattern, url);
            });
        if (is_listed) return true;
    }
    return std::any_of(settings_.allow_private.begin(), settings_.allow_private.end(),
                       [&](const std::string& text) {
                           return is_in_network(text, address) ||
                                  matches_host(host_pattern(text).host, url.host);
                       });
}

}  // namespace parley::script
