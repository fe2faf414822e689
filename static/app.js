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
    const pressed = event.target.closest("[data-theme-set],[data-copy],[data-copy-from],[data-drawer],[data-dismiss],[data-close],[data-add-row]");
    if (!pressed) {
      if (drawer && drawer.classList.contains("open") && !drawer.contains(event.target)) setDrawer(false);
      return;
    }
    if (pressed.dataset.themeSet) chooseTheme(pressed.dataset.themeSet);
    else if (pressed.dataset.copy !== undefined || pressed.dataset.copyFrom) copyFrom(pressed);
    else if (pressed.dataset.drawer) setDrawer(pressed.dataset.drawer === "open");
    else if (pressed.dataset.dismiss !== undefined) pressed.closest(".note").remove();
    else if (pressed.dataset.close !== undefined && pressed.closest("dialog")) pressed.closest("dialog").close();
    else if (pressed.dataset.addRow) return addRow(pressed.dataset.addRow);
    else return;
    if (pressed.tagName === "A") event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") setDrawer(false);
    if (event.key === "/" && !event.target.closest("input,textarea,select,[contenteditable]") && !event.ctrlKey && !event.metaKey) {
      const search = document.querySelector("main input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });

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

  // What htmx put into the dialog is shown as a dialog; a failure to reach the gateway is said, not swallowed.
  document.addEventListener("htmx:load", (event) => {
    const said = event.detail.elt.querySelector("[data-say]");
    if (said) announce(said.textContent.replace(/\s+/g, " ").trim());
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog" && !event.detail.target.open) event.detail.target.showModal();
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

  function wake(part) {
    part.querySelectorAll("[data-tabs]").forEach(makeTabs);
    if (part.matches && part.matches("[data-tabs]")) makeTabs(part);
    part.querySelectorAll("time[data-time]").forEach(showTime);
  }

  document.addEventListener("DOMContentLoaded", () => {
    applyTheme(root.dataset.themeChoice || "system");
    wake(document);
    unfold();
    for (const note of document.querySelectorAll("#toasts [data-fades]")) setTimeout(() => note.remove(), 6000);
    for (const search of document.querySelectorAll("input[type=search][hx-get]")) {
      // Typed before the scripts were there, or put back by the browser: the list below has to follow.
      if (search.value !== search.defaultValue) search.dispatchEvent(new Event("search"));
    }
    document.addEventListener("htmx:load", (event) => wake(event.detail.elt));
  });
})();
