// Runs before the first paint, so that the page never flashes in the wrong colours. Without it the system's choice holds.
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
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.bsTheme = dark ? "dark" : "light";
  root.dataset.themeChoice = chosen === "dark" || chosen === "light" ? chosen : "system";
})();
