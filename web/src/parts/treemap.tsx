// How much there is of what, as areas. Every area is a link with a name.
import { hierarchy, treemap, treemapSquarify } from "d3-hierarchy";
import type { Group } from "../api";
import { count, plural } from "../format";
import { family } from "../kinds";
import { href } from "../router";
import { useWidth } from "./use";

export type By = "kind" | "namespace";

interface Leaf {
  label: string;
  objects: number;
  link: string;
  tone: string;
}

interface Branch {
  label: string;
  children: Leaf[];
  link: string;
}

const HEIGHT = 430;
const HEAD = 22;
/** Smaller ones become one: nobody can hit them. */
const SHARE_MIN = 0.0012;

export function Treemap({ groups, by }: { groups: Group[]; by: By }) {
  const [attach, width] = useWidth<HTMLDivElement>();
  const root = hierarchy<{ label: string; children?: unknown[] }>({
    label: "",
    children: branches(groups, by),
  } as never)
    .sum((node) => (node as unknown as Leaf).objects ?? 0)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const laid = treemap<typeof root.data>()
    .tile(treemapSquarify.ratio(1.4))
    .size([width, HEIGHT])
    .paddingInner((node) => (node.depth === 0 ? 8 : 2))
    .paddingTop((node) => (node.depth === 1 ? HEAD : 0))
    .round(true)(root);
  const box = (node: { x0: number; y0: number; x1: number; y1: number }) => ({
    left: `${node.x0}px`,
    top: `${node.y0}px`,
    width: `${node.x1 - node.x0}px`,
    height: `${node.y1 - node.y0}px`,
  });
  return (
    <div class="treemap" ref={attach} style={{ height: `${HEIGHT}px` }}>
      {width > 0 &&
        laid.children?.map((top) => {
          const branch = top.data as unknown as Branch;
          return (
            <>
              <a class="branch" href={branch.link} style={{ ...box(top), height: `${HEAD}px` }}>
                <b>{branch.label}</b> <span>{count(top.value ?? 0)}</span>
              </a>
              {top.children?.map((node) => {
                const leaf = node.data as unknown as Leaf;
                const [w, h] = [node.x1 - node.x0, node.y1 - node.y0];
                const label = `${branch.label}, ${leaf.label}: ${plural(leaf.objects, "object")}`;
                return (
                  <a
                    class={`leaf ${leaf.tone}`}
                    href={leaf.link}
                    style={box(node)}
                    title={label}
                    aria-label={w > 56 && h > 22 ? undefined : label}
                    tabIndex={w > 24 && h > 16 ? 0 : -1}
                  >
                    {w > 56 && h > 22 && <b>{leaf.label}</b>}
                    {w > 56 && h > 42 && <span> {count(leaf.objects)}</span>}
                    <i class="hidden"> {branch.label}</i>
                  </a>
                );
              })}
            </>
          );
        })}
    </div>
  );
}

function branches(groups: Group[], by: By): Branch[] {
  const total = groups.reduce((sum, group) => sum + group.objects, 0);
  const tops = new Map<string, Branch & { all: Leaf[] }>();
  for (const group of groups) {
    const tone = family(group.kind, group.resource);
    const place = group.namespace || "cluster-wide";
    const namespace = group.namespace || "-";
    const key = by === "kind" ? group.resource : place;
    let top = tops.get(key);
    if (!top) {
      const link =
        by === "kind"
          ? href(["inventory"], { resource: group.resource })
          : href(["inventory"], { namespace });
      top = { label: by === "kind" ? group.kind : place, link, children: [], all: [] };
      tops.set(key, top);
    }
    top.all.push({
      label: by === "kind" ? place : group.kind,
      objects: group.objects,
      link: href(["inventory"], { resource: group.resource, namespace }),
      tone,
    });
  }
  for (const top of tops.values()) {
    const rest: Leaf[] = [];
    for (const leaf of top.all) {
      (leaf.objects / total >= SHARE_MIN ? top.children : rest).push(leaf);
    }
    if (rest.length > 0) {
      const objects = rest.reduce((sum, leaf) => sum + leaf.objects, 0);
      const label = rest.length === 1 ? rest[0]!.label : `${rest.length} more`;
      top.children.push({ label, objects, link: top.link, tone: rest[0]!.tone });
    }
  }
  const all = [...tops.values()].sort((a, b) => size(b) - size(a));
  // The smallest kinds together have one place, so that large ones can be read.
  const small = all.filter((top) => size(top) / total < 0.008);
  if (small.length < 2) return all;
  const large = all.filter((top) => size(top) / total >= 0.008);
  const children = small.map((top) => ({
    label: top.label,
    objects: size(top),
    link: top.link,
    tone: top.all[0]!.tone,
  }));
  const label = by === "kind" ? "Other kinds" : "Other namespaces";
  return [...large, { label, link: href(["inventory"]), children }];
}

function size(branch: { all: Leaf[] }): number {
  return branch.all.reduce((sum, leaf) => sum + leaf.objects, 0);
}
