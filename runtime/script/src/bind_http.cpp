// http.*: options are checked here; what happens on the wire is decided in http_exchange.cpp.
#include "bind.hpp"
#include "http_exchange.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <array>

namespace parley::script {
namespace {

constexpr std::size_t request_bytes_max = 1024 * 1024;
constexpr double timeout_seconds_max = 60;
constexpr double retries_max = 5;
constexpr std::array<std::string_view, 8> options_known{"query", "headers", "json",    "form",
                                                        "body",  "timeout", "retries", "method"};
constexpr std::array<std::string_view, 7> methods_known{"GET",   "HEAD",   "POST",   "PUT",
                                                        "PATCH", "DELETE", "OPTIONS"};

std::optional<std::string> scalar_text(const json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    if (value.is_bool() || value.is_number()) return json::serialize(value);
    return std::nullopt;
}

// {a = 1, b = {"x", "y"}} -> a=1&b=x&b=y
bool read_fields(const json::value& value, const char* function, const char* option,
                 std::string& encoded, std::string& problem) {
    const auto* object = value.if_object();
    std::vector<std::pair<std::string, std::string>> fields;
    bool is_good = object != nullptr;
    std::string_view bad = option;
    for (std::size_t i = 0; is_good && i < object->size(); ++i) {
        const auto& member = *(object->begin() + static_cast<std::ptrdiff_t>(i));
        bad = member.key();
        if (const auto* list = member.value().if_array()) {
            for (const auto& item : *list) {
                const auto text = scalar_text(item);
                is_good = is_good && text;
                if (text) fields.emplace_back(member.key(), *text);
            }
        } else if (const auto text = scalar_text(member.value())) {
            fields.emplace_back(member.key(), *text);
        } else if (!member.value().is_null()) {
            is_good = false;
        }
    }
    if (!is_good) {
        problem = fmt::format(
            "{}: {}: `{}`: expected names with text, numbers, true, false or lists of these",
            function, option, bad);
        return false;
    }
    encoded = net::encode_form(fields);
    return true;
}

bool read_headers(const json::object& options, const char* function, net::Headers& headers,
                  std::string& problem) {
    const auto* value = options.if_contains("headers");
    if (value == nullptr) return true;
    const auto* object = value->if_object();
    if (object == nullptr) {
        problem = fmt::format(
            "{}: headers: expected names and values such as {{ [\"X-Token\"] = \"...\" }}",
            function);
        return false;
    }
    for (const auto& [name, item] : *object) {
        const std::string plain = lower(name);
        if (plain == "host" || plain == "content-length" || plain == "connection" ||
            plain == "transfer-encoding") {
            problem = fmt::format("{}: headers: {} is set by the runtime; leave it out", function,
                                  std::string_view(name));
            return false;
        }
        const auto text = scalar_text(item);
        const bool is_one_line =
            text && text->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
        if (!is_one_line) {
            problem = fmt::format("{}: headers: `{}`: expected text on one line", function,
                                  std::string_view(name));
            return false;
        }
        headers.set(std::string(name), *text);
    }
    return true;
}

// The body, of at most one of json, form and body. `body` is read from Lua itself: it may be any
// bytes.
bool read_body(lua_State* L, const json::object& options, const char* function,
               net::Request& request, std::string& problem) {
    int given = 0;
    for (const char* name : {"json", "form", "body"}) given += options.contains(name) ? 1 : 0;
    if (given > 1) {
        problem = fmt::format("{}: give one of json, form and body", function);
        return false;
    }
    if (given == 1 && (request.method == "GET" || request.method == "HEAD")) {
        problem = fmt::format("{}: a {} request has no body; use query", function, request.method);
        return false;
    }
    const char* type = nullptr;
    if (const auto* value = options.if_contains("json")) {
        request.body = json::serialize(*value);
        type = "application/json";
    } else if (const auto* form = options.if_contains("form")) {
        if (!read_fields(*form, function, "form", request.body, problem)) return false;
        type = "application/x-www-form-urlencoded";
    } else if (options.contains("body")) {
        lua_getfield(L, 3, "body");
        const auto body =
            text_argument(L, lua_gettop(L), fmt::format("{}: body", function).c_str(), problem);
        if (!body) return false;
        request.body = std::string(*body);
        lua_pop(L, 1);
        type = "text/plain; charset=utf-8";
    }
    if (type != nullptr && !request.headers.get("Content-Type"))
        request.headers.set("Content-Type", type);
    return true;
}

bool read_url(lua_State* L, const json::object& options, const char* function, net::Url& url,
              std::string& problem) {
    const auto text = text_argument(L, 2, fmt::format("{}: the URL", function).c_str(), problem);
    if (!text) return false;
    auto parsed = net::Url::parse(*text);
    if (!parsed) {
        problem = fmt::format("{}: {}{}{}", function, parsed.error().what,
                              parsed.error().remedy.empty() ? "" : "; ", parsed.error().remedy);
        return false;
    }
    url = std::move(*parsed);
    if (url.scheme != "http" && url.scheme != "https") {
        problem = fmt::format("{}: the URL must begin with https:// or http://", function);
        return false;
    }
    if (const auto* query = options.if_contains("query")) {
        std::string encoded;
        if (!read_fields(*query, function, "query", encoded, problem)) return false;
        if (!encoded.empty())
            url.target += (url.target.find('?') == std::string::npos ? "?" : "&") + encoded;
    }
    return true;
}

bool read_limits(const json::object& options, const char* function,
                 const config::ScriptHttpSettings& settings, HttpWish& wish, std::string& problem) {
    wish.budget = settings.timeout;
    if (const auto* timeout = options.if_contains("timeout")) {
        const double seconds = timeout->is_number() ? timeout->to_number<double>() : -1;
        if (!(seconds > 0 && seconds <= timeout_seconds_max)) {
            problem = fmt::format("{}: timeout: expected seconds up to {}, found {}", function,
                                  timeout_seconds_max, json::serialize(*timeout));
            return false;
        }
        wish.budget =
            milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * 1'000)));
    }
    if (const auto* retries = options.if_contains("retries")) {
        const double count = retries->is_int64() ? static_cast<double>(retries->get_int64()) : -1;
        if (!(count >= 0 && count <= retries_max)) {
            problem = fmt::format("{}: retries: expected a whole number up to {}, found {}",
                                  function, retries_max, json::serialize(*retries));
            return false;
        }
        wish.retries = static_cast<int>(count);
    }
    return true;
}

json::object reply_of(net::Response response) {
    json::object headers;
    for (const auto& [name, value] : response.headers.all()) {
        auto& kept = headers[lower(name)];
        kept = kept.is_string()
                   ? json::value(std::string(kept.get_string()) + ", " + to_valid_utf8(value))
                   : json::value(to_valid_utf8(value));
    }
    json::object reply{{"status", response.status}, {"headers", std::move(headers)}};
    const std::string type = lower(response.content_type);
    if (type.find("json") != std::string::npos) {
        if (auto value = json_read::parse(response.body, value_depth_max))
            reply["json"] = std::move(*value);
    }
    reply["body"] = json::string(response.body);
    return reply;
}

// A status of 400 and above is a problem like any other: who looks at the first result only, does
// not go on with it.
Outcome outcome_of(HttpExchange::Finish finish, const std::string& place) {
    if (!finish) return finish.error();
    const int status = finish->status;
    json::object reply = reply_of(std::move(*finish));
    if (status < 400) return json::value(std::move(reply));
    const bool may_pass = status == 429 || status >= 500;
    return Problem{"status", fmt::format("{} answered with status {}", place, status), may_pass,
                   std::move(reply)};
}

// One exchange under way: it lives until the answer has come or nobody waits for it.
class Exchanging : public std::enable_shared_from_this<Exchanging> {
 public:
    Exchanging(HttpWish wish, const config::ScriptHttpSettings& settings, const Around& around,
               std::function<void(Outcome)> done)
        : settings_(settings),
          rules_(settings_),
          place_(wish.url.authority()),
          exchange_(std::move(wish), rules_),
          client_(around.services.http),
          time_(around.time),
          home_(around.home),
          done_(std::move(done)) {}
    Exchanging(const Exchanging&) = delete;
    Exchanging& operator=(const Exchanging&) = delete;

    void start() { carry_out(exchange_.start(time_.now())); }

 private:
    void carry_out(HttpExchange::Step step) {
        if (auto* finish = std::get_if<HttpExchange::Finish>(&step)) {
            if (auto done = std::exchange(done_, nullptr))
                done(outcome_of(std::move(*finish), place_));
            return;
        }
        if (const auto* wait = std::get_if<HttpExchange::Wait>(&step)) {
            pause_ = time_.make_alarm([weak = weak_from_this()] {
                if (const auto self = weak.lock())
                    self->carry_out(self->exchange_.on_waited(self->time_.now()));
            });
            return pause_->arm(time_.now() + wait->span);
        }
        auto& send = std::get<HttpExchange::Send>(step);
        net::RequestLimits limits;
        limits.timeout = send.timeout;
        limits.response_bytes_max = settings_.response_bytes_max;
        limits.may_connect = [settings = settings_,
                              url = send.url](const boost::asio::ip::address& address) {
            return HttpRules(settings).allows_address(url, address);
        };
        under_way_ = client_->send(
            home_, std::move(send.url), std::move(send.request), std::move(limits),
            [weak = weak_from_this()](HttpClient::Result result) {
                const auto self = weak.lock();
                if (!self || !self->done_) return;
                const auto now = self->time_.now();
                self->carry_out(result ? self->exchange_.on_response(std::move(*result), now,
                                                                     self->time_.wall_now())
                                       : self->exchange_.on_failure(result.error(), now));
            });
    }

    const config::ScriptHttpSettings settings_;  // its own: the exchange may end after a reload
    const HttpRules rules_;
    const std::string place_;
    HttpExchange exchange_;
    HttpClient* const client_;
    Timekeeper& time_;
    const boost::asio::any_io_executor home_;
    std::function<void(Outcome)> done_;
    std::unique_ptr<Alarm> pause_;
    std::shared_ptr<void> under_way_;
};

// http("http.get", url, options): the method is the function's, or options.method.
int request(lua_State* L, Vm& vm, std::string& problem) {
    const auto name = text_argument(L, 1, "http", problem);
    if (!name) return refused;
    const std::string function(*name);
    const auto options =
        options_argument(L, 3, function.c_str(), options_known, problem, request_bytes_max);
    if (!options) return refused;
    HttpWish wish;
    std::string method = function.substr(function.find('.') + 1);
    if (method == "request") {
        method = json_read::text(*options, "method");
        if (method.empty()) method = "GET";
    } else if (options->contains("method")) {
        problem = fmt::format("{}: the method is {} already; use http.request for another",
                              function, method);
        return refused;
    }
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (std::find(methods_known.begin(), methods_known.end(), method) == methods_known.end()) {
        problem = fmt::format("{}: there is no method \"{}\"", function, shortened(method, 40));
        return refused;
    }
    wish.request.method = method;
    const auto& settings = vm.settings().http;
    if (!read_url(L, *options, function.c_str(), wish.url, problem)) return refused;
    if (!read_headers(*options, function.c_str(), wish.request.headers, problem)) return refused;
    if (!read_body(L, *options, function.c_str(), wish.request, problem)) return refused;
    if (!read_limits(*options, function.c_str(), settings, wish, problem)) return refused;
    if (!may_wait(L, vm, function.c_str(), problem, Waits::for_web)) return refused;

    Errand errand;
    errand.counts = Errand::Counts::as_open_request;
    errand.start = [wish = std::move(wish), settings](
                       const Around& around,
                       std::function<void(Outcome)> done) -> std::shared_ptr<void> {
        if (around.services.http == nullptr) {
            done(Problem{"not_allowed", "there is no network here", false});
            return nullptr;
        }
        auto exchanging = std::make_shared<Exchanging>(wish, settings, around, std::move(done));
        exchanging->start();
        return exchanging;
    };
    return wait_for(L, vm, std::move(errand));
}

}  // namespace

void add_http_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"http", bound<request>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
