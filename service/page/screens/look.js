// Try a picture: what the network saw, what it answers and how sure it may be, why, and what is inside.
import { useEffect, useState } from "preact/hooks";
import { at, get, post, Problem, query, send } from "../core/api.js";
import { useAnswer } from "../core/answers.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { go, place, setQuery } from "../core/router.js";
import { percent } from "../core/words.js";
import { Bars, Fault, Loading, Panel, Term } from "../parts/basics.js";
import { PictureInput, testPicture, TestPictures, usePicture } from "../parts/picture_input.js";
import { RightOrWrong } from "../parts/right_or_wrong.js";
import { Tour } from "../parts/tour.js";
import { Inside } from "./inside.js";
import { WhatIf } from "./what_if.js";
import { form, Why } from "./why.js";

const COVERAGE = 0.95;
const TOP = 5;

export function Look({ steps: [, name, number] }) {
  const models = useResource("/models", { every: 15000 });
  const isListed = models.data?.models.some((model) => model.name === name);
  // A store with many models lists them in pages, and the model in the address may be on a later one.
  const unlisted = useResource(name && models.data?.next && !isListed ? at`/models/${name}` : null);
  if (!models.data || unlisted.isLoading) return models.error ? html`<${Fault} error=${models.error} />` : html`<${Loading} />`;
  const list = [...models.data.models, ...(unlisted.data ? [unlisted.data] : [])].filter((model) => model.versions.length);
  if (!list.length) return html`<${Panel} title="No model yet" wide><p>A picture needs a network that has been trained. <a href="#/">Train the first one</a>: it takes about a minute.</p><//>`;
  const newest = list.reduce((one, other) => (published(other) > published(one) ? other : one));
  const model = list.find((one) => one.name === name) ?? (name ? null : newest);
  if (!model) return html`<${Fault} error=${{ message: `There is no model “${name}”.` }} />`;
  const version = Number(number) || model.latest || model.versions[0].version;
  return html`<${Screen} models=${list} model=${model} version=${version} />`;
}

const published = (model) => model.versions.reduce((latest, line) => (line.published_at > latest ? line.published_at : latest), "");

function Screen({ models, model, version }) {
  const address = at`/models/${model.name}/versions/${version}`;
  const line = model.versions.find((one) => one.version === version) ?? model.versions[0];
  const asked = place.value.query;
  const dataset = asked.get("dataset") ?? line.dataset;
  const index = asked.get("index") === null ? null : Number(asked.get("index"));
  const split = asked.get("split") ?? "test";
  const [picture, take] = usePicture();
  const about = useResource(address);
  const hasTrust = about.data && "trust.json" in about.data.files;
  const trust = useResource(hasTrust ? `${address}/files/trust.json` : null);
  // What this version has the scores for; null until that is known.
  const wishes = hasTrust === false || trust.error ? {} : trust.data ? { coverage: COVERAGE, not_sure_below: trust.data.not_sure_below === null ? "" : "auto" } : null;
  const isInside = Boolean(picture && about.data && "layers.json" in about.data.files);
  const [fault, setFault] = useState(/** @type {any} */ (null));
  const takeOwn = (blob, name) => { setQuery({ dataset: "", split: "", index: "" }); setFault(null); take(blob, name); };
  useEffect(() => {
    if (index === null) return undefined;
    const abort = new AbortController();
    setFault(null);
    Promise.all([testPicture(dataset, split, index, abort.signal), get(`${at`/datasets/${dataset}/pictures`}${query({ split, offset: index, limit: 1 })}`, { signal: abort.signal }).catch(() => null)])
      .then(([blob, rows]) => { if (!abort.signal.aborted) take(blob, `${dataset}, ${split} picture ${index}`, rows?.pictures[0]?.label); }, (error) => { if (!abort.signal.aborted) setFault(error); });
    return () => abort.abort();
  }, [dataset, split, index]);
  return html`<${Choice} models=${models} model=${model} version=${version} />
    <div class="columns look">
      <${Panel} title="Picture">
        <${PictureInput} take=${takeOwn}>${picture ? html`<img class="given" src=${picture.url} alt=${`Your picture: ${picture.name}`} />` : null}<//>
        ${picture?.truth ? html`<p>It shows: <strong>${picture.truth}</strong></p>` : null}
        <${Fault} error=${fault} />
        <${TestPictures} key=${dataset} dataset=${dataset} chosen=${index} choose=${(chosen) => setQuery({ dataset, split: "test", index: chosen })} />
      <//>
      <div class="stack"><${Answer} address=${address} picture=${picture} wishes=${wishes} classes=${about.data?.classes ?? []} />
        ${isInside ? html`<${Why} address=${address} picture=${picture} />` : null}</div>
    </div>
    ${about.data && picture && !isInside ? html`<${NotRecorded} address=${address} />` : null}
    ${isInside ? html`<${Inside} address=${address} picture=${picture} inputShape=${about.data?.input_shape ?? [1, 1, 1]} /><${WhatIf} address=${address} picture=${picture} />` : null}`;
}

/** Which network answers; another one answers the same picture at once. */
function Choice({ models, model, version }) {
  const keep = () => { const text = place.peek().query.toString(); return text ? `?${text}` : ""; };
  return html`<div class="toolbar">
    <label>Model <select value=${model.name} onChange=${(event) => go(`${at`#/look/${event.currentTarget.value}`}${keep()}`)}>${models.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
    <label>Version <select value=${String(version)} onChange=${(event) => go(`${at`#/look/${model.name}/${event.currentTarget.value}`}${keep()}`)}>
      ${model.versions.map((line) => html`<option key=${line.version} value=${String(line.version)}>${line.version}${line.aliases.length ? ` (${line.aliases.join(", ")})` : ""}, test ${percent(line.metrics.test_accuracy)}</option>`)}</select></label>
    <a class="button" href=${at`#/model/${model.name}/${version}`}>About this version</a></div>`;
}

/** A version without a record of its layers: the button makes one. */
function NotRecorded({ address }) {
  const record = useAction(async () => { const job = await post(`${address}/record`); if (job?.id) go(at`#/run/${job.id}`); });
  return html`<${Panel} title="Inside" wide><p>This version was published without a record of its layers, so there is nothing to look into yet.</p>
    <p class="buttons"><button type="button" disabled=${record.busy} onClick=${record.run}>Record them now</button></p><${Fault} error=${record.error} />
    <${Tour} method="POST" path=${`${address}/record`} /><//>`;
}

/** The answer with its conformal set, where the version has the scores for one. */
async function predict(address, blob, wishes, abort) {
  const ask = (values) => send("POST", `${address}/predict${query({ top_k: TOP, ...values })}`, { body: form(blob), signal: abort }).then((answer) => answer.json());
  try { return await ask(wishes); } catch (error) {
    if (error instanceof Problem && error.status === 409) return ask({}); // its file has no scores for a wish
    throw error;
  }
}

function Answer({ address, picture, wishes, classes }) {
  const { answer, error, isOld } = useAnswer([address, picture, JSON.stringify(wishes)], (abort) => (picture && wishes ? predict(address, picture.blob, wishes, abort) : null));
  const first = answer?.predictions[0];
  const refused = first?.error;
  return html`<${Panel} title="Answer">
    <div aria-live="polite" class=${isOld ? "old" : ""}>
      ${!picture ? html`<p class="quiet">Give it a picture, and the answer appears here.</p>` : null}
      <${Fault} error=${error ?? (refused ? { message: refused.message } : null)} />
      ${first && !refused ? html`<${Said} first=${first} truth=${picture?.truth} /><p class="quiet">${answer.model}, version ${answer.version}</p>` : null}
    </div>
    ${first && !refused && !isOld && picture && !picture.truth ? html`<${RightOrWrong} address=${address} model=${answer.model} version=${answer.version} classes=${classes} answered=${labelOf(first)} picture=${picture} />` : null}
    <${Tour} method="POST" path=${`${address}/predict?top_k=${TOP}`} file="picture.png" data=${answer ?? undefined} />
  <//>`;
}

const labelOf = (first) => first.label ?? first.top_k[0].label;

function Said({ first, truth }) {
  const label = labelOf(first);
  return html`<p class="said">${first.not_sure ? html`<span>Not sure; most likely </span>` : null}<strong>${label}</strong>${truth ? (truth === label ? html` <span class="badge succeeded">✓ right</span>` : html` <span class="badge failed">✕ it shows ${truth}</span>`) : null}</p>
    ${first.unusual ? html`<p class="badge warning">! This picture is unlike those it was trained on. Take the answer with care.</p>` : null}
    <${Bars} rows=${first.top_k} mark=${label} />
    ${first.set ? html`<p>In 95 of 100 pictures the right class is in this <${Term} name="conformal set">set<//>: <strong>${first.set.join(", ")}</strong>.</p>` : null}`;
}
