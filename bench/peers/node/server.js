// A chat room on Node's `ws`: `node server.js PORT`. Each message is framed once for all.
const { WebSocketServer, WebSocket } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false, backlog: 2048 });
server.on("connection", (member, request) => {
  const user = new URL(request.url, "http://localhost").searchParams.get("user_id");
  member.on("message", (text) => {
    const message = JSON.stringify({ sender: user, text: text.toString() });
    for (const other of server.clients) {
      if (other.readyState === WebSocket.OPEN) other.send(message);
    }
  });
});
