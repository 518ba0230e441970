// A graph as SVG: dagre says where, every node is a link.
import { graphlib, layout } from "@dagrejs/dagre";
import { useMemo, useState } from "preact/hooks";
import type { Graph, GraphEdge, GraphNode } from "../api";
import { family } from "../kinds";
import { href, objectHref } from "../router";
import { useWidth } from "./use";

const WIDTH = 190;
const HEIGHT = 46;
/** Beyond this a drawing is cut into rows of what hangs together. */
const ROW_MAX = 1250;

interface Placed extends GraphNode {
  x: number;
  y: number;
}

interface Line extends GraphEdge {
  path: string;
  /** Drawn only while one of its ends is looked at. */
  shy?: boolean;
}

interface Drawing {
  nodes: Placed[];
  lines: Line[];
  width: number;
  height: number;
}

export function Topology({ graph, hidden }: { graph: Graph; hidden: ReadonlySet<string> }) {
  const drawing = useMemo(() => draw(graph, hidden), [JSON.stringify(graph), hidden]);
  const [near, setNear] = useState<number | null>(null);
  const [attach, room] = useWidth<HTMLDivElement>();
  const [chosen, setZoom] = useState<number | null>(null);
  // All of it in sight, as far as it can be read then.
  const zoom = chosen ?? Math.max(0.7, Math.min(1, (room - 34) / drawing.width));
  const linked = new Set<number>();
  if (near !== null) {
    linked.add(near);
    for (const line of drawing.lines) {
      if (line.from === near) linked.add(line.to);
      if (line.to === near) linked.add(line.from);
    }
  }
  const names = new Map(graph.nodes.map((node) => [node.id, node]));
  return (
    <div class="topology" ref={attach}>
      <div class="zoom">
        <button type="button" aria-label="Smaller" onClick={() => setZoom(Math.max(0.4, zoom - 0.2))}>
          −
        </button>
        <button type="button" aria-label="Larger" onClick={() => setZoom(Math.min(2, zoom + 0.2))}>
          +
        </button>
      </div>
      <div class="canvas" tabIndex={0} role="region" aria-label="Graph">
        <svg width={drawing.width * zoom} height={drawing.height * zoom} viewBox={`0 0 ${drawing.width} ${drawing.height}`} class={near === null ? "" : "near"} aria-label="Topology">
          <defs>
            <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path d="M0 0.5 8 4 0 7.5z" />
            </marker>
          </defs>
          {drawing.lines.map((line) => (
            <path class={`line ${line.why} ${line.shy ? "shy" : ""} ${near === line.from || near === line.to ? "lit" : ""}`} d={line.path} marker-end="url(#tip)">
              <title>{`${names.get(line.from)?.name} – ${line.why} → ${names.get(line.to)?.name}`}</title>
            </path>
          ))}
          {drawing.nodes.map((node) => {
            const several = node.objects > 1;
            const label = several ? `${node.objects} of ${node.kind} such as ${node.name}` : `${node.kind} ${node.name}`;
            const to = several ? href(["inventory"], { resource: node.resource, namespace: node.namespace, q: stem(node.name) }) : objectHref(node.resource, node.namespace, node.name);
            return (
              <g transform={`translate(${node.x - WIDTH / 2} ${node.y - HEIGHT / 2})`}>
              <a
                href={to}
                class={`node ${family(node.kind, node.resource)} ${linked.has(node.id) ? "lit" : ""}`}
                onMouseEnter={() => setNear(node.id)}
                onMouseLeave={() => setNear(null)}
                onFocus={() => setNear(node.id)}
                onBlur={() => setNear(null)}
              >
                {several && <rect class="behind" x="4" y="4" width={WIDTH} height={HEIGHT} rx="9" />}
                <rect width={WIDTH} height={HEIGHT} rx="9" />
                <rect class="edge" width="4" height={HEIGHT - 16} x="8" y="8" rx="2" />
                <svg x="20" width={WIDTH - 26} height={HEIGHT}>
                  <text y="19" class="what">
                    {node.kind}
                    {several && ` × ${node.objects}`}{" "}
                  </text>
                  <text y="35" class="who">
                    {several ? stem(node.name) : node.name}
                  </text>
                </svg>
                <rect class="glass" width={WIDTH} height={HEIGHT}>
                  <title>{label}</title>
                </rect>
              </a>
              </g>
            );
          })}
        </svg>
      </div>
    </div>
  );
}

/** So many that use one thing: their lines would tie everything together. */
const SHARED_MIN = 4;

/** Lays out what hangs together, each for itself, and puts that in rows. */
function draw(graph: Graph, hidden: ReadonlySet<string>): Drawing {
  const visible = graph.edges.filter((edge) => !hidden.has(edge.why));
  const users = new Map<number, number>();
  for (const edge of visible) {
    if (edge.why === "mount" || edge.why === "account") users.set(edge.to, (users.get(edge.to) ?? 0) + 1);
  }
  const isShared = (edge: GraphEdge) => (edge.why === "mount" || edge.why === "account") && (users.get(edge.to) ?? 0) >= SHARED_MIN;
  const edges = visible.filter((edge) => !isShared(edge));
  // What only a hidden edge speaks of is hidden with it.
  const linked = new Set(visible.flatMap((edge) => [edge.from, edge.to]));
  const mentioned = new Set(graph.edges.flatMap((edge) => [edge.from, edge.to]));
  const drawn = graph.nodes.filter((node) => linked.has(node.id) || !mentioned.has(node.id));
  const parts = components(drawn, edges);
  const nodes: Placed[] = [];
  const lines: Line[] = [];
  let [left, top, rowHeight, width] = [0, 0, 0, 0];
  for (const part of parts) {
    const laid = lay(part, edges);
    if (left > 0 && left + laid.width > ROW_MAX) {
      top += rowHeight + 28;
      [left, rowHeight] = [0, 0];
    }
    nodes.push(...laid.nodes.map((node) => ({ ...node, x: node.x + left, y: node.y + top })));
    lines.push(...laid.lines.map((line) => ({ ...line, path: move(line.path, left, top) })));
    left += laid.width + 28;
    width = Math.max(width, left);
    rowHeight = Math.max(rowHeight, laid.height);
  }
  const at = new Map(nodes.map((node) => [node.id, node]));
  for (const edge of visible.filter(isShared)) {
    const [from, to] = [at.get(edge.from), at.get(edge.to)];
    if (!from || !to) continue;
    const [x, left] = to.x >= from.x ? [from.x + WIDTH / 2, to.x - WIDTH / 2] : [from.x - WIDTH / 2, to.x + WIDTH / 2];
    const points = [
      { x, y: from.y },
      { x: left, y: to.y },
    ];
    lines.push({ ...edge, path: curve(points), shy: true });
  }
  return { nodes, lines, width, height: top + rowHeight };
}

function lay(part: GraphNode[], edges: GraphEdge[]): Drawing {
  const inside = new Set(part.map((node) => node.id));
  const laid = new graphlib.Graph({ multigraph: true });
  laid.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 56, marginx: 8, marginy: 8 });
  for (const node of part) laid.setNode(String(node.id), { width: WIDTH, height: HEIGHT });
  const mine = edges.filter((edge) => inside.has(edge.from) && inside.has(edge.to));
  for (const edge of mine) laid.setEdge(String(edge.from), String(edge.to), {}, edge.why);
  layout(laid);
  const nodes = part.map((node) => {
    const { x, y } = laid.node(String(node.id)) as { x: number; y: number };
    return { ...node, x, y };
  });
  const lines = mine.map((edge) => {
    const { points } = laid.edge(String(edge.from), String(edge.to), edge.why) as { points: { x: number; y: number }[] };
    return { ...edge, path: curve(points) };
  });
  const { width = WIDTH, height = HEIGHT } = laid.graph() as { width?: number; height?: number };
  return { nodes, lines, width, height };
}

function components(nodes: GraphNode[], edges: GraphEdge[]): GraphNode[][] {
  const of = new Map(nodes.map((node) => [node.id, node.id]));
  const root = (id: number): number => {
    const up = of.get(id) ?? id;
    return up === id ? id : root(up);
  };
  for (const edge of edges) of.set(root(edge.from), root(edge.to));
  const groups = new Map<number, GraphNode[]>();
  for (const node of nodes) {
    const at = root(node.id);
    groups.set(at, [...(groups.get(at) ?? []), node]);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length || a[0]!.kind.localeCompare(b[0]!.kind));
}

function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first.x.toFixed(1)} ${first.y.toFixed(1)}`;
  let before = first;
  for (const point of rest) {
    const middle = (before.x + point.x) / 2;
    path += `C${middle.toFixed(1)} ${before.y.toFixed(1)} ${middle.toFixed(1)} ${point.y.toFixed(1)} ${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    before = point;
  }
  return path;
}

/** Moves a path: all its numbers come in pairs. */
function move(path: string, left: number, top: number): string {
  if (left === 0 && top === 0) return path;
  let isX = false;
  return path.replace(/-?\d+(\.\d+)?/g, (number) => {
    isX = !isX;
    return (Number(number) + (isX ? left : top)).toFixed(1);
  });
}

/** `web-6d4cf56db6-x7k2p` and its like without what is only a number. */
function stem(name: string): string {
  return name.replace(/(-[a-f0-9]{6,10})?-[a-z0-9]{5}$/, "");
}
