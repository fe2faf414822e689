// The usage page's charts, drawn with uPlot from the numbers that the page names. Without scripts the table below has them.
(function () {
  "use strict";

  const place = document.querySelector("[data-charts]");
  if (!place) return;

  const HEIGHT = 200;
  const STEPS = Array.from({ length: 15 }, (_, n) => [1, 2, 5].map((digit) => digit * 10 ** n)).flat();
  const buttons = [...place.querySelectorAll("[data-line]")];
  const hidden = new Set();
  const dayOf = new Intl.DateTimeFormat([], { month: "short", day: "numeric", timeZone: "UTC" }); // as the buckets are cut
  const dayHere = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });
  const hourOf = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });

  // Words for values, as on the server.
  function short(count) {
    if (count >= 1e9) return trimmed(count / 1e9) + "B";
    if (count >= 1e6) return trimmed(count / 1e6) + "M";
    return count >= 1e4 ? trimmed(count / 1e3) + "k" : count.toLocaleString("en");
  }

  function trimmed(value) {
    return value.toFixed(1).replace(/\.0$/, "");
  }

  function money(microDollars) {
    if (!microDollars) return "$0";
    if (microDollars >= 1e5) return "$" + (Math.round(microDollars / 1e4) / 100).toLocaleString("en", { minimumFractionDigits: 2 });
    return "$" + Number((microDollars / 1e6).toPrecision(2)).toFixed(6).replace(/0+$/, "");
  }

  function time(ms) {
    if (ms < 1000) return Math.round(ms) + " ms";
    return ms < 100000 ? trimmed(ms / 1000) + " s" : Math.floor(ms / 60000) + " min " + Math.round((ms % 60000) / 1000) + " s";
  }

  const UNITS = {
    money: { say: money, none: "unknown" },
    tokens: { say: short, none: "–" },
    count: { say: short, none: "–" },
    time: { say: time, none: "–" },
  };

  fetch(place.dataset.charts, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then(draw, () => {
      place.querySelector("[data-charts-failed]").hidden = false;
      place.querySelector(".charts").hidden = true;
    });

  function draw(told) {
    const charts = [...place.querySelectorAll("[data-measure]")].map((figure) => chart(figure, told));
    const again = () => charts.forEach((each) => each());
    again();
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const line = Number(button.dataset.line);
        if (!hidden.delete(line)) hidden.add(line);
        button.setAttribute("aria-pressed", String(!hidden.has(line)));
        again();
      });
    }
    new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    place.dataset.drawn = "";
  }

  // One figure; what is given back draws it anew.
  function chart(figure, told) {
    const box = figure.querySelector("[data-plot]");
    const tip = figure.querySelector("[data-tip]");
    const unit = UNITS[figure.dataset.unit];
    const stacked = figure.dataset.kind === "bars";
    const values = told.lines.map((line) => line[figure.dataset.measure]);
    const middles = told.at.map((at) => at + told.step / 2);
    let plot = null;

    function again() {
      if (plot) plot.destroy();
      const shown = told.lines.map((_, line) => line).filter((line) => !hidden.has(line));
      // Bars are stacked by drawing the sums, the highest first: each lower one covers all but its difference.
      const order = stacked ? shown.slice().reverse() : shown;
      const rows = order.map((line) => (stacked ? sums(values, shown.slice(0, shown.indexOf(line) + 1)) : values[line]));
      plot = new uPlot(options(order), [middles, ...rows], box);
    }

    function options(order) {
      const ink = getComputedStyle(figure).color;
      const grid = getComputedStyle(figure).borderTopColor;
      const font = "11px " + getComputedStyle(document.body).fontFamily;
      return {
        width: box.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: "usage" }, points: { show: !stacked, size: 7 } },
        tzDate: (seconds) => (told.step >= 86400 ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
        scales: {
          x: { range: [told.at[0], told.at[told.at.length - 1] + told.step] },
          y: { range: (_, low, high) => [0, high > 0 ? high * 1.06 : 1] },
        },
        axes: [
          { stroke: ink, font: font, grid: { show: false }, ticks: { stroke: grid, width: 1, size: 4 }, gap: 4, size: 30, space: 64, values: moments },
          { stroke: ink, font: font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, gap: 6, space: 36, incrs: STEPS, size: room, values: (_, splits) => splits.map(unit.say) },
        ],
        series: [{}, ...order.map(series)],
        hooks: { setCursor: [pointed] },
      };
    }

    function series(line) {
      const colour = getComputedStyle(buttons[line].querySelector(".swatch")).color;
      if (stacked) return { fill: colour, stroke: colour, width: 0, paths: uPlot.paths.bars({ size: [0.74, 44] }), points: { show: false } };
      return { stroke: colour, width: 2, spanGaps: true, points: { show: told.at.length <= 100, size: 5, fill: colour } };
    }

    function moments(_, splits, axis, space, step) {
      return splits.map((seconds) => {
        const at = new Date(seconds * 1000);
        if (told.step >= 86400) return dayOf.format(at);
        return (step >= 86400 || at.getHours() + at.getMinutes() === 0 ? dayHere : hourOf).format(at);
      });
    }

    // What stands under the cursor: beside it, and aloud when it was moved by keys.
    function pointed(drawn) {
      const at = drawn.cursor.idx;
      const mine = box.matches(":hover") || document.activeElement === box;
      tip.hidden = !mine || at === null || at === undefined || drawn.cursor.left < 0;
      if (tip.hidden) return;
      tip.replaceChildren(head(at), ...told.lines.map((_, line) => line).filter(tells(at)).sort((a, b) => (values[b][at] || 0) - (values[a][at] || 0)).map((line) => row(line, at)));
      if (stacked && tip.children.length > 2) tip.append(sum(at));
      if (tip.children.length === 1) tip.append(text("div", "quiet", "nothing"));
      const left = box.offsetLeft + drawn.over.offsetLeft + drawn.cursor.left;
      const beside = left + 14 + tip.offsetWidth <= figure.clientWidth ? left + 14 : Math.max(4, left - 14 - tip.offsetWidth);
      tip.style.transform = "translate(" + beside + "px, " + (box.offsetTop + 4) + "px)";
    }

    function tells(at) {
      return (line) => !hidden.has(line) && values[line][at] !== 0 && (values[line][at] !== null || unit.none === "unknown");
    }

    function head(at) {
      const begin = new Date(told.at[at] * 1000);
      if (told.step >= 86400) return text("strong", "", dayOf.format(begin));
      return text("strong", "", dayHere.format(begin) + ", " + hourOf.format(begin) + " – " + hourOf.format(new Date((told.at[at] + told.step) * 1000)));
    }

    function row(line, at) {
      const made = document.createElement("div");
      made.append(text("span", buttons[line].querySelector(".swatch").className, ""), text("span", "clip", told.lines[line].name), text("span", "num", values[line][at] === null ? unit.none : unit.say(values[line][at])));
      return made;
    }

    function sum(at) {
      const made = document.createElement("div");
      const whole = values.reduce((all, each, line) => all + (hidden.has(line) ? 0 : each[at] || 0), 0);
      made.append(text("strong", "clip", "Together"), text("strong", "num", unit.say(whole)));
      return made;
    }

    box.addEventListener("keydown", (event) => {
      const last = told.at.length - 1;
      const now = plot.cursor.left >= 0 && plot.cursor.idx !== null ? plot.cursor.idx : event.key === "ArrowLeft" ? last + 1 : -1;
      const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: last }[event.key];
      if (event.key === "Escape") point(-1);
      if (next === undefined) return;
      event.preventDefault();
      point(Math.max(0, Math.min(last, next)));
      figure.querySelector("[data-said]").textContent = [...tip.children].map((part) => part.innerText.replace(/\s+/g, " ")).join(", ");
    });
    box.addEventListener("blur", () => point(-1));
    box.addEventListener("mouseleave", () => (tip.hidden = true));

    function point(at) {
      plot.setCursor(at < 0 ? { left: -10, top: -10 } : { left: plot.valToPos(middles[at], "x"), top: 0 });
    }

    new ResizeObserver(() => plot && box.clientWidth && plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
    return again;
  }

  function sums(values, lines) {
    return values[0].map((_, at) => lines.reduce((all, line) => all + (values[line][at] || 0), 0));
  }

  function room(_, labels) {
    return labels ? Math.max(36, Math.max(...labels.map((label) => label.length)) * 6.4 + 12) : 40;
  }

  function text(tag, kind, said) {
    const made = document.createElement(tag);
    made.className = kind;
    made.textContent = said;
    return made;
  }
})();
