// The swarm's load in k6: every user joins, sends its share of the room's messages on an open-loop schedule, and
// measures the latency of every message it receives with k6's own clock, in whole milliseconds.
import exec from 'k6/execution';
import { WebSocket } from 'k6/experimental/websockets';
import { Counter, Trend } from 'k6/metrics';

const USERS = Number(__ENV.USERS);
const PERIOD_MS = 1000 / Number(__ENV.ROOM_RATE);
const JOIN_RATE = Number(__ENV.JOIN_RATE);
const WARMUP_MS = 1000 * Number(__ENV.WARMUP_S);
const WINDOW_MS = 1000 * Number(__ENV.DURATION_S);
const DRAIN_MS = 1000 * Number(__ENV.DRAIN_S);
const SIZE = Number(__ENV.MESSAGE_SIZE);
const QUIET_MS = 1000;

const latency = new Trend('delivery_latency');
const offered = new Counter('messages_offered');
const joined = new Counter('users_joined');

export const options = {
  scenarios: { room: { executor: 'per-vu-iterations', vus: USERS, iterations: 1, maxDuration: '1h' } },
  setupTimeout: '5s',
  summaryTrendStats: ['count', 'med', 'p(99)'],
};

export function setup() {
  const joinFrom = Date.now();
  const sendFrom = Math.ceil(joinFrom + (USERS / JOIN_RATE) * 1000 + QUIET_MS);
  const start = sendFrom + WARMUP_MS;
  return { joinFrom, sendFrom, start, end: start + WINDOW_MS, drainEnd: start + WINDOW_MS + DRAIN_MS };
}

export default function (plan) {
  const user = exec.vu.idInTest - 1;
  const sender = String(user).padStart(6, '0');
  const inWindow = (due) => due >= plan.start && due < plan.end;
  const nanoseconds = (time) => `${time}000000`.padStart(19, '0');

  setTimeout(() => {
    const socket = new WebSocket(__ENV.URL.replace('{user}', `k${sender}`));

    const send = (seq) => {
      const due = Math.round(plan.sendFrom + (seq * USERS + user) * PERIOD_MS);
      if (due >= plan.end) return;
      setTimeout(() => {
        const stamp = `lt1|${sender}|${String(seq).padStart(8, '0')}|${nanoseconds(due)}|`;
        if (inWindow(due)) offered.add(1);
        socket.send(`${stamp}${nanoseconds(Date.now())}|`.padEnd(SIZE, 'x'));
        send(seq + 1);
      }, Math.max(0, due - Date.now()));
    };

    socket.addEventListener('open', () => {
      joined.add(1);
      send(0);
      setTimeout(() => socket.close(), plan.drainEnd - Date.now());
    });

    socket.addEventListener('message', (event) => {
      const now = Date.now();
      const at = event.data.indexOf('lt1|');
      if (at < 0 || now > plan.drainEnd) return;
      if (inWindow(Number(event.data.substr(at + 20, 13)))) latency.add(now - Number(event.data.substr(at + 40, 13)));
    });
  }, Math.max(0, plan.joinFrom + 1000 * Math.floor(user / JOIN_RATE) - Date.now())); // in bursts, as Locust does
}

export function handleSummary(data) {
  const values = (name) => (data.metrics[name] ? data.metrics[name].values : { count: 0 });
  const plan = data.setup_data;
  const summary = {
    start_ms: plan.start,
    end_ms: plan.end,
    drain_end_ms: plan.drainEnd,
    joined: values('users_joined').count,
    offered: values('messages_offered').count,
    delivered: values('delivery_latency').count,
    p50_ms: values('delivery_latency').med,
    p99_ms: values('delivery_latency')['p(99)'],
  };
  return { [__ENV.OUT]: JSON.stringify(summary) };
}
