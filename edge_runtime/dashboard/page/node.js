// One node in full.

import { dropChart, queueChart, shareBar } from "./charts.js";
import { byId, make, setPill, showFacts } from "./element.js";
import { isStale, paceOf, statusOf } from "./overview.js";
import { bytes, count, decimal, duration, milliseconds, money, percent, UNKNOWN } from "./say.js";
import { chosenNode, now, store } from "./store.js";

const CLOCK_OFF_S = 60;
const HOT_C = 80;

export function showNode() {
  const node = chosenNode();
  byId("node").hidden = node === null;
  if (node === null) return;
  byId("node-name").textContent = node.name;
  setPill(byId("node-status"), ...statusOf(node));
  byId("node-about").textContent = about(node);
  const canSteer = !store.session.read_only;
  byId("node-orders").hidden = !canSteer;
  const pause = byId("pause");
  pause.textContent = node.health?.paused ? "Resume escalations" : "Pause escalations";
  for (const id of ["pause", "flush", "reload"]) byId(id).disabled = node.status !== "online";
  showCharts(node);
  showRisk(node);
  showLatency(node);
  showCounts(node);
  showBoard(node);
  showBudget(node);
  showPolicy(node, canSteer);
}

export function showCharts(node) {
  const samples = store.samples.get(node.name) ?? [];
  queueChart(byId("queue-chart"), samples, now());
  dropChart(byId("drop-chart"), samples, now());
}

function about(node) {
  const { info, health } = node;
  const bundle = info?.bundles?.[0];
  const parts = [
    bundle ? [bundle.name, bundle.version].filter(Boolean).join(" ") : null,
    info?.version ? `edge-runtime ${info.version}` : null,
    health ? `up ${duration(health.uptime_s)}` : null,
    isStale(node) ? `last report ${duration(now() - node.health_at)} ago` : null,
  ];
  const off_s = health?.time ? node.health_at - health.time : 0;
  if (Math.abs(off_s) > CLOCK_OFF_S) {
    parts.push(`its clock is ${duration(Math.abs(off_s))} ${off_s > 0 ? "slow" : "fast"}`);
  }
  return parts.filter(Boolean).join(", ");
}

function showRisk(node) {
  const heads = Object.entries(node.info?.calibration ?? {});
  const measured = node.health?.coverage ?? null;
  if (heads.length === 0) {
    byId("risk").replaceChildren(make("p", { class: "empty" },
      "This node's bundle has no calibration: its local answers come without a promise. "
      + `Measured: ${percent(measured)} answered on the device.`));
    return;
  }
  const table = make("table", {},
    make("thead", {}, make("tr", {},
      ...["Head", "Error ≤", "Certainty", "Threshold", "Coverage", "n"]
        .map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, ...heads.map(([name, c]) => make("tr", {},
      ...[name, percent(c.alpha), percent(1 - c.delta), decimal(c.threshold, 3),
        percent(c.coverage), count(c.n)].map((value) => make("td", {}, value))))));
  const promised = (heads.find(([name]) => name === "intent") ?? heads[0])[1].coverage;
  const label = `Measured coverage ${percent(measured)}, in calibration ${percent(promised)}`;
  const parts = [
    make("div", { class: "scale" }, shareBar(measured, promised, label)),
    make("p", { class: "legend" },
      make("span", {}, make("i"), `${percent(measured)} answered on the device`),
      make("span", {}, make("i", { class: "mark" }), `${percent(promised)} in calibration`)),
  ];
  if (measured !== null && promised !== null && measured < promised - 0.1) {
    parts.push(make("p", { class: "note" }, "Fewer than in calibration: people may ask for other "
      + "things than the calibration data holds. The promise holds for data like it."));
  }
  byId("risk").replaceChildren(...parts, table);
}

function showLatency(node) {
  const tasks = Object.entries(node.health?.latency ?? {});
  if (tasks.length === 0) {
    byId("latency").replaceChildren(make("p", { class: "empty" }, "Nothing has been answered yet."));
    return;
  }
  byId("latency").replaceChildren(make("table", {},
    make("thead", {}, make("tr", {}, ...["Task", "Answers", "Median", "95 %"]
      .map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, ...tasks.map(([name, each]) => make("tr", {},
      ...[name, count(each.count), milliseconds(each.p50_ms), milliseconds(each.p95_ms)]
        .map((value) => make("td", {}, value)))))));
}

function showCounts(node) {
  const { counts, queue, dropped } = node.health ?? {};
  showFacts(byId("counts"), [
    ["Answered", count(counts?.answered)],
    ["Escalated", count(counts?.escalated)],
    ["Failed", count(counts?.failed), counts?.failed > 0 ? "warn" : null],
    ["Expired", count(counts?.expired), counts?.expired > 0 ? "warn" : null],
    ["Queue on disk", bytes(queue?.bytes)],
    ["Longest wait", duration(queue?.oldest_s)],
    ...Object.entries(dropped ?? {}).map(([why, number]) =>
      [`Dropped: ${why}`, count(number), number > 0 ? "bad" : null]),
  ]);
}

function showBoard(node) {
  const board = node.health?.board ?? {};
  const [pace, mood] = paceOf(node);
  const reason = node.health?.pace?.reason;
  const power = board.on_battery === null || board.on_battery === undefined ? ""
    : board.on_battery ? ", on battery" : ", on mains";
  showFacts(byId("board"), [
    ["Temperature", board.temperature_c == null ? UNKNOWN : `${decimal(board.temperature_c, 1)} °C`,
      board.temperature_c >= HOT_C ? "bad" : null],
    ["Memory", board.rss_mb == null ? UNKNOWN : `${count(board.rss_mb)} MB`],
    ["Battery", board.battery_percent == null ? UNKNOWN
      : `${count(board.battery_percent)} %${power}`],
    ["Pace", reason ? `${pace}: ${reason}` : pace, mood],
    ["Link", board.link ?? UNKNOWN, board.link === "down" ? "bad" : null],
    ["Workers it sees", count(node.health?.workers)],
  ]);
}

function showBudget(node) {
  const budget = node.health?.budget;
  const left = (value, say) => (!budget ? UNKNOWN : value === null ? "no limit" : say(value));
  const mood = (value) => (value === 0 ? "bad" : null);
  showFacts(byId("budget"), [
    ["Requests", left(budget?.requests_left, count), mood(budget?.requests_left)],
    ["Tokens", left(budget?.tokens_left, count), mood(budget?.tokens_left)],
    ["Money", left(budget?.usd_left, money), mood(budget?.usd_left)],
  ]);
}

function showPolicy(node, canSteer) {
  const state = node.policy;
  const policy = state?.policy ?? {};
  byId("edit-policy").hidden = state === null;
  byId("edit-policy").textContent = canSteer ? "Edit policy" : "Show policy";
  byId("policy-error").textContent = state?.error ? `Refused: ${state.error}` : "";
  const facts = state === null ? [["State", "not published"]] : [
    ["Privacy", String(policy.privacy ?? UNKNOWN)],
    ["When offline", String(policy.when_offline ?? UNKNOWN)],
    ["Local error at most", percent(policy.max_local_error)],
    ["Wait at most", duration(policy.deadline_ms / 1000)],
    ["One answer costs", policy.max_cost_usd == null ? "no limit" : `≤ ${money(policy.max_cost_usd)}`],
    ["Rules", count(policy.rules?.length ?? 0)],
    ["Version", `${state.version}${state.source ? `, by ${state.source}` : ""}`],
  ];
  showFacts(byId("policy"), facts);
}
