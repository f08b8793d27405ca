// papers_routes.hpp: transcripts and speech on request, over HTTP.
//
//   GET  /                          what server.root_answer says
//   GET  /api/transcript/:callSid   {"callSid", "phoneNumber", "timestamp", "messages", ...}; of a call in
//                                   progress what there is; ?format=text: Caller: … Assistant: …
//   POST /generate-voice            {"text", "voice"?, "format"?} -> the audio, as it is made
//
// Errors are {"error": "...", "details"?: "..."}.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/ops/routes.hpp>
#include <parley/store/store.hpp>
#include <parley/voice/voice.hpp>

#include <memory>

namespace parley::app {

// Both outlive the routes.
void add_papers(ops::Routes& routes, store::Store& store, voice::Voice& voice);
void add_root(ops::Routes& routes, const std::string& answer);  // none where it is empty
// Fault where the settings ask for a provider that cannot be used.
Checked<std::unique_ptr<voice::Voice>> voice_of(const config::Settings& settings);

}  // namespace parley::app
