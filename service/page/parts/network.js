// A network drawn: one block for each layer, as high as its maps, with shapes in words.
import { html } from "../core/html.js";
import { count } from "../core/words.js";
import { Term } from "./basics.js";

const TERMS = { flatten: "flatten", dropout: "dropout", max_pooling2d: "pooling", average_pooling2d: "pooling" };
const KINDS = [["conv", "convolution"], ["pool", "pooling"], ["dense", "dense"], ["dropout", "dropout"]];
const kindOf = (type) => KINDS.find(([part]) => type.includes(part))?.[1] ?? "other";
const shapeText = (shape) => shape.join(" × ");

/** @param {{input: number[], layers: {index: string, name: string, type: string, output_shape: number[], parameters: number}[], selected?: string, choose?: (name: string) => void}} properties */
export function Diagram({ input, layers, selected = "", choose = undefined }) {
  const largest = Math.max(input[0] ?? 1, ...layers.map(({ output_shape: shape }) => (shape.length === 3 ? shape[0] : 1)));
  const all = [{ index: "input", name: "picture", type: "input", output_shape: input, parameters: 0 }, ...layers];
  return html`<ol class="diagram scroll" tabindex="0" aria-label="The network's layers, from the picture to the answer">
    ${all.map(({ index, name, type, output_shape: shape, parameters }) => {
      const height = shape.length === 3 ? 14 + 66 * (shape[0] / largest) : 40;
      const width = Math.min(46, 8 + 4 * Math.log2((shape.at(-1) ?? 1) + 1));
      const block = html`<svg width="50" height="84" viewBox="0 0 50 84" aria-hidden="true">
        <rect class=${`block ${kindOf(type)}`} x=${25 - width / 2} y=${42 - height / 2} width=${width} height=${height} rx="3" /></svg>`;
      const text = html`<span class="layer-name">${name.replaceAll("_", "_\u200b")}</span><span class="layer-shape">${shapeText(shape)}</span>
        <span class="layer-parameters">${parameters ? `${count(parameters)} parameters` : TERMS[type] ? "nothing to learn" : ""}</span>`;
      return html`<li key=${index} class=${selected === name ? "selected" : ""}>
        ${choose && index !== "input" ? html`<button type="button" class="layer" aria-pressed=${selected === name} onClick=${() => choose(name)}>${block}${text}</button>` : html`<div class="layer">${block}${text}</div>`}
      </li>`;
    })}
  </ol>`;
}

export function LayerTable({ layers }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Layers"><table><thead><tr><th scope="col">layer</th><th scope="col">type</th><th scope="col">output</th><th scope="col" class="number"><${Term} name="parameters" /></th></tr></thead>
    <tbody>${layers.map((layer) => html`<tr key=${layer.index}><th scope="row">${layer.name}</th><td>${layer.type}</td><td>${shapeText(layer.output_shape)}</td><td class="number">${count(layer.parameters)}</td></tr>`)}</tbody></table></div>`;
}
