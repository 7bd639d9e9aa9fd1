// The teacher's screen: keys, who uses how much, who waits, and the leaderboard.
import { useState } from "preact/hooks";
import { at, post, query, remove } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { place, setQuery } from "../core/router.js";
import { rowOf } from "../core/rows.js";
import { ago, bytes, duration, percent, settingName } from "../core/words.js";
import { Await, Badge, Confirm, Fault, Panel } from "../parts/basics.js";
import { Code, Tour } from "../parts/tour.js";

const SCOPES = [["predict", "may classify pictures"], ["read", "may also look at everything"], ["train", "may also train and keep own models"], ["admin", "may do everything"]];

export function ClassRoom() {
  return html`<${Keys} /><div class="columns"><${Queue} /><${Leaderboard} /></div><${Usage} />`;
}

function Keys() {
  const keys = useResource("/keys", { every: 10000 });
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [form, setForm] = useState({ name: "", scope: "train", expires: "" });
  const make = useAction(async () => { setMade(await post("/keys", { name: form.name, scope: form.scope, ...(form.expires ? { expires: form.expires } : {}) })); setForm({ ...form, name: "" }); keys.reload(); });
  const revoke = useAction(async (name) => { await remove(at`/keys/${name}`); keys.reload(); });
  const set = (name) => (event) => setForm({ ...form, [name]: event.currentTarget.value });
  return html`<${Panel} title="Keys" wide>
    ${keys.error?.status === 403 ? html`<p>Only an admin key may see the keys.</p>` : html`
    <form class="toolbar" onSubmit=${(event) => { event.preventDefault(); make.run(); }}>
      <label>Name <input value=${form.name} onInput=${set("name")} required placeholder="ada" spellcheck=${false} /></label>
      <label>Scope <select value=${form.scope} onChange=${set("scope")}>${SCOPES.map(([scope, text]) => html`<option key=${scope} value=${scope}>${scope}: ${text}</option>`)}</select></label>
      <label>Expires after <input value=${form.expires} onInput=${set("expires")} placeholder="30d, or never" size="12" /></label>
      <button type="submit" class="primary" disabled=${make.busy}>Create a key</button></form>
    <${Fault} error=${make.error ?? revoke.error} />
    ${made ? html`<div role="status"><p>The key of <strong>${made.name}</strong>. It is shown once: copy it now.</p><${Code} text=${made.key} label="New key" /></div>` : null}
    <${Await} of=${keys}>${({ keys: list }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Keys"><table><thead><tr><th scope="col">name</th><th scope="col">scope</th><th scope="col">created</th><th scope="col">expires</th><th scope="col">state</th><th scope="col"></th></tr></thead>
      <tbody>${list.map((key) => html`<tr key=${key.name}><th scope="row">${key.name}</th><td>${key.scope}</td><td>${ago(key.created_at)}</td><td>${key.expires_at ? new Date(key.expires_at).toLocaleDateString() : "never"}</td><td><${Badge} state=${key.state === "active" ? "ready" : "cancelled"}>${key.state}<//></td>
        <td>${key.state !== "active" ? null : html`<${Confirm} label="Revoke" action=${() => revoke.run(key.name)} question=${`Revoke the key of ${key.name}? It stops working everywhere within two seconds. Jobs and models stay.`} />`}</td></tr>`)}</tbody></table></div>
      ${list.length ? null : html`<p class="quiet">No keys yet.</p>`}`}<//>`}
    <${Tour} method="POST" path="/keys" json=${{ name: form.name || "ada", scope: form.scope }} />
  <//>`;
}

function Queue() {
  const queue = useResource("/jobs?state=running&state=queued&limit=200&view=row", { every: 3000 });
  return html`<${Panel} title="Queue by owner"><${Await} of=${queue}>${({ jobs }) => {
    const rows = jobs.map(rowOf);
    const owners = [...new Set(rows.map(({ owner }) => owner))];
    return owners.length ? html`<table><thead><tr><th scope="col">owner</th><th scope="col" class="number">running</th><th scope="col" class="number">waiting</th><th scope="col">next at</th></tr></thead>
      <tbody>${owners.map((owner) => { const own = rows.filter((row) => row.owner === owner); const waiting = own.filter(({ state }) => state === "queued"); const first = waiting.map(({ position }) => position ?? Infinity); return html`<tr key=${owner}><th scope="row"><a href=${`#/${query({ q: owner })}`}>${owner}</a></th>
        <td class="number">${own.length - waiting.length}</td><td class="number">${waiting.length}</td><td>${first.length && Number.isFinite(Math.min(...first)) ? `number ${Math.min(...first)}` : "–"}</td></tr>`; })}</tbody></table>` : html`<p class="quiet">Nothing runs, nothing waits.</p>`;
  }}<//><${Tour} path="/jobs?state=running&state=queued" /><//>`;
}

function Leaderboard() {
  const datasets = useResource("/datasets");
  const list = datasets.data?.datasets ?? [];
  const dataset = place.value.query.get("dataset") ?? list.find(({ name }) => name === "fashion_mnist_sample")?.name ?? list[0]?.name;
  const board = useResource(dataset ? `/leaderboard${query({ dataset })}` : null, { every: 10000 });
  const rows = board.data?.rows ?? [];
  return html`<${Panel} title="Leaderboard"><label>Dataset <select value=${dataset ?? ""} onChange=${(event) => setQuery({ dataset: event.currentTarget.value })}>${list.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
    <${Await} of=${board}>${() => (rows.length ? html`<table><thead><tr><th scope="col" class="number">place</th><th scope="col">owner</th><th scope="col">model</th><th scope="col" class="number">test accuracy</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.owner}><td class="number">${row.rank}</td><th scope="row">${row.owner}</th><td><a href=${at`#/model/${row.model}/${row.version}`}>${row.model}, version ${row.version}</a></td><td class="number">${percent(row.test_accuracy)}</td></tr>`)}</tbody></table>` : html`<p class="quiet">Nobody has a model of this dataset yet.</p>`)}<//>
    <${Tour} path=${`/leaderboard${query({ dataset })}`} /><//>`;
}

const write = (name, value) => (name.endsWith("_per_s") ? `${value} per second` : name.includes("bytes") ? bytes(value) : name.endsWith("_s") ? duration(value) : String(value));

/** What this key has used of what it may use. */
function Usage() {
  const mine = useResource("/me", { every: 10000 });
  if (mine.error || !mine.data) return null;
  const { limits = {}, used = {} } = mine.data;
  const names = [...new Set([...Object.keys(limits), ...Object.keys(used)])];
  return html`<${Panel} title="Use and quotas" wide><p>You are <strong>${mine.data.name}</strong>. <${Badge} state="info">${mine.data.scopes.join(", ")}<//></p>
    <table><thead><tr><th scope="col">what</th><th scope="col" class="number">used</th><th scope="col" class="number">allowed</th></tr></thead><tbody>${names.map((name) => html`<tr key=${name}><th scope="row">${settingName(name)}</th><td class="number">${used[name] === undefined ? "–" : write(name, used[name])}</td><td class="number">${limits[name] === null || limits[name] === undefined ? "no limit" : write(name, limits[name])}</td></tr>`)}</tbody></table>
    <${Tour} path="/me" data=${mine.data} /><//>`;
}
