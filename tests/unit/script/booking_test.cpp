// The shipped booking tools against a real SQLite database.
#include "support.hpp"

#include <future>

namespace parley::script {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class Booking : public testing::Test {
 protected:
    void SetUp() override {
        auto built = Library::build(shipped_scripts());
        ASSERT_TRUE(built) << built.error().front().text();
        bundle_ = *built;
        auto opened = store::Store::open(
            {.path = ":memory:", .migrations_dir = shipped_scripts() + "/migrations"});
        ASSERT_TRUE(opened) << opened.error().text();
        store_ = std::move(*opened);
        database_ = database_of(*store_);
    }

    std::unique_ptr<TestCall> call(const std::string& sid = "CA1", json::object vars = {},
                                   const std::string& from = "+15550001111") {
        config::AgentSettings settings;
        settings.name = "sarah";
        settings.vars = std::move(vars);
        auto made = std::make_unique<TestCall>(bundle_, settings);
        made->parts.services.database = database_.get();
        made->parts.info.call_sid = sid;
        made->parts.info.from = from;
        made->now = utc(2026, 11, 20, 15, 0);  // Friday, 10:00 in New York
        return made;
    }
    static void ready(TestCall& call) {
        const auto profile = call.prepare();
        ASSERT_TRUE(profile) << profile.error().text();
    }
    json::array sql(const std::string& text) {
        std::promise<json::array> rows;
        store_->query({text, {}}, [&](store::QueryResult result) {
            rows.set_value(result ? result->rows : json::array{result.error().message});
        });
        return rows.get_future().get();
    }
    static std::string book(const char* date, const char* time, const char* name = "Jo Smith") {
        return json::serialize(
            json::object{{"customer_name", name}, {"date", date}, {"time", time}});
    }

    std::shared_ptr<const Bundle> bundle_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<Database> database_;
};

TEST_F(Booking, IntroducesSarah) {
    auto call = this->call("CA1", {{"clinic", "Riverside"}});
    const auto profile = call->prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->name, "Sarah");
    EXPECT_EQ(
        profile->greeting,
        "Thank you for calling Riverside. This is Sarah, the clinic's virtual assistant. How can I help you today?");
    EXPECT_THAT(profile->instructions,
                HasSubstr("Today is Friday, 2026-11-20, and it is 10:00 AM at the clinic."));
    EXPECT_EQ(profile->tools.size(), 5u);
}

TEST_F(Booking, OffersTheSlotsOfADay) {
    auto call = this->call();
    ready(*call);
    const auto output = call->run_tool("check_slots", R"({"date":"2026-11-24"})");
    EXPECT_TRUE(output.ok);
    EXPECT_EQ(
        output.text,
        R"({"available_slots":["9:00 AM","9:30 AM","10:00 AM","10:30 AM","11:00 AM","11:30 AM","1:00 PM","1:30 PM","2:00 PM","2:30 PM","3:00 PM","3:30 PM","4:00 PM","4:30 PM"],)"
        R"("date":"2026-11-24","spoken_date":"Tuesday, November 24th"})");
}

TEST_F(Booking, OffersNothingThatIsPastOrClosed) {
    auto call = this->call("CA1", {{"closed_days", json::array{"2026-12-25"}}});
    ready(*call);
    const auto reason = [&](const char* date) {
        const auto output = call->run_tool("check_slots", fmt::format(R"({{"date":"{}"}})", date));
        EXPECT_EQ(output.at("available_slots"), "[]") << date;
        return output.at("reason");
    };
    EXPECT_EQ(reason("2026-11-19"), "That date is in the past. Today is Friday, November 20th.");
    EXPECT_EQ(reason("2026-11-21"), "We are closed on Saturdays.");
    EXPECT_EQ(reason("2026-12-25"), "We are closed on Friday, December 25th.");
    EXPECT_EQ(reason("2027-02-19"), "Appointments can be booked at most 90 days ahead.");
    // Today, at 10:00: the slot that begins now is gone.
    EXPECT_EQ(
        call->run_tool("check_slots", R"({"date":"2026-11-20"})").at("available_slots"),
        R"(["10:30 AM","11:00 AM","11:30 AM","1:00 PM","1:30 PM","2:00 PM","2:30 PM","3:00 PM","3:30 PM","4:00 PM","4:30 PM"])");
    call->now = utc(2026, 11, 20, 21, 45);
    EXPECT_EQ(reason("2026-11-20"), "There are no more appointments today.");
}

TEST_F(Booking, CountsDaysInTheClinicsZone) {
    auto call = this->call("CA1", {{"hours", json::object{{"saturday", "09:00-10:00"}}}});
    ready(*call);
    call->now = utc(2026, 11, 21, 4, 30);  // still Friday evening in New York
    EXPECT_EQ(call->run_tool("check_slots", R"({"date":"2026-11-20"})").at("reason"),
              "We are closed on Fridays.");
    EXPECT_EQ(call->run_tool("check_slots", R"({"date":"2026-11-21"})").at("available_slots"),
              R"(["9:00 AM","9:30 AM"])");
}

TEST_F(Booking, FollowsTheVars) {
    auto call = this->call("CA1", {{"slot_minutes", 45},
                                   {"hours", json::object{{"tuesday", "08:00-10:00, 14:00-16:00"}}},
                                   {"breaks", json::array{"14:30-14:45"}}});
    ready(*call);
    EXPECT_EQ(call->run_tool("check_slots", R"({"date":"2026-11-24"})").at("available_slots"),
              R"(["8:00 AM","8:45 AM","2:45 PM"])");
}

TEST_F(Booking, BooksAndStoresWhatWasGiven) {
    auto call = this->call();
    ready(*call);
    const auto output =
        call->run_tool("book_appointment", book("2026-11-24", "2:00 PM", "Siobhán O'Brien-Müller"));
    EXPECT_TRUE(output.ok);
    EXPECT_EQ(output.at("success"), "true");
    EXPECT_THAT(output.at("confirmation_number"), MatchesRegex("APT-[1-9][0-9]{4}"));
    EXPECT_EQ(output.at("spoken_date"), "Tuesday, November 24th");
    EXPECT_EQ(output.at("time"), "2:00 PM");
    EXPECT_THAT(call->events.lines, Contains("outcome appointment_booked"));
    const auto rows = sql(
        "SELECT customer_name, phone_number, appointment_date, appointment_time, confirmation_number, call_sid, "
        "status, calendar FROM appointments");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0], (json::object{{"customer_name", "Siobhán O'Brien-Müller"},
                                     {"phone_number", "+15550001111"},
                                     {"appointment_date", "2026-11-24"},
                                     {"appointment_time", "2:00 PM"},
                                     {"confirmation_number", output.at("confirmation_number")},
                                     {"call_sid", "CA1"},
                                     {"status", "confirmed"},
                                     {"calendar", "main"}}));
    EXPECT_THAT(call->run_tool("check_slots", R"({"date":"2026-11-24"})").at("available_slots"),
                testing::Not(HasSubstr("2:00 PM")));
}

TEST_F(Booking, LetsTheIndexDecideWhoGetsASlot) {
    std::vector<std::unique_ptr<TestCall>> calls;
    std::vector<Output> outputs(50);
    std::deque<bool> done(50, false);
    for (std::size_t i = 0; i < 50; ++i) {
        calls.push_back(call(fmt::format("CA{}", i)));
        ready(*calls.back());
    }
    for (std::size_t i = 0; i < 50; ++i)
        calls[i]->start_tool("book_appointment", book("2026-11-24", "2:00 PM"), outputs[i],
                             done[i]);
    int booked = 0;
    for (std::size_t i = 0; i < 50; ++i) {
        calls[i]->run_until([&] { return done[i]; });
        EXPECT_TRUE(outputs[i].ok) << outputs[i].text;
        if (outputs[i].at("success") == "true") {
            ++booked;
        } else {
            EXPECT_EQ(
                outputs[i].at("error"),
                "That time slot was just booked by someone else. Please choose another time.");
        }
    }
    EXPECT_EQ(booked, 1);
    EXPECT_EQ(sql("SELECT 1 FROM appointments").size(), 1u);
}

TEST_F(Booking, IsNotRepeatedByTheSameCall) {
    auto call = this->call();
    ready(*call);
    const auto first =
        call->run_tool("book_appointment", book("2026-11-24", "2:00 PM", "Jon Smith"));
    const auto second =
        call->run_tool("book_appointment", book("2026-11-24", "14:00", "John Smith"));
    EXPECT_EQ(second.text, first.text);
    EXPECT_EQ(sql("SELECT customer_name FROM appointments"),
              (json::array{json::object{{"customer_name", "John Smith"}}}));
}

TEST_F(Booking, RefusesWhatCannotBeBooked) {
    auto call = this->call();
    ready(*call);
    const auto error = [&](const char* date, const char* time) {
        const auto output = call->run_tool("book_appointment", book(date, time));
        EXPECT_EQ(output.at("success"), "false");
        return output.at("error");
    };
    EXPECT_EQ(error("2026-11-19", "2:00 PM"),
              "That date is in the past. Today is Friday, November 20th.");
    EXPECT_EQ(error("2026-11-20", "9:30 AM"),
              "9:30 AM is not a time we offer on that day. Please check the free times again.");
    EXPECT_EQ(error("2026-11-24", "2:10 PM"),
              "2:10 PM is not a time we offer on that day. Please check the free times again.");
    EXPECT_EQ(error("2026-11-24", "12:30 PM"),
              "12:30 PM is not a time we offer on that day. Please check the free times again.");
    EXPECT_EQ(error("2026-11-22", "2:00 PM"), "We are closed on Sundays.");
    EXPECT_EQ(error("2027-03-01", "2:00 PM"), "Appointments can be booked at most 90 days ahead.");
    EXPECT_EQ(sql("SELECT 1 FROM appointments").size(), 0u);
    EXPECT_EQ(call->run_tool("book_appointment", book("2026-11-24", "2:00 PM", "  ")).at("error"),
              "bad_arguments");
    EXPECT_THAT(call->events.lines, Not(Contains("outcome appointment_booked")));
}

TEST_F(Booking, DrawsAnotherNumberWhenOneIsInUse) {
    std::string drawn;
    {
        auto call = this->call("CA1");
        call->parts.random_seed = 11;
        ready(*call);
        drawn = call->run_tool("book_appointment", book("2026-11-24", "2:00 PM"))
                    .at("confirmation_number");
    }
    auto other = call("CA2");
    other->parts.random_seed = 11;  // draws the same number first
    ready(*other);
    const auto output = other->run_tool("book_appointment", book("2026-11-25", "2:00 PM"));
    EXPECT_EQ(output.at("success"), "true");
    EXPECT_NE(output.at("confirmation_number"), drawn);
}

TEST_F(Booking, KeepsCalendarsApart) {
    auto one = call("CA1", {{"calendar", "east"}});
    auto two = call("CA2", {{"calendar", "west"}});
    ready(*one);
    ready(*two);
    EXPECT_EQ(one->run_tool("book_appointment", book("2026-11-24", "2:00 PM")).at("success"),
              "true");
    EXPECT_EQ(two->run_tool("book_appointment", book("2026-11-24", "2:00 PM")).at("success"),
              "true");
}

TEST_F(Booking, FindsAndCancels) {
    auto call = this->call();
    ready(*call);
    const auto number =
        call->run_tool("book_appointment", book("2026-11-24", "2:00 PM")).at("confirmation_number");
    const std::string entry = fmt::format(
        R"({{"appointments":[{{"confirmation_number":"{}","date":"2026-11-24","spoken_date":"Tuesday, November 24th","time":"2:00 PM"}}],"found":true}})",
        number);
    EXPECT_EQ(call->run_tool("find_appointment").text, entry);
    EXPECT_EQ(call->run_tool("find_appointment",
                             fmt::format(R"({{"confirmation_number":"apt {}"}})", number.substr(4)))
                  .text,
              entry);
    EXPECT_EQ(call->run_tool("find_appointment", R"({"confirmation_number":"APT-00000"})").text,
              R"({"appointments":[],"found":false})");

    const auto cancelled = call->run_tool("cancel_appointment",
                                          fmt::format(R"({{"confirmation_number":"{}"}})", number));
    EXPECT_EQ(
        cancelled.text,
        fmt::format(
            R"({{"confirmation_number":"{}","spoken_date":"Tuesday, November 24th","success":true,"time":"2:00 PM"}})",
            number));
    EXPECT_EQ(call->events.lines.back(), "outcome appointment_cancelled");
    EXPECT_EQ(call->run_tool("find_appointment").text, R"({"appointments":[],"found":false})");
    EXPECT_EQ(call->run_tool("book_appointment", book("2026-11-24", "2:00 PM")).at("success"),
              "true")
        << "the slot is free again";
}

TEST_F(Booking, CancelsOnlyForTheRightPerson) {
    auto owner = call("CA1");
    ready(*owner);
    const auto number =
        owner->run_tool("book_appointment", book("2026-11-24", "2:00 PM", "Jo Smith"))
            .at("confirmation_number");
    auto stranger = call("CA2", {}, "anonymous");
    ready(*stranger);
    const auto cancel = [&](const std::string& name) {
        return stranger
            ->run_tool("cancel_appointment",
                       json::serialize(
                           json::object{{"confirmation_number", number}, {"customer_name", name}}))
            .at("success");
    };
    EXPECT_EQ(stranger
                  ->run_tool("cancel_appointment",
                             fmt::format(R"({{"confirmation_number":"{}"}})", number))
                  .at("success"),
              "false");
    EXPECT_EQ(cancel("Someone Else"), "false");
    EXPECT_EQ(stranger->run_tool("find_appointment").at("error"),
              "The caller's number is withheld. Ask for the confirmation number.");
    EXPECT_EQ(sql("SELECT status FROM appointments"),
              (json::array{json::object{{"status", "confirmed"}}}));
    EXPECT_EQ(cancel(" jo  SMITH"), "true");
}

TEST_F(Booking, SpeaksOfATroubledDatabase) {
    auto call = this->call();
    FakeDatabase broken;
    call->parts.services.database = &broken;
    ready(*call);
    for (const char* tool : {"check_slots", "find_appointment"}) {
        broken.answers.push_back(
            store::QueryProblem{store::QueryProblem::Kind::busy, "database is locked"});
        EXPECT_EQ(
            call->run_tool(tool,
                           std::string(tool) == "check_slots" ? R"({"date":"2026-11-24"})" : "{}")
                .at("failed"),
            "I cannot reach our calendar at the moment.");
    }
    broken.answers.push_back(store::QueryProblem{store::QueryProblem::Kind::full, "disk full"});
    EXPECT_EQ(call->run_tool("book_appointment", book("2026-11-24", "2:00 PM")).at("failed"),
              "I could not save the appointment. Please try once more.");
}

TEST_F(Booking, HangsUpWhenAllIsSaid) {
    auto call = this->call();
    ready(*call);
    EXPECT_EQ(call->run_tool("end_call").text, R"({"success":true})");
    EXPECT_THAT(call->events.lines, ElementsAre("hang_up"));
}

}  // namespace
}  // namespace parley::script
