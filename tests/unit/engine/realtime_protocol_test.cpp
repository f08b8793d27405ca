#include <parley/core/base64.hpp>
#include <parley/engine/realtime_protocol.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::engine::realtime {
namespace {

template <class Event>
Event parsed(std::string_view text) {
    auto event = parse_event(text);
    auto* wanted = std::get_if<Event>(&event);
    if (wanted == nullptr) {
        const auto* bad = std::get_if<Malformed>(&event);
        ADD_FAILURE() << "another event: " << text << (bad == nullptr ? "" : " " + bad->what);
        return {};
    }
    return std::move(*wanted);
}

std::string malformed(std::string_view text) { return parsed<Malformed>(text).what; }

json::value reparsed(const std::string& text) {
    auto value = json_read::parse(text);
    EXPECT_TRUE(value) << text;
    return value.value_or(json::object{});
}

constexpr std::string_view delta_event =
    R"({"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":2,"delta":"AAEC"})";

// ---- the short cut
// --------------------------------------------------------------------------------

TEST(ScanAudioDelta, ReadsTheUsualForm) {
    const auto delta = scan_audio_delta(delta_event);
    ASSERT_TRUE(delta);
    EXPECT_EQ(delta->response_id, "resp_1");
    EXPECT_EQ(delta->item_id, "item_1");
    EXPECT_EQ(delta->content_index, 2);
    EXPECT_EQ(delta->base64, "AAEC");
}

TEST(ScanAudioDelta, ReadsAnyOrderSpacesAndUnknownPlainFields) {
    const auto delta = scan_audio_delta(
        "  { \"delta\" : \"AAEC\" ,\n\t\"obfuscation\":\"x}{,:\",\"item_id\":\"i\", "
        "\"flag\":true,\"no\":false,\"none\":null,\"n\":12,"
        "\"response_id\":\"r\",\"type\":\"response.output_audio.delta\"}\r\n");
    ASSERT_TRUE(delta);
    EXPECT_EQ(delta->response_id, "r");
    EXPECT_EQ(delta->item_id, "i");
    EXPECT_EQ(delta->content_index, 0);
    EXPECT_EQ(delta->base64, "AAEC");
}

TEST(ScanAudioDelta, IsNotFooledByKeysInsideStrings) {
    const auto delta = scan_audio_delta(
        R"({"note":"type: response.output_audio.delta, delta","type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC"})");
    ASSERT_TRUE(delta);
    EXPECT_EQ(delta->base64, "AAEC");
    EXPECT_FALSE(scan_audio_delta(
        R"({"type":"x","note":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC"})"));
}

TEST(ScanAudioDelta, LeavesEverythingUnusualToTheFullParser) {
    const std::string_view unusual[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "{\"type\":\"response.output_audio.delta\"}",
        // escapes, in a value and in a key
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AA\/C"})",
        R"({"type":"response.output_audio\u002edelta","response_id":"r","item_id":"i","delta":"AAEC"})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delt\u0061":"AAEC","delta":"AAEC"})",
        // a field twice
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","delta":"AAED"})",
        R"({"type":"x","type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC"})",
        // nested, with the same keys inside
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","x":{"delta":"AAEC"}})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","x":[1]})",
        // numbers that are not small and whole
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":1.0})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":-1})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":01})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":1234567890})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":"0"})",
        // wrong kinds, missing and empty fields
        R"({"type":"response.output_audio.delta","response_id":7,"item_id":"i","delta":"AAEC"})",
        R"({"type":"response.output_audio.delta","response_id":"","item_id":"i","delta":"AAEC"})",
        R"({"type":"response.output_audio.delta","item_id":"i","delta":"AAEC"})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":null})",
        // not JSON
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC"}})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC",})",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC")",
        R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC)",
        R"({"type":"response.output_audio.delta" "response_id":"r","item_id":"i","delta":"AAEC"})",
        "{\"type\":\"response.output_audio.delta\",\"response_id\":\"r\xC3\xA4\",\"item_id\":\"i\",\"delta\":\"AAEC\"}",
        "{\"type\":\"response.output_audio.delta\",\"response_id\":\"r\n\",\"item_id\":\"i\",\"delta\":\"AAEC\"}",
        R"({"type":"response.output_audio.done","response_id":"r","item_id":"i","delta":"AAEC"})",
    };
    for (const auto text : unusual) EXPECT_FALSE(scan_audio_delta(text)) << text;
}

TEST(ScanAudioDelta, AgreesWithTheFullParserOnEveryPrefixAndEveryChangedByte) {
    std::string text(delta_event);
    const auto compare = [](const std::string& changed) {
        const auto fast = scan_audio_delta(changed);
        if (!fast) return;
        const auto full = parsed<AudioDelta>(changed);
        EXPECT_EQ(full.response_id, fast->response_id) << changed;
        EXPECT_EQ(full.item_id, fast->item_id) << changed;
        EXPECT_EQ(full.content_index, fast->content_index) << changed;
        EXPECT_EQ(full.base64, fast->base64) << changed;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        compare(text.substr(0, i));
        for (const char c : {'"', '\\', ',', ':', '{', '}', ' ', '0', 'x', '\x01', '\x80', '\0'}) {
            std::string changed = text;
            changed[i] = c;
            compare(changed);
        }
    }
}

TEST(ParseEvent, ReadsTheAudioDeltasTheShortCutLeaves) {
    const auto escaped = parsed<AudioDelta>(
        R"({"delta":"AA\/C","type":"response.output_audio\u002edelta","x":{"delta":"no"},"response_id":"r","item_id":"i"})");
    EXPECT_EQ(escaped.base64, "AA/C");
    EXPECT_EQ(escaped.response_id, "r");
    EXPECT_EQ(
        parsed<AudioDelta>(
            R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":1.0})")
            .content_index,
        1);
}

// ---- server events
// --------------------------------------------------------------------------------

TEST(ParseEvent, ReadsTheFormatsOfTheEchoedSession) {
    const auto updated = parsed<SessionUpdated>(
        R"({"type":"session.updated","session":{"type":"realtime","expires_at":1763668320,"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}})");
    EXPECT_EQ(updated.input.type, "audio/pcmu");
    EXPECT_EQ(updated.output.text(), "audio/pcm at 24000 Hz");
    EXPECT_EQ(updated.expires_at, 1763668320);
    EXPECT_TRUE(is_accepted(ModelAudio::pcmu, updated.input));
    EXPECT_FALSE(is_accepted(ModelAudio::pcmu, updated.output));
    EXPECT_TRUE(is_accepted(ModelAudio::pcm16_24k, updated.output));
    EXPECT_FALSE(is_accepted(ModelAudio::pcm16_24k, {"audio/pcm", 16000}));
    EXPECT_TRUE(is_accepted(ModelAudio::pcmu, {}));
}

TEST(ParseEvent, ReadsErrorsWithNullFields) {
    const auto error = parsed<ServerError>(
        R"({"type":"error","event_id":"event_9","error":{"type":"invalid_request_error","code":null,"message":"Missing bearer","param":null,"event_id":null}})");
    EXPECT_EQ(error.type, "invalid_request_error");
    EXPECT_EQ(error.code, "");
    EXPECT_EQ(error.message, "Missing bearer");
    EXPECT_EQ(error.event_id, "");
}

TEST(ParseEvent, ReadsAFinishedMessageByAnySpellingOfItsParts) {
    const auto done = parsed<OutputItemDone>(
        R"({"type":"response.output_item.done","response_id":"r","output_index":0,"item":{"id":"i","type":"message","status":"completed","role":"assistant","content":[{"type":"output_audio","transcript":"Hello, "},{"type":"text","text":"you"},{"type":"audio","transcript":null},7]}})");
    EXPECT_EQ(done.item.kind, OutputItem::Kind::message);
    EXPECT_EQ(done.item.id, "i");
    EXPECT_EQ(done.item.text, "Hello, you");
}

TEST(ParseEvent, ReadsAFunctionCall) {
    const auto done = parsed<OutputItemDone>(
        R"({"type":"response.output_item.done","response_id":"r","item":{"id":"i","type":"function_call","status":"completed","name":"check_slots","call_id":"call_1","arguments":"{\"date\":\"2026-11-23\"}"}})");
    EXPECT_EQ(done.item.kind, OutputItem::Kind::function_call);
    EXPECT_EQ(done.item.call_id, "call_1");
    EXPECT_EQ(done.item.name, "check_slots");
    EXPECT_EQ(done.item.arguments, R"({"date":"2026-11-23"})");
}

TEST(ParseEvent, ReadsUsageOfAResponse) {
    const auto done = parsed<ResponseFinished>(
        R"({"type":"response.done","response":{"id":"r","status":"completed","status_details":null,"output":[],"usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,"cached_tokens_details":{"text_tokens":64,"audio_tokens":0,"image_tokens":0}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}})");
    ASSERT_TRUE(done.usage);
    EXPECT_EQ(done.usage->input_text_tokens, 119);
    EXPECT_EQ(done.usage->input_audio_tokens, 13);
    EXPECT_EQ(done.usage->cached_text_tokens, 64);
    EXPECT_EQ(done.usage->cached_audio_tokens, 0);
    EXPECT_EQ(done.usage->output_text_tokens, 30);
    EXPECT_EQ(done.usage->output_audio_tokens, 91);
    // (119-64)*4 + 13*32 + 64*0.40 + 30*24 + 91*64, per million
    EXPECT_NEAR(cost_usd(*done.usage, {4, 0.40, 24, 32, 0.40, 64}), 7205.6e-6, 1e-12);
    EXPECT_EQ(cost_usd(*done.usage, {}), 0);
}

TEST(ParseEvent, ReadsUsageThatIsMissingOrOdd) {
    const auto usage_of = [](std::string_view usage) {
        return parsed<ResponseFinished>(
                   fmt::format(
                       R"({{"type":"response.done","response":{{"id":"r","status":"completed","usage":{}}}}})",
                       usage))
            .usage;
    };
    EXPECT_FALSE(usage_of("null"));
    EXPECT_FALSE(usage_of("[1]"));
    const auto unsplit = usage_of(R"({"input_tokens":10,"output_tokens":20})");
    ASSERT_TRUE(unsplit);
    EXPECT_EQ(unsplit->input_text_tokens, 10);
    EXPECT_EQ(unsplit->output_text_tokens, 20);
    const auto odd = usage_of(
        R"({"input_token_details":{"text_tokens":-5,"audio_tokens":"x","cached_tokens":99}})");
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->input_text_tokens, 0);
    EXPECT_EQ(odd->cached_text_tokens, 0);  // never more than the input: the cost would be negative
}

TEST(ParseEvent, ReadsHowAResponseEnded) {
    using Status = call::ResponseDone::Status;
    const auto done_as = [](std::string_view rest) {
        return parsed<ResponseFinished>(
            fmt::format(R"({{"type":"response.done","response":{{"id":"r",{}}}}})", rest));
    };
    const auto cancelled = done_as(
        R"("status":"cancelled","status_details":{"type":"cancelled","reason":"turn_detected"})");
    EXPECT_EQ(cancelled.status, Status::cancelled);
    EXPECT_EQ(cancelled.reason, "turn_detected");
    EXPECT_EQ(
        done_as(R"("status":"incomplete","status_details":{"reason":"max_output_tokens"})").status,
        Status::incomplete);
    const auto failed = done_as(
        R"("status":"failed","status_details":{"type":"failed","error":{"type":"tokens","code":"rate_limit_exceeded","message":"Please try again in 6.946s."}})");
    EXPECT_EQ(failed.status, Status::failed);
    EXPECT_EQ(failed.error_code, "rate_limit_exceeded");
    EXPECT_EQ(done_as(R"("output":7,"status_details":"odd","status":null)").status,
              Status::completed);
}

TEST(ParseEvent, IgnoresWhatItDoesNotKnow) {
    for (const auto* text : {R"({"type":"rate_limits.updated","rate_limits":[]})",
                             R"({"type":"conversation.item.added","item":{}})",
                             R"({"type":"some.future.event","x":[{"y":1}]})", R"({"type":""})"}) {
        EXPECT_TRUE(std::holds_alternative<Ignored>(parse_event(text))) << text;
    }
}

TEST(ParseEvent, SaysWhatIsWrongWithABadMessage) {
    EXPECT_THAT(malformed("hello").substr(0, 8), "not JSON");
    EXPECT_EQ(malformed("[1,2]"), "not a JSON object");
    EXPECT_EQ(malformed(R"({"type":7})"), "\"type\" is missing or of the wrong kind");
    EXPECT_EQ(malformed(R"({"type":"error","error":"x"})"),
              "\"error\" is missing or of the wrong kind");
    EXPECT_EQ(malformed(R"({"type":"response.created","response":{"id":5}})"),
              "\"response.id\" is missing or of the wrong kind");
    EXPECT_EQ(malformed(R"({"type":"input_audio_buffer.speech_started","item_id":5})"),
              "\"item_id\" is missing or of the wrong kind");
    EXPECT_EQ(
        malformed(
            R"({"type":"response.function_call_arguments.done","response_id":"r","arguments":"{}"})"),
        "\"call_id\" is missing or of the wrong kind");
    EXPECT_EQ(
        malformed(
            R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":5})"),
        "\"delta\" is missing or of the wrong kind");
    EXPECT_EQ(
        malformed(
            R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAEC","content_index":-1})"),
        "\"content_index\" is missing or of the wrong kind");
    EXPECT_EQ(
        malformed(
            R"({"type":"response.output_item.done","response_id":"r","item":{"type":"function_call","name":"x"}})"),
        "\"item.call_id\" is missing or of the wrong kind");
    EXPECT_EQ(
        malformed(fmt::format(R"({{"type":"input_audio_buffer.speech_started","item_id":"{}"}})",
                              std::string(id_bytes_max + 1, 'x'))),
        "\"item_id\" is missing or of the wrong kind");
    EXPECT_THAT(malformed("{\"type\":\"error\",\"x\":\"\xFF\"}").substr(0, 8), "not JSON");
    EXPECT_THAT(malformed("{\"type\":" + std::string(100, '[')).substr(0, 8), "not JSON");
}

TEST(Transcription, IsPricedByItsSecondsOrElseByItsTokens) {
    const auto usage_of = [](std::string_view usage) {
        return std::get<Transcribed>(
                   parse_event(fmt::format(
                       R"({{"type":"conversation.item.input_audio_transcription.completed","item_id":"u","content_index":0,"transcript":"Hi"{}}})",
                       usage)))
            .usage;
    };
    EXPECT_FALSE(usage_of(""));
    EXPECT_FALSE(usage_of(R"(,"usage":null)"));
    const auto timed = usage_of(R"(,"usage":{"type":"duration","seconds":12.5})");
    ASSERT_TRUE(timed);
    EXPECT_EQ(timed->audio_seconds, 12.5);
    EXPECT_NEAR(transcription_cost_usd(*timed, 0.0048), 0.001, 1e-12);
    const auto counted = usage_of(
        R"(,"usage":{"type":"tokens","total_tokens":340,"input_tokens":320,"input_token_details":{"text_tokens":20,"audio_tokens":300},"output_tokens":20})");
    ASSERT_TRUE(counted);
    EXPECT_EQ(counted->input_audio_tokens, 300);
    EXPECT_EQ(counted->output_text_tokens, 20);
    EXPECT_NEAR(transcription_cost_usd(*counted, 0.006), 0.003, 1e-12);
    EXPECT_NEAR(transcription_cost_usd(*usage_of(R"(,"usage":{"input_tokens":600})"), 0.006), 0.006,
                1e-12);
    EXPECT_EQ(transcription_cost_usd(*counted, 0), 0);
}

TEST(RetryDelay, IsReadFromTheProvidersWords) {
    EXPECT_EQ(retry_delay("Limit 1, Used 2. Please try again in 6.946s. Visit ..."),
              milliseconds(6946));
    EXPECT_EQ(retry_delay("Please try again in 120ms."), milliseconds(120));
    EXPECT_EQ(retry_delay("Please try again in 20s."), milliseconds(20'000));
    EXPECT_EQ(retry_delay("try again in 1m12.5s"), milliseconds(72'500));
    EXPECT_EQ(retry_delay("try again in 7h12m"), milliseconds(3'600'000));  // capped
    EXPECT_EQ(retry_delay("try again in 99999999999999999999999999s"), milliseconds(3'600'000));
    for (const auto* none : {"", "try again later", "try again in ", "try again in soon",
                             "try again in 5", "try again in 5 apples", "try again in -5s"}) {
        EXPECT_FALSE(retry_delay(none)) << none;
    }
}

TEST(Severity, SortsErrorsByWhatToDo) {
    const auto of = [](std::string code, std::string message = {}) {
        return severity_of({"invalid_request_error", std::move(code), std::move(message), {}, {}});
    };
    for (const auto* code :
         {"invalid_api_key", "missing_model", "invalid_model", "model_not_found",
          "beta_api_shape_disabled", "insufficient_quota", "billing_hard_limit_reached",
          "account_deactivated", "inference_not_authorized_error"}) {
        EXPECT_EQ(of(code), Severity::fatal) << code;
    }
    EXPECT_EQ(of("session_expired"), Severity::expired);
    for (const auto* code : {"conversation_already_has_active_response",
                             "response_cancel_not_active", "input_audio_buffer_commit_empty",
                             "unsupported_content_type", "item_truncate_invalid_item_id"}) {
        EXPECT_EQ(of(code), Severity::benign) << code;
    }
    EXPECT_EQ(of("invalid_value", "Audio content of 2450ms is already shorter than 2535ms"),
              Severity::benign);
    EXPECT_EQ(of("", "Only model output audio messages can be truncated"), Severity::benign);
    for (const auto* code : {"invalid_value", "unknown_parameter", "invalid_tool_call_id",
                             "cannot_update_voice", "", "new_code"}) {
        EXPECT_EQ(of(code), Severity::problem) << code;
    }
}

TEST(Reconnecting, IsWorthItOnlyAfterSomeClosesAndStatuses) {
    for (const int code : {1000, 1001, 1005, 1006, 1011, 1012, 1013})
        EXPECT_TRUE(may_reconnect_after_close(static_cast<std::uint16_t>(code))) << code;
    for (const int code : {1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4004})
        EXPECT_FALSE(may_reconnect_after_close(static_cast<std::uint16_t>(code))) << code;
    for (const int status : {408, 429, 500, 502, 503, 504})
        EXPECT_TRUE(may_reconnect_after_status(status)) << status;
    for (const int status : {200, 301, 400, 401, 403, 404, 501})
        EXPECT_FALSE(may_reconnect_after_status(status)) << status;
}

// ---- client events
// --------------------------------------------------------------------------------

TEST(ClientEvents, AppendCarriesTheBytesUnchanged) {
    std::vector<std::uint8_t> frame(160);
    for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(i * 7);
    std::string message = "left over from last time";
    build_append(message, frame);
    const auto event = reparsed(message).as_object();
    EXPECT_EQ(event.at("type"), "input_audio_buffer.append");
    EXPECT_EQ(event.size(), 2u);
    std::vector<std::uint8_t> back;
    ASSERT_TRUE(base64::decode(std::string_view(event.at("audio").as_string()), back));
    EXPECT_EQ(back, frame);
}

TEST(ClientEvents, SessionUpdateNamesEverything) {
    SessionSetup setup;
    setup.voice = "marin";
    setup.transcription_model = "gpt-transcribe";
    setup.language = "en-GB";
    setup.instructions = "You answer calls for a \"bakery\".\n";
    setup.tools = {json::object{{"type", "function"}, {"name", "check_slots"}}};
    EXPECT_EQ(reparsed(session_update("session-1", setup)),
              reparsed(R"({"type":"session.update","event_id":"session-1","session":{
        "type":"realtime","output_modalities":["audio"],"instructions":"You answer calls for a \"bakery\".\n",
        "audio":{"input":{"format":{"type":"audio/pcmu"},
            "transcription":{"model":"gpt-transcribe","language":"en"},
            "turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,"idle_timeout_ms":null,
                "create_response":true,"interrupt_response":true}},
          "output":{"format":{"type":"audio/pcmu"},"voice":"marin"}},
        "tools":[{"type":"function","name":"check_slots"}],"tool_choice":"auto"}})"));
}

TEST(ClientEvents, SessionUpdateForAModelThatWrites) {
    SessionSetup setup;
    setup.instructions = "You are brief.";
    setup.speech = ModelSpeech::written;
    EXPECT_EQ(
        reparsed(session_update("s", setup)).at("session"),
        reparsed(
            R"({"type":"realtime","output_modalities":["text"],"instructions":"You are brief.","tools":[],"tool_choice":"auto"})"));
}

TEST(ClientEvents, SessionUpdateWithPcmSemanticDetectionAndNoTranscription) {
    SessionSetup setup;
    setup.audio = ModelAudio::pcm16_24k;
    setup.turn_detection.type = TurnDetectionOptions::Type::semantic_vad;
    setup.turn_detection.eagerness = "low";
    const auto session = reparsed(session_update("s", setup)).at("session");
    EXPECT_EQ(session.at("audio").at("input"),
              reparsed(R"({"format":{"type":"audio/pcm","rate":24000},
        "turn_detection":{"type":"semantic_vad","eagerness":"low","create_response":true,"interrupt_response":true}})"));
    EXPECT_EQ(session.at("audio").at("output").at("format"),
              reparsed(R"({"type":"audio/pcm","rate":24000})"));
    EXPECT_EQ(session.at("tools"), json::array{});
}

TEST(ClientEvents, SessionUpdateIsValidUtf8WhateverTheScriptGave) {
    SessionSetup setup;
    setup.instructions = "caf\xE9";
    setup.tools = {json::object{{"description", "\xFF\xFE"}}};
    const auto message = session_update("s", setup);
    EXPECT_TRUE(is_valid_utf8(message));
    EXPECT_EQ(reparsed(message).at("session").at("instructions"), "caf\xEF\xBF\xBD");
}

TEST(ClientEvents, ItemsCarryRolesAndText) {
    using Speaker = call::Turn::Speaker;
    EXPECT_EQ(
        reparsed(create_text_item("t1", {Speaker::caller, "Hi"})),
        reparsed(
            R"({"type":"conversation.item.create","event_id":"t1","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}})"));
    EXPECT_EQ(
        reparsed(create_text_item("t1", {Speaker::agent, "Hello"})).at("item"),
        reparsed(
            R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello"}]})"));
    EXPECT_EQ(
        reparsed(create_text_item("t1", {Speaker::system, "Fact"})).at("item"),
        reparsed(
            R"({"type":"message","role":"system","content":[{"type":"input_text","text":"Fact"}]})"));
    EXPECT_EQ(
        reparsed(create_tool_output("o1", "call_1", R"({"ok":true})")),
        reparsed(
            R"({"type":"conversation.item.create","event_id":"o1","item":{"type":"function_call_output","call_id":"call_1","output":"{\"ok\":true}"}})"));
}

TEST(ClientEvents, ResponsesAndTruncation) {
    EXPECT_EQ(
        reparsed(create_response("c1", "")),
        reparsed(
            R"({"type":"response.create","event_id":"c1","response":{"metadata":{"parley_create":"c1"}}})"));
    EXPECT_EQ(
        reparsed(create_response("c1", "Greet.")),
        reparsed(
            R"({"type":"response.create","event_id":"c1","response":{"metadata":{"parley_create":"c1"},"instructions":"Greet."}})"));
    EXPECT_EQ(reparsed(cancel_response("x1", "resp_1")),
              reparsed(R"({"type":"response.cancel","event_id":"x1","response_id":"resp_1"})"));
    EXPECT_EQ(reparsed(cancel_response("x1", "")),
              reparsed(R"({"type":"response.cancel","event_id":"x1"})"));
    EXPECT_EQ(
        reparsed(truncate_item("t1", "item_1", 0, 1500)),
        reparsed(
            R"({"type":"conversation.item.truncate","event_id":"t1","item_id":"item_1","content_index":0,"audio_end_ms":1500})"));
}

TEST(ClientEvents, SurviveEveryByteInAnId) {
    std::string id;
    for (int c = 0; c < 256; ++c) id += static_cast<char>(c);
    const auto message = create_tool_output("o1", id, id);
    EXPECT_TRUE(is_valid_utf8(message));
    const auto call_id = std::string(reparsed(message).at("item").at("call_id").as_string());
    EXPECT_EQ(call_id.substr(0, 128), id.substr(0, 128));
    EXPECT_EQ(reparsed(truncate_item("t1", "a\"},{\"x", 0, 1)).at("item_id"), "a\"},{\"x");
}

}  // namespace
}  // namespace parley::engine::realtime
