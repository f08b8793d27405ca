// TLS as a client: whom it trusts. The certificates are made here; the test's own authority is the
// only one trusted, by way of SSL_CERT_FILE.
#include "net_test_support.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace parley::net::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
namespace ssl = asio::ssl;

struct Identity {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;

    std::string key_pem() const {
        return pem([&](BIO* out) {
            PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
    }
    std::string certificate_pem() const {
        return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
    }

 private:
    template <class Write>
    static std::string pem(Write write) {
        std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
        write(out.get());
        char* data = nullptr;
        const auto size = BIO_get_mem_data(out.get(), &data);
        return std::string(data, static_cast<std::size_t>(size));
    }
};

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free);
    X509_add_ext(certificate, extension.get(), -1);
}

// Self-signed unless there is an issuer. `names` such as "DNS:localhost,IP:127.0.0.1"; empty: an
// authority.
Identity make_identity(const std::string& common_name, const std::string& names,
                       const Identity* issuer = nullptr, long valid_until_s = 3600) {
    static long serial = 1;
    Identity made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
    X509* certificate = made.certificate.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until_s);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    const Identity& signer = issuer != nullptr ? *issuer : made;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
    extend(certificate, signer.certificate.get(), NID_basic_constraints,
           names.empty() ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) extend(certificate, signer.certificate.get(), NID_subject_alt_name, names);
    X509_sign(certificate, signer.key.get(), EVP_sha256());
    return made;
}

class Authority : public testing::Environment {
 public:
    void SetUp() override {
        identity = make_identity("Parley test authority", "");
        path_ = std::filesystem::temp_directory_path() /
                ("parley-net-test-" + std::to_string(::getpid()) + ".pem");
        std::ofstream(path_) << identity.certificate_pem();
        ::setenv("SSL_CERT_FILE", path_.c_str(), 1);  // before the first io thread reads the store
    }
    void TearDown() override { std::filesystem::remove(path_); }
    Identity identity;

 private:
    std::filesystem::path path_;
};
Authority* const authority =
    // owned by GoogleTest
    static_cast<Authority*>(testing::AddGlobalTestEnvironment(new Authority));

// Serves one TLS connection with plain blocking calls on its own thread.
class TlsServer {
 public:
    using Tls = ssl::stream<asio::ip::tcp::socket>;

    TlsServer(const Identity& identity, std::function<void(Tls&)> serve)
        : tls_(ssl::context::tls_server),
          acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
        const auto certificate = identity.certificate_pem();
        const auto key = identity.key_pem();
        tls_.use_certificate_chain(asio::buffer(certificate));
        tls_.use_private_key(asio::buffer(key), ssl::context::pem);
        port_ = acceptor_.local_endpoint().port();
        thread_ = std::thread([this, serve = std::move(serve)] {
            boost::system::error_code error;
            Tls stream(acceptor_.accept(), tls_);
            stream.handshake(ssl::stream_base::server, error);
            handshake_error = error;
            if (const char* name =
                    SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name))
                server_name = name;
            try {
                if (!error) serve(stream);
            } catch (const boost::system::system_error&) {
            }
        });
    }
    ~TlsServer() { join(); }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    Url url(const std::string& scheme, const std::string& host = "localhost") const {
        return Url::parse(scheme + "://" + host + ":" + std::to_string(port_) + "/").value();
    }

    boost::system::error_code handshake_error;  // read after join()
    std::string server_name;

 private:
    asio::io_context context_;
    ssl::context tls_;
    asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

void answer_http(TlsServer::Tls& stream) {
    char request[4096];
    stream.read_some(asio::buffer(request));
    asio::write(stream,
                asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")));
}

void echo_websocket(TlsServer::Tls& stream) {
    boost::beast::websocket::stream<TlsServer::Tls&> socket(stream);
    socket.accept();
    while (true) {
        boost::beast::flat_buffer message;
        socket.read(message);
        socket.text(socket.got_text());
        socket.write(message.data());
    }
}

class Tls : public testing::Test {
 protected:
    Tls() : threads_(1) { threads_.start(); }
    ConnectError refusal(const Url& url) {
        const auto connected = await(threads_.context(0), connect(url, {}, {}));
        return connected ? ConnectError{"accepted", 0, false} : connected.error();
    }
    IoThreads threads_;
};

TEST_F(Tls, FetchesFromATrustedServerAndNamesIt) {
    TlsServer server(make_identity("s", "DNS:localhost", &authority->identity), answer_http);
    const auto response = await(threads_.context(0), fetch(server.url("https"), {}));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, "secret");
    server.join();
    EXPECT_EQ(server.server_name, "localhost");
}

TEST_F(Tls, TrustsACertificateForAnAddressWithoutSendingAName) {
    TlsServer server(make_identity("s", "IP:127.0.0.1", &authority->identity), answer_http);
    EXPECT_TRUE(await(threads_.context(0), fetch(server.url("https", "127.0.0.1"), {})));
    server.join();
    EXPECT_EQ(server.server_name, "");
}

TEST_F(Tls, RefusesASelfSignedServer) {
    TlsServer server(make_identity("s", "DNS:localhost"), echo_websocket);
    const auto error = refusal(server.url("wss"));
    EXPECT_TRUE(error.is_tls);
    EXPECT_EQ(error.http_status, 0);
    EXPECT_THAT(error.what, StartsWith("the certificate was not accepted: self"));
    TlsServer again(make_identity("s", "DNS:localhost"), answer_http);
    EXPECT_FALSE(await(threads_.context(0), fetch(again.url("https"), {})));
}

TEST_F(Tls, RefusesACertificateForAnotherHost) {
    TlsServer by_name(make_identity("localhost", "DNS:example.com", &authority->identity),
                      echo_websocket);
    const auto error = refusal(by_name.url("wss"));
    EXPECT_TRUE(error.is_tls);
    EXPECT_THAT(error.what, HasSubstr("ostname mismatch"));
    TlsServer by_address(make_identity("s", "DNS:localhost", &authority->identity), echo_websocket);
    EXPECT_TRUE(refusal(by_address.url("wss", "127.0.0.1")).is_tls);
}

TEST_F(Tls, RefusesAnExpiredCertificate) {
    TlsServer server(make_identity("s", "DNS:localhost", &authority->identity, -3600),
                     echo_websocket);
    const auto error = refusal(server.url("wss"));
    EXPECT_TRUE(error.is_tls);
    EXPECT_THAT(error.what, HasSubstr("expired"));
}

TEST_F(Tls, ReportsAServerThatDoesNotSpeakTls) {
    RawServer server;
    auto result =
        asio::co_spawn(threads_.context(0), connect(server.url("wss"), {}, {}), asio::use_future);
    auto peer = server.accept();
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    const auto connected = result.get();
    ASSERT_FALSE(connected);
    EXPECT_TRUE(connected.error().is_tls);
    EXPECT_THAT(connected.error().what, StartsWith("TLS handshake failed"));
}

TEST_F(Tls, TimesOutInAHandshakeThatStalls) {
    RawServer server;
    WebSocketLimits limits;
    limits.handshake_timeout = 1s;
    auto result = asio::co_spawn(threads_.context(0), connect(server.url("wss"), {}, limits),
                                 asio::use_future);
    auto peer = server.accept();
    const auto connected = result.get();
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().what, "timed out");
}

Task<std::vector<std::string>> converse(Url url, CloseReason* end) {
    auto connected = co_await connect(url, {}, {});
    if (!connected) co_return std::vector<std::string>{connected.error().what};
    auto socket = *connected;
    std::vector<std::string> heard;
    const std::string large(50'000, 'x');
    for (int i = 0; i < 100; ++i) socket->send(std::to_string(i));
    socket->send(large);
    *end = co_await socket->run([&](Message message) {
        heard.emplace_back(message.data);
        if (heard.size() == 101) socket->close(1000, "done");
    });
    co_return heard;
}

TEST_F(Tls, CarriesAWebSocketBothWaysAndClosesIt) {
    TlsServer server(make_identity("s", "DNS:localhost", &authority->identity), echo_websocket);
    CloseReason end;
    const auto heard = await(threads_.context(0), converse(server.url("wss"), &end));
    ASSERT_EQ(heard.size(), 101u) << heard.front();
    EXPECT_EQ(heard[0], "0");
    EXPECT_EQ(heard[99], "99");
    EXPECT_EQ(heard[100].size(), 50'000u);
    EXPECT_EQ(end.how, CloseReason::How::closed_by_us);
    EXPECT_EQ(end.code, 1000);
}

TEST_F(Tls, ReportsAConnectionThatBreaks) {
    TlsServer server(make_identity("s", "DNS:localhost", &authority->identity),
                     [](TlsServer::Tls& stream) {
                         boost::beast::websocket::stream<TlsServer::Tls&> socket(stream);
                         socket.accept();
                         stream.next_layer().close();
                     });
    CloseReason end{CloseReason::How::closed_by_us};
    await(threads_.context(0), converse(server.url("wss"), &end));
    EXPECT_EQ(end.how, CloseReason::How::lost);
}

}  // namespace
}  // namespace parley::net::test
