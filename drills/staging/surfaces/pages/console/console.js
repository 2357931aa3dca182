/** The operator console: signs in, then shows the staging and flips its switches. */
import { Refused, api } from "/api.js";
import { showEnvironment, showFaults, showLease } from "/panels.js";
import { SwitchCard } from "/switches.js";

const CALM = 1000;
const EAGER = 150;
const door = document.querySelector("#door");
const room = document.querySelector("#console");
const cards = new Map();
let timer;
let shownFaults = "";

function say(place, text) {
  const line = document.querySelector(place);
  line.textContent = text;
  line.hidden = !text;
}

async function trying(work) {
  try {
    await work();
    say("#trouble", "");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return showDoor();
    say("#trouble", error.message);
  }
}

function showDoor() {
  clearTimeout(timer);
  room.hidden = true;
  door.hidden = false;
  document.querySelector("#operator-token").focus();
}

async function flip(id, value) {
  await trying(() => api.flip(id, value));
  await refreshSwitches();
}

async function changeFault(name, on) {
  await trying(() => api.setFault(name, on));
  shownFaults = "";
  await refreshRest();
}

async function refreshSwitches() {
  clearTimeout(timer);
  let pace = CALM;
  await trying(async () => {
    const views = await api.switches();
    views.forEach(showSwitch);
    if (views.some(({ state }) => state === "busy")) pace = EAGER;
    door.hidden = true;
    room.hidden = false;
  });
  if (!room.hidden) timer = setTimeout(refreshSwitches, pace);
}

function showSwitch(view) {
  if (cards.has(view.id)) return cards.get(view.id).show(view);
  const card = new SwitchCard(view, flip);
  cards.set(view.id, card);
  document.querySelector(`#${view.kind}`).append(card.element);
}

async function refreshRest() {
  await trying(async () => {
    const [environment, lease, faults] = await Promise.all([api.environment(), api.lease(), api.faults()]);
    showEnvironment(environment);
    showLease(lease);
    // Rebuilt only when something changed: a rebuilt list loses the focus.
    if (shownFaults !== JSON.stringify(faults)) showFaults(faults, changeFault);
    shownFaults = JSON.stringify(faults);
  });
}

async function enter() {
  if (!(await api.signedIn())) return showDoor();
  await refreshSwitches();
  if (!room.hidden) await refreshRest();
}

document.querySelector("#sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = document.querySelector("#operator-token");
  const refusal = await api.signIn(field.value.trim()).then(() => "", (error) => error.message);
  say("#refusal", refusal);
  if (refusal) return field.select();
  field.value = "";
  await enter();
});

document.querySelector("#sign-out").addEventListener("click", async () => {
  await trying(() => api.signOut());
  showDoor();
});

setInterval(() => { if (!room.hidden) refreshRest(); }, 2000);
enter();
