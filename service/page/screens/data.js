// Datasets: upload with progress, what was left out and why, counts, pictures of each class, delete.
import { useRef, useState } from "preact/hooks";
import { at, query, remove } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { hasKeys } from "../core/server.js";
import { ARCHIVE_ENDS, droppedFiles, isArchive, typed, upload, zipOf } from "../core/upload.js";
import { bytes, count, percent, plural } from "../core/words.js";
import { Await, Badge, Confirm, Fault, Figure, Panel, Picture } from "../parts/basics.js";
import { Report } from "../parts/report.js";
import { Tour } from "../parts/tour.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const PICTURES = 60;

/** The files of the last upload from this tab, by name: the report shows those that were left out. */
/** @type {Map<string, Blob>} */
let lastFiles = new Map();

export const Data = ({ steps: [, name] }) => (name ? html`<${Dataset} name=${name} />` : html`<${Upload} /><${List} />`);

function List() {
  const datasets = useResource("/datasets", { every: 5000 });
  return html`<${Panel} title="Datasets" wide><${Await} of=${datasets}>${({ datasets: list }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Datasets"><table>
    <thead><tr><th scope="col">name</th><th scope="col">state</th>${hasKeys() ? html`<th scope="col">owner</th>` : null}<th scope="col" class="number">classes</th><th scope="col" class="number">training</th><th scope="col" class="number">test</th><th scope="col">picture</th><th scope="col">what it is</th></tr></thead>
    <tbody>${list.map((one) => html`<tr key=${one.name}><th scope="row"><a class="clip" title=${one.name} href=${at`#/data/${one.name}`}>${one.name}</a></th><td><${Badge} state=${one.state ?? "ready"}>${one.progress ? `${one.progress.phase} ${percent(one.progress.total ? one.progress.done / one.progress.total : 0, 0)}` : one.state ?? "ready"}<//></td>
      ${hasKeys() ? html`<td>${one.owner ?? ""}</td>` : null}<td class="number">${one.classes.length || "–"}</td><td class="number">${count(one.train)}</td><td class="number">${count(one.test)}</td><td>${one.image_shape?.join(" × ") ?? "–"}</td><td>${one.title}${one.available === false ? html` <span class="quiet">(fetched from the internet when it is first used)</span>` : null}</td></tr>`)}</tbody></table></div>`}<//>
    <${Tour} path="/datasets" /><//>`;
}

/** Turns what was dropped into one archive: an archive stays as it is, a folder is packed here. */
async function archiveFrom(files, progress) {
  const only = files.length === 1 ? files[0] : null;
  if (only && isArchive(only.path)) { lastFiles = new Map(); return typed(only.file, only.path); }
  lastFiles = new Map(files.map(({ path, file }) => [path, file]));
  return zipOf(files, progress);
}

const suggestion = (files) => files[0].path.split("/")[0].replace(/(\.tar)?\.(zip|tar|gz|tgz|csv)$/i, "").toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 63);

function Upload() {
  const [files, setFiles] = useState(/** @type {{path: string, file: Blob}[]} */ ([]));
  const [options, setOptions] = useState(/** @type {Record<string, string>} */ ({ name: "", image_size: "", colour: "" }));
  const [isOver, setOver] = useState(false);
  const [progress, setProgress] = useState({ phase: "", share: 0 });
  const running = useRef(/** @type {{stop: () => void} | null} */ (null));
  const zips = useRef(/** @type {HTMLInputElement | null} */ (null));
  const folders = useRef(/** @type {HTMLInputElement | null} */ (null));
  const choose = (found) => { if (!found.length) return; setFiles(found); setOptions((old) => ({ ...old, name: old.name || suggestion(found) })); };
  const fromInput = (event) => choose([...event.currentTarget.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
  const drop = async (event) => { event.preventDefault(); setOver(false); choose(await droppedFiles(event.dataTransfer.items)); };
  const send = useAction(async () => {
    const archive = await archiveFrom(files, (share) => setProgress({ phase: "packing", share }));
    const sending = upload(archive, options, (share) => setProgress({ phase: "sending", share }));
    running.current = sending;
    try { const made = await sending.done; go(at`#/data/${made.name}`); } finally { running.current = null; setProgress({ phase: "", share: 0 }); }
  });
  const over = (event) => { event.preventDefault(); setOver(true); };
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  const set = (name) => (event) => setOptions({ ...options, [name]: event.currentTarget.value });
  return html`<${Panel} title="Bring your own pictures" wide>
    <form onSubmit=${(event) => { event.preventDefault(); send.run(); }}>
      <div class=${isOver ? "drop over" : "drop"} onDragEnter=${over} onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${drop}>
        <p><strong>Drop a folder or a zip here</strong>: one folder of pictures for each class, named like the class. Folders named train and test, a table of labels (CSV) and tar archives are understood, too.</p>
        <p class="buttons"><button type="button" onClick=${() => folders.current?.click()}>Choose a folder</button><button type="button" onClick=${() => zips.current?.click()}>Choose a zip</button></p>
        <input ref=${folders} class="hidden" type="file" webkitdirectory multiple tabindex="-1" aria-label="Folder" onChange=${fromInput} />
        <input ref=${zips} class="hidden" type="file" accept=${ARCHIVE_ENDS} tabindex="-1" aria-label="Zip" onChange=${fromInput} />
      </div>
      ${files.length ? html`<p role="status">${files.length === 1 ? files[0].path : plural(files.length, "file")}, ${bytes(size)}</p>
      <div class="toolbar"><label>Name <input value=${options.name} onInput=${set("name")} required maxlength="63" spellcheck=${false} /></label>
        <label>Picture size <input value=${options.image_size} onInput=${set("image_size")} placeholder="suits the pictures" inputmode="numeric" size="10" /></label>
        <label>Colour <select value=${options.colour} onChange=${set("colour")}><option value="">as the pictures are</option><option value="rgb">colour</option><option value="greyscale">grey</option></select></label></div>
      ${options.name && !NAME.test(options.name) ? html`<${Fault} error=${{ message: "A name has lower-case letters, digits, - and _; it starts with a letter or digit; at most 63 characters." }} />` : null}
      <p class="buttons"><button type="submit" class="primary" disabled=${send.busy || !NAME.test(options.name)}>Upload</button>
        ${progress.phase === "sending" ? html`<button type="button" onClick=${() => running.current?.stop()}>Stop</button>` : null}</p>` : null}
      ${progress.phase ? html`<p><label>${progress.phase === "packing" ? "Packing the folder" : progress.share < 1 ? "Sending" : "Sent; the server reads it"} <progress max="1" value=${progress.share}></progress> ${percent(progress.share, 0)}</label></p>` : null}
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
    <${Panel} title=${one.title || one.name} id="dataset-head" wide tools=${html`<${Badge} state=${one.state ?? "ready"} />`}>
      ${one.progress ? html`<p role="status"><label>${one.progress.phase}, ${count(one.progress.done)} of ${count(one.progress.total)} files <progress max=${one.progress.total || 1} value=${one.progress.done}></progress></label></p>` : null}
      ${one.error ? html`<${Fault} error=${one.error} />` : null}
      ${one.note ? html`<p class="quiet">${one.note}</p>` : null}
      <dl class="figures"><${Figure} name="classes">${one.classes.length || "–"}<//><${Figure} name="training pictures">${count(one.train)}<//><${Figure} name="test pictures">${count(one.test)}<//>
        ${one.validation ? html`<${Figure} name="validation pictures">${count(one.validation)}<//>` : null}<${Figure} name="picture">${one.image_shape?.join(" × ") ?? "–"}<//>
        ${one.size_bytes ? html`<${Figure} name="size">${bytes(one.size_bytes)}<//>` : null}<${Figure} name="licence">${one.licence || "–"}<//></dl>
      <p class="buttons">${(one.state ?? "ready") === "ready" ? html`<a class="button primary" href=${`#/new${query({ dataset: name, architecture: networkFor(one) })}`}>Train on it</a>` : null}
        ${one.built_in ? null : html`<${Confirm} label="Delete" word=${name} busy=${forget.busy} action=${forget.run} question=${`Delete ${name} for good?${one.size_bytes ? ` This frees ${bytes(one.size_bytes)}.` : ""} Models that were trained on it stay.`} />`}</p>
      <${Fault} error=${forget.error} />
      <${Tour} path=${at`/datasets/${name}`} data=${one} />
    <//>
    ${one.report ? html`<${Panel} title="Report of the upload" wide><${Report} report=${one.report} files=${lastFiles} /><//>` : null}`}<//>
    ${found && (found.state ?? "ready") === "ready" && found.available !== false ? html`<${Samples} dataset=${found} />` : null}`;
}

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
