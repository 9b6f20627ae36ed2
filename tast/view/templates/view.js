// The page's own script: sends a video to the server of this page, and draws what comes back, line by line.
"use strict";

const at = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let stopping = null, chosen = null;

function shape(kind, attributes, text) {
  const node = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function shown(value, decimals) {
  return value === null ? "–" : value.toFixed(decimals).replace("-", "−");
}

// seconds: rows of [start_s, value, lower, upper, quality]; null where there is no value.
function draw(seconds, isTrend) {
  const width = 480, height = 200, left = 40, right = 8, above = 10, below = 24;
  const values = seconds.flatMap(row => row.slice(1, 4)).filter(value => value !== null);
  const step = isTrend ? 0.5 : 5;
  const low = step * Math.floor(Math.min(...values) / step - 0.1);
  const top = step * Math.ceil(Math.max(...values) / step + 0.1);
  const high = isTrend ? top : Math.min(top, 100);
  const first = seconds[0][0], last = Math.max(seconds.at(-1)[0], first + 1);
  const x = time => left + (time - first) / (last - first) * (width - left - right);
  const y = value => above + (high - value) / (high - low) * (height - above - below);
  const place = (row, column) => `${x(row[0]).toFixed(1)},${y(row[column]).toFixed(1)}`;
  const label = `${isTrend ? "Trend" : "SpO2"} over ${seconds.length} s`;
  const svg = shape("svg", {class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label});
  const levels = Math.max(1, Math.round((high - low) / step / 5)) * step;
  for (let level = low; level <= high + 1e-9; level += levels) {
    svg.append(shape("line", {class: "grid", x1: left, x2: width - right, y1: y(level), y2: y(level)}));
    svg.append(shape("text", {x: left - 6, y: y(level) + 4, "text-anchor": "end"}, shown(level, isTrend ? 1 : 0)));
  }
  svg.append(shape("text", {x: left, y: height - 6}, `${first.toFixed(0)} s`));
  svg.append(shape("text", {x: width - right, y: height - 6, "text-anchor": "end"}, `${last.toFixed(0)} s`));
  const held = seconds.filter(row => row[2] !== null && row[3] !== null);
  const band = [...held.map(row => place(row, 2)), ...held.reverse().map(row => place(row, 3))];
  if (band.length) svg.append(shape("polygon", {class: "band", points: band.join(" ")}));
  const line = seconds.filter(row => row[1] !== null).map(row => place(row, 1));
  svg.append(shape("polyline", {class: "predicted", points: line.join(" ")}));
  at("curve").replaceChildren(svg);
}

function tell(told) {
  const {seconds, trend, summary} = told;
  at("live").hidden = false;
  at("value").textContent = summary.value;
  at("beside").textContent = summary.beside;
  at("unit").textContent = trend ? "Trend" : "SpO₂ (%)";
  draw(seconds, trend);
  at("seconds").querySelector("tbody").replaceChildren(...seconds.map(([start, value, lower, upper, quality]) => {
    const row = document.createElement("tr"), head = document.createElement("th");
    head.scope = "row";
    head.textContent = shown(start, 1);
    const interval = lower === null ? "–" : `${shown(lower, 1)} to ${shown(upper, 1)}`;
    row.append(head, ...[shown(value, trend ? 2 : 1), interval, shown(quality, 2)].map(text => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

function hear(told) {
  if (told.at === "model") at("status").textContent = "Loading the model …";
  if (told.at === "reading") {
    at("live").hidden = false;
    const bar = at("progress");
    if (told.of_s === null) bar.removeAttribute("value");
    else [bar.max, bar.value] = [told.of_s, told.s];
    const whole = `The whole video once more, as it counts: ${told.s} of ${Math.floor(told.of_s)} s`;
    at("status").textContent = told.of_s === null ? `A first look: ${told.s} s read` : whole;
  }
  if (told.at === "so far") {
    if (told.seconds) tell(told);
    at("why").textContent = told.reason ? `The first look: ${told.reason}` : "";
  }
  if (told.at === "done") {
    tell(told);
    at("progress").hidden = true;
    at("why").textContent = "";
    at("provisional").textContent = "The whole video, as tast predict reads it.";
    at("notes").replaceChildren(...told.notes.map(note => {
      const item = document.createElement("li");
      item.textContent = note;
      return item;
    }));
    const link = at("table");
    link.href = URL.createObjectURL(new Blob([told.csv], {type: "text/csv"}));
    link.download = `${told.name}.csv`;
    link.hidden = false;
    at("status").textContent = `Done: ${told.name}`;
  }
  if (told.at === "refused") {
    at("live").hidden = true;
    at("status").textContent = `Refused: ${told.reason}`;
  }
  return told.at === "done" || told.at === "refused";
}

async function read(event) {
  event.preventDefault();
  const file = chosen ?? at("video").files[0];
  const status = at("status");
  if (!file) {
    status.textContent = "No video yet: drop one above, or choose it.";
    at("video").focus();
    return;
  }
  const most = Number(at("form").dataset.maxMb);
  if (file.size > most * 2 ** 20) {
    status.textContent = `Refused: ${(file.size / 2 ** 20).toFixed(0)} MiB are too large; expected at most ${most} MiB`;
    return;
  }
  const known = document.querySelector("input[name=known]:checked").value;
  const asked = new URLSearchParams({
    name: file.name, anchor: known === "readings" ? at("readings").value : known,
    uncalibrated: at("uncalibrated").checked, largest_face: at("largest").checked,
  });
  stopping = new AbortController();
  at("start").disabled = true;
  at("stop").disabled = false;
  at("live").hidden = true;
  at("progress").hidden = false;
  at("table").hidden = true;
  for (const id of ["notes", "curve", "value", "beside", "why"]) at(id).replaceChildren();
  at("provisional").textContent = "A first look, part by part; what the whole video gives replaces it.";
  at("status").scrollIntoView({block: "nearest"});
  status.textContent = `Sending ${file.name} to this machine’s own server …`;
  try {
    const answer = await fetch(`/read?${asked}`, {
      method: "POST", body: file, signal: stopping.signal, headers: {"Content-Type": "application/octet-stream"},
    });
    if (!answer.ok) {
      status.textContent = `Refused: ${(await answer.json()).message}`;
      return;
    }
    const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let left = "", ended = false;
    for (;;) {
      const {value, done} = await lines.read();
      if (done) break;
      const parts = (left + value).split("\n");
      left = parts.pop();
      for (const part of parts) ended = hear(JSON.parse(part)) || ended;
    }
    if (!ended) status.textContent = "The server ended before it was done; its terminal says why.";
  } catch (error) {
    const stopped = error.name === "AbortError";
    status.textContent = stopped ? "Stopped; the video is deleted." : "The server of this page does not answer: start `tast view` again.";
  } finally {
    at("start").disabled = false;
    at("stop").disabled = true;
  }
}

function take(file) {
  chosen = file;
  at("status").textContent = `${file.name}, ${(file.size / 2 ** 20).toFixed(1)} MiB: say what is known of it, then read it.`;
}

function listen() {
  const drop = at("drop");
  at("form").addEventListener("submit", read);
  at("stop").addEventListener("click", () => stopping?.abort());
  at("video").addEventListener("change", event => event.target.files[0] && take(event.target.files[0]));
  at("readings").addEventListener("input", () => { document.querySelector("input[value=readings]").checked = true; });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, event => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }
}

async function runs() {
  const answer = await (await fetch("/runs")).json();
  at("noruns").replaceChildren(...answer.message.split("`").map((text, place) => {
    const part = document.createElement(place % 2 ? "code" : "span");
    part.textContent = text;
    return part;
  }));
  at("noruns").hidden = !answer.message;
  at("runs").hidden = !answer.runs.length;
  at("runs").querySelector("tbody").replaceChildren(...answer.runs.map(({name, url, rmse, versions, started}) => {
    const row = document.createElement("tr"), head = document.createElement("th");
    head.scope = "row";
    if (url) {
      const link = document.createElement("a");
      [link.href, link.rel, link.textContent] = [url, "noreferrer", name];
      head.append(link);
    } else head.textContent = name;
    row.append(head, ...[shown(rmse, 2), versions, started].map(text => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

if (at("form")) listen();
runs();
