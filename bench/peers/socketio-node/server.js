// A chat room on Socket.IO: `node server.js PORT`.
const { Server } = require("socket.io");

const server = new Server({ transports: ["websocket"], perMessageDeflate: false });
server.on("connection", (member) => {
  member.on("message", (text) => server.emit("message", text));
});
server.listen(Number(process.argv[2]));
