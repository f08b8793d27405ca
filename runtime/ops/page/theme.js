// Runs before anything is drawn, so that a page does not flash in the wrong colours.
(() => {
  let wanted = null;
  try {
    wanted = localStorage.getItem('parley.theme');
  } catch {
    // storage may be forbidden; then the system's colours it is
  }
  if (wanted === 'light' || wanted === 'dark') document.documentElement.dataset.theme = wanted;
})();
