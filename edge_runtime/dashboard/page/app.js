// Signs in, listens, and shows what comes.

import { changeActivity, showActivity } from "./activity.js";
import { byId, setPill } from "./element.js";
import { showCharts, showNode } from "./node.js";
import { connectOrders, lookForOutcome, post, showOutcome } from "./orders.js";
import { showNodes, showTotals, showWorkers } from "./overview.js";
import { connectPolicy } from "./policy.js";
import { chosenNode, store, takeRecords, takeSnapshot } from "./store.js";

const REFRESH_MS = 10_000; // ages go on without messages

let stream = null;
let isDue = false;

async function begin() {
  connectSignIn();
  connectOrders();
  connectPolicy();
  byId("texts").addEventListener("change", listen);
  byId("only-node").addEventListener("change", showActivity);
  byId("sign-out").addEventListener("click", signOut);
  new ResizeObserver(() => chosenNode() && showCharts(chosenNode())).observe(byId("queue-chart"));
  setInterval(showSoon, REFRESH_MS);
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname);
    await post("api/sign-in", { token: given });
  }
  await enter();
}

async function enter() {
  const response = await fetch("api/session").catch(() => null);
  const isIn = response?.ok ?? false;
  byId("sign-in").hidden = isIn;
  byId("app").hidden = !isIn;
  if (!isIn) {
    byId("token").focus();
    return;
  }
  store.session = await response.json();
  byId("texts-switch").hidden = !store.session.texts;
  listen();
}

function listen() {
  stream?.close();
  stream = new EventSource(byId("texts").checked ? "api/stream?texts=1" : "api/stream");
  stream.addEventListener("snapshot", (event) => {
    takeSnapshot(JSON.parse(event.data));
    show();
    showActivity();
  });
  stream.addEventListener("changes", (event) => {
    const records = takeRecords(JSON.parse(event.data));
    lookForOutcome(records);
    changeActivity(records);
    showSoon();
  });
  stream.addEventListener("open", () => showBanner(""));
  stream.addEventListener("error", () => {
    showBanner("The dashboard does not answer. What is shown is from before; trying again.");
    if (stream.readyState === EventSource.CLOSED) setTimeout(enter, 3000);
  });
}

function showSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    show();
  });
}

function show() {
  const { address, connected } = store.broker;
  setPill(byId("link"), connected ? address : `no broker at ${address}`, connected ? "good" : "bad");
  showTotals();
  showNodes(choose);
  showWorkers();
  showNode();
}

function choose(name) {
  store.chosen = name;
  showOutcome("", "");
  show();
  if (byId("only-node").checked) showActivity();
}

function showBanner(text) {
  byId("banner").textContent = text;
  byId("banner").hidden = !text;
}

function connectSignIn() {
  byId("sign-in-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { ok, message } = await post("api/sign-in", { token: byId("token").value.trim() });
    byId("sign-in-error").textContent = message;
    if (ok) {
      byId("token").value = "";
      await enter();
    }
  });
}

async function signOut() {
  stream?.close();
  await post("api/sign-out", {});
  location.reload();
}

begin();
