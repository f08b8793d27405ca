#include <parley/sim/item_list.hpp>

namespace parley::sim {

namespace {

constexpr std::int64_t bytes_per_text_token = 4;  // English, roughly
constexpr std::int64_t caller_ms_per_token = 100;
constexpr std::int64_t model_ms_per_token = 50;

ApiError missing(std::string path) {
    auto message = fmt::format("Missing required parameter: '{}'.", path);
    return {"missing_required_parameter", std::move(message), std::move(path)};
}

ApiError invalid(std::string path, std::string message) {
    return {"invalid_value", std::move(message), std::move(path)};
}

std::optional<ApiError> check_content(const json::object& item, std::string_view role) {
    const auto* content = json_read::array(item, "content");
    if (content == nullptr) return missing("item.content");
    for (std::size_t i = 0; i < content->size(); ++i) {
        const std::string path = fmt::format("item.content[{}]", i);
        const auto* part = (*content)[i].if_object();
        if (part == nullptr) return invalid(path, "Invalid type: expected an object.");
        const auto type = json_read::text(*part, "type");
        const bool is_text = role == "assistant" ? type == "output_text" : type == "input_text";
        if (is_text) {
            if (!json_read::string(*part, "text")) return missing(path + ".text");
            continue;
        }
        const bool is_other_allowed =
            role == "user" && (type == "input_audio" || type == "input_image");
        if (!is_other_allowed) {
            return invalid(
                path + ".type",
                fmt::format("Invalid value: '{}'. Supported values are: {}.", type,
                            role == "assistant" ? "'output_text'"
                            : role == "user"    ? "'input_text', 'input_audio', and 'input_image'"
                                                : "'input_text'"));
        }
    }
    return {};
}

bool is_call_id(std::string_view id) {
    return !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    });
}

}  // namespace

std::int64_t text_tokens(std::string_view text) {
    return (static_cast<std::int64_t>(text.size()) + bytes_per_text_token - 1) /
           bytes_per_text_token;
}

json::value ItemList::add(Item item) {
    json::value previous = items_.empty() ? json::value(nullptr) : json::value(items_.back().id);
    items_.push_back(std::move(item));
    return previous;
}

json::value ItemList::add_after(Item item, std::string_view previous_id) {
    if (previous_id == "root") {
        items_.insert(items_.begin(), std::move(item));
        return nullptr;
    }
    for (auto at = items_.begin(); at != items_.end(); ++at) {
        if (at->id != previous_id) continue;
        items_.insert(at + 1, std::move(item));
        return json::value(previous_id);
    }
    return add(std::move(item));
}

Item* ItemList::find(std::string_view id) {
    for (auto& item : items_) {
        if (item.id == id) return &item;
    }
    return nullptr;
}

json::value ItemList::previous_of(std::string_view id) const {
    json::value previous = nullptr;
    for (const auto& item : items_) {
        if (item.id == id) return previous;
        previous = item.id;
    }
    return nullptr;
}

bool ItemList::erase(std::string_view id) {
    return std::erase_if(items_, [&](const Item& item) { return item.id == id; }) > 0;
}

std::optional<ApiError> ItemList::check_new(const json::object& item,
                                            std::optional<std::string_view> previous_id) {
    if (previous_id && *previous_id != "root" && find(*previous_id) == nullptr) {
        return invalid(
            "previous_item_id",
            fmt::format("Error adding item: the previous item with id '{}' does not exist.",
                        *previous_id));
    }
    if (const auto id = json_read::string(item, "id"); id && find(*id) != nullptr) {
        return invalid("item.id",
                       fmt::format("Error adding item: an item with id '{}' already exists.", *id));
    }
    const auto type = json_read::text(item, "type");
    if (type == "message") {
        const auto role = json_read::text(item, "role");
        if (role != "user" && role != "assistant" && role != "system") {
            return invalid(
                "item.role",
                fmt::format(
                    "Invalid value: '{}'. Supported values are: 'system', 'user', and 'assistant'.",
                    role));
        }
        return check_content(item, role);
    }
    if (type == "function_call") {
        for (const char* key : {"name", "call_id", "arguments"}) {
            if (!json_read::string(item, key)) return missing(fmt::format("item.{}", key));
        }
        return {};
    }
    if (type == "function_call_output") {
        const auto call_id = json_read::string(item, "call_id");
        if (!call_id) return missing("item.call_id");
        if (!json_read::string(item, "output")) return missing("item.output");
        if (!is_call_id(*call_id)) {
            return invalid(
                "item.call_id",
                "Invalid 'item.call_id': expected a string that matches '^[a-zA-Z0-9_-]+$'.");
        }
        for (auto& known : items_) {
            if (json_read::text(known.body, "type") == "function_call" &&
                json_read::text(known.body, "call_id") == *call_id)
                return {};
        }
        return ApiError{"invalid_tool_call_id",
                        fmt::format("Tool call ID '{}' not found in conversation.", *call_id),
                        "item.call_id"};
    }
    return invalid(
        "item.type",
        fmt::format("Invalid value: '{}'. Supported values are: 'message', 'function_call', and "
                    "'function_call_output'.",
                    type));
}

std::optional<ApiError> ItemList::truncate(std::string_view id, std::int64_t content_index,
                                           std::int64_t audio_end_ms) {
    Item* item = find(id);
    if (item == nullptr) {
        return ApiError{
            "item_truncate_invalid_item_id",
            fmt::format("Error truncating item: the item with id '{}' does not exist.", id),
            "item_id"};
    }
    if (json_read::text(item->body, "role") != "assistant" || item->audio_ms == 0) {
        return ApiError{"unsupported_content_type",
                        "Only model output audio messages can be truncated", "item_id"};
    }
    if (content_index != 0)
        return invalid("content_index", "Error truncating item: there is no such content part.");
    if (audio_end_ms < 0) {
        return ApiError{"integer_below_min_value", "Invalid 'audio_end_ms': Expected a value >= 0.",
                        "audio_end_ms"};
    }
    if (audio_end_ms > item->audio_ms) {
        return invalid("audio_end_ms",
                       fmt::format("Audio content of {}ms is already shorter than {}ms",
                                   item->audio_ms, audio_end_ms));
    }
    item->audio_ms = audio_end_ms;
    if (auto* content = item->body.if_contains("content");
        content != nullptr && content->is_array()) {
        for (auto& part : content->get_array()) {
            if (auto* fields = part.if_object()) (*fields)["transcript"] = nullptr;
        }
    }
    return {};
}

ItemList::Tokens ItemList::tokens() const {
    Tokens sum;
    for (const auto& item : items_) {
        const bool is_caller = json_read::text(item.body, "role") == "user";
        sum.audio += item.audio_ms / (is_caller ? caller_ms_per_token : model_ms_per_token);
        sum.text += text_tokens(json_read::text(item.body, "arguments")) +
                    text_tokens(json_read::text(item.body, "output"));
        const auto* content = json_read::array(item.body, "content");
        if (content == nullptr || item.audio_ms > 0) continue;
        for (const auto& part : *content) {
            if (const auto* fields = part.if_object())
                sum.text += text_tokens(json_read::text(*fields, "text"));
        }
    }
    return sum;
}

}  // namespace parley::sim
