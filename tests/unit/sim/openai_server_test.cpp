#include "sim_test_support.hpp"

#include <parley/core/base64.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;

ModelScript script_of(std::string_view yaml) {
    return ModelScript::parse(yaml, "test.yaml").value();
}

std::unique_ptr<OpenAiServer> serve(std::string_view yaml, OpenAiServer::Options options = {}) {
    return OpenAiServer::start(std::move(options), script_of(yaml)).value();
}

TEST(OpenAiServer, GreetsOverARealSocket) {
    const auto server = serve("{greeting: from_instructions}");
    TestClient client(server->port());
    client.wait_for("session.created");
    client.send(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":"audio/pcmu"}}}}})");
    client.wait_for("session.updated");
    client.send(R"({"type":"response.create","response":{"instructions":"Say \"Good day\"."}})");
    client.wait_for("rate_limits.updated");
    std::size_t bytes = 0;
    std::vector<std::uint8_t> decoded;
    for (const auto& event : client.events()) {
        if (event.at("type") != "response.output_audio.delta") continue;
        ASSERT_TRUE(base64::decode(json_read::text(event, "delta"), decoded));
        bytes += decoded.size();
    }
    EXPECT_GT(bytes, 2'000u) << "a quarter of a second at least";
    client.close();
    const auto record = wait_until_closed(*server);
    EXPECT_EQ(record.violations.size(), 0u);
    EXPECT_EQ(record.events.size(), 2u);
    EXPECT_EQ(record.of_type("response.create").size(), 1u);
    EXPECT_EQ(record.headers.get("Authorization"), "Bearer sk-test");
}

TEST(OpenAiServer, RefusesInTheSocketAsTheRealOneDoes) {
    OpenAiServer::Options options;
    options.api_key = "sk-right";
    const auto server = serve("{}", std::move(options));
    struct Case {
        const char* key;
        const char* target;
        bool has_beta;
        const char* code;
        int close;
    };
    for (const Case& one :
         {Case{"Bearer sk-wrong", "/v1/realtime?model=gpt-realtime-2.1", false, "invalid_api_key",
               3000},
          Case{"", "/v1/realtime?model=gpt-realtime-2.1", false, "", 3000},
          Case{"Bearer sk-right", "/v1/realtime?model=gpt-5", false, "invalid_model", 4000},
          Case{"Bearer sk-right", "/v1/realtime", false, "missing_model", 4000},
          Case{"Bearer sk-right", "/v1/realtime?model=gpt-4o-realtime-preview", false,
               "model_not_found", 4004},
          Case{"Bearer sk-right", "/v1/realtime?model=gpt-realtime-2.1", true,
               "beta_api_shape_disabled", 4000}}) {
        net::Headers headers;
        if (*one.key != 0) headers.set("Authorization", one.key);
        if (one.has_beta) headers.set("OpenAI-Beta", "realtime=v1");
        TestClient client(server->port(), one.target, headers);
        client.wait_for_end();
        ASSERT_EQ(client.events().size(), 1u) << one.code;
        EXPECT_EQ(json_read::text(client.events()[0].at("error").get_object(), "code"), one.code);
        EXPECT_EQ(client.end().code, one.close);
        EXPECT_THAT(client.end().reason, HasSubstr(one.code));
    }
    EXPECT_EQ(server->connections(), 6);
    EXPECT_EQ(server->sessions().back().violations.at(0).code, "beta_header");
}

TEST(OpenAiServer, RefusesWithHttpAndByNotListening) {
    const auto server = serve(
        "{faults: [{kind: refuse_http, session: 1, http_status: 401}, {kind: refuse_connection, session: 3}]}");
    TestClient first(server->port());
    first.wait_for_end();
    EXPECT_EQ(first.http_status(), 401);
    TestClient second(server->port());
    second.wait_for("session.created");
    ASSERT_TRUE(eventually([&] {
        TestClient third(server->port());
        third.wait_for_end_or("session.created");
        return third.was_refused();
    }));
    ASSERT_TRUE(server->listen_again().has_value());
    TestClient fourth(server->port());
    fourth.wait_for("session.created");
}

TEST(OpenAiServer, BreaksTheConnectionInMidResponse) {
    const auto server = serve(
        "{greeting: Good day to you all, speed: 4, faults: [{kind: drop, session: 1, after_ms: 200}]}");
    TestClient client(server->port());
    client.wait_for("session.created");
    client.send(R"({"type":"response.create"})");
    client.wait_for_end();
    EXPECT_EQ(client.end().how, net::CloseReason::How::lost);
    EXPECT_THAT(client.types(), Contains("response.output_audio.delta"));
    EXPECT_THAT(client.types(), testing::Not(Contains("response.done")));
    TestClient next(server->port());
    next.wait_for("session.created");
    next.send(R"({"type":"response.create"})");
    next.wait_for("response.done");
}

TEST(OpenAiServer, ExpiresASessionWithTheDocumentedClose) {
    const auto server = serve("{faults: [{kind: expire, after_ms: 300}]}");
    const auto before = std::chrono::system_clock::now();
    TestClient client(server->port());
    client.wait_for("session.created");
    const auto after = std::chrono::system_clock::now();
    const WallTime expires(
        std::chrono::seconds(client.events()[0].at("session").at("expires_at").get_int64()));
    EXPECT_GT(expires, before - std::chrono::seconds(1));
    EXPECT_LT(expires, after + std::chrono::seconds(1));
    client.wait_for_end();
    EXPECT_THAT(client.types(), Contains("error"));
    EXPECT_EQ(client.end().code, 1001);
}

}  // namespace
}  // namespace parley::sim
