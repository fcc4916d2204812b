// What the page tells a node to do, and how that ended.

import { byId } from "./element.js";
import { chosenNode, now, store } from "./store.js";

const WAIT_S = 10;

let awaited = null; // {node, kind, since, done} of the order whose outcome is still out

export async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    return { ok: false, status: 0, message: "The dashboard does not answer; is it still running?" };
  }
  if (response.ok) return { ok: true, status: response.status, message: "" };
  const said = await response.json().catch(() => null);
  return {
    ok: false, status: response.status,
    message: said?.error?.message ?? `The dashboard said ${response.status}.`,
  };
}

// Sends an order and resolves with {ok, message} once the node has said how it ended.
export async function order(body) {
  const since = now();
  const outcome = new Promise((resolve) => {
    const timer = setTimeout(() => {
      awaited = null;
      resolve({ ok: false, message: "It was sent, but the node has not said that it did it." });
    }, WAIT_S * 1000);
    awaited = {
      node: body.node, kind: body.do, since, done: (result) => {
        clearTimeout(timer);
        awaited = null;
        resolve(result);
      },
    };
  });
  const mine = awaited;
  const sent = await post("api/order", body);
  if (!sent.ok) mine.done(sent);
  return outcome;
}

// Looks for the outcome of the order among what has just come in.
export function lookForOutcome(records) {
  for (const [kind, , record] of records) {
    if (awaited === null || record === null) return;
    if (kind === "node" && awaited.kind === "policy" && record.name === awaited.node
        && record.policy && record.policy_at > awaited.since - 0.5) {
      const { error, version } = record.policy;
      awaited.done(error ? { ok: false, message: error }
        : { ok: true, message: `Version ${version} of the policy is in force.` });
    } else if (kind === "event" && record.node === awaited.node && record.at > awaited.since - 0.5) {
      const detail = record.detail ?? "";
      const why = /\berror=([^]*)$/.exec(detail)?.[1] ?? "it did not say why";
      // the policy that stays in force is not published again
      if (awaited.kind === "policy" && record.kind === "policy-refused") {
        awaited.done({ ok: false, message: why });
      } else if (awaited.kind !== "policy" && record.kind === "cmd") {
        const ok = !/\bok=False\b/.test(detail);
        awaited.done({ ok, message: ok ? "Done." : `The node could not: ${why}` });
      }
    }
  }
}

export function showOutcome(message, mood) {
  const line = byId("outcome");
  line.textContent = message;
  line.className = `outcome ${mood}`;
}

export function connectOrders() {
  byId("pause").addEventListener("click", () => {
    const paused = !chosenNode().health?.paused;
    run({ do: "pause", paused }, paused ? "Pausing…" : "Resuming…");
  });
  byId("flush").addEventListener("click", async () => {
    const node = chosenNode();
    const waiting = node.health?.queue.escalations;
    const what = waiting === undefined ? "Everything that waits" : `${waiting} escalations that wait`;
    if (await confirm(`Send what waits on ${node.name}?`, `${what} will be sent to a worker now. `
        + "A large model may cost money; the budget still holds.", "Send")) {
      run({ do: "flush" }, "Sending…");
    }
  });
  byId("reload").addEventListener("click", () => run({ do: "reload" }, "Reloading…"));
}

export function confirm(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.close();
      resolve(answer);
    };
    byId("confirm-yes").onclick = () => end(true);
    byId("confirm-no").onclick = () => end(false);
    // by the Escape key; the event of an earlier dialog may come when this one is open already
    dialog.onclose = () => !dialog.open && resolve(false);
  });
}

async function run(what, meanwhile) {
  const node = store.chosen;
  showOutcome(`${node}: ${meanwhile}`, "wait");
  const { ok, message } = await order({ ...what, node });
  showOutcome(`${node}: ${message}`, ok ? "" : "bad");
}
