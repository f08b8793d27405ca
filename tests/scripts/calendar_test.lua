local calendar = require "lib.calendar"

describe("lib.calendar", function()
  it("reads a confirmation number however it is said", function()
    expect(calendar.confirmation_number("apt 12345")).to_equal("APT-12345")
    expect(calendar.confirmation_number("1234")).to_be_nil()
  end)

  it("names what is wrong with the vars", function()
    local problems = calendar.check {
      calendar = "main", time_zone = "Mars/Olympus", slot_minutes = 3, booking_horizon_days = 90,
      hours = { moonday = "09:00-17:00" }, breaks = { "13:00-12:00" }, closed_days = { "2026-02-30" },
    }
    expect(#problems).to_equal(5)
    expect(problems).to_contain('time_zone: expected a zone like "America/New_York"')
  end)
end)
