// tls.hpp: the trust in other servers' certificates.
#pragma once

#include "transport.hpp"

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace parley::net {

// TLS 1.2 and up, peers verified against the system's store (or SSL_CERT_FILE, SSL_CERT_DIR). Made
// at the first call, which reads some 200 KB of certificates in about 25 ms; IoThreads calls it in
// the background. Safe from any thread.
asio::ssl::context& tls_client_context();

// Readies `stream` for a handshake as a client: server name sent, certificate must be for `host`.
error_code expect_host(TlsStream& stream, const std::string& host);

// Why the handshake failed, in words: the certificate's fault where there is one.
std::string tls_failure(TlsStream& stream, const error_code& error);

}  // namespace parley::net
