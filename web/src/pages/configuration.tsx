import { count, duration } from "../format";
import { Card, Trouble } from "../parts/bits";
import { useAnswer } from "../parts/use";
import type { Status } from "../status";

export function Configuration() {
  const { data, error } = useAnswer<Status>("/status", 10_000);
  if (!data) return error ? <Trouble error={error} /> : <p class="loading">Asking…</p>;
  const tiers = new Map<string, number>();
  for (const resource of data.resources) tiers.set(resource.tier, (tiers.get(resource.tier) ?? 0) + 1);
  return (
    <>
      <div class="title">
        <h1>Configuration</h1>
        <p class="dim">What is in force</p>
      </div>
      {error && <Trouble error={error} />}
      {data.configuration.error && (
        <div class="trouble" role="alert">
          <strong>A newer configuration is not used</strong>
          <span>{data.configuration.error}</span>
        </div>
      )}
      <div class="columns">
        <Card title="Pipeline">
          <dl class="facts">
            <dt>Version</dt>
            <dd>{data.version}</dd>
            <dt>Running for</dt>
            <dd>{duration(data.uptimeSeconds)}</dd>
            <dt>Cluster</dt>
            <dd class="mono">{data.cluster?.id ?? "not known yet"}</dd>
            <dt>API server</dt>
            <dd class="mono">{data.cluster?.url ?? "–"}</dd>
            <dt>Comes from</dt>
            <dd>{data.configuration.source || "the command line"}</dd>
            <dt>Secrets</dt>
            <dd>
              <span class={`pill ${data.secrets === "redacted" ? "good" : "bad"}`}>{data.secrets}</span>
              {data.secrets !== "redacted" && " leave this process with their values; this page never shows them"}
            </dd>
            <dt>Fingerprint rules</dt>
            <dd>{data.fingerprints ? count(data.fingerprints.rules) : "off"}</dd>
          </dl>
        </Card>
        <Card title="How deep">
          <dl class="facts">
            {[...tiers].map(([tier, resources]) => (
              <>
                <dt>{tier}</dt>
                <dd>{count(resources)} resources</dd>
              </>
            ))}
          </dl>
          <p class="dim">
            <b>detail</b> is the whole object, <b>presence</b> its metadata. <code>--depth</code> and <code>--tier</code> decide.
          </p>
        </Card>
      </div>
    </>
  );
}
