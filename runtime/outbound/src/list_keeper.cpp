#include <parley/outbound/list_keeper.hpp>

#include <parley/core/log.hpp>

namespace parley::outbound {
namespace {

constexpr std::string_view outcome = "do_not_call";

void log_not_listed(const std::string& call_sid, const std::string& what) {
    log::error("outbound.not_listed",
               {{"call", call_sid}, {"what", what}, {"remedy", "use parley dnc add"}});
}

}  // namespace

void ListKeeper::on_entry(const call::journal::Entry& entry) {
    if (const auto* started = std::get_if<call::journal::CallStarted>(&entry.event)) {
        const std::lock_guard lock(mutex_);
        other_parties_[entry.call_sid] = started->other_party();
    } else if (const auto* ended = std::get_if<call::journal::CallEnded>(&entry.event)) {
        const auto number = take_party(entry.call_sid);
        if (ended->outcome == outcome) list(number, entry.call_sid);
    }
}

std::string ListKeeper::take_party(const std::string& call_sid) {
    const std::lock_guard lock(mutex_);
    auto party = other_parties_.extract(call_sid);
    return party ? std::move(party.mapped()) : std::string();
}

void ListKeeper::list(const std::string& number, const std::string& call_sid) {
    if (number.empty()) return log_not_listed(call_sid, "the caller has withheld the number");
    std::vector<store::Statement> statements;
    statements.push_back(
        {"INSERT INTO do_not_call(number, reason, added_at_ms) VALUES (?1, ?2, ?3) "
         "ON CONFLICT(number) DO NOTHING",
         {number, "asked in call " + call_sid, unix_ms(std::chrono::system_clock::now())}});
    store_.run_all(std::move(statements), [call_sid](const store::TransactionResult& result) {
        if (!result) return log_not_listed(call_sid, result.error().message);
        log::info("outbound.listed", {{"call", call_sid}});
    });
}

}  // namespace parley::outbound
