// Finding one's way by the keyboard: the palette (Ctrl-K), the list of shortcuts (?), the page's search (/), pages (G and a letter).
// Without scripts the button on top is a form, and its answer a page. Names are put in as text and never as HTML.
(function () {
  "use strict";

  const opener = document.querySelector("[data-palette]");
  if (!opener) return;

  const AT_MOST = 50; // finds that are shown, as on the page
  const REMEMBERED = 5;
  const sprite = opener.querySelector("use").getAttribute("href").split("#")[0];
  const apple = /Mac|iPhone|iPad/.test(navigator.platform);
  let dialog = null;
  let input, list, said;
  let entries = null;
  let unfetched = false;
  let more = false; // the server has models that are not among the entries
  let shown = [];
  let at = 0; // in `shown`
  let entered = null; // the Enter that came before the list did: it counts once that is there

  function stored(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(name)) || otherwise;
    } catch (blocked) {
      return otherwise;
    }
  }

  function store(name, value) {
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch (blocked) {
      // Then it holds for this page only.
    }
  }

  function made(tag, given, ...inside) {
    const element = Object.assign(document.createElement(tag), given);
    element.append(...inside);
    return element;
  }

  // How finds are ranked: as omniroute/dashboard/palette.py does it, which says what the numbers mean.
  function plain(text) {
    return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  }

  function rank(entry, asked) {
    const label = plain(entry.label);
    if (label.startsWith(asked)) return 0;
    if (label.includes(asked)) return label.includes(" " + asked) ? 1 : 2;
    const known = plain([entry.kind, entry.label, entry.hint, entry.words].join(" "));
    if (asked.split(" ").every((word) => known.includes(word))) return 3;
    const [first, ...others] = asked.replaceAll(" ", "");
    return new RegExp("(^| )" + first + others.map((each) => "[^" + each + "]*" + each).join(""), "u").test(label) ? 4 : 9;
  }

  function find(asked) {
    const ranked = entries.map((entry) => [rank(entry, asked), entry]).filter(([place]) => place < 9);
    return ranked.sort((one, other) => one[0] - other[0]).map(([, entry]) => entry);
  }

  // What was chosen lately is kept by its address: names stay on the server, and what is gone is not shown.
  const nameOf = (entry) => entry.address || entry.script;

  function recent() {
    const names = stored("palette-recent", []);
    return [].concat(names).flatMap((name) => entries.filter((entry) => nameOf(entry) === name).slice(0, 1));
  }

  function remember(entry) {
    const others = [].concat(stored("palette-recent", [])).filter((name) => name !== nameOf(entry));
    store("palette-recent", [nameOf(entry), ...others].slice(0, REMEMBERED));
  }

  function make() {
    dialog = document.getElementById("palette").content.firstElementChild.cloneNode(true);
    document.body.append(dialog);
    input = dialog.querySelector("input");
    list = dialog.querySelector("[role=listbox]");
    said = dialog.querySelector("[role=status]");
    input.addEventListener("input", () => {
      entered = null;
      show();
    });
    input.addEventListener("keydown", press);
    dialog.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) perform(shown[[...list.children].indexOf(option)], event);
      else if (event.target === dialog || event.target.closest("button")) dialog.close();
    });
    list.addEventListener("pointermove", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) mark([...list.children].indexOf(option));
    });
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    // A browser that has nowhere to put the focus back leaves it here a while.
    dialog.addEventListener("close", () => dialog.open || input.blur());
  }

  async function open() {
    if (!dialog) make();
    input.value = "";
    entered = null;
    dialog.showModal();
    show();
    if (entries) return;
    unfetched = false;
    try {
      const answer = await fetch(opener.dataset.palette);
      if (answer.redirected) return location.reload(); // signed out meanwhile
      const told = await answer.json();
      more = told.more;
      entries = told.entries;
      show();
    } catch (failed) {
      unfetched = true;
      said.textContent = "The list could not be fetched. Press Enter to look on a page instead.";
    }
    if (entered && dialog.open) enter(entered);
  }

  function enter(event) {
    if (entries || unfetched) perform(shown[at] || wholePage(input.value.trim()), event);
    else entered = event;
  }

  function show() {
    const wanted = input.value.trim();
    const asked = plain(wanted);
    if (!entries) shown = [];
    else if (asked) shown = find(asked);
    else {
      const lately = recent();
      shown = [...lately.map((entry) => ({ ...entry, kind: "Recent" })), ...entries.filter((entry) => !lately.includes(entry))];
    }
    const total = shown.length;
    shown = shown.slice(0, AT_MOST);
    if (asked && (more || total !== shown.length || !total)) shown.push(wholePage(wanted));
    list.replaceChildren(...shown.map(option));
    if (entries) said.textContent = asked ? (total === 1 ? "1 find" : (total || "No") + " finds") : "";
    mark(0);
  }

  function wholePage(wanted) {
    const address = opener.form.action + "?q=" + encodeURIComponent(wanted);
    return { kind: "", label: "Look everywhere for “" + wanted + "”", icon: "search", address, passing: true };
  }

  function option(entry, index) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
    svg.firstChild.setAttribute("href", sprite + "#" + entry.icon);
    const label = made("span", { className: "palette-label", textContent: entry.label });
    const hint = made("span", { className: "palette-hint", textContent: entry.hint || "" });
    const kind = made("span", { className: "palette-kind", textContent: entry.kind });
    const line = made("li", { id: "palette-" + index }, svg, label, " ", hint, " ", kind);
    line.setAttribute("role", "option");
    return line;
  }

  function mark(index) {
    at = index;
    [...list.children].forEach((line, place) => line.setAttribute("aria-selected", String(place === at)));
    const line = list.children[at];
    input.setAttribute("aria-expanded", String(Boolean(line)));
    if (!line) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", line.id);
    line.scrollIntoView({ block: "nearest" });
  }

  function press(event) {
    if (event.isComposing) return;
    const last = shown.length - 1;
    const to = { ArrowDown: at < last ? at + 1 : 0, ArrowUp: at > 0 ? at - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "Enter") enter(event);
    else if (last >= 0) mark(to);
  }

  function perform(entry, event) {
    if (!entry.post && !entry.passing) remember(entry); // what changes something is never the first one that Enter meets
    dialog.close();
    if (entry.script) run(entry.script);
    else if (entry.post) send(entry.address);
    else if (event.ctrlKey || event.metaKey) window.open(entry.address, "_blank", "noopener");
    else location.assign(entry.address);
  }

  function send(address) {
    const token = document.querySelector("input[name=csrf_token]").cloneNode();
    const form = made("form", { method: "post", action: address }, token);
    document.body.append(form);
    form.submit();
  }

  function run(script) {
    const [what, which] = script.split(" ");
    if (what === "theme") document.querySelector("[data-theme-set=" + which + "]").click();
    else listShortcuts();
  }

  // Shortcuts. Those of a single key can be switched off: who dictates would set them off by speaking.
  const single = () => stored("shortcuts", "on") === "on";

  function listShortcuts() {
    const pages = [...document.querySelectorAll("[data-go]")].map((link) => [["G", link.dataset.go.toUpperCase()], link.textContent.trim()]);
    const all = [
      [[apple ? "⌘" : "Ctrl", "K"], "Find anything"],
      [["/"], "Search on this page"],
      [["?"], "This list"],
      [["Esc"], "Close what is open, or the last message"],
      [["Alt", "↑ ↓"], "Move a row that can be dragged"],
      ...pages,
    ];
    const rows = all.map(([keys, does]) => made("div", {}, made("dt", { textContent: does }), made("dd", {}, ...keys.flatMap((key) => [made("kbd", { textContent: key }), " "]))));
    const box = made("input", { type: "checkbox", checked: single() });
    box.addEventListener("change", () => store("shortcuts", box.checked ? "on" : "off"));
    const close = made("button", { type: "button", className: "btn btn-plain", textContent: "Close", autofocus: true });
    const told = made(
      "dialog",
      { className: "shortcuts" },
      made("h2", { textContent: "Keyboard shortcuts", id: "shortcuts-title" }),
      made("dl", {}, ...rows),
      made("label", { className: "check" }, box, made("span", { textContent: "Shortcuts of plain keys (/, ?, G and a letter)" })),
      close,
    );
    told.setAttribute("aria-labelledby", "shortcuts-title");
    close.addEventListener("click", () => told.close());
    told.addEventListener("click", (event) => event.target === told && told.close());
    told.addEventListener("close", () => told.remove());
    document.body.append(told);
    told.showModal();
  }

  let begun = -Infinity; // when G was pressed

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      if (dialog && dialog.open) dialog.close();
      else open();
      return;
    }
    const second = event.timeStamp - begun < 1500;
    begun = -Infinity;
    if (held || event.defaultPrevented || event.isComposing || event.repeat) return;
    if (event.target.closest("input,textarea,select,[contenteditable]") || document.querySelector("dialog[open]") || !single()) return;
    const link = second && /^[a-z]$/.test(key) && document.querySelector("[data-go=" + key + "]");
    if (link) link.click();
    else if (key === "g") begun = event.timeStamp;
    else if (key === "?") listShortcuts();
    else if (key === "/") (document.querySelector("main input[type=search]") || { focus: open }).focus();
    else return;
    event.preventDefault();
  });

  opener.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-script]");
    if (pressed) run(pressed.dataset.script);
  });
  opener.querySelector("kbd").textContent = apple ? "⌘ K" : "Ctrl K";
})();
