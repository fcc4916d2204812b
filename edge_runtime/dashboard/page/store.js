// What the server has sent so far; as bounded here as it is there.

const MOST = { node: 200, worker: 100, query: 200, event: 200 };
const MOST_SAMPLES = 240;

export const store = {
  session: { texts: false, read_only: true },
  broker: { address: "", connected: false },
  node: new Map(),
  worker: new Map(),
  query: new Map(),
  event: new Map(),
  samples: new Map(),
  chosen: null,
  ahead_s: 0, // of the server's clock before this one
};

export function now() {
  return Date.now() / 1000 + store.ahead_s;
}

export function takeSnapshot(snapshot) {
  for (const kind of Object.keys(MOST)) store[kind].clear();
  store.samples = new Map(Object.entries(snapshot.samples));
  return takeRecords(snapshot, false);
}

// Returns the changes as [kind, key, record or null].
export function takeRecords(message, withSamples = true) {
  store.ahead_s = message.now - Date.now() / 1000;
  store.broker = message.broker;
  for (const [kind, key, record] of message.records) {
    if (record === null) {
      store[kind].delete(key);
      continue;
    }
    if (withSamples && kind === "node") addSample(record);
    store[kind].set(key, record);
    if (store[kind].size > MOST[kind]) store[kind].delete(store[kind].keys().next().value);
  }
  if (!store.node.has(store.chosen)) store.chosen = nodes()[0]?.name ?? null;
  return message.records;
}

export function nodes() {
  return [...store.node.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function chosenNode() {
  return store.node.get(store.chosen) ?? null;
}

export function sum(numbers) {
  return numbers.reduce((total, each) => total + (each || 0), 0);
}

function addSample(record) {
  const { health, health_at: at, name } = record;
  if (!health || store.node.get(name)?.health_at === at) return;
  const samples = store.samples.get(name) ?? [];
  samples.push([at, health.queue.requests, health.queue.escalations,
    sum(Object.values(health.dropped))]);
  store.samples.set(name, samples.slice(-MOST_SAMPLES));
}
