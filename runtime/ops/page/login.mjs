// The login page works without this: it only says why a login failed and where to go on.
const query = new URLSearchParams(location.search);
const reasons = {
  wrong: 'This token is not known, or has been revoked.',
  limited: 'Too many failed attempts from your address. Wait a minute and try again.',
  ended: 'Your session has ended. Log in again.',
};

const reason = reasons[query.get('error')];
if (reason) {
  const problem = document.getElementById('problem');
  problem.textContent = reason;
  problem.hidden = false;
}
const next = query.get('next');
if (next) document.getElementById('next').value = next;
document.getElementById('token').focus();
