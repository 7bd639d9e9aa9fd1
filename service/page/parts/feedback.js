// What came back about a model: how often each version was right, the pictures that wait, and the way into a dataset.
import { useEffect, useRef, useState } from "preact/hooks";
import { at, post, query, remove } from "../core/api.js";
import { isReady } from "../core/datasets.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { place } from "../core/router.js";
import { hasKeys } from "../core/server.js";
import { count, percent, plural } from "../core/words.js";
import { Await, Fault, Panel, Picture, Term } from "./basics.js";
import { Tour } from "./tour.js";

const SHOWN = 60;

export function Feedback({ name }) {
  const all = useResource(`${at`/models/${name}/feedback`}?limit=1`);
  const path = `${at`/models/${name}/feedback`}${query({ state: "pending", limit: SHOWN })}`;
  const pending = useResource(path);
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const isAsked = place.value.query.get("show") === "feedback";
  const reload = () => { all.reload(); pending.reload(); };
  useEffect(() => { if (isAsked && all.data) panel.current?.scrollIntoView(); }, [isAsked, Boolean(all.data)]);
  return html`<div ref=${panel}><${Panel} title="Feedback" wide tools=${html`<${Term} name="feedback">what is this?<//>`}>
    <${Await} of=${all}>${(found) => (found.total ? html`<${Rightness} versions=${found.versions} />` : html`<p class="quiet">Nothing came back yet. Under every answer on <em>Try a picture</em> you can say whether it is right.</p>`)}<//>
    ${all.data?.total ? html`<${Await} of=${pending}>${(found) => html`<${Waiting} name=${name} found=${found} reload=${reload} />`}<//>` : null}
    <${Collect} name=${name} waiting=${pending.data?.total ?? 0} reload=${reload} />
    <${Tour} path=${path} /><//></div>`;
}

function Rightness({ versions }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="How often each version was right"><table class="narrow">
    <thead><tr><th scope="col">version</th><th scope="col" class="number">pictures</th><th scope="col" class="number">right</th><th scope="col" class="number">share right</th></tr></thead>
    <tbody>${versions.map((one) => html`<tr key=${one.version}><th scope="row">version ${one.version}</th><td class="number">${count(one.pictures)}</td><td class="number">${count(one.right)}</td><td class="number">${percent(one.accuracy)}</td></tr>`)}</tbody></table></div>
    <p class="quiet">This is no test: people mostly send back what was wrong.</p>`;
}

function Waiting({ name, found, reload }) {
  const forget = useAction(async (id) => { await remove(at`/models/${name}/feedback/${id}`); reload(); });
  if (!found.total) return html`<p>All of it is part of a dataset.</p>`;
  return html`<h3>${plural(found.total, "picture")} not in a dataset yet</h3>
    <ul class="gallery" aria-label="Feedback that waits">${found.feedback.map((one) => html`<li key=${one.id}>
      <${Picture} src=${at`/models/${name}/feedback/${one.id}/picture`} alt=${`Shows ${one.label}`} width="84" height="84" />
      <span><strong>${one.label}</strong><br />${one.right ? "right," : `not ${one.answered},`} ${percent(one.probability, 0)}${hasKeys() ? html`<br /><span class="quiet">from ${one.owner}</span>` : null}</span>
      <button type="button" class="small" disabled=${forget.busy} onClick=${() => forget.run(one.id)} aria-label=${`Delete this feedback: ${one.label}`}>Delete</button></li>`)}</ul>
    ${found.total > found.feedback.length ? html`<p class="quiet">The newest ${found.feedback.length}.</p>` : null}
    <${Fault} error=${forget.error} />`;
}

/** The answer of collecting stays while the pictures that waited go. */
function Collect({ name, waiting, reload }) {
  const [made, setMade] = useState(/** @type {any} */ (null));
  const collect = useAction(async () => { setMade(await post(at`/models/${name}/feedback/collect`, {})); reload(); });
  return html`${waiting ? html`<p class="buttons"><button type="button" class="primary" disabled=${collect.busy} onClick=${collect.run}>Collect ${plural(waiting, "picture")} into a dataset</button></p>
      <p class="quiet">The model's dataset gets a new version with them if it was uploaded and is yours; otherwise a new dataset begins with its pictures. Train on it, and the model learns from its mistakes.</p>` : null}
    <div role="status">${made ? html`<p>${plural(made.pictures, "picture")} ${made.pictures === 1 ? "goes" : "go"} into <a href=${at`#/data/${made.dataset}`}>${made.dataset}</a>, version ${made.version}${made.grown_from ? `, with those of ${made.grown_from}` : ""}.${made.disagreeing ? ` ${plural(made.disagreeing, "picture")} left out: people gave different labels.` : ""}</p>
      <${Learn} key=${made.version} made=${made} name=${name} reload=${reload} />` : null}</div>
    <${Fault} error=${collect.error} />`;
}

/** The next step, once the dataset is there. */
function Learn({ made, name, reload }) {
  const [isThere, setThere] = useState(false);
  const dataset = useResource(at`/datasets/${made.dataset}`, { every: isThere ? 0 : 1000 });
  const found = dataset.data;
  const isMade = found && isReady(found) && (found.version ?? 1) >= made.version;
  useEffect(() => { if (isMade) { setThere(true); reload(); } }, [isMade]);
  const error = found?.error ?? found?.addition?.error;
  if (error) return html`<${Fault} error=${error} />`;
  return isMade ? html`<p><a class="button primary" href=${`#/new${query({ dataset: made.dataset, model: name, initial: name })}`}>Train ${name} further on it</a></p>`
    : html`<p class="quiet">The dataset is being made <progress aria-label="The dataset is being made"></progress></p>`;
}
