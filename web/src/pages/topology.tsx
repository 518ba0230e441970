import { useState } from "preact/hooks";
import { query, type Graph, type GraphEdge, type Overview, type Products } from "../api";
import { count, plural } from "../format";
import { Empty, Trouble } from "../parts/bits";
import { Topology } from "../parts/graph";
import { useAnswer } from "../parts/use";
import { go, href, place } from "../router";

const WHY: [GraphEdge["why"], string][] = [
  ["owner", "Owner"],
  ["selector", "Selector"],
  ["ingress", "Ingress"],
  ["mount", "Mount"],
  ["scales", "Scales"],
  ["account", "Account"],
];

export function TopologyPage() {
  const filters = place.value.query;
  const [product, instance] = [filters.get("product") ?? "", filters.get("instance") ?? ""];
  const overview = useAnswer<Overview>("/api/v1/overview", 30_000).data;
  const products = useAnswer<Products>("/api/v1/fingerprints", 30_000).data;
  const namespaces = byNamespace(overview);
  const largest = [...namespaces].filter(([name]) => !name.startsWith("kube-")).sort((a, b) => b[1] - a[1])[0]?.[0];
  const namespace = filters.get("namespace") ?? (product ? "" : (largest ?? ""));
  const isAsked = namespace || product;
  const { data, error } = useAnswer<Graph>(isAsked ? `/api/v1/topology${query({ namespace, product, instance })}` : null, 10_000);
  const [hidden, hide] = useState<ReadonlySet<string>>(new Set(["account"]));
  const drawn = products?.products.filter((one) => one.components.length > 0) ?? [];
  const value = product ? `p:${product}:${instance}` : `n:${namespace}`;
  const choose = (chosen: string) => {
    const [sort, name, which] = [chosen.slice(0, 1), ...chosen.slice(2).split(":")] as [string, string, string?];
    go(href(["topology"], sort === "p" ? { product: name, instance: which } : { namespace: name }), "replace");
  };
  return (
    <>
      <div class="title">
        <h1>Topology</h1>
        <p class="dim" aria-live="polite">
          {data && `${plural(data.nodes.length, "node")}, ${plural(data.edges.length, "edge")}${data.cut ? "; there is more than is drawn" : ""}`}
        </p>
      </div>
      <form class="filters" aria-label="What is drawn" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span>Of</span>
          <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
            <optgroup label="Namespaces">
              {[...namespaces].map(([name, objects]) => (
                <option value={`n:${name}`}>{`${name} (${count(objects)})`}</option>
              ))}
            </optgroup>
            {drawn.length > 0 && (
              <optgroup label="Products">
                {drawn.map((one) => (
                  <option value={`p:${one.product}:${one.instance}`}>{`${one.name}${one.namespace ? ` in ${one.namespace}` : ""}`}</option>
                ))}
              </optgroup>
            )}
          </select>
        </label>
        <fieldset class="edges">
          <legend>Edges</legend>
          {WHY.map(([why, name]) => (
            <label>
              <input
                type="checkbox"
                checked={!hidden.has(why)}
                onChange={() => {
                  const next = new Set(hidden);
                  if (!next.delete(why)) next.add(why);
                  hide(next);
                }}
              />
              <i class={`stroke ${why}`} aria-hidden="true" />
              {name}
            </label>
          ))}
        </fieldset>
      </form>
      {error && <Trouble error={error} />}
      {data && data.nodes.length === 0 && <Empty title="Nothing to draw">There are no workloads here, or only their metadata is observed.</Empty>}
      {data && data.nodes.length > 0 && <Topology graph={data} hidden={hidden} />}
    </>
  );
}

function byNamespace(overview: Overview | null): Map<string, number> {
  const found = new Map<string, number>();
  for (const group of overview?.groups ?? []) {
    if (group.namespace) found.set(group.namespace, (found.get(group.namespace) ?? 0) + group.objects);
  }
  return new Map([...found].sort((a, b) => a[0].localeCompare(b[0])));
}
