// A chat room on uWebSockets, through Bun's publish: `bun bun_chat.js PORT`. It does only what the swarm needs.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch(request, server) {
    const url = new URL(request.url);
    if (url.pathname === "/chat" && server.upgrade(request, { data: url.searchParams.get("user_id") })) return;
    return new Response("a chat room: WS /chat?user_id=NAME", { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      socket.subscribe("room");
    },
    message(socket, text) {
      server.publish("room", JSON.stringify({ sender: socket.data, text, ctime: new Date().toISOString(), event: "user" }));
    },
  },
});
console.log(`chatroom ready on http://127.0.0.1:${server.port} strategy=bun pid=${process.pid}`);
