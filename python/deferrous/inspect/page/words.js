// How figures are said.

// An age or a duration in seconds, with two figures that matter: 450 ms, 3.2 s, 5 min, 2 h, 4 days.
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.0005) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toPrecision(seconds < 0.01 ? 2 : 3)} ms`;
  if (seconds < 60) return `${seconds.toPrecision(2)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "1 day" : `${days} days`;
}

// A place in the source, without the folders.
export function place(thing) {
  if (!thing.file) return "";
  const file = thing.file.split("/").pop();
  return thing.line ? `${file}:${thing.line}` : file;
}

// A number with spaces between thousands.
export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// An element with attributes and children. Texts of the program come in as text and never as markup.
export function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "rect", "text", "tspan", "polyline", "title", "line"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
