// How the network came to be: its first kernels and its answers after some epochs.
import { useState } from "preact/hooks";
import { at } from "../core/api.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { percent } from "../core/words.js";
import { Panel, Picture } from "./basics.js";
import { Tour } from "./tour.js";

/** A kernel as pixels: blue below zero, orange above. @param {{values: any, label?: string, scale?: number}} properties */
function Kernel({ values, label = "kernel", scale = 14 }) {
  const rows = /** @type {number[][]} */ (values);
  const largest = Math.max(1e-9, ...rows.flat().map(Math.abs));
  const width = rows[0]?.length ?? 1;
  return html`<svg class="kernel" width=${width * scale} height=${rows.length * scale} viewBox=${`0 0 ${width} ${rows.length}`} shape-rendering="crispEdges" role="img" aria-label=${label}>
    ${rows.flatMap((row, y) => row.map((value, x) => html`<rect key=${`${x}-${y}`} x=${x} y=${y} width="1" height="1" fill=${tone(value / largest)}><title>${Number(value.toPrecision(3))}</title></rect>`))}</svg>`;
}

/** White at zero, blue for negative and orange for positive numbers: also different in lightness for the colour-blind. */
function tone(value) {
  const [r, g, b] = value < 0 ? [0, 90, 181] : [220, 95, 0];
  const mix = (part) => Math.round(255 + (part - 255) * Math.min(1, Math.abs(value)));
  return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
}

/** A kernel comes as rows, columns and channels; of the channels the mean is shown. */
const plane = (kernel) => kernel.map((row) => row.map((cell) => cell.reduce((sum, value) => sum + value, 0) / cell.length));

export function Film({ address, dataset, classes }) {
  const film = useResource(`${address}/film`);
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  if (!film.data?.epochs?.length) return null;
  const { epochs, kernels, pictures } = film.data;
  const frame = chosen ?? epochs.length - 1;
  return html`<${Panel} title="Film of the training" wide>
    <label class="slider">after epoch <output>${epochs[frame]}</output><input type="range" min="0" max=${epochs.length - 1} value=${frame} aria-valuetext=${`epoch ${epochs[frame]}`} onInput=${(event) => setChosen(Number(event.currentTarget.value))} /></label>
    <div class="film">
      <div><h3>First kernels</h3><div class="kernels">${(kernels[frame] ?? []).slice(0, 32).map((kernel, index) => html`<${Kernel} key=${index} values=${plane(kernel)} label=${`kernel ${index + 1}`} scale=${12} />`)}</div></div>
      <div><h3>Twelve pictures</h3><ul class="gallery">${pictures.map((picture) => {
        const probabilities = picture.probabilities[frame] ?? [];
        const answer = probabilities.indexOf(Math.max(...probabilities));
        const { label } = picture;
        const said = classes[answer] ?? "–";
        const isRight = said === label;
        return html`<li key=${picture.index}><${Picture} src=${at`/datasets/${dataset}/pictures/test/${picture.index}.png?scale=3`} alt=${label} width="56" height="56" />
          <span><span aria-hidden="true">${isRight ? "✓" : "✕"}</span><span class="hidden">${isRight ? "right" : "wrong"}</span> ${said} <span class="one-line">${percent(probabilities[answer], 0)}</span></span></li>`;
      })}</ul></div>
    </div>
    <${Tour} path=${`${address}/film`} />
  <//>`;
}
