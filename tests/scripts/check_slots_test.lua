describe("check_slots", function()
  before_each(function() clock.set("2026-11-20 10:00") end) -- a Friday

  it("offers the times of a day, without the break", function()
    local answer = run_tool("check_slots", { date = "2026-11-24" })
    expect(answer.spoken_date).to_equal("Tuesday, November 24th")
    expect(answer.available_slots).to_contain("9:00 AM")
    expect(answer.available_slots).to_contain("4:30 PM")
    expect(answer.available_slots).never.to_contain("12:00 PM")
    expect(answer.reason).to_be_nil()
  end)

  it("leaves out what is booked", function()
    run_tool("book_appointment", { customer_name = "Jo Smith", date = "2026-11-24", time = "2:00 PM" })
    expect(run_tool("check_slots", { date = "2026-11-24" }).available_slots).never.to_contain("2:00 PM")
  end)

  it("says why a day has nothing", function()
    local function reason(date) return run_tool("check_slots", { date = date }).reason end
    expect(reason("2026-11-19")).to_equal("That date is in the past. Today is Friday, November 20th.")
    expect(reason("2026-11-21")).to_equal("We are closed on Saturdays.")
    expect(reason("2026-12-25")).to_equal("We are closed on Friday, December 25th.")
    expect(reason("2027-02-19")).to_match("at most 90 days ahead")
  end)

  it("leaves out what has passed today", function()
    clock.set("2026-11-20 16:10")
    expect(run_tool("check_slots", { date = "2026-11-20" }).available_slots).to_equal { "4:30 PM" }
    clock.advance(3600)
    expect(run_tool("check_slots", { date = "2026-11-20" }).reason).to_equal("There are no more appointments today.")
  end)

  it("goes by the vars of the agent", function()
    local vars = { slot_minutes = 60, hours = { tuesday = "08:00-10:00" }, breaks = json.list {} }
    local answer = run_tool("check_slots", { date = "2026-11-24" }, { vars = vars })
    expect(answer.available_slots).to_equal { "8:00 AM", "9:00 AM" }
  end)

  it("sends a date it cannot read back to the model", function()
    local answer, call = run_tool("check_slots", { date = "next week" })
    expect(answer.error).to_equal("bad_arguments")
    expect(answer.message).to_contain("expected a date like 2026-12-01")
    expect(call.ok).to_be_false()
  end)
end)
