// All runs: find, sort, compare, cancel, delete.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { at, get, post, query, remove } from "../core/api.js";
import { html } from "../core/html.js";
import { listen, restarts } from "../core/live.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { howFar, isOver, KINDS, publishes, rowOf, STATES } from "../core/rows.js";
import { hasKeys, patched } from "../core/server.js";
import { ago, duration, percent } from "../core/words.js";
import { Badge, Confirm, Fault, Loading, Panel, Term } from "../parts/basics.js";
import { Tour } from "../parts/tour.js";

/** @typedef {import("../core/rows.js").Row} Row */

const PAGE = 50;
const MAX_COMPARED = 10;
const NUMBERS = ["validation", "test"];
/** @type {[string, any, ((row: Row) => any) | null][]} */
const COLUMNS = [
  ["name", "name", (row) => row.name.toLowerCase()],
  ["owner", "owner", (row) => row.owner],
  ["state", "state", (row) => STATES.indexOf(row.state)],
  ["dataset", "dataset", (row) => row.dataset],
  ["architecture", "architecture", (row) => `${row.architecture} ${row.setting}`],
  ["validation", html`<${Term} name="validation" />`, (row) => -(row.validation ?? -1)],
  ["test", html`<${Term} name="test" />`, (row) => -(row.test ?? -1)],
  ["time", "time", (row) => row.seconds ?? Infinity],
  ["alias", "alias", null],
  ["doctor", "doctor", (row) => ["error", "warning", "info", "none", ""].indexOf(row.doctor)],
];

/** The pages of jobs that are loaded, kept new by events. */
function useRuns(states) {
  const [rows, setRows] = useState(/** @type {Row[] | null} */ (null));
  const [next, setNext] = useState("");
  const [error, setError] = useState(/** @type {any} */ (null));
  const asked = useRef(0);
  const filter = states ? `&${states.split(",").map((state) => `state=${state}`).join("&")}` : "";
  const wanted = useRef(PAGE);
  const read = async (more = false) => {
    const turn = ++asked.current;
    if (more) wanted.current += PAGE;
    try {
      // Running and queued jobs come first, on whatever page they are.
      const [running, queued] = states ? [{ jobs: [] }, { jobs: [] }] : await Promise.all([get("/jobs?view=row&state=running&limit=100"), get("/jobs?view=row&state=queued&limit=200")]);
      const { jobs, total, next: following } = await get(`/jobs?view=row&limit=${Math.min(500, wanted.current)}${filter}`);
      if (turn !== asked.current) return;
      const active = [...running.jobs, ...queued.jobs.sort((one, other) => (one.position ?? 0) - (other.position ?? 0))];
      const ids = new Set(active.map(({ id }) => id));
      const order = [...active, ...jobs.filter(({ id }) => !ids.has(id))];
      setRows(order.map(rowOf));
      setNext(following ?? (total > wanted.current ? "more" : ""));
      setError(null);
    } catch (fault) { if (turn === asked.current) setError(fault); }
  };
  useEffect(() => {
    wanted.current = PAGE;
    let timer = 0;
    const soon = () => { clearTimeout(timer); timer = setTimeout(() => { if (!document.hidden) read(); }, 200); };
    const stopRestarts = restarts.subscribe(soon);
    const stop = listen(({ kind, job, data }) => {
      if (!["progress", "epoch"].includes(kind)) { soon(); return; }
      setRows((old) => old?.map((row) => (row.id === job ? patched(row, data) : row)) ?? old);
    });
    const onVisible = () => { if (!document.hidden) soon(); };
    document.addEventListener("visibilitychange", onVisible);
    return () => { clearTimeout(timer); stop(); stopRestarts(); document.removeEventListener("visibilitychange", onVisible); };
  }, [states]);
  return { rows, next, error, read };
}

export function Runs() {
  const asked = place.value.query;
  const states = asked.get("state") ?? "";
  const text = asked.get("q") ?? "";
  const sort = asked.get("sort") ?? "";
  const { rows, next, error, read } = useRuns(states);
  const models = useResource("/models");
  const [ticked, setTicked] = useState(/** @type {Set<string>} */ (new Set()));
  const aliases = useMemo(() => versionsByJob(models.data?.models ?? []), [models.data]);
  useEffect(() => { models.reload(); }, [rows?.filter(({ version }) => version).length]);
  const shown = useMemo(() => arranged(rows ?? [], text, sort, aliases), [rows, text, sort, aliases]);
  if (!rows) return error ? html`<${Fault} error=${error} />` : html`<${Loading} what="Reading the runs" />`;
  if (!rows.length && !states) return html`<${Empty} />`;
  const chosen = shown.filter(({ id }) => ticked.has(id));
  return html`<${Fault} error=${error?.status ? error : null} />
    <div class="toolbar" role="search">
      <label>Find <input type="search" value=${text} placeholder="name, dataset, owner …" onInput=${(event) => setQuery({ q: event.currentTarget.value })} /></label>
      <label>State <select value=${states} onChange=${(event) => setQuery({ state: event.currentTarget.value })}>
        <option value="">all</option>${STATES.map((state) => html`<option key=${state} value=${state}>${state}</option>`)}</select></label>
      <${Selected} rows=${chosen} done=${() => { setTicked(new Set()); read(); }} />
    </div>
    <${Table} rows=${shown} sort=${sort} ticked=${ticked} setTicked=${setTicked} aliases=${aliases} />
    ${shown.length ? null : html`<p class="quiet">No run matches.</p>`}
    ${next ? html`<p><button type="button" onClick=${() => read(true)}>Show older runs</button></p>` : null}
    <${Tour} path=${`/jobs${query({ limit: PAGE, state: states })}`} />`;
}

/** @returns {Map<string, {aliases: string, doctor: string}>} */
function versionsByJob(models) {
  return new Map(models.flatMap(({ versions }) => versions.map((line) => [line.job, { aliases: line.aliases.join(", "), doctor: line.doctor?.worst ?? "" }])));
}

/** @param {Row[]} rows @returns {Row[]} */
function arranged(rows, text, sort, versions) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const withDoctor = rows.map((row) => ({ ...row, doctor: row.doctor || versions.get(row.id)?.doctor || "" }));
  const found = withDoctor.filter((row) => {
    const all = [row.name, row.id, row.owner, row.state, row.dataset, row.architecture, row.setting, KINDS[row.kind], versions.get(row.id)?.aliases, ...row.tags].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const [name, direction] = sort.split("-");
  const by = COLUMNS.find(([column]) => column === name)?.[2] ?? (name === "alias" ? (row) => versions.get(row.id)?.aliases || "~" : null);
  if (!by) return found;
  const sign = direction === "down" ? -1 : 1;
  return found.sort((one, other) => { const a = by(one); const b = by(other); return a < b ? -sign : a > b ? sign : 0; });
}

function Table({ rows, sort, ticked, setTicked, aliases }) {
  const last = useRef(-1);
  const tick = (index, event) => {
    const next = new Set(ticked);
    const on = event.currentTarget.checked;
    const [from, to] = event.shiftKey && last.current >= 0 ? [Math.min(last.current, index), Math.max(last.current, index)] : [index, index];
    for (const { id } of rows.slice(from, to + 1)) { if (on) next.add(id); else next.delete(id); }
    last.current = index;
    setTicked(next);
  };
  const [sorted, direction] = sort.split("-");
  const sortBy = (name) => setQuery({ sort: sorted !== name ? name : direction ? "" : `${name}-down` });
  const columns = COLUMNS.filter(([name]) => name !== "owner" || hasKeys() || rows.some(({ owner }) => owner !== "local"));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Runs"><table class="runs">
    <thead><tr><td></td>${columns.map(([name, label]) => html`<th scope="col" key=${name} class=${NUMBERS.includes(name) ? "number" : ""} aria-sort=${sorted === name ? (direction ? "descending" : "ascending") : undefined}>
      ${typeof label === "string" ? null : label}<button type="button" class="sort" aria-label=${`Sort by ${name}`} onClick=${() => sortBy(name)}>${typeof label === "string" ? label : ""}<span aria-hidden="true">${sorted === name ? (direction ? " ▾" : " ▴") : " ↕"}</span></button></th>`)}</tr></thead>
    <tbody>${rows.map((row, index) => html`<tr key=${row.id} class=${ticked.has(row.id) ? "ticked" : ""}>
      <td><input type="checkbox" checked=${ticked.has(row.id)} aria-label=${`Choose ${row.name}, ${row.id}`} onClick=${(event) => tick(index, event)} /></td>
      ${columns.map(([name]) => html`<${Cell} key=${name} name=${name} row=${row} version=${aliases.get(row.id)} />`)}
    </tr>`)}</tbody></table></div>`;
}

function Cell({ name, row, version }) {
  switch (name) {
    case "name": return html`<th scope="row"><a class="clip" href=${at`#/run/${row.id}`} title=${[`${row.name} (${row.id})`, ...row.tags].join(", ")}>${row.name}</a>
      ${row.version ? html` <a class="small-text" href=${at`#/model/${row.name}/${row.version}`}>v${row.version}</a>` : null}</th>`;
    case "architecture": return row.kind !== "training" ? html`<td class="quiet">${KINDS[row.kind]}</td>` : html`<td><span class="clip" title=${row.architecture}>${row.architecture}</span>${row.setting ? html`<span class="setting clip" title=${row.setting}>${row.setting}</span>` : null}</td>`;
    case "state": return html`<td><${Badge} state=${row.state}>${stateText(row)}<//>${row.error ? html`<span class="small-text"> ${row.error.code}</span>` : null}</td>`;
    case "validation": return html`<td class="number">${percent(row.validation)}</td>`;
    case "test": return html`<td class="number">${publishes(row) ? percent(row.test) : "–"}</td>`;
    case "time": return html`<td title=${`created ${ago(row.created)}`}>${row.state === "queued" ? ago(row.created) : duration(row.seconds)}</td>`;
    case "alias": return html`<td>${version?.aliases ?? ""}</td>`;
    case "doctor": return html`<td>${row.doctor && row.doctor !== "none" ? html`<${Badge} state=${row.doctor} />` : row.doctor === "none" ? html`<span class="quiet">fine</span>` : ""}</td>`;
    default: return html`<td><span class="clip" title=${row[name]}>${row[name]}</span></td>`;
  }
}

const stateText = (row) => {
  if (row.state === "running") return howFar(row) || row.phase || "running";
  if (row.state === "queued" && row.position) return `queued, number ${row.position}${row.priority ? `, priority ${row.priority}` : ""}`;
  return row.state;
};

/** What can be done with the ticked runs. */
function Selected({ rows, done }) {
  const open = rows.filter(({ state }) => !isOver(state));
  const over = rows.filter(({ state }) => isOver(state));
  const cancel = useAction(async () => { await Promise.all(open.map(({ id }) => post(at`/jobs/${id}/cancel`))); done(); });
  const forget = useAction(async () => { await Promise.all(over.map(({ id }) => remove(at`/jobs/${id}`))); done(); });
  const compare = () => go(`#/compare?jobs=${rows.map(({ id }) => id).join(",")}`);
  return html`<div class="buttons" role="group" aria-label="With the chosen runs">
    <button type="button" disabled=${rows.length < 2 || rows.length > MAX_COMPARED} title=${`Choose 2 to ${MAX_COMPARED} runs`} onClick=${compare}>Compare${rows.length > 1 ? ` ${rows.length}` : ""}</button>
    <button type="button" disabled=${!open.length || cancel.busy} onClick=${cancel.run}>Cancel${open.length ? ` ${open.length}` : ""}</button>
    ${over.length ? html`<${Confirm} label=${`Delete ${over.length}`} busy=${forget.busy} action=${forget.run}
      question=${`Delete the records and logs of ${over.length} finished runs? Published models stay.`} />` : html`<button type="button" disabled>Delete</button>`}
    <${Fault} error=${cancel.error ?? forget.error} />
  </div>`;
}

/** A first network that is good after a minute: with the lesson's optimizer it gets 62 % of the test pictures right, with Adam 76 %. */
const FIRST = { architecture: "lenet5-fashion", dataset: "fashion_mnist_sample", epochs: 8, optimizer: "adam" };

/** An empty server: three ways to start. */
function Empty() {
  const train = useAction(async () => {
    const job = await post("/jobs", FIRST);
    go(at`#/run/${job.id}`);
  });
  return html`<${Panel} title="Nothing has been trained here yet" wide>
    <p>Start with one of these. The first takes about a minute, and needs nothing but this click.</p>
    <div class="starts">
      <button type="button" class="start primary" disabled=${train.busy} onClick=${train.run}><strong>Train a first network</strong><span>LeNet-5 on 3,000 pictures of clothing that come with the program. Then give it a picture.</span></button>
      <button type="button" class="start" onClick=${() => go("#/data")}><strong>Bring your own pictures</strong><span>A folder or a zip: one folder for each class.</span></button>
      <button type="button" class="start" onClick=${() => go("#/learn")}><strong>Take the lesson</strong><span>Convolution, pooling, “tanh or ReLU?”, “is deeper better?” — on your own picture.</span></button>
    </div>
    <${Fault} error=${train.error} />
    <${Tour} method="POST" path="/jobs" json=${FIRST} />
  <//>`;
}
