-- Appointments as booked by scripts/tools/book_appointment.lua.
CREATE TABLE appointments (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_name       TEXT NOT NULL,
    phone_number        TEXT NOT NULL,
    appointment_date    TEXT NOT NULL,                        -- '2026-11-24', in the calendar's time zone
    appointment_time    TEXT NOT NULL,                        -- '2:00 PM'
    confirmation_number TEXT UNIQUE NOT NULL,
    created_at          DATETIME DEFAULT CURRENT_TIMESTAMP,   -- UTC
    call_sid            TEXT,
    status              TEXT DEFAULT 'confirmed' CHECK (status IN ('confirmed', 'cancelled')),
    calendar            TEXT NOT NULL DEFAULT 'default'       -- one per doctor, room or clinic
);

-- This index, not a look before the insert, decides who gets a slot that several callers want.
-- A cancelled appointment frees its slot.
CREATE UNIQUE INDEX appointments_one_per_slot
    ON appointments (calendar, appointment_date, appointment_time) WHERE status = 'confirmed';

CREATE INDEX appointments_by_phone ON appointments (phone_number);
