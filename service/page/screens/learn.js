// The lesson, live: convolution and pooling on your own picture, the arithmetic of shapes, and two questions that an
// experiment answers.
import { useEffect, useRef, useState } from "preact/hooks";
import { at, post, query } from "../core/api.js";
import { useAnswer } from "../core/answers.js";
import { html } from "../core/html.js";
import { listen } from "../core/live.js";
import { useAction, useLater, useResource } from "../core/resource.js";
import { figure, plural } from "../core/words.js";
import { Badge, Fault, Panel, Term } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { base64, PictureInput, testPicture, usePicture } from "../parts/picture_input.js";
import { Tour } from "../parts/tour.js";
import { settingCurves } from "./compare.js";

const SAMPLE = "fashion_mnist_sample";
const KERNELS = { blur: [[1, 1, 1], [1, 1, 1], [1, 1, 1]].map((row) => row.map((value) => value / 9)), sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], edge: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], vertical: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], horizontal: [[-1, -2, -1], [0, 0, 0], [1, 2, 1]] };
const NAMES = { blur: "blur", sharpen: "sharpen", edge: "edges", vertical: "vertical edges", horizontal: "horizontal edges" };

export function Learn() {
  const [picture, take] = usePicture();
  const isOwn = useRef(false);
  const takeOwn = (blob, name) => { isOwn.current = true; take(blob, name); };
  useEffect(() => { testPicture(SAMPLE, "test", 7).then((blob) => { if (!isOwn.current) take(blob, "a test picture"); }).catch(() => {}); }, []);
  return html`<p class="lead">A convolutional network is made of a few small ideas. Try each on a picture of your own; then ask two questions, and let an experiment answer.</p>
    <div class="columns"><${Panel} title="Your picture"><${PictureInput} take=${takeOwn}>${picture ? html`<img class="given" src=${picture.url} alt=${picture.name} />` : null}<//><//>
      <${Arithmetic} /></div>
    <${Convolution} picture=${picture} />
    <${Pooling} picture=${picture} />
    <${Question} title="tanh or ReLU?" field="activation" body=${{ architecture: "lenet5-fashion", dataset: SAMPLE, epochs: 5, model: "activation", grid: { "overrides.activation": ["tanh", "relu"], seed: [1, 2, 3] } }}
      text="LeNet-5 has tanh, as was usual in 1998. Today's networks have ReLU, which does not flatten out for large values. Six short runs: each function with three seeds, because one run proves nothing." />
    <${Question} title="Is deeper better?" field="depth" body=${{ architecture: "lenet5-fashion", dataset: SAMPLE, epochs: 5, optimizer: "adam", model: "depth", grid: { "overrides.depth": [1, 2], seed: [1, 2, 3] } }}
      text="The same network with each convolution once and twice. Deeper networks can express more, and are harder to train." />
    <p>Next: <a href="#/look">look inside a trained network</a>, or read the lesson with its commands in the documentation.</p>`;
}

/** Asks for the demonstration on this picture: the result as a picture, and its arithmetic. */
function useDemonstration(picture, options) {
  const late = useLater(options, 120);
  return useAnswer([picture, JSON.stringify(late)], (abort) => (picture ? base64(picture.blob).then((b64) => post("/convolve?values=false", { images: [{ b64 }], ...late }, abort)) : null));
}

function Demonstration({ picture, options, name, only = "" }) {
  const { answer, error, isOld } = useDemonstration(picture, options);
  return html`<${Fault} error=${error} />
    ${answer ? html`<div class=${isOld ? "demonstration old" : "demonstration"}>
      ${picture ? html`<figure><img class="given" src=${picture.url} alt="Before" /><figcaption>before</figcaption></figure>` : null}
      <figure><img class="given" src=${answer.picture} alt=${`After ${name}`} /><figcaption>after</figcaption></figure>
      <${Steps} answer=${answer} only=${only} /></div>` : null}`;
}

function Steps({ answer, only }) {
  const steps = answer.steps.filter(({ operation }) => !only || operation === only);
  return html`<ul>${steps.map((step) => html`<li key=${step.operation}><strong>${step.operation}</strong>: ${step.input_shape.join(" × ")} → ${step.output_shape.join(" × ")}<br />
    <span class="quiet">height: ${step.height}</span><br /><span class="quiet">width: ${step.width}</span></li>`)}
    <li class="quiet">numbers from ${figure(answer.min, 0)} to ${figure(answer.max, 0)}</li></ul>`;
}

const asQuery = ({ kernel, ...options }) => `/convolve${query({ ...options, kernel: JSON.stringify(kernel), format: "png" })}`;

function Convolution({ picture }) {
  const [kernel, setKernel] = useState(KERNELS.vertical.map((row) => row.map(String)));
  const [stride, setStride] = useState("1");
  const [padding, setPadding] = useState("same");
  const numbers = kernel.map((row) => row.map(Number));
  const isWhole = numbers.flat().every(Number.isFinite) && kernel.flat().every((text) => text.trim() !== "");
  const set = (y, x) => (event) => setKernel(kernel.map((row, at_) => row.map((value, column) => (at_ === y && column === x ? event.currentTarget.value : value))));
  const options = { kernel: isWhole ? numbers : KERNELS.blur, stride: Number(stride), padding };
  return html`<${Panel} title="Convolution" wide tools=${html`<${Term} name="kernel">what is a kernel?<//>`}>
    <p>Nine weights slide over the picture. At each place they are multiplied with the pixels below and added up: the sum is large where the picture looks like the weights. A network learns such weights; here you write them.</p>
    <div class="convolve"><div>
      <p class="choices" role="group" aria-label="Kernels to begin with">${Object.entries(KERNELS).map(([name, values]) => html`<button type="button" key=${name} onClick=${() => setKernel(values.map((row) => row.map((value) => String(Number(value.toFixed(2))))))}>${NAMES[name]}</button>`)}</p>
      <table class="kernel-editor" aria-label="Kernel"><tbody>${kernel.map((row, y) => html`<tr key=${y}>${row.map((value, x) => html`<td key=${x}><input value=${value} inputmode="decimal" aria-label=${`Row ${y + 1}, column ${x + 1}`} onInput=${set(y, x)} /></td>`)}</tr>`)}</tbody></table>
      ${isWhole ? null : html`<${Fault} error=${{ message: "Each of the nine fields needs a number." }} />`}
      <p class="field"><span><${Term} name="stride" /> <select aria-label="stride" value=${stride} onChange=${(event) => setStride(event.currentTarget.value)}>${["1", "2", "3"].map((value) => html`<option key=${value}>${value}</option>`)}</select></span>
        <span><${Term} name="padding" /> <select aria-label="padding" value=${padding} onChange=${(event) => setPadding(event.currentTarget.value)}><option>same</option><option>valid</option></select></span></p></div>
      <${Demonstration} picture=${picture} options=${options} name="the convolution" /></div>
    <${Tour} method="POST" path=${asQuery(options)} file="picture.png" save="result.png" />
  <//>`;
}

function Pooling({ picture }) {
  const [pooling, setPooling] = useState("max");
  const [size, setSize] = useState("2");
  const options = { kernel: [[1]], pooling, pool_size: Number(size) };
  return html`<${Panel} title="Pooling" wide tools=${html`<${Term} name="pooling">what is pooling?<//>`}>
    <p>Max pooling keeps the largest of each square, average pooling the mean: a smaller picture with nothing to learn, in which a feature that moves by a pixel often gives the same.</p>
    <p class="field"><label>Keep the <select value=${pooling} onChange=${(event) => setPooling(event.currentTarget.value)}><option value="max">largest</option><option value="average">mean</option></select></label>
      <label>of squares of <select value=${size} onChange=${(event) => setSize(event.currentTarget.value)}>${["2", "3", "4"].map((value) => html`<option key=${value} value=${value}>${value} × ${value}</option>`)}</select></label></p>
    <${Demonstration} picture=${picture} options=${options} name="pooling" only="pooling" />
    <${Tour} method="POST" path=${asQuery(options)} file="picture.png" save="result.png" />
  <//>`;
}

/** The arithmetic of shapes, with the numbers put in. */
function Arithmetic() {
  const [n, setN] = useState(28);
  const [k, setK] = useState(3);
  const [s, setS] = useState(1);
  const [filters, setFilters] = useState(16);
  const valid = Math.floor((n - k) / s) + 1;
  const same = Math.ceil(n / s);
  const number = (label, value, set, most) => html`<label>${label} <input type="number" min="1" max=${most} value=${value} onInput=${(event) => { const next = Number(event.currentTarget.value); if (next >= 1 && next <= most) set(next); }} /></label>`;
  return html`<${Panel} title="How large is what comes out?">
    <p class="field">${number("picture side n", n, setN, 512)}${number("kernel side k", k, setK, 31)}${number("stride s", s, setS, 8)}${number("filters", filters, setFilters, 512)}</p>
    <div role="status"><dl><dt><strong>valid</strong>: only where the whole kernel fits</dt><dd>${k > n ? "The kernel does not fit." : `⌊(n − k) / s⌋ + 1 = ⌊(${n} − ${k}) / ${s}⌋ + 1 = ${valid}: ${valid} × ${valid} × ${filters}`}</dd>
      <dt><strong>same</strong>: zeros around the picture</dt><dd>⌈n / s⌉ = ⌈${n} / ${s}⌉ = ${same}: ${same} × ${same} × ${filters}</dd>
      <dt><${Term} name="parameters" /> on a grey picture</dt><dd>filters × (k² + 1) = ${filters} × (${k * k} + 1) = ${filters * (k * k + 1)}, however large the picture is</dd></dl></div>
  <//>`;
}

/** A question with the button that runs the experiment, and the verdict. */
function Question({ title, text, body, field }) {
  const [group, setGroup] = useState(() => remembered(field));
  const start = useAction(async () => { const made = await post("/jobs", body); remember(field, made.id); setGroup(made.id); });
  return html`<${Panel} title=${title} wide><p>${text}</p>
    <p class="buttons"><button type="button" class="primary" disabled=${start.busy} onClick=${start.run}>${group ? "Run it again" : "Run the experiment"}</button></p>
    <${Fault} error=${start.error} />
    ${group ? html`<${Result} group=${group} field=${field} />` : null}
    <${Tour} method="POST" path="/jobs" json=${body} /><//>`;
}

/** The experiment of this tab, so that coming back shows it again. */
function remembered(field) { try { return sessionStorage.getItem(`lesson-${field}`) ?? ""; } catch { return ""; } }
function remember(field, group) { try { sessionStorage.setItem(`lesson-${field}`, group); } catch { /* no storage */ } }

function Result({ group, field }) {
  const compared = useResource(`/compare?group=${group}`, { every: 4000 });
  useEffect(() => listen(({ kind }) => { if (kind === "state") compared.reload(); }), [compared.reload]);
  const answer = compared.data;
  if (!answer) return html`<${Fault} error=${compared.error} />`;
  const over = answer.runs.filter(({ state }) => !["queued", "running"].includes(state)).length;
  return html`<p role="status"><${Badge} state=${over === answer.runs.length ? "succeeded" : "running"}>${over} of ${plural(answer.runs.length, "run")} ended<//></p>
    <p class="verdict">${answer.verdict.text}</p>
    <${Chart} title=${`Validation accuracy by ${field}`} asPercent curves=${settingCurves(answer, "val_accuracy")} />
    <p><a href=${at`#/compare?group=${group}`}>All of the comparison</a></p>`;
}
