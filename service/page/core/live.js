// What happens on the server as it happens: one stream for all tabs of this browser.
//
// Over HTTP/1.1 a browser opens six connections to one server, so a stream for each tab would stop the sixth tab. One
// visible tab holds a lock, reads, and tells the others. A hidden tab gives the lock back and asks for nothing.
import { signal } from "@preact/signals";
import { apiKey, get, isOffline, send } from "./api.js";

const RETRY_MS = 2000;
const AGAIN_MS = 300;

/** @typedef {{kind: "state" | "progress" | "epoch" | "deleted" | "queue", job: string, data: any}} LiveEvent */

/** @type {Set<(event: LiveEvent) => void>} */
const listeners = new Set();
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("convserve-live") : null;
channel?.addEventListener("message", ({ data }) => deliver(data));

/** How often the stream has begun anew: what was missed meanwhile has to be read again. */
export const restarts = signal(0);

/** Calls back whenever the stream begins anew from now on. @param {() => void} callback @returns {() => void} stops it */
export function onRestart(callback) {
  let isFirst = true;
  return restarts.subscribe(() => { if (!isFirst) callback(); isFirst = false; });
}

function deliver(event) {
  if (event.kind === "restart") { restarts.value++; return; }
  for (const listener of listeners) listener(event);
}

function publish(event) {
  channel?.postMessage(event);
  deliver(event);
}

/** @param {(event: LiveEvent) => void} listener @returns {() => void} stops it */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** Reads Server-Sent Events by fetch, which can carry a key. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r\n", "\n");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.split(":")[0], line.slice(line.indexOf(":") + 1).trim()]));
      if (fields.data) yield { id: fields.id, kind: fields.event ?? "state", data: JSON.parse(fields.data) };
    }
  }
}

let lastEvent = "";

async function stream(abort) {
  const response = await send("GET", "/events", { headers: lastEvent ? { "Last-Event-ID": lastEvent } : {}, signal: abort });
  publish({ kind: "restart" });
  for await (const { id, kind, data } of eventsOf(response)) {
    lastEvent = id || lastEvent;
    if (kind !== "ready" && kind !== "reset") publish({ kind, job: data.job ?? data.id, data });
  }
}

async function lead(abort) {
  for (let isFirst = true; !abort.aborted; isFirst = false) {
    if (!isFirst) await wait(AGAIN_MS); // a stream that ends at once must not be asked for without a pause
    try {
      await stream(abort);
    } catch (fault) {
      if (abort.aborted) return;
      const { status } = /** @type {{status?: number}} */ (fault);
      await wait(status === 401 ? 2 * RETRY_MS : RETRY_MS);
      if (status === 0 || status === 422) lastEvent = "";
    }
    if (isOffline.value) await get("/readyz").catch(() => {});
  }
}

/** Start reading for as long as this page is visible. */
export function follow() {
  let stop = new AbortController();
  const begin = () => {
    stop.abort();
    stop = new AbortController();
    if (document.hidden) return;
    const { signal: abort } = stop;
    if (!navigator.locks) { lead(abort); return; } // browsers have locks on https and localhost only
    navigator.locks.request(`convserve-live-${apiKey.peek().length}`, { signal: abort }, () => lead(abort)).catch(() => {});
  };
  document.addEventListener("visibilitychange", begin);
  let wasOffline = false;
  isOffline.subscribe((isOut) => {
    if (wasOffline && !isOut) setTimeout(() => { restarts.value++; }); // the server is back: all that is shown is read again
    wasOffline = isOut;
  });
  apiKey.subscribe(() => { begin(); setTimeout(() => { restarts.value++; }); });
}
