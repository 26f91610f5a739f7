// Asks the program again and again, and shows its answers.
import { Plot } from "./plot.js";
import { showStalls } from "./stalls.js";
import { Table } from "./table.js";
import { Tree } from "./tree.js";
import { count, duration, element } from "./words.js";

const FIGURES_EVERY = 1000; // milliseconds
const THINGS_EVERY = 5000; // it takes a look at all objects of the program

const at = (id) => document.getElementById(id);
const table = new Table(at("columns"), at("things"), at("filter"));
const tree = new Tree(at("tree"));
const plot = new Plot(at("plot"), at("plot-scale"));
let paused = false;

async function ask(command) {
  const response = await fetch(command);
  const answer = await response.json();
  if (answer.error) throw new Error(answer.error);
  return answer;
}

function showProgram(answer) {
  at("program").textContent = answer.program;
  at("about").textContent = `PID ${answer.pid}, Python ${answer.python}, Twisted ${answer.twisted}, ${answer.reactor}`;
  document.title = `${answer.program} (${answer.pid}) – deferrous`;
}

function known(number) {
  return number === null ? "unknown" : count(number);
}

function showFigures(figures) {
  at("figures").replaceChildren(...figures.map(({ title, text }) => element("div", {}, element("dt", {}, title), element("dd", {}, text))));
}

async function things() {
  const answer = await ask("things");
  showProgram(answer);
  table.show(answer.rows);
  tree.show(answer.trees);
}

async function figures() {
  const [stalls, { metrics }] = await Promise.all([ask("stalls"), ask("metrics")]);
  showStalls(at("stalls"), stalls);
  showFigures([
    { title: "idle", text: metrics.idle_share === null ? "unknown" : `${Math.round(metrics.idle_share * 100)} %` },
    { title: "longest turn, at most", text: duration(metrics.longest_turn_seconds) || "none" },
    { title: "lag of timers", text: duration(metrics.mean_timer_lag_seconds) || "none" },
    { title: "timers", text: known(metrics.delayed_calls) },
    { title: "readers, writers", text: `${known(metrics.readers)}, ${known(metrics.writers)}` },
    { title: "threads, busy, queued", text: [metrics.pool_threads, metrics.pool_busy_threads, metrics.pool_queued_jobs].map(known).join(", ") },
  ]);
  plot.add(Date.now() / 1000, metrics.longest_turn_seconds ?? 0, metrics.mean_timer_lag_seconds ?? 0);
}

// Runs a look again and again, and says when the program does not answer.
async function again(look, every) {
  for (;;) {
    if (!paused) {
      try {
        await look();
        at("state").textContent = `as of ${new Date().toLocaleTimeString()}`;
        at("state").className = "";
      } catch (error) {
        at("state").textContent = error.message;
        at("state").className = "bad";
      }
    }
    await new Promise((done) => setTimeout(done, every));
  }
}

function pause() {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  at("pause").textContent = paused ? "Go on" : "Pause";
}

at("pause").addEventListener("click", pause);
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "p") pause();
  if (event.key === "/") {
    event.preventDefault();
    at("filter").focus();
  }
});

again(things, THINGS_EVERY);
again(figures, FIGURES_EVERY);
