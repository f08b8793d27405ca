#include <parley/rehearsal/fake_web.hpp>

#include <parley/core/text.hpp>
#include <parley/rehearsal/scenario.hpp>

#include <boost/asio/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::rehearsal {
namespace {

using Failure = net::FetchFailure;

Failure failure(WebAnswer::Fault fault, std::string_view url) {
    switch (fault) {
        case WebAnswer::Fault::timeout:
            return {Failure::Kind::timeout, fmt::format("{} did not answer in time", url),
                    boost::asio::error::timed_out};
        case WebAnswer::Fault::unknown_host:
            return {Failure::Kind::dns, fmt::format("could not resolve {}", url),
                    boost::asio::error::host_not_found};
        case WebAnswer::Fault::broken:
            return {Failure::Kind::broken, fmt::format("{} broke the connection", url),
                    boost::asio::error::eof};
        default:
            return {Failure::Kind::refused, fmt::format("{} refuses connections", url),
                    boost::asio::error::connection_refused};
    }
}

}  // namespace

Checked<WebAnswer> web_answer_of(const json::object& object) {
    static const std::vector<std::string> known{"url",  "method", "status", "json",
                                                "text", "fault",  "after",  "times"};
    for (const auto& member : object) {
        const std::string key(member.key());
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const auto meant = did_you_mean(key, known);
        return Fault{"", fmt::format("unknown key `{}`", key),
                     meant ? fmt::format("did you mean `{}`?", *meant)
                           : fmt::format("there are {}", fmt::join(known, ", "))};
    }
    WebAnswer answer;
    answer.url = json_read::text(object, "url");
    answer.method = json_read::text(object, "method");
    answer.status = static_cast<int>(json_read::integer(object, "status").value_or(200));
    answer.times = static_cast<int>(json_read::integer(object, "times").value_or(0));
    if (const auto* value = object.if_contains("json")) answer.body = json::serialize(*value);
    if (const auto text = json_read::string(object, "text")) {
        answer.body = std::string(*text);
        answer.content_type = "text/plain; charset=utf-8";
    }
    if (const auto after = json_read::string(object, "after")) answer.after = duration_of(*after);
    if (const auto fault = json_read::string(object, "fault")) {
        static const std::vector<std::string> faults{"timeout", "refused", "unknown host",
                                                     "broken"};
        const auto found = std::find(faults.begin(), faults.end(), *fault);
        if (found == faults.end())
            return Fault{"", fmt::format("unknown fault \"{}\"", *fault),
                         fmt::format("there are {}", fmt::join(faults, ", "))};
        answer.fault = static_cast<WebAnswer::Fault>(found - faults.begin() + 1);
    }
    return answer;
}

WebAnswer* FakeWeb::find(std::string_view method, std::string_view url) {
    for (auto& answer : answers_) {
        const bool is_method = answer.method.empty() || answer.method == method;
        const bool is_url = answer.url == url || answer.url == url.substr(0, url.find('?'));
        if (is_method && is_url && answer.times >= 0) return &answer;
    }
    return nullptr;
}

std::shared_ptr<void> FakeWeb::send(boost::asio::any_io_executor, net::Url url,
                                    net::Request request, net::RequestLimits limits,
                                    std::function<void(Result)> done) {
    const std::string method = request.method.empty() ? "GET" : request.method;
    const std::string address = fmt::format("{}://{}{}", url.scheme, url.authority(),
                                            request.target.empty() ? url.target : request.target);
    sent_.push_back({method, address, std::move(request.body)});
    if (watch_) watch_(sent_.back());

    Result result = Failure{Failure::Kind::refused,
                            fmt::format("the test has no answer to {} {}", method, address),
                            boost::asio::error::connection_refused};
    milliseconds after{0};
    if (auto* answer = find(method, address)) {
        after = answer->fault == WebAnswer::Fault::timeout ? limits.timeout : answer->after;
        if (after >= limits.timeout) {
            after = limits.timeout;
            result = failure(WebAnswer::Fault::timeout, address);
        } else if (answer->fault != WebAnswer::Fault::none) {
            result = failure(answer->fault, address);
        } else {
            result = net::Response{.status = answer->status,
                                   .content_type = answer->content_type,
                                   .body = answer->body};
        }
        if (answer->times > 0 && --answer->times == 0) answer->times = -1;  // used up
    }
    std::shared_ptr<Alarm> alarm =
        clock_.make_alarm([done = std::move(done), result = std::move(result)]() mutable {
            done(std::move(result));
        });
    alarm->arm(clock_.now() + after);
    return alarm;
}

}  // namespace parley::rehearsal
