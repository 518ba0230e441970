// Events per second, of the last minutes.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { samples } from "../live";
import { theme } from "../theme";
import { useWidth } from "./use";

const HEIGHT = 150;

export function Rate() {
  const [attach, width] = useWidth<HTMLDivElement>();
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const tone = theme.value;
  useEffect(() => {
    if (!holder.current || width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const [line, grid, text] = ["--accent", "--line", "--dim"].map((name) => style.getPropertyValue(name).trim());
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const options: uPlot.Options = {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 4, 0, 0],
      scales: { y: { range: (_, __, max) => [0, Math.max(5, max * 1.15)] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString("en-GB").slice(0, 5)) },
        { ...axis, size: 34 },
      ],
      series: [{}, { stroke: line, width: 2, fill: `color-mix(in srgb, ${line} 14%, transparent)`, points: { show: false } }],
    };
    plot.current = new uPlot(options, rates(), holder.current);
    return () => plot.current?.destroy();
  }, [width, tone]);
  const now = samples.value;
  useEffect(() => plot.current?.setData(rates()), [now]);
  const last = rates()[1].at(-1) ?? 0;
  return (
    <div ref={attach}>
      <p class="figure">
        <b>{Number(last).toFixed(last < 10 ? 1 : 0)}</b> events per second
      </p>
      <div ref={holder} class="plot" role="img" aria-label={`Events per second over the last minutes, now ${Number(last).toFixed(1)}`} />
    </div>
  );
}

/** Rates over five seconds: single seconds only flicker. */
function rates(): [number[], number[]] {
  const all = samples.value;
  const times: number[] = [];
  const values: number[] = [];
  for (let at = 1; at < all.length; at += 1) {
    const [from, to] = [all[Math.max(0, at - 5)]!, all[at]!];
    times.push(to.at);
    values.push(Math.max(0, (to.events - from.events) / Math.max(0.001, to.at - from.at)));
  }
  return [times, values];
}
