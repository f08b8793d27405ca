#include <parley/outbound/progress.hpp>

#include <algorithm>
#include <array>

namespace parley::outbound {
namespace {

constexpr std::array<std::string_view, 4> steps{"queued", "initiated", "ringing", "in-progress"};
constexpr std::array<std::string_view, 5> ends{"completed", "busy", "no-answer", "failed",
                                               "canceled"};

int rank_of(std::string_view status) {
    const auto step = std::find(steps.begin(), steps.end(), status);
    if (step != steps.end()) return static_cast<int>(step - steps.begin());
    return is_final(status) ? static_cast<int>(steps.size()) : -1;
}

}  // namespace

bool is_final(std::string_view status) {
    return std::find(ends.begin(), ends.end(), status) != ends.end();
}

std::string outcome_of(std::string_view status) {
    std::string outcome(status);
    std::replace(outcome.begin(), outcome.end(), '-', '_');
    return outcome == "completed" ? "" : outcome;
}

bool is_machine(std::string_view answered_by) {
    return answered_by.starts_with("machine") || answered_by == "fax";
}

bool Progress::take(std::string_view status) {
    // Told late, but worth knowing.
    if (status == "in-progress") was_answered_ = true;
    if (is_over() || rank_of(status) <= rank_of(status_)) return false;
    status_ = status;
    return true;
}

bool Progress::is_over() const { return is_final(status_); }

}  // namespace parley::outbound
