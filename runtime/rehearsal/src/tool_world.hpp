// tool_world.hpp: what a test of a script can ask for: a tool run as in a call, the clock, a fresh database.
//
// Owner:  whoever runs the tests; one world for each test. Thread: one.
#pragma once

#include "memory_keys.hpp"

#include <parley/core/log.hpp>
#include <parley/core/virtual_clock.hpp>
#include <parley/rehearsal/stage.hpp>
#include <parley/script/agent.hpp>
#include <parley/script/script_test.hpp>
#include <parley/store/inline_store.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace parley::rehearsal {

class ToolWorld final : public script::TestHost, public script::Database {
 public:
    static Checked<std::unique_ptr<ToolWorld>> make(const Stage& stage);

    Checked<json::value> ask(std::string_view what, const json::value& arguments) override;
    const script::Services& services() override { return services_; }
    WallTime wall_now() override { return clock_.wall_now(); }
    std::shared_ptr<const script::TimeZone> zone() override { return zone_; }
    void sleep(milliseconds span) override;

    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override { done(store_->query(statement)); }
    void transaction(std::vector<store::Statement> statements, std::function<void(script::TransactionResult)> done) override {
        done(store_->transaction(statements));
    }

 private:
    ToolWorld(const Stage& stage, std::unique_ptr<store::InlineStore> store);
    Checked<json::value> run_tool(const json::object& arguments);
    Checked<json::value> set_clock(const json::object& arguments);
    Checked<config::AgentSettings> agent_for(const std::string& tool, const json::object& options) const;
    bool run_until(const bool& is_done, const std::function<void()>& meanwhile);
    void take_log(std::string_view event, log::Fields fields);

    const Stage& stage_;
    VirtualClock clock_;
    boost::asio::io_context io_;
    std::unique_ptr<store::InlineStore> store_;
    MemoryKeys keys_;
    script::Services services_;
    std::shared_ptr<const script::TimeZone> zone_;
    std::string script_error_;           // of the tool under way
    std::vector<std::string> logged_;
    log::Capture log_;
};

}  // namespace parley::rehearsal
