// crypto.*: digests, signatures and random names.
#include "bind.hpp"

#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>

#include <array>

namespace parley::script {
namespace {

constexpr double token_bytes_max = 256;
constexpr std::uint64_t digest_ns_per_byte = 5;

std::optional<std::string_view> message_argument(lua_State* L, Vm& vm, int index,
                                                 const char* function, std::string& problem) {
    const auto text = text_argument(L, index, function, problem);
    if (!text) return std::nullopt;
    if (!vm.charge(L, 2'000 + text->size() * digest_ns_per_byte)) {
        problem = fmt::format("stopped: {} of long texts, again and again", function);
        return std::nullopt;
    }
    return text;
}

// "hex" unless `index` says "base64".
int give_digest(lua_State* L, int index, const char* function, std::span<const std::uint8_t> digest,
                std::string& problem) {
    std::string_view form = "hex";
    if (!lua_isnoneornil(L, index)) {
        const auto given = text_argument(L, index, function, problem);
        if (!given) return refused;
        form = *given;
    }
    if (form == "hex") return give_text(L, crypto::hex(digest));
    if (form == "base64") return give_text(L, base64::encode(digest));
    problem =
        fmt::format("{}: expected \"hex\" or \"base64\", found {}", function, describe(L, index));
    return refused;
}

int sha256(lua_State* L, Vm& vm, std::string& problem) {
    const auto message = message_argument(L, vm, 1, "crypto.sha256", problem);
    return message ? give_digest(L, 2, "crypto.sha256", crypto::sha256(*message), problem)
                   : refused;
}

int hmac_sha256(lua_State* L, Vm& vm, std::string& problem) {
    const auto key = text_argument(L, 1, "crypto.hmac_sha256: the key", problem);
    if (!key) return refused;
    const auto message = message_argument(L, vm, 2, "crypto.hmac_sha256: the message", problem);
    return message ? give_digest(L, 3, "crypto.hmac_sha256", crypto::hmac_sha256(*key, *message),
                                 problem)
                   : refused;
}

int uuid(lua_State* L, Vm& vm, std::string& problem) {
    if (!vm.charge(L, 3'000)) {
        problem = "stopped: crypto.uuid, again and again";
        return refused;
    }
    return give_text(L, crypto::uuid4());
}

// random_token(bytes): twice as many hexadecimal digits.
int random_token(lua_State* L, Vm& vm, std::string& problem) {
    double bytes = 16;
    if (!lua_isnoneornil(L, 1)) {
        const auto given =
            number_argument(L, 1, "crypto.random_token: bytes", 4, token_bytes_max, problem);
        if (!given) return refused;
        bytes = *given;
    }
    if (!vm.charge(L, 3'000)) {
        problem = "stopped: crypto.random_token, again and again";
        return refused;
    }
    return give_text(L, crypto::random_hex(static_cast<std::size_t>(bytes)));
}

int base64_encode(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = message_argument(L, vm, 1, "crypto.base64_encode", problem);
    return text ? give_text(L, base64::encode(*text)) : refused;
}

// base64_decode(text) -> bytes | nil, problem
int base64_decode(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = message_argument(L, vm, 1, "crypto.base64_decode", problem);
    if (!text) return refused;
    std::vector<std::uint8_t> bytes;
    if (!base64::decode(*text, bytes))
        return push_problem(L, {"mistake", "this is not base64", false});
    return give_text(L, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

int equals(lua_State* L, Vm& vm, std::string& problem) {
    const auto first = message_argument(L, vm, 1, "crypto.equals", problem);
    if (!first) return refused;
    const auto second = message_argument(L, vm, 2, "crypto.equals", problem);
    if (!second) return refused;
    lua_pushboolean(L, crypto::equal_in_constant_time(*first, *second) ? 1 : 0);
    return 1;
}

}  // namespace

void add_crypto_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"sha256", bound<sha256>},
                                           {"hmac_sha256", bound<hmac_sha256>},
                                           {"uuid", bound<uuid>},
                                           {"random_token", bound<random_token>},
                                           {"base64_encode", bound<base64_encode>},
                                           {"base64_decode", bound<base64_decode>},
                                           {"equals", bound<equals>}};
    lua_newtable(L);
    set_functions(L, bindings);
    lua_setglobal(L, "crypto");
}

}  // namespace parley::script
