// Light interaction: charts, and numbers that move while one looks. Every page works without it.
"use strict";

const LIVE_MS = 3000;
const MOST_MS = 30000;
const SHAPES = { green: "circle", yellow: "triangle", red: "rectRot", grey: "rect", none: "line" };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue("--" + name).trim();
  return {
    ink: of("ink"), soft: of("soft"), line: of("line"), paper: of("paper"), link: of("link"),
    green: of("green"), yellow: of("yellow-fill"), red: of("red"), grey: of("grey"), none: of("grey"),
  };
}

// A hatched fill says "provisional" without colour.
function hatch(colour, ground) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.fillStyle = ground;
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  for (const at of [-8, 0, 8]) {
    pen.beginPath();
    pen.moveTo(at, 8);
    pen.lineTo(at + 8, 0);
    pen.stroke();
  }
  return pen.createPattern(tile, "repeat");
}

// With point styles the legend forgets the dashes, which tell the lines apart without colour.
function dashed(chart) {
  const labels = Chart.defaults.plugins.legend.labels.generateLabels(chart);
  return labels.map((label) => ({ ...label, lineDash: chart.data.datasets[label.datasetIndex].borderDash }));
}

function options(words, paint) {
  const locale = words.language === "zh" ? "zh-CN" : "en-GB";
  return {
    animation: false,
    maintainAspectRatio: false,
    locale,
    interaction: { mode: "index", intersect: false },
    scales: {
      x: { ticks: { color: paint.soft, maxRotation: 0, autoSkipPadding: 16 }, grid: { color: paint.line } },
      y: { beginAtZero: true, title: { display: Boolean(words.unit), text: words.unit, color: paint.soft },
           ticks: { color: paint.soft }, grid: { color: paint.line } },
    },
    plugins: { legend: { labels: { color: paint.ink, usePointStyle: true, pointStyleWidth: 36, generateLabels: dashed } } },
  };
}

function toDate(values, words, paint) {
  const line = (label, data, colour, more) =>
    ({ label, data, borderColor: colour, backgroundColor: colour, pointRadius: 0, pointStyle: "line", borderWidth: 2, ...more });
  const firm = values.actual.map((value, at) => (values.provisional[at] ? null : value));
  // The provisional line begins where the firm one ends.
  const open = values.actual.map((value, at) =>
    values.provisional[at] || values.provisional[at + 1] ? value : null);
  const flat = (value) => values.labels.map(() => value);
  const sets = [
    line(words.plan, values.plan, paint.soft, { borderDash: [2, 3] }),
    line(words.actual, firm, paint.link, { borderWidth: 3 }),
    line(words.provisional, open, paint.link, { borderWidth: 3, borderDash: [7, 5] }),
  ];
  const dashes = { floor: [1, 4], target: [12, 4], stretch: [12, 4, 2, 4] };
  for (const [name, value] of Object.entries(values.tiers)) {
    sets.push(line(words[name], flat(value), paint.ink, { borderWidth: 1, borderDash: dashes[name] }));
  }
  return { type: "line", data: { labels: values.labels, datasets: sets }, options: options(words, paint) };
}

function spans(values, words, paint) {
  const fills = values.lights.map((light, at) =>
    values.provisional[at] ? hatch(paint[light], paint.paper) : paint[light]);
  const set = options(words, paint);
  set.plugins.tooltip = { callbacks: { afterBody: (items) => {
    const at = items[0].dataIndex;
    return words[values.lights[at]] + (values.provisional[at] ? ", " + words.provisional : "");
  } } };
  const sets = [
    { type: "line", label: words.plan, data: values.plan, borderColor: paint.ink, backgroundColor: paint.ink,
      borderWidth: 2, borderDash: [2, 3], pointRadius: 0, pointStyle: "line", stepped: "middle" },
    // The light's shape stands on top of its bar.
    { type: "line", label: "", data: values.actual, showLine: false, pointRadius: 7, borderWidth: 2,
      pointStyle: values.lights.map((light) => SHAPES[light]), pointBorderColor: paint.paper,
      pointBackgroundColor: values.lights.map((light) => paint[light]) },
    { type: "bar", label: words.actual, data: values.actual, backgroundColor: fills, borderColor: paint.ink,
      borderWidth: 0.5, pointStyle: "rect" },
  ];
  set.plugins.legend.labels.filter = (item) => item.text !== "";
  set.plugins.tooltip.filter = (item) => item.dataset.label !== "";
  return { type: "bar", data: { labels: values.labels, datasets: sets }, options: set };
}

function draw(root) {
  if (typeof Chart === "undefined") return;
  const paint = colours();
  for (const canvas of root.querySelectorAll("canvas[data-chart]")) {
    const make = canvas.dataset.chart === "spans" ? spans : toDate;
    new Chart(canvas, make(JSON.parse(canvas.dataset.values), JSON.parse(canvas.dataset.words), paint));
  }
}

// Fetches the page again and puts the live part in, unless somebody is in the middle of it.
async function refresh() {
  const live = document.querySelector("[data-live]");
  const busy = () => document.hidden || live.contains(document.activeElement) || String(getSelection()) !== "";
  if (busy()) return;
  const answer = await fetch(location.href, { headers: { "X-Paceline-Live": "1" }, redirect: "error" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-live]");
  if (!fresh || fresh.innerHTML === live.dataset.seen || busy()) return;
  const seen = fresh.innerHTML;
  const opened = [...live.querySelectorAll("details")].map((each) => each.open);
  for (const canvas of live.querySelectorAll("canvas[data-chart]")) {
    if (typeof Chart !== "undefined") Chart.getChart(canvas)?.destroy();
  }
  live.replaceChildren(...fresh.childNodes);
  live.dataset.seen = seen;
  live.querySelectorAll("details").forEach((each, at) => { each.open = opened[at] ?? each.open; });
  draw(live);
}

function keepFresh() {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  live.dataset.seen = live.innerHTML;
  // A system that answers slowly is asked less often.
  const again = async () => {
    const began = performance.now();
    await refresh().catch(() => {});
    setTimeout(again, Math.min(MOST_MS, Math.max(LIVE_MS, 3 * (performance.now() - began))));
  };
  setTimeout(again, LIVE_MS);
}

addEventListener("DOMContentLoaded", () => {
  const zone = document.querySelector("[data-zone]");
  if (zone && !zone.dataset.touched) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || zone.value;
  keepFresh();
  draw(document);
});
