"use strict";
// Asks for the state once a second and shows it. Text is set through textContent
// only, so no name, unit or error text of the gateway can become markup.

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// set writes only what changed, so that a selection or the position of a screen
// reader is kept.
function set(e, text, className) {
  if (e.textContent !== text) e.textContent = text;
  if (className !== undefined && e.className !== className) e.className = className;
}

function number(x) {
  if (typeof x !== "number" || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size >= 1e7 || (size > 0 && size < 1e-3)) return x.toExponential(2);
  return x.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

function span(s) {
  if (typeof s !== "number" || !Number.isFinite(s)) return "–";
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 120) return Math.round(s) + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " d";
}

function bytes(n) {
  if (typeof n !== "number") return "–";
  return n < 1024 ? n + " B" : n < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(1) + " MiB";
}

const withUnit = (x, unit) => number(x) + (unit ? " " + unit : "");
const clock = (t) => { const d = new Date(t); return Number.isNaN(d.getTime()) ? "–" : d.toLocaleTimeString(); };
const words = (s) => String(s || "").replaceAll("_", " ");
const tones = {
  healthy: "good", degraded: "warn", unhealthy: "bad", normal: "good", anomaly: "bad", blind: "warn",
  good: "", suspect: "warn", bad: "bad", stale: "bad", missing: "bad",
};
const tone = (s) => (Object.hasOwn(tones, s) ? tones[s] : "");

function facts(s) {
  const list = [["version", s.version || "–"], ["up", span(s.uptime_s)], ["clock", words(s.time_quality) || "unknown"]];
  if (s.site) list.unshift(["site", s.site]);
  if (s.broker) {
    list.push(["broker", s.broker.url + (s.broker.connected ? ", connected" : ", not connected" + (s.broker.error ? ": " + s.broker.error : ""))]);
  }
  if (s.spool) {
    list.push(["queue", s.spool.messages + " waiting, " + bytes(s.spool.bytes) + (s.spool.dropped ? ", " + s.spool.dropped + " dropped" : "")]);
  }
  const dl = byId("facts");
  while (dl.children.length > list.length) dl.lastChild.remove();
  list.forEach(([name, value], i) => {
    if (!dl.children[i]) {
      const row = dl.appendChild(element("div"));
      row.append(element("dt"), element("dd"));
    }
    set(dl.children[i].firstChild, name);
    set(dl.children[i].lastChild, value, name === "broker" && !s.broker.connected ? "warn" : "");
  });
}

// cards keeps the elements of each machine from one answer to the next.
const cards = new Map();

function gauge(kind, label) {
  const row = element("div", "gauge");
  const bar = element(kind);
  const text = element("span", "soft");
  bar.setAttribute("aria-label", label);
  row.append(element("span", "soft", label), bar, text);
  return { row, bar, text };
}

function card(name) {
  if (cards.has(name)) return cards.get(name);
  const c = { box: element("section", "card"), head: element("div", "head"), badge: element("p", "badge") };
  c.head.append(element("h2", "", name), c.badge);
  c.score = gauge("meter", "score");
  Object.assign(c.score.bar, { min: 0, max: 2, low: 0.8, high: 1, optimum: 0 });
  c.learning = gauge("progress", "learning");
  c.learning.bar.max = 1;
  c.muted = element("p", "soft");
  c.events = element("div");
  const scroll = element("div", "scroll");
  const table = element("table");
  table.append(element("caption", "hidden", "current values of " + name));
  const head = table.createTHead().insertRow();
  for (const [text, className] of [["channel", ""], ["value", "number"], ["unit", ""], ["quality", ""], ["age", "number"], ["drift", "number"], ["", ""]]) {
    const th = element("th", className, text);
    th.scope = "col";
    head.append(th);
  }
  c.rows = table.createTBody();
  scroll.append(table);
  c.box.append(c.head, c.score.row, c.learning.row, c.muted, c.events, scroll);
  cards.set(name, c);
  return c;
}

function showChannels(body, channels) {
  while (body.rows.length > channels.length) body.deleteRow(-1);
  channels.forEach((ch, i) => {
    const row = body.rows[i] || body.insertRow();
    while (row.cells.length < 7) row.insertCell();
    const cells = row.cells;
    set(cells[0], ch.name);
    set(cells[1], number(ch.value), "number");
    set(cells[2], ch.unit || "");
    set(cells[3], ch.quality || "", tone(ch.quality));
    set(cells[4], span(ch.age_s), "number");
    set(cells[5], ch.drift ? number(ch.drift.score) : "", ch.drift && ch.drift.score >= 0.7 ? "number warn" : "number");
    cells[5].title = ch.drift ? driftText(ch) : "";
    set(cells[6], ch.error || "", "error");
  });
}

// driftText gives the quantiles of a channel's values, now and while it was learnt.
function driftText(ch) {
  const band = (b) => number(b.p5) + ", " + withUnit(b.p50, ch.unit) + ", " + number(b.p95);
  return "5 %, half, 95 % below: " + band(ch.drift.now) + "; learnt " + band(ch.drift.learnt) + ". From 0.7 it has drifted.";
}

function ofNormal(percentile) {
  if (typeof percentile !== "number") return "";
  return ", above " + (Math.floor(100 * percentile) / 100) + " % of normal";
}

function causeText(c) {
  let text = c.channel;
  if (typeof c.share === "number") text += " " + Math.round(100 * c.share) + " %";
  text += ": " + withUnit(c.value, c.unit);
  if (typeof c.expected === "number") text += ", expected " + withUnit(c.expected, c.unit);
  if (typeof c.limit === "number") text += ", limit " + withUnit(c.limit, c.unit);
  return c.direction ? text + " (" + c.direction + ")" : text;
}

function showEvents(box, events) {
  const shown = JSON.stringify(events);
  if (box.dataset.shown === shown) return;
  box.dataset.shown = shown;
  box.replaceChildren(...events.map((e) => {
    const div = element("div", "event " + (e.severity === "warning" ? "warning" : ""));
    let text = words(e.kind) + ", " + (e.severity || "") + ", since " + clock(e.since);
    if (typeof e.peak === "number") text += ", peak score " + number(e.peak);
    text += ofNormal(e.percentile);
    div.append(element("strong", "", text));
    if (e.detail) div.append(element("p", "", e.detail));
    const list = element("ol");
    for (const c of e.causes || []) list.append(element("li", "", causeText(c)));
    div.append(list);
    if (e.acknowledged) {
      const a = e.acknowledged;
      div.append(element("p", "soft", "acknowledged by " + a.by + (a.time > "1970" ? " at " + clock(a.time) : "") + (a.note ? ": " + a.note : "")));
    }
    return div;
  }));
}

let known = null; // the ids of the open events of the last answer

function announce(machines) {
  const now = new Map();
  for (const m of machines) for (const e of m.events || []) now.set(e.event, m.name + ": " + words(e.kind) + ", " + e.severity);
  if (known) {
    const fresh = [...now].filter(([id]) => !known.has(id)).map(([, text]) => text);
    if (fresh.length) byId("announce").textContent = fresh.join("; ");
  }
  known = now;
}

function showMachine(m) {
  const c = card(m.name);
  set(c.badge, m.state || "unknown", "badge " + tone(m.state));
  c.score.row.hidden = typeof m.score !== "number";
  if (!c.score.row.hidden) {
    c.score.bar.value = Math.min(m.score, 2);
    set(c.score.text, number(m.score) + " of 1.0" + ofNormal(m.percentile));
  }
  c.learning.row.hidden = !m.learning;
  if (m.learning) {
    const l = m.learning;
    c.learning.bar.value = l.progress || 0;
    set(c.learning.text, l.phase === "collecting" && !l.rows ? "collecting, no row yet" : words(l.phase) + " " + Math.floor(100 * (l.progress || 0)) + " %" +
      (typeof l.left_s === "number" ? ", " + span(l.left_s) + " left" : ""));
  }
  c.muted.hidden = !m.muted;
  if (m.muted) set(c.muted, "muted until " + new Date(m.muted.until).toLocaleString() + " by " + m.muted.by + (m.muted.note ? ": " + m.muted.note : ""));
  showEvents(c.events, m.events || []);
  showChannels(c.rows, m.channels || []);
  return c.box;
}

function show(s) {
  const name = s.device || "iot-edge-anomaly";
  set(byId("device"), name);
  set(byId("connection"), words(s.health) || "unknown", "badge " + tone(s.health));
  facts(s);
  const machines = s.machines || [];
  const boxes = machines.map(showMachine);
  for (const [key, c] of cards) if (!machines.some((m) => m.name === key)) { c.box.remove(); cards.delete(key); }
  boxes.forEach((box, i) => { if (byId("machines").children[i] !== box) byId("machines").insertBefore(box, byId("machines").children[i] || null); });
  announce(machines);
  const alarms = machines.reduce((n, m) => n + (m.events || []).length, 0);
  document.title = (alarms ? "(" + alarms + ") " : "") + name;
}

let last = 0; // when the last answer came

async function poll() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 5000);
  try {
    const answer = await fetch("api/v1/state", { signal: stop.signal, cache: "no-store" });
    if (!answer.ok) throw new Error("the gateway answers " + answer.status);
    show(await answer.json());
    last = Date.now();
    byId("stale").hidden = true;
  } catch (e) {
    set(byId("connection"), "no answer", "badge bad");
    set(byId("stale"), "No answer from the gateway" + (last ? " since " + new Date(last).toLocaleTimeString() + ": values below are old." : "."));
    byId("stale").hidden = false;
  } finally {
    clearTimeout(timer);
    setTimeout(poll, 1000);
  }
}

poll();
