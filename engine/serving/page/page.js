"use strict";
// The page of the service: a form that suits the model, and its answers.

const find = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};
let model, read;

const files = (accept, hint) => {
  const input = make("input", { type: "file", multiple: true, accept });
  const drop = make("label", { className: "drop" }, hint, input);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    input.files = event.dataTransfer.files;
    send();
  });
  input.addEventListener("change", () => input.files.length && send());
  find("form").append(drop);
  return () => {
    if (!input.files.length) throw new Error("Choose one or more files.");
    const body = new FormData();
    for (const file of input.files) body.append("file", file);
    return { body, pictures: accept === "image/*" ? [...input.files] : [] };
  };
};

const json = (inputs) => ({ body: JSON.stringify({ inputs }), headers: { "Content-Type": "application/json" } });

const forms = {
  images: () => files("image/*", "Choose images, or drop them here"),
  sounds: () => files(".wav,.flac,.ogg,audio/*", "Choose sounds, or drop them here"),
  texts: () => {
    const area = make("textarea", { rows: 5, required: true });
    find("form").append(make("label", {}, "Text", area));
    return () => json([area.value]);
  },
  text: () => forms.texts(),
  table: () => {
    const fields = model.columns.slice(0, 200).map((column) => {
      const field = column.values
        ? make("select", {}, make("option", { value: "", textContent: "(missing)" }), ...column.values.map((v) => make("option", { value: v, textContent: v })))
        : make("input", { type: "text", inputMode: column.kind === "number" ? "decimal" : "text", placeholder: column.kind });
      return [column.name, field];
    });
    find("form").append(make("div", { className: "columns" }, ...fields.map(([name, field]) => make("label", {}, name, field))));
    return () => json([Object.fromEntries(fields.map(([name, field]) => [name, field.value || null]))]);
  },
  series: () => {
    const area = make("textarea", { rows: 5, placeholder: "empty: go on with the training data" });
    find("form").append(make("label", {}, "The last values, separated by spaces or commas", area));
    return () => json(area.value.trim() ? area.value.trim().split(/[\s,;]+/).map(Number) : null);
  },
};

const shown = (value) => (typeof value === "number" ? Number(value.toPrecision(6)).toString() : value);

const answer = (prediction, picture) => {
  const item = make("li");
  if (picture) {
    const image = make("img", { src: URL.createObjectURL(picture), alt: picture.name });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    item.classList.add("picture");
    item.append(image);
  }
  const value = Array.isArray(prediction.prediction) ? prediction.prediction.map(shown).join("  ") : shown(prediction.prediction);
  const error = prediction.error === undefined ? "" : ` ± ${shown(prediction.error)}`;
  item.append(make("div", { textContent: prediction.input }), make("div", { className: "value", textContent: value + error }));
  const ranked = Object.entries(prediction.probabilities || {}).sort((a, b) => b[1] - a[1]).slice(0, 5);
  for (const [name, share] of ranked) {
    const percent = `${(100 * share).toFixed(1)} %`;
    item.append(make("div", { className: "bar" }, make("span", { textContent: name }), make("meter", { value: share, max: 1, title: percent }), make("span", { textContent: percent })));
  }
  for (const warning of prediction.warnings || []) item.append(make("div", { className: "warning", textContent: warning }));
  return item;
};

const say = (text, wrong = false) => {
  find("message").textContent = text;
  find("message").className = wrong ? "error" : "";
};

const send = async () => {
  const button = find("form").querySelector("button");
  button.disabled = true;
  say("Predicting ...");
  try {
    const { body, headers, pictures = [] } = read();
    const reply = await fetch("/predict", { method: "POST", body, headers });
    const found = await reply.json().catch(() => ({ error: `The service answered ${reply.status}.` }));
    if (!reply.ok) throw new Error(found.error);
    find("answers").replaceChildren(...found.predictions.map((p, k) => answer(p, pictures[k])));
    say("");
  } catch (error) {
    say(error.message, true);
  }
  button.disabled = false;
};

const begin = async () => {
  model = await (await fetch("/model")).json();
  find("title").textContent = `${model.task[0].toUpperCase()}${model.task.slice(1)} of ${model.inputs === "table" ? "rows" : model.inputs}`;
  find("report").textContent = model.report.join("\n");
  read = forms[model.inputs]();
  find("form").append(make("button", { textContent: "Predict" }));
  find("form").addEventListener("submit", (event) => { event.preventDefault(); send(); });
};

begin().catch((error) => say(`The model cannot be shown: ${error.message}`, true));
