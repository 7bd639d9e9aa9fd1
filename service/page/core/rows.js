// One line about a job, whichever form the API gives it: a whole record or a row.
import { between, count, plural } from "./words.js";

/** @typedef {{id: string, kind: string, name: string, owner: string, state: string, dataset: string, architecture: string, setting: string, priority: number, epoch: number, epochs: number,
 *   phase: string, step: number, steps: number, eta: number | null, validation: number | null, test: number | null, seconds: number | null, version: number | null,
 *   group: string | null, position: number | null, error: any, created: string, started: string | null, finished: string | null,
 *   speed: number | null, doctor: string, cancelling: boolean, tags: string[]}} Row */

const best = (values) => (values?.length ? Math.max(...values) : null);

function architectureOf(job, request) {
  const network = request.architecture ?? job.architecture;
  const name = typeof network === "string" ? network : "own network";
  const changes = Object.entries(request.overrides ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return [name, ...changes.map(([, value]) => (Array.isArray(value) ? value.join("×") : value))].join(", ");
}

/** @returns {Row} */
export function rowOf(job) {
  const request = job.request ?? {};
  const progress = job.progress ?? job;
  const model = job.model ?? null;
  return {
    id: job.id,
    kind: job.kind ?? "training",
    name: model?.name ?? (typeof model === "string" ? model : request.model ?? job.id),
    owner: job.owner ?? "local",
    state: job.state,
    dataset: request.dataset ?? job.dataset ?? "",
    architecture: architectureOf(job, request),
    setting: job.setting ?? "",
    priority: job.priority ?? 0,
    epoch: progress.epoch ?? 0,
    epochs: progress.epochs || request.epochs || 0,
    phase: progress.phase ?? "",
    step: progress.step ?? 0,
    steps: progress.steps ?? 0,
    eta: progress.eta_s ?? job.eta_s ?? null,
    validation: job.val_accuracy ?? best(job.history?.val_accuracy),
    test: model?.test_accuracy ?? job.test_accuracy ?? null,
    seconds: between(job.started_at, job.finished_at),
    version: model?.version ?? job.version ?? null,
    group: job.group ?? null,
    position: job.position ?? null,
    error: typeof job.error === "string" ? { code: job.error } : job.error ?? null,
    created: job.created_at,
    started: job.started_at ?? null,
    finished: job.finished_at ?? null,
    speed: progress.images_per_second ?? null,
    doctor: job.doctor?.worst ?? "",
    cancelling: Boolean(job.cancel_requested),
    tags: job.tags ?? [],
  };
}

/** What a job does that is no training. @type {Record<string, string>} */
export const KINDS = { import: "import of a model", record: "record of the layers", export: "export", predictions: "classifies pictures" };

/** Whether a job publishes a version; the others name the version that they are about. @param {Row} row */
export const publishes = (row) => row.kind === "training" || row.kind === "import";

/** How far a running job is, in words: epochs of a training, pictures of many. @param {Row} row */
export function howFar(row) {
  if (row.kind === "predictions" || row.phase === "predicting") return row.steps ? `${count(row.step)} of ${plural(row.steps, "picture")}` : "";
  return row.kind === "training" && row.epochs && row.epoch ? `epoch ${row.epoch} of ${row.epochs}` : "";
}

/** The same as a share, for a bar; null where it is not known. @param {Row} row */
export function share(row) {
  if (row.kind === "training" && row.phase !== "predicting") return row.epochs ? row.epoch / row.epochs : 0;
  return row.steps ? row.step / row.steps : null;
}

export const STATES = ["running", "queued", "succeeded", "failed", "cancelled"];
export const isOver = (state) => ["succeeded", "failed", "cancelled"].includes(state);
