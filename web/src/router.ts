// Addresses are in the fragment: the server knows one page, and has no folder to leave.
import { computed, signal } from "@preact/signals";

export interface Place {
  path: string[];
  query: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return {
    path: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(query),
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const place = signal<Place>(read());
export const page = computed(() => place.value.path[0] ?? "overview");

addEventListener("hashchange", () => {
  place.value = read();
});

export function href(path: string[], query: Record<string, string | undefined> = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value) params.set(key, value);
  }
  const tail = params.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${tail ? `?${tail}` : ""}`;
}

/** Goes somewhere; without a trace in the history where only a filter changes. */
export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "replace") {
    history.replaceState(null, "", to);
    place.value = read();
  } else {
    location.hash = to;
  }
}

export function objectHref(resource: string, namespace: string, name: string): string {
  return href(["object", resource, namespace || "-", name]);
}
