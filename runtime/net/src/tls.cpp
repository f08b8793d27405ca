#include "tls.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace parley::net {

asio::ssl::context& tls_client_context() {
    static const auto shared = [] {
        auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
        SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
        error_code ignored;  // without a store every verification fails, and says so
        context->set_default_verify_paths(ignored);
        context->set_verify_mode(asio::ssl::verify_peer);
        return context;
    }();
    return *shared;
}

error_code expect_host(TlsStream& stream, const std::string& host) {
    SSL* ssl = stream.native_handle();
    X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
    error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    bool is_set = false;
    if (not_an_address) {
        X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_set = X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) == 1 &&
                 SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
    } else {
        is_set = X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;  // no SNI for addresses
    }
    return is_set ? error_code() : error_code(asio::error::invalid_argument);
}

std::string tls_failure(TlsStream& stream, const error_code& error) {
    const long verdict = SSL_get_verify_result(stream.native_handle());
    if (verdict != X509_V_OK) {
        return std::string("the certificate was not accepted: ") +
               X509_verify_cert_error_string(verdict);
    }
    return "TLS handshake failed: " + words_of(error);
}

}  // namespace parley::net
