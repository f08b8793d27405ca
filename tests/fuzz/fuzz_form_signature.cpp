// fuzz_form_signature.cpp: form decoding, the signature's candidates and check, and TwiML escaping.
//
// Input: the request target up to the first zero byte, the public URL up to the second, then the
// body.
#include <parley/net/http.hpp>
#include <parley/telephony/signature.hpp>
#include <parley/telephony/twiml.hpp>

#include <algorithm>
#include <cstdlib>

using namespace parley;
using namespace parley::telephony;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string_view next_part(std::string_view& rest) {
    const std::string_view part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const std::string_view target = next_part(rest);
    const PublicAddress address{std::string(next_part(rest)), 3000};
    const std::string_view body = rest;

    // Decoding is stable under its own encoding.
    const FormFields form = net::parse_form(body);
    require(net::parse_form(net::encode_form(form)) == form);

    const SignatureCheck check({Secret("12345678901234567890123456789012")});
    // Not knowing the token, nobody gets in: neither with the body as a signature nor with
    // another's.
    require(check.check_http({.address = address,
                              .target = target,
                              .signature = "yEtoprYnJCkSIuWCfNmKG7Tz8DI=",
                              .body = body,
                              .is_form = true,
                              .form = &form}) != Verdict::genuine);
    require(check.check_websocket(address, target, body) != Verdict::genuine);

    // Knowing it, everybody does, in whatever order the fields come.
    const auto candidates = http_candidates(address, target);
    require(!candidates.empty());
    if (target.find("bodySHA256") == std::string_view::npos &&
        target.find('%') == std::string_view::npos) {
        FormFields reversed(form.rbegin(), form.rend());
        const std::string sent =
            signature("12345678901234567890123456789012", candidates.front(), reversed);
        require(check.check_http({.address = address,
                                  .target = target,
                                  .signature = sent,
                                  .body = body,
                                  .is_form = true,
                                  .form = &form}) == Verdict::genuine);
    }
    const auto sockets = websocket_candidates(address, target);
    require(check.check_websocket(address, target,
                                  signature("12345678901234567890123456789012", sockets.back())) ==
            Verdict::genuine);

    const std::string escaped = twiml::escaped(body);
    require(escaped.find_first_of("<>\"'") == std::string::npos);
    const std::string document =
        twiml::connect({.url = std::string(target), .action = address.url, .parameters = form});
    require(static_cast<std::size_t>(std::count(document.begin(), document.end(), '<')) ==
            7 + form.size());
    return 0;
}
