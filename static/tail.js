// The log, live: rows come as the server writes them, and are put on top of the page's own. Without scripts it is just a page.
(function () {
  "use strict";

  const place = document.querySelector("[data-tail]");
  const button = document.querySelector("[data-live]");
  if (!place || !button) return;

  const MOST = 200; // rows that are kept
  const table = place.querySelector("[data-live-table]");
  const body = table.querySelector("tbody");
  const bar = place.querySelector("[data-live-bar]");
  const said = place.querySelector("[data-live-said]");
  const count = place.querySelector("[data-live-waiting]");
  const pause = place.querySelector("[data-live-pause]");
  let last = place.dataset.since;
  let source = null;
  let on = false;
  let held = false; // by the button
  let over = false; // by the pointer or the keyboard, so that nothing moves away under them
  let waiting = [];

  function open() {
    if (!on || source || document.hidden) return;
    const address = new URL(place.dataset.tail, location.href);
    address.searchParams.set("since", last);
    source = new EventSource(address);
    source.addEventListener("open", tell);
    source.addEventListener("rows", (event) => {
      last = event.lastEventId || last;
      waiting = [...parsed(event.data), ...waiting].slice(0, MOST);
      flush();
    });
    source.addEventListener("full", (event) => stop(event.data));
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) stop("The live log has ended. Reload the page.");
      else tell();
    });
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  function stop(why) {
    on = false;
    close();
    button.setAttribute("aria-checked", "false");
    bar.hidden = !why;
    pause.hidden = Boolean(why);
    said.textContent = why || "";
    count.textContent = "";
  }

  // What the server has escaped is parsed, not run: a template's content is inert, and the page's policy allows no script in it.
  function parsed(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    return [...made.content.querySelectorAll("tr[data-log]")];
  }

  function flush() {
    if (held || over) return tell();
    const there = new Set([...body.children].map((row) => row.dataset.log));
    const rows = waiting.filter((row) => !there.has(row.dataset.log));
    waiting = [];
    if (!rows.length) return tell();
    body.prepend(...rows);
    while (body.children.length > MOST) body.lastElementChild.remove();
    for (const row of rows) {
      row.classList.add("fresh");
      row.addEventListener("animationend", () => row.classList.remove("fresh"));
    }
    table.hidden = false;
    const empty = place.querySelector("[data-live-empty]");
    if (empty) empty.remove();
    body.dispatchEvent(new CustomEvent("rows-added", { bubbles: true }));
    tell();
  }

  function tell() {
    if (!on) return;
    const open = source && source.readyState === EventSource.OPEN;
    const state = held ? "Paused" : over ? "Paused while you point at it" : open ? "Live: new requests come in on top" : "Connecting …";
    if (said.textContent !== state) said.textContent = state;
    count.textContent = waiting.length ? waiting.length + (waiting.length === MOST ? " or more" : "") + " waiting" : "";
  }

  button.addEventListener("click", () => {
    if (on) return stop();
    on = true;
    held = false;
    pause.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-checked", "true");
    bar.hidden = pause.hidden = false;
    open();
    tell();
  });
  pause.addEventListener("click", () => {
    held = !held;
    pause.setAttribute("aria-pressed", String(held));
    flush();
  });

  function point(inside) {
    over = inside;
    if (on) flush();
  }
  table.addEventListener("mouseenter", () => point(true));
  table.addEventListener("mouseleave", () => point(table.contains(document.activeElement)));
  table.addEventListener("focusin", () => point(true));
  table.addEventListener("focusout", (event) => point(table.contains(event.relatedTarget) || table.matches(":hover")));

  // Nobody looks at a page in the background; what came meanwhile is asked for afterwards.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
})();
