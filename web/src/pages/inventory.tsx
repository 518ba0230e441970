import { useEffect, useState } from "preact/hooks";
import { query, type Overview, type Page } from "../api";
import { age, count, plural } from "../format";
import { Empty, Kind, Trouble } from "../parts/bits";
import { useAnswer, useSettled } from "../parts/use";
import { go, href, objectHref, place } from "../router";

const LIMIT = 50;

export function Inventory() {
  const filters = place.value.query;
  const [resource, namespace, labels, q] = ["resource", "namespace", "labels", "q"].map((name) => filters.get(name) ?? "") as [string, string, string, string];
  const [text, setText] = useState(q);
  const [labelText, setLabelText] = useState(labels);
  // Cursors of the pages before this one.
  const [trail, setTrail] = useState<string[]>([]);
  const after = trail.at(-1) ?? "";
  const key = `${resource}|${namespace}|${labels}|${q}`;
  useEffect(() => setTrail([]), [key]);
  useEffect(() => setText(q), [q]);
  useEffect(() => setLabelText(labels), [labels]);

  const set = (change: Record<string, string>) => {
    go(href(["inventory"], { resource, namespace, labels, q, ...change }), "replace");
  };
  const settled = useSettled(text, 180);
  useEffect(() => {
    if (settled !== q) set({ q: settled });
  }, [settled]);

  const path = `/api/v1/objects${query({ resource, namespace, labels, q, limit: LIMIT, after })}`;
  const { data, error, loading } = useAnswer<Page>(path, 5_000);
  const overview = useAnswer<Overview>("/api/v1/overview", 15_000).data;
  const groups = overview?.groups ?? [];
  const kinds = sums(groups.map((group) => [group.resource, group.kind, group.objects]));
  const namespaces = sums(groups.map((group) => [group.namespace || "-", group.namespace || "no namespace", group.objects]));
  const first = trail.length * LIMIT + 1;
  return (
    <>
      <div class="title">
        <h1>Inventory</h1>
        <p class="dim" aria-live="polite">
          {data ? plural(data.total, "object") : " "}
        </p>
      </div>
      <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <label class="grow">
          <span>Search</span>
          <input type="search" value={text} maxLength={200} placeholder="name, namespace or kind" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <label>
          <span>Kind</span>
          <select value={resource} onChange={(event) => set({ resource: event.currentTarget.value })}>
            <option value="">All kinds</option>
            {kinds.map(([value, name, objects]) => (
              <option value={value}>{`${name} (${count(objects)})${same(kinds, name) ? ` · ${value}` : ""}`}</option>
            ))}
            {resource && !kinds.some(([value]) => value === resource) && <option value={resource}>{resource}</option>}
          </select>
        </label>
        <label>
          <span>Namespace</span>
          <select value={namespace} onChange={(event) => set({ namespace: event.currentTarget.value })}>
            <option value="">All namespaces</option>
            {namespaces.map(([value, name, objects]) => (
              <option value={value}>{`${name} (${count(objects)})`}</option>
            ))}
            {namespace && !namespaces.some(([value]) => value === namespace) && <option value={namespace}>{namespace}</option>}
          </select>
        </label>
        <label>
          <span>Labels</span>
          <input value={labelText} placeholder="app=web,tier" onInput={(event) => setLabelText(event.currentTarget.value)} onChange={(event) => set({ labels: event.currentTarget.value.trim() })} />
        </label>
        <button type="button" class="plain" disabled={!resource && !namespace && !labels && !q} onClick={() => go(href(["inventory"]), "replace")}>
          Clear
        </button>
      </form>
      {error && <Trouble error={error} />}
      {data && data.items.length === 0 && (
        <Empty title="Nothing matches">{q || labels || resource || namespace ? "Search for less, or clear the filters." : "Objects appear as they are listed."}</Empty>
      )}
      {data && data.items.length > 0 && (
        <>
          <div class={loading ? "sheet stale" : "sheet"}>
            <table>
              <caption class="hidden">Objects</caption>
              <thead>
                <tr>
                  <th scope="col">Kind</th>
                  <th scope="col">Name</th>
                  <th scope="col">Namespace</th>
                  <th scope="col">API version</th>
                  <th scope="col" class="right">
                    Observed
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.items.map((item) => (
                  <tr key={`${item.resource}/${item.namespace}/${item.name}`}>
                    <td>
                      <Kind kind={item.kind} resource={item.resource} />
                    </td>
                    <th scope="row">
                      <a href={objectHref(item.resource, item.namespace, item.name)}>{item.name}</a>
                      {item.tier === "presence" && <span class="tag">metadata only</span>}
                    </th>
                    <td>
                      {item.namespace ? (
                        <a class="quiet" href={href(["inventory"], { namespace: item.namespace })}>
                          {item.namespace}
                        </a>
                      ) : (
                        <span class="dim">–</span>
                      )}
                    </td>
                    <td class="dim">{item.apiVersion}</td>
                    <td class="right dim">{age(item.observed)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <nav class="pager" aria-label="Pages of objects">
            <span class="dim">
              {count(first)}–{count(first + data.items.length - 1)} of {count(data.total)}
            </span>
            <button type="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
              Previous
            </button>
            <button type="button" disabled={!data.next} onClick={() => data.next && setTrail([...trail, data.next])}>
              Next
            </button>
          </nav>
        </>
      )}
    </>
  );
}

type Sum = [value: string, name: string, objects: number];

function sums(rows: Sum[]): Sum[] {
  const found = new Map<string, Sum>();
  for (const [value, name, objects] of rows) {
    const sum = found.get(value);
    if (sum) sum[2] += objects;
    else found.set(value, [value, name, objects]);
  }
  return [...found.values()].sort((a, b) => a[1].localeCompare(b[1]));
}

function same(all: Sum[], name: string): boolean {
  return all.filter((sum) => sum[1] === name).length > 1;
}
