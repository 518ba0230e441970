// The stream of what happens, as long as somebody looks.
import { effect, signal } from "@preact/signals";
import { ask, get, locked, type Change, type Stats } from "./api";

export const stats = signal<Stats | null>(null);
export const connected = signal(false);

/** Changes, newest first. */
export const changes = signal<Change[]>([]);
/** Changes that happened and are not in the list. */
export const missed = signal(0);

const CHANGES_MAX = 500;

export interface Sample {
  at: number;
  events: number;
  bytes: number;
}

/** One for each second of the last five minutes. */
export const samples = signal<Sample[]>([]);
const SAMPLES_MAX = 300;

const BACK_OFF_MS = [500, 1000, 2000, 5000, 10000];

/** Listens until the page goes away; pauses while nobody can see it. */
export async function listen(): Promise<never> {
  let failures = 0;
  for (;;) {
    await visible();
    const abort = new AbortController();
    const hide = () => document.hidden && abort.abort();
    document.addEventListener("visibilitychange", hide);
    try {
      await catchUp(abort.signal);
      await read(abort.signal, () => {
        failures = 0;
        connected.value = true;
      });
    } catch {
      // Said by `connected`; tried again below.
    } finally {
      document.removeEventListener("visibilitychange", hide);
      connected.value = false;
    }
    if (!document.hidden) {
      await pause(BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)] ?? 500);
      failures += 1;
    }
    await unlocked();
  }
}

async function catchUp(signal: AbortSignal): Promise<void> {
  const before = await get<{ changes: Change[] }>("/api/v1/changes?limit=200", signal);
  add(before.changes.reverse());
}

async function read(signal: AbortSignal, alive: () => void): Promise<void> {
  const response = await ask("/api/v1/stream", signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  alive();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (rest + value).split("\n\n");
    rest = frames.pop() ?? "";
    frames.forEach(take);
  }
}

function take(frame: string): void {
  const event = /^event: (.*)$/m.exec(frame)?.[1];
  const data = /^data: (.*)$/m.exec(frame)?.[1];
  if (!event || !data) return;
  const said = JSON.parse(data);
  if (event === "stats") {
    stats.value = said;
  } else if (event === "changes") {
    missed.value += said.skipped;
    add(said.changes);
  } else if (event === "lagged") {
    missed.value += said.frames;
  }
}

function add(news: Change[]): void {
  const last = changes.value[0]?.seq ?? 0;
  // After a restart of the server numbers begin again.
  const restarted = news.length > 0 && news[news.length - 1]!.seq < last - CHANGES_MAX;
  const fresh = restarted ? news : news.filter((change) => change.seq > last);
  if (fresh.length > 0) {
    changes.value = [...fresh.reverse(), ...(restarted ? [] : changes.value)].slice(0, CHANGES_MAX);
  }
}

setInterval(() => {
  const now = stats.value;
  if (!now || document.hidden) return;
  const sample = { at: Date.now() / 1000, events: now.events, bytes: now.bytes };
  samples.value = [...samples.value, sample].slice(-SAMPLES_MAX);
}, 1000);

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function visible(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
  });
}

function unlocked(): Promise<void> {
  return new Promise((done) => {
    const stop = effect(() => {
      if (!locked.value) queueMicrotask(() => (stop(), done()));
    });
  });
}
