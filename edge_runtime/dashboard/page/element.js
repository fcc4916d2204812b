// Elements with text, never with markup: nothing that a node says can become code.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// Replaces the terms and values of a <dl>; each fact is [term, value, class of the value].
export function showFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(([term, value, mood]) => [
    make("dt", {}, term),
    make("dd", mood ? { class: mood } : {}, value),
  ]));
}

export function setPill(pill, text, mood) {
  pill.textContent = text;
  pill.className = `pill ${mood}`;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
