// Runs before the first paint, so that the page never flashes in the other colours.
(function applyStoredTheme() {
  const stored = localStorage.getItem('theme');
  if (stored === 'light' || stored === 'dark') document.documentElement.dataset.theme = stored;
})();
