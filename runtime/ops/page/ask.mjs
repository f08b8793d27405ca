// ask.mjs: questions before something is done to a call. The answer is given on the server; a failure is said
// in the dialog, which stays open.
import { at, attribute, element, show, text } from './dom.mjs';

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
