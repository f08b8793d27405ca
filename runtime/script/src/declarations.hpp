// declarations.hpp: words and helpers for checking what a script file returned. Faults go to the
// FileCheck.
#pragma once

#include "bundle.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

constexpr std::size_t about_bytes_max = 1'024;  // the models' limit for a description

bool is_word_char(char c);
bool is_identifier(std::string_view name);
// "did you mean `timeout`?", or the words there are.
std::string mean(std::string_view word, const std::vector<std::string>& known);

void check_keys(const FileCheck& check, const Tree& spec, const std::vector<std::string>& known);
void check_api(const FileCheck& check, const Tree& spec);

// The text under `key`; faults for another kind, and when it is missing though required.
enum class Need { optional, required };
std::string text_of(const FileCheck& check, const Tree& spec, const char* key, Need need,
                    const char* remedy, std::size_t bytes_max);
bool function_of(const FileCheck& check, const Tree& spec, const char* key);
// True or false under `key`; `otherwise` when it says nothing.
bool flag_of(const FileCheck& check, const Tree& spec, const char* key, bool otherwise);
// A list of names under `key`, each once; `thing` and `example` for the messages.
std::vector<std::string> names_of(const FileCheck& check, const Tree& spec, const char* key,
                                  const char* thing, const char* example);
// The spec of `agent { ... }`, `tool { ... }`; faults when the file returned something else.
const Tree* spec_of(const FileCheck& check, const Tree& tree, std::string_view kind);

// declare_params.cpp: the parameters in `table`, in the order they are written.
std::vector<Param> read_params(const FileCheck& check, const Tree& table, const std::string& owner,
                               int line);

}  // namespace parley::script
