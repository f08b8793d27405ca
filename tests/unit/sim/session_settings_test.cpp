#include <parley/sim/session_settings.hpp>

#include <gtest/gtest.h>

namespace parley::sim {
namespace {

std::string update(SessionSettings& settings, std::string_view patch,
                   SessionSettings::Moment moment = {}) {
    const auto problem = settings.update(json_read::parse(patch)->get_object(), moment);
    return problem ? problem->code + " " + problem->param : "ok";
}

class Settings : public testing::Test {
 protected:
    SessionSettings settings{"sess_1", "gpt-realtime-2.1", 1'800'000'000};
};

TEST_F(Settings, AcceptsWhatAPhoneCallSends) {
    EXPECT_EQ(
        update(
            settings,
            R"({"type":"realtime","output_modalities":["audio"],"instructions":"You answer calls.","audio":{"input":{
        "format":{"type":"audio/pcmu"},"noise_reduction":null,"transcription":{"model":"gpt-transcribe"},
        "turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,
        "create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcmu"},"voice":"marin"}},
        "tools":[{"type":"function","name":"lookup","description":"d","parameters":{"type":"object"}}],"tool_choice":"auto"})"),
        "ok");
    EXPECT_EQ(settings.input_format(), AudioFormat::pcmu);
    EXPECT_EQ(settings.output_format(), AudioFormat::pcmu);
    EXPECT_EQ(settings.turn_detection()->silence, milliseconds(500));
    EXPECT_TRUE(settings.transcribes());
}

TEST_F(Settings, AppliesNothingWhenOneFieldIsWrong) {
    const json::object before = settings.object();
    EXPECT_EQ(update(settings, R"({"type":"realtime","instructions":"new","bogus_field":1})"),
              "unknown_parameter session.bogus_field");
    EXPECT_EQ(
        update(
            settings,
            R"({"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"voice":"robot"}}})"),
        "invalid_value session.audio.output.voice");
    EXPECT_EQ(settings.object(), before);
}

TEST_F(Settings, RefusesBetaFields) {
    for (const char* field : {"modalities", "voice", "input_audio_format", "turn_detection",
                              "temperature", "max_response_output_tokens"}) {
        EXPECT_EQ(update(settings, fmt::format(R"({{"type":"realtime","{}":"x"}})", field)),
                  fmt::format("unknown_parameter session.{}", field));
    }
    EXPECT_EQ(update(settings, R"({"instructions":"x"})"),
              "missing_required_parameter session.type");
}

TEST_F(Settings, ChecksFormatsAsTheServerDoes) {
    EXPECT_EQ(
        update(
            settings,
            R"({"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}})"),
        "integer_below_min_value session.audio.input.format.rate");
    EXPECT_EQ(update(settings,
                     R"({"type":"realtime","audio":{"output":{"format":{"type":"audio/pcm"}}}})"),
              "missing_required_parameter session.audio.output.format.rate");
    EXPECT_EQ(update(settings, R"({"type":"realtime","audio":{"output":{"format":"g711_ulaw"}}})"),
              "invalid_type session.audio.output.format");
}

TEST_F(Settings, LocksTheVoiceAfterTheFirstSound) {
    const char* other = R"({"type":"realtime","audio":{"output":{"voice":"cedar"}}})";
    EXPECT_EQ(update(settings, other, {.has_spoken = true}),
              "cannot_update_voice session.audio.output.voice");
    EXPECT_EQ(update(settings, R"({"type":"realtime","audio":{"output":{"voice":"alloy"}}})",
                     {.has_spoken = true}),
              "ok")
        << "the same voice";
    EXPECT_EQ(update(settings, other), "ok");
}

TEST_F(Settings, TurnDetectionCanBeChangedInPartReplacedAndSwitchedOff) {
    EXPECT_EQ(
        update(settings,
               R"({"type":"realtime","audio":{"input":{"turn_detection":{"threshold":0.7}}}})"),
        "ok");
    EXPECT_DOUBLE_EQ(settings.turn_detection()->threshold, 0.7);
    EXPECT_EQ(settings.turn_detection()->silence, milliseconds(200)) << "what a fresh session has";
    EXPECT_EQ(
        update(
            settings,
            R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"semantic_vad","threshold":0.7}}}})"),
        "unknown_parameter session.audio.input.turn_detection.threshold");
    EXPECT_EQ(update(settings, R"({"type":"realtime","audio":{"input":{"turn_detection":null}}})"),
              "ok");
    EXPECT_FALSE(settings.turn_detection().has_value());
}

TEST_F(Settings, ToolsMustBeFlat) {
    EXPECT_EQ(
        update(settings,
               R"({"type":"realtime","tools":[{"type":"function","function":{"name":"x"}}]})"),
        "unknown_parameter session.tools[0].function");
    EXPECT_EQ(
        update(settings, R"({"type":"realtime","tools":[{"type":"function","name":"book slot"}]})"),
        "invalid_value session.tools[0].name");
}

TEST(SessionSettings, ReasoningIsForReasoningModelsOnly) {
    SessionSettings old("sess_1", "gpt-realtime", 0);
    EXPECT_EQ(update(old, R"({"type":"realtime","reasoning":{"effort":"low"}})"),
              "unsupported_parameter session.reasoning");
    EXPECT_EQ(update(old, R"({"type":"realtime","model":"gpt-realtime-2.1"})"),
              "invalid_value session.model");
}

}  // namespace
}  // namespace parley::sim
