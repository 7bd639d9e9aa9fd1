// A version in other formats: each is made on request, tested beside Keras, and downloaded here.
import { useEffect } from "preact/hooks";
import { post } from "../core/api.js";
import { html } from "../core/html.js";
import { useJob } from "../core/job.js";
import { useAction, useResource } from "../core/resource.js";
import { place, setQuery } from "../core/router.js";
import { isOver } from "../core/rows.js";
import { bytes, percent } from "../core/words.js";
import { Await, Download, Fault, Panel, Term } from "./basics.js";
import { Tour } from "./tour.js";

/** @type {Record<string, [string, string]>} */
const FORMATS = {
  litert: ["LiteRT", "phones, small computers, browsers"],
  saved_model: ["SavedModel", "TensorFlow and TensorFlow Serving"],
  openvino: ["OpenVINO", "fast on Intel's processors"],
};

export function Exports({ version, address }) {
  const path = `${address}/exports`;
  const exports = useResource(path);
  const asked = place.value.query.get("export") ?? ""; // the job that makes one: in the address, so that a reload finds it again
  const job = useJob(asked || null).data;
  const start = useAction(async (format) => { const made = await post(path, { format }); setQuery({ export: made.id }); });
  const isDone = job && isOver(job.state);
  useEffect(() => { if (isDone) exports.reload(); }, [isDone]);
  const making = job?.request.export && !isDone ? job.request.export.format : "";
  if (!("model.keras" in version.files)) return null;
  return html`<${Panel} title="Other formats">
    <p class="quiet">Made by Keras in some seconds, and kept only if it answers as Keras does: both classify the test pictures.</p>
    <${Await} of=${exports}>${({ exports: made }) => html`<ul class="formats">${Object.keys(FORMATS).map((format) => html`<${Format} key=${format} format=${format} version=${version} address=${address}
      made=${made.find((one) => one.format === format)} isMaking=${making === format} phase=${job?.state === "queued" ? "waiting" : job?.progress?.phase ?? ""} isBusy=${start.busy || Boolean(making)} start=${start.run} />`)}</ul>`}<//>
    <div role="status">${job?.state === "failed" ? html`<${Fault} error=${job.error} />` : null}
      ${asked ? html`<p><a href=${`#/run/${asked}`}>The job that ${making ? "makes it" : "made the last one"}</a></p>` : null}</div>
    <${Fault} error=${start.error} />
    <${Tour} method="POST" path=${path} json=${{ format: "litert" }} />
  <//>`;
}

function Format({ format, version, address, made, isMaking, phase, isBusy, start }) {
  const [name, purpose] = FORMATS[format];
  const file = `${version.model}-${version.version}-${made?.file}`;
  return html`<li>
    <div><strong>${name}</strong> <span class="quiet">${purpose}</span></div>
    ${made ? html`<div class="small-text">test accuracy ${percent(made.accuracy)}, Keras ${percent(made.keras_accuracy)} · <${Term} name="agreement">same answer<//> ${percent(made.agreement)} · ${made.runtime}</div>` : null}
    <div class="buttons">${isMaking ? html`<span role="status">${phase} <progress aria-label=${`Making ${name}`}></progress></span>`
    : made ? html`<${Download} href=${`${address}/files/${made.file}`} name=${file} button>Download ${made.file}, ${bytes(made.size_bytes)}<//>
        <button type="button" class="small" disabled=${isBusy} onClick=${() => start(format)} aria-label=${`Make ${name} again`}>Make it again</button>`
    : html`<button type="button" disabled=${isBusy} onClick=${() => start(format)}>Make ${name}</button>`}</div></li>`;
}
