// The test message of the first run: the answer as it comes. Without scripts the form answers with the whole page.
(function () {
  "use strict";

  const form = document.querySelector("[data-ask]");
  const box = form && form.querySelector("[data-answer]");
  if (!form || !box) return;

  const button = form.querySelector("button[type=submit]");
  const text = box.querySelector("[data-text]");
  const failed = box.querySelector("[data-failed]");
  const fine = box.querySelector("[data-fine]");
  const facts = box.querySelector("[data-facts]");
  const log = box.querySelector("[data-log]");
  let under = false; // an answer is on its way

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (under) return;
    begin();
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/x-ndjson" } });
      const streamed = (answer.headers.get("Content-Type") || "").startsWith("application/x-ndjson");
      if (streamed) await read(answer.body);
      else fail("The gateway did not take the message.", "You may have been signed out: copy the key if you still need it, then reload the page.");
    } catch (broken) {
      fail("The gateway can't be reached.", "Is it still running? Send the message again once it is.");
    }
    end();
  });

  function begin() {
    under = true;
    button.classList.add("is-busy");
    button.setAttribute("aria-disabled", "true");
    for (const part of [failed, fine, facts, log]) part.hidden = true;
    text.textContent = "";
    text.hidden = box.hidden = false;
    text.classList.add("start-waits");
    box.setAttribute("aria-busy", "true");
  }

  function end() {
    under = false;
    button.classList.remove("is-busy");
    button.removeAttribute("aria-disabled");
    text.classList.remove("start-waits");
    text.hidden = !text.textContent;
    box.removeAttribute("aria-busy");
  }

  async function read(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let over = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) over = tell(JSON.parse(line)) || over;
    }
    if (!over && failed.hidden) fail("The answer broke off.", "Send it again; the log says what happened.");
  }

  // What comes is text and stays text. True once the request is over.
  function tell(happening) {
    if (happening.text) text.append(happening.text);
    if (happening.failed) fail(happening.failed.message, happening.failed.remedy);
    if (!happening.done) return false;
    for (const fact of facts.querySelectorAll("[data-fact]")) fact.textContent = happening.done[fact.dataset.fact];
    log.querySelector("a").href = happening.log;
    facts.hidden = !failed.hidden;
    log.hidden = false;
    if (failed.hidden) succeed();
    return true;
  }

  function fail(message, remedy) {
    failed.querySelector("[data-message]").textContent = message;
    failed.querySelector("[data-remedy]").textContent = remedy;
    failed.hidden = false;
  }

  // The steps look anew, and the lines below are for the model that has just answered.
  function succeed() {
    fine.hidden = false;
    if (!text.textContent) text.textContent = "(The model answered without words.)";
    document.body.dispatchEvent(new Event("answered"));
    const lines = document.querySelector("[data-lines-model]");
    const model = form.querySelector("[name=model]").value;
    if (!lines || lines.value === model || ![...lines.options].some((each) => each.value === model)) return;
    lines.value = model;
    lines.dispatchEvent(new Event("change", { bubbles: true }));
  }
})();
