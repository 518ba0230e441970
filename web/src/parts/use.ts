// Asking the server from a component.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, locked, type Refusal } from "../api";

export interface Answer<T> {
  data: T | null;
  error: Refusal | null;
  loading: boolean;
}

/** The answer to `path`; asked again when it changes and, while it is seen, every `everyMs`. */
export function useAnswer<T>(path: string | null, everyMs = 0): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ data: null, error: null, loading: true });
  const asked = useRef<string | null>(null);
  const isLocked = locked.value;
  useEffect(() => {
    if (path === null || isLocked) return;
    const abort = new AbortController();
    const isNew = asked.current !== path;
    asked.current = path;
    const load = async () => {
      try {
        const data = await get<T>(path, abort.signal);
        setAnswer({ data, error: null, loading: false });
      } catch (error) {
        if (!abort.signal.aborted) {
          setAnswer((before) => ({ data: before.data, error: error as Refusal, loading: false }));
        }
      }
    };
    if (isNew) setAnswer((before) => ({ ...before, loading: true }));
    void load();
    const timer = everyMs > 0 ? setInterval(() => !document.hidden && void load(), everyMs) : undefined;
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [path, everyMs, isLocked]);
  return answer;
}

/** `value`, once it has been left alone for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** The width of an element, as it changes. */
export function useWidth<E extends HTMLElement>(): [(element: E | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const attach = useRef((element: E | null) => {
    observer.current?.disconnect();
    if (!element) return;
    setWidth(element.clientWidth);
    observer.current = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.current.observe(element);
  });
  return [attach.current, width];
}
