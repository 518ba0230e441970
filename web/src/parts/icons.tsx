const PATHS: Record<string, string> = {
  overview: "M3 3h8v10H3zM13 3h8v6h-8zM13 11h8v10h-8zM3 15h8v6H3z",
  inventory: "M4 6h16M4 12h16M4 18h10",
  installed: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  topology: "M12 4v6M12 10L6 15M12 10l6 5M10 2h4v4h-4zM4 15h4v4H4zM16 15h4v4h-4z",
  changes: "M3 12h4l3-8 4 16 3-8h4",
  subscriptions: "M5 12a7 7 0 0 1 14 0M8.5 12a3.5 3.5 0 0 1 7 0M12 12v9",
  configuration: "M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M6 15v4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name] ?? ""} />
    </svg>
  );
}
