// fakes.hpp: a web that obeys the test, and a call that may use it.
#pragma once

#include "support.hpp"

namespace parley::script {

// Answers requests in order, or keeps them waiting; remembers what was sent.
class FakeWeb final : public HttpClient {
 public:
    std::shared_ptr<void> send(boost::asio::any_io_executor, net::Url url, net::Request request,
                               net::RequestLimits limits,
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
    void answer(int status, std::string body, std::string type = "application/json",
                net::Headers headers = {}) {
        headers.set("Content-Type", type);
        answers.emplace_back(
            net::Response{status, std::move(type), std::move(body), std::move(headers)});
    }
    void fail(net::FetchFailure::Kind kind, std::string what) {
        answers.emplace_back(net::FetchFailure{kind, std::move(what), {}});
    }

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

// A Probe with a web and keys, and api.example allowed.
class WideProbe : public Probe {
 public:
    explicit WideProbe(const std::string& body, const std::string& tool_extra = "")
        : Probe(body, "", tool_extra) {
        parts.services.http = &web;
        parts.services.keys = &keys;
        parts.services.metrics = &metrics;
        parts.limits.http.allow = {"api.example"};
    }
    FakeWeb web;
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
