// What the page shows beside the picture, and its controls. Does not know how pictures come.

import { Chart } from "/chart.js";
import { Picture } from "/picture.js";

const $ = (id) => document.getElementById(id);
const SETTLED = 300; // ms without another move: each strength begins a new recorded file

const { cameras, webrtc } = await (await fetch("/cameras")).json();
const camera = cameras.find(({ name }) => name === location.hash.slice(1)) ?? cameras[0];
const stage = $("stage");
const picture = new Picture(stage, camera.name, webrtc, (by) => ($("by").textContent = by));
const latency = new Chart($("latency-chart"), [{ color: "rgb(124 196 255 / 22%)", fill: true }, { color: "#7cc4ff" }]);
const fps = new Chart($("fps-chart"), [{ color: "#5a6672" }, { color: "#7cc4ff" }]);
let moving = null; // the timer of a strength that is not yet asked for
let choosing = false; // a model was chosen, and is being asked for

function introduce() {
  document.title = `${camera.source} – Clearway`;
  for (const { name, source } of cameras) {
    const link = document.createElement("a");
    link.href = `#${name}`;
    link.textContent = link.title = source;
    if (name === camera.name) link.setAttribute("aria-current", "page");
    $("cameras").append(link);
  }
  for (const { name, title } of camera.views) {
    const label = document.createElement("label");
    const button = Object.assign(document.createElement("input"), { type: "radio", name: "view", value: name });
    const said = document.createElement("span");
    said.textContent = title;
    label.append(button, said);
    $("views").append(label);
  }
  $("controls").elements.view.value = camera.views[0].name;
  $("model").append(...camera.models.map((model) => new Option(model)));
  $("model").disabled = camera.models.length < 2;
  $("snapshot").href = `/cameras/${camera.name}/snapshot.zip`;
}

function watch() {
  const chosen = $("controls").elements.view.value;
  picture.watch(camera.views.find(({ name }) => name === chosen));
}

function listen() {
  const events = new EventSource(`/cameras/${camera.name}/events`);
  events.addEventListener("message", ({ data }) => tell(JSON.parse(data)));
  events.addEventListener("error", () => state("no answer"));
}

function tell({ model, numbers }) {
  tellModel(model);
  if (numbers === null) return state("starting");
  state(numbers.state);
  const { p50_ms: half = null, p95_ms: most = null } = numbers.latency ?? {};
  latency.add([most, half]);
  $("latency").textContent = shown(half, 0);
  $("latency-95").textContent = shown(most, 0);
  // A rate is that of the last frames that came: where none comes any more, it is none.
  const come = numbers.state === "running" ? numbers.source_fps : 0;
  const restored = numbers.latency === null ? 0 : numbers.restored_fps;
  fps.add([come, restored]);
  $("fps").textContent = shown(restored, 1);
  $("source-fps").textContent = shown(come, 1);
  count(numbers);
}

function tellModel({ model, strength, loading, trouble }) {
  if (!choosing) $("model").value = loading ?? model;
  if (moving === null) showStrength(strength);
  if (loading === model) say(`loading ${model}`, "loading");
  else if (loading !== null) say(`loading ${loading}; ${model} runs until then`, "loading");
  else if (trouble !== null) say(`${trouble}; ${model} is still running`, "trouble");
  else if ($("message").dataset.of !== "request") say("", "");
}

function count(numbers) {
  const dropped = Object.entries(numbers.dropped);
  $("captured").textContent = whole(numbers.captured);
  $("restored").textContent = whole(numbers.restored);
  $("dropped").textContent = whole(dropped.reduce((sum, [, many]) => sum + many, 0));
  $("reasons").replaceChildren(...dropped.map(([why, many]) => row(why, whole(many))));
  $("running").textContent = clock(numbers.seconds);
  $("losses").textContent = whole(numbers.losses);
  $("attempts").textContent = whole(numbers.failed_attempts);
  const away = numbers.recovery_s.at(-1);
  $("away").textContent = away === undefined ? "never" : `${away.toFixed(1)} s`;
  $("trouble").textContent = numbers.trouble ?? "";
}

function row(name, value) {
  const term = document.createElement("dt");
  const said = document.createElement("dd");
  const pair = document.createElement("div");
  term.textContent = name;
  said.textContent = value;
  pair.append(term, said);
  return pair;
}

function state(text) {
  $("state").dataset.state = text;
  $("state-text").textContent = text;
}

function say(text, of) {
  $("message").textContent = text;
  $("message").dataset.of = of;
}

function showStrength(strength) {
  $("strength").value = strength;
  $("strength-value").textContent = `${Math.round(strength * 100)} %`;
}

async function ask(what, value) {
  try {
    const answer = await fetch(`/cameras/${camera.name}/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ [what]: value }),
    });
    say(answer.ok ? "" : (await answer.json()).error, answer.ok ? "" : "request");
  } catch {
    say("Clearway does not answer; is it still running?", "request");
  }
}

function pull(event) {
  if (!picture.view?.is_pair) return;
  const { left, width } = stage.getBoundingClientRect();
  $("wipe").value = ((event.clientX - left) / width) * 100;
  picture.cut((event.clientX - left) / width);
}

stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  pull(event);
});
stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && pull(event));
$("wipe").addEventListener("input", () => picture.cut($("wipe").value / 100));
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("controls").addEventListener("change", ({ target }) => {
  if (target.name === "view") watch();
});
$("model").addEventListener("change", async () => {
  choosing = true;
  await ask("model", $("model").value);
  choosing = false;
});
$("strength").addEventListener("input", () => {
  showStrength($("strength").value);
  clearTimeout(moving);
  moving = setTimeout(async () => {
    await ask("strength", Number($("strength").value));
    moving = null;
  }, SETTLED);
});
addEventListener("hashchange", () => location.reload());
// Nobody looks: nothing is encoded or sent.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) picture.stop();
  else watch();
});

const shown = (value, digits) => (value === null ? "–" : value.toFixed(digits));
const whole = (value) => value.toLocaleString("en");
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(seconds < 3600 ? 14 : 11, 19);

introduce();
listen();
watch();
