#include <parley/ops/keyring.hpp>

#include "asking.hpp"

#include <parley/ops/answers.hpp>

#include <fmt/format.h>

#include <future>

namespace parley::ops {
namespace {

store::Statement inserting(const TokenRow& row) {
    return {"INSERT INTO access_tokens(name, role, digest, created_at_ms) VALUES (?, ?, ?, ?)",
            {row.name, name_of(row.role), row.digest, row.created_at_ms}};
}

store::Statement deleting(const std::string& name) {
    return {"DELETE FROM access_tokens WHERE name = ?", {name}};
}

Fault fault_of(const store::QueryProblem& problem) {
    if (problem.kind == store::QueryProblem::Kind::constraint)
        return {"name", "there is a token of that name", "choose another name, or revoke it first"};
    return {"the database", problem.message, "try again"};
}

Checked<store::QueryAnswer> wait_for(store::Store& store, store::Statement statement) {
    std::promise<store::QueryResult> done;
    store.run(std::move(statement),
              [&done](store::QueryResult result) { done.set_value(std::move(result)); });
    auto result = done.get_future().get();
    if (!result) return fault_of(result.error());
    return {boost::system::in_place_value, std::move(*result)};
}

}  // namespace

Checked<std::vector<TokenRow>> load_tokens(store::Store& store) {
    const auto answer = wait_for(
        store, {"SELECT name, role, digest, created_at_ms FROM access_tokens ORDER BY name", {}});
    if (!answer) return answer.error();
    std::vector<TokenRow> rows;
    for (const auto& each : answer->rows) {
        const auto& row = each.as_object();
        rows.push_back({json_read::text(row, "name"),
                        access_named(json_read::text(row, "role")).value_or(Access::viewer),
                        json_read::text(row, "digest"),
                        json_read::integer(row, "created_at_ms").value_or(0)});
    }
    return {boost::system::in_place_value, std::move(rows)};
}

Checked<void> save_token(store::Store& store, const TokenRow& row) {
    const auto answer = wait_for(store, inserting(row));
    if (!answer) return answer.error();
    return {};
}

Checked<bool> delete_token(store::Store& store, const std::string& name) {
    const auto answer = wait_for(store, deleting(name));
    if (!answer) return answer.error();
    return answer->changes > 0;
}

Checked<void> Keyring::load() {
    auto rows = load_tokens(store_);
    if (!rows) return rows.error();
    for (auto& row : *rows) doorkeeper_.tokens().put(std::move(row));
    return {};
}

net::Response Keyring::list() const {
    json::array all;
    for (const auto& row : doorkeeper_.tokens().all()) {
        json::object shown{{"name", row.name}, {"role", name_of(row.role)}};
        // none: the one the service was started with
        if (row.created_at_ms != 0)
            shown["createdAt"] = iso8601(WallTime(milliseconds(row.created_at_ms)));
        all.push_back(std::move(shown));
    }
    return as_json(200, json::object{{"tokens", std::move(all)}});
}

Task<net::Response> Keyring::make(Asked asked) {
    const auto body = asked.json_body();
    if (!body) co_return refusal(400, body.error().text());
    const auto role = role_named(json_read::text(*body, "role"));
    if (!role) co_return refusal(400, role.error().text());
    auto made = make_token(json_read::text(*body, "name"), *role, std::chrono::system_clock::now());
    if (!made) co_return refusal(400, made.error().text());
    auto statement = inserting(made->row);
    const auto kept = co_await ask(store_, std::move(statement));
    if (!kept) {
        const bool is_taken = kept.error().kind == store::QueryProblem::Kind::constraint;
        co_return refusal(is_taken ? 409 : 500, fault_of(kept.error()).text());
    }
    auto response = as_json(
        201, {{"name", made->row.name}, {"role", name_of(made->row.role)}, {"token", made->token}});
    doorkeeper_.tokens().put(std::move(made->row));
    co_return response;
}

Task<net::Response> Keyring::revoke(Asked asked) {
    const auto name = asked.param("name");
    if (name == "admin")
        co_return refusal(400, "admin is the token of server.admin_token", "change it there");
    auto statement = deleting(name);
    const auto gone = co_await ask(store_, std::move(statement));
    if (!gone) co_return refusal(500, fault_of(gone.error()).text());
    if (!doorkeeper_.revoke(name))
        co_return refusal(404, fmt::format("there is no token \"{}\"", name));
    co_return as_json(200, json::object{{"revoked", true}});
}

void Keyring::add_to(Routes& routes) {
    routes.add({{"GET"},
                "/api/tokens",
                Access::admin,
                "who has a token, and what it is good for",
                [this](const Asked&) -> Task<net::Response> { co_return list(); }});
    routes.add({{"POST"}, "/api/tokens", Access::admin, "make a token", [this](Asked asked) {
                    return make(std::move(asked));
                }});
    routes.add({{"DELETE"},
                "/api/tokens/:name",
                Access::admin,
                "revoke a token; its sessions end",
                [this](Asked asked) { return revoke(std::move(asked)); }});
}

}  // namespace parley::ops
