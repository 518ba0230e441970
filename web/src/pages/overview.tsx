import { useState } from "preact/hooks";
import type { Overview as Answer } from "../api";
import { bytes, count, duration, plural } from "../format";
import { FAMILIES } from "../kinds";
import { changes, stats as live } from "../live";
import { Card, Choice, Empty, Trouble } from "../parts/bits";
import { ChangeRow } from "../parts/change";
import { Rate } from "../parts/rate";
import { Treemap, type By } from "../parts/treemap";
import { useAnswer } from "../parts/use";
import { href } from "../router";

export function Overview() {
  const { data, error } = useAnswer<Answer>("/api/v1/overview", 5_000);
  const [by, setBy] = useState<By>("kind");
  if (!data) return error ? <Trouble error={error} /> : <p class="loading">Asking…</p>;
  const stats = live.value ?? data.stats;
  const kinds = new Set(data.groups.map((group) => group.resource)).size;
  const namespaces = new Set(data.groups.map((group) => group.namespace).filter(Boolean)).size;
  const { synced, total } = stats.resources;
  return (
    <>
      <div class="title">
        <h1>Overview</h1>
        {data.cluster && (
          <p class="dim">
            <code>{data.cluster.url}</code> · cluster <code>{data.cluster.id}</code>
          </p>
        )}
      </div>
      {error && <Trouble error={error} />}
      {data.problems.length > 0 && <Problems of={data.problems} />}
      <dl class="figures">
        <Figure name="Objects" value={count(stats.objects)} note={`in ${plural(namespaces, "namespace")}`} to={href(["inventory"])} />
        <Figure
          name="Kinds"
          value={count(kinds)}
          note={synced === total ? "all in sync" : `${count(synced)} of ${count(total)} in sync`}
          to={href(["subscriptions"])}
        >
          <progress max={Math.max(1, total)} value={synced} aria-label="Resources in sync" />
        </Figure>
        <Figure name="Products" value={data.products === null ? "–" : count(data.products)} note={data.products === null ? "not looked for" : "recognised"} to={href(["installed"])} />
        <Figure name="Waiting for sinks" value={count(stats.waiting)} note={`${bytes(stats.bytes)} read`} to={href(["subscriptions"])} />
        <Figure name="Running for" value={duration(data.uptimeSeconds)} note={`version ${data.version}`} to={href(["configuration"])} />
      </dl>
      <Card
        title="What is there"
        wide
        aside={
          <Choice
            label="Group by"
            value={by}
            pick={setBy}
            options={[
              ["kind", "By kind"],
              ["namespace", "By namespace"],
            ]}
          />
        }
      >
        {data.groups.length === 0 ? (
          <Empty title="Nothing yet">Objects appear as they are listed.</Empty>
        ) : (
          <>
            <Treemap groups={data.groups} by={by} />
            <ul class="legend" aria-label="Colours">
              {Object.entries(FAMILIES).map(([family, name]) => (
                <li>
                  <i class={`dot ${family}`} aria-hidden="true" />
                  {name}
                </li>
              ))}
            </ul>
          </>
        )}
      </Card>
      <div class="columns">
        <Card title="Events">
          <Rate />
        </Card>
        <Card title="Latest changes" aside={<a href={href(["changes"])}>All of them</a>}>
          {changes.value.length === 0 ? (
            <Empty title="All quiet">Nothing has changed since the first list.</Empty>
          ) : (
            <ol class="feed short">
              {changes.value.slice(0, 6).map((change) => (
                <ChangeRow key={change.seq} change={change} />
              ))}
            </ol>
          )}
        </Card>
      </div>
    </>
  );
}

/** So many problems are in full view. */
const SHOWN = 5;

function Problems({ of }: { of: Answer["problems"] }) {
  const rest = of.slice(SHOWN);
  const list = (problems: Answer["problems"]) => (
    <ul>
      {problems.map(({ area, subject, message, remedy }) => (
        <li>
          <b>
            {area} {subject}
          </b>
          {message && `: ${message}`}
          <small>{remedy}</small>
        </li>
      ))}
    </ul>
  );
  return (
    <div class="trouble" role="alert">
      <strong>{of.length === 1 ? "One thing is wrong" : `${of.length} things are wrong`}</strong>
      {list(of.slice(0, SHOWN))}
      {rest.length > 0 && (
        <details>
          <summary>{`${rest.length} more`}</summary>
          {list(rest)}
        </details>
      )}
    </div>
  );
}

function Figure({ name, value, note, to, children }: { name: string; value: string; note: string; to: string; children?: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <a href={to}>{value}</a>
        {children}
        <small>{note}</small>
      </dd>
    </div>
  );
}
