// What the server's errors and closes mean for the call: worth a new connection, worth a line, or
// nothing.

#include <parley/engine/realtime_protocol.hpp>

#include <algorithm>
#include <array>

namespace parley::engine::realtime {
namespace {

using namespace std::string_view_literals;

// Races between what the caller does, what the server does by itself, and what we have just sent.
constexpr std::array benign{
    "conversation_already_has_active_response"sv,
    "response_cancel_not_active"sv,
    "input_audio_buffer_commit_empty"sv,
    "unsupported_content_type"sv,  // a truncate of an item without audio
    "item_truncate_invalid_item_id"sv,
    "item_delete_invalid_item_id"sv,
    "item_retrieve_invalid_item_id"sv,
};
// A key, a model or an account: the next connection will hear the same.
constexpr std::array fatal{
    "invalid_api_key"sv,
    "missing_model"sv,
    "invalid_model"sv,
    "model_not_found"sv,
    "beta_api_shape_disabled"sv,
    "insufficient_quota"sv,
    "billing_hard_limit_reached"sv,
    "account_deactivated"sv,
    "inference_not_authorized_error"sv,
};
// The same errors without a code, as some servers send them.
constexpr std::array benign_messages{
    "Only model output audio messages can be truncated"sv,
    "is already shorter than"sv,
};

template <class List>
bool contains(const List& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

Severity severity_of(const ServerError& error) {
    if (contains(fatal, error.code) || contains(fatal, error.type)) return Severity::fatal;
    if (error.code == "session_expired") return Severity::expired;
    if (contains(benign, error.code)) return Severity::benign;
    for (const auto message : benign_messages) {
        if (error.message.find(message) != std::string::npos) return Severity::benign;
    }
    return Severity::problem;
}

bool may_retry_response(std::string_view type, std::string_view code) {
    if (contains(fatal, code) || contains(fatal, type)) return false;
    // A rate limit may come as an invalid request of type "tokens"; any other invalid request stays
    // invalid.
    return code == "rate_limit_exceeded" || type != "invalid_request_error";
}

bool may_reconnect_after_close(std::uint16_t code) {
    switch (code) {
        case 1000:  // no fault, but nobody asked for it: the caller is still there
        case 1001:  // going away, also the end of a session's hour
        case 1005:  // closed without a code
        case 1006:  // the connection broke
        case 1011:  // internal error
        case 1012:  // restarting
        case 1013:  // try again later
            return true;
        default: return false;
    }
}

bool may_reconnect_after_status(int http_status) {
    switch (http_status) {
        case 408:
        case 429:
        case 500:
        case 502:
        case 503:
        case 504: return true;
        default: return false;
    }
}

std::string_view remedy_for_status(int http_status) {
    switch (http_status) {
        case 401: return "check OPENAI_API_KEY";
        case 403: return "check what the key of OPENAI_API_KEY may use";
        case 404: return "check OPENAI_BASE_URL and the agent's model";
        default: return "check OPENAI_BASE_URL";
    }
}

}  // namespace parley::engine::realtime
