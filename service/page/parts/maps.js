// Maps as pixels: each is a button that switches its filter off.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../core/html.js";

const MAX_SHOWN = 128;

/** @param {{values: number[][][], dead: number[], isOff: (channel: number) => boolean, toggle: (channel: number) => void, name: string}} properties */
export function Maps({ values, dead, isOff, toggle, name }) {
  return html`<ul class="maps">${values.slice(0, MAX_SHOWN).map((map, channel) => html`<li key=${channel}><button type="button" aria-pressed=${isOff(channel)}
      aria-label=${`Filter ${channel} of ${name}${dead.includes(channel) ? ", never active" : ""}: ${isOff(channel) ? "off" : "on"}`} onClick=${() => toggle(channel)}>
      <${Map_} values=${map} /><span>${channel}${isOff(channel) ? " off" : dead.includes(channel) ? " dead" : ""}</span></button></li>`)}</ul>
    ${values.length > MAX_SHOWN ? html`<p class="quiet">${MAX_SHOWN} of ${values.length} maps.</p>` : null}`;
}

function Map_({ values }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => { if (canvas.current) draw(canvas.current, values); }, [values]);
  return html`<canvas ref=${canvas} width=${values[0]?.length ?? 1} height=${values.length} aria-hidden="true"></canvas>`;
}

/** Grey from the map's smallest to its largest number; hard pixels. */
function draw(canvas, values) {
  const context = canvas.getContext("2d");
  const height = values.length;
  const width = values[0]?.length ?? 1;
  const all = values.flat();
  const low = all.reduce((one, other) => Math.min(one, other), Infinity);
  const high = all.reduce((one, other) => Math.max(one, other), -Infinity);
  const pixels = context.createImageData(width, height);
  all.forEach((value, index) => {
    const grey = high > low ? Math.round((255 * (value - low)) / (high - low)) : 0;
    pixels.data.set([grey, grey, grey, 255], index * 4);
  });
  context.putImageData(pixels, 0, 0);
}
