import { useState } from "preact/hooks";
import { bytes, count, duration } from "../format";
import { Card, Choice, Empty, Trouble } from "../parts/bits";
import { useAnswer } from "../parts/use";
import { href } from "../router";
import type { Status } from "../status";

type Which = "all" | "trouble";

export function Subscriptions() {
  const { data, error } = useAnswer<Status>("/status", 2_000);
  const [which, setWhich] = useState<Which>("all");
  const [text, setText] = useState("");
  if (!data) return error ? <Trouble error={error} /> : <p class="loading">Asking…</p>;
  const shown = data.resources.filter((resource) => {
    const isWell = resource.state === "live" && !resource.lastError;
    return (which === "all" || !isWell) && `${resource.kind} ${resource.resource}`.toLowerCase().includes(text.toLowerCase());
  });
  return (
    <>
      <div class="title">
        <h1>Subscriptions</h1>
        <p class="dim">
          {count(data.resources.length)} resources are watched, {count(data.sinks.length)} sinks are fed
        </p>
      </div>
      {error && <Trouble error={error} />}
      <Card title="Sinks" wide>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Sink</th>
                <th scope="col">State</th>
                <th scope="col" class="right">
                  Published
                </th>
                <th scope="col" class="right">
                  Waiting
                </th>
                <th scope="col" class="right">
                  Outbox
                </th>
                <th scope="col" class="right">
                  Retries
                </th>
                <th scope="col">Last error</th>
              </tr>
            </thead>
            <tbody>
              {data.sinks.map((sink) => (
                <tr>
                  <th scope="row">
                    <code>{sink.sink}</code>
                  </th>
                  <td>
                    <span class={`pill ${sink.state === "up" ? "good" : sink.state === "starting" ? "busy" : "bad"}`}>{sink.state}</span>
                  </td>
                  <td class="right">{count(sink.published)}</td>
                  <td class="right">{count(sink.outbox.waiting)}</td>
                  <td class="right">{bytes(sink.outbox.queuedBytes + sink.outbox.inFlightBytes)}</td>
                  <td class="right">{count(sink.retries)}</td>
                  <td class="wrap">{sink.lastError ?? <span class="dim">none</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
      <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <label class="grow">
          <span>Filter</span>
          <input type="search" value={text} placeholder="kind or resource" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <Choice
          label="Which resources"
          value={which}
          pick={setWhich}
          options={[
            ["all", "All"],
            ["trouble", "With trouble"],
          ]}
        />
      </form>
      {shown.length === 0 ? (
        <Empty title={which === "trouble" ? "No trouble" : "Nothing matches"} />
      ) : (
        <div class="sheet">
          <table>
            <caption class="hidden">Resources</caption>
            <thead>
              <tr>
                <th scope="col">Resource</th>
                <th scope="col">State</th>
                <th scope="col">Tier</th>
                <th scope="col" class="right">
                  Objects
                </th>
                <th scope="col" class="right">
                  Events
                </th>
                <th scope="col" class="right">
                  Last event
                </th>
                <th scope="col" class="right">
                  Restarts
                </th>
                <th scope="col" class="right">
                  Owed
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((resource) => (
                <>
                  <tr key={resource.resource}>
                    <th scope="row">
                      <a href={href(["inventory"], { resource: resource.resource })}>{resource.resource}</a>
                    </th>
                    <td>
                      <span class={`pill ${resource.state === "live" ? "good" : resource.state === "listing" ? "busy" : "bad"}`}>{resource.state}</span>
                    </td>
                    <td class="dim">{resource.tier}</td>
                    <td class="right">{count(resource.objects)}</td>
                    <td class="right">{count(resource.events)}</td>
                    <td class="right dim">{resource.lastEventAgeSeconds === null ? "–" : duration(resource.lastEventAgeSeconds)}</td>
                    <td class="right">{count(resource.restarts)}</td>
                    <td class="right">{count(resource.owed)}</td>
                  </tr>
                  {resource.lastError && (
                    <tr class="note">
                      <td colSpan={8}>{resource.lastError}</td>
                    </tr>
                  )}
                </>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
