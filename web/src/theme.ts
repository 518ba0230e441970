import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const KEY = "meshsync-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const stored = localStorage.getItem(KEY);

/** What the person chose here, else what the system says. */
export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : system());

function system(): Theme {
  return dark.matches ? "dark" : "light";
}

dark.addEventListener("change", () => {
  if (!localStorage.getItem(KEY)) theme.value = system();
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function toggle(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, theme.value);
}
