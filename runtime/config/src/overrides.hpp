// overrides.hpp: environment variables and flags, laid over what the files say.
//
// Which variable sets what stands in the schema ("x-env", "x-flag"); here are only the rules of
// turning their text into values.
#pragma once

#include "document.hpp"
#include "environment.hpp"

#include <map>
#include <vector>

namespace parley::config {

std::vector<Fault> apply_environment(Document& document, const json::object& schema,
                                     const Environment& environment);

// "server.port" -> "4000". Beats the environment.
std::vector<Fault> apply_flags(Document& document, const json::object& schema,
                               const std::map<std::string, std::string>& flags);

// The values of all settings that the schema calls secret ("writeOnly").
void collect_secrets(const Document& document, const json::object& schema, Secrets& secrets);

}  // namespace parley::config
