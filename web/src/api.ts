// What the server is asked, and what it answers: docs/adr/0045-web-page.md.
import { signal } from "@preact/signals";

export interface Stats {
  synced: boolean;
  objects: number;
  events: number;
  bytes: number;
  resources: { total: number; synced: number; live: number; troubled: number };
  waiting: number;
}

export interface Group {
  resource: string;
  kind: string;
  namespace: string;
  objects: number;
}

export interface Overview {
  version: string;
  cluster: { id: string; url: string } | null;
  uptimeSeconds: number;
  health: "starting" | "ok" | "degraded";
  problems: { area: string; subject: string; message: string; remedy: string }[];
  stats: Stats;
  groups: Group[];
  otherObjects: number;
  products: number | null;
}

export interface Item {
  resource: string;
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  tier: string;
  observed: string;
}

export interface Page {
  items: Item[];
  total: number;
  next: string | null;
}

export interface Related {
  kind: string;
  name: string;
  resource: string | null;
  namespace: string | null;
}

export interface Change {
  seq: number;
  event: "ADDED" | "MODIFIED" | "DELETED";
  resource: string;
  kind: string;
  namespace: string;
  name: string;
  version: string;
  observed: string;
}

export interface Detail extends Item {
  uid: string;
  version: string;
  labels: [string, string][];
  annotations: Record<string, string>;
  created: string | null;
  owners: Related[];
  owned: Related[];
  ownedTotal: number;
  yaml: string | null;
  bytes: number;
  redacted: boolean;
  history: Change[];
}

export interface Product {
  product: string;
  name: string;
  category: string;
  state: "identified" | "probable" | "ambiguous" | "api-only";
  version: string | null;
  version_status: string;
  edition: string | null;
  namespace: string | null;
  instance: string;
  confidence: number;
  components: {
    id: string;
    kind: string;
    namespace: string | null;
    name: string;
    image: string | null;
    version: string | null;
  }[];
  evidence: { kind: string; [key: string]: unknown }[];
  config: Record<string, string>;
  part_of: string[];
  contains: string[];
  managed_by: string[];
  conflicts: string[];
  alternatives: string[];
}

export interface Products {
  enabled: boolean;
  products: Product[];
  total: number;
}

export interface GraphNode {
  id: number;
  kind: string;
  resource: string;
  namespace: string;
  name: string;
  objects: number;
}

export interface GraphEdge {
  from: number;
  to: number;
  why: "owner" | "selector" | "mount" | "ingress" | "scales" | "account";
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  cut: boolean;
}

/** An answer that is none, with what to do about it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** The server wants a token, or another one. */
export const locked = signal(false);

// Lives as long as the tab: never in a cookie, so no other site can make use of it.
const TOKEN = "meshsync-token";

export function unlock(token: string): void {
  sessionStorage.setItem(TOKEN, token);
  locked.value = false;
}

export async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN);
  const headers: HeadersInit = token ? { Authorization: `Bearer ${token}` } : {};
  let response: Response;
  try {
    response = await fetch(path, { headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, "MeshSync cannot be reached", "is it running? this page tries again by itself");
  }
  if (response.ok) return response;
  if (response.status === 401) locked.value = true;
  let said: { error?: string; remedy?: string } = {};
  try {
    said = await response.json();
  } catch {
    // Refusals of access say nothing, on purpose.
  }
  throw new Refusal(
    response.status,
    said.error ?? `the answer was ${response.status} ${response.statusText}`.trim(),
    said.remedy ?? "",
  );
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, signal)).json() as Promise<T>;
}

export function query(params: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
