#include <parley/ops/audit.hpp>

#include "asking.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/log.hpp>
#include <parley/core/text.hpp>
#include <parley/ops/answers.hpp>

namespace parley::ops {
namespace {

constexpr std::size_t path_bytes_max = 200;
constexpr std::int64_t rows_default = 100;
constexpr std::int64_t rows_max = 1'000;

// What is older goes, so that the table does not grow for ever.
constexpr std::string_view insert =
    "INSERT INTO audit(at_ms, who, role, peer, action, status) VALUES (?, ?, ?, ?, ?, ?)";
constexpr std::string_view forget =
    "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - 100000";
constexpr std::string_view newest =
    "SELECT at_ms, who, role, peer, action, status FROM audit ORDER BY id DESC LIMIT ?";

}  // namespace

void Audit::note(const Deed& deed) {
    const auto action = shortened(deed.method + " " + deed.path, path_bytes_max);
    log::info("audit", {{"who", deed.who.name},
                        {"role", name_of(deed.who.role)},
                        {"from", deed.peer},
                        {"action", action},
                        {"status", deed.status}});
    const auto at = unix_ms(std::chrono::system_clock::now());
    store_.run({std::string(insert),
                {at, deed.who.name, name_of(deed.who.role), deed.peer, action, deed.status}},
               [action](const store::QueryResult& result) {
                   if (!result)
                       log::error("audit.not_kept",
                                  {{"action", action}, {"what", result.error().message}});
               });
    store_.run({std::string(forget), {}}, [](const auto&) {});
}

void Audit::add_to(Routes& routes) {
    routes.add({{"GET"},
                "/dashboard/api/audit",
                Access::admin,
                "who changed what, newest first",
                [this](Asked asked) -> Task<net::Response> {
                    const auto limit = limit_of(asked, rows_default, rows_max);
                    store::Statement statement{std::string(newest), {limit}};
                    auto result = co_await ask(store_, std::move(statement));
                    if (!result)
                        co_return refusal(500, "Failed to fetch audit", result.error().message);
                    json::array rows;
                    for (const auto& each : result->rows) {
                        const auto& row = each.as_object();
                        const auto at = WallTime(milliseconds(row.at("at_ms").as_int64()));
                        rows.push_back(json::object{{"timestamp", iso8601(at)},
                                                    {"who", row.at("who")},
                                                    {"role", row.at("role")},
                                                    {"peer", row.at("peer")},
                                                    {"action", row.at("action")},
                                                    {"status", row.at("status")}});
                    }
                    co_return as_json(200, rows);
                }});
}

}  // namespace parley::ops
