// Curves: a canvas by uPlot, and the same numbers as a table behind a button.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { html } from "../core/html.js";
import { plural } from "../core/words.js";

/** @typedef {{name: string, values: (number | null)[], colour: number, isDashed?: boolean, low?: (number | null)[], high?: (number | null)[], best?: number | null}} Curve */

const HEIGHT = 240;
// Okabe and Ito's colours in an order that neighbours differ in lightness, too; darker on white, lighter on black.
const LIGHT = ["#0072b2", "#c04f00", "#007a5a", "#a3518a", "#7a5a00", "#2c6e8f", "#8a3a3a", "#555555", "#5b4bb5", "#00707a"];
const DARK = ["#56b4e9", "#f0a050", "#3ecf9f", "#dc93be", "#f0e442", "#9fd3ec", "#f08a8a", "#bbbbbb", "#aba0f5", "#4fd0d8"];
const darkness = matchMedia("(prefers-color-scheme: dark)");

function useDarkness() {
  const [isDark, setDark] = useState(darkness.matches);
  useEffect(() => {
    const change = () => setDark(darkness.matches);
    darkness.addEventListener("change", change);
    return () => darkness.removeEventListener("change", change);
  }, []);
  return isDark;
}

const colourOf = (index, isDark) => (isDark ? DARK : LIGHT)[index % LIGHT.length];

function optionsOf(curves, { width, isDark, asPercent, unit }) {
  const ink = isDark ? "#c8ccd2" : "#444a52";
  const grid = { stroke: isDark ? "#3a3f47" : "#dfe3e8", width: 1 };
  const font = "12px system-ui, sans-serif";
  const series = curves.flatMap((curve) => {
    const stroke = colourOf(curve.colour, isDark);
    const line = {
      label: curve.name, stroke, width: 2, dash: curve.isDashed ? [6, 4] : undefined,
      points: { show: true, size: 7, fill: stroke, filter: (/** @type {any} */ plot, seriesIndex) => pointsOf(plot, seriesIndex, curve) },
    };
    return curve.low ? [line, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }] : [line];
  });
  const bands = [];
  let at = 1;
  for (const curve of curves) {
    if (curve.low) { bands.push({ series: /** @type {[number, number]} */ ([at + 2, at + 1]), fill: `${colourOf(curve.colour, isDark)}33` }); at += 3; } else at += 1;
  }
  return {
    width, height: HEIGHT, legend: { show: false }, cursor: { y: false, drag: { setScale: false } },
    scales: { x: { time: false } },
    axes: [
      { stroke: ink, grid, ticks: grid, font, label: "epoch", labelFont: font, labelSize: 18, size: 30, labelGap: 0, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      { stroke: ink, grid, ticks: grid, font, size: 56, values: (_, ticks) => ticks.map((tick) => (asPercent ? `${Number((tick * 100).toFixed(1))} %` : `${Number(tick.toPrecision(3))}${unit}`)) },
    ],
    series: [{}, ...series], bands,
  };
}

/** Marks the best epoch; a curve of one epoch is a point, for it has no line. */
function pointsOf(plot, seriesIndex, curve) {
  const values = plot.data[seriesIndex];
  const known = values.reduce((indices, value, index) => (value === null ? indices : [...indices, index]), []);
  if (known.length === 1) return known;
  return curve.best ? [curve.best - 1] : [];
}

const dataOf = (curves) => {
  const length = Math.max(1, ...curves.map(({ values }) => values.length));
  const padded = (values) => Array.from({ length }, (_, index) => values[index] ?? null);
  const epochs = Array.from({ length }, (_, index) => index + 1);
  return [epochs, ...curves.flatMap((curve) => (curve.low ? [padded(curve.values), padded(curve.low), padded(curve.high)] : [padded(curve.values)]))];
};

/** @param {{title: string, curves: Curve[], asPercent?: boolean, unit?: string}} properties */
export function Chart({ title, curves, asPercent = false, unit = "" }) {
  const holder = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(0);
  const [hidden, setHidden] = useState(/** @type {Record<string, boolean>} */ ({}));
  const [hasTable, setTable] = useState(false);
  const isDark = useDarkness();
  const shown = curves.filter(({ name }) => !hidden[name]);
  const shape = JSON.stringify([width, isDark, asPercent, shown.map(({ name, colour, isDashed, low, best }) => [name, colour, isDashed, Boolean(low), best])]);
  const data = useMemo(() => dataOf(shown), [JSON.stringify(shown)]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    if (holder.current) observer.observe(holder.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!width || !holder.current) return undefined;
    plot.current = new uPlot(/** @type {any} */ (optionsOf(shown, { width, isDark, asPercent, unit })), /** @type {any} */ (data), holder.current);
    return () => { plot.current?.destroy(); plot.current = null; };
  }, [shape]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  const write = (value) => (value === null || value === undefined ? "–" : asPercent ? `${(value * 100).toFixed(1)} %` : `${Number(value.toPrecision(4))}${unit}`);
  return html`<figure class="chart">
    <figcaption><strong>${title}</strong>
      <button type="button" class="small" aria-expanded=${hasTable} onClick=${() => setTable(!hasTable)}>${hasTable ? "Hide table" : "Table"}</button></figcaption>
    <div class="canvas" ref=${holder} role="img" aria-label=${`${title}, ${plural(data[0].length, "epoch")}: ${curves.map(({ name, values }) => `${name} ${write(values.at(-1))} at the end`).join(", ")}`}></div>
    <div class="legend">${curves.map((curve) => html`<button type="button" key=${curve.name} aria-pressed=${!hidden[curve.name]} onClick=${() => setHidden({ ...hidden, [curve.name]: !hidden[curve.name] })}>
      <svg width="28" height="10" aria-hidden="true"><line x1="0" x2="28" y1="5" y2="5" stroke=${colourOf(curve.colour, isDark)} stroke-width="3" stroke-dasharray=${curve.isDashed ? "6 4" : ""} /></svg>
      ${curve.name}</button>`)}</div>
    ${hasTable ? html`<div class="scroll" tabindex="0" role="region" aria-label=${`${title} as a table`}><table>
      <thead><tr><th scope="col">epoch</th>${curves.map(({ name }) => html`<th scope="col" key=${name}>${name}</th>`)}</tr></thead>
      <tbody>${dataOf(curves)[0].map((epoch, index) => html`<tr key=${epoch}><th scope="row">${epoch}</th>${curves.map(({ name, values }) => html`<td key=${name}>${write(values[index])}</td>`)}</tr>`)}</tbody>
    </table></div>` : null}
  </figure>`;
}
