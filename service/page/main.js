// Puts the page together: the strip above, and the screen that the address names.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { isOffline, Unreachable } from "./core/api.js";
import { html } from "./core/html.js";
import { follow } from "./core/live.js";
import { place } from "./core/router.js";
import { Fault, Loading } from "./parts/basics.js";
import { Strip } from "./screens/strip.js";

/** The screens, each fetched when it is opened first. @type {Record<string, [() => Promise<any>, (steps: string[]) => string]>} */
const SCREENS = {
  "": [async () => (await import("./screens/runs.js")).Runs, () => "Runs"],
  new: [async () => (await import("./screens/new.js")).New, () => "New training"],
  run: [async () => (await import("./screens/run.js")).Run, ([, id]) => `Run ${id}`],
  compare: [async () => (await import("./screens/compare.js")).Compare, () => "Compare"],
  models: [async () => (await import("./screens/models.js")).Models, () => "Models"],
  model: [async () => (await import("./screens/model.js")).Model, ([, name, version]) => (version ? `${name}, version ${version}` : name)],
  look: [async () => (await import("./screens/look.js")).Look, ([, name]) => (name ? `Look inside ${name}` : "Try a picture")],
  data: [async () => (await import("./screens/data.js")).Data, ([, name]) => name ?? "Data"],
  learn: [async () => (await import("./screens/learn.js")).Learn, () => "The lesson"],
  class: [async () => (await import("./screens/class.js")).ClassRoom, () => "Class"],
};

/** Screens that were opened. @type {Record<string, any>} */
const opened = {};

/** The screen of this name; null while it is on its way. */
function useScreen(name) {
  const [, draw] = useState(0);
  const [error, setError] = useState(/** @type {any} */ (null));
  const isOut = isOffline.value;
  useEffect(() => {
    if (opened[name]) return;
    setError(null);
    SCREENS[name][0]().then((screen) => { opened[name] = screen; draw((n) => n + 1); }, () => setError(new Unreachable()));
  }, [name, isOut]);
  return { Screen: opened[name] ?? null, error };
}

function Page() {
  const { steps, path } = place.value;
  const name = steps[0] in SCREENS ? steps[0] : "";
  const { Screen, error } = useScreen(name);
  const title = SCREENS[name][1](steps);
  const key = name === "look" ? name : path; // another model looks at the same picture
  useEffect(() => { document.title = `${title} · convserve`; }, [title]);
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) { heading.current?.focus(); scrollTo(0, 0); }
    isFirst.current = false;
  }, [key]);
  return html`<a class="skip" href=${path} onClick=${(event) => { event.preventDefault(); heading.current?.focus(); }}>Skip to the content</a>
    <${Strip} />
    <main id="main">
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${Screen ? html`<${Screen} key=${key} steps=${steps} />` : error ? html`<${Fault} error=${error} />` : html`<${Loading} what="Opening" />`}
    </main>`;
}

follow();
const root = document.getElementById("app");
if (root) { root.replaceChildren(); render(html`<${Page} />`, root); }
