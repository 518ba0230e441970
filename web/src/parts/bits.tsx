// Small things that every page uses.
import type { ComponentChildren } from "preact";
import type { Refusal } from "../api";
import { family } from "../kinds";

export function Kind({ kind, resource }: { kind: string; resource: string }) {
  return (
    <span class="kind">
      <i class={`dot ${family(kind, resource)}`} aria-hidden="true" />
      {kind}
    </span>
  );
}

export function Trouble({ error }: { error: Refusal }) {
  return (
    <div class="trouble" role="alert">
      <strong>{error.message}</strong>
      {error.remedy && <span>{error.remedy}</span>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Card({
  title,
  aside,
  children,
  wide,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <section class={wide ? "card wide" : "card"} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** One of a few, as buttons. */
export function Choice<T extends string>({
  label,
  value,
  options,
  pick,
}: {
  label: string;
  value: T;
  options: [T, string][];
  pick: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button type="button" aria-pressed={option === value} onClick={() => pick(option)}>
          {text}
        </button>
      ))}
    </div>
  );
}
