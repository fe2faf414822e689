// What pages gain when scripts run. Every page also works without: links are links, forms are forms.
// Behaviour hangs on data- attributes; nothing here knows a page by name.
(function () {
  "use strict";

  const root = document.documentElement;

  // Theme: light, dark, or the system's. theme.js has set the colours already; this is the switch.
  const systemDark = matchMedia("(prefers-color-scheme: dark)");

  function applyTheme(choice) {
    const dark = choice === "dark" || (choice === "system" && systemDark.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
    root.dataset.themeChoice = choice;
    for (const button of document.querySelectorAll("[data-theme-set]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === choice));
    }
  }

  function chooseTheme(choice) {
    try {
      localStorage.setItem("theme", choice);
    } catch (blocked) {
      // The choice then holds for this page only.
    }
    applyTheme(choice);
  }

  systemDark.addEventListener("change", () => applyTheme(root.dataset.themeChoice || "system"));

  // Copy: data-copy holds the text, data-copy-from the id of the element that shows it.
  async function copyFrom(button) {
    const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    const text = source ? source.textContent : button.dataset.copy;
    const said = (await writeClipboard(text)) ? "Copied" : "Press Ctrl+C to copy";
    if (said !== "Copied" && source) getSelection().selectAllChildren(source);
    announce(said);
    const label = button.querySelector("[data-label]");
    button.classList.add("done");
    if (label) {
      label.dataset.was = label.dataset.was || label.textContent;
      label.textContent = said === "Copied" ? "Copied" : label.dataset.was;
    }
    clearTimeout(button.settle);
    button.settle = setTimeout(() => {
      button.classList.remove("done");
      if (label) label.textContent = label.dataset.was;
    }, 1600);
  }

  async function writeClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (refused) {
      // Plain http on another machine has no clipboard API: the old way still works there.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "sr";
      (document.querySelector("dialog[open]") || document.body).append(area);
      area.select();
      const worked = document.execCommand("copy");
      area.remove();
      return worked;
    }
  }

  function announce(text) {
    const live = document.getElementById("live");
    if (!live) return;
    live.textContent = "";
    requestAnimationFrame(() => (live.textContent = text));
  }

  // Tabs: sections under one another become panels under a row of tabs. The chosen one is remembered by name.
  function makeTabs(box) {
    if (box.querySelector("[role=tablist]")) return;
    const panels = [...box.querySelectorAll("[data-tab]")];
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", box.dataset.tabs);
    const tabs = panels.map((panel, index) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = panel.dataset.tab;
      tab.id = panel.id + "-tab";
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      tab.addEventListener("click", () => select(index));
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
      return tab;
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
      select(next);
      tabs[next].focus();
    });

    function select(chosen) {
      panels.forEach((panel, index) => {
        panel.hidden = index !== chosen;
        tabs[index].setAttribute("aria-selected", String(index === chosen));
        tabs[index].tabIndex = index === chosen ? 0 : -1;
      });
      try {
        sessionStorage.setItem("tab:" + box.dataset.tabs, panels[chosen].dataset.tab);
      } catch (blocked) {
        // Then the first tab is open on the next visit.
      }
    }

    const slot = box.querySelector("[data-tabs-here]");
    if (slot) slot.replaceWith(list);
    else box.prepend(list);
    let remembered = null;
    try {
      remembered = sessionStorage.getItem("tab:" + box.dataset.tabs);
    } catch (blocked) {
      remembered = null;
    }
    select(Math.max(0, panels.findIndex((panel) => panel.dataset.tab === remembered)));
  }

  // Times come in UTC and are shown in the reader's own zone.
  const sameDay = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const otherDay = new Intl.DateTimeFormat([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const whole = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium" });

  function showTime(element) {
    const time = new Date(element.dateTime);
    if (isNaN(time)) return;
    element.title = whole.format(time);
    if (element.dataset.time === "full") element.textContent = whole.format(time);
    if (element.dataset.time === "short") {
      const today = time.toDateString() === new Date().toDateString();
      element.textContent = (today ? sameDay : otherDay).format(time);
    }
  }

  // Countdowns: data-left holds the seconds that were left when the part was made, data-lead what stands before them.
  // Counted from here, so that a clock that is wrong on one side does not matter.
  function startCountdown(element) {
    element.ends = performance.now() + Number(element.dataset.left) * 1000;
    showLeft(element);
  }

  function showLeft(element) {
    const seconds = Math.max(0, Math.ceil((element.ends - performance.now()) / 1000));
    const text = (element.dataset.lead || "") + spanOf(seconds);
    if (element.textContent !== text) element.textContent = text;
  }

  function spanOf(seconds) {
    if (seconds >= 172800) return Math.floor(seconds / 86400) + " d " + Math.floor((seconds % 86400) / 3600) + " h";
    if (seconds >= 3600) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
    return seconds >= 60 ? Math.floor(seconds / 60) + " min " + (seconds % 60) + " s" : seconds + " s";
  }

  setInterval(() => document.querySelectorAll("[data-left]").forEach(showLeft), 1000);

  // The navigation on a narrow screen: a drawer that Escape and a press outside close.
  const drawer = document.getElementById("sidebar");

  function setDrawer(open) {
    if (!drawer) return;
    drawer.classList.toggle("open", open);
    const opener = document.querySelector("[data-drawer=open]");
    if (opener) opener.setAttribute("aria-expanded", String(open));
    if (open) drawer.querySelector("a").focus();
    else if (opener && drawer.contains(document.activeElement)) opener.focus();
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-theme-set],[data-copy],[data-copy-from],[data-drawer],[data-dismiss],[data-close],[data-add-row],[data-row-move],[data-row-remove],[data-row-add]");
    if (!pressed) {
      if (drawer && drawer.classList.contains("open") && !drawer.contains(event.target)) setDrawer(false);
      return;
    }
    if (pressed.dataset.themeSet) chooseTheme(pressed.dataset.themeSet);
    else if (pressed.dataset.copy !== undefined || pressed.dataset.copyFrom) copyFrom(pressed);
    else if (pressed.dataset.drawer) setDrawer(pressed.dataset.drawer === "open");
    else if (pressed.dataset.dismiss !== undefined) dismiss(pressed.closest(".note"));
    else if (pressed.dataset.close !== undefined && pressed.closest("dialog")) pressed.closest("dialog").close();
    else if (pressed.dataset.addRow) return addRow(pressed.dataset.addRow);
    else if (changeRows(pressed)) return event.preventDefault();
    else return;
    if (pressed.tagName === "A") event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (drawer && drawer.classList.contains("open")) return setDrawer(false);
    const last = document.querySelector("#toasts > .note:last-child");
    if (last && !event.target.value) dismiss(last); // in a field with something in it Escape is the field's
  });

  // The focus does not fall out of the page with a toast that was closed by its own button.
  function dismiss(note) {
    const held = note.contains(document.activeElement);
    const next = note.nextElementSibling || note.previousElementSibling;
    note.remove();
    if (held) (next ? next.querySelector("[data-dismiss]") : document.getElementById("main")).focus({ preventScroll: true });
  }

  // A form's repeated rows: the last one is copied, its fields emptied and renumbered.
  function addRow(id) {
    const rows = document.getElementById(id);
    const count = rows.children.length;
    const copy = rows.lastElementChild.cloneNode(true);
    for (const control of copy.querySelectorAll("input,select")) {
      for (const name of ["id", "name"]) control[name] = control[name].replace(/-\d+-/, "-" + count + "-");
      if (control.tagName === "INPUT") control.value = "";
      else control.selectedIndex = 0;
    }
    for (const label of copy.querySelectorAll("label")) label.htmlFor = label.htmlFor.replace(/-\d+-/, "-" + count + "-");
    rows.append(copy);
    copy.querySelector("input").focus();
  }

  // Rows that are moved, added and removed on the page; without scripts the same buttons submit the form for it.
  // [data-rows] holds them and says what one is called, [data-row] is one, [data-row-name] the field that names it,
  // [data-number] where its number stands. What is moved is the neighbour, so the row keeps the focus and the pointer.
  function changeRows(pressed) {
    if (pressed.dataset.rowMove) return moveRow(pressed.closest("[data-row]"), pressed.dataset.rowMove === "up" ? -1 : 1);
    if (pressed.dataset.rowRemove) return removeRow(pressed.closest("[data-row]"));
    return pressed.dataset.rowAdd !== undefined && newRow(pressed.dataset, pressed.dataset.value);
  }

  function moveRow(row, step, quiet) {
    const list = row.parentElement;
    const other = besideRow(row, step);
    if (other) list.insertBefore(other, step < 0 ? row.nextElementSibling : row);
    numberRows(list);
    if (quiet) return true;
    announceRow(row, other ? "is now" : "stays");
    if (other) restedRows(list);
    return true;
  }

  // The row before or after; the head of a table is none.
  function besideRow(row, step) {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    return other && other.matches("[data-row]") ? other : null;
  }

  // For who keeps the order.
  function restedRows(list) {
    list.dispatchEvent(new CustomEvent("rows-moved", { bubbles: true }));
  }

  function removeRow(row) {
    const list = row.parentElement;
    const next = row.nextElementSibling || row.previousElementSibling;
    const name = nameOf(row);
    row.remove();
    numberRows(list);
    announce(name + " removed");
    const focus = next ? next.querySelector("[data-row-remove]") : document.querySelector("[data-enter-adds]");
    if (focus) focus.focus();
    return true;
  }

  let madeRows = 0;

  function newRow(given, value) {
    const list = document.getElementById(given.rowAdd || given.enterAdds);
    const made = document.getElementById(given.template).content.firstElementChild.cloneNode(true);
    const number = "-" + (1000 + madeRows++) + "-"; // the server counts them in the order in which they stand
    for (const part of made.querySelectorAll("[id],[name],[for]")) {
      for (const name of ["id", "name", "for", "aria-describedby"]) {
        if (part.hasAttribute(name)) part.setAttribute(name, part.getAttribute(name).replace("-new-", number));
      }
    }
    made.querySelector("[data-row-name]").value = value;
    list.append(made);
    numberRows(list);
    wake(made);
    announceRow(made, "is added as");
    return true;
  }

  function numberRows(list) {
    [...list.querySelectorAll(":scope > [data-row]")].forEach((row, index) => {
      for (const place of row.querySelectorAll("[data-number]")) place.textContent = index + 1;
    });
  }

  function nameOf(row) {
    const field = row.querySelector("[data-row-name]");
    return (field && (field.value || field.textContent)) || "Row";
  }

  function announceRow(row, says) {
    const rows = [...row.parentElement.querySelectorAll(":scope > [data-row]")];
    announce([nameOf(row), says, row.parentElement.dataset.rows, rows.indexOf(row) + 1, "of", rows.length].join(" "));
  }

  document.addEventListener("keydown", (event) => {
    const row = event.target.closest("[data-row]");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (row && step && event.altKey) {
      event.preventDefault();
      moveRow(row, step);
    }
    const given = event.target.dataset && event.target.dataset.enterAdds !== undefined && event.key === "Enter" && event.target;
    if (given) {
      event.preventDefault(); // it would send the form
      addTyped(given);
    }
  });

  // Enter may come before the list of choices has followed what was typed: then it counts once the list is there.
  function addTyped(given) {
    const text = given.value.trim();
    const listed = [...document.querySelectorAll("#" + given.dataset.choices + " [data-value]")].map((each) => each.dataset.value);
    const meant = listed.includes(text) || /^[^\s/]+\/\S+$/.test(text) ? text : listed.find((each) => each.toLowerCase().includes(text.toLowerCase()));
    delete given.dataset.entered;
    if (text && meant) newRow(given.dataset, meant);
    else if (text) given.dataset.entered = text;
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    for (const given of document.querySelectorAll("[data-entered]")) {
      if (given.dataset.choices !== event.detail.target.id) continue;
      if (given.value.trim() === given.dataset.entered) addTyped(given);
      else delete given.dataset.entered;
    }
  });

  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-drag]");
    if (!handle || event.button) return;
    event.preventDefault();
    const row = handle.closest("[data-row]");
    row.classList.add("dragged");
    const order = [...row.parentElement.children];
    const move = (moved) => {
      const before = besideRow(row, -1);
      const after = besideRow(row, 1);
      if (before && moved.clientY < middleOf(before)) moveRow(row, -1, true);
      else if (after && moved.clientY > middleOf(after)) moveRow(row, 1, true);
    };
    const end = () => {
      for (const name of ["pointerup", "pointercancel"]) document.removeEventListener(name, end);
      document.removeEventListener("pointermove", move);
      row.classList.remove("dragged");
      announceRow(row, "is now");
      if (order.some((each, index) => each !== row.parentElement.children[index])) restedRows(row.parentElement);
    };
    document.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, end);
  });

  function middleOf(row) {
    const box = row.getBoundingClientRect();
    return box.top + box.height / 2;
  }

  // A choice whose help follows it: data-tells is the id of the place, data-help of each option the text.
  // And one that is narrowed to what fits the name beside it: groups of data-fits-prefix by what stands before its slash.
  function narrow(select) {
    const field = select.closest("[data-row]").querySelector("[data-row-name]");
    const prefix = field.value.trim().toLowerCase().split("/")[0];
    const groups = [...select.querySelectorAll("optgroup")];
    const known = groups.some((group) => group.dataset.prefixes.split(" ").includes(prefix));
    for (const group of groups) {
      const fits = group.dataset.prefixes.split(" ").includes(prefix);
      group.hidden = group.disabled = known ? !fits : prefix === "combo";
    }
    const chosen = select.selectedOptions[0];
    if (chosen && chosen.parentElement.disabled) select.value = "";
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-row-name]")) event.target.closest("[data-row]").querySelectorAll("[data-fits-prefix]").forEach(narrow);
    const place = event.target.dataset && event.target.dataset.tells && document.getElementById(event.target.dataset.tells);
    if (place) place.textContent = event.target.selectedOptions[0].dataset.help || "";
  });

  // A form that was sent shows that it is under way and can't be sent twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || event.target.method !== "post" || event.target.hasAttribute("data-again")) return;
    requestAnimationFrame(() => {
      button.classList.add("is-busy");
      button.disabled = true;
    });
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button.is-busy")) {
      button.classList.remove("is-busy");
      button.disabled = false;
    }
  });

  // The focus outlives what htmx replaces, and a button that was off while its request ran: it goes to the element itself, else to
  // the one of the same id, else to [data-focus] in the new part, else to the nearest heading or table.
  const HEADING = "h1,h2,h3,table";
  const lost = () => !document.activeElement || document.activeElement === document.body;

  function holdFocus(event, around) {
    const on = document.activeElement;
    if (!lost() && around.some((part) => part.contains(on))) event.detail.xhr.focused = on;
  }

  function focusOn(element) {
    if (!element || element.disabled || !element.getClientRects().length) return false;
    element.focus({ preventScroll: true });
    if (document.activeElement !== element) {
      element.tabIndex = -1;
      element.focus({ preventScroll: true });
    }
    return document.activeElement === element;
  }

  function placeFocus(was, part) {
    if (focusOn(was.isConnected ? was : was.id && document.getElementById(was.id))) return;
    if (focusOn(part.matches("[data-focus]") ? part : part.querySelector("[data-focus]"))) return;
    for (let box = part; box; box = box.parentElement) {
      if (focusOn(box.matches(HEADING) ? box : box.querySelector(HEADING))) return;
    }
  }

  document.addEventListener("htmx:beforeRequest", (event) => holdFocus(event, [event.detail.elt, event.detail.target]));
  document.addEventListener("htmx:beforeSwap", (event) => holdFocus(event, [event.detail.target]));
  document.addEventListener("htmx:afterSettle", (event) => {
    const { xhr, target } = event.detail;
    if (!xhr || !xhr.focused || !lost()) return;
    const successor = target.id && document.getElementById(target.id); // what came beside it, such as a message, is told here too
    placeFocus(xhr.focused, target.isConnected ? target : successor || event.target);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const was = event.detail.xhr.focused;
    if (was && was.isConnected && lost()) focusOn(was); // nothing was swapped
  });

  // What htmx put into the dialog is shown as a dialog; a failure to reach the gateway is said, not swallowed.
  document.addEventListener("htmx:load", (event) => {
    const part = event.detail.elt;
    const said = part.matches("[data-say]") ? part : part.querySelector("[data-say]");
    if (said) announce(said.textContent.replace(/\s+/g, " ").trim());
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = event.detail.target;
    if (dialog.id !== "dialog" || dialog.open) return;
    const asker = document.activeElement;
    dialog.showModal();
    dialog.addEventListener("close", () => lost() && asker.id && focusOn(document.getElementById(asker.id)), { once: true });
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      const status = event.detail.xhr ? event.detail.xhr.status : 0;
      if (status === 401) return location.reload();
      if (!status) return toast("The gateway can't be reached. Is it still running?");
      toast(wordsOf(event.detail.xhr) || "The gateway answered " + status + ". Reload the page and try again.");
    });
  }

  // An error of the gateway's is a note with what happened and what to do; a page of something between has none.
  function wordsOf(xhr) {
    const told = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelectorAll("body > .note strong, body > .note .remedy");
    return [...told].map((part) => part.textContent.trim()).join(" ");
  }

  function toast(text) {
    const template = document.getElementById("toast");
    const place = document.getElementById("toasts");
    if (!template || !place) return;
    if ([...place.querySelectorAll("[data-text]")].some((told) => told.textContent === text)) return; // a part that renews itself asks again and again
    const made = template.content.firstElementChild.cloneNode(true);
    made.querySelector("[data-text]").textContent = text;
    place.append(made);
  }

  // An address that names a part of the page opens what is folded up in it.
  function unfold() {
    const place = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const folded = place && place.querySelector("details");
    if (!folded) return;
    folded.open = true;
    const first = folded.querySelector("input:not([type=hidden])");
    if (first) first.focus({ preventScroll: true });
  }
  addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) unfold();
  });

  // What says that something was done goes by itself after data-fades seconds, but not from under a pointer or the focus.
  function fade(note) {
    setTimeout(() => (note.matches(":hover,:focus-within") ? fade(note) : note.remove()), note.dataset.fades * 1000);
  }

  function wake(part) {
    part.querySelectorAll("[data-fades]").forEach(fade);
    if (part.matches && part.matches("[data-fades]")) fade(part);
    part.querySelectorAll("[data-tabs]").forEach(makeTabs);
    if (part.matches && part.matches("[data-tabs]")) makeTabs(part);
    part.querySelectorAll("time[data-time]").forEach(showTime);
    part.querySelectorAll("[data-left]").forEach(startCountdown);
    part.querySelectorAll("[data-fits-prefix]").forEach(narrow);
  }

  // A navigation that is longer than the screen shows where one is.
  function showCurrent() {
    const here = drawer && drawer.querySelector("[aria-current]");
    if (here) here.closest("nav").scrollTop = here.offsetTop + here.offsetHeight - here.closest("nav").clientHeight;
  }

  document.addEventListener("DOMContentLoaded", () => {
    showCurrent();
    applyTheme(root.dataset.themeChoice || "system");
    wake(document);
    unfold();
    for (const search of document.querySelectorAll("input[type=search][hx-get]")) {
      // Typed before the scripts were there, or put back by the browser: the list below has to follow.
      if (search.value !== search.defaultValue) search.dispatchEvent(new Event("search"));
    }
    document.addEventListener("htmx:load", (event) => wake(event.detail.elt));
    document.addEventListener("rows-added", (event) => wake(event.target));
  });
})();
