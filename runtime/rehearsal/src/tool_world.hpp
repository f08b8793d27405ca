// tool_world.hpp: what a test of a script can ask for: a tool run as in a call, the clock, a fresh
// database.
//
// Owner:  whoever runs the tests; one world for each test. Thread: one.
#pragma once

#include "memory_keys.hpp"

#include <parley/core/log.hpp>
#include <parley/core/virtual_clock.hpp>
#include <parley/rehearsal/fake_web.hpp>
#include <parley/rehearsal/stage.hpp>
#include <parley/script/agent.hpp>
#include <parley/script/script_test.hpp>
#include <parley/store/inline_store.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace parley::rehearsal {

class ToolWorld final : public script::TestHost, public script::Database, public script::Messages {
 public:
    static Checked<std::unique_ptr<ToolWorld>> make(const Stage& stage);

    Checked<json::value> ask(std::string_view what, const json::value& arguments) override;
    const script::Services& services() override { return services_; }
    const config::ScriptSettings& settings() override { return stage_.settings.scripts; }
    std::shared_ptr<const script::TimeZone> zone() override { return zone_; }
    Timekeeper& time() override { return *time_; }
    boost::asio::any_io_executor home() override { return io_.get_executor(); }
    bool go_on() override;

    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override {
        done(store_->query(statement));
    }
    void transaction(std::vector<store::Statement> statements,
                     std::function<void(script::TransactionResult)> done) override {
        done(store_->transaction(statements));
    }
    void send(std::string from, std::string to, std::string text,
              std::function<void(Result)> done) override;

 private:
    ToolWorld(const Stage& stage, std::unique_ptr<store::InlineStore> store);
    Checked<json::value> run_tool(const json::object& arguments);
    void pass(milliseconds span);
    Checked<json::value> answer_web(const json::object& arguments);
    json::array requests() const;
    Checked<json::value> set_clock(const json::object& arguments);
    Checked<config::AgentSettings> agent_for(const std::string& tool,
                                             const json::object& options) const;
    bool run_until(const bool& is_done, const std::function<void()>& meanwhile);
    void take_log(std::string_view event, log::Fields fields);

    const Stage& stage_;
    VirtualClock clock_;
    boost::asio::io_context io_;
    std::unique_ptr<store::InlineStore> store_;
    std::unique_ptr<Timekeeper> time_;
    MemoryKeys keys_;
    FakeWeb web_;
    script::Services services_;
    std::shared_ptr<const script::TimeZone> zone_;
    std::string script_error_;  // of the tool under way
    json::array messages_;      // that it has sent
    std::vector<std::string> logged_;
    log::Capture log_;
};

}  // namespace parley::rehearsal
