// A new training: dataset, network, epochs, what to compare; what it will cost; and the curl for exactly this.
import { useEffect } from "preact/hooks";
import { at, get, post, query } from "../core/api.js";
import { useAnswer } from "../core/answers.js";
import { isReady } from "../core/datasets.js";
import { html } from "../core/html.js";
import { useAction, useLater, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { hasKeys, me } from "../core/server.js";
import { bodyOf, COMPARISONS, FIELDS, formOf, layersOf, linesOf } from "../core/training_form.js";
import { bytes, count, duration, plural } from "../core/words.js";
import { Fault, Figure, Loading, Panel, Term } from "../parts/basics.js";
import { Diagram, LayerTable } from "../parts/network.js";
import { Tour } from "../parts/tour.js";

const DEFAULTS = { dataset: "fashion_mnist_sample", architecture: "lenet5-fashion", epochs: "8" };

export function New() {
  const asked = place.value.query;
  const clone = asked.get("clone");
  useEffect(() => {
    if (!clone) return;
    get(at`/jobs/${clone}`).then((job) => { const form = formOf(job.request); setQuery({ ...Object.fromEntries([...asked.keys()].map((name) => [name, ""])), ...form, clone: "", from: job.id }); }).catch(() => {});
  }, [clone]);
  const datasets = useResource("/datasets");
  const presets = useResource("/architectures");
  if (!datasets.data || !presets.data || clone) return html`<${Fault} error=${datasets.error ?? presets.error} /><${Loading} />`;
  const epochs = asked.has("architecture") || asked.has("layers") ? "" : DEFAULTS.epochs; // of another network: what it suggests
  const architecture = asked.has("initial") ? "" : DEFAULTS.architecture; // a training that goes on has the network that is there
  return html`<${Form} form=${{ ...DEFAULTS, architecture, epochs, ...Object.fromEntries(asked) }} datasets=${datasets.data.datasets} presets=${presets.data.architectures} />`;
}

const change = (name) => (event) => setQuery({ [name]: event.currentTarget.type === "checkbox" ? (event.currentTarget.checked ? "true" : "") : event.currentTarget.value });

function parsed(form) {
  try { return { body: bodyOf(form), error: null }; } catch (error) { return { body: null, error: /** @type {Error} */ (error) }; }
}

function Form({ form, datasets, presets }) {
  const { body, error } = parsed(form);
  const start = useAction(async () => {
    const made = await post("/jobs", body);
    go(made.jobs ? at`#/compare?group=${made.id}` : at`#/run/${made.id}`);
  });
  const usable = datasets.filter(isReady);
  return html`<form class="new" onSubmit=${(event) => { event.preventDefault(); start.run(); }}>
    <div class="columns">
      <${Panel} title="What to learn">
        ${form.from ? html`<p class="quiet">As run <a href=${at`#/run/${form.from}`}>${form.from}</a>; change what you like.</p>` : null}
        <p class="field"><label for="dataset">Dataset</label><select id="dataset" value=${form.dataset} onChange=${change("dataset")}>
          ${usable.map(({ name, train, available }) => html`<option key=${name} value=${name}>${name} (${plural(train, "picture")}${available ? "" : ", fetched first"})</option>`)}</select>
          <a href=${at`#/data/${form.dataset}`}>See it</a></p>
        <p class="field"><label for="epochs"><${Term} name="epoch">Epochs<//></label><input id="epochs" type="number" min="1" max="1000" value=${form.epochs} placeholder=${suggestedEpochs(presets, form)} onInput=${change("epochs")} /></p>
        <p class="field"><label for="compare">What do you want to compare?</label><select id="compare" value=${form.compare ?? ""} onChange=${(event) => setQuery({ compare: event.currentTarget.value, values: "" })}>
          <option value="">nothing: one run</option>${Object.entries(COMPARISONS).map(([name, [label]]) => html`<option key=${name} value=${name}>${label}</option>`)}</select></p>
        ${form.compare ? html`<p class="field"><label for="values">Values</label><input id="values" value=${form.values ?? COMPARISONS[form.compare]?.[2]} onInput=${change("values")} spellcheck=${false} /></p>` : null}
        <p class="field"><label for="seeds"><${Term} name="seed">Seeds<//> for each</label><input id="seeds" type="number" min="1" max="20" value=${form.seeds ?? "1"} onInput=${change("seeds")} />
          ${form.compare && (Number(form.seeds) || 1) < 2 ? html`<span class="quiet">With 2 or more, the verdict can tell a difference from luck.</span>` : null}</p>
        <details><summary>Everything else</summary><${More} form=${form} /></details>
      <//>
      <${Cost} body=${body} error=${error} start=${start} />
    </div>
    <${Network} form=${form} presets=${presets} />
  </form>`;
}

const suggestedEpochs = (presets, form) => (form.layers ? "" : presets.find(({ name }) => name === form.architecture)?.recipe.epochs ?? "");

function More({ form }) {
  return html`<div class="more">${FIELDS.map(([name, , kind, label, values]) => html`<p class="field" key=${name}>
      ${kind === "flag" ? html`<label><input type="checkbox" checked=${form[name] === "true"} onChange=${change(name)} /> ${label}</label>` : html`<label for=${`field-${name}`}>${label}</label>
      ${values ? html`<select id=${`field-${name}`} value=${form[name] ?? ""} onChange=${change(name)}><option value="">as the network suggests</option>${values.map((value) => html`<option key=${value} value=${value}>${value}</option>`)}</select>`
      : html`<input id=${`field-${name}`} value=${form[name] ?? ""} inputmode=${kind === "number" ? "decimal" : undefined} onInput=${change(name)} spellcheck=${false} />`}`}</p>`)}
    <p class="field"><label for="field-extra">Further settings as JSON, added to the fields above</label><textarea id="field-extra" rows="3" spellcheck=${false} value=${form.extra ?? ""} onInput=${change("extra")} placeholder='{"class_weights": "balanced"}'></textarea></p></div>`;
}

/** A preset with its diagram, or own layers with a check at every keystroke. */
function Network({ form, presets }) {
  const preset = presets.find(({ name }) => name === form.architecture) ?? presets[0];
  const overrides = query({ dataset: form.dataset, activation: form.activation, depth: form.depth, width: form.width, dropout: form.dropout });
  const isGiven = Boolean(form.initial && !form.architecture && !form.layers);
  const detail = useResource(form.layers || isGiven ? null : at`/architectures/${preset.name}` + useLater(overrides));
  const own = () => setQuery({ layers: linesOf(detail.data?.architecture.layers ?? [{ type: "flatten" }, { type: "dense", units: "classes", activation: "softmax" }]), size: detail.data?.architecture.input_size ? JSON.stringify(detail.data.architecture.input_size) : "", activation: "", depth: "", width: "", dropout: "" });
  return html`<${Panel} title="Network" wide>
    <div class="toolbar"><label>Network <select value=${form.layers ? "own" : isGiven ? "" : preset.name} onChange=${(event) => (event.currentTarget.value === "own" ? own() : setQuery({ architecture: event.currentTarget.value, layers: "", size: "" }))}>
      ${form.initial ? html`<option value="">that of ${form.initial}</option>` : null}${presets.map(({ name, title, year }) => html`<option key=${name} value=${name}>${title}${year ? ` (${year})` : ""}</option>`)}<option value="own">your own layers</option></select></label>
      ${form.layers || isGiven ? null : html`<button type="button" onClick=${own} disabled=${!detail.data}>Change its layers</button>`}</div>
    ${form.layers ? html`<${Own} form=${form} />` : isGiven ? html`<p>It goes on from what ${form.initial} has learned.</p>` : html`<p class="quiet">${preset.source}</p><${Fault} error=${detail.error} />${detail.data ? html`<${Drawn} network=${detail.data} />` : null}
      <${Tour} path=${at`/architectures/${preset.name}` + overrides} data=${detail.data ?? undefined} />`}
  <//>`;
}

const Drawn = ({ network }) => html`<${Diagram} input=${network.input_shape} layers=${network.layers} />
  <p>${count(network.parameters)} parameters, ${count(Math.round(network.flops / 1000))} thousand multiplications and additions for one picture.</p>`;

function Own({ form }) {
  const text = useLater(form.layers);
  const check = useAnswer([text, form.dataset, form.size], (abort) => new Promise((resolve) => { resolve(layersOf(text)); })
    .then((layers) => post(`/architectures/check${query({ dataset: form.dataset })}`, { layers, ...(form.size ? { input_size: JSON.parse(form.size) } : {}) }, abort)));
  return html`<p class="field wide-field"><label for="layers">Layers, one a line</label><textarea id="layers" class="layers" rows="10" spellcheck=${false} value=${form.layers} onInput=${change("layers")}></textarea></p>
    <div role="status" class=${check.isOld ? "old" : ""}><${Fault} error=${check.error} />
      ${check.answer ? html`<p>✓ The shapes fit.</p><${Drawn} network=${check.answer} /><details><summary>All layers</summary><${LayerTable} layers=${check.answer.layers} /></details>` : null}</div>`;
}

/** What it will take, before it starts. */
function Cost({ body, error, start }) {
  const late = useLater(body, 300);
  const { answer, error: refused, isOld } = useAnswer([JSON.stringify(late)], (abort) => (late ? post("/jobs?dry_run=true", late, abort) : null));
  const first = answer?.jobs[0];
  return html`<${Panel} title="What it takes">
    <div role="status" class=${isOld ? "old" : ""}>
      <${Fault} error=${error ?? refused} />
      ${first ? html`<dl class="figures">
        <${Figure} name="runs">${answer.jobs.length}<//>
        <${Figure} name="time">about ${duration(answer.time.seconds)}<br /><span class="quiet">${duration(answer.time.low)} to ${duration(answer.time.high)}</span><//>
        <${Figure} name="memory">${bytes(Math.max(...answer.jobs.map(({ estimate }) => estimate.memory.total)))}<//>
        <${Figure} name=${html`<${Term} name="parameters" />`}>${[...new Set(answer.jobs.map(({ estimate }) => count(estimate.parameters)))].slice(0, 3).join(", ")}<//>
        <${Figure} name="training pictures">${count(first.estimate.training_pictures)}<//>
        <${Figure} name="size of the model">${bytes(first.estimate.files.keras)}<//>
      </dl><p class="quiet">${answer.time.basis}.</p>` : null}
      ${hasKeys() && me.value?.limits.jobs ? html`<p class="quiet">You may have ${plural(me.value.limits.jobs, "job")} that wait or run. <a href="#/class">What you have used</a></p>` : null}
    </div>
    <p class="buttons"><button type="submit" class="primary" disabled=${!body || start.busy || Boolean(refused)}>Start ${answer && answer.jobs.length > 1 ? plural(answer.jobs.length, "run") : "the run"}</button></p>
    <${Fault} error=${start.error} />
    ${body ? html`<${Tour} method="POST" path="/jobs" json=${body} />` : null}
  <//>`;
}
