// Questions about one picture: the last one asked is the one that is answered.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api.js";

const AGAIN_MS = 400;
const TRIES = 8;
const LASTING = ["artifact_corrupt", "store_unavailable"]; // asking again would not help
let last = Promise.resolve();

/**
 * One request after the other: looking inside is work, and the server does a little of it at a time. When it is busy, it is
 * asked again.
 * @template T @param {AbortSignal} abort @param {() => Promise<T>} ask @returns {Promise<T>}
 */
export function inTurn(abort, ask) {
  const turn = last.then(async () => {
    for (let tries = 1; ; tries++) {
      abort.throwIfAborted();
      try { return await ask(); } catch (error) {
        if (!(error instanceof Problem) || ![429, 503].includes(error.status) || LASTING.includes(error.code) || tries === TRIES) throw error;
        await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS * tries); });
      }
    }
  });
  last = turn.then(() => {}, () => {});
  return turn;
}

/**
 * Ask again whenever `asked` changes; earlier questions are given up, so a slow early answer never replaces a later one.
 * The old answer stays, marked as old, until the new one is there.
 * @param {unknown[]} asked @param {(abort: AbortSignal) => Promise<any> | null} ask null: nothing to ask
 * @returns {{answer: any, error: any, isOld: boolean}}
 */
export function useAnswer(asked, ask) {
  const [state, setState] = useState(/** @type {{answer: any, error: any, isOld: boolean}} */ ({ answer: null, error: null, isOld: false }));
  useEffect(() => {
    const abort = new AbortController();
    const promise = ask(abort.signal);
    if (!promise) { setState({ answer: null, error: null, isOld: false }); return undefined; }
    setState((old) => ({ ...old, isOld: true }));
    promise.then(
      (answer) => { if (!abort.signal.aborted) setState({ answer, error: null, isOld: false }); },
      (error) => { if (!abort.signal.aborted) setState({ answer: null, error, isOld: false }); },
    );
    return () => abort.abort();
  }, asked);
  return state;
}

/** A picture that the API draws, as an address for `img`. @param {unknown[]} asked @param {(abort: AbortSignal) => Promise<Response> | null} ask */
export function useDrawn(asked, ask) {
  const made = useRef("");
  const drawn = useAnswer(asked, (abort) => ask(abort)?.then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob)) ?? null);
  useEffect(() => {
    if (made.current && made.current !== drawn.answer) URL.revokeObjectURL(made.current);
    made.current = drawn.answer ?? "";
  }, [drawn.answer]);
  useEffect(() => () => { if (made.current) URL.revokeObjectURL(made.current); }, []);
  return drawn;
}
