// Questions about one picture: the last one asked is the one that is answered.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api.js";

/**
 * Ask again whenever `asked` changes; earlier questions are given up, so a slow early answer never replaces a later one.
 * The old answer stays, marked as old, until the new one is there.
 * @param {unknown[]} asked @param {(abort: AbortSignal) => Promise<any> | null} ask null: nothing to ask
 * @returns {{answer: any, error: any, isOld: boolean, isMissing: boolean}}
 */
export function useAnswer(asked, ask) {
  const [state, setState] = useState(/** @type {{answer: any, error: any, isOld: boolean}} */ ({ answer: null, error: null, isOld: false }));
  const turn = useRef(0);
  useEffect(() => {
    const own = ++turn.current;
    const abort = new AbortController();
    const promise = ask(abort.signal);
    if (!promise) { setState({ answer: null, error: null, isOld: false }); return undefined; }
    setState((old) => ({ ...old, isOld: true }));
    promise.then(
      (answer) => { if (own === turn.current) setState({ answer, error: null, isOld: false }); },
      (error) => { if (own === turn.current && !abort.signal.aborted) setState({ answer: null, error, isOld: false }); },
    );
    return () => abort.abort();
  }, asked);
  const isMissing = state.error instanceof Problem && [404, 405, 409].includes(state.error.status);
  return { ...state, isMissing };
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
