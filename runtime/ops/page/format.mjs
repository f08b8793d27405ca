// format.mjs: values as people read them. Pure, but for the browser's language and time zone.

const two = (number) => String(number).padStart(2, '0');

// 65 -> "1:05", 3723 -> "1:02:03"
export function duration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// For a screen reader, which would read "1:05" as a time of day.
export function durationInWords(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return 'unknown';
  const whole = Math.floor(seconds);
  const parts = [[Math.floor(whole / 3600), 'h'], [Math.floor(whole / 60) % 60, 'min'], [whole % 60, 's']];
  return parts.filter(([n], i) => n > 0 || (i === 2 && whole === 0)).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

// Calls cost cents: below a dollar four digits tell them apart.
export function money(usd) {
  if (!Number.isFinite(usd)) return '–';
  return `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 1 ? 4 : 2)}`;
}

export function percent(whole) {
  return Number.isFinite(whole) ? `${Math.round(whole)} %` : '–';
}

export function clock(iso, locale) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleTimeString(locale, { hour12: false });
}

// The time alone for today, with the day for any other.
export function moment(iso, now, locale) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const time = date.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', hour12: false });
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.toLocaleDateString(locale, { day: 'numeric', month: 'short' })}, ${time}`;
}

export function ago(ms, now) {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

// "appointment_booked" -> "Appointment booked"
export function words(name) {
  const text = String(name ?? '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// JSON laid out; anything else as it is.
export function laidOut(text) {
  if (typeof text !== 'string') return JSON.stringify(text, null, 2) ?? '';
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const states = { connecting: 'Connecting', listening: 'Listening', speaking: 'Speaking', running_tool: 'Running a tool', processing_tool: 'Running a tool', on_hold: 'On hold', transferred: 'Transferred', ending: 'Ending' };
export function stateText(state, tool) {
  if (state === 'running_tool' && tool) return `Running ${tool}`;
  return states[state] ?? words(state);
}

// What became of the line, as a person would say it.
const happenings = {
  transfer_started: (to) => `Put through to ${to}`,
  transfer_ended: (how) => (how === 'answered' ? 'The other one has taken the call' : `Nobody took the call (${how.replaceAll('_', ' ')})`),
  hold_started: () => 'On hold',
  hold_ended: () => 'No longer on hold',
  digits_sent: (count) => `Sent ${plural(Number(count), 'tone')}`,
  recording_started: (notice) => `Recorded from here on${notice ? `, after “${notice}”` : ''}`,
  recording_stopped: () => 'No longer recorded',
  message_sent: (to) => `Text message to ${to}`,
};
export function happeningText({ what, detail }) {
  return happenings[what]?.(detail) ?? [words(what), detail].filter(Boolean).join(': ');
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
