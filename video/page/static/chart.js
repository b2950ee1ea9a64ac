// One moving chart of the last minute. Does not know what the numbers mean.

const MINUTE = 60_000;
const STEPS = [10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000, 2000, 4000, 10_000];
const LABELS = 3.4; // ems kept for the scale

export class Chart {
  // `canvas` shows one line for each of `styles`: {color, fill}. null in a value leaves a gap.
  constructor(canvas, styles) {
    this.canvas = canvas;
    this.styles = styles;
    this.points = [];
    this.top = STEPS[0];
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  add(values) {
    const now = performance.now();
    this.points.push({ at: now, values });
    while (this.points[0].at < now - MINUTE - 2000) this.points.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const em = 0.75 * parseFloat(getComputedStyle(canvas).fontSize);
    const width = canvas.clientWidth - LABELS * em;
    const height = canvas.clientHeight - 2;
    const most = Math.max(1, ...this.points.flatMap((point) => point.values).filter((value) => value !== null));
    this.top = STEPS.find((step) => step >= most * 1.05) ?? most;
    this.scale(context, width, height, em);
    const end = this.points.at(-1)?.at ?? 0;
    this.styles.forEach((style, line) => {
      const places = this.points.map((point) => {
        const value = point.values[line];
        return value === null ? null : [width * (1 - (end - point.at) / MINUTE), height * (1 - value / this.top) + 1];
      });
      for (const run of runs(places)) trace(context, run, height, style);
    });
  }

  scale(context, width, height, em) {
    const style = getComputedStyle(this.canvas);
    context.strokeStyle = style.getPropertyValue("--line");
    context.fillStyle = style.getPropertyValue("--quiet");
    context.font = `${em}px ${style.fontFamily}`;
    context.textBaseline = "middle";
    for (const part of [0, 0.5, 1]) {
      const y = Math.round(height * (1 - part)) + 0.5;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
      context.fillText(String(this.top * part), width + em / 2, Math.min(Math.max(y, em / 2), height - em / 2));
    }
  }
}

function runs(places) {
  const found = [[]];
  for (const place of places) {
    if (place !== null) found.at(-1).push(place);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((run) => run.length > 1);
}

function trace(context, run, height, { color, fill }) {
  context.beginPath();
  for (const [x, y] of run) context.lineTo(x, y);
  if (fill) {
    context.lineTo(run.at(-1)[0], height);
    context.lineTo(run[0][0], height);
    context.fillStyle = color;
    context.fill();
    return;
  }
  context.strokeStyle = color;
  context.lineWidth = 1.75;
  context.lineJoin = "round";
  context.stroke();
}
