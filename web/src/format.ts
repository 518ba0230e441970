const number = new Intl.NumberFormat("en");

export function count(value: number): string {
  return number.format(value);
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function age(time: string | null | undefined): string {
  const at = time ? Date.parse(time) : NaN;
  return Number.isNaN(at) ? "" : duration(Math.max(0, (Date.now() - at) / 1000));
}

/** `12 s ago`, `just now`. */
export function ago(time: string | null | undefined): string {
  const text = age(time);
  return text === "" ? "–" : text === "now" ? "just now" : `${text} ago`;
}

export function clock(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString("en-GB");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
