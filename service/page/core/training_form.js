// What the form of a new training says, as the body of `POST /jobs`, and back.

/** @typedef {Record<string, string>} Form */

/** Comparisons that people ask for: the field that varies, and values to begin with. @type {Record<string, [string, string, string]>} */
export const COMPARISONS = {
  activation: ["activation functions", "overrides.activation", "tanh, relu"],
  depth: ["depths", "overrides.depth", "1, 2, 3"],
  dropout: ["dropout rates", "overrides.dropout", "0, 0.25, 0.5"],
  width: ["widths", "overrides.width", "0.5, 1, 2"],
  optimizer: ["optimizers", "optimizer.name", "sgd, adam"],
  "learning-rate": ["learning rates", "optimizer.learning_rate", "0.001, 0.01, 0.1"],
  "batch-size": ["batch sizes", "batch_size", "32, 128"],
};

/** Fields behind "Everything else": name, path in the body, kind, label, values of a choice. @type {[string, string, string, string, string[]?][]} */
export const FIELDS = [
  ["model", "model", "text", "model name"],
  ["seed", "seed", "number", "seed"],
  ["batch", "batch_size", "number", "batch size"],
  ["optimizer", "optimizer.name", "choice", "optimizer", ["adam", "adamw", "muon", "rmsprop", "sgd"]],
  ["rate", "optimizer.learning_rate", "number", "learning rate"],
  ["schedule", "learning_rate_schedule.name", "choice", "learning rate over time", ["constant", "cosine", "exponential", "step", "one_cycle"]],
  ["activation", "overrides.activation", "choice", "activation", ["relu", "tanh", "sigmoid", "elu", "leaky_relu", "selu", "silu"]],
  ["depth", "overrides.depth", "number", "depth"],
  ["width", "overrides.width", "number", "width (factor)"],
  ["dropout", "overrides.dropout", "number", "dropout"],
  ["samples", "train_samples", "number", "training pictures"],
  ["tested", "test_samples", "number", "test pictures"],
  ["validation", "validation", "value", "validation (share, test or validation)"],
  ["patience", "early_stopping.patience", "number", "stop after epochs without progress"],
  ["flip", "augmentation.horizontal_flip", "flag", "mirror pictures at random"],
  ["shift", "augmentation.shift_pixels", "number", "shift pictures by up to (pixels)"],
  ["rotation", "augmentation.rotation_degrees", "number", "turn pictures by up to (degrees)"],
  ["views", "test_time_augmentation", "choice", "test also with views averaged", ["none", "flip", "flip_and_shift"]],
  ["smoothing", "label_smoothing", "number", "label smoothing"],
  ["ema", "ema", "number", "average of weights (decay)"],
  ["weights", "weights", "choice", "learned weights to start from", ["imagenet", "none"]],
  ["train", "train", "choice", "what is trained of a learned network", ["head", "last_blocks", "all"]],
  ["initial", "initial_model", "text", "go on from (model or model/version)"],
  ["priority", "priority", "number", "priority among your own (−10 to 10)"],
  ["tags", "tags", "list", "tags (separated by commas)"],
  ["note", "note", "text", "note"],
  ["notify", "notify", "text", "tell this address when it ends"],
];

const put = (body, path, value) => {
  const steps = path.split(".");
  const last = steps.pop();
  let holder = body;
  for (const step of steps) holder = holder[step] = typeof holder[step] === "object" && holder[step] !== null ? holder[step] : typeof holder[step] === "string" ? { name: holder[step] } : {};
  holder[last] = value;
};

const take = (body, path) => path.split(".").reduce((holder, step) => (holder === null || holder === undefined ? undefined : holder[step]), body);

/** Text as the value it stands for: a number, true, or itself. */
function valueOf(text) {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

const listOf = (text) => text.split(",").map((part) => part.trim()).filter(Boolean).map(valueOf);

const BODY = { flag: () => true, text: (text) => text, choice: (text) => text, list: (text) => listOf(text).map(String), number: valueOf, value: valueOf };

/** Puts the fields of one object into another, whose other fields stay. */
function merge(into, more) {
  for (const [name, value] of Object.entries(more)) {
    if (isObject(value) && isObject(into[name])) merge(into[name], value);
    else into[name] = value;
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {Form} form @returns {Record<string, any>} @throws {SyntaxError} own layers or further settings are no JSON */
export function bodyOf(form) {
  /** @type {Record<string, any>} */
  const body = { ...(form.architecture ? { architecture: form.architecture } : {}), dataset: form.dataset };
  if (form.layers) body.architecture = { layers: layersOf(form.layers), ...(form.size ? { input_size: JSON.parse(form.size) } : {}) };
  if (form.epochs) body.epochs = Number(form.epochs);
  for (const [name, path, kind] of FIELDS) if (form[name]) put(body, path, BODY[kind](form[name]));
  if (form.extra?.trim()) merge(body, JSON.parse(form.extra));
  const grid = {};
  const comparison = COMPARISONS[form.compare];
  if (comparison) grid[comparison[1]] = listOf(form.values || comparison[2]);
  if (comparison || Number(form.seeds) > 1) {
    const seeds = Number(form.seeds) || 1;
    if (seeds > 1) { grid.seed = Array.from({ length: seeds }, (_, index) => Number(form.seed || 1) + index); delete body.seed; }
  }
  if (Object.keys(grid).length) body.grid = grid;
  return body;
}

/** Layers as people write them: one JSON object a line. */
export function layersOf(text) {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) return JSON.parse(trimmed);
  return trimmed.split("\n").map((line) => line.trim().replace(/,$/, "")).filter(Boolean).map((line, index) => {
    try { return JSON.parse(line); } catch { throw new SyntaxError(`line ${index + 1} is no JSON object: ${line.slice(0, 60)}`); }
  });
}

export const linesOf = (layers) => layers.map((layer) => JSON.stringify(layer)).join("\n");

/** The form that asks for what a job was asked for. @returns {Form} */
export function formOf(request) {
  /** @type {Form} */
  const form = { dataset: request.dataset, epochs: String(request.epochs ?? "") };
  if (typeof request.architecture === "string") form.architecture = request.architecture;
  else { form.layers = linesOf(request.architecture.layers); if (request.architecture.input_size) form.size = JSON.stringify(request.architecture.input_size); }
  for (const [name, path, kind] of FIELDS) {
    const value = take(request, path);
    if (value === undefined || value === null || value === false || (value === 0 && name !== "seed")) continue;
    if (name === "schedule" && value === "constant") continue;
    form[name] = kind === "flag" ? "true" : kind === "list" ? value.join(", ") : String(value);
  }
  if (request.grid) Object.assign(form, gridOf(request.grid));
  const rest = beyond(request, bodyOf(form));
  if (rest) form.extra = JSON.stringify(rest);
  return form;
}

/** A grid as the form asks for one, where it can. */
function gridOf({ seed, ...grid }) {
  const found = Object.entries(COMPARISONS).find(([, [, path]]) => path in grid);
  return { ...(found ? { compare: found[0], values: grid[found[1][1]].join(", ") } : {}), ...(seed ? { seeds: String(seed.length) } : {}) };
}

/** What a job has when it is not asked for anything else. */
const USUAL = { precision: "float32", "learning_rate_schedule.name": "constant", "augmentation.padding": "reflect" };

/** The settings of a request that the form has no field for; undefined: none. */
function beyond(asked, covered, path = "") {
  if (isObject(asked)) {
    const rest = Object.entries(asked).map(([name, value]) => [name, beyond(value, covered?.[name], path ? `${path}.${name}` : name)]).filter(([, value]) => value !== undefined);
    return rest.length ? Object.fromEntries(rest) : undefined;
  }
  const isUnset = asked === null || asked === undefined || asked === false || asked === 0 || (Array.isArray(asked) && !asked.length);
  return isUnset || asked === USUAL[path] || JSON.stringify(asked) === JSON.stringify(covered) ? undefined : asked;
}
