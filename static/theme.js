// Runs before the first paint, so that the page never flashes in the wrong colours. What was chosen in this browser goes first;
// where nothing was, the setting holds, which the server has written on <html> unless it is "as the device is set".
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  var chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch (blocked) {
    chosen = null;
  }
  chosen = chosen || root.dataset.bsTheme || "system";
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.bsTheme = dark ? "dark" : "light";
  root.dataset.themeChoice = chosen === "dark" || chosen === "light" ? chosen : "system";
})();
