// All models with their versions.
import { useState } from "preact/hooks";
import { at, get } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { hasKeys } from "../core/server.js";
import { ago, bytes, percent } from "../core/words.js";
import { Await, Badge, Download, Panel, Term } from "../parts/basics.js";
import { ImportModel } from "../parts/import_model.js";
import { Tour } from "../parts/tour.js";

export function Models() {
  const models = useResource("/models", { every: 10000 });
  const [pages, setPages] = useState(/** @type {{models: any[], next: string | null}[]} */ ([]));
  const following = (pages.at(-1) ?? models.data)?.next;
  const more = useAction(async () => setPages([...pages, await get(following)]));
  const of = (/** @type {any[]} */ list) => {
    const names = new Set(list.map(({ name }) => name));
    return [...list, ...pages.flatMap((page) => page.models).filter(({ name }) => !names.has(name))];
  };
  return html`<${Await} of=${models}>${({ models: list }) => (list.length ? html`<${Table} models=${of(list)} />
    ${following ? html`<p><button type="button" disabled=${more.busy} onClick=${more.run}>Show more models</button> ${of(list).length} of ${models.data.total}</p>` : null}` : html`<${Panel} title="No model yet" wide>
    <p>Every training that succeeds publishes a version here. <a href="#/new">Start one</a>.</p><//>`)}<//>
    <${Tour} path="/models" /><${ImportModel} />`;
}

function Table({ models }) {
  const withOwner = hasKeys();
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Models"><table>
    <thead><tr><th scope="col">model</th><th scope="col"><${Term} name="latest">answers<//></th>${withOwner ? html`<th scope="col">owner</th>` : null}<th scope="col" class="number">test accuracy</th><th scope="col">dataset</th>
      <th scope="col">published</th><th scope="col">aliases</th><th scope="col">doctor</th><th scope="col" class="number">size</th><th scope="col">download</th></tr></thead>
    <tbody>${models.map((model) => {
      const newest = model.versions.reduce((one, other) => (one && one.version > other.version ? one : other), null);
      if (!newest) return html`<tr key=${model.name}><th scope="row">${model.name}</th><td colspan="9">no version left</td></tr>`;
      const shown = model.versions.find(({ version }) => version === model.latest) ?? newest;
      const files = at`/models/${model.name}/versions/${shown.version}/files/`;
      return html`<tr key=${model.name}>
        <th scope="row"><a class="clip" title=${model.name} href=${at`#/model/${model.name}/${shown.version}`}>${model.name}</a></th>
        <td>version ${shown.version}${newest.passed_over ? html` <a href=${at`#/model/${model.name}/${newest.version}`}><${Badge} state="error">version ${newest.version} is passed over<//></a>` : null}</td>
        ${withOwner ? html`<td>${model.owner ?? shown.owner ?? ""}</td>` : null}
        <td class="number">${percent(shown.metrics.test_accuracy)}${model.best && model.best !== shown.version ? html`<br /><a class="small-text" href=${at`#/model/${model.name}/${model.best}`}>best: version ${model.best}</a>` : null}</td><td><span class="clip">${shown.dataset}</span></td><td>${ago(shown.published_at)}</td>
        <td>${Object.entries(model.aliases).map(([alias, version]) => `${alias} → ${version}`).join(", ")}</td>
        <td>${shown.doctor?.worst && shown.doctor.worst !== "none" ? html`<${Badge} state=${shown.doctor.worst} />` : shown.doctor ? "fine" : ""}</td>
        <td class="number">${bytes(shown.size_bytes)}</td>
        <td><${Download} href=${`${files}model.keras`} name=${`${model.name}-${shown.version}.keras`}>.keras<//> <${Download} href=${`${files}model.onnx`} name=${`${model.name}-${shown.version}.onnx`}>.onnx<//></td></tr>`;
    })}</tbody></table></div>`;
}
