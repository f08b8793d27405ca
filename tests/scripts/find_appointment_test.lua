describe("find_appointment", function()
  before_each(function()
    clock.set("2026-11-20 10:00")
    db.exec([[INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time, confirmation_number, calendar)
              VALUES ('Jo Smith', '+15550100002', '2026-11-24', '2:00 PM', 'APT-12345', 'riverside'),
                     ('Jo Smith', '+15550100002', '2026-11-03', '2:00 PM', 'APT-11111', 'riverside')]])
  end)

  it("finds what is to come by the caller's number", function()
    local answer = run_tool("find_appointment")
    expect(answer.found).to_be_true()
    expect(#answer.appointments).to_equal(1)
    expect(answer.appointments[1]).to_contain { confirmation_number = "APT-12345", spoken_date = "Tuesday, November 24th" }
  end)

  it("finds by the number however it is said", function()
    for _, said in ipairs { "APT-12345", "apt 12345", "1 2 3 4 5" } do
      expect(run_tool("find_appointment", { confirmation_number = said }, { from = "anonymous" }).found).to_be_true()
    end
    expect(run_tool("find_appointment", { confirmation_number = "APT-54321" }).found).to_be_false()
  end)

  it("asks for the number when the caller's is withheld", function()
    expect(run_tool("find_appointment", {}, { from = "anonymous" }).error).to_contain("Ask for the confirmation number")
  end)
end)
