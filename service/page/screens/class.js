// The class: who is ahead, who waits and uses how much; for the teacher also the keys.
import { useState } from "preact/hooks";
import { at, post, query, remove } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { place, setQuery } from "../core/router.js";
import { rowOf } from "../core/rows.js";
import { hasKeys, isAdmin } from "../core/server.js";
import { ago, bytes, duration, percent, plural, settingName } from "../core/words.js";
import { Await, Badge, Confirm, Fault, Panel } from "../parts/basics.js";
import { Code, Tour } from "../parts/tour.js";

const SCOPES = [["predict", "may classify pictures"], ["read", "may also look at everything"], ["train", "may also train, and change what is their own"], ["admin", "may do everything"]];

export function ClassRoom() {
  return html`${isAdmin() ? html`<${Keys} />` : null}<div class="columns"><${Leaderboard} /><${Usage} /></div><${Owners} />`;
}

function Keys() {
  const keys = useResource("/keys", { every: 10000 });
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [form, setForm] = useState({ name: "", scope: "train", expires: "", jobs: "" });
  const asked = { name: form.name, scope: form.scope, ...(form.expires ? { expires: form.expires } : {}), ...(form.jobs ? { limits: { jobs: Number(form.jobs) } } : {}) };
  const make = useAction(async () => { setMade(await post("/keys", asked)); setForm({ ...form, name: "" }); keys.reload(); });
  const revoke = useAction(async (name) => { await remove(at`/keys/${name}`); keys.reload(); });
  const set = (name) => (event) => setForm({ ...form, [name]: event.currentTarget.value });
  return html`<${Panel} title="Keys" wide>
    ${keys.error?.status === 403 ? html`<p>Only an admin key may see the keys.</p>` : html`
    <form class="toolbar" onSubmit=${(event) => { event.preventDefault(); make.run(); }}>
      <label>Name <input value=${form.name} onInput=${set("name")} required placeholder="ada" spellcheck=${false} /></label>
      <label>Scope <select value=${form.scope} onChange=${set("scope")}>${SCOPES.map(([scope, text]) => html`<option key=${scope} value=${scope}>${scope}: ${text}</option>`)}</select></label>
      <label>Expires after <input value=${form.expires} onInput=${set("expires")} placeholder="30d, or never" size="12" /></label>
      <label>Jobs at a time <input value=${form.jobs} onInput=${set("jobs")} type="number" min="0" placeholder="default" /></label>
      <button type="submit" class="primary" disabled=${make.busy}>Create a key</button></form>
    <${Fault} error=${make.error ?? revoke.error} />
    ${made ? html`<div role="status"><p>The key of <strong>${made.name}</strong>. It is shown once: copy it now.</p><${Code} text=${made.key} label="New key" /></div>` : null}
    <${Await} of=${keys}>${({ keys: list }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Keys"><table><thead><tr><th scope="col">name</th><th scope="col">scope</th><th scope="col">created</th><th scope="col">expires</th><th scope="col">own limits</th><th scope="col">state</th><th scope="col"></th></tr></thead>
      <tbody>${list.map((key) => html`<tr key=${key.name}><th scope="row">${key.name}</th><td>${key.scope}</td><td>${ago(key.created_at)}</td><td>${key.expires_at ? new Date(key.expires_at).toLocaleDateString() : "never"}</td><td>${Object.entries(key.limits ?? {}).map(([name, value]) => `${settingName(name)} ${write(name, value)}`).join(", ") || "–"}</td><td><${Badge} state=${key.state === "active" ? "ready" : "cancelled"}>${key.state}<//></td>
        <td>${key.state !== "active" ? null : html`<${Confirm} label="Revoke" action=${() => revoke.run(key.name)} question=${`Revoke the key of ${key.name}? It stops working everywhere within two seconds. Jobs and models stay.`} />`}</td></tr>`)}</tbody></table></div>
      ${list.length ? null : html`<p class="quiet">No keys yet.</p>`}`}<//>`}
    <${Tour} method="POST" path="/keys" json=${{ ...asked, name: form.name || "ada" }} />
  <//>`;
}

/** Everybody's place in the queue and share of the disk. */
function Owners() {
  const queue = useResource("/jobs?state=running&state=queued&limit=200&view=row", { every: 3000 });
  const models = useResource("/models", { every: 15000 });
  const datasets = useResource("/datasets", { every: 15000 });
  return html`<${Panel} title="Queue and disk by owner" wide><${Await} of=${queue}>${({ jobs }) => {
    const rows = owners(jobs.map(rowOf), models.data?.models ?? [], datasets.data?.datasets ?? []);
    return rows.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Owners"><table><thead><tr><th scope="col">owner</th><th scope="col" class="number">running</th><th scope="col" class="number">waiting</th><th scope="col" class="number">next at</th><th scope="col" class="number">versions</th><th scope="col" class="number">datasets</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.owner}><th scope="row"><a href=${`#/${query({ q: row.owner })}`}>${row.owner}</a></th>
        <td class="number">${row.running}</td><td class="number">${row.waiting}</td><td class="number">${Number.isFinite(row.next) ? `number ${row.next}` : "–"}</td>
        <td class="number">${row.versions ? `${plural(row.versions, "version")}, ${bytes(row.versionBytes)}` : "–"}</td><td class="number">${row.datasets ? `${plural(row.datasets, "dataset")}, ${bytes(row.datasetBytes)}` : "–"}</td></tr>`)}</tbody></table></div>`
    : html`<p class="quiet">Nobody has trained or uploaded anything yet.</p>`;
  }}<//><${Tour} path="/jobs?state=running&state=queued" /><//>`;
}

function owners(rows, models, datasets) {
  const found = new Map();
  const of = (owner) => {
    if (!found.has(owner)) found.set(owner, { owner, running: 0, waiting: 0, next: Infinity, versions: 0, versionBytes: 0, datasets: 0, datasetBytes: 0 });
    return found.get(owner);
  };
  for (const row of rows) {
    const own = of(row.owner);
    if (row.state === "queued") { own.waiting++; own.next = Math.min(own.next, row.position ?? Infinity); } else own.running++;
  }
  for (const line of models.flatMap(({ versions }) => versions)) { const own = of(line.owner ?? "local"); own.versions++; own.versionBytes += line.size_bytes; }
  for (const { owner, built_in: isBuiltIn, size_bytes: size } of datasets) if (!isBuiltIn) { const own = of(owner ?? "local"); own.datasets++; own.datasetBytes += size ?? 0; }
  return [...found.values()].sort((one, other) => one.owner.localeCompare(other.owner));
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

/** What is limited, and how people say it. */
const USES = { jobs: "jobs that wait or run", waiting_s: "time that your waiting jobs take", dataset_bytes: "uploaded datasets", model_bytes: "published versions", predict_per_s: "predictions" };
const write = (name, value) => (name.endsWith("_per_s") ? `${value} per second` : name.endsWith("_bytes") ? bytes(value) : name.endsWith("_s") ? duration(value) : String(value));

/** What this key has used of what it may use. */
function Usage() {
  const mine = useResource("/me", { every: 10000 });
  if (!hasKeys()) return html`<${Panel} title="Your key"><p>This server asks for no key: everybody who reaches it may do everything. Keys are asked for when it serves other computers.</p><//>`;
  return html`<${Panel} title="Your key"><${Await} of=${mine}>${({ name, scopes, limits, used }) => html`
    <p>You are <strong>${name}</strong> and may ${scopes.join(", ")}.</p>
    <table><thead><tr><th scope="col">what</th><th scope="col" class="number">used</th><th scope="col" class="number">allowed</th></tr></thead><tbody>${Object.entries(USES).map(([limit, label]) => html`<tr key=${limit}><th scope="row">${label}</th>
      <td class="number">${isKnown(used[limit]) ? write(limit, used[limit]) : "–"}</td><td class="number">${isKnown(limits[limit]) ? write(limit, limits[limit]) : "no limit"}</td></tr>`)}</tbody></table>`}<//>
    <${Tour} path="/me" data=${mine.data ?? undefined} /><//>`;
}

const isKnown = (value) => value !== null && value !== undefined;
