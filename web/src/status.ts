// What of `/status` the page shows.
export interface Status {
  version: string;
  synced: boolean;
  secrets: string;
  uptimeSeconds: number;
  cluster: { id: string; url: string } | null;
  configuration: { source: string; version: string | null; error: string | null };
  objects: number;
  resources: {
    resource: string;
    group: string;
    version: string;
    kind: string;
    state: string;
    synced: boolean;
    tier: string;
    objects: number;
    events: number;
    lastEventAgeSeconds: number | null;
    restarts: number;
    owed: number;
    lastError: string | null;
  }[];
  sinks: {
    sink: string;
    state: string;
    published: number;
    retries: number;
    rejected: number;
    lastError: string | null;
    outbox: { queuedBytes: number; inFlightBytes: number; waiting: number };
  }[];
  fingerprints: { rules: number; objects: number } | null;
}
