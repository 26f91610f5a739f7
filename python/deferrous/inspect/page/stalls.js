// Turns that took too long, with the frames that were seen most often on top, as bars.
import { duration, element } from "./words.js";

export function showStalls(room, { threshold, now, recent, left_out: leftOut }) {
  if (!threshold) {
    room.replaceChildren(element("p", { class: "none" }, "Not watched. Start the program with DEFERROUS_STALL=50ms."));
    return;
  }
  const stalls = [...(now ? [{ ...now, now: true }] : []), ...recent];
  const parts = stalls.map(stall);
  if (!stalls.length) parts.push(element("p", { class: "none" }, `No turn has taken longer than ${duration(threshold)}.`));
  if (leftOut) parts.push(element("p", { class: "none" }, `And ${leftOut} more that are not shown.`));
  room.replaceChildren(...parts);
}

function stall({ now, text, frames }) {
  const most = Math.max(1, ...frames.map((frame) => frame.count));
  const bars = frames.map((frame) => {
    const bar = element("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 100 1" });
    bar.append(element("rect", { width: (100 * frame.count) / most, height: 1 }));
    return element("div", { class: "frame" }, bar, element("code", {}, `${frame.count}x ${frame.text}`));
  });
  return element("div", { class: now ? "stall now" : "stall" }, element("p", {}, text), ...bars);
}
