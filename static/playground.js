// The Playground with scripts: the answer comes as events while it is made, and can be stopped. Without, the form is just sent.
// What a model says goes into text nodes and fields; HTML is only what the server has made and escaped.
(function () {
  "use strict";

  const KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];
  let running = null; // how to stop what is being asked

  const form = () => document.getElementById("playground");
  const turns = () => document.getElementById("turns");
  const result = () => document.getElementById("result");
  if (!form()) return;

  function say(text) {
    const live = document.getElementById("live");
    live.textContent = "";
    requestAnimationFrame(() => (live.textContent = text));
  }

  function made(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html; // ours, escaped; a template's content is inert, and the page's policy allows no script in it
    return holder.content;
  }

  function put(place, html) {
    place.replaceChildren(made(html));
    place.dispatchEvent(new CustomEvent("rows-added", { bubbles: true }));
  }

  function note(text, address) {
    const box = document.createElement("div");
    box.className = "note note-warn";
    const words = document.createElement("div");
    words.className = "grow";
    words.textContent = text + " ";
    if (address) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = "In the log";
      words.append(link);
    }
    box.append(words);
    result().replaceChildren(box);
    say(text);
  }

  // Asking ------------------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    const wanted = event.submitter ? event.submitter.value : "send";
    if (wanted.startsWith("delete:")) remove(event.submitter.closest("[data-turn]"));
    else if (!running) ask(wanted);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.form !== form()) return;
    event.preventDefault();
    if (!running) form().requestSubmit(form().querySelector("[data-play-send]"));
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-play-stop]") && running) running.abort();
  });

  async function ask(wanted) {
    const answer = { wanted: wanted, live: null, log: "", over: false };
    const data = new FormData(form());
    data.set("do", wanted);
    running = new AbortController();
    busy(true);
    result().replaceChildren();
    try {
      const headers = { "HX-Request": "true", "X-CSRFToken": form().elements.csrf_token.value };
      const got = await fetch(form().dataset.playground, { method: "POST", body: data, headers: headers, signal: running.signal });
      if (got.status === 401) return location.reload();
      if (got.status === 422) return refused(await got.text());
      if (!(got.headers.get("content-type") || "").startsWith("text/event-stream")) return failed(got.status, await got.text());
      await follow(got.body.getReader(), answer);
      if (!answer.over) broken(answer, "The line to the gateway broke off.");
    } catch (error) {
      broken(answer, error.name === "AbortError" ? "Stopped. What came until then is counted." : "The line to the gateway broke off.");
    } finally {
      running = null;
      busy(false);
    }
  }

  async function follow(reader, answer) {
    const decoder = new TextDecoder();
    let held = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      held += decoder.decode(value, { stream: true });
      const events = held.split("\n\n");
      held = events.pop();
      for (const event of events) {
        const found = /^event: (\w+)\ndata: (.*)$/.exec(event);
        if (found) HEARD[found[1]](answer, JSON.parse(found[2]));
      }
    }
  }

  const HEARD = {
    accepted(answer, told) {
      answer.log = told.log;
      if (answer.wanted.startsWith("again:")) cut(answer.wanted.slice(6));
      const last = turns().lastElementChild;
      if (last && isBlank(last)) last.remove();
      turns().append(document.getElementById("turn-live").content.cloneNode(true));
      answer.live = turns().lastElementChild;
      shown(answer.live, true);
    },
    begun(answer, told) {
      if (told.provider) answer.live.querySelector("[data-live-via]").textContent = "through " + told.provider;
    },
    text(answer, told) {
      write(answer, answer.live.querySelector("[data-live-text]"), told.text);
    },
    thinking(answer, told) {
      answer.live.querySelector("[data-live-thought]").hidden = false;
      write(answer, answer.live.querySelector("[data-live-thinking]"), told.text);
    },
    tool(answer, told) {
      const call = document.createElement("div");
      call.className = "play-call";
      const name = document.createElement("strong");
      name.className = "mono";
      name.textContent = told.name;
      const given = document.createElement("pre");
      given.className = "play-pre";
      given.textContent = told.arguments;
      call.append(name, given);
      answer.live.querySelector("[data-live-tools]").append(call);
    },
    over(answer, told) {
      answer.over = true;
      if (told.problem) return broken(answer, told.problem);
      answer.live.remove();
      turns().append(made(told.turns));
      if (!told.turns) ended();
      number();
      put(result(), told.result);
      if (told.failed) return say("There is no answer: " + result().textContent.replace(/\s+/g, " ").trim().slice(0, 200));
      say("The answer is there.");
      const last = turns().lastElementChild;
      const next = last.querySelector(".play-call textarea") || last.querySelector("textarea");
      if (next) next.focus({ preventScroll: true });
    },
  };

  // A text is added at the end, and stays in sight for whoever has not scrolled away from it.
  function write(answer, place, text) {
    const followed = answer.live.getBoundingClientRect().bottom < innerHeight + 80;
    if (!place.firstChild) place.append(document.createTextNode(""));
    place.firstChild.appendData(text);
    if (followed) shown(answer.live, false);
  }

  function shown(element, begin) {
    element.scrollIntoView({ block: begin ? "nearest" : "end", behavior: "instant" });
  }

  // Stopped, or the line is gone: what has come stays as the model's turn, to be edited or asked again.
  function broken(answer, why) {
    if (answer.live) {
      const text = answer.live.querySelector("[data-live-text]").textContent;
      answer.live.remove();
      if (text) blank("assistant").querySelector("textarea").value = text;
      ended();
      number();
    }
    note(why, answer.log);
  }

  function refused(html) {
    form().replaceWith(made(html).querySelector("form"));
    form().dispatchEvent(new CustomEvent("rows-added", { bubbles: true }));
    thumbs();
    const wrong = form().querySelector("[aria-invalid=true]") || turns().lastElementChild.querySelector("textarea");
    wrong.focus();
    const why = form().querySelector("#play-wrong, .wrong");
    say(why ? why.textContent.trim() : "Something is not right yet.");
  }

  function failed(status, text) {
    const problem = made(text).querySelector(".note");
    if (problem) result().replaceChildren(problem);
    else note("The gateway answered " + status + ". Reload the page and try again.");
    say(result().textContent.trim());
  }

  function busy(on) {
    const send = form().querySelector("[data-play-send]");
    const stop = form().querySelector("[data-play-stop]");
    const held = on ? document.activeElement === send : document.activeElement === stop;
    send.hidden = on;
    stop.hidden = !on;
    form().setAttribute("aria-busy", String(on));
    if (held) (on ? stop : send).focus();
  }

  // Turns -------------------------------------------------------------------------------------

  function isBlank(turn) {
    return turn.classList.contains("play-user") && !turn.querySelector("textarea").value.trim() && !turn.querySelector("input:checked");
  }

  function blank(role) {
    const turn = document.getElementById("turn-" + role).content.firstElementChild.cloneNode(true);
    const numbers = [...turns().querySelectorAll("[data-turn]")].map((each) => Number(each.dataset.turn));
    const number = Math.max(-1, ...numbers) + 1;
    turn.dataset.turn = number;
    for (const part of turn.querySelectorAll("*")) {
      for (const name of ["id", "name", "for", "value"]) {
        if (part.hasAttribute(name)) part.setAttribute(name, part.getAttribute(name).replace(/(turns-|:)new[um]\b/, "$1" + number));
      }
    }
    turns().append(turn);
    return turn;
  }

  // The conversation ends with a place to type in.
  function ended() {
    const last = turns().lastElementChild;
    if (!last || (last.classList.contains("play-assistant") && !last.querySelector(".play-call"))) blank("user");
  }

  function number() {
    [...turns().children].forEach((turn, index) => {
      for (const place of turn.querySelectorAll("[data-place]")) place.textContent = index + 1;
    });
  }

  function cut(from) {
    let turn = turns().querySelector('[data-turn="' + from + '"]');
    while (turn) {
      const next = turn.nextElementSibling;
      turn.remove();
      turn = next;
    }
  }

  function remove(turn) {
    const next = turn.nextElementSibling || turn.previousElementSibling;
    turn.remove();
    ended();
    number();
    say("Message deleted");
    (next && next.isConnected ? next : turns().lastElementChild).querySelector("[data-play-delete]").focus();
  }

  // Images: read here, so that they can be seen, and go along as fields.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-files]")) take(event.target);
    if (event.target.matches("[data-json]")) judge(event.target);
  });

  async function take(input) {
    const turn = input.closest("[data-turn]");
    const most = Number(form().dataset.most);
    for (const wrong of turn.querySelectorAll(".wrong")) wrong.remove();
    for (const file of [...input.files]) {
      if (!KINDS.includes(file.type)) wrongFile(input, file.name + " is no PNG, JPEG, GIF or WebP; models take these.");
      else if (file.size > most) wrongFile(input, file.name + " is larger than " + most / 1048576 + " MB: make it smaller.");
      else addImage(turn, file.name, await contentOf(file));
    }
    input.value = "";
    if (!turn.querySelector(".wrong")) input.closest("details").open = false;
  }

  function contentOf(file) {
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(file);
    });
  }

  function wrongFile(input, text) {
    const wrong = document.createElement("div");
    wrong.className = "wrong";
    wrong.textContent = text;
    input.closest(".field").append(wrong);
    say(text);
  }

  function addImage(turn, name, url) {
    const label = document.createElement("label");
    label.className = "check play-image";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.name = "turns-" + turn.dataset.turn + "-image";
    box.value = url;
    box.checked = true;
    const words = document.createElement("span");
    words.textContent = name;
    label.append(box, words);
    turn.querySelector("[data-images]").append(label);
    thumbs();
    say(name + " added");
  }

  function thumbs() {
    for (const label of document.querySelectorAll(".play-image")) {
      const box = label.querySelector("input");
      if (label.querySelector("img") || !box.value.startsWith("data:image/")) continue;
      const picture = document.createElement("img");
      picture.alt = "";
      picture.src = box.value;
      box.after(picture);
    }
  }

  // Tools: an example to begin with, and a word as soon as it is no JSON.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-example]");
    if (!button) return;
    const field = document.getElementById(button.dataset.into);
    if (field.value.trim()) return say("Empty the field first.");
    field.value = button.dataset.example;
    field.focus();
    judge(field);
  });

  function judge(field) {
    const place = form().querySelector("[data-json-wrong]");
    let why = "";
    try {
      if (field.value.trim()) JSON.parse(field.value);
    } catch (error) {
      why = "This is no JSON yet: " + error.message;
    }
    place.textContent = why;
    place.hidden = !why;
  }

  thumbs();
})();
