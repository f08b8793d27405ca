// commands.hpp: the commands that read: what was called, what was said.
#pragma once

#include <cstddef>
#include <string>

namespace parley::app {

enum class Format { text, json };

int print_calls(const std::string& database, std::size_t limit, Format format);
int print_transcript(const std::string& database, const std::string& call_sid, Format format);

// What is still to be told to webhooks, and what was given up; `with_delivered`: all of it.
int print_webhooks(const std::string& database, std::size_t limit, bool with_delivered,
                   Format format);
// Has the delivery whose id begins so tried again at once.
int retry_webhook(const std::string& database, const std::string& id);

struct WatchOptions {
    std::string call_sid;      // empty: all calls
    bool until_ended = false;  // stop after the first call that ends
};
// Follows the journal of a running service, line by line.
int watch(const std::string& database, const WatchOptions& options);

}  // namespace parley::app
