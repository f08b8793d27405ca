// Any bytes as settings: an answer or Faults that people can read, never a crash, a leak or a long
// wait.
//
// Run it with config/ as its corpus; it needs schemas/ of the source tree (PARLEY_SOURCE_DIR, else
// the working folder).
#include <parley/config/report.hpp>
#include <parley/config/settings.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#ifndef PARLEY_SOURCE_DIR
#define PARLEY_SOURCE_DIR "."
#endif

namespace {

constexpr std::string_view secret = "fuzz-secret-3f9c71d2";

void expect(bool holds, const char* what, const std::string& text) {
    if (holds) return;
    std::fprintf(stderr, "%s: %s\n", what, text.c_str());
    std::abort();
}

void check_words(const std::string& text) {
    expect(!text.empty(), "nothing is said", text);
    expect(parley::is_valid_utf8(text), "not UTF-8", text);
    expect(text.find_first_of(std::string_view("\0\n\r\x1b", 4)) == std::string::npos,
           "not one line", text);
    expect(text.find(secret) == std::string::npos, "a secret is shown", text);
}

parley::config::LoadOptions options() {
    parley::config::LoadOptions made;
    made.schema_dir = PARLEY_SOURCE_DIR "/schemas";
    made.env_file.clear();
    made.environment = {{"OPENAI_API_KEY", std::string(secret)},
                        {"A", "text"},
                        {"N", "7"},
                        {"API_KEY", std::string(secret)}};
    expect(std::filesystem::exists(made.schema_dir), "no such folder", made.schema_dir);
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const auto fixed = options();
    const std::string_view yaml(reinterpret_cast<const char*>(bytes), size);
    const auto loaded = parley::config::load_text(yaml, "fuzz.yaml", fixed);
    if (!loaded) {
        expect(!loaded.error().empty(), "refused without a reason", "");
        for (const auto& fault : loaded.error()) {
            check_words(fault.text());
            expect(!fault.where.empty(), "no place is named", fault.text());
        }
        return 0;
    }
    for (const auto& warning : loaded->warnings) check_words(warning);
    for (const auto& [number, agent] : loaded->numbers) {
        expect(loaded->agent_for(number) != nullptr, "a number without an agent",
               number + " -> " + agent);
    }
    expect(parley::config::explain(*loaded).find(secret) == std::string::npos, "a secret is shown",
           "");
    return 0;
}
