// One run, live: every epoch as it comes.
import { useAnswer } from "../core/answers.js";
import { at, post, remove, send } from "../core/api.js";
import { html } from "../core/html.js";
import { useJob } from "../core/job.js";
import { useAction, useResource } from "../core/resource.js";
import { go } from "../core/router.js";
import { howFar, isOver, KINDS, publishes, rowOf, share } from "../core/rows.js";
import { hasKeys } from "../core/server.js";
import { ago, bytes, count, duration, figure, percent, plural, settingName } from "../core/words.js";
import { Await, Badge, Confirm, Download, Fault, Figure, Panel, Term } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { Findings } from "../parts/doctor.js";
import { Tour } from "../parts/tour.js";

export function Run({ steps: [, id] }) {
  const job = useJob(id);
  return html`<${Await} of=${job}>${(record) => html`<${Live} job=${record} reload=${job.reload} />`}<//>`;
}

function Live({ job, reload }) {
  const row = rowOf(job);
  return html`<${Head} job=${job} row=${row} reload=${reload} />
    <${Trouble} job=${job} />
    ${row.kind === "predictions" ? html`<${Rows} job=${job} row=${row} />` : null}
    ${row.kind === "training" ? html`<${Training} job=${job} />` : html`<${Log} job=${job} />`}`;
}

function Training({ job }) {
  return html`<div class="columns">
      <${Panel} title="Accuracy" tools=${html`<${Term} name="accuracy">what is this?<//>`}><${Curves} job=${job} kind="accuracy" asPercent />
        ${job.history?.loss?.length ? html`<p><${Download} href=${at`/jobs/${job.id}/tensorboard`} name=${`events.out.tfevents.${job.id}`}>Curves for TensorBoard<//></p>` : null}
        <${Tour} path=${at`/jobs/${job.id}`} data=${job} /><//>
      <${Panel} title="Loss" tools=${html`<${Term} name="loss">what is this?<//>`}><${Curves} job=${job} kind="loss" /><${Tour} path=${at`/jobs/${job.id}/curves.svg`} save="curves.svg" /><//>
    </div>
    <${Doctor} job=${job} />
    <div class="columns"><${Settings} request=${job.request} /><${Log} job=${job} /></div>`;
}

/** What was classified, and the rows of it when the job has ended. */
function Rows({ job, row }) {
  const { predictions, dataset } = job.request;
  const path = at`/jobs/${job.id}/predictions`;
  const what = predictions.source === "split" ? `The ${predictions.split} pictures of ${dataset}` : `Your pictures, ${bytes(predictions.size_bytes)}`;
  return html`<${Panel} title="Answers" wide>
    <p>${what}, classified by <a href=${`#/model/${predictions.version}`}>${predictions.version.replace("/", ", version ")}</a>.</p>
    ${isOver(job.state) ? html`<p class="buttons"><${Download} href=${`${path}?format=csv`} name=${`${job.id}.csv`} button>Download as a table (CSV)<//>
      <${Download} href=${`${path}?format=jsonl`} name=${`${job.id}.jsonl`} button>Download as JSON lines<//></p>
      ${job.state === "succeeded" ? html`<${FirstRows} path=${path} />` : html`<p class="quiet">The rows that it had written when it ended.</p>`}`
    : html`<p class="quiet">You may close this page: the work goes on, and this address shows how far it is. The rows are here when it has ended${row.steps ? "" : "; it counts the pictures first"}.</p>`}
    <${Tour} path=${`${path}?format=csv`} save="answers.csv" /><//>`;
}

const SHOWN_ROWS = 10;
const SHOWN_BYTES = 8191;

/** The first rows, so that one sees what the file has; only so many bytes are read. */
function FirstRows({ path }) {
  const found = useAnswer([path], async (abort) => (await send("GET", `${path}?format=jsonl`, { signal: abort, headers: { Range: `bytes=0-${SHOWN_BYTES}` } })).text());
  const rows = (found.answer ?? "").split("\n").slice(0, -1).slice(0, SHOWN_ROWS).map((line) => JSON.parse(line));
  if (!rows.length) return html`<${Fault} error=${found.error} />`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="The first answers"><table class="narrow">
    <thead><tr><th scope="col">picture</th><th scope="col">label</th><th scope="col" class="number">probability</th></tr></thead>
    <tbody>${rows.map((one) => html`<tr key=${one.name}><th scope="row">${one.name}</th><td>${one.error ? html`<${Badge} state="warning">${one.error.message ?? one.error}<//>` : one.label}</td><td class="number">${one.error ? "" : percent(one.score)}</td></tr>`)}</tbody></table></div>`;
}

function Head({ job, row, reload }) {
  const cancel = useAction(async () => { await post(at`/jobs/${job.id}/cancel`); await reload(); });
  const finish = useAction(async () => { await post(at`/jobs/${job.id}/finish`); await reload(); });
  const again = useAction(async () => { const made = await post("/jobs", withoutNulls({ ...job.request, ...(job.state === "failed" ? {} : { seed: undefined }) })); go(at`#/run/${made.id}`); });
  const forget = useAction(async () => { await remove(at`/jobs/${job.id}`); go("#/"); });
  const over = isOver(job.state);
  const isTraining = row.kind === "training";
  const hasMade = row.version && publishes(row);
  const version = job.request.export?.version ?? job.request.record ?? job.request.predictions?.version ?? "";
  return html`<${Panel} title=${row.name} id="run-head" wide tools=${html`<${Badge} state=${job.state} />`}>
    <p class="progress-line" role="status">${sentence(job, row)}</p>
    ${job.state === "running" ? html`<progress max=${isTraining ? row.epochs || 1 : 1} value=${isTraining ? row.epoch : share(row) ?? undefined} aria-label=${isTraining ? "Epochs" : "How far it is"}></progress>` : null}
    <dl class="figures">
      ${isTraining ? null : html`<${Figure} name="what it does">${KINDS[row.kind]}<//>`}
      ${row.dataset ? html`<${Figure} name="dataset"><a class="clip" href=${at`#/data/${row.dataset}`}>${row.dataset}</a><//>` : null}
      ${isTraining ? html`<${Figure} name="network">${row.architecture}<//>
      <${Figure} name=${html`best <${Term} name="validation" />`}>${percent(row.validation)}<//>` : null}
      ${job.request.export ? html`<${Figure} name="format">${job.request.export.format}<//>` : null}
      ${row.test !== null && publishes(row) ? html`<${Figure} name=${html`<${Term} name="test" />`}>${percent(row.test)}<//>` : null}
      ${job.state === "running" && row.speed ? html`<${Figure} name="speed">${count(Math.round(row.speed))} pictures per second<//>` : null}
      <${Figure} name="time">${duration(row.seconds)}<//>
      ${hasKeys() ? html`<${Figure} name="owner">${row.owner}<//>` : null}
      ${row.priority ? html`<${Figure} name="priority">${row.priority}<//>` : null}
      ${row.tags.length ? html`<${Figure} name="tags">${row.tags.join(", ")}<//>` : null}
    </dl>
    ${job.note ? html`<p class="quiet">${job.note}</p>` : null}
    <p class="buttons">
      ${hasMade ? html`<a class="button primary" href=${at`#/look/${row.name}/${row.version}`}>Try it on a picture</a><a class="button" href=${at`#/model/${row.name}/${row.version}`}>See the model</a>` : null}
      ${version && !hasMade ? html`<a class="button" href=${`#/model/${version}`}>See the model</a>` : null}
      ${job.state === "running" && isTraining ? html`<button type="button" disabled=${finish.busy || row.cancelling} onClick=${finish.run}>Finish now, keep the best epoch</button>` : null}
      ${over ? null : html`<button type="button" disabled=${cancel.busy || row.cancelling} onClick=${cancel.run}>${row.cancelling ? "Cancelling" : "Cancel"}</button>`}
      ${over && isTraining ? html`<button type="button" disabled=${again.busy} onClick=${again.run}>${job.state === "failed" ? "Retry" : "Run again with another seed"}</button>` : null}
      ${isTraining ? html`<a class="button" href=${at`#/new?clone=${job.id}`}>Change something and run</a>` : null}
      ${job.group ? html`<a class="button" href=${at`#/compare?group=${job.group}`}>Compare its group</a>` : null}
      ${over ? html`<${Confirm} label="Delete" action=${forget.run} question=${row.kind === "predictions" ? "Delete this job and its answers?" : "Delete the record and the log of this run? A published model stays."} />` : null}
    </p>
    <${Fault} error=${cancel.error ?? finish.error ?? again.error ?? forget.error} />
  <//>`;
}

function sentence(job, row) {
  switch (job.state) {
    case "queued": return `Waiting${row.position ? `: number ${row.position} in the queue` : ""}${row.eta !== null ? `, starts in about ${duration(row.eta)}` : ""}. Created ${ago(job.created_at)}.`;
    case "running": return `${capital(row.phase || "starting")}${row.kind !== "training" ? (howFar(row) ? `: ${howFar(row)}` : "") : row.epoch ? `: epoch ${row.epoch} of ${row.epochs} has ended` : ""}${row.eta !== null ? `, about ${duration(row.eta)} left` : ""}.${job.progress?.message ? ` ${job.progress.message}` : ""}`;
    case "succeeded": return !row.version || !publishes(row) ? `Done ${ago(job.finished_at)}.` : `Published as version ${row.version} of ${row.name}, ${ago(job.finished_at)}.`;
    case "failed": return `Ended with an error ${ago(job.finished_at)}.`;
    default: return `Cancelled ${ago(job.finished_at)}.`;
  }
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function Trouble({ job }) {
  if (!job.error) return null;
  return html`<${Panel} title="What went wrong" wide><div class="fault"><p><strong>${job.error.message}</strong> <code>${job.error.code}</code></p>
    ${job.error.hint ? html`<p>${job.error.hint}</p>` : null}</div><//>`;
}

/** Solid: validation, dashed: training; a ring marks the best epoch. */
function Curves({ job, kind, asPercent = false }) {
  const { history = {}, request, state } = job;
  const values = history[`val_${kind}`] ?? [];
  const best = history.best_epoch;
  if (!values.length && !history[kind]?.length) return html`<p class="quiet">${isOver(state) ? "No epoch has ended." : "The first point comes after the first epoch."}</p>`;
  const bestBy = request.early_stopping?.monitor === "val_accuracy" ? "validation accuracy" : "validation loss";
  return html`<${Chart} title=${kind === "loss" ? "Loss of each epoch" : "Accuracy of each epoch"} asPercent=${asPercent}
    curves=${[{ name: "validation", values, colour: 0, best }, { name: "training", values: history[kind] ?? [], colour: 1, isDashed: true }]} />
    ${best ? html`<p class="quiet">Best epoch: ${best}, by ${bestBy}. Its validation ${kind}: ${asPercent ? percent(values[best - 1]) : figure(values[best - 1])}.</p>` : null}`;
}

function Doctor({ job }) {
  const version = useResource(job.model && !job.doctor ? at`/models/${job.model.name}/versions/${job.model.version}/doctor` : null);
  const findings = (job.doctor ?? version.data)?.findings;
  if (!findings || (job.state === "failed" && !findings.length)) return null; // "nothing to object to" beside what went wrong
  return html`<${Findings} findings=${findings} tour=${job.model ? at`/models/${job.model.name}/versions/${job.model.version}/doctor` : at`/jobs/${job.id}`} />`;
}

const isNothing = (value) => value === null || value === undefined || value === false || value === 0 || (typeof value === "object" && !Array.isArray(value) && Object.values(value).every(isNothing));

/** The request without what is not set, so that it can be sent again. */
function withoutNulls(value) {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null && entry !== undefined).map(([name, entry]) => [name, withoutNulls(entry)]));
}

function flat(value, path = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, entry]) => flat(entry, path ? `${path}.${name}` : name));
}

function Settings({ request }) {
  const lines = flat(request).filter(([path, value]) => !isNothing(value) && !path.startsWith("architecture.") && (path !== "augmentation.padding" || request.augmentation.shift_pixels > 0) && !(Array.isArray(value) && typeof value[0] === "object"));
  const layers = request.architecture?.layers;
  return html`<${Panel} title="Settings">
    <div class="scroll" tabindex="0" role="region" aria-label="Settings of this run"><table><tbody>${lines.map(([path, value]) => html`<tr key=${path}><th scope="row">${settingName(path)}</th><td>${String(value)}</td></tr>`)}
      ${layers ? html`<tr><th scope="row">own network</th><td>${plural(layers.length, "layer")}</td></tr>` : null}</tbody></table></div>
    <${Tour} method="POST" path="/jobs" json=${withoutNulls(request)} />
  <//>`;
}

function Log({ job }) {
  const log = useResource(at`/jobs/${job.id}/log`, { text: true, every: isOver(job.state) ? 0 : 3000 });
  return html`<${Panel} title="Log"><${Await} of=${log}>${(text) => html`<pre class="log" tabindex="0" role="region" aria-label="Log">${text || "Nothing yet."}</pre>`}<//>
    <${Tour} path=${at`/jobs/${job.id}/log`} save="job.log" /><//>`;
}
