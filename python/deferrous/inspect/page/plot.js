// The longest turn and the lag of timers, a point a second, over the last five minutes.
import { duration, element } from "./words.js";

const SECONDS = 300;
const [WIDTH, HEIGHT] = [SECONDS, 100];

export class Plot {
  points = [];

  constructor(picture, scale) {
    this.picture = picture;
    this.scale = scale;
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.lines = Object.fromEntries(["turn", "lag"].map((name) => [name, element("polyline", { class: name })]));
    picture.append(...Object.values(this.lines));
  }

  // Adds a point: the time in seconds, and both durations.
  add(time, turn, lag) {
    this.points.push({ time, turn, lag });
    this.points = this.points.filter((point) => point.time > time - SECONDS);
    const highest = Math.max(0.001, ...this.points.flatMap((point) => [point.turn, point.lag]));
    for (const [name, line] of Object.entries(this.lines)) {
      const places = this.points.map((point) => {
        const x = WIDTH - (time - point.time);
        return `${x.toFixed(1)},${(HEIGHT - (point[name] / highest) * (HEIGHT - 4)).toFixed(1)}`;
      });
      line.setAttribute("points", places.join(" "));
    }
    this.scale.textContent = `highest: ${duration(highest)}`;
  }
}
