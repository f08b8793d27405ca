// api.mjs: the requests of the page. Every failure is an ApiError with words for a person.

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let csrf = '';

function goToLogin() {
  location.assign(`/login?error=ended&next=${encodeURIComponent(location.pathname + location.hash)}`);
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options });
  } catch {
    throw new ApiError(0, 'Parley does not answer.');
  }
  if (answer.status === 401) {
    goToLogin();
    throw new ApiError(401, 'Your session has ended.');
  }
  const body = answer.headers.get('content-type')?.includes('json') ? await answer.json().catch(() => null) : null;
  if (!answer.ok) throw new ApiError(answer.status, body?.error ?? `Parley answered ${answer.status}.`);
  return body;
}

const act = (path, body) => ask(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: JSON.stringify(body),
});
const call = (callSid) => encodeURIComponent(callSid);

export const api = {
  async me() {
    const me = await ask('/dashboard/api/me');
    csrf = me.csrf ?? '';
    return me;
  },
  active: () => ask('/dashboard/api/calls/active'),
  stats: () => ask('/dashboard/api/calls/stats'),
  metrics: () => ask('/dashboard/api/metrics'),
  appointments: () => ask('/dashboard/api/calls/appointments'),
  health: () => ask('/health'),
  scripts: () => ask('/api/status'),
  call: (callSid) => ask(`/dashboard/api/calls/${call(callSid)}`),
  history({ query = '', outcome = '', before = null, limit = 30 }) {
    const wanted = new URLSearchParams({ limit });
    if (query) wanted.set('q', query);
    if (outcome) wanted.set('outcome', outcome);
    if (before) wanted.set('before', before);
    return ask(`/dashboard/api/calls/history?${wanted}`);
  },
  end: (callSid, how) => act(`/api/calls/${call(callSid)}/end`, how),
  transfer: (callSid, to) => act(`/dashboard/api/calls/${call(callSid)}/transfer`, { to }),
  logout: () => act('/logout', {}),
};
