// ask.mjs: questions before something is done to a call. The answer is given on the server; a failure is said
// in the dialog, which stays open.
import { at, attribute, element, show, text } from './dom.mjs';

// A browser may keep nothing for a page.
const lastNumber = {
  key: 'parley.take-over',
  get() { try { return localStorage.getItem(this.key) ?? ''; } catch { return ''; } },
  set(number) { try { localStorage.setItem(this.key, number); } catch { /* then it is typed again */ } },
};

// `act(form data)` does it; resolves when the dialog is closed.
export function ask({ title, body, doIt, kind, act }) {
  const dialog = at('ask');
  const form = at('ask-form');
  const [go, cancel, problem] = [at('ask-do'), at('ask-cancel'), at('ask-problem')];
  text(at('ask-title'), title);
  at('ask-body').replaceChildren(...body);
  text(go, doIt);
  attribute(go, 'class', kind);
  go.disabled = false;
  show(problem, false);
  return new Promise((done) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      go.disabled = true;
      show(problem, false);
      try {
        await act(new FormData(form));
        dialog.close();
      } catch (error) {
        text(problem, error.message);
        show(problem, true);
        go.disabled = false;
      }
    };
    cancel.onclick = () => dialog.close();
    dialog.onclose = done;
    dialog.showModal();
    // What cannot be taken back is not the button that Enter presses by accident.
    (dialog.querySelector('[data-first]') ?? cancel).focus();
  });
}

export const endQuestion = (call, act) => ({
  title: `End the call with ${call.phoneNumber || 'this caller'}?`,
  body: [
    element('fieldset', {}, element('legend', {}, 'How'),
      element('label', {}, element('input', { type: 'radio', name: 'how', value: 'say', checked: true }), 'Say goodbye first'),
      element('label', {}, element('input', { type: 'radio', name: 'how', value: 'now' }), 'At once')),
    element('label', { for: 'ask-say' }, 'What the agent says'),
    element('input', { id: 'ask-say', name: 'say', type: 'text', maxlength: '300', autocomplete: 'off', value: 'I am sorry, I have to end this call now. Goodbye.' }),
  ],
  doIt: 'End the call', kind: 'danger',
  act: (form) => act(form.get('how') === 'now' || !form.get('say').trim() ? { at_once: true } : { say: form.get('say').trim() }),
});

// Who takes calls over does so with the same telephone each time.
export const takeOverQuestion = (call, act) => ({
  title: `Take over the call with ${call.phoneNumber || 'this caller'}?`,
  body: [
    element('p', {}, 'The caller is put through to this number. The agent has them back if nobody answers.'),
    element('label', { for: 'ask-to' }, 'Number to connect to'),
    element('input', { id: 'ask-to', name: 'to', type: 'tel', required: true, autocomplete: 'tel', placeholder: '+15550100123', pattern: '\\+[0-9 ]{7,20}', title: 'with the country code, such as +15550100123', value: lastNumber.get(), 'data-first': true }),
  ],
  doIt: 'Connect', kind: 'primary',
  act: async (form) => {
    const to = form.get('to').replaceAll(' ', '');
    await act(to);
    lastNumber.set(to);
  },
});
