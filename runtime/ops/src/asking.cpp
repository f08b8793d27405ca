#include "asking.hpp"

#include <parley/core/answer.hpp>

#include <algorithm>
#include <charconv>

namespace parley::ops {

Task<store::QueryResult> ask(store::Store& store, store::Statement statement) {
    auto run = [&store, statement = std::move(statement)](auto done) mutable {
        store.run(std::move(statement), std::move(done));
    };
    return answer_to<store::QueryResult>(std::move(run));
}

std::int64_t limit_of(const Asked& asked, std::int64_t otherwise, std::int64_t most) {
    const auto text = asked.query("limit").value_or("");
    std::int64_t limit = otherwise;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size()) limit = otherwise;
    return std::clamp<std::int64_t>(limit, 1, most);
}

}  // namespace parley::ops
