#include "phrases.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/speech.hpp>
#include <parley/core/log.hpp>

namespace parley::app {
namespace {

constexpr std::size_t kept_max = 8;  // more than generations that can be rolled back to

}  // namespace

PhraseBook::PhraseBook(Texts first)
    : worker_([this, texts = std::move(first)] { render(texts); }) {}

PhraseBook::~PhraseBook() { worker_.join(); }

std::shared_ptr<const call::Phrases> PhraseBook::find(const Texts& texts) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [known, phrases] : rendered_) {
        if (known == texts) return phrases;
    }
    return nullptr;
}

std::shared_ptr<const call::Phrases> PhraseBook::of(const Texts& texts) const {
    auto phrases = find(texts);
    return phrases ? std::move(phrases) : std::make_shared<call::Phrases>();
}

void PhraseBook::render(const Texts& texts) {
    if (find(texts)) return;
    auto rendered = std::make_shared<call::Phrases>();
    for (auto [name, audio] : {std::pair{"one_moment", &rendered->one_moment},
                               {"apology", &rendered->apology},
                               {"goodbye", &rendered->goodbye},
                               {"over_budget", &rendered->over_budget}}) {
        const auto text = texts.find(name);
        if (text == texts.end() || text->second.empty()) continue;
        const auto samples = audio::speak(text->second, {.rate_hz = audio::telephone_hz});
        if (!samples) {
            log::warn("phrases.unavailable",
                      {{"what", samples.error().text()},
                       {"effect", "the carrier's voice apologises instead"}});
            return;
        }
        audio->resize(samples->size());
        audio::encode_mulaw(*samples, *audio);
    }
    {
        const std::lock_guard lock(mutex_);
        rendered_.emplace_back(texts, std::move(rendered));
        if (rendered_.size() > kept_max) rendered_.pop_front();
    }
    log::debug("phrases.ready");
}

}  // namespace parley::app
