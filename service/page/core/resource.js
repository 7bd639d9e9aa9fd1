// What a screen reads from the API: old data stay while new ones come, a late answer never replaces a newer one, and a
// hidden tab asks for nothing.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { apiKey, get, send } from "./api.js";

/** Runs `callback` every so many milliseconds while the tab is visible, and at once when it becomes visible again. */
function whileVisible(callback, every) {
  let timer = 0;
  const tick = async () => {
    if (document.hidden) return;
    await callback();
    clearTimeout(timer);
    if (every) timer = setTimeout(tick, every);
  };
  const onChange = () => { clearTimeout(timer); if (!document.hidden) tick(); };
  document.addEventListener("visibilitychange", onChange);
  tick();
  return () => { clearTimeout(timer); every = 0; document.removeEventListener("visibilitychange", onChange); };
}

/**
 * Read a path now, when it changes, and every `every` milliseconds.
 * @param {string | null} path null: nothing to read
 * @param {{every?: number, text?: boolean}} [options]
 * @returns {{data: any, error: any, isLoading: boolean, reload: () => Promise<void>, change: (data: any) => void}}
 */
export function useResource(path, { every = 0, text = false } = {}) {
  const [state, setState] = useState({ path, data: null, error: null, isLoading: Boolean(path) });
  const latest = useRef(0);
  const key = apiKey.value;
  const load = useCallback(async () => {
    if (!path) return;
    const turn = ++latest.current;
    const show = (/** @type {object} */ change) => {
      if (turn !== latest.current) return;
      setState((old) => ({ path, isLoading: false, error: null, data: old.path === path ? old.data : null, ...change }));
    };
    try {
      show({ data: text ? await (await send("GET", path)).text() : await get(path) });
    } catch (error) { show({ error }); }
  }, [path, text, key]);
  useEffect(() => {
    const stop = path ? whileVisible(load, every) : () => {};
    return () => { stop(); latest.current++; };
  }, [load, every]);
  const own = state.path === path ? state : { data: null, error: null, isLoading: Boolean(path) };
  const change = useCallback((data) => { latest.current++; setState({ path, data, error: null, isLoading: false }); }, [path]);
  return { data: own.data, error: own.error, isLoading: own.isLoading, reload: load, change };
}

/** Something a button does: whether it is under way, and what went wrong. */
export function useAction(action) {
  const [state, setState] = useState(/** @type {{busy: boolean, error: any}} */ ({ busy: false, error: null }));
  const run = async (...values) => {
    setState({ busy: true, error: null });
    try {
      const result = await action(...values);
      setState({ busy: false, error: null });
      return result;
    } catch (error) { setState({ busy: false, error }); return undefined; }
  };
  return { ...state, run };
}

/** A value that follows another after a pause, so that typing asks once. */
export function useLater(value, pause = 250) {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), pause);
    return () => clearTimeout(timer);
  }, [JSON.stringify(value), pause]);
  return late;
}
