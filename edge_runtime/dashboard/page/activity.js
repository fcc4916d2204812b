// Queries and events as they come, the newest first.

import { shareBar } from "./charts.js";
import { byId, make, setPill } from "./element.js";
import { decimal, instant, milliseconds, money, percent, timeOfDay, UNKNOWN } from "./say.js";
import { store } from "./store.js";

const MOST_ROWS = 100;
const SOURCES = { local: "on the device", cloud: "large model", cache: "kept answer" };
const MOODS = { local: "good", cloud: "plain", cache: "good" };

export function showActivity() {
  rebuild("query", byId("queries"), queryRow);
  rebuild("event", byId("events"), eventRow);
  showEmpty();
}

// Only the rows that changed are made anew.
export function changeActivity(records) {
  for (const [kind, key, record] of records) {
    if (record === null || !isWanted(record)) continue;
    if (kind === "query") place(byId("queries"), key, queryRow(record));
    if (kind === "event") place(byId("events"), key, eventRow(record));
  }
  showEmpty();
}

function rebuild(kind, list, row) {
  const records = [...store[kind].values()].filter(isWanted).slice(-MOST_ROWS).reverse();
  list.replaceChildren(...records.map((record) => keyed(record.key, row(record))));
}

function place(list, key, row) {
  keyed(key, row);
  const known = [...list.children].find((each) => each.dataset.key === key);
  if (known) known.replaceWith(row);
  else list.prepend(row);
  while (list.childElementCount > MOST_ROWS) list.lastElementChild.remove();
}

function keyed(key, row) {
  row.dataset.key = key;
  return row;
}

function isWanted(record) {
  return !byId("only-node").checked || record.node === store.chosen;
}

function showEmpty() {
  byId("no-queries").hidden = byId("queries").childElementCount > 0;
  byId("no-events").hidden = byId("events").childElementCount > 0;
  byId("queries-note").textContent = byId("texts").checked
    ? "With what people wrote" : "Without anybody's text";
}

function queryRow(query) {
  const decision = make("span");
  setPill(decision, ...decided(query));
  const more = [
    query.task, query.model || null,
    query.redacted ? `${query.redacted} redacted` : null,
    query.repeats ? `sent ${query.repeats + 1} times` : null,
  ].filter(Boolean).join(", ");
  return make("li", {},
    make("time", { datetime: instant(query.at) }, timeOfDay(query.at)),
    make("span", { class: "who" }, `${query.client ?? UNKNOWN} → ${query.node ?? UNKNOWN} `,
      make("small", {}, more)),
    make("span", { class: "decision" }, decision),
    make("span", { class: "confidence" }, confidence(query)),
    make("span", { class: "figure cost" }, query.cost_usd ? money(query.cost_usd) : ""),
    make("span", { class: "figure took" }, query.ms === null ? "" : milliseconds(query.ms)),
    query.text === null ? null : make("span", { class: "said" }, query.text),
    query.answer === null ? null : make("span", { class: "said answer" }, `→ ${query.answer}`),
    query.why.length === 0 ? null : make("span", { class: "why" }, query.why.join("; ")));
}

function decided(query) {
  if (query.state === "asked") return ["asked", "plain"];
  if (query.state === "escalated") return ["with a worker", "warn"];
  if (query.state === "queued") return ["queued, guess sent", "warn"];
  if (query.state === "failed") return [`${query.code} ${query.error ?? "error"}`, "bad"];
  return [SOURCES[query.source] ?? query.source, MOODS[query.source] ?? "plain"];
}

function confidence(query) {
  if (query.confidence === null || query.state === "failed") return null;
  const label = query.alpha === null ? `confidence ${percent(query.confidence)}`
    : `confidence ${percent(query.confidence)}, error at most ${percent(query.alpha)}`;
  return make("span", { class: "meter", title: label },
    shareBar(query.confidence, null, label, { width: 56, height: 6 }), decimal(query.confidence));
}

function eventRow(event) {
  const who = [event.node, event.client].filter(Boolean).join(", ");
  return make("li", {},
    make("time", { datetime: instant(event.at) }, timeOfDay(event.at)),
    make("span", { class: "who" }, `${event.kind} `, make("small", {}, who)),
    event.detail === null ? null : make("span", { class: "why" }, event.detail),
    event.text === null ? null : make("span", { class: "said" }, event.text));
}
