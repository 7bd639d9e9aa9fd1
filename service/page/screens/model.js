// One version of a model: how good it is, where it errs, which aliases point to it, and its files.
import { useEffect, useState } from "preact/hooks";
import { at, query, remove, send } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { hasKeys } from "../core/server.js";
import { ago, bytes, count, figure, percent, plural } from "../core/words.js";
import { Await, Badge, Confirm, Download, Fault, Figure, Panel, Picture, Term } from "../parts/basics.js";
import { Calibration } from "../parts/calibration.js";
import { Findings } from "../parts/doctor.js";
import { Doubtful } from "../parts/doubtful.js";
import { Exports } from "../parts/exports.js";
import { Feedback } from "../parts/feedback.js";
import { Film } from "../parts/film.js";
import { ManyPictures } from "../parts/many_pictures.js";
import { Matrix } from "../parts/matrix.js";
import { partsOf, rolesOf, Split, Try } from "../parts/splits.js";
import { Tour } from "../parts/tour.js";

const MISTAKES = 60;
const FIGURES_EVERY_MS = 10000;

export function Model({ steps: [, name, number] }) {
  const model = useResource(at`/models/${name}`, { every: 15000 });
  const asked = Number(number) || model.data?.latest || null;
  const address = asked ? at`/models/${name}/versions/${asked}` : null;
  const version = useResource(address);
  const evaluation = useResource(version.data?.files["evaluation.json"] ? `${address}/files/evaluation.json` : null);
  const doctor = useResource(version.data?.doctor ? `${address}/doctor` : null);
  const reload = () => { model.reload(); version.reload(); };
  return html`<${Await} of=${version}>${(found) => html`
    <${Numbers} version=${found} evaluation=${evaluation.data} address=${address} />
    <div class="columns">
      <${Versions} model=${model.data} name=${name} version=${found} doctor=${doctor.data} reload=${reload} />
      ${evaluation.data?.calibration ? html`<${Panel} title="Calibration" tools=${html`<${Term} name="calibration">what is this?<//>`}><${Calibration} calibration=${evaluation.data.calibration} />
        <${Tour} path=${`${address}/files/evaluation.json`} data=${evaluation.data} /><//>` : null}
    </div>
    ${doctor.data?.findings ? html`<${Findings} findings=${doctor.data.findings} tour=${`${address}/doctor`} />` : null}
    ${evaluation.data ? html`<${Mistakes} evaluation=${evaluation.data} version=${found} address=${address} />` : null}
    ${"doubtful-labels.json" in found.files ? html`<${Doubtful} version=${found} address=${address} />` : null}
    ${"film.json" in found.files ? html`<${Film} address=${address} dataset=${found.dataset} classes=${found.classes} />` : null}
    <${Feedback} name=${found.model} />
    <div class="columns"><${ManyPictures} key=${address} version=${found} address=${address} /><div class="stack"><${Exports} key=${address} version=${found} address=${address} /><${Files} version=${found} address=${address} /></div></div>
    ${CAPTIONS.some(([file]) => file in found.files) ? html`<${Pictures} version=${found} address=${address} />` : null}
    <${Delete} version=${found} address=${address} />`}<//>`;
}

function Numbers({ version, evaluation, address }) {
  const { metrics } = version;
  return html`<${Panel} title="Numbers" wide>
    ${version.passed_over ? html`<p><${Badge} state="error">passed over: ${codeText(version.passed_over)}<//> The doctor found an error in its run, so this version answers only where it is named, or promoted.</p>` : null}
    ${version.note ? html`<p class="quiet">${version.note}</p>` : null}
    <dl class="figures">
      <${Figure} name=${html`<${Term} name="test" /> accuracy`}>${percent(metrics.test_accuracy)}<//>
      ${metrics.tta_test_accuracy !== undefined ? html`<${Figure} name="test accuracy with test-time augmentation">${percent(metrics.tta_test_accuracy)}<//>` : null}
      <${Figure} name=${html`best <${Term} name="validation" />`}>${percent(metrics.best_val_accuracy ?? metrics.val_accuracy)}<//>
      <${Figure} name="test loss">${figure(metrics.test_loss)}<//>
      ${evaluation?.top_3_accuracy !== undefined ? html`<${Figure} name="right class among the first three">${percent(evaluation.top_3_accuracy)}<//>` : null}
      <${Figure} name=${html`<${Term} name="parameters" />`}>${count(version.parameters)}<//>
      <${Figure} name="dataset"><a class="clip" href=${at`#/data/${version.dataset}`}>${version.dataset}</a><//>
      <${Figure} name="picture">${version.input_shape.join(" × ")}<//>
      <${Figure} name="published">${ago(version.published_at)}<//>
      ${hasKeys() && version.owner ? html`<${Figure} name="owner">${version.owner}<//>` : null}
    </dl>
    <p class="buttons"><a class="button primary" href=${at`#/look/${version.model}/${version.version}`}>Try it on a picture</a>
      <a class="button" href=${at`#/run/${version.job}`}>Its run</a><a class="button" href=${at`#/new?clone=${version.job}`}>Change something and run</a>
      <a class="button" href=${`${address}/report.html`}>Report</a></p>
    <${Tour} path=${address} data=${version} />
  <//>`;
}

const codeText = (code) => code.replaceAll("_", " ");

/** All versions, and the aliases with their history; promoting says first what changes. */
function Versions({ model, name, version, doctor, reload }) {
  const [alias, setAlias] = useState("champion");
  const aliases = Object.entries(model?.aliases ?? {}).filter(([other]) => !["latest", "best"].includes(other));
  const worst = doctor?.findings?.find(({ severity }) => severity === "error" || severity === "warning");
  const change = useAction(async (which, to, parts = {}) => { await send("PUT", at`/models/${name}/aliases/${which}`, { json: { version: to, ...parts } }); reload(); });
  const accuracy = (number) => model?.versions.find((line) => line.version === number)?.metrics.test_accuracy;
  const now = model?.aliases[alias];
  const split = model?.splits?.[alias];
  const difference = now && now !== version.version ? accuracy(version.version) - accuracy(now) : null;
  return html`<${Panel} title="Versions and aliases" tools=${html`<${Term} name="alias">what is an alias?<//>`}>
    <ul class="versions">${[...(model?.versions ?? [])].sort((one, other) => other.version - one.version).map((line) => html`<li key=${line.version}>
      <a href=${at`#/model/${name}/${line.version}`} aria-current=${line.version === version.version ? "page" : undefined}>version ${line.version}</a> ${percent(line.metrics.test_accuracy)} <span class="quiet">${ago(line.published_at)}</span>
      ${aliasesOf(model, line).map((one) => html` <span key=${one} class="badge alias">${one}</span>`)}
      ${line.passed_over ? html` <${Badge} state="error">passed over: ${codeText(line.passed_over)}<//>` : ["error", "warning"].includes(line.doctor?.worst) ? html` <${Badge} state=${line.doctor.worst} />` : null}</li>`)}</ul>
    <form class="promote" onSubmit=${(event) => { event.preventDefault(); change.run(alias, version.version); }}>
      <label>Alias <input value=${alias} onInput=${(event) => setAlias(event.currentTarget.value)} list="aliases" size="14" required spellcheck=${false} /></label>
      <datalist id="aliases">${aliases.map(([one]) => html`<option key=${one} value=${one} />`)}</datalist>
      <button type="submit" class="primary" disabled=${change.busy || now === version.version}>Promote version ${version.version}</button>
    </form>
    <p role="status">${now === version.version ? `${alias} is this version.` : now ? `${alias} is version ${now} now: promoting ${difference === null || Number.isNaN(difference) ? "moves it" : `changes the test accuracy by ${difference >= 0 ? "+" : "−"}${percent(Math.abs(difference))}`}.${split ? ` Promoting also ends its ${rolesOf(split).join(" and its ")}.` : ""}` : `There is no alias ${alias} yet.`}
      ${worst && now !== version.version ? html` <${Badge} state=${worst.severity}>The doctor objects: ${worst.title}<//>` : null}</p>
    ${now && now !== version.version ? html`<${Try} alias=${alias} now=${now} version=${version.version} split=${split} change=${change} />` : null}
    <${Fault} error=${change.error} />
    ${aliases.map(([one]) => html`<${History} key=${one} name=${name} alias=${one} version=${model.aliases[one]} split=${model.splits?.[one]} change=${change} accuracy=${accuracy} />`)}
    <${Tour} method="PUT" path=${at`/models/${name}/aliases/${alias || "champion"}`} json=${{ version: version.version }} />
  <//>`;
}

/** The names of a version, also those that the server computes. */
const aliasesOf = (model, line) => [...["latest", "best"].filter((name) => model[name] === line.version), ...line.aliases];

function History({ name, alias, version, split, change, accuracy }) {
  const found = useResource(at`/models/${name}/aliases/${alias}`, { every: split ? FIGURES_EVERY_MS : 0 });
  const parts = partsOf(split ?? {});
  useEffect(() => { if (found.data && (found.data.version !== version || partsOf(found.data) !== parts)) found.reload(); }, [version, parts]);
  const past = [...(found.data?.history ?? [])].reverse();
  const before = past.find((entry, index) => index > 0 && entry.version !== null && entry.version !== version && accuracy(entry.version) !== undefined)?.version;
  return html`<details class="alias-history"><summary>${alias} → version ${version}, changed ${plural(past.length, "time")}</summary>
    <ol>${past.map((entry) => html`<li key=${entry.at}>${entry.version === null ? "removed" : `version ${entry.version}${partsOf(entry)}`} <span class="quiet">${ago(entry.at)}</span></li>`)}</ol></details>
    ${split ? html`<${Split} alias=${alias} version=${version} split=${split} figures=${found.data?.figures} change=${change} />` : null}
    ${before ? html`<p><button type="button" disabled=${change.busy} onClick=${() => change.run(alias, before)}>Roll ${alias} back to version ${before}</button>
      <span class="quiet"> test accuracy ${percent(accuracy(before))} instead of ${percent(accuracy(version))}</span></p>` : null}`;
}

/** The matrix; a click on a cell shows exactly those mistakes. */
function Mistakes({ evaluation, version, address }) {
  const asked = place.value.query;
  const cell = asked.get("true") ? /** @type {[string, string]} */ ([asked.get("true") ?? "", asked.get("predicted") ?? ""]) : null;
  const matrix = evaluation.confusion_matrix;
  if (!matrix) return html`<${Panel} title="Mistakes" wide><p>The labels of the test pictures are hidden: only the score is shown.</p><//>`;
  const path = `${address}/mistakes${query({ true: cell?.[0], predicted: cell?.[1], limit: MISTAKES })}`;
  return html`<${Panel} title="Mistakes" wide>
    <div class="mistakes"><${Matrix} classes=${evaluation.classes} matrix=${matrix} chosen=${cell} choose=${(truth, answer) => setQuery({ true: truth, predicted: answer })} />
    <div><${Gallery} path=${path} cell=${cell} version=${version} /></div></div>
    <${Tour} path=${path} />
  <//>`;
}

function Gallery({ path, cell, version }) {
  const mistakes = useResource(version.files["mistakes.json"] ? path : null);
  if (!version.files["mistakes.json"]) return null;
  return html`<div class="gallery-head"><h3>${cell ? `${cell[0]} taken for ${cell[1]}` : "The mistakes it was surest of"}</h3>
      ${cell ? html`<button type="button" class="small" onClick=${() => setQuery({ true: "", predicted: "" })}>Show all</button>` : null}</div>
    <${Await} of=${mistakes}>${(found) => html`<p class="quiet">${found.mistakes.length < found.matching ? `${found.mistakes.length} of ${plural(found.matching, "picture")}, the surest first` : plural(found.matching, "picture")}. Click one to look inside.</p>
      <ul class="gallery" tabindex="0" role="list" aria-label="Mistakes">${found.mistakes.map((mistake) => html`<li key=${mistake.index}><a href=${`${at`#/look/${version.model}/${version.version}`}${query({ dataset: version.dataset, split: "test", index: mistake.index })}`}>
        <${Picture} src=${mistake.picture ?? at`/datasets/${version.dataset}/pictures/test/${mistake.index}.png?scale=3`} alt=${`Test picture ${mistake.index}`} width="84" height="84" />
        <span>${mistake.true} <span aria-hidden="true">→</span><span class="hidden">taken for</span> <strong>${mistake.predicted}</strong> <span class="one-line">${percent(mistake.probability, 0)}</span></span></a></li>`)}</ul>`}<//>`;
}

const CAPTIONS = [
  ["curves.png", "Accuracy and loss of every epoch"],
  ["doubtful-labels.png", "Training pictures whose label may be wrong"],
  ["predictions.png", "The first test pictures, with the network's answers"],
  ["mistakes.png", "The mistakes it was surest of"],
  ["confusion-matrix.png", "What is taken for what"],
  ["calibration.png", "Whether it is as sure as it is right"],
];
const MAIN_FILES = ["model.keras", "model.onnx", "history.json", "evaluation.json", "mistakes.json", "summary.txt", "doubtful-labels.json"];

/** Made when they are asked for. */
const CARDS = [["README.md", "model card, as model hubs read it"], ["MLmodel", "MLflow's description"], ["report.html", "all of this screen in one file"]];

function Pictures({ version, address }) {
  const there = CAPTIONS.filter(([file]) => file in version.files);
  return html`<${Panel} title="Pictures for your slides" wide><p class="quiet">Drawn once, when it was published.</p><ul class="thumbnails">${there.map(([file, caption]) => html`<li key=${file}>
    <a href=${`${address}/files/${file}`}><${Picture} src=${`${address}/files/${file}`} alt=${caption} /></a><${Download} href=${`${address}/files/${file}`} name=${file}>${caption}<//></li>`)}</ul><//>`;
}

function Files({ version, address }) {
  const main = MAIN_FILES.filter((file) => file in version.files);
  const others = Object.keys(version.files).filter((file) => !main.includes(file) && !file.endsWith(".png"));
  const list = (files) => html`<ul class="files">${files.map((file) => html`<li key=${file}>
      <${Download} href=${`${address}/files/${file}`} name=${`${version.model}-${version.version}-${file}`}>${file}<//> <span class="quiet">${bytes(version.files[file].size_bytes)}</span></li>`)}</ul>`;
  return html`<${Panel} title="Downloads">${list(main)}
    <ul class="files">${CARDS.map(([file, meaning]) => html`<li key=${file}><${Download} href=${`${address}/${file}`} name=${file}>${file}<//> <span class="quiet">${meaning}</span></li>`)}</ul>
    ${others.length ? html`<details><summary>${plural(others.length, "more file")} that the server works with</summary>${list(others)}</details>` : null}
    <${Tour} path=${`${address}/files/model.keras`} save="model.keras" /><//>`;
}

function Delete({ version, address }) {
  const forget = useAction(async () => { await remove(address); go("#/models"); });
  return html`<${Panel} title="Delete" wide><p>Version ${version.version} takes ${bytes(version.size_bytes)} of the store.</p>
    <${Confirm} label=${`Delete version ${version.version}`} word=${version.model} busy=${forget.busy} action=${forget.run}
      question=${`Delete version ${version.version} of ${version.model} for good? This frees ${bytes(version.size_bytes)}.${version.aliases.length ? ` ${version.aliases.join(", ")} point to it.` : ""}`} />
    <${Fault} error=${forget.error} /><//>`;
}
