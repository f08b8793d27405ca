// signature.hpp: did this request really come from Twilio?
//
// Twilio signs the URL as it sees it, and the form fields, with the account's auth token
// (HMAC-SHA1). We sit behind proxies and cannot see that URL, so the configured public address is
// combined with the raw request target, in the few spellings Twilio uses (with and without port,
// for WebSockets with and without a slash). Trying several costs nothing: none can be forged
// without the token.
//
// Sans-I/O. Thread: const use from several threads is safe.
#pragma once

#include <parley/core/text.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::telephony {

using FormFields = std::vector<std::pair<std::string, std::string>>;  // decoded, in any order

// The base64 signature of `url` with the form fields: by name, then by value, each pair once.
std::string signature(std::string_view auth_token, std::string_view url,
                      const FormFields& form = {});

// Where the world reaches us.
struct PublicAddress {
    std::string url;  // "https://voice.example.com"; a path prefix is allowed
    std::optional<std::uint16_t> listening_port;  // tried as well: tunnels sometimes keep it
};

// What Twilio may have signed for a request with this raw target ("/voice?x=1"), likeliest first.
std::vector<std::string> http_candidates(const PublicAddress& address, std::string_view target);
std::vector<std::string> websocket_candidates(const PublicAddress& address,
                                              std::string_view target);

enum class Verdict {
    genuine,
    no_token,      // no auth token is configured: nothing can be checked
    unsigned_,     // the header is missing or empty
    forged,        // no candidate matches
    body_altered,  // the URL is genuine, the body is not the one it was signed for (bodySHA256)
};
std::string_view to_string(Verdict verdict);

class SignatureCheck {
 public:
    // Several tokens during a rotation; any of them will do.
    explicit SignatureCheck(std::vector<Secret> auth_tokens)
        : auth_tokens_(std::move(auth_tokens)) {}

    struct Request {
        PublicAddress address;
        std::string_view target;     // as on the wire, undecoded
        std::string_view signature;  // of the header X-Twilio-Signature; "" when missing
        std::string_view body;       // raw
        bool is_form = false;        // the content type is application/x-www-form-urlencoded
        const FormFields* form = nullptr;
    };
    // A body that is no form is accepted only with bodySHA256 in the query, which binds it to the
    // signature.
    Verdict check_http(const Request& request) const;
    Verdict check_websocket(const PublicAddress& address, std::string_view target,
                            std::string_view signature) const;

 private:
    // True if one of the tokens makes `wanted` of one of the candidates. All are tried: no early
    // way out to time.
    bool is_any(const std::vector<std::string>& candidates, const FormFields& form,
                std::string_view wanted) const;

    std::vector<Secret> auth_tokens_;
};

}  // namespace parley::telephony
