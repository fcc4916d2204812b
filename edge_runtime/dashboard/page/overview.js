// The fleet at a glance: totals, the nodes to choose from, the workers.

import { byId, make, setPill } from "./element.js";
import { count, duration, milliseconds, money, percent, UNKNOWN } from "./say.js";
import { nodes, now, store, sum } from "./store.js";

export const STALE_S = 95; // three health reports, and a little

export function statusOf(node) {
  if (node.status === "online" && node.health?.paused) return ["paused", "warn"];
  return { online: ["online", "good"], offline: ["offline", "bad"] }[node.status]
    ?? ["not known", "warn"];
}

const PACES = new Map([
  ["full", ["full", null]],
  ["slow", ["rests between answers", "warn"]],
  ["shed", ["refuses long tasks", "bad"]],
]);

// How fast the board lets a node work, in words, and the mood of that.
export function paceOf(node) {
  return PACES.get(node.health?.pace?.level) ?? [UNKNOWN, null];
}

export function isStale(node) {
  return node.status === "online" && node.health_at !== null && now() - node.health_at > STALE_S;
}

export function showTotals() {
  const all = nodes();
  const reports = all.map((node) => node.health).filter(Boolean);
  const online = all.filter((node) => node.status === "online").length;
  const counted = reports.filter((health) => health.coverage !== null);
  const weight = (health) => health.counts.answered || 1;
  const share = counted.length === 0 ? null
    : sum(counted.map((health) => health.coverage * weight(health))) / sum(counted.map(weight));
  const waiting = sum(reports.map((health) => health.queue.requests + health.queue.escalations));
  const dropped = sum(reports.flatMap((health) => Object.values(health.dropped)));
  const workers = [...store.worker.values()].filter((worker) => worker.status === "online").length;
  const known = (value) => (reports.length === 0 ? UNKNOWN : count(value));
  const facts = [
    ["Nodes online", String(online), `of ${all.length}`],
    ["Answered on the device", percent(share)],
    ["Answers", known(sum(reports.map((health) => health.counts.answered)))],
    ["Waiting", known(waiting)],
    ["Dropped", known(dropped), null, dropped > 0],
    ["Workers online", String(workers), `of ${store.worker.size}`],
  ];
  byId("totals").replaceChildren(...facts.map(([term, value, more, isBad]) => make("div",
    isBad ? { class: "bad" } : {},
    make("dt", {}, term),
    make("dd", {}, value, more ? make("small", {}, ` ${more}`) : null))));
}

export function showNodes(choose) {
  const all = nodes();
  byId("no-nodes").hidden = all.length > 0;
  const focused = document.activeElement?.dataset?.node;
  byId("nodes").replaceChildren(...all.map((node) => {
    const pill = make("span");
    setPill(pill, ...statusOf(node));
    const button = make("button", {
      type: "button", "aria-pressed": String(node.name === store.chosen), "data-node": node.name,
    },
    make("span", { class: "name" }, node.name), pill, make("span", { class: "more" }, glance(node)));
    button.addEventListener("click", () => choose(node.name));
    return make("li", {}, button);
  }));
  if (focused) [...byId("nodes").querySelectorAll("button")]
    .find((button) => button.dataset.node === focused)?.focus();
}

export function showWorkers() {
  const all = [...store.worker.values()].sort((a, b) => a.name.localeCompare(b.name));
  byId("no-workers").hidden = all.length > 0;
  byId("workers").replaceChildren(...all.map((worker) => {
    const pill = make("span");
    const moods = { online: "good", offline: "bad" };
    setPill(pill, worker.status === "unknown" ? "not known" : worker.status,
      moods[worker.status] ?? "warn");
    const price = worker.said.price_usd_per_million;
    const cost = price ? `${money(price.prompt)} in, ${money(price.generation)} out per million tokens`
      : "price not known";
    return make("li", { class: "worker" },
      make("span", { class: "name" }, worker.name), pill,
      make("span", { class: "more" }, `${worker.said.llm || "LLM not known"}; ${cost}`));
  }));
}

function glance(node) {
  if (node.status === "offline") return `since ${duration(now() - node.since)}`;
  if (!node.health) return "no health report yet";
  if (isStale(node)) return `no report for ${duration(now() - node.health_at)}`;
  const { coverage, queue, latency } = node.health;
  const [pace, mood] = paceOf(node);
  const slowest = Math.max(...Object.values(latency).map((each) => each.p95_ms ?? 0), 0);
  return [
    `${percent(coverage, 0)} on the device`,
    `${count(queue.requests + queue.escalations)} waiting`,
    slowest ? `p95 ${milliseconds(slowest)}` : null,
    mood ? pace : null,
  ].filter(Boolean).join(", ");
}
