// An alias whose requests go to several versions: what each did for it, and how a canary or a shadow begins and ends.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { ago, count, percent } from "../core/words.js";
import { Term } from "./basics.js";

/** @typedef {{version: number, weight: number}} Part */
/** @typedef {{canary: Part | null, shadow: Part | null}} Split */

const milliseconds = (value) => (value === null || value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);
const share = (weight) => percent(weight, weight * 100 % 1 ? 1 : 0);

const ROLES = ["canary", "shadow"];
/** Which of a canary and a shadow there are. @param {Record<string, any>} parts */
export const rolesOf = (parts) => ROLES.filter((role) => parts[role]);

/** What a request must say so that the alias keeps these. @param {Split | undefined} split @param {Record<string, Part | null>} changed */
const kept = (split, changed) => Object.fromEntries(Object.entries({ canary: split?.canary, shadow: split?.shadow, ...changed }).filter(([, part]) => part));

/** A canary and a shadow of one entry of an alias's history, in words. */
export const partsOf = (entry) => rolesOf(entry).map((role) => `, ${role} ${entry[role].version} at ${share(entry[role].weight)}`).join("");

/** What is told of each version, one row each. @type {[string, (part: {weight: number, did: any}) => string][]} */
const ROWS = [
  ["share of requests", ({ weight }) => share(weight)],
  ["requests", ({ did }) => count(did?.requests)],
  ["errors", ({ did }) => count(did?.errors)],
  ["median time", ({ did }) => milliseconds(did?.latency_p50_ms)],
  ["same answer", ({ did }) => percent(did?.agreement)],
  ["right, by feedback", ({ did }) => (did?.feedback ? `${percent(did.feedback.accuracy, 0)} of ${count(did.feedback.pictures)}` : "–")],
];

/** How the versions of an alias compare. */
export function Split({ alias, version, split, figures, change }) {
  const parts = [{ role: "answers", number: version, weight: 1 - (split.canary?.weight ?? 0), did: figures?.stable },
    ...rolesOf(split).map((role) => ({ role, number: split[role].version, weight: split[role].weight, did: figures?.[role] }))];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${`Versions that take part in ${alias}`}><table class="narrow">
      <thead><tr><td></td>${parts.map(({ role, number }) => html`<th key=${role} scope="col" class="number">version ${number}<br />${role === "answers" ? role : html`<${Term} name=${role} />`}</th>`)}</tr></thead>
      <tbody>${ROWS.map(([name, told]) => html`<tr key=${name}><th scope="row">${name}</th>${parts.map((part) => html`<td key=${part.role} class="number">${told(part)}</td>`)}</tr>`)}</tbody></table></div>
    <p class="quiet">${figures ? `Counted since ${ago(figures.since)}${figures.scope === "this process" ? ", by one process of the server only, because Redis does not answer" : ""}.` : "Nothing was counted yet."}</p>
    <p class="buttons">${split.canary ? html`<button type="button" disabled=${change.busy} onClick=${() => change.run(alias, split.canary.version)}>Promote the canary, version ${split.canary.version}</button>
      <button type="button" disabled=${change.busy} onClick=${() => change.run(alias, version, kept(split, { canary: null }))}>Give up the canary</button>` : null}
      ${split.shadow ? html`<button type="button" disabled=${change.busy} onClick=${() => change.run(alias, version, kept(split, { shadow: null }))}>Remove the shadow</button>` : null}</p>`;
}

/** Tries a version on a share of an alias's requests before it is promoted. */
export function Try({ alias, now, version, split, change }) {
  const [role, setRole] = useState("canary");
  const [weight, setWeight] = useState("10");
  const submit = (event) => { event.preventDefault(); change.run(alias, now, kept(split, { [role]: { version, weight: Number(weight) / 100 } })); };
  return html`<form class="promote" onSubmit=${submit}>
      <label>Try it first as <select value=${role} onChange=${(event) => setRole(event.currentTarget.value)}><option value="canary">canary</option><option value="shadow">shadow</option></select></label>
      <label>on <input type="number" min="0.1" max="100" step="any" value=${weight} onInput=${(event) => setWeight(event.currentTarget.value)} required /> % of the requests</label>
      <button type="submit" disabled=${change.busy}>Try version ${version}</button></form>
    <p class="quiet">${role === "canary" ? `Version ${version} then answers this share of ${alias}'s requests in place of version ${now}.` : `Version ${version} is then asked the same as version ${now}, for this share of what version ${now} answers. Its answers are only compared; nobody gets them.`}</p>`;
}
