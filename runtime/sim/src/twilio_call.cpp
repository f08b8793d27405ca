#include <parley/sim/twilio_call.hpp>

#include <parley/audio/g711.hpp>
#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/json.hpp>
#include <parley/core/text.hpp>
#include <parley/sim/server_frames.hpp>
#include <parley/sim/speech_cache.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <set>

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 at -O1 inlines one half of the allocation of Asio's coroutine frames and takes the pair
// for mismatched.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace parley::sim {

namespace {

constexpr std::size_t frame_bytes = 160;
constexpr milliseconds frame_length{20};
constexpr std::chrono::seconds webhook_timeout{15};
constexpr int documents_max = 10;  // redirects and actions
constexpr std::size_t violations_max = 100;
constexpr std::size_t message_bytes_max = 8 * 1024 * 1024;

Task<Checked<Speech>> speak_on_worker(SpeechCache::Words words) {
    co_return SpeechCache::of_process().get(words);
}

Task<Checked<bool>> write_on_worker(std::shared_ptr<const CallReport> report, std::string path) {
    co_return write_recording(*report, path);
}

}  // namespace

std::string url_to_sign(std::string_view url) {
    std::string out(url.substr(0, url.find('#')));
    const auto scheme_end = out.find("://");
    if (scheme_end == std::string::npos) return out;
    const auto begin = scheme_end + 3;
    auto end = out.find_first_of("/?", begin);
    if (end == std::string::npos) end = out.size();
    if (const auto at = out.rfind('@', end); at != std::string::npos && at >= begin && at < end) {
        out.erase(begin, at + 1 - begin);
        end -= at + 1 - begin;
    }
    if (out.starts_with("https://")) {
        const auto bracket = out.rfind(']', end);
        const auto colon = out.rfind(':', end);
        if (colon != std::string::npos && colon > begin && colon < end &&
            (bracket == std::string::npos || bracket < begin || colon > bracket)) {
            out.erase(colon, end - colon);
        }
    }
    return out;
}

std::string twilio_signature(std::string_view auth_token, std::string_view url, const Form& form) {
    std::string signed_text(url);
    // sorted, each pair once
    const std::set<std::pair<std::string, std::string>> fields(form.begin(), form.end());
    for (const auto& [name, value] : fields) signed_text += name + value;
    return base64::encode(crypto::hmac_sha1(auth_token, signed_text));
}

TwilioCall::TwilioCall(CallOptions options, boost::asio::any_io_executor home,
                       boost::asio::thread_pool& workers)
    : options_(std::move(options)),
      home_(home),
      workers_(workers),
      result_(done_.get_future().share()),
      player_(options_.script, {}),
      playback_(options_.playback) {
    if (options_.call_sid.empty()) options_.call_sid = "CA" + crypto::random_hex(16);
    report_.call_sid = options_.call_sid;
    report_.ended_by = "agent";
}

milliseconds TwilioCall::now() const {
    return began_ ? std::chrono::duration_cast<milliseconds>(Clock::now() - *began_)
                  : milliseconds(0);
}

// The timer lives in the coroutine, not in the call: handles of the call may outlive the io
// context.
Task<> TwilioCall::sleep_until(TimePoint deadline) {
    boost::asio::steady_timer timer(home_, deadline);
    timer_ = &timer;
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    timer_ = nullptr;
}

void TwilioCall::wake() {
    if (timer_ != nullptr) timer_->cancel();
}

void TwilioCall::abandon() {
    timer_ = nullptr;
    socket_.reset();
    if (std::exchange(is_done_, true)) return;
    report_.failure = "the simulator was stopped";
    done_.set_value(report_);
}

void TwilioCall::watch(std::string_view line) const {
    if (options_.watch) options_.watch(fmt::format("{} {}", options_.call_sid.substr(0, 8), line));
}

CallReport TwilioCall::report() { return result_.get(); }

void TwilioCall::hang_up() {
    boost::asio::post(home_, [self = shared_from_this()] {
        self->is_hang_up_wanted_ = true;
        self->end_stream("caller", "the caller hung up");
        self->wake();
    });
}

void TwilioCall::lose() {
    boost::asio::post(home_, [self = shared_from_this()] {
        if (self->socket_ == nullptr) return;
        self->report_.ended_by = "lost";
        self->report_.ending = "the connection was dropped on request";
        self->is_over_ = true;
        self->socket_->abort();
    });
}

void TwilioCall::end_by_rest() {
    is_hang_up_wanted_ = true;
    if (report_.ending.empty()) report_.ending = "ended by the REST API";
    end_stream("agent", "ended by the REST API");
    wake();
}

void TwilioCall::replace(std::string url, CallOptions::Method method, std::string twiml) {
    replacement_ = Replacement{std::move(url), method, std::move(twiml)};
    was_replaced_ = true;
    end_stream("agent", "another document took its place");
    wake();
}

// `stop`, then the close.
void TwilioCall::end_stream(std::string_view by, std::string_view words) {
    if (socket_ == nullptr || is_over_) return;
    is_over_ = true;
    report_.ended_by = by;
    report_.ending = words;
    // In another document the caller is still there.
    if (!replacement_) player_.ended_by_other_side(now());
    if (by == "caller" && !player_.is_finished())
        report_.notes.push_back("the script was not finished");
    if (!is_silent_) {
        json::object stop{{"accountSid", options_.account_sid}, {"callSid", options_.call_sid}};
        send({{"event", "stop"}, {"stop", std::move(stop)}});
    }
    socket_->close(1000, "");
    wake();
}

Task<> TwilioCall::run() {
    try {
        co_await carry_out();
    } catch (const std::exception& error) {
        report_.failure = fmt::format("internal error: {}", error.what());
    }
    finish();
    if (!options_.record.empty() && !report_.stream_sid.empty()) {
        auto shared = std::make_shared<const CallReport>(report_);
        // Values are built outside of co_await expressions: GCC 12 destroys temporaries in them
        // twice.
        auto writing = write_on_worker(std::move(shared), options_.record);
        auto written = co_await boost::asio::co_spawn(workers_, std::move(writing),
                                                      boost::asio::use_awaitable);
        if (!written && report_.failure.empty()) report_.failure = written.error().text();
    }
    watch(report_.failure.empty() ? report_.ending : report_.ending + "; " + report_.failure);
    is_done_ = true;
    done_.set_value(report_);
}

void TwilioCall::finish() {
    status_ = "completed";
    if (was_replaced_ && began_) player_.ended_by_other_side(now());
    report_.caller = player_.spoken();
    report_.agent = ear_.segments();
    if (report_.failure.empty()) report_.failure = player_.failure();
    if (report_.failure.empty() && report_.stream_sid.empty() && !is_hang_up_wanted_ &&
        !options_.script.steps.empty()) {
        report_.failure = "no stream was opened";
    }
    for (const auto& miss : unmet(options_.script.expect, report_)) {
        report_.failure += report_.failure.empty() ? miss : "; " + miss;
    }
}

Task<> TwilioCall::carry_out() {
    const bool has_voice = co_await prepare_speech();
    if (!has_voice) co_return;
    watch(fmt::format("calls {} from {}", options_.to, options_.from));
    Question question;
    Answer answer;
    if (options_.twiml.empty()) {
        question = ask(options_.webhook, options_.method, form(true));
        answer = co_await request(std::move(question));
    } else {
        answer = read_twiml("Twiml", options_.twiml);
    }
    std::string base = options_.webhook;
    std::size_t next = 0;
    int documents = 1;
    while (!is_hang_up_wanted_) {
        if (replacement_) {
            const Replacement wanted = *std::exchange(replacement_, std::nullopt);
            report_.notes.push_back("the document was replaced");
            report_.ending.clear();
            next = 0;
            if (wanted.twiml.empty()) {
                base = resolved(wanted.url, base);
                question = ask(base, wanted.method, form(false));
                answer = co_await request(std::move(question));
            } else {
                answer = read_twiml("Twiml", wanted.twiml);
                check_actions(answer.twiml);
            }
            continue;
        }
        if (!answer.problem.empty()) {
            report_.failure = answer.problem;
            report_.ending = "the webhook gave no usable TwiML";
            co_return;
        }
        if (next >= answer.twiml.verbs.size()) {
            if (report_.ending.empty()) report_.ending = "the TwiML came to its end";
            co_return;
        }
        const TwimlVerb verb = answer.twiml.verbs[next++];
        std::string next_document;
        Form more;
        CallOptions::Method method =
            verb.method == "GET" ? CallOptions::Method::get : CallOptions::Method::post;
        switch (verb.kind) {
            case TwimlVerb::Kind::hangup:
                if (report_.ending.empty()) report_.ending = "hung up by <Hangup>";
                co_return;
            case TwimlVerb::Kind::reject:
                report_.ending = fmt::format("rejected ({})", verb.text);
                co_return;
            case TwimlVerb::Kind::say:
                watch(fmt::format("<Say> {}", verb.text));
                report_.said.push_back(verb.text);
                break;
            case TwimlVerb::Kind::pause: co_await sleep_until(Clock::now() + verb.length); break;
            case TwimlVerb::Kind::redirect: next_document = verb.text; break;
            case TwimlVerb::Kind::connect:
                co_await stream(verb);
                if (replacement_ && !is_hang_up_wanted_) break;
                if (report_.ended_by != "agent" || is_hang_up_wanted_) co_return;
                next_document = verb.action;
                break;
            case TwimlVerb::Kind::gather:
                for (const auto& nested : verb.nested) {
                    if (nested.kind == TwimlVerb::Kind::say) report_.said.push_back(nested.text);
                }
                // Keys of the caller's script belong to a stream.
                co_await wait_while_dialled(verb.length);
                break;
            case TwimlVerb::Kind::dial: {
                auto dialling = dial(verb);
                more = co_await std::move(dialling);
                if (replacement_ && !is_hang_up_wanted_) break;
                next_document = verb.action;
                break;
            }
        }
        if (next_document.empty() || replacement_) continue;
        if (++documents > documents_max) {
            report_.failure = "more than ten documents in one call";
            co_return;
        }
        base = resolved(next_document, base);
        Form fields = form(false);
        fields.insert(fields.end(), more.begin(), more.end());
        question = ask(base, method, std::move(fields));
        answer = co_await request(std::move(question));
        next = 0;
    }
    if (report_.ending.empty()) {
        report_.ended_by = "caller";
        report_.ending = "the caller hung up before the stream";
    }
}

Task<bool> TwilioCall::prepare_speech() {
    std::vector<milliseconds> lengths;
    for (const CallerStep& step : options_.script.steps) {
        speech_.emplace_back();
        if (step.kind == CallerStep::Kind::say) {
            SpeechCache::Words words{step.text, options_.script.voice,
                                     options_.script.words_per_minute, audio::telephone_hz};
            auto speaking = speak_on_worker(std::move(words));
            auto made = co_await boost::asio::co_spawn(workers_, std::move(speaking),
                                                       boost::asio::use_awaitable);
            if (!made) {
                report_.failure = made.error().text();
                report_.ending = "the caller has no voice";
                co_return false;
            }
            auto& mulaw = speech_.back();
            mulaw.resize((*made)->size());
            audio::encode_mulaw(**made, mulaw);
            mulaw.resize((mulaw.size() + frame_bytes - 1) / frame_bytes * frame_bytes,
                         audio::mulaw_silence);
        }
        lengths.push_back(milliseconds(static_cast<std::int64_t>(speech_.back().size() / 8)));
    }
    player_ = CallerPlayer(options_.script, std::move(lengths));
    co_return true;
}

Form TwilioCall::form(bool is_first) const {
    const bool rings = is_first && options_.direction == "inbound";
    Form fields{{"AccountSid", options_.account_sid},
                {"ApiVersion", "2010-04-01"},
                {"CallSid", options_.call_sid},
                {"CallStatus", rings                ? "ringing"
                               : is_hang_up_wanted_ ? "completed"
                                                    : "in-progress"},
                {"Called", options_.to},
                {"CalledCity", ""},
                {"CalledCountry", "US"},
                {"CalledState", ""},
                {"CalledZip", ""},
                {"Caller", options_.from},
                {"CallerCity", ""},
                {"CallerCountry", "US"},
                {"CallerState", "CA"},
                {"CallerZip", ""},
                {"Direction", options_.direction},
                {"From", options_.from},
                {"FromCity", ""},
                {"FromCountry", "US"},
                {"FromState", "CA"},
                {"FromZip", ""},
                {"StirVerstat", "TN-Validation-Passed-A"},
                {"To", options_.to},
                {"ToCity", ""},
                {"ToCountry", "US"},
                {"ToState", ""},
                {"ToZip", ""}};
    if (is_first) fields.insert(fields.end(), options_.extra.begin(), options_.extra.end());
    return fields;
}

std::string TwilioCall::signature(CallOptions::Signature mode, std::string_view url,
                                  const Form& fields) const {
    const std::string key =
        mode == CallOptions::Signature::wrong ? options_.auth_token + "x" : options_.auth_token;
    return twilio_signature(key, url, fields);
}

std::string TwilioCall::resolved(std::string_view url, std::string_view base) const {
    if (url.find("://") != url.npos) return std::string(url);
    const auto scheme_end = base.find("://");
    const auto authority_end =
        base.find_first_of("/?#", scheme_end == base.npos ? 0 : scheme_end + 3);
    if (url.starts_with('/')) return std::string(base.substr(0, authority_end)) + std::string(url);
    const auto path_end = base.find_first_of("?#");
    const auto folder_end = base.substr(0, path_end).rfind('/');
    return std::string(base.substr(0, folder_end + 1)) + std::string(url);
}

// The same path at the place that really listens.
net::Url TwilioCall::reachable(net::Url url, bool is_socket) const {
    if (options_.connect_to.empty()) return url;
    auto place = net::Url::parse(options_.connect_to);
    if (!place) return url;
    url.host = place->host;
    url.port = place->port;
    url.scheme =
        is_socket ? (place->is_secure() ? "wss" : "ws") : (place->is_secure() ? "https" : "http");
    return url;
}

TwilioCall::Question TwilioCall::ask(std::string url, CallOptions::Method method,
                                     Form fields) const {
    Question question;
    net::Request& request = question.request;
    std::string signed_url = url_to_sign(url);
    url.resize(std::min(url.size(), url.find('#')));
    const bool is_get = method == CallOptions::Method::get;
    if (is_get) {
        const std::string query =
            (url.find('?') == std::string::npos ? "?" : "&") + net::encode_form(fields);
        url += query;
        signed_url += query;
        request.method = "GET";
    } else {
        request.method = "POST";
        request.body = net::encode_form(fields);
        request.headers.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    }
    question.shown = url.substr(0, url.find('?'));
    auto parsed = net::Url::parse(url);
    if (!parsed) {
        question.problem = parsed.error().text();
        return question;
    }
    question.place = reachable(*parsed, false);
    request.target = parsed->target;
    request.headers.set("User-Agent", "TwilioProxy/1.1");
    request.headers.set("Accept", "*/*");
    request.headers.set("I-Twilio-Idempotency-Token", crypto::random_hex(16));
    if (options_.webhook_signature != CallOptions::Signature::none) {
        request.headers.set("X-Twilio-Signature", signature(options_.webhook_signature, signed_url,
                                                            is_get ? Form() : fields));
    }
    return question;
}

// A document of its own has no address that others could be relative to.
void TwilioCall::check_actions(const Twiml& twiml) {
    for (const auto& verb : twiml.verbs) {
        for (const auto& url : {verb.action, verb.number_url}) {
            if (!url.empty() && url.find("://") == url.npos)
                report_.violations.push_back("11100: not absolute, in Twiml: " + url);
        }
    }
}

TwilioCall::Answer TwilioCall::read_answer(const std::string& shown,
                                           const Result<net::Response>& response) {
    Answer answer;
    report_.http.emplace_back(shown, response ? response->status : 0);
    if (!response) {
        answer.problem = fmt::format("{}: {}", shown, response.error().message());
        return answer;
    }
    watch(fmt::format("{} -> {}", shown, response->status));
    if (response->status < 200 || response->status > 299) {
        answer.problem = fmt::format("{} answered {}", shown, response->status);
        return answer;
    }
    const std::string type =
        lower(response->content_type.substr(0, response->content_type.find(';')));
    if (type != "text/xml" && type != "application/xml" && type != "text/html") {
        answer.problem = fmt::format("{}: 12300: content type \"{}\" is not TwiML", shown,
                                     response->content_type);
        return answer;
    }
    return read_twiml(shown, response->body);
}

TwilioCall::Answer TwilioCall::read_twiml(const std::string& shown, std::string_view document) {
    Answer answer;
    auto twiml = parse_twiml(document, options_.scheme);
    if (!twiml) {
        answer.problem = fmt::format("{}: {}", shown, twiml.error().text());
        return answer;
    }
    for (const auto& warning : twiml->warnings) report_.violations.push_back(warning);
    answer.twiml = std::move(*twiml);
    return answer;
}

Task<TwilioCall::Answer> TwilioCall::request(Question question) {
    Answer answer;
    if (question.problem.empty()) {
        net::RequestLimits limits;
        limits.timeout = webhook_timeout;
        const auto response =
            co_await net::fetch(std::move(question.place), std::move(question.request), limits);
        answer = read_answer(question.shown, response);
    } else {
        answer.problem = std::move(question.problem);
    }
    co_return answer;
}

Task<> TwilioCall::stream(TwimlVerb verb) {
    auto url = net::Url::parse(verb.stream_url);
    if (!url) {
        report_.violations.push_back("31923: " + url.error().text());
        co_return;
    }
    status_ = "in-progress";
    net::Headers headers;
    if (options_.stream_signature != CallOptions::Signature::none) {
        headers.set("x-twilio-signature",
                    signature(options_.stream_signature, verb.stream_url, {}));
    }
    headers.set("User-Agent", "Twilio.TmeWs/1.0");
    net::WebSocketLimits limits;
    limits.message_bytes_max = message_bytes_max;
    net::Url place = reachable(*url, true);
    auto connected = co_await net::connect(std::move(place), std::move(headers), limits);
    report_.http.emplace_back(verb.stream_url, connected ? 101 : connected.error().http_status);
    if (!connected) {
        report_.notes.push_back("31920: the stream could not be opened: " + connected.error().what);
        watch(report_.notes.back());
        co_return;
    }
    socket_ = *connected;
    report_.stream_sid = "MZ" + crypto::random_hex(16);
    parameters_ = verb.parameters;
    if (!began_) began_ = Clock::now();
    is_over_ = false;
    frames_sent_ = now() / frame_length;
    chunk_ = 0;
    sequence_ = 0;
    watch("stream open");
    socket_->send(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
    if (options_.sends_media_before_start) send_media();
    send_start();
    if (options_.sends_second_start) send_start();
    for (const auto& text : options_.extra_messages) socket_->send(text);
    {
        using namespace boost::asio::experimental::awaitable_operators;
        co_await (read_stream() && tick_stream());
    }
    const milliseconds end = now();
    report_.duration = end;
    report_.heard = playback_.heard(end);
    ear_.hear(report_.heard);
    report_.unheard = playback_.queued(end);
    // what is still queued is lost with the stream, and its marks do not come back
    playback_.clear(end);
    playback_.take_echoes(end);
    if (playback_.ragged_bytes_lost() > 0) {
        report_.violations.push_back(
            fmt::format("{} bytes of incomplete frames were lost", playback_.ragged_bytes_lost()));
    }
    socket_.reset();
}

Task<> TwilioCall::read_stream() {
    const auto self = shared_from_this();
    // Not `self`: it owns the socket, which keeps this.
    std::function<void(net::Message)> hear = [this](net::Message message) { on_message(message); };
    const auto reason = co_await socket_->run(std::move(hear));
    if (!is_over_) {
        is_over_ = true;
        const bool was_closed = reason.how == net::CloseReason::How::closed_by_peer;
        report_.ended_by = was_closed ? "agent" : "lost";
        report_.ending = was_closed ? fmt::format("the server closed the stream ({})", reason.code)
                                    : fmt::format("the stream was lost: {}", reason.reason);
        player_.ended_by_other_side(now());
    }
    wake();
}

Task<> TwilioCall::tick_stream() {
    while (!is_over_) {
        advance(now());
        if (is_over_) break;
        TimePoint due = *began_ + frame_length * (frames_sent_ + 1);
        const milliseconds mark_due = playback_.next_due();
        if (mark_due != milliseconds::max()) due = std::min(due, *began_ + mark_due);
        co_await sleep_until(due);
    }
}

void TwilioCall::advance(milliseconds at) {
    for (auto& echo : playback_.take_echoes(at)) {
        if (!is_silent_) send({{"event", "mark"}, {"mark", json::object{{"name", echo.name}}}});
        report_.marks.push_back(std::move(echo));
    }
    ear_.hear(playback_.heard(at));
    for (; agent_segments_told_ < ear_.segments().size(); ++agent_segments_told_) {
        watch(fmt::format(
            "{:5.1f} s  hears the agent",
            static_cast<double>(ear_.segments()[agent_segments_told_].begin.count()) / 1000));
    }
    for (const auto& action : player_.advance(at, ear_.segments())) {
        switch (action.kind) {
            case CallerPlayer::Action::Kind::start_speech:
                watch(fmt::format("{:5.1f} s  says: {}", static_cast<double>(at.count()) / 1000,
                                  options_.script.steps[action.step].text));
                source_ = speech_[action.step];
                source_at_ = 0;
                break;
            case CallerPlayer::Action::Kind::press:
                if (!is_silent_) {
                    send({{"event", "dtmf"},
                          {"dtmf", json::object{{"track", "inbound_track"},
                                                {"digit", std::string(1, action.key)}}}});
                }
                break;
            case CallerPlayer::Action::Kind::hang_up:
                is_hang_up_wanted_ = true;
                end_stream("caller", "the caller hung up");
                return;
            case CallerPlayer::Action::Kind::drop:
                is_over_ = true;
                report_.ended_by = "lost";
                report_.ending = "the caller's connection broke";
                socket_->abort();
                return;
            case CallerPlayer::Action::Kind::go_silent: is_silent_ = true; break;
        }
    }
    if (player_.is_finished()) {
        is_hang_up_wanted_ = true;
        end_stream("caller", "the script came to its end and the caller hung up");
        return;
    }
    // Late is late: what is due goes out at once, so that the rate stays right.
    while (!is_over_ && frame_length * (frames_sent_ + 1) <= at) send_media();
}

void TwilioCall::send_media() {
    static constexpr std::array<std::uint8_t, frame_bytes> silence = [] {
        std::array<std::uint8_t, frame_bytes> bytes{};
        bytes.fill(audio::mulaw_silence);
        return bytes;
    }();
    std::span<const std::uint8_t> frame = silence;
    if (source_at_ + frame_bytes <= source_.size()) {
        frame = std::span<const std::uint8_t>(source_).subspan(source_at_, frame_bytes);
        source_at_ += frame_bytes;
    }
    ++frames_sent_;
    ++chunk_;
    report_.spoken.resize(static_cast<std::size_t>(frames_sent_ - 1) * frame_bytes,
                          audio::mulaw_silence);
    report_.spoken.insert(report_.spoken.end(), frame.begin(), frame.end());
    if (is_silent_) return;
    message_.clear();
    fmt::format_to(
        std::back_inserter(message_),
        R"({{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":")",
        ++sequence_, chunk_, chunk_ * frame_length.count());
    base64::append(message_, frame);
    fmt::format_to(std::back_inserter(message_), R"("}},"streamSid":"{}"}})", report_.stream_sid);
    socket_->send(message_);
}

void TwilioCall::send_start() {
    json::object parameters;
    for (const auto& [name, value] : parameters_) parameters[name] = value;
    json::object format{{"encoding", "audio/x-mulaw"}, {"sampleRate", 8000}, {"channels", 1}};
    json::array tracks;
    tracks.push_back("inbound");
    json::object start{{"accountSid", options_.account_sid},
                       {"streamSid", report_.stream_sid},
                       {"callSid", options_.call_sid_in_start.empty() ? options_.call_sid
                                                                      : options_.call_sid_in_start},
                       {"tracks", std::move(tracks)},
                       {"mediaFormat", std::move(format)},
                       {"customParameters", std::move(parameters)}};
    send({{"event", "start"}, {"start", std::move(start)}});
}

void TwilioCall::send(json::object message) {
    message["sequenceNumber"] = std::to_string(++sequence_);
    message["streamSid"] = report_.stream_sid;
    socket_->send(json::serialize(message));
}

void TwilioCall::on_message(net::Message message) {
    const auto complain = [this](std::string what) {
        if (report_.violations.size() < violations_max)
            report_.violations.push_back(std::move(what));
    };
    if (is_over_) return;
    if (!message.is_text) {
        complain("31950: a binary message");
        return;
    }
    auto frame = read_server_frame(message.data, report_.stream_sid);
    if (!frame) {
        complain(frame.error().text());
        return;
    }
    if (!frame->warning.empty()) complain(frame->warning);
    const milliseconds at = now();
    switch (frame->kind) {
        case ServerFrame::Kind::media:
            ++report_.media_messages;
            if (!playback_.media(frame->audio, at)) complain("the playback queue is full");
            break;
        case ServerFrame::Kind::mark: playback_.mark(std::move(frame->mark), at); break;
        case ServerFrame::Kind::clear:
            watch(fmt::format("{:5.1f} s  clear: {:.1f} s go unheard",
                              static_cast<double>(at.count()) / 1000,
                              static_cast<double>(playback_.queued(at).count()) / 1000));
            report_.clears.push_back(at);
            playback_.clear(at);
            break;
    }
    if (playback_.next_due() <= at) wake();  // a mark is due already: wake the ticking
}

}  // namespace parley::sim
