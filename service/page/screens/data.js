// Datasets: upload with progress, what was left out and why, counts, pictures of each class, delete.
import { useState } from "preact/hooks";
import { at, query, remove } from "../core/api.js";
import { isReady, stateOf } from "../core/datasets.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { hasKeys } from "../core/server.js";
import { archiveOf, isOnlyArchive } from "../core/upload.js";
import { bytes, count, NAME, NAME_RULE, nameFrom, percent } from "../core/words.js";
import { Await, Badge, Confirm, Download, Fault, Figure, Panel, Picture } from "../parts/basics.js";
import { ArchiveDrop, inWords, Sending, useSending } from "../parts/file_drop.js";
import { Report } from "../parts/report.js";
import { Tour } from "../parts/tour.js";

const PICTURES = 60;

/** The files of the last upload from this tab, by name: the report shows those that were left out. */
/** @type {Map<string, Blob>} */
let lastFiles = new Map();

export const Data = ({ steps: [, name] }) => (name ? html`<${Dataset} name=${name} />` : html`<${Upload} /><${List} />`);

function List() {
  const datasets = useResource("/datasets", { every: 5000 });
  return html`<${Panel} title="Datasets" wide><${Await} of=${datasets}>${({ datasets: list }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Datasets"><table>
    <thead><tr><th scope="col">name</th><th scope="col">state</th>${hasKeys() ? html`<th scope="col">owner</th>` : null}<th scope="col" class="number">classes</th><th scope="col" class="number">training</th><th scope="col" class="number">test</th><th scope="col">picture</th><th scope="col">what it is</th></tr></thead>
    <tbody>${list.map((one) => html`<tr key=${one.name}><th scope="row"><a class="clip" title=${one.name} href=${at`#/data/${one.name}`}>${one.name}</a></th><td><${Badge} state=${stateOf(one)}>${one.progress ? `${one.progress.phase} ${percent(one.progress.total ? one.progress.done / one.progress.total : 0, 0)}` : stateOf(one)}<//></td>
      ${hasKeys() ? html`<td>${one.owner ?? ""}</td>` : null}<td class="number">${one.classes.length || "–"}</td><td class="number">${count(one.train)}</td><td class="number">${count(one.test)}</td><td class="one-line">${one.image_shape?.join(" × ") ?? "–"}</td><td class="sentence">${one.title}${one.available === false ? html` <span class="quiet">(fetched from the internet when it is first used)</span>` : null}</td></tr>`)}</tbody></table></div>`}<//>
    <${Tour} path="/datasets" /><//>`;
}

const suggestion = (files) => nameFrom(files[0].path.split("/")[0].replace(/(\.tar)?\.(zip|tar|gz|tgz|csv)$/i, ""));

function Upload() {
  const [files, setFiles] = useState(/** @type {import("../parts/file_drop.js").Files} */ ([]));
  const [options, setOptions] = useState(/** @type {Record<string, string>} */ ({ name: "", image_size: "", colour: "" }));
  const choose = (found) => { if (!found.length) return; setFiles(found); setOptions((old) => ({ ...old, name: old.name || suggestion(found) })); };
  const send = useSending(async (say) => {
    lastFiles = isOnlyArchive(files) ? new Map() : new Map(files.map(({ path, file }) => [path, file]));
    return { path: `/datasets${query(options)}`, body: await archiveOf(files, (share) => say("packing", share)) };
  }, (made) => go(at`#/data/${made.name}`));
  const set = (name) => (event) => setOptions({ ...options, [name]: event.currentTarget.value });
  return html`<${Panel} title="Bring your own pictures" wide>
    <form onSubmit=${(event) => { event.preventDefault(); send.run(); }}>
      <${ArchiveDrop} take=${choose}>
        <p><strong>Drop a folder or a zip here</strong>: one folder of pictures for each class, named like the class. Folders named train and test, a table of labels (CSV) and tar archives are understood, too.</p><//>
      ${files.length ? html`<p role="status">${inWords(files)}</p>
      <div class="toolbar"><label>Name <input value=${options.name} onInput=${set("name")} required maxlength="63" spellcheck=${false} /></label>
        <label>Picture size <input value=${options.image_size} onInput=${set("image_size")} placeholder="suits the pictures" inputmode="numeric" size="10" /></label>
        <label>Colour <select value=${options.colour} onChange=${set("colour")}><option value="">as the pictures are</option><option value="rgb">colour</option><option value="greyscale">grey</option></select></label></div>
      ${options.name && !NAME.test(options.name) ? html`<${Fault} error=${{ message: NAME_RULE }} />` : null}
      <p class="buttons"><button type="submit" class="primary" disabled=${send.busy || !NAME.test(options.name)}>Upload</button></p>` : null}
      <${Sending} sending=${send} />
      <${Fault} error=${send.error} />
    </form>
    <${Tour} method="POST" path=${`/datasets${query({ ...options, name: options.name || "pets" })}`} file="pictures.zip" />
  <//>`;
}

const PHOTO_SIDE = 64;

/** A network that suits the pictures: photographs start from learned weights, because there are few of them. */
function networkFor({ image_shape: shape, built_in: isBuiltIn }) {
  if (shape?.[2] !== 3) return "";
  return !isBuiltIn && Math.min(shape[0], shape[1]) >= PHOTO_SIDE ? "efficientnet-lite0" : "cnn";
}

function Dataset({ name }) {
  const dataset = useResource(at`/datasets/${name}`, { every: 2000 });
  const found = dataset.data;
  const forget = useAction(async () => { await remove(at`/datasets/${name}`); go("#/data"); });
  return html`<${Await} of=${dataset}>${(one) => html`
    <${Panel} title=${one.title || one.name} id="dataset-head" wide tools=${html`<${Badge} state=${stateOf(one)} />`}>
      ${one.progress ? html`<p role="status"><label>${one.progress.phase}, ${count(one.progress.done)} of ${count(one.progress.total)} files <progress max=${one.progress.total || 1} value=${one.progress.done}></progress></label></p>` : null}
      ${one.error ? html`<${Fault} error=${one.error} />` : null}
      ${one.addition ? html`<${Addition} addition=${one.addition} />` : null}
      ${one.note ? html`<p class="quiet">${one.note}</p>` : null}
      <dl class="figures"><${Figure} name="classes">${one.classes.length || "–"}<//><${Figure} name="training pictures">${count(one.train)}<//><${Figure} name="test pictures">${count(one.test)}<//>
        ${one.validation ? html`<${Figure} name="validation pictures">${count(one.validation)}<//>` : null}<${Figure} name="picture">${one.image_shape?.join(" × ") ?? "–"}<//>
        ${one.size_bytes ? html`<${Figure} name="size">${bytes(one.size_bytes)}<//>` : null}${one.version ? html`<${Figure} name="version">${one.version}<//>` : null}<${Figure} name="licence">${one.licence || "–"}<//></dl>
      <p class="buttons">${isReady(one) ? html`<a class="button primary" href=${`#/new${query({ dataset: name, architecture: networkFor(one) })}`}>Train on it</a>
        <${Download} href=${at`/datasets/${name}/croissant.json`} name=${`${name}-croissant.json`} button>Description (Croissant)<//>` : null}
        ${one.built_in ? null : html`<${Confirm} label="Delete" word=${name} busy=${forget.busy} action=${forget.run} question=${`Delete ${name} for good?${one.size_bytes ? ` This frees ${bytes(one.size_bytes)}.` : ""} Models that were trained on it stay.`} />`}</p>
      <${Fault} error=${forget.error} />
      <${Tour} path=${at`/datasets/${name}`} data=${one} />
    <//>
    ${one.report ? html`<${Panel} title="Report of the upload" wide><${Report} report=${one.report} files=${lastFiles} /><//>` : null}`}<//>
    ${found && isReady(found) && found.available !== false ? html`<${Samples} dataset=${found} />` : null}`;
}

/** Pictures that are becoming the next version, or could not. */
const Addition = ({ addition: { version, progress, error } }) => (error ? html`<${Fault} error=${error} />` : html`<p role="status"><label>Version ${version} is being made${progress ? `: ${progress.phase}, ${count(progress.done)} of ${count(progress.total)} files` : ""}
  <progress max=${progress?.total || 1} value=${progress?.total ? progress.done : undefined}></progress></label></p>`);

/** Pictures of one class or of all, page by page. */
function Samples({ dataset }) {
  const asked = place.value.query;
  const split = asked.get("split") ?? "train";
  const label = asked.get("label") ?? "";
  const offset = Number(asked.get("offset") ?? 0);
  const path = `${at`/datasets/${dataset.name}/pictures`}${query({ split, label, offset, limit: PICTURES })}`;
  const pictures = useResource(path);
  const splits = ["train", "test", ...(dataset.validation ? ["validation"] : [])];
  if (pictures.error?.status === 404) return null;
  return html`<${Panel} title="Pictures" wide>
    <div class="toolbar"><label>Split <select value=${split} onChange=${(event) => setQuery({ split: event.currentTarget.value, offset: "" })}>${splits.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
      <label>Class <select value=${label} onChange=${(event) => setQuery({ label: event.currentTarget.value, offset: "" })}><option value="">all</option>${dataset.classes.map((one) => html`<option key=${one.label} value=${one.label}>${one.label} (${count(one[split] ?? one.train)})</option>`)}</select></label></div>
    <${Await} of=${pictures}>${(found) => html`<ul class="gallery">${found.pictures.map((row) => html`<li key=${row.index}><${Picture} src=${`${row.url}?scale=2`} alt=${row.label} width="72" height="72" /><span>${row.label}</span></li>`)}</ul>
      <p class="buttons"><button type="button" disabled=${!offset} onClick=${() => setQuery({ offset: Math.max(0, offset - PICTURES) || "" })}>Before</button>
        <span>${count(Math.min(offset + 1, found.total))} to ${count(Math.min(found.total, offset + PICTURES))} of ${count(found.total)}</span>
        <button type="button" disabled=${offset + PICTURES >= found.total} onClick=${() => setQuery({ offset: offset + PICTURES })}>Next</button></p>`}<//>
    <${Counts} classes=${dataset.classes} />
    <${Tour} path=${path} />
  <//>`;
}

function Counts({ classes }) {
  const most = Math.max(1, ...classes.map(({ train }) => train));
  return html`<details><summary>Pictures of each class</summary><ol class="bars">${classes.map(({ label, train, test }) => html`<li key=${label}><span class="bar-name" title=${label}>${label}</span>
    <meter min="0" max=${most} value=${train} aria-label=${label}></meter><span class="bar-figure">${count(train)} + ${count(test)}</span></li>`)}</ol><p class="quiet">Training and test pictures.</p></details>`;
}
