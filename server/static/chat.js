// What others wrote only ever gets into the page as text: textContent, never HTML.

const MAX_LOG_ITEMS = 1000;
const element = (id) => document.getElementById(id);
const log = element("log");

let socket = null;
let name = "";
let room = "";
let members = new Set();

// ---- joining

element("join").addEventListener("submit", (event) => {
  event.preventDefault();
  name = element("name").value;
  room = element("room").value;
  join();
});

element("rejoin").addEventListener("click", join);

async function join() {
  setBusy(true);
  try {
    const refusal = await reasonToRefuse();
    if (refusal) {
      showRefusal(refusal);
    } else {
      connect();
    }
  } catch {
    showRefusal("The server cannot be reached. Try again in a moment.");
  }
}

// The browser hides the server's answer to a refused handshake, so look for the likely reasons first.
async function reasonToRefuse() {
  if (!name.trim() || !room.trim()) return "A name and a room need at least one character that is not blank.";
  if (name.startsWith("@") || room.startsWith("@")) return "A name or a room must not start with \u201c@\u201d.";
  if ((await fetchMembers()).includes(name)) return `The name \u201c${name}\u201d is taken here. Choose another one.`;
  return null;
}

async function fetchMembers() {
  const response = await fetch(`/clients?${new URLSearchParams({ room })}`);
  if (!response.ok) throw new Error(`/clients answered ${response.status}`);
  return response.json();
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opening = new WebSocket(`${scheme}://${location.host}/chat?${new URLSearchParams({ user_id: name, room })}`);
  let joined = false;
  socket = opening;
  opening.addEventListener("open", () => {
    joined = true;
    showChat();
  });
  opening.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  opening.addEventListener("close", () => {
    if (joined) showLost();
    else showRefusal("The server refused to let you in: the room is full, or the name is taken or not allowed.");
  });
}

// ---- what is heard

function hear(message) {
  const atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(message.event === "user" ? messageItem(message) : noticeItem(message));
  if (log.children.length > MAX_LOG_ITEMS) log.firstElementChild.remove();
  if (atBottom || message.sender === name) log.scrollTop = log.scrollHeight;
  if (message.event === "join") members.add(message.text.slice(0, -" joined".length));
  if (message.event === "leave") members.delete(message.text.slice(0, -" left".length));
  if (message.event !== "user") showMembers();
}

function messageItem({ sender, text, ctime }) {
  const own = sender === name;
  const item = textElement("li", own ? "message own" : "message", "");
  const caption = textElement("div", "caption", "");
  if (!own) caption.append(textElement("span", "sender", sender));
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

// ---- what is said

element("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return; // what was written stays for after the rejoin
  socket.send(element("text").value);
  element("text").value = "";
});

// ---- what is shown

async function showChat() {
  setBusy(false);
  element("refusal").textContent = "";
  element("entrance").hidden = true;
  element("chat").hidden = false;
  element("lost").hidden = true;
  if (element("room-name").textContent !== room) log.replaceChildren();
  element("room-name").textContent = room;
  document.title = `${room} \u00b7 Chatroom`;
  setConnected(true);
  element("text").focus();
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
  element("head-count").textContent = sorted.length;
  element("members").replaceChildren(
    ...sorted.map((member) => textElement("li", member === name ? "own" : "", member)),
  );
}

function showRefusal(reason) {
  setBusy(false);
  element("chat").hidden = true;
  element("entrance").hidden = false;
  element("refusal").textContent = reason;
  element("name").focus();
}

function showLost() {
  element("lost").hidden = false;
  setConnected(false);
  element("rejoin").focus();
}

function setConnected(connected) {
  for (const control of element("compose").elements) control.disabled = !connected;
}

function setBusy(busy) {
  element("join").querySelector("button").disabled = busy;
  element("rejoin").disabled = busy;
}
