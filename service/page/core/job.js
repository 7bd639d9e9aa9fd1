// One job, live: what events say about it is put into its record.
import { useEffect, useRef } from "preact/hooks";
import { at } from "./api.js";
import { listen, onRestart } from "./live.js";
import { useResource } from "./resource.js";

const SERIES = ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"];

/** The job with what an event says. Null: the event does not fit, so the job has to be read again. */
function withEvent(job, { kind, data }) {
  if (kind === "progress") return { ...job, progress: { ...job.progress, ...data } };
  if (kind !== "epoch") return null;
  const history = job.history ?? {};
  const known = history.loss?.length ?? 0;
  if (data.epoch <= known) return job;
  if (data.epoch !== known + 1) return null;
  const longer = Object.fromEntries(SERIES.map((name) => [name, data[name] === undefined ? history[name] ?? [] : [...(history[name] ?? []), data[name]]]));
  return { ...job, history: { ...history, ...longer, best_epoch: bestEpoch(job, longer) }, progress: { ...job.progress, epoch: data.epoch } };
}

/** The best epoch when one more has ended, by the rule that the server has. */
function bestEpoch({ history, request }, longer) {
  const { monitor = "val_loss", min_delta: least = 0 } = request.early_stopping ?? {};
  const values = longer[monitor];
  const best = history?.best_epoch ?? null;
  if (!values.length || best === null) return values.length || null;
  const change = values.at(-1) - values[best - 1];
  return (monitor === "val_loss" ? -change : change) > least ? values.length : best;
}

/** The record of a job, kept new by events. @param {string | null} id null: there is none */
export function useJob(id) {
  const job = useResource(id ? at`/jobs/${id}` : null);
  const latest = useRef(/** @type {any} */ (null));
  latest.current = job.data; // in drawing, not in an effect: several events may come before the effect runs
  const { change, reload } = job;
  useEffect(() => listen((event) => {
    if (event.job !== id || !latest.current) return;
    const next = withEvent(latest.current, event);
    if (next) { latest.current = next; change(next); } else reload();
  }), [id, change, reload]);
  useEffect(() => onRestart(reload), [reload]);
  return job;
}
