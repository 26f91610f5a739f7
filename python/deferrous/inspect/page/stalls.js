// Turns that took too long, with the frames that were seen most often on top, as bars.
import { duration, element, place } from "./words.js";

export function showStalls(room, { threshold, now, recent, left_out: leftOut, note }) {
  if (!threshold) {
    room.replaceChildren(element("p", { class: "none" }, note));
    return;
  }
  const stalls = [...(now ? [{ ...now, now: true }] : []), ...recent.toReversed()];
  const parts = stalls.map(stall);
  if (!stalls.length) parts.push(element("p", { class: "none" }, `No turn has taken longer than ${duration(threshold)}.`));
  if (leftOut) parts.push(element("p", { class: "none" }, `And ${leftOut} more that are not shown.`));
  room.replaceChildren(...parts);
}

function at(frame) {
  const where = place(frame);
  return where ? [" ", element("code", { class: "place", title: frame.file }, where)] : [];
}

function stall({ now, text, frames }) {
  const most = Math.max(0.01, ...frames.map((frame) => frame.share));
  const bars = frames.map((frame) => {
    const bar = element("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 100 1" });
    bar.append(element("rect", { width: (100 * frame.share) / most, height: 1 }));
    return element("div", { class: "frame" }, bar, element("code", {}, `${Math.round(100 * frame.share)} % ${frame.name}`), ...at(frame));
  });
  return element("div", { class: now ? "stall now" : "stall" }, element("p", {}, text), ...bars);
}
