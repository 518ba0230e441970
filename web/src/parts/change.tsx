import type { Change } from "../api";
import { clock } from "../format";
import { objectHref } from "../router";
import { Kind } from "./bits";

const WORDS = { ADDED: "added", MODIFIED: "changed", DELETED: "deleted" } as const;

export function ChangeRow({ change }: { change: Change }) {
  const name = change.namespace ? `${change.namespace}/${change.name}` : change.name;
  return (
    <li>
      <time datetime={change.observed}>{clock(change.observed)}</time>
      <span class={`event ${WORDS[change.event]}`}>{WORDS[change.event]}</span>
      <Kind kind={change.kind} resource={change.resource} />
      {change.event === "DELETED" ? (
        <span class="name">{name}</span>
      ) : (
        <a class="name" href={objectHref(change.resource, change.namespace, change.name)}>
          {name}
        </a>
      )}
    </li>
  );
}
