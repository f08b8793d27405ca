#include "phrases.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/speech.hpp>
#include <parley/core/log.hpp>

namespace parley::app {

PhraseBook::PhraseBook(std::map<std::string, std::string> texts)
    : phrases_(std::make_shared<call::Phrases>()), worker_([this, texts = std::move(texts)] { render(texts); }) {}

PhraseBook::~PhraseBook() { worker_.join(); }

std::shared_ptr<const call::Phrases> PhraseBook::current() const {
    const std::lock_guard lock(mutex_);
    return phrases_;
}

void PhraseBook::render(const std::map<std::string, std::string>& texts) {
    auto rendered = std::make_shared<call::Phrases>();
    for (auto [name, audio] : {std::pair{"one_moment", &rendered->one_moment}, {"apology", &rendered->apology}, {"goodbye", &rendered->goodbye}}) {
        const auto text = texts.find(name);
        if (text == texts.end() || text->second.empty()) continue;
        const auto samples = audio::speak(text->second, {.rate_hz = audio::telephone_hz});
        if (!samples) {
            log::warn("phrases.unavailable", {{"what", samples.error().text()}, {"effect", "the carrier's voice apologises instead"}});
            return;
        }
        audio->resize(samples->size());
        audio::encode_mulaw(*samples, *audio);
    }
    {
        const std::lock_guard lock(mutex_);
        phrases_ = std::move(rendered);
    }
    log::debug("phrases.ready");
}

}  // namespace parley::app
