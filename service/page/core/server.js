// What every screen needs to know about the server: who asks, what runs and waits, and who works.
import { signal } from "@preact/signals";
import { apiKey, get, Problem } from "./api.js";
import { listen, restarts } from "./live.js";
import { isOver, rowOf } from "./rows.js";

/** @typedef {import("./rows.js").Row} Row */

/** @type {import("@preact/signals").Signal<{name: string, scopes: string[], limits: any, used: any} | null>} */
export const me = signal(null);
/** @type {import("@preact/signals").Signal<{running: Row[] | null, queued: number, mine: number | null}>} `running` is null until it is known */
export const overview = signal(/** @type {any} */ ({ running: null, queued: 0, mine: null }));
/** @type {import("@preact/signals").Signal<any[]>} */
export const workers = signal([]);

export const isAdmin = () => !me.value || me.value.scopes.includes("admin");
export const hasKeys = () => me.value !== null && me.value.name !== "local";

/** Null where this key may not ask; other failures stay failures. */
async function ifAllowed(path) {
  try { return await get(path); } catch (error) {
    if (error instanceof Problem && [401, 403].includes(error.status)) return null;
    throw error;
  }
}

async function readMe() { me.value = await ifAllowed("/me").catch(() => me.peek()); }

export async function readOverview() {
  const [running, queued, found] = await Promise.all([
    get("/jobs?view=row&state=running&limit=20"), get("/jobs?view=row&state=queued&limit=50"), ifAllowed("/workers").catch(() => null),
  ]);
  const waiting = queued.jobs.map(rowOf);
  const own = waiting.filter((row) => hasKeys() && row.owner === me.value?.name && row.position !== null);
  overview.value = {
    running: running.jobs.map(rowOf),
    queued: queued.total ?? waiting.length,
    mine: own.length ? Math.min(...own.map((row) => row.position ?? Infinity)) : null,
  };
  workers.value = found?.workers ?? [];
}

/** Reads the overview again soon after something changed, once for several changes. */
function later() {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (!document.hidden) readOverview().catch(() => {}); }, 150);
  };
}

export function watchServer() {
  const soon = later();
  const stop = listen(({ kind, job, data }) => {
    if (kind !== "progress") { soon(); if (kind !== "epoch") return; }
    const { running, ...rest } = overview.peek();
    overview.value = { ...rest, running: running?.map((row) => (row.id === job ? patched(row, data) : row)) ?? null };
  });
  const stopRestarts = restarts.subscribe(soon);
  const stopKey = apiKey.subscribe(() => { readMe().then(soon); });
  const onVisible = () => { if (!document.hidden) soon(); };
  document.addEventListener("visibilitychange", onVisible);
  return () => { stop(); stopRestarts(); stopKey(); document.removeEventListener("visibilitychange", onVisible); };
}

/** @param {Row} row @returns {Row} the row with what a progress or epoch event says */
export function patched(row, progress) {
  if (isOver(row.state)) return row;
  return {
    ...row,
    phase: progress.phase ?? row.phase,
    epoch: progress.epoch ?? row.epoch,
    step: progress.step ?? row.step,
    steps: progress.steps ?? row.steps,
    epochs: progress.epochs || row.epochs,
    eta: progress.eta_s === undefined ? row.eta : progress.eta_s,
    speed: progress.images_per_second ?? row.speed,
    validation: progress.val_accuracy === undefined ? row.validation : Math.max(row.validation ?? 0, progress.val_accuracy),
  };
}

