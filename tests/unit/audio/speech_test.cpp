#include <parley/audio/signal.hpp>
#include <parley/audio/speech.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace parley::audio {
namespace {

// A program of our own in place of espeak-ng.
class Script {
 public:
    explicit Script(const std::string& body) {
        std::string name = std::filesystem::temp_directory_path() / "parley-speech-XXXXXX";
        const int file = ::mkstemp(name.data());
        path_ = name;
        ::close(file);
        std::ofstream(path_) << "#!/bin/sh\n" << body << "\n";
        ::chmod(path_.c_str(), 0700);
    }
    ~Script() { std::filesystem::remove(path_); }
    std::string path() const { return path_; }

 private:
    std::string path_;
};

TEST(Speech, NamesThePackageWhenTheProgramIsMissing) {
    const auto spoken = speak("Hello", {.program = "no-such-program-espeak"});
    ASSERT_FALSE(spoken);
    EXPECT_NE(spoken.error().what.find("was not found"), std::string::npos);
    EXPECT_NE(spoken.error().remedy.find("install espeak-ng"), std::string::npos);
}

TEST(Speech, SpeaksAtTheWantedRateAndLoudEnough) {
    const auto spoken = speak("Hello, this is the clinic.");
    ASSERT_TRUE(spoken) << spoken.error().text();
    EXPECT_GT(spoken->size(), 8'000u);
    EXPECT_LT(spoken->size(), 8'000u * 6);
    EXPECT_GT(level_dbfs(*spoken), -30);

    const auto dense = speak("Hello, this is the clinic.", {.rate_hz = 24'000});
    ASSERT_TRUE(dense);
    EXPECT_NEAR(static_cast<double>(dense->size()), 3.0 * static_cast<double>(spoken->size()), 30);
}

TEST(Speech, FasterSpeechIsShorter) {
    const auto slow = speak("One two three four five six seven", {.speed = 100});
    const auto fast = speak("One two three four five six seven", {.speed = 300});
    ASSERT_TRUE(slow && fast);
    EXPECT_LT(static_cast<double>(fast->size()), 0.7 * static_cast<double>(slow->size()));
}

TEST(Speech, ATextThatLooksLikeAnOptionIsSpoken) {
    const auto file = std::filesystem::temp_directory_path() /
                      ("parley-speech-injected-" + std::to_string(::getpid()));
    std::filesystem::remove(file);
    const auto spoken = speak("-w" + file.string());
    ASSERT_TRUE(spoken) << spoken.error().text();
    EXPECT_GT(spoken->size(), 4'000u);
    EXPECT_FALSE(std::filesystem::exists(file));
    ASSERT_TRUE(speak("--version"));
    EXPECT_GT(speak("--version")->size(), 2'000u);
}

TEST(Speech, NoShellSeesTheText) {
    const auto file = std::filesystem::temp_directory_path() /
                      ("parley-speech-shell-" + std::to_string(::getpid()));
    std::filesystem::remove(file);
    ASSERT_TRUE(speak("$(touch " + file.string() + "); `touch " + file.string() + "`"));
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Speech, BlankTextIsSilenceWithoutAProcess) {
    const auto spoken = speak("  \n ", {.program = "no-such-program-espeak"});
    ASSERT_TRUE(spoken);
    EXPECT_TRUE(spoken->empty());
}

TEST(Speech, RefusesVoicesThatCouldBePathsOrOptions) {
    for (const char* voice : {"", "-h", "../../etc/passwd", "en us", "en;rm"}) {
        const auto spoken = speak("Hello", {.voice = voice});
        ASSERT_FALSE(spoken) << voice;
        EXPECT_NE(spoken.error().what.find("voice"), std::string::npos) << voice;
    }
    const auto unknown = speak("Hello", {.voice = "zz-nowhere"});
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().what.find("status"), std::string::npos);
}

TEST(Speech, RefusesTextThatIsNotText) {
    EXPECT_FALSE(speak(std::string_view("a\0b", 3)));
    EXPECT_FALSE(speak("\xFF\xFE"));
    EXPECT_FALSE(speak(std::string(20'000, 'a')));
}

TEST(Speech, StopsAProgramThatHangs) {
    const Script script("exec sleep 60");
    const auto before = std::chrono::steady_clock::now();
    const auto spoken =
        speak("Hello", {.program = script.path(), .timeout = std::chrono::milliseconds(200)});
    ASSERT_FALSE(spoken);
    EXPECT_NE(spoken.error().what.find("longer than"), std::string::npos);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

TEST(Speech, RepeatsWhatAFailingProgramComplainedAbout) {
    const Script script("echo 'no data files' >&2; exit 3");
    const auto spoken = speak("Hello", {.program = script.path()});
    ASSERT_FALSE(spoken);
    EXPECT_NE(spoken.error().what.find("status 3: no data files"), std::string::npos)
        << spoken.error().what;
}

TEST(Speech, OutputThatIsNoWavIsAFault) {
    const Script script("echo nonsense");
    EXPECT_FALSE(speak("Hello", {.program = script.path()}));
}

}  // namespace
}  // namespace parley::audio
