// transcript_files.hpp: two files for each call, written as it goes.
//
// The text file gets a line with each utterance; the JSON file is replaced as a whole, so that a
// reader never sees half of it. At the call's end both are written anew in the order in which things
// were said. A note in the hidden folder `.unfinished` stands for each call that is not over: what an
// earlier process left there is completed from the store at the next start.
// When the disk refuses, the call goes on, health() says why, and the files are tried again.
//
// Owner:  app. Thread: on_entry from any thread; the disk is touched by a thread of its own alone.
// End:    the destructor writes what is queued.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/result.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::archive {

class TranscriptFiles final : public call::journal::Subscriber {
 public:
    struct Options {
        std::string dir;
        // waiting for the disk; beyond it new entries are left out, and the call's files are made
        // from the store at its end
        std::size_t entries_queued_max = 20'000;
        std::chrono::milliseconds flush_every{200};
        std::chrono::milliseconds retry_every{2'000};
    };
    // Everything the store knows of a call, in order. Asked for on this class's own thread, which
    // waits for the answer.
    using Ask = std::function<std::vector<call::journal::Entry>(const std::string& call_sid)>;

    // Fault when the folder cannot be made.
    static Checked<std::unique_ptr<TranscriptFiles>> open(Options options, Ask ask);
    ~TranscriptFiles() override;

    void on_entry(const call::journal::Entry& entry) override;

    struct Health {
        bool is_well = true;
        std::string problem = {};  // why the last write failed, and what to do
        std::size_t calls_open = 0;
    };
    Health health() const;

 private:
    struct Impl;
    explicit TranscriptFiles(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::archive
