// Where we are: `#/path?query`. Everything that a link should show again is in it.
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => { hash.value = location.hash; });

export const place = computed(() => {
  const [path, search = ""] = hash.value.replace(/^#\/?/, "").split("?");
  const steps = path.split("/").filter(Boolean).map((step) => { try { return decodeURIComponent(step); } catch { return step; } });
  return { steps, query: new URLSearchParams(search), path: `#/${path}` };
});

/** @param {string} address such as `#/run/abc` */
export function go(address) { location.hash = address; }

/** Change parts of the query without a new entry in the browser's history; empty values leave it. */
export function setQuery(changes) {
  const { path, query } = place.peek();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) next.delete(name);
    else next.set(name, String(value));
  }
  const text = next.toString();
  history.replaceState(null, "", `${location.pathname}${path}${text ? `?${text}` : ""}`);
  hash.value = location.hash;
}
