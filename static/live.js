// Home, live: its parts come as the server makes them anew. What is there already is changed in place, so that the focus, the
// pointer and what is selected stay where they are. Without scripts the page shows how things stood when it was loaded.
(function () {
  "use strict";

  const place = document.querySelector("[data-live-stream]");
  if (!place) return;

  const PATIENCE = 4000; // ms: a stream ends by itself each minute, and the next one opens within a second
  const SILENCE = 45000; // ms: the server says every 15 s that it is there
  const AGAIN = 20000; // ms until a stream that was refused is tried anew
  const said = document.querySelector("[data-live-said]");
  const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
  let source = null;
  let heard = Date.now(); // when the parts were known to be of now
  let waiting = 0; // what happens next if nothing is heard
  let missed = false; // the stream, since it was last heard

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(place.dataset.liveStream);
    source.addEventListener("open", alive);
    source.addEventListener("same", alive);
    source.addEventListener("parts", (event) => {
      alive();
      put(event.data);
    });
    source.addEventListener("full", (event) => {
      close();
      tell("off", asOf() + ". " + event.data);
      next(open, AGAIN);
    });
    source.addEventListener("error", lost);
    next(renew, SILENCE);
  }

  function close() {
    if (source) source.close();
    source = null;
    missed = false;
    clearTimeout(waiting);
  }

  function alive() {
    heard = Date.now();
    missed = false;
    next(renew, SILENCE);
    tell("on", "Live");
  }

  // The browser opens the next stream by itself, unless it was refused: the session may have ended, or the gateway be stopping.
  function lost() {
    if (source.readyState === EventSource.CLOSED) {
      close();
      tell("off", asOf() + ", reconnecting");
      next(open, AGAIN);
    } else if (!missed) {
      missed = true;
      next(() => {
        tell("off", asOf() + ", reconnecting");
        next(renew, SILENCE);
      }, PATIENCE);
    }
  }

  // Nothing was heard for long, though nothing was said to have failed: a line can go dead in silence.
  function renew() {
    close();
    tell("off", asOf() + ", reconnecting");
    open();
  }

  function next(what, after) {
    clearTimeout(waiting);
    waiting = setTimeout(what, after);
  }

  function asOf() {
    return "As of " + clock.format(heard);
  }

  function tell(state, text) {
    said.parentElement.dataset.live = state;
    if (said.textContent !== text) said.textContent = text;
  }

  // What the server has escaped is parsed, not run: a template's content is inert, and the page's policy allows no script in it.
  function put(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    for (const fresh of [...made.content.children]) {
      const old = document.getElementById(fresh.id);
      if (!old) continue;
      const focus = old.contains(document.activeElement) ? document.activeElement : null;
      fresh.className = old.className;
      if (old.hasAttribute("tabindex")) fresh.tabIndex = -1;
      change(old, fresh);
      old.dispatchEvent(new CustomEvent("rows-added", { bubbles: true })); // times and countdowns
      if (focus && document.activeElement !== focus) refocus(old, focus);
    }
  }

  function refocus(part, element) {
    const again = element.isConnected ? element : element.id && document.getElementById(element.id);
    if (!again) part.tabIndex = -1;
    (again || part).focus({ preventScroll: true });
  }

  // Make `old` what `fresh` is, with as little as possible replaced. Children that have an id stay the same children.
  function change(old, fresh) {
    if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    const sameTime = old.nodeName === "TIME" && old.dateTime === fresh.dateTime;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (sameTime) return; // its text is in the reader's own zone, or counts down
    let next = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const kept = child.id ? [...old.children].find((each) => each.id === child.id) : next && !next.id ? next : null;
      if (!kept) old.insertBefore(child, next);
      else {
        if (kept === next) next = next.nextSibling;
        else old.insertBefore(kept, next);
        change(kept, child);
      }
    }
    while (next) {
      const rest = next.nextSibling;
      next.remove();
      next = rest;
    }
  }

  // Nobody looks at a page in the background.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return open();
    close();
    tell("off", asOf());
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
