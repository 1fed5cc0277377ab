"use strict";
// Runs the page's script on a document that knows just enough, three polls
// long: two answers, then none. Prints every text shown.
const fs = require("node:fs");
const vm = require("node:vm");

class Element {
  constructor(tag) {
    Object.assign(this, { tag, className: "", children: [], parent: null, dataset: {}, hidden: false, text: "", attributes: {} });
  }
  get textContent() { return this.children.length ? this.children.map((c) => c.textContent).join("") : this.text; }
  set textContent(t) { this.text = String(t); this.children = []; }
  get firstChild() { return this.children[0] || null; }
  get lastChild() { return this.children[this.children.length - 1] || null; }
  append(...list) { for (const e of list) this.appendChild(e); }
  appendChild(e) { return this.insertBefore(e, null); }
  insertBefore(e, before) {
    e.remove();
    const at = before ? this.children.indexOf(before) : this.children.length;
    this.children.splice(at, 0, e);
    e.parent = this;
    return e;
  }
  remove() {
    if (this.parent) this.parent.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
  }
  replaceChildren(...list) { this.children = []; this.append(...list); }
  setAttribute(k, v) { this.attributes[k] = v; }
  createTHead() { return this.appendChild(new Element("thead")); }
  createTBody() { return this.appendChild(new Element("tbody")); }
  get rows() { return this.children; }
  get cells() { return this.children; }
  insertRow() { return this.appendChild(new Element("tr")); }
  insertCell() { return this.appendChild(new Element("td")); }
  deleteRow() { this.lastChild.remove(); }
}

const ids = {};
const document = {
  title: "",
  createElement: (tag) => new Element(tag),
  getElementById: (id) => (ids[id] ||= new Element("div")),
};
function print(e) {
  if (e.children.length) e.children.forEach(print);
  else if (e.text) console.log("text " + e.text);
  if (e.title) console.log("hint " + e.title);
}

const state = JSON.parse(fs.readFileSync(0, "utf8"));
let polls = 0;
let firstCard;
const context = {
  document, AbortController, console, Date, clearTimeout() {},
  fetch: async () => {
    if (++polls > 2) throw new Error("refused");
    return { ok: true, json: async () => structuredClone(state) };
  },
  setTimeout: (f, ms) => {
    if (ms !== 1000) return 0; // the answer's deadline
    if (polls === 1) firstCard = ids.machines.children[0];
    if (polls < 3) setImmediate(f);
    else finish();
    return 0;
  },
};
function finish() {
  console.log("title " + document.title);
  console.log("stale " + ids.stale.textContent);
  console.log("elements kept " + (firstCard === ids.machines.children[0] && ids.machines.children.length === state.machines.length));
  Object.values(ids).forEach(print);
}
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
