// Runs side by side: curves with bands over seeds, only what differs, and the verdict in words.
import { at, post, query } from "../core/api.js";
import { html } from "../core/html.js";
import { useEffect } from "preact/hooks";
import { listen, onRestart } from "../core/live.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { duration, figure, percent, plural, settingName } from "../core/words.js";
import { Await, Badge, Fault, Panel } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { Code, Tour } from "../parts/tour.js";

const MAX_CURVES = 10;
const METRICS = { test_accuracy: "test accuracy", best_val_accuracy: "best validation accuracy", val_accuracy: "last validation accuracy", test_loss: "test loss", val_loss: "validation loss", seconds: "time" };
const KINDS = { clear: "succeeded", partly_clear: "succeeded", no_clear_difference: "info", cannot_tell: "queued", one_setting: "info", not_comparable: "warning" };

const write = (metric, value) => (value === null || value === undefined ? "–" : metric === "seconds" ? duration(value) : metric.endsWith("accuracy") ? percent(value) : figure(value));

export function Compare() {
  const asked = place.value.query;
  const metric = asked.get("metric") ?? "test_accuracy";
  const chosen = { jobs: asked.get("jobs") ?? undefined, group: asked.get("group") ?? undefined };
  const isAsked = chosen.jobs || chosen.group;
  const path = isAsked ? `/compare${query({ ...chosen, metric })}` : null;
  const compared = useResource(path);
  useFollowing(compared);
  if (!isAsked) return html`<${Choose} />`;
  return html`<div class="toolbar"><label>Judge by <select value=${metric} onChange=${(event) => setQuery({ metric: event.currentTarget.value })}>
      ${Object.entries(METRICS).map(([name, label]) => html`<option key=${name} value=${name}>${label}</option>`)}</select></label></div>
    <${Await} of=${compared}>${(answer) => html`<${Verdict} answer=${answer} />
      <${Curves} answer=${answer} />
      <div class="columns"><${Table} answer=${answer} metric=${metric} /><${Differ} answer=${answer} /></div>
      <${Runs} answer=${answer} metric=${metric} />
      <p><a href=${`/compare.png${query({ ...chosen, metric })}`}>As a picture</a></p>
      <${Tour} path=${path} data=${answer} />`}<//>`;
}

/** Reads the comparison again when an epoch or a run of it has ended, at most once a second. */
function useFollowing(compared) {
  const { data, reload } = compared;
  useEffect(() => {
    const jobs = new Set(data?.runs.map(({ job }) => job));
    let timer = 0;
    const soon = () => { if (!timer) timer = setTimeout(() => { timer = 0; if (!document.hidden) reload(); }, 600); };
    const stopRestarts = onRestart(soon);
    const stop = listen(({ kind, job }) => { if (jobs.has(job) && kind !== "progress") soon(); });
    return () => { clearTimeout(timer); stop(); stopRestarts(); };
  }, [data, reload]);
}

/** Groups to choose from, where the address names none. */
function Choose() {
  const groups = useResource("/groups?limit=30");
  return html`<${Panel} title="What to compare" wide><p>Tick runs in <a href="#/">the list of runs</a> and press Compare, or choose a group that was started together.</p>
    <${Await} of=${groups}>${({ groups: list }) => html`<ul>${list.map((group) => html`<li key=${group.id}><a href=${at`#/compare?group=${group.id}`}>${group.id}</a> ${Object.entries(group.counts).filter(([, n]) => n).map(([state, n]) => `${n} ${state}`).join(", ")}</li>`)}</ul>
      ${list.length ? null : html`<p><a href="#/new?compare=activation&seeds=3">Compare tanh with ReLU</a></p>`}`}<//><//>`;
}

const Verdict = ({ answer }) => html`<${Panel} title="Verdict" wide tools=${html`<${Badge} state=${KINDS[answer.verdict.kind] ?? "info"}>${answer.verdict.kind.replaceAll("_", " ")}<//>`}>
  <p class="verdict" role="status">${answer.verdict.text}</p>
  ${answer.verdict.method ? html`<p class="quiet">Method: ${answer.verdict.method}.</p>` : null}
  ${answer.next_requests.length ? html`<${Next} answer=${answer} />` : null}
<//>`;

/** The runs that would tell more: by a button, and as commands. */
function Next({ answer }) {
  const start = useAction(async () => {
    const made = [];
    for (const body of answer.next_requests) made.push(await post("/jobs", body));
    const jobs = made.flatMap((one) => one.jobs?.map(({ id }) => id) ?? [one.id]);
    go(`#/compare?jobs=${[...answer.runs.map(({ job }) => job), ...jobs].join(",")}`);
  });
  return html`<p class="buttons"><button type="button" disabled=${start.busy} onClick=${start.run}>Start these runs</button></p><${Fault} error=${start.error} />
    <details><summary>The commands for them</summary>${answer.next_commands.map((text) => html`<${Code} key=${text} text=${text} label="Next run" />`)}</details>`;
}

/** One curve for each setting: the mean over its seeds, with a band from the lowest to the highest. */
export function settingCurves(answer, name) {
  return answer.settings.slice(0, MAX_CURVES).map((setting, colour) => {
    const all = answer.runs.filter((run) => setting.jobs.includes(run.job)).map((run) => run.history?.[name] ?? []).filter((values) => values.length);
    const length = Math.max(0, ...all.map((values) => values.length));
    const across = (merge) => Array.from({ length }, (_, epoch) => merge(all.map((values) => values[epoch]).filter((value) => value !== undefined)));
    const curve = { name: setting.label || "all", colour, values: across((values) => values.reduce((sum, value) => sum + value, 0) / values.length) };
    return all.length > 1 ? { ...curve, low: across((values) => Math.min(...values)), high: across((values) => Math.max(...values)) } : curve;
  });
}

function Curves({ answer }) {
  const hidden = answer.settings.length - MAX_CURVES;
  return html`<div class="columns"><${Panel} title="Validation accuracy"><${Chart} title="Mean over the seeds; the band goes from the lowest run to the highest" asPercent curves=${settingCurves(answer, "val_accuracy")} /><//>
    <${Panel} title="Validation loss"><${Chart} title="Mean over the seeds; the band goes from the lowest run to the highest" curves=${settingCurves(answer, "val_loss")} /><//></div>
    ${hidden > 0 ? html`<p>Curves of the first ${MAX_CURVES} settings; ${hidden} more are in the table.</p>` : null}`;
}

function Table({ answer, metric }) {
  const order = [...answer.settings].sort((one, other) => (other.metrics[metric]?.mean ?? -Infinity) - (one.metrics[metric]?.mean ?? -Infinity));
  return html`<${Panel} title="Settings"><div class="scroll" tabindex="0" role="region" aria-label="Settings"><table>
    <thead><tr><th scope="col">setting</th><th scope="col" class="number">${METRICS[metric]}</th><th scope="col">lowest to highest</th><th scope="col" class="number">runs</th></tr></thead>
    <tbody>${order.map((setting) => { const spread = setting.metrics[metric]; return html`<tr key=${setting.label}><th scope="row">${setting.label === answer.verdict.leader ? "★ " : ""}${setting.label || "all"}</th>
      <td class="number">${write(metric, spread?.mean)}${spread?.deviation ? html`<span class="quiet"> ± ${write(metric, spread.deviation)}</span>` : null}</td>
      <td>${spread ? `${write(metric, spread.lowest)} to ${write(metric, spread.highest)}` : "–"}</td><td class="number">${spread?.n ?? 0} of ${setting.jobs.length}</td></tr>`; })}</tbody></table></div><//>`;
}

function Differ({ answer }) {
  const same = Object.entries(answer.same);
  return html`<${Panel} title="Only what differs"><table><tbody>${Object.entries(answer.differ).map(([path, values]) => html`<tr key=${path}><th scope="row">${settingName(path)}</th><td>${values.map((value) => (value === null ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value))).join(", ")}</td></tr>`)}</tbody></table>
    ${Object.keys(answer.differ).length ? null : html`<p>Nothing but the seed.</p>`}
    <details><summary>${plural(same.length, "setting")} in common</summary><div class="scroll" tabindex="0" role="region" aria-label="Common settings"><table><tbody>${same.map(([path, value]) => html`<tr key=${path}><th scope="row">${settingName(path)}</th><td>${typeof value === "object" ? JSON.stringify(value) : String(value)}</td></tr>`)}</tbody></table></div></details><//>`;
}

function Runs({ answer, metric }) {
  return html`<${Panel} title="Runs" wide><div class="scroll" tabindex="0" role="region" aria-label="Compared runs"><table><thead><tr><th scope="col">run</th><th scope="col">setting</th><th scope="col" class="number">seed</th><th scope="col">state</th><th scope="col" class="number">${METRICS[metric]}</th><th scope="col" class="number">best epoch</th></tr></thead>
    <tbody>${answer.runs.map((run) => html`<tr key=${run.job}><th scope="row" class="one-line"><a href=${at`#/run/${run.job}`}>${run.job}</a></th><td>${run.setting}</td><td class="number">${run.seed ?? "–"}</td><td><${Badge} state=${run.state} />${run.left_out ? html` <span class="quiet">${run.left_out}</span>` : null}</td>
      <td class="number">${write(metric, run.metrics[metric])}</td><td class="number">${run.best_epoch ?? "–"}</td></tr>`)}</tbody></table></div><//>`;
}
