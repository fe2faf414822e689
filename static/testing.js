// Test all: each row asks for its own verdict, a few at once. Nothing runs on when the page is left. Without scripts the form is sent.
(function () {
  "use strict";

  const AT_ONCE = 3; // rows; each waits for its upstream
  const WORDS = { good: "works", warn: "with a warning", bad: "doesn't work" };
  const MANY = { good: "work", warn: "with a warning", bad: "don't work" };

  // In the capture phase, so that the form is not taken to be under way.
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target.closest("form[data-test-all]");
      if (!form) return;
      event.preventDefault();
      start(document.getElementById(form.dataset.testAll));
    },
    true,
  );
  document.addEventListener("htmx:load", (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-tests][data-start]")) start(part);
  });
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-tests-stop]");
    if (pressed) stop(pressed.closest("[data-tests]"));
    const close = event.target.closest("[data-tests-close]");
    if (close) shut(close.closest("[data-tests]"));
  });

  function start(scope) {
    if (scope.run && scope.run.under + scope.run.left.length) return;
    const rows = [...scope.querySelectorAll("form[data-test]")].map((form) => form.closest("[data-test-row]"));
    if (!rows.length) return;
    scope.run = { left: rows.map((row) => row.id), total: rows.length, under: 0, counted: { good: 0, warn: 0, bad: 0 }, stopped: false };
    rows.forEach((row) => mark(row, "Waiting"));
    scope.querySelector("[data-tests-bar]").hidden = false;
    scope.querySelector("[data-tests-stop]").hidden = false;
    say(scope, "Testing " + rows.length + (rows.length === 1 ? " connection" : " connections"));
    tell(scope);
    for (let i = 0; i < AT_ONCE; i++) next(scope);
  }

  async function next(scope) {
    const run = scope.run;
    const id = run.left.shift();
    if (!id) {
      if (!run.under) end(scope);
      return;
    }
    const row = document.getElementById(id);
    const form = row && row.querySelector("form[data-test]");
    run.under++;
    if (form) {
      mark(row, "Testing");
      try {
        await htmx.ajax("POST", form.action, { source: form, target: row, swap: "outerHTML", values: { quiet: "1" } });
      } catch (broken) {
        // What went wrong has been said by a toast; the row below stays without a verdict.
      }
    }
    run.under--;
    const now = document.getElementById(id);
    if (now && now !== row && now.dataset.outcome) run.counted[now.dataset.outcome]++;
    else if (now) unmark(now);
    tell(scope);
    next(scope);
  }

  function stop(scope) {
    const run = scope.run;
    run.stopped = true;
    for (const id of run.left.splice(0)) unmark(document.getElementById(id));
    scope.querySelector("[data-tests-stop]").hidden = true;
    if (!run.under) end(scope);
  }

  // Away with the list; an empty place stays for the next one.
  function shut(scope) {
    if (scope.run) stop(scope);
    const place = document.createElement("div");
    place.id = scope.id;
    place.hidden = true;
    scope.replaceWith(place);
  }

  function end(scope) {
    if (scope.run.ended) return;
    scope.run.ended = true;
    scope.querySelector("[data-tests-stop]").hidden = true;
    tell(scope);
    say(scope, scope.querySelector("[data-tests-count]").textContent);
    document.body.dispatchEvent(new CustomEvent("tested"));
  }

  function tell(scope) {
    const run = scope.run;
    const { good, warn, bad } = run.counted;
    const done = good + warn + bad;
    const bar = scope.querySelector("progress");
    bar.max = run.total;
    bar.value = done;
    const told = Object.entries(run.counted).filter(([, count]) => count).map(([name, count]) => count + " " + (count === 1 ? WORDS : MANY)[name]);
    const head = run.stopped ? "Stopped: " : "";
    scope.querySelector("[data-tests-count]").textContent = head + done + " of " + run.total + " tested" + (told.length ? ": " + told.join(", ") : "");
  }

  function say(scope, text) {
    scope.querySelector("[data-tests-said]").textContent = text;
  }

  // The word in place of a row's state, which comes back if the row gets no verdict.
  function mark(row, word) {
    const place = row.querySelector("[data-test-state]");
    place.was = place.was || [...place.childNodes];
    const tag = document.createElement("span");
    tag.className = word === "Testing" ? "tag tag-brand tests-now" : "tag";
    tag.textContent = word;
    place.replaceChildren(tag);
  }

  function unmark(row) {
    const place = row && row.querySelector("[data-test-state]");
    if (place && place.was) place.replaceChildren(...place.was);
  }
})();
