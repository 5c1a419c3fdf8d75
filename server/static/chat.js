// What others wrote only ever gets into the page as text: textContent, never HTML.

const MAX_LOG_ITEMS = 1000;
const NEAR_END_PX = 40;
const FIRST_PAUSE_S = 1;
const MAX_PAUSE_S = 30;
const WHY_CLOSED = new Map([
  [1008, "You sent more than the server allows."],
  [1009, "Your message was too long for the server."],
  [1012, "The server is restarting."],
  [1013, "Your connection was too slow to keep up with the room."],
]);
const element = (id) => document.getElementById(id);
const log = element("log");
const items = element("items");
const roster = element("roster");

let socket = null;
let name = "";
let room = "";
let members = new Set();
let maxMessageBytes = Infinity;
let unread = 0;
let readsEnd = true; // at the last scroll: what shrinks the log moves its end away without one
let failures = 0; // since the connection was lost
let retry = null;
let position = null; // how far the room's messages were heard: {epoch, offset}, and `ahead`, the offsets beyond that

// ---- joining

element("join").addEventListener("submit", (event) => {
  event.preventDefault();
  name = element("name").value;
  room = element("room").value;
  position = null;
  join(showRefusal);
});

element("rejoin").addEventListener("click", () => {
  element("text").focus(); // the button is about to be disabled
  rejoin();
});

function rejoin() {
  clearInterval(retry);
  element("lost-reason").textContent = "Joining again.";
  join(waitToRejoin);
}

// Joins, or calls `refuse` with the reason why not.
async function join(refuse) {
  setBusy(true);
  try {
    const refusal = await reasonToRefuse();
    if (refusal) refuse(refusal);
    else connect(refuse);
  } catch {
    refuse("The server cannot be reached.");
  }
}

// The browser hides the server's answer to a refused handshake, so look for the likely reasons first.
async function reasonToRefuse() {
  if (!name.trim() || !room.trim()) return "A name and a room need at least one character that is not blank.";
  if (name.startsWith("@") || room.startsWith("@")) return "A name or a room must not start with \u201c@\u201d.";
  if ((await fetchMembers()).includes(name)) return `The name \u201c${name}\u201d is taken here. Choose another one.`;
  maxMessageBytes = (await fetchJson("/limits")).max_message_bytes;
  return null;
}

function fetchMembers() {
  return fetchJson(`/clients?${new URLSearchParams({ room })}`);
}

async function fetchJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

function connect(refuse) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const since = position ? `${position.epoch}:${position.offset}` : "";
  const query = new URLSearchParams({ user_id: name, room, since });
  const opening = new WebSocket(`${scheme}://${location.host}/chat?${query}`);
  let joined = false;
  socket = opening;
  opening.addEventListener("open", () => {
    joined = true;
    showChat();
  });
  opening.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  opening.addEventListener("close", (event) => {
    if (joined) showLost(WHY_CLOSED.get(event.code) ?? "Connection lost.");
    else refuse("The server refused to let you in: the room is full, or the name is taken or not allowed.");
  });
}

// ---- what is heard

function hear(message) {
  if (message.event === "welcome") welcome(message);
  else if (message.event === "gap") showGap(message);
  else if (isNew(message.offset)) show(message);
}

// A server that was started again, or a room that was forgotten, counts anew: in another epoch.
function welcome({ epoch, offset }) {
  if (!position) position = { epoch, offset, ahead: new Set() };
  else if (position.epoch !== epoch) position = { epoch, offset: 0, ahead: new Set() };
}

function showGap({ missed, exact }) {
  position.offset += missed;
  const number = `${missed.toLocaleString()} message${missed === 1 ? " is" : "s are"}`;
  show({ event: "gap", text: exact ? `${number} missing here` : "Messages may be missing here" });
}

// Messages of different senders may come in another order than their numbers, so the last one heard is not enough.
function isNew(offset) {
  if (offset <= position.offset || position.ahead.has(offset)) return false;
  position.ahead.add(offset);
  while (position.ahead.delete(position.offset + 1)) position.offset += 1;
  return true;
}

function show(message) {
  const follows = isAtEnd() || message.sender === name;
  items.append(message.event === "user" ? messageItem(message) : noticeItem(message));
  if (items.children.length > MAX_LOG_ITEMS) items.firstElementChild.remove();
  if (follows) showEnd();
  else if (message.event === "user") showUnread(unread + 1);
  if (message.event === "join") members.add(message.text.slice(0, -" joined".length));
  if (message.event === "leave") members.delete(message.text.slice(0, -" left".length));
  if (message.event !== "user") showMembers();
}

function messageItem({ sender, text, ctime }) {
  const own = sender === name;
  const item = textElement("li", own ? "message own" : "message", "");
  const caption = textElement("div", "caption", "");
  caption.append(own ? textElement("span", "visually-hidden", "You, ") : textElement("span", "sender", sender));
  caption.append(timeElement(ctime));
  item.append(caption, textElement("div", "text", text));
  return item;
}

function noticeItem({ text }) {
  return textElement("li", "notice", text);
}

function timeElement(ctime) {
  const time = new Date(ctime);
  const item = textElement("time", "", time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  item.dateTime = ctime;
  item.title = time.toLocaleString();
  return item;
}

function textElement(tag, className, text) {
  const created = document.createElement(tag);
  created.className = className;
  created.textContent = text;
  return created;
}

// ---- where the reader is

function isAtEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
}

function showEnd() {
  readsEnd = true;
  log.scrollTop = log.scrollHeight;
  showUnread(0);
}

function showUnread(count) {
  unread = count;
  element("unread").hidden = count === 0;
  element("unread").textContent = `${count} new message${count === 1 ? "" : "s"} \u2193`;
}

log.addEventListener("scroll", () => {
  readsEnd = isAtEnd();
  if (unread && readsEnd) showUnread(0);
});

new ResizeObserver(() => {
  if (readsEnd) showEnd();
}).observe(log);

element("unread").addEventListener("click", () => {
  showEnd();
  element("text").focus();
});

// ---- what is said

element("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const reason = whyNotSent();
  element("not-sent").textContent = reason;
  if (reason) return; // what was written stays
  socket.send(element("text").value);
  element("text").value = "";
});

element("text").addEventListener("input", showIfTooLong);

function showIfTooLong() {
  element("not-sent").textContent = whyTooLong();
}

function whyNotSent() {
  return socket.readyState === WebSocket.OPEN ? whyTooLong() : "Not sent: you are not connected.";
}

function whyTooLong() {
  const bytes = new TextEncoder().encode(element("text").value).length;
  const number = (value) => value.toLocaleString();
  return bytes > maxMessageBytes ? `Too long to send: ${number(bytes)} of ${number(maxMessageBytes)} bytes.` : "";
}

// ---- what is shown

async function showChat() {
  setBusy(false);
  failures = 0;
  element("refusal").textContent = "";
  const isEntering = !element("entrance").hidden;
  element("entrance").hidden = true;
  element("chat").hidden = false;
  element("lost").hidden = true;
  if (element("room-name").textContent !== room) items.replaceChildren();
  element("room-name").textContent = room;
  document.title = `${room} \u00b7 Chatroom`;
  showIfTooLong();
  showEnd();
  if (isEntering) element("text").focus();
  // Notices keep the list up to date from here on; a room too large for notices shows who was there at the join.
  members = new Set([name]);
  try {
    for (const member of await fetchMembers()) members.add(member);
  } catch {
    // The connection that brings messages tells if the server has gone; the list fills with notices.
  }
  showMembers();
}

function showMembers() {
  const sorted = [...members].sort((one, other) => one.localeCompare(other));
  element("head-count").textContent = socket.readyState === WebSocket.OPEN ? `${sorted.length} here` : "offline";
  element("members").replaceChildren(
    ...sorted.map((member) => textElement("li", member === name ? "own" : "", member)),
  );
}

function showRefusal(reason) {
  setBusy(false);
  element("refusal").textContent = reason;
  element("name").focus();
}

// ---- when the connection is lost

function showLost(reason) {
  element("lost").hidden = false;
  members = new Set();
  showMembers();
  waitToRejoin(reason);
}

// Everybody of a room loses the connection at once: without jitter all would come back at once, too.
function waitToRejoin(reason) {
  setBusy(false);
  const pause = Math.min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** failures) * (0.5 + Math.random() / 2);
  const due = Date.now() + pause * 1000;
  failures += 1;
  clearInterval(retry);
  retry = setInterval(() => {
    if (Date.now() >= due) rejoin();
  }, 100);
  element("lost-reason").textContent = `${reason} Trying again in ${Math.ceil(pause)} s.`;
}

function setBusy(busy) {
  element("join").querySelector("button").disabled = busy;
  element("rejoin").disabled = busy;
}

// ---- the list of members

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && roster.open) {
    roster.open = false;
    element("head-count").focus();
  }
});

document.addEventListener("click", (event) => {
  if (roster.open && !roster.contains(event.target)) roster.open = false;
});
