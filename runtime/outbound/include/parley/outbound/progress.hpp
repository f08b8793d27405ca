// progress.hpp: how far a placed call has got, by what the carrier tells in whatever order.
//
// Callbacks come twice, late, and out of order. A call only moves forward, and what is over stays
// over. Sans-I/O.
#pragma once

#include <string>
#include <string_view>

namespace parley::outbound {

class Progress {
 public:
    // True when it has moved on: news. "queued", "initiated", "ringing", "in-progress", "completed",
    // "busy", "no-answer", "failed", "canceled"; others are ignored.
    bool take(std::string_view status);

    const std::string& status() const { return status_; }
    bool is_over() const;
    bool was_answered() const { return was_answered_; }

 private:
    std::string status_ = "queued";
    bool was_answered_ = false;
};

bool is_final(std::string_view status);
// "no-answer" -> "no_answer": as it stands in the table of calls. Of "completed" there is none: the
// call's own end says more.
std::string outcome_of(std::string_view status);
// "machine_start", "machine_end_beep", "fax", ...
bool is_machine(std::string_view answered_by);

}  // namespace parley::outbound
