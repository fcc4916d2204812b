// The policy of a node: shown, edited, and set after a look at what changes.

import { byId, make } from "./element.js";
import { order, showOutcome } from "./orders.js";
import { chosenNode, store } from "./store.js";

let open = null; // {node, version, text} as the dialog was opened

export function connectPolicy() {
  byId("edit-policy").addEventListener("click", openPolicy);
  byId("policy-close").addEventListener("click", () => byId("policy-dialog").close());
  byId("policy-back").addEventListener("click", () => showStep(false));
  byId("policy-next").addEventListener("click", next);
  byId("policy-form").addEventListener("submit", (event) => event.preventDefault());
}

function openPolicy() {
  const node = chosenNode();
  const text = JSON.stringify(node.policy.policy, null, 2);
  open = { node: node.name, version: node.policy.version, text };
  byId("policy-title").textContent = `Policy of ${node.name}`;
  byId("policy-source").textContent = `Version ${node.policy.version}`
    + (node.policy.source === "file" ? ", from a file on the node; what is set here holds until that file changes" : "");
  const document_ = byId("document");
  document_.value = text;
  document_.readOnly = store.session.read_only;
  byId("policy-next").hidden = store.session.read_only;
  showStep(false);
  byId("policy-dialog").showModal();
}

function next() {
  if (byId("review").hidden) return review();
  return apply();
}

function review() {
  const text = byId("document").value;
  if (text.trim() === open.text.trim()) {
    byId("policy-problem").textContent = "Nothing has changed yet.";
    return;
  }
  let rows;
  if (text.trim().startsWith("{")) {
    try {
      rows = differences(flat(JSON.parse(open.text)), flat(JSON.parse(text)));
    } catch (error) {
      byId("policy-problem").textContent = `This is not JSON: ${error.message}`;
      return;
    }
    if (rows.length === 0) {
      byId("policy-problem").textContent = "Nothing has changed but spaces.";
      return;
    }
  } else {
    rows = [make("li", {}, "The whole policy is replaced by this document.")];
  }
  byId("review-list").replaceChildren(...rows);
  showStep(true);
}

async function apply() {
  const current = store.node.get(open.node)?.policy;
  if (current && current.version !== open.version) {
    byId("policy-problem").textContent = `Meanwhile version ${current.version} was set by somebody `
      + "else. Close this, and look at it first.";
    return;
  }
  const { node } = open;
  byId("policy-problem").textContent = "";
  byId("policy-next").disabled = true;
  byId("policy-next").textContent = "Setting…";
  const { ok, message } = await order({ do: "policy", node, document: byId("document").value });
  byId("policy-next").disabled = false;
  if (ok) {
    byId("policy-dialog").close();
    showOutcome(`${node}: ${message}`, "");
  } else {
    showStep(false);
    byId("policy-problem").textContent = message;
  }
}

function showStep(isReview) {
  byId("review").hidden = !isReview;
  byId("document").hidden = isReview;
  document.querySelector("label[for=document]").hidden = isReview;
  byId("policy-back").hidden = !isReview;
  byId("policy-next").disabled = false;
  byId("policy-next").textContent = isReview ? `Set on ${open.node}` : "Review changes";
  byId("policy-problem").textContent = "";
}

// A document as dotted keys; a list is one value.
function flat(value, under = "", found = new Map()) {
  for (const [name, each] of Object.entries(value)) {
    const key = under ? `${under}.${name}` : name;
    if (each !== null && typeof each === "object" && !Array.isArray(each)) flat(each, key, found);
    else found.set(key, JSON.stringify(each));
  }
  return found;
}

function differences(before, after) {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.filter((key) => before.get(key) !== after.get(key)).map((key) => make("li", {},
    make("code", {}, key), ": ",
    before.has(key) ? make("del", {}, before.get(key)) : "new",
    " → ",
    after.has(key) ? make("ins", {}, after.get(key)) : "back to the default"));
}
