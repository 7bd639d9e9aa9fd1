// A model that was trained elsewhere: a Keras or an ONNX file becomes a version.
import { useRef, useState } from "preact/hooks";
import { at } from "../core/api.js";
import { isReady } from "../core/datasets.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { go } from "../core/router.js";
import { NAME, NAME_RULE, nameFrom } from "../core/words.js";
import { Fault, Panel } from "./basics.js";
import { Drop, inWords, Sending, useSending } from "./file_drop.js";
import { Tour } from "./tour.js";

const MODEL = /\.(keras|onnx)$/i;
/** What the model expects of pixels. @type {[string, string][]} */
const PIXELS = [["", "found out from the file"], ["unit", "from 0 to 1"], ["pixels", "from 0 to 255"], ["symmetric", "from −1 to 1"], ["imagenet", "as PyTorch's models do"], ["caffe", "as Keras's ResNet and VGG do"]];

export function ImportModel() {
  const [file, setFile] = useState(/** @type {{path: string, file: Blob} | null} */ (null));
  const [options, setOptions] = useState(/** @type {Record<string, string>} */ ({}));
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  const datasets = useResource(file ? "/datasets" : null);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value));
  const choose = (/** @type {import("./file_drop.js").Files} */ [first]) => { if (!first) return; setFile(first); setOptions((old) => ({ ...old, name: old.name || nameFrom((first.path.split("/").at(-1) ?? "").replace(MODEL, "")) })); };
  const sending = useSending(async () => {
    const form = new FormData();
    for (const [name, value] of Object.entries(given)) form.append(name, value);
    if (file) form.append("file", file.file, file.path);
    return { path: "/models", body: form };
  }, (job) => go(at`#/run/${job.id}`));
  const field = (name) => ({ value: options[name] ?? "", spellcheck: false, onInput: (event) => setOptions({ ...options, [name]: event.currentTarget.value }) });
  const isNamed = NAME.test(options.name ?? "");
  return html`<${Panel} title="Bring a model that was trained elsewhere" wide>
    <form onSubmit=${(event) => { event.preventDefault(); sending.run(); }}>
      <${Drop} take=${choose}><p><strong>Drop a .keras or an .onnx file here</strong>: it is checked, and then it answers like any other model. Nothing in the file is executed.</p>
        <p class="buttons"><button type="button" onClick=${() => chooser.current?.click()}>Choose a model file</button></p>
        <input ref=${chooser} class="hidden" type="file" accept=".keras,.onnx" tabindex="-1" aria-label="Model file" onChange=${(event) => choose([...event.currentTarget.files].map((one) => ({ path: one.name, file: one })))} /><//>
      ${file ? html`<p role="status">${inWords([file])}</p>
        ${MODEL.test(file.path) ? null : html`<${Fault} error=${{ message: `${file.path} is neither a .keras nor an .onnx file.` }} />`}
        <div class="toolbar"><label>Name <input ...${field("name")} required maxlength="63" /></label>
          <label>Test it on <select value=${options.dataset ?? ""} onChange=${(event) => setOptions({ ...options, dataset: event.currentTarget.value })}><option value="">no dataset</option>${(datasets.data?.datasets ?? []).filter(isReady).map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
          <label>Classes, in its order <input ...${field("classes")} placeholder=${options.dataset ? "those of the dataset" : "boot, shoe, sandal"} size="24" /></label>
          <label>It expects pixels <select value=${options.preprocessing ?? ""} onChange=${(event) => setOptions({ ...options, preprocessing: event.currentTarget.value })}>${PIXELS.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</select></label></div>
        ${options.name && !isNamed ? html`<${Fault} error=${{ message: NAME_RULE }} />` : null}
        <p class="buttons"><button type="submit" class="primary" disabled=${!isNamed || !MODEL.test(file.path) || sending.busy}>Import it</button></p>` : null}
      <${Sending} sending=${sending} /><${Fault} error=${sending.error} />
    </form>
    <${Tour} method="POST" path=${`/models?${new URLSearchParams({ name: "boots", ...given })}`} file=${file?.path ?? "boots.keras"} />
  <//>`;
}
