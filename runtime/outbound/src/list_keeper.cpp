#include <parley/outbound/list_keeper.hpp>

#include <parley/core/log.hpp>

namespace parley::outbound {
namespace {

constexpr std::string_view outcome = "do_not_call";

// Whom we called, or else who called us; the call's rows are written before this runs.
constexpr std::string_view list_other_party =
    "INSERT INTO do_not_call(number, reason, added_at_ms) "
    "SELECT coalesce((SELECT to_number FROM outbound_attempts WHERE call_sid = ?1), from_number), "
    "'asked in call ' || ?1, ?2 FROM calls WHERE call_sid = ?1 "
    "ON CONFLICT(number) DO NOTHING";

}  // namespace

void ListKeeper::on_entry(const call::journal::Entry& entry) {
    const auto* ended = std::get_if<call::journal::CallEnded>(&entry.event);
    if (ended == nullptr || ended->outcome != outcome) return;
    std::vector<store::Statement> statements;
    statements.push_back({std::string(list_other_party),
                          {entry.call_sid, unix_ms(std::chrono::system_clock::now())}});
    store_.run_all(std::move(statements),
                   [call_sid = entry.call_sid](const store::TransactionResult& result) {
                       if (result) {
                           log::info("outbound.listed", {{"call", call_sid}});
                       } else {
                           log::error("outbound.not_listed", {{"call", call_sid},
                                                              {"what", result.error().message},
                                                              {"remedy", "use parley dnc add"}});
                       }
                   });
}

}  // namespace parley::outbound
