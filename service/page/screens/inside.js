// Inside: for each layer its kernels and what they answer on this picture. A click switches filters off.
import { useState } from "preact/hooks";
import { at, post, query, send } from "../core/api.js";
import { inTurn, useAnswer, useDrawn } from "../core/answers.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { percent, plural } from "../core/words.js";
import { Badge, Fault, Panel, Picture, Term } from "../parts/basics.js";
import { Maps } from "../parts/maps.js";
import { Diagram } from "../parts/network.js";
import { base64 } from "../parts/picture_input.js";
import { Tour } from "../parts/tour.js";
import { form } from "./why.js";

export function Inside({ address, picture, inputShape }) {
  const layers = useResource(`${address}/layers`);
  const seen = useAnswer([address, picture], (abort) => inTurn(abort, () => send("POST", `${address}/maps`, { body: form(picture.blob), signal: abort })).then((answer) => answer.json()));
  const [name, setName] = useState("");
  const [off, setOff] = useState(/** @type {[string, number][]} */ ([]));
  if (layers.error?.status === 404) return null;
  if (layers.error) return html`<${Panel} title="Inside" wide><${Fault} error=${layers.error} /><//>`;
  const list = layers.data?.layers ?? [];
  const withMaps = list.filter(({ maps }) => maps);
  const layer = list.find((one) => one.name === name) ?? withMaps[0];
  if (!layer) return null;
  const toggle = (channel) => setOff(off.some(([one, index]) => one === layer.name && index === channel) ? off.filter(([one, index]) => one !== layer.name || index !== channel) : [...off, [layer.name, channel]]);
  const position = list.indexOf(layer);
  return html`<${Panel} title="Inside" wide>
    <label class="slider">Layer <output>${layer.name}</output><input type="range" min="0" max=${list.length - 1} value=${position} aria-valuetext=${layer.name} onInput=${(event) => setName(list[Number(event.currentTarget.value)].name)} /></label>
    <${Diagram} input=${inputShape} layers=${list.map((one, index) => ({ index: String(index), ...one }))} selected=${layer.name} choose=${setName} />
    <div class="inside">
      ${seen.answer ? html`<figure class="seen"><img src=${seen.answer.seen} alt="What the network got" /><figcaption>What the network saw</figcaption></figure>` : null}
      <div class="inside-layer"><h3>${layer.name}</h3><${Facts} layer=${layer} />
        ${layer.kernels ? html`<div><h4><${Term} name="kernel">Kernels<//></h4><${Picture} class="tiles" src=${address + at`/layers/${layer.name}/kernels.png`} alt=${`Kernels of ${layer.name}`} /></div>` : null}
        ${layer.maps ? html`<${LayerMaps} address=${address} picture=${picture} layer=${layer} off=${off} toggle=${toggle} />` : null}
      </div>
    </div>
    <${Without} address=${address} picture=${picture} off=${off} clear=${() => setOff([])} />
    <${Tour} method="POST" path=${`${address}/maps${query({ layer: layer.name })}`} file="picture.png" />
  <//>`;
}

function Facts({ layer }) {
  return html`<p>${layer.output_shape.join(" × ")}${layer.parameters ? `, ${plural(layer.parameters, "parameter")}` : ", nothing to learn"}.
    ${layer.dead?.length ? html` <${Badge} state="warning">${plural(layer.dead.length, "filter")} <${Term} name="dead filter">never active<//>: ${layer.dead.join(", ")}<//>` : null}
    ${layer.twins?.length ? html` <span>Twins, which answer alike: ${layer.twins.map((pair) => pair.join(" and ")).join("; ")}.</span>` : null}</p>`;
}

/** The maps as buttons where the API gives numbers; otherwise as the picture it draws. */
function LayerMaps({ address, picture, layer, off, toggle }) {
  const path = `${address}/maps${query({ layer: layer.name, values: true })}`;
  const numbers = useAnswer([path, picture], (abort) => inTurn(abort, () => send("POST", path, { body: form(picture.blob), signal: abort })).then((answer) => answer.json()));
  const found = numbers.answer?.layers?.[0];
  const values = byChannel(found?.values);
  const isOff = (channel) => off.some(([name, index]) => name === layer.name && index === channel);
  return html`<div class=${numbers.isOld ? "old" : ""}><h4><${Term} name="map">Maps<//> on this picture</h4>
    ${values?.[0] ? html`<p class="quiet">Click one to switch its filter off.</p><${Maps} values=${values} dead=${layer.dead ?? []} isOff=${isOff} toggle=${toggle} name=${layer.name} />`
    : numbers.error || (found && !values) ? html`<${DrawnMaps} address=${address} picture=${picture} layer=${layer} />` : null}</div>`;
}

/** From numbers as Keras has them (height, width, channels; or one value per channel) to one map for each channel. */
function byChannel(values) {
  if (!values) return null;
  if (!Array.isArray(values[0])) return values.map((value) => [[value]]);
  return values[0][0].map((_, channel) => values.map((row) => row.map((pixel) => pixel[channel])));
}

function DrawnMaps({ address, picture, layer }) {
  const path = `${address}/maps${query({ layer: layer.name, format: "png" })}`;
  const drawn = useDrawn([path, picture], (abort) => inTurn(abort, () => send("POST", path, { body: form(picture.blob), signal: abort })));
  return html`<${Fault} error=${drawn.error} />${drawn.answer ? html`<img class="tiles" src=${drawn.answer} alt=${`Maps of ${layer.name}`} />` : null}`;
}

function Without({ address, picture, off, clear }) {
  const { answer, error, isOld } = useAnswer([address, picture, JSON.stringify(off)], (abort) => (off.length
    ? base64(picture.blob).then((b64) => inTurn(abort, () => post(`${address}/what-if`, { images: [{ b64 }], without: off }, abort))) : null));
  if (!off.length) return null;
  const after = answer?.series.find(({ change }) => change === "without");
  const filters = off.map(([name, channel]) => `${name} ${channel}`).join(", ");
  return html`<p role="status" class=${isOld ? "old" : ""}>Without ${filters}: ${after ? html`<strong>${after.label} ${percent(after.probability)}</strong> instead of ${answer.original.label} ${percent(answer.original.probability)}` : "…"}
    <button type="button" class="small" onClick=${clear}>Switch them on again</button></p><${Fault} error=${error} />`;
}
