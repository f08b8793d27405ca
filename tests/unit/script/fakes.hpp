// fakes.hpp: a web and a key store that obey the test.
#pragma once

#include "support.hpp"

namespace parley::script {

// Answers requests in order, or keeps them waiting; remembers what was sent.
class FakeWeb final : public HttpClient {
 public:
    std::shared_ptr<void> send(boost::asio::any_io_executor, net::Url url, net::Request request, net::RequestLimits limits,
                               std::function<void(Result)> done) override {
        seen.push_back({std::move(url), std::move(request), std::move(limits)});
        if (!answers.empty()) {
            auto answer = std::move(answers.front());
            answers.pop_front();
            done(std::move(answer));
        } else {
            waiting.push_back(std::move(done));
        }
        return {nullptr, [this](void*) { ++dropped; }};
    }
    void answer(int status, std::string body, std::string type = "application/json", net::Headers headers = {}) {
        headers.set("Content-Type", type);
        answers.emplace_back(net::Response{status, std::move(type), std::move(body), std::move(headers)});
    }
    void fail(net::FetchFailure::Kind kind, std::string what) { answers.emplace_back(net::FetchFailure{kind, std::move(what), {}}); }

    struct Seen {
        net::Url url;
        net::Request request;
        net::RequestLimits limits;
    };
    std::deque<Result> answers;
    std::vector<Seen> seen;
    std::vector<std::function<void(Result)>> waiting;
    int dropped = 0;
};

// Keeps everything for ever; the lifetimes are only remembered.
class FakeKeys final : public KeyValues {
 public:
    void get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) override {
        if (problem) return done(*problem);
        const auto found = values.find(key);
        done(found == values.end() ? std::optional<std::string>() : found->second);
    }
    void set(std::string key, std::string json_text, Lifetime lifetime, std::function<void(Result<void>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = lifetime;
        values[std::move(key)] = std::move(json_text);
        done(Result<void>());
    }
    void increment(std::string key, std::int64_t by, Lifetime lifetime, std::function<void(Result<std::int64_t>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = lifetime;
        auto& value = values[std::move(key)];
        value = std::to_string((value.empty() ? 0 : std::stoll(value)) + by);
        done(std::int64_t{std::stoll(value)});
    }
    void remove(std::string key, std::function<void(Result<bool>)> done) override {
        if (problem) return done(*problem);
        done(values.erase(key) > 0);
    }
    void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                       std::function<void(Result<std::optional<std::string>>)> done) override {
        if (problem) return done(*problem);
        lifetimes[key] = lifetime;
        const auto [found, is_new] = values.emplace(std::move(key), std::move(json_text));
        done(is_new ? std::optional<std::string>() : found->second);
    }

    std::map<std::string, std::string> values;
    std::map<std::string, Lifetime> lifetimes;
    std::optional<store::QueryProblem> problem;
};

// A Probe with a web and keys, and api.example allowed.
class WideProbe : public Probe {
 public:
    explicit WideProbe(const std::string& body, const std::string& tool_extra = "") : Probe(body, "", tool_extra) {
        parts.services.http = &web;
        parts.services.keys = &keys;
        parts.services.metrics = &metrics;
        parts.limits.http.allow = {"api.example"};
    }
    FakeWeb web;
    FakeKeys keys;
    metrics::Registry metrics;
};

// What the log says of a run that fails.
template <class OneProbe>
std::string log_of_run(OneProbe& probe) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(probe.run().text, failed_text);
    return testing::internal::GetCapturedStderr();
}

}  // namespace parley::script
