describe("cancel_appointment", function()
  before_each(function()
    clock.set("2026-11-20 10:00")
    db.exec([[INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time, confirmation_number, calendar)
              VALUES ('Jo Smith', '+15550100002', '2026-11-24', '2:00 PM', 'APT-12345', 'riverside')]])
  end)
  local function status() return db.query("SELECT status FROM appointments")[1].status end

  it("cancels for the phone that booked", function()
    local answer, call = run_tool("cancel_appointment", { confirmation_number = "APT-12345" })
    expect(answer.success).to_be_true()
    expect(call.outcome).to_equal("appointment_cancelled")
    expect(status()).to_equal("cancelled")
  end)

  it("cancels from another phone only with the right name", function()
    local options = { from = "+15550100099" }
    expect(run_tool("cancel_appointment", { confirmation_number = "APT-12345", customer_name = "Ann Other" }, options).success).to_be_false()
    expect(status()).to_equal("confirmed")
    expect(run_tool("cancel_appointment", { confirmation_number = "APT-12345", customer_name = " jo  SMITH" }, options).success).to_be_true()
  end)

  it("does not tell a wrong number from a wrong person", function()
    local wrong_number = run_tool("cancel_appointment", { confirmation_number = "APT-99999" })
    local wrong_person = run_tool("cancel_appointment", { confirmation_number = "APT-12345" }, { from = "anonymous" })
    expect(wrong_number.error).to_equal(wrong_person.error)
  end)
end)
