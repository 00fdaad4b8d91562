// Shows events as they arrive. Everything of an event becomes text: no HTML is ever made of it.

const frame = document.querySelector("[data-tail]");
const body = frame?.querySelector("tbody");
const most = Number(frame?.dataset.most);
const part = (name) => document.querySelector(`[data-${name}]`);
const LEVELS = new Set(["debug", "info", "warning", "error", "critical"]);
const SUMMED_UP = new Set(
  `event service level timestamp correlation_id message message_template logger environment service_version
  server_name service_instance_id trace_id span_id parent_span_id span_kind span_name trace_sampled
  duration_seconds outcome error_type exception error_id event_id promote tags user_id session_id
  http_request_method http_route http_response_status_code url_path url_query client_address
  user_agent_original http_request_headers http_request_body_size http_response_body_size db_system_name
  db_operation_name db_collection_name db_query_summary gen_ai_provider_name gen_ai_request_model
  gen_ai_operation_name gen_ai_agent_name gen_ai_usage_input_tokens gen_ai_usage_output_tokens
  gen_ai_cost_usd cache_operation cache_name cache_result peer_service server_address exception_text
  stack_info profile`.split(/\s+/),
);

// As the service does it: what cannot be seen, or turns what is seen, is written as its number.
const visible = (text) =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (each) => {
    const code = each.codePointAt(0);
    const hex = code.toString(16);
    if (code < 256) return `\\x${hex.padStart(2, "0")}`;
    return code < 65536 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });

const shown = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "object") return Array.isArray(value) ? "[...]" : "{...}";
  return visible(String(value));
};

const short = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

const told = (event) => {
  const status = shown(event.http_response_status_code);
  const errorType = shown(event.error_type);
  const parts = [
    shown(event.http_request_method),
    event.http_request_method ? shown(event.http_route || event.url_path) : "",
    status,
    shown(event.db_query_summary || event.db_operation_name),
    event.db_query_summary ? "" : shown(event.db_collection_name),
    shown(event.cache_operation),
    shown(event.cache_name),
    shown(event.cache_result),
    event.peer_service ? `-> ${shown(event.peer_service)}` : "",
    shown(event.gen_ai_request_model),
    shown(event.message),
    errorType === status ? "" : errorType,
    event.user_id ? `user=${shown(event.user_id)}` : "",
  ];
  for (const [key, value] of Object.entries(event)) {
    if (SUMMED_UP.has(key) || key.startsWith("_") || (typeof value === "object" && value !== null)) continue;
    parts.push(`${visible(key)}=${shown(value)}`);
  }
  return short(parts.filter(Boolean).join(" "), 400);
};

const duration = (seconds) => {
  if (typeof seconds !== "number") return "";
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)}\u202fms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)}\u202fs`;
  return `${Math.round(seconds / 60)}\u202fmin`;
};

// The same colour for a service as on all other pages.
const crc32 = (text) => {
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
};

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

const cell = (className, ...content) => {
  const element = make("td", className);
  element.setAttribute("role", "cell");
  element.append(...content);
  return element;
};

const values = (event) => {
  const table = make("table", "values");
  const rows = make("tbody");
  for (const [key, value] of Object.entries(event)) {
    const row = make("tr");
    const name = make("th", "long", short(visible(key), 128));
    name.scope = "row";
    const text = typeof value === "object" && value !== null ? JSON.stringify(value, null, 1) : String(value);
    row.append(name, make("td", "long", short(visible(text.replace(/\n\s*/g, " ")), 4000)));
    rows.append(row);
  }
  table.append(rows);
  return table;
};

const rowOf = (event, line, place) => {
  const row = make("tr", ["error", "critical"].includes(event.level) ? "failed" : "");
  row.setAttribute("role", "row");
  row.dataset.place = place;
  const id = typeof event.correlation_id === "string" ? event.correlation_id : "";
  const path = id && `/c/${encodeURIComponent(id)}#e${place.replace(":", "-")}`;
  const at = new Date(event.timestamp);
  const time = make(path ? "a" : "span", "", Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(11, 23));
  if (path) time.href = path;
  const service = make("span", `service hue-${crc32(String(event.service)) % 7}`, shown(event.service));
  const level = make("span", `level ${LEVELS.has(event.level) ? event.level : "odd"}`, short(shown(event.level), 16));
  const details = make("details");
  const summary = make("summary");
  summary.append(make("span", "event", short(shown(event.event), 128)), " ", make("span", "told", told(event)));
  details.append(summary);
  details.addEventListener("toggle", () => fill(details, event, line, path), { once: true });
  row.append(
    cell("at", time),
    cell("who", service),
    cell("how", level),
    cell("what", details),
    cell("took number", duration(event.duration_seconds)),
  );
  return row;
};

const fill = (details, event, line, path) => {
  const inside = make("div", "inside");
  const actions = make("p", "actions");
  if (path) {
    const link = make("a", "button quiet", "Open the story");
    link.href = path;
    actions.append(link);
  }
  const copy = make("button", "quiet copy", "Copy JSON");
  copy.type = "button";
  copy.dataset.copy = line;
  actions.append(copy);
  inside.append(actions, values(event));
  details.append(inside);
};

const STATES = { connecting: "connecting", live: "live", lost: "connection lost, trying again", ended: "ended: reload the page" };

let state = "connecting";
let stateText = STATES.connecting;
let paused = false;
let held = [];
let waiting = [];
let seen = 0;
let dropped = 0;
let newest = [0, -1];

const tell = (state, text) => {
  part("state").dataset.state = state;
  const element = part("state-text");
  if (element.textContent !== text) element.textContent = text;
};

const count = () => {
  part("shown").textContent = seen.toLocaleString("en");
  part("dropped").textContent = dropped.toLocaleString("en");
  part("dropped-part").hidden = dropped === 0;
  part("held").textContent = held.length.toLocaleString("en");
  part("held-part").hidden = held.length === 0;
};

// Rows are added ten times a second: a flood of events costs ten layouts, not thousands.
const flush = () => {
  const rows = waiting.slice(-most).reverse();
  waiting = [];
  body.prepend(...rows.map(([line, place]) => rowOf(JSON.parse(line), line, place)));
  while (body.rows.length > most) body.lastElementChild.remove();
  part("waiting").hidden = body.rows.length > 0;
  count();
};

// Places are "commit:index"; what the page came with may come once more.
const isBehind = (place) => {
  const [commit, index] = place.split(":").map(Number);
  if (commit < newest[0] || (commit === newest[0] && index <= newest[1])) return false;
  newest = [commit, index];
  return true;
};

const add = (line, place) => {
  if (!isBehind(place)) return;
  seen += 1;
  if (paused) {
    held.push([line, place]);
    if (held.length > most) {
      held.shift();
      dropped += 1;
    }
    return count();
  }
  if (waiting.push([line, place]) === 1) setTimeout(flush, 100);
  else if (waiting.length > most) waiting.shift();
};

const pause = () => {
  paused = !paused;
  const button = part("pause");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Go on" : "Pause";
  if (!paused) {
    waiting.push(...held);
    held = [];
    flush();
  }
  tell(paused ? "paused" : state, paused ? "paused" : stateText);
  count();
};

const reached = (next, text = STATES[next]) => {
  state = next;
  stateText = text;
  tell(paused ? "paused" : state, paused ? "paused" : text);
};

let source;
let last = "";
let patience = 1000;

const follow = () => {
  const url = new URL(frame.dataset.tail, location.href);
  if (last) url.searchParams.set("after", last);
  source = new EventSource(url);
  source.addEventListener("open", () => {
    patience = 1000;
    reached("live");
  });
  source.addEventListener("end", () => reached("lost"));
  source.addEventListener("error", (event) => {
    if (event.target.readyState === EventSource.CLOSED) return again(url);
    reached("lost");
  });
  source.addEventListener("message", (message) => {
    last = message.lastEventId || last;
    add(message.data, message.lastEventId);
  });
  source.addEventListener("dropped", (message) => {
    dropped += Number(JSON.parse(message.data).count) || 0;
    count();
  });
};

// A browser gives up where it is answered but not with events, as by a service that is starting.
const again = async (url) => {
  reached("lost");
  const enough = new AbortController();
  const status = await fetch(url, { signal: enough.signal }).then((answer) => answer.status, () => 0);
  enough.abort();
  if (status >= 400 && status < 500 && status !== 429) {
    return reached("ended", status === 401 ? "ended: reload the page to log in" : STATES.ended);
  }
  setTimeout(follow, patience);
  patience = Math.min(patience * 2, 30000);
};

addEventListener("pagehide", () => source?.close());

if (frame) {
  // After "back" the page may be as it was left, with its stream closed.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  // What somebody reads must not run away.
  body.addEventListener("toggle", (event) => event.target.open && !paused && pause(), true);
  for (const row of [...body.querySelectorAll("tr[data-place]")].reverse()) isBehind(row.dataset.place);
  part("pause").addEventListener("click", pause);
  part("clear").addEventListener("click", () => {
    body.replaceChildren();
    part("waiting").hidden = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "p" && !event.target.closest("input, textarea") && !event.ctrlKey && !event.metaKey) pause();
  });
  follow();
}
