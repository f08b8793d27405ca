local day = "2026-11-24"

local function book_as(sid, from)
  return run_tool("book_appointment", { customer_name = "Ann Other", date = day, time = "2:00 PM" }, { sid = sid, from = from })
end

describe("book_appointment", function()
  before_each(function() clock.set("2026-11-20 10:00") end)

  it("stores who comes when", function()
    local answer, call = run_tool("book_appointment", { customer_name = "Jo Smith", date = day, time = "2:00 PM" })
    expect(answer).to_contain { success = true, spoken_date = "Tuesday, November 24th", time = "2:00 PM" }
    expect(answer.confirmation_number).to_match("^APT%-%d%d%d%d%d$")
    expect(call.outcome).to_equal("appointment_booked")
    local rows = db.query("SELECT customer_name, phone_number, calendar FROM appointments")
    expect(rows).to_equal { { customer_name = "Jo Smith", phone_number = "+15550100002", calendar = "riverside" } }
  end)

  it("gives a slot to the first who asks", function()
    expect(book_as("CA1", "+15550100001").success).to_be_true()
    local second, call = book_as("CA2", "+15550100003")
    expect(second.success).to_be_false()
    expect(second.error).to_contain("just booked by someone else")
    expect(call.outcome).to_be_nil()
    expect(#db.query("SELECT 1 FROM appointments")).to_equal(1)
  end)

  it("corrects the name when the same call books again", function()
    local first = run_tool("book_appointment", { customer_name = "Jo Smith", date = day, time = "2:00 PM" })
    local second = run_tool("book_appointment", { customer_name = "Joe Smith", date = day, time = "14:00" })
    expect(second.confirmation_number).to_equal(first.confirmation_number)
    expect(db.query("SELECT customer_name FROM appointments")[1].customer_name).to_equal("Joe Smith")
  end)

  it("refuses times the clinic does not offer", function()
    for _, at in ipairs { "12:30 PM", "2:10 PM", "6:00 PM" } do
      local answer = run_tool("book_appointment", { customer_name = "Jo Smith", date = day, time = at })
      expect(answer.error).to_contain("is not a time we offer on that day")
    end
    expect(#db.query("SELECT 1 FROM appointments")).to_equal(0)
  end)

  it("wants a name", function()
    local answer = run_tool("book_appointment", { customer_name = "  ", date = day, time = "2:00 PM" })
    expect(answer.error).to_equal("bad_arguments")
  end)
end)
