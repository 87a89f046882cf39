"use strict";
// Draws the timelines. It knows lanes of bars and marks, not what they mean: that is said by their classes and labels.
// Foreign text is only ever set as text.

const LEGEND = ["pending", "starting", "ready", "ending", "broken", "done", "changed"];
const LIMIT = 400; // a millisecond is then some pixels wide
const dialog = document.querySelector("dialog");

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function time(ms) {
  return `+${(ms / 1000).toFixed(3)}s`;
}

async function unpack(index) {
  const packed = document.getElementById(`timeline-${index}`);
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

class Timeline {
  constructor(place, story) {
    this.story = story;
    this.zoom = 1;
    this.chosen = null;
    this.scroll = make("div", "scroll");
    this.scroll.tabIndex = 0;
    this.scroll.setAttribute("role", "region");
    this.scroll.setAttribute("aria-label", "timeline; plus and minus zoom, arrow keys move, 0 shows the whole");
    this.inner = make("div", "inner");
    this.lines = make("div", "lines");
    this.inner.append(this.axis(), this.lines);
    this.steps();
    for (const group of story.groups) this.group(group);
    for (const step of story.steps) this.line(step.from, "line");
    for (const mark of story.cited) this.line(mark.at, `line ${mark.class}`);
    this.scroll.append(this.inner);
    place.replaceChildren(this.tools(), this.scroll);
    if (story.is_cut) place.append(make("p", "", "Some logs and objects are left out here for the page's size; the recording has them."));
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.scroll.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(() => this.ticks()).observe(this.scroll);
    this.ticks();
  }

  percent(ms) {
    return `${(100 * ms) / this.story.length}%`;
  }

  tools() {
    const tools = make("div", "tools");
    const button = (text, label, act) => {
      const element = make("button", "", text);
      element.type = "button";
      element.setAttribute("aria-label", label);
      element.addEventListener("click", act);
      tools.append(element);
    };
    button("−", "zoom out", () => this.zoomTo(this.zoom / 1.6));
    button("+", "zoom in", () => this.zoomTo(this.zoom * 1.6));
    button("whole", "show the whole time", () => this.zoomTo(1));
    if (this.story.cited.length) {
      const first = this.story.cited.find((mark) => mark.class === "failing") ?? this.story.cited[0];
      button("failing moment", "go to the failing moment", () => this.show(first.at));
    }
    const legend = make("div", "legend");
    for (const name of LEGEND) {
      const item = make("span");
      item.append(make("i", name), name);
      legend.append(item);
    }
    tools.append(legend);
    return tools;
  }

  axis() {
    const axis = make("div", "lane axis");
    this.scale = make("div", "track");
    axis.append(make("span", "name hide", "seconds"), this.scale);
    return axis;
  }

  ticks() {
    const width = this.scale.clientWidth;
    if (!width) return;
    const wanted = (this.story.length / width) * 80;
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000];
    const step = steps.find((step) => step >= wanted) ?? 3600000;
    this.scale.replaceChildren();
    for (let at = 0; at <= this.story.length; at += step) {
      const tick = make("span", "tick", `${at / 1000} s`);
      tick.style.left = this.percent(at);
      this.scale.append(tick);
    }
  }

  steps() {
    this.lane({ title: "steps", bars: this.story.steps, marks: [] }, true);
    if (this.story.cited.length) this.lane({ title: "what is broken or unproven", bars: [], marks: this.story.cited });
  }

  group(group) {
    this.inner.append(make("div", "group", group.title));
    for (const lane of group.lanes) this.lane(lane);
  }

  lane(lane) {
    const row = make("div", "lane");
    const show = () => open(this.story.details[lane.detail] ?? told(lane));
    const name = make("button", "name", lane.title);
    name.type = "button";
    name.title = lane.title;
    const said = lane.bars.map((bar) => `${bar.label} from ${time(bar.from)}`).join(", ");
    name.setAttribute("aria-label", said ? `${lane.title}: ${said}` : lane.title);
    name.addEventListener("click", show);
    const track = make("div", "track");
    for (const bar of lane.bars) {
      const element = make("div", `bar ${bar.class}`, /step|serving|empty/.test(bar.class) ? bar.label : undefined);
      element.style.left = this.percent(bar.from);
      element.style.width = this.percent(bar.to - bar.from);
      element.title = `${bar.label}\n${time(bar.from)} to ${time(bar.to)}`;
      element.addEventListener("click", show);
      track.append(element);
    }
    for (const mark of lane.marks) {
      const element = make("div", `mark ${mark.class}`);
      element.style.left = this.percent(mark.at);
      element.title = `${time(mark.at)}\n${mark.label}`;
      element.addEventListener("click", show);
      track.append(element);
    }
    row.append(name, track);
    this.inner.append(row);
  }

  line(at, className) {
    const line = make("div", className);
    line.style.left = this.percent(at);
    this.lines.append(line);
    return line;
  }

  // Zooms and keeps the moment at `x` pixels from the left of the visible part where it is.
  zoomTo(zoom, x = this.scroll.clientWidth / 2) {
    const label = this.lines.offsetLeft;
    const track = () => this.inner.clientWidth - label;
    const part = (this.scroll.scrollLeft + x - label) / track();
    this.zoom = Math.min(LIMIT, Math.max(1, zoom));
    this.inner.style.width = `calc(${label}px + (100% - ${label}px) * ${this.zoom})`;
    this.scroll.scrollLeft = part * track() + label - x;
    this.ticks();
  }

  // Brings a moment into the middle, about four seconds wide, and marks it.
  show(at) {
    this.chosen?.remove();
    this.chosen = this.line(at, "line chosen");
    this.zoomTo(Math.max(this.zoom, this.story.length / 4000));
    const label = this.lines.offsetLeft;
    this.scroll.scrollLeft = (at / this.story.length) * (this.inner.clientWidth - label) + label - (this.scroll.clientWidth + label) / 2;
    this.scroll.scrollIntoView({ block: "nearest" });
    this.scroll.focus({ preventScroll: true });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * 1.6);
    else if (event.key === "-") this.zoomTo(this.zoom / 1.6);
    else if (event.key === "0") this.zoomTo(1);
    else return;
    event.preventDefault();
  }

  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX - this.scroll.getBoundingClientRect().left);
  }
}

// A lane that has no more to say than its bars and marks.
function told(lane) {
  const bars = lane.bars.map((bar) => [bar.from, bar.label]);
  const events = [...bars, ...lane.marks.map((mark) => [mark.at, mark.label])].sort(([a], [b]) => a - b);
  return { title: lane.title, facts: [], log: [], events, states: [] };
}

// What a pod, a call or an object is in detail.
function open(detail) {
  const header = make("header");
  const title = make("h3", "", detail.title);
  title.id = "detail-title";
  const close = make("button", "", "close");
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  header.append(title, close);
  const facts = make("dl");
  for (const [key, value] of detail.facts) if (value) facts.append(make("dt", "", key), make("dd", "", value));
  dialog.replaceChildren(header, facts);
  if (detail.log.length) section("log", lines(detail.log));
  if (detail.events.length) section("events", lines(detail.events));
  if (detail.states.length) states(detail.states);
  if (dialog.children.length === 2 && !detail.facts.length) dialog.append(make("p", "", "The recording has the rest."));
  dialog.showModal();
  dialog.scrollTop = 0;
}

function section(title, ...content) {
  dialog.append(make("h4", "", title), ...content);
}

function lines(entries) {
  const log = make("div", "log");
  log.tabIndex = 0;
  for (const [at, line] of entries) {
    const row = make("div");
    if (at !== null) row.append(make("time", "", time(at)));
    row.append(line);
    log.append(row);
  }
  return log;
}

// The states of an object: the last one, and what changed between any two.
function states(all) {
  const shown = make("pre");
  shown.tabIndex = 0;
  if (all.length === 1) {
    shown.textContent = all[0][1];
    section(`YAML, ${all[0][0]}`, shown);
    return;
  }
  const choose = (label, options, chosen) => {
    const select = make("select");
    select.setAttribute("aria-label", label);
    options.forEach((option, index) => select.append(new Option(option, index, false, index === chosen)));
    return select;
  };
  const names = all.map(([name]) => name);
  const to = choose("revision", names, all.length - 1);
  const from = choose("compared with", ["not compared", ...names.map((name) => `what changed since ${name}`)], all.length - 1);
  const draw = () => {
    const after = all[to.value][1];
    if (from.value === "0") shown.textContent = after;
    else shown.replaceChildren(...difference(all[from.value - 1][1], after));
  };
  to.addEventListener("change", draw);
  from.addEventListener("change", draw);
  const tools = make("div", "tools");
  tools.append(to, from);
  section("YAML", tools, shown);
  draw();
}

// The lines of two texts as removed, added and unchanged ones (longest common subsequence).
function difference(before, after) {
  if (before === after) return [make("p", "", "Nothing changed.")];
  const [a, b] = [before.split("\n"), after.split("\n")];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  const rows = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) rows.push(make("div", "", `  ${a[i++]}`)), j++;
    else if (j === b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) rows.push(make("del", "", `- ${a[i++]}`));
    else rows.push(make("ins", "", `+ ${b[j++]}`));
  }
  return rows;
}

const timelines = new Map();

async function draw(scenario) {
  const { index } = scenario.dataset;
  if (timelines.has(index)) return timelines.get(index);
  const place = scenario.querySelector(".timeline");
  const drawn = unpack(index).then((story) => {
    // Without one, the page itself says why.
    return story ? new Timeline(place, story) : null;
  });
  timelines.set(index, drawn);
  return drawn.catch((error) => void (place.textContent = `The timeline cannot be shown: ${error}`));
}

for (const scenario of document.querySelectorAll("details.scenario")) {
  scenario.addEventListener("toggle", () => scenario.open && draw(scenario));
  for (const moment of scenario.querySelectorAll(".moment"))
    moment.addEventListener("click", async () => (await draw(scenario))?.show(Number(moment.dataset.at)));
}
addEventListener("hashchange", reveal);
document.addEventListener("click", (event) => event.target.matches?.('a[href^="#"]') && setTimeout(reveal));
// The verdicts are painted before the first timeline is unpacked.
requestAnimationFrame(() => setTimeout(() => {
  reveal();
  for (const scenario of document.querySelectorAll("details.scenario[open]")) draw(scenario);
}));

function reveal() {
  const scenario = location.hash && document.getElementById(location.hash.slice(1));
  if (scenario) scenario.open = true;
  scenario?.scrollIntoView?.();
}
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
