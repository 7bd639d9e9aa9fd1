// One line about a job, whichever form the API gives it: a whole record or a row.
import { between } from "./words.js";

/** @typedef {{id: string, name: string, owner: string, state: string, dataset: string, architecture: string, setting: string, priority: number, epoch: number, epochs: number,
 *   phase: string, eta: number | null, validation: number | null, test: number | null, seconds: number | null, version: number | null,
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

export const STATES = ["running", "queued", "succeeded", "failed", "cancelled"];
export const isOver = (state) => ["succeeded", "failed", "cancelled"].includes(state);
