// The frame around every page.
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChild } from "preact";
import { locked, unlock, type Overview as OverviewAnswer } from "./api";
import { connected, stats } from "./live";
import { Changes } from "./pages/changes";
import { Configuration } from "./pages/configuration";
import { Installed } from "./pages/installed";
import { Inventory } from "./pages/inventory";
import { ObjectPage } from "./pages/object";
import { Overview } from "./pages/overview";
import { Subscriptions } from "./pages/subscriptions";
import { TopologyPage } from "./pages/topology";
import { Empty } from "./parts/bits";
import { Icon } from "./parts/icons";
import { useAnswer } from "./parts/use";
import { go, href, page, place } from "./router";
import { theme, toggle } from "./theme";

const PAGES: Record<string, [string, () => ComponentChild]> = {
  overview: ["Overview", () => <Overview />],
  inventory: ["Inventory", () => <Inventory />],
  installed: ["Installed", () => <Installed />],
  topology: ["Topology", () => <TopologyPage />],
  changes: ["Changes", () => <Changes />],
  subscriptions: ["Subscriptions", () => <Subscriptions />],
  configuration: ["Configuration", () => <Configuration />],
};

export function App() {
  const name = page.value;
  const [title, show] = PAGES[name] ?? (name === "object" ? ["Object", () => <ObjectPage />] : ["", null]);
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    const what = name === "object" ? (place.value.path[3] ?? "Object") : title;
    document.title = what ? `${what} · MeshSync` : "MeshSync";
  }, [name, place.value]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    scrollTo(0, 0);
    // Who reads with the ears has to hear that this is another page.
    main.current?.focus({ preventScroll: true });
  }, [name]);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = /^(input|select|textarea)$/i.test(target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        document.getElementById("find")?.focus();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <Side />
      <Top />
      <main id="main" ref={main} tabIndex={-1}>
        {locked.value ? <Lock /> : show ? show() : <Empty title="There is no such page">Choose one on the left.</Empty>}
      </main>
    </div>
  );
}

function Side() {
  const here = page.value === "object" ? "inventory" : page.value;
  return (
    <nav class="side" aria-label="Pages">
      <a class="brand" href={href(["overview"])}>
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>MeshSync</span>
      </a>
      <ul>
        {Object.entries(PAGES).map(([name, [title]]) => (
          <li>
            <a href={href([name])} aria-current={name === here ? "page" : undefined} title={title}>
              <Icon name={name} />
              <span>{title}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Top() {
  const { data } = useAnswer<OverviewAnswer>("/api/v1/overview", 10_000);
  const health = data?.health;
  const isLive = connected.value;
  const synced = stats.value?.synced ?? data?.stats.synced;
  const find = (event: Event) => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem("q") as HTMLInputElement;
    go(href(["inventory"], { q: input.value.trim() }));
  };
  return (
    <header class="top">
      <form role="search" onSubmit={find}>
        <input id="find" name="q" type="search" maxLength={200} placeholder="Find objects by name, namespace or kind" aria-label="Find objects" autocomplete="off" />
        <kbd aria-hidden="true">/</kbd>
      </form>
      <div class="state" role="status">
        {health && (
          <a class={`pill ${health === "degraded" ? "bad" : synced ? "good" : "busy"}`} href={href(["subscriptions"])}>
            {health === "degraded" ? "Degraded" : synced ? "In sync" : "Syncing"}
          </a>
        )}
        <span class={isLive ? "live on" : "live"}>{isLive ? "Live" : "Not connected"}</span>
      </div>
      <button type="button" class="round" onClick={toggle} aria-label={theme.value === "dark" ? "Use light colours" : "Use dark colours"}>
        <Icon name={theme.value === "dark" ? "sun" : "moon"} />
      </button>
    </header>
  );
}

function Lock() {
  const enter = (event: Event) => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem("token") as HTMLInputElement;
    if (input.value.trim()) unlock(input.value.trim());
  };
  return (
    <form class="card lock" onSubmit={enter}>
      <h1>This page needs a token</h1>
      <p>
        The one in the file of <code>--web-token-file</code>, or one of Kubernetes, such as{" "}
        <code>kubectl create token NAME</code> prints. It stays in this tab and is forgotten with it.
      </p>
      <label>
        Token
        <input name="token" type="password" autocomplete="off" autofocus />
      </label>
      <button class="primary">Open</button>
    </form>
  );
}
