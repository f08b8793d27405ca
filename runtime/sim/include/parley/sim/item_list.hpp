// item_list.hpp: the conversation of one simulated Realtime session: items in order, and the rules
// for changing them.
//
// Pure; no time, no I/O. The ids of predecessors are what `previous_item_id` carries.
#pragma once

#include <parley/sim/session_settings.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::sim {

struct Item {
    std::string id;
    json::object body;              // as sent, without audio
    std::int64_t audio_ms = 0;      // of caller or model audio
    bool is_answered_call = false;  // a function_call whose output has come
};

class ItemList {
 public:
    // Null for the first item.
    json::value add(Item item);
    // Behind `previous_id`; "root" is the front. The predecessor must exist.
    json::value add_after(Item item, std::string_view previous_id);
    Item* find(std::string_view id);
    const Item* last() const { return items_.empty() ? nullptr : &items_.back(); }
    json::value previous_of(std::string_view id) const;
    bool erase(std::string_view id);
    const std::vector<Item>& all() const { return items_; }

    // Whether a client may create this item here. `item` gets an id if it has none.
    std::optional<ApiError> check_new(const json::object& item,
                                      std::optional<std::string_view> previous_id);
    // conversation.item.truncate: forgets the audio behind `audio_end_ms`, and the transcript.
    std::optional<ApiError> truncate(std::string_view id, std::int64_t content_index,
                                     std::int64_t audio_end_ms);

    // What the conversation costs as input: caller audio 1 token a 100 ms, model audio 1 a 50 ms,
    // text by length.
    struct Tokens {
        std::int64_t text = 0;
        std::int64_t audio = 0;
    };
    Tokens tokens() const;

 private:
    std::vector<Item> items_;
};

std::int64_t text_tokens(std::string_view text);

}  // namespace parley::sim
