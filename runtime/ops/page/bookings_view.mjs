// bookings_view.mjs: the last appointments that agents have booked.
import { at, element, empty, rows, show, table } from './dom.mjs';
import { words } from './format.mjs';

export class BookingsView {
  #drawn;
  #table = table(['Name', 'Date', 'Time', 'Confirmation', 'Phone', 'Status'], 'Bookings');
  #none = element('div', { class: 'empty' });

  constructor() {
    at('bookings').append(element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of bookings' }, this.#table), this.#none);
  }

  update({ appointments }) {
    if (this.#drawn === appointments) return;
    this.#drawn = appointments;
    const all = appointments ?? [];
    rows(this.#table, all, (each) => each.confirmation_number,
      (each) => [each.customer_name, each.appointment_date, each.appointment_time, each.confirmation_number, each.phone_number, words(each.status)]);
    show(this.#table.parentElement, all.length > 0);
    empty(this.#none, appointments !== undefined && all.length === 0, appointments === null ? 'Fetching the bookings …' : 'No bookings yet.',
      ...(appointments === null ? [] : ['What an agent books (scripts/tools/book_appointment.lua) appears here. Try it without a telephone: ./dev demo']));
  }
}
