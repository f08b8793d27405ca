// parley-sim: fakes of both ends of a call, for demos, tests and trying out a script without a key
// or a number.
#include <parley/audio/speech.hpp>
#include <parley/audio/wav.hpp>
#include <parley/core/log.hpp>
#include <parley/core/text.hpp>
#include <parley/sim/openai_server.hpp>
#include <parley/sim/speech_cache.hpp>
#include <parley/sim/twilio_server.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>

namespace {

using namespace parley;

// Lines of both fakes, on standard output and perhaps in a file; whole lines at once, from any
// thread.
class Lines {
 public:
    explicit Lines(const std::string& path) {
        if (!path.empty()) file_.open(path, std::ios::app);
    }
    void operator()(std::string_view line) {
        const std::lock_guard lock(mutex_);
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        const std::string text = fmt::format("{:8.3f}  {}\n", seconds, line);
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
        if (file_.is_open()) file_ << text << std::flush;
    }

 private:
    std::mutex mutex_;
    TimePoint began_ = Clock::now();
    std::ofstream file_;
};

int complain(const Fault& fault) {
    fmt::print(stderr, "parley-sim: {}\n", fault.text());
    return 2;
}

void wait_for_signal() {
    boost::asio::io_context context;
    boost::asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([](const boost::system::error_code&, int) {});
    context.run();
}

struct OpenAiCommand {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8090;
    std::string script;
    std::vector<std::string> faults;
    std::string log;
    std::string api_key;

    int run() const {
        auto model = sim::ModelScript::load(script);
        if (!model) return complain(model.error());
        for (const auto& text : faults) {
            auto fault = sim::parse_fault(text);
            if (!fault) return complain(fault.error());
            model->faults.push_back(*fault);
        }
        Lines lines(log);
        sim::OpenAiServer::Options options;
        options.host = host;
        options.port = port;
        options.api_key = api_key;
        options.watch = [&lines](std::string_view line) { lines("model " + std::string(line)); };
        auto server = sim::OpenAiServer::start(std::move(options), std::move(*model));
        if (!server) return complain(server.error());
        lines(fmt::format("model listening: OPENAI_BASE_URL={}", (*server)->base_url()));
        wait_for_signal();
        int violations = 0;
        for (const auto& session : (*server)->sessions()) {
            for (const auto& violation : session.violations) {
                lines(fmt::format("model session {}: violation: {}: {}", session.number,
                                  violation.code, shortened(violation.what, 200)));
                ++violations;
            }
            for (const auto& problem : session.script_problems)
                lines(fmt::format("model session {}: script: {}", session.number, problem));
        }
        lines(fmt::format("model stopped after {} connections, {} violations",
                          (*server)->connections(), violations));
        return violations == 0 ? 0 : 1;
    }
};

struct CallCommand {
    sim::CallOptions call;
    std::string script;
    std::string callees;
    std::string log;
    std::string signature = "right";
    std::string method = "POST";
    int count = 1;
    std::uint16_t rest_port = 0;
    bool is_wss_only = false;

    int run() {
        auto caller = sim::CallerScript::load(script);
        if (!caller) return complain(caller.error());
        call.script = std::move(*caller);
        call.webhook_signature = signature == "wrong"  ? sim::CallOptions::Signature::wrong
                                 : signature == "none" ? sim::CallOptions::Signature::none
                                                       : sim::CallOptions::Signature::right;
        call.method =
            method == "GET" ? sim::CallOptions::Method::get : sim::CallOptions::Method::post;
        call.scheme = is_wss_only ? sim::StreamScheme::wss_only : sim::StreamScheme::ws_too;
        Lines lines(log);
        sim::TwilioServer::Options options;
        options.port = rest_port;
        options.account_sid = call.account_sid;
        options.auth_token = call.auth_token;
        if (!callees.empty()) {
            auto book = sim::CalleeBook::load(callees);
            if (!book) return complain(book.error());
            options.numbers = std::move(book->numbers);
            options.callees = std::move(book->callees);
        }
        options.watch = [&lines](std::string_view line) { lines("phone " + std::string(line)); };
        auto server = sim::TwilioServer::start(std::move(options));
        if (!server) return complain(server.error());
        if (rest_port != 0)
            lines(fmt::format("phone listening: TWILIO_BASE_URL={}", (*server)->base_url()));

        std::vector<std::shared_ptr<sim::TwilioCall>> calls;
        for (int i = 0; i < count; ++i) {
            sim::CallOptions one = call;
            if (count > 1 && !call.record.empty()) {
                const auto dot = call.record.rfind(".wav");
                one.record = fmt::format("{}-{}.wav", call.record.substr(0, dot), i + 1);
            }
            calls.push_back((*server)->dial(std::move(one)));
        }
        int failed = 0;
        for (const auto& placed : calls) {
            const auto report = placed->report();
            if (!report.is_success()) ++failed;
            lines("phone " + summary(report));
        }
        if (count > 1) lines(fmt::format("phone {} calls, {} failed", count, failed));
        return failed == 0 ? 0 : 1;
    }
};

struct TwilioCommand {
    sim::TwilioServer::Options options;
    std::string callees;
    std::string callbacks = "kept";
    std::string log;
    bool is_wss_only = false;

    int run() {
        if (!callees.empty()) {
            auto book = sim::CalleeBook::load(callees);
            if (!book) return complain(book.error());
            options.numbers = std::move(book->numbers);
            options.callees = std::move(book->callees);
        }
        if (callbacks == "shuffled")
            options.callbacks = sim::TwilioServer::Options::Callbacks::shuffled;
        if (is_wss_only) options.scheme = sim::StreamScheme::wss_only;
        Lines lines(log);
        options.watch = [&lines](std::string_view line) { lines("phone " + std::string(line)); };
        auto server = sim::TwilioServer::start(std::move(options));
        if (!server) return complain(server.error());
        lines(fmt::format("phone listening: TWILIO_BASE_URL={}", (*server)->base_url()));
        wait_for_signal();
        int violations = 0;
        const auto calls = (*server)->calls();
        for (const auto& call : calls) {
            const auto report = (*server)->report_of(call.sid);
            if (!report) continue;
            for (const auto& violation : report->violations)
                lines(fmt::format("phone {} violation: {}", call.sid.substr(0, 8), violation));
            violations += static_cast<int>(report->violations.size());
        }
        lines(fmt::format("phone stopped after {} calls, {} violations", calls.size(), violations));
        return violations == 0 ? 0 : 1;
    }
};

struct SpeakCommand {
    std::string text;
    std::string output;
    audio::SpeechOptions options;

    int run() const {
        auto samples = audio::speak(text, options);
        if (!samples) return complain(samples.error());
        auto file = audio::WavWriter::create(output, options.rate_hz, 1);
        if (!file) return complain(file.error());
        if (!file->write(*samples) || !file->close())
            return complain({output, "could not be written", {}});
        fmt::print("{}: {:.1f} s\n", output,
                   static_cast<double>(samples->size()) / options.rate_hz);
        return 0;
    }
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Simulates OpenAI's Realtime API and Twilio for a voice agent under test.",
                 "parley-sim");
    app.require_subcommand(1);
    std::string speech_cache;
    app.add_option("--speech-cache", speech_cache, "folder for speech that has been made once")
        ->envname("PARLEY_SIM_SPEECH_CACHE");

    OpenAiCommand openai;
    auto* openai_app = app.add_subcommand(
        "openai", "serve the Realtime API with a script for a brain, until SIGINT or SIGTERM");
    openai_app->add_option("--host", openai.host, "address to listen on")->capture_default_str();
    openai_app->add_option("--port", openai.port, "port to listen on; 0: any free one")
        ->capture_default_str();
    openai_app->add_option("--script", openai.script, "what the model says and does (YAML)")
        ->required();
    openai_app->add_option(
        "--fault", openai.faults,
        "a failure on request: KIND[:session=N,response=N,turn=N,after_ms=N,times=N]");
    openai_app->add_option("--api-key", openai.api_key,
                           "the only key that is right; without it any is");
    openai_app->add_option("--log", openai.log, "also write the lines to this file");

    CallCommand call;
    auto* call_app = app.add_subcommand(
        "call", "place a call and play the caller; status 0 if all went as the script expects");
    call_app
        ->add_option("--webhook", call.call.webhook,
                     "voice URL, as Twilio would have it; signed as given")
        ->required();
    call_app->add_option("--connect-to", call.call.connect_to,
                         "where requests really go, such as http://127.0.0.1:3000");
    call_app->add_option("--auth-token", call.call.auth_token, "key of the signatures")
        ->required()
        ->envname("TWILIO_AUTH_TOKEN");
    call_app->add_option("--account-sid", call.call.account_sid, "account of the call")
        ->capture_default_str();
    call_app->add_option("--from", call.call.from, "caller")->capture_default_str();
    call_app->add_option("--to", call.call.to, "called number")->capture_default_str();
    call_app->add_option("--script", call.script, "what the caller says (YAML)")->required();
    call_app->add_option("--callees", call.callees,
                         "the account's numbers, and who answers when the call is put through "
                         "(YAML); without it anyone takes it");
    call_app->add_option("--record", call.call.record,
                         "stereo WAV: caller left, agent as heard right");
    call_app->add_option("--count", call.count, "calls at the same time")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    call_app->add_option("--rest-port", call.rest_port,
                         "serve the REST API for these calls on this port");
    call_app->add_option("--signature", call.signature, "of the webhook")
        ->check(CLI::IsMember({"right", "wrong", "none"}))
        ->capture_default_str();
    call_app->add_option("--method", call.method, "of the webhook")
        ->check(CLI::IsMember({"POST", "GET"}))
        ->capture_default_str();
    call_app->add_flag("--wss-only", call.is_wss_only, "refuse ws:// streams, as Twilio does");
    call_app->add_flag("--strict-frames", call.call.playback.strict_frames,
                       "lose what is not a whole 20 ms frame when playback runs dry");
    call_app->add_option("--log", call.log, "also write the lines to this file");

    TwilioCommand twilio;
    auto* twilio_app = app.add_subcommand(
        "twilio",
        "serve Twilio's REST API and carry out the calls it is asked for, until SIGINT or "
        "SIGTERM");
    twilio_app->add_option("--host", twilio.options.host, "address to listen on")
        ->capture_default_str();
    twilio.options.port = 8091;
    twilio_app->add_option("--port", twilio.options.port, "port to listen on; 0: any free one")
        ->capture_default_str();
    twilio_app->add_option("--account-sid", twilio.options.account_sid, "the account")
        ->capture_default_str()
        ->envname("TWILIO_ACCOUNT_SID");
    twilio_app->add_option("--auth-token", twilio.options.auth_token, "its token")
        ->capture_default_str()
        ->envname("TWILIO_AUTH_TOKEN");
    twilio_app->add_option("--api-key", twilio.options.api_key, "an API key that is good too");
    twilio_app->add_option("--api-secret", twilio.options.api_secret, "its secret");
    twilio_app->add_option("--callees", twilio.callees,
                           "the account's numbers, and who answers (YAML); without it anyone hangs "
                           "up at once");
    twilio_app->add_option("--connect-to", twilio.options.connect_to,
                           "where requests to webhooks really go, such as http://127.0.0.1:3000");
    twilio_app
        ->add_option("--calls-per-second", twilio.options.creates_per_second,
                     "calls placed faster are refused with 429; 0: any rate")
        ->capture_default_str();
    twilio_app->add_option("--geo", twilio.options.geo_prefixes,
                           "prefixes that may be called, such as +1; default: all");
    twilio_app
        ->add_option("--callbacks", twilio.callbacks,
                     "kept: in their order; shuffled: in any, and some twice")
        ->check(CLI::IsMember({"kept", "shuffled"}))
        ->capture_default_str();
    twilio_app->add_flag("--wss-only", twilio.is_wss_only, "refuse ws:// streams, as Twilio does");
    twilio_app->add_option("--log", twilio.log, "also write the lines to this file");

    SpeakCommand speak;
    auto* speak_app = app.add_subcommand("speak", "say something into a WAV file");
    speak_app->add_option("text", speak.text, "the words")->required();
    speak_app->add_option("-o,--output", speak.output, "the WAV file")->required();
    speak_app->add_option("--voice", speak.options.voice, "of espeak-ng")->capture_default_str();
    speak_app->add_option("--speed", speak.options.speed, "words per minute")
        ->capture_default_str();
    speak_app->add_option("--rate", speak.options.rate_hz, "samples per second")
        ->capture_default_str();

    CLI11_PARSE(app, argc, argv);
    log::start(log::Level::warn);
    sim::SpeechCache::of_process().keep_in(speech_cache);
    int status = 0;
    if (openai_app->parsed()) {
        status = openai.run();
    } else if (call_app->parsed()) {
        status = call.run();
    } else if (twilio_app->parsed()) {
        status = twilio.run();
    } else {
        status = speak.run();
    }
    log::stop();
    return status;
}
