import type { Detail, Related } from "../api";
import { ago, bytes, count } from "../format";
import { Card, Kind, Trouble } from "../parts/bits";
import { ChangeRow } from "../parts/change";
import { useAnswer } from "../parts/use";
import { Yaml } from "../parts/yaml";
import { href, objectHref, place } from "../router";

export function ObjectPage() {
  const [, resource = "", namespace = "-", name = ""] = place.value.path;
  const path = `/api/v1/objects/${[resource, namespace, name].map(encodeURIComponent).join("/")}`;
  const { data, error } = useAnswer<Detail>(path, 5_000);
  const isHere = data?.name === name && data.resource === resource;
  if (!data || !isHere) return error ? <Trouble error={error} /> : <p class="loading">Asking…</p>;
  return (
    <>
      <div class="title">
        <p class="crumbs">
          <a href={href(["inventory"], { resource: data.resource })}>
            <Kind kind={data.kind} resource={data.resource} />
          </a>
          {data.namespace && (
            <>
              {" in "}
              <a href={href(["inventory"], { namespace: data.namespace })}>{data.namespace}</a>
            </>
          )}
        </p>
        <h1 class="mono">{data.name}</h1>
      </div>
      {error && <Trouble error={error} />}
      <div class="split">
        <div>
          <Card
            title="YAML"
            aside={
              <>
                {data.redacted && <span class="tag">values are not shown</span>}
                {data.tier === "presence" && <span class="tag">metadata only</span>}
                <span class="dim">{bytes(data.bytes)}</span>
                {data.yaml && (
                  <button type="button" class="plain" onClick={() => void navigator.clipboard?.writeText(data.yaml ?? "")}>
                    Copy
                  </button>
                )}
              </>
            }
          >
            {data.yaml === null ? <p class="dim">Too large to be shown: ask with kubectl.</p> : <Yaml text={data.yaml} />}
          </Card>
        </div>
        <div>
          <Card title="Identity">
            <dl class="facts">
              <dt>API version</dt>
              <dd>{data.apiVersion}</dd>
              <dt>Created</dt>
              <dd>{ago(data.created)}</dd>
              <dt>Observed</dt>
              <dd>{ago(data.observed)}</dd>
              <dt>Version</dt>
              <dd class="mono">{data.version}</dd>
              <dt>uid</dt>
              <dd class="mono">{data.uid}</dd>
            </dl>
            {data.namespace && (
              <p>
                <a href={href(["topology"], { namespace: data.namespace })}>Topology of {data.namespace}</a>
              </p>
            )}
          </Card>
          {data.labels.length > 0 && (
            <Card title="Labels">
              <ul class="labels">
                {data.labels.map(([key, value]) => (
                  <li>
                    <a href={href(["inventory"], { labels: `${key}=${value}` })} title="Show what else has it">
                      {key}
                      <b>{value}</b>
                    </a>
                  </li>
                ))}
              </ul>
            </Card>
          )}
          {data.owners.length > 0 && (
            <Card title="Owned by">
              <Relatives of={data.owners} />
            </Card>
          )}
          {data.owned.length > 0 && (
            <Card title="Owns" aside={<span class="dim">{count(data.ownedTotal)}</span>}>
              <Relatives of={data.owned} />
            </Card>
          )}
          <Card title="History">
            {data.history.length === 0 ? (
              <p class="dim">No change since MeshSync started.</p>
            ) : (
              <ol class="feed short">
                {data.history.map((change) => (
                  <ChangeRow key={change.seq} change={change} />
                ))}
              </ol>
            )}
          </Card>
        </div>
      </div>
    </>
  );
}

function Relatives({ of }: { of: Related[] }) {
  return (
    <ul class="relatives">
      {of.map((relative) => (
        <li>
          <Kind kind={relative.kind} resource={relative.resource ?? relative.kind} />
          {relative.resource ? (
            <a href={objectHref(relative.resource, relative.namespace ?? "", relative.name)}>{relative.name}</a>
          ) : (
            <span title="not observed">{relative.name}</span>
          )}
        </li>
      ))}
    </ul>
  );
}
