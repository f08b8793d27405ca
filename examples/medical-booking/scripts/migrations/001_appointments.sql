-- Appointments as scripts/tools/create_appointment.lua books them. A database that another program has filled keeps its rows.
CREATE TABLE IF NOT EXISTS appointments (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_name       TEXT NOT NULL,
    phone_number        TEXT NOT NULL,
    appointment_date    TEXT NOT NULL,                        -- '2026-11-24', in the practice's time zone
    appointment_time    TEXT NOT NULL,                        -- '2:00 PM'
    confirmation_number TEXT UNIQUE NOT NULL,                 -- 'APT-12345'
    created_at          DATETIME DEFAULT CURRENT_TIMESTAMP,   -- UTC
    call_sid            TEXT,
    status              TEXT DEFAULT 'confirmed'              -- or cancelled, double_booked
);
CREATE INDEX IF NOT EXISTS idx_appointment_datetime ON appointments (appointment_date, appointment_time);
CREATE INDEX IF NOT EXISTS idx_confirmation ON appointments (confirmation_number);

-- Until now nothing kept two callers out of the same slot. Whoever was first keeps it; the others stay, marked, so that somebody
-- can call them.
UPDATE appointments SET status = 'double_booked'
WHERE status = 'confirmed' AND EXISTS (
    SELECT 1 FROM appointments AS earlier
    WHERE earlier.status = 'confirmed' AND earlier.id < appointments.id
      AND earlier.appointment_date = appointments.appointment_date AND earlier.appointment_time = appointments.appointment_time);

-- This index, not a look before the insert, decides who gets a slot that several callers want.
-- A cancelled appointment frees its slot.
CREATE UNIQUE INDEX IF NOT EXISTS appointments_one_per_slot
    ON appointments (appointment_date, appointment_time) WHERE status = 'confirmed';
