// All models with their versions.
import { at } from "../core/api.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { hasKeys } from "../core/server.js";
import { ago, bytes, percent } from "../core/words.js";
import { Await, Badge, Download, Panel } from "../parts/basics.js";
import { Tour } from "../parts/tour.js";

export function Models() {
  const models = useResource("/models", { every: 10000 });
  return html`<${Await} of=${models}>${({ models: list }) => (list.length ? html`<${Table} models=${list} />` : html`<${Panel} title="No model yet" wide>
    <p>Every training that succeeds publishes a version here. <a href="#/new">Start one</a>.</p><//>`)}<//>
    <${Tour} path="/models" />`;
}

function Table({ models }) {
  const withOwner = hasKeys();
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Models"><table>
    <thead><tr><th scope="col">model</th><th scope="col">newest</th>${withOwner ? html`<th scope="col">owner</th>` : null}<th scope="col" class="number">test accuracy</th><th scope="col">dataset</th>
      <th scope="col">published</th><th scope="col">aliases</th><th scope="col">doctor</th><th scope="col" class="number">size</th><th scope="col">download</th></tr></thead>
    <tbody>${models.map((model) => {
      const newest = model.versions.at(-1)?.version > model.versions[0]?.version ? model.versions.at(-1) : model.versions[0];
      if (!newest) return html`<tr key=${model.name}><th scope="row">${model.name}</th><td colspan="9">no version left</td></tr>`;
      const files = at`/models/${model.name}/versions/${newest.version}/files/`;
      return html`<tr key=${model.name}>
        <th scope="row"><a class="clip" title=${model.name} href=${at`#/model/${model.name}/${newest.version}`}>${model.name}</a></th>
        <td>version ${newest.version}${newest.passed_over ? html` <${Badge} state="error">passed over<//>` : null}</td>
        ${withOwner ? html`<td>${model.owner ?? newest.owner ?? ""}</td>` : null}
        <td class="number">${percent(newest.metrics.test_accuracy)}</td><td><span class="clip">${newest.dataset}</span></td><td>${ago(newest.published_at)}</td>
        <td>${Object.entries(model.aliases).map(([alias, version]) => `${alias} → ${version}`).join(", ")}</td>
        <td>${newest.doctor?.worst && newest.doctor.worst !== "none" ? html`<${Badge} state=${newest.doctor.worst} />` : newest.doctor ? "fine" : ""}</td>
        <td class="number">${bytes(newest.size_bytes)}</td>
        <td><${Download} href=${`${files}model.keras`} name=${`${model.name}-${newest.version}.keras`}>.keras<//> <${Download} href=${`${files}model.onnx`} name=${`${model.name}-${newest.version}.onnx`}>.onnx<//></td></tr>`;
    })}</tbody></table></div>`;
}
