import { useState } from "preact/hooks";
import type { Product, Products } from "../api";
import { plural } from "../format";
import { Choice, Empty, Trouble } from "../parts/bits";
import { useAnswer } from "../parts/use";
import { href } from "../router";

type Which = "all" | "sure" | "unsure";

const STATES: Record<Product["state"], [string, string]> = {
  identified: ["Identified", "good"],
  probable: ["Probable", "busy"],
  ambiguous: ["Ambiguous", "busy"],
  "api-only": ["API only", "calm"],
};

const VERSIONS: Record<string, string> = {
  agreed: "agreed by several places",
  stated: "stated in one place",
  conflict: "places disagree",
};

export function Installed() {
  const { data, error } = useAnswer<Products>("/api/v1/fingerprints", 5_000);
  const [text, setText] = useState("");
  const [which, setWhich] = useState<Which>("all");
  if (!data) return error ? <Trouble error={error} /> : <p class="loading">Asking…</p>;
  const shown = data.products.filter((product) => {
    const said = `${product.name} ${product.product} ${product.category} ${product.namespace ?? ""}`.toLowerCase();
    const isSure = product.state === "identified";
    return (which === "all" || (which === "sure") === isSure) && said.includes(text.toLowerCase());
  });
  return (
    <>
      <div class="title">
        <h1>Installed</h1>
        <p class="dim">{plural(data.total, "product")} recognised</p>
      </div>
      {error && <Trouble error={error} />}
      {!data.enabled ? (
        <Empty title="Nobody looks for products">
          Start with <code>meshsync run --web --fingerprints</code>.
        </Empty>
      ) : (
        <>
          <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
            <label class="grow">
              <span>Filter</span>
              <input type="search" value={text} placeholder="name, category or namespace" onInput={(event) => setText(event.currentTarget.value)} />
            </label>
            <Choice
              label="How sure"
              value={which}
              pick={setWhich}
              options={[
                ["all", "All"],
                ["sure", "Identified"],
                ["unsure", "Less sure"],
              ]}
            />
          </form>
          {shown.length === 0 && <Empty title={data.total === 0 ? "Nothing recognised yet" : "Nothing matches"} />}
          <ul class="products">
            {shown.map((product) => (
              <Card key={`${product.product}/${product.namespace}/${product.instance}`} product={product} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Card({ product }: { product: Product }) {
  const [state, tone] = STATES[product.state] ?? [product.state, "calm"];
  const relations: [string, string[]][] = [
    ["Part of", product.part_of],
    ["Brought along", product.contains],
    ["Run by", product.managed_by],
    ["May be instead", product.alternatives],
  ];
  return (
    <li class="card product">
      <header>
        <span class={`monogram t${hue(product.category)}`} aria-hidden="true">
          {initials(product.name)}
        </span>
        <div>
          <h2>{product.name}</h2>
          <p class="dim">
            {product.category.replaceAll("-", " ")}
            {product.namespace && (
              <>
                {" in "}
                <a href={href(["inventory"], { namespace: product.namespace })}>{product.namespace}</a>
              </>
            )}
          </p>
        </div>
        <span class={`pill ${tone}`}>{state}</span>
      </header>
      <p class="version">
        {product.version ? <b>{product.version}</b> : <span class="dim">version unknown</span>}
        {product.edition && <span class="tag">{product.edition}</span>}
        {product.version && <small class="dim">{VERSIONS[product.version_status] ?? product.version_status}</small>}
      </p>
      {product.conflicts.length > 0 && <p class="bad">Does not go with {product.conflicts.join(", ")}</p>}
      {relations
        .filter(([, names]) => names.length > 0)
        .map(([label, names]) => (
          <p class="relation">
            <span class="dim">{label}</span> {names.join(", ")}
          </p>
        ))}
      {product.components.length > 0 && (
        <details>
          <summary>{plural(product.components.length, "component")}</summary>
          <ul class="components">
            {product.components.map((component) => (
              <li>
                <span>
                  {component.kind} {component.name}
                </span>
                <code>{component.image ?? ""}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
      <details>
        <summary>Because</summary>
        <ul class="because" tabIndex={0}>
          {product.evidence.map((proof) => (
            <li>
              <span class="tag">{proof.kind}</span> <code>{String(proof.value ?? "")}</code>
              <Where object={proof.object as { kind: string; namespace: string | null; name: string } | undefined} />
            </li>
          ))}
        </ul>
        <p class="dim">{Math.round(product.confidence * 100)} % sure</p>
      </details>
      {product.components.length > 0 && (
        <footer>
          <a href={href(["topology"], { product: product.product, instance: product.instance })}>Topology of {product.name}</a>
        </footer>
      )}
    </li>
  );
}

function Where({ object }: { object?: { kind: string; namespace: string | null; name: string } }) {
  if (!object?.name) return null;
  return (
    <small class="dim">
      {object.kind} {object.namespace ? `${object.namespace}/` : ""}
      {object.name}
    </small>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s-]+/).filter(Boolean);
  return (words.length > 1 ? words.slice(0, 2).map((word) => word[0]).join("") : name.slice(0, 2)).toUpperCase();
}

function hue(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.charCodeAt(0)) % 6;
  return sum;
}
