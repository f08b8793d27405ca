// dom.mjs: building and updating the page. Text is only ever set as text: what callers, models and tools say
// is never read as HTML.

export const at = (id) => document.getElementById(id);

// element('a', {class: 'x', href: '#y', 'aria-current': 'true', on: {click}}, 'text', child, null)
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    } else {
      attribute(made, name, value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// True sets it bare, false, null and undefined remove it. Touches nothing that is right already.
export function attribute(node, name, value) {
  if (value === false || value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

export function text(node, wanted) {
  const value = String(wanted ?? '');
  if (node.textContent !== value) node.textContent = value;
}

export function show(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

// Children for `items`, in their order. A child with the same key is kept and updated, not made anew, so that
// focus, selection and open details stay. `make(item)` returns an element, `update(element, item)` fills it.
export function list(parent, items, keyOf, make, update) {
  const had = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const seen = new Map();
  const kept = items.map((item) => {
    // Two items may have the same key, such as an empty one: then their order tells them apart.
    const count = seen.get(keyOf(item)) ?? 0;
    seen.set(keyOf(item), count + 1);
    const key = count === 0 ? String(keyOf(item)) : `${keyOf(item)} (${count})`;
    let child = had.get(key);
    if (child) {
      had.delete(key);
    } else {
      child = make(item);
      child.dataset.key = key;
    }
    update(child, item);
    return child;
  });
  had.forEach((child) => child.remove());
  // Those that stand right are not touched: moving an element takes the focus from it.
  kept.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// <dl> with the pairs that have a value.
export function facts(node, pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  list(node, shown, ([name]) => name,
    ([name]) => element('div', {}, element('dt', {}, name), element('dd')),
    (row, [, value]) => text(row.lastElementChild, value));
}

export const table = (columns, caption) => element('table', {},
  element('caption', { class: 'sr' }, caption),
  element('thead', {}, element('tr', {}, columns.map((name) => element('th', { scope: 'col' }, name)))),
  element('tbody'));

// cellsOf(item): the texts of a row, the first of them its header.
export function rows(node, items, keyOf, cellsOf) {
  list(node.tBodies[0], items, keyOf,
    (item) => element('tr', {}, cellsOf(item).map((_, i) => (i === 0 ? element('th', { scope: 'row' }) : element('td')))),
    (row, item) => cellsOf(item).forEach((cell, i) => text(row.children[i], cell)));
}

// An empty place says what would be here and what to do: title, then sentences or elements.
export function empty(node, isShown, title, ...rest) {
  show(node, isShown);
  if (!isShown) return;
  const key = title + rest.map((each) => each.textContent ?? each).join('');
  if (node.dataset.says === key) return;
  node.dataset.says = key;
  node.replaceChildren(element('p', { class: 'empty-title' }, title), ...rest.map((each) => element('p', {}, each)));
}
