import { useState } from "preact/hooks";
import type { Change } from "../api";
import { plural } from "../format";
import { changes, missed } from "../live";
import { Choice, Empty } from "../parts/bits";
import { ChangeRow } from "../parts/change";
import { Icon } from "../parts/icons";

type Which = "all" | Change["event"];

export function Changes() {
  const [frozen, freeze] = useState<Change[] | null>(null);
  const [text, setText] = useState("");
  const [which, setWhich] = useState<Which>("all");
  const all = frozen ?? changes.value;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((change) => {
    const said = `${change.kind} ${change.namespace}/${change.name}`.toLowerCase();
    return (which === "all" || change.event === which) && words.every((word) => said.includes(word));
  });
  const waiting = frozen ? changes.value.filter((change) => change.seq > (frozen[0]?.seq ?? 0)).length : 0;
  return (
    <>
      <div class="title">
        <h1>Changes</h1>
        <p class="dim">
          {plural(shown.length, "change")} of the last {all.length}
          {missed.value > 0 && `, ${plural(missed.value, "more")} not shown: more happened than a page can follow`}
        </p>
      </div>
      <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <label class="grow">
          <span>Filter</span>
          <input type="search" value={text} placeholder="kind, namespace or name" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <Choice
          label="Which changes"
          value={which}
          pick={setWhich}
          options={[
            ["all", "All"],
            ["ADDED", "Added"],
            ["MODIFIED", "Changed"],
            ["DELETED", "Deleted"],
          ]}
        />
        <button type="button" class="primary" aria-pressed={frozen !== null} onClick={() => freeze(frozen ? null : changes.value)}>
          <Icon name={frozen ? "play" : "pause"} />
          {frozen ? `Go on${waiting ? ` (${waiting} new)` : ""}` : "Pause"}
        </button>
      </form>
      {shown.length === 0 ? (
        <Empty title={all.length === 0 ? "All quiet" : "Nothing matches"}>
          {all.length === 0 ? "Changes appear here as they are stored." : "Filter less."}
        </Empty>
      ) : (
        <div class="sheet">
          <ol class="feed" aria-label="Changes, newest first">
            {shown.map((change) => (
              <ChangeRow key={change.seq} change={change} />
            ))}
          </ol>
        </div>
      )}
    </>
  );
}
