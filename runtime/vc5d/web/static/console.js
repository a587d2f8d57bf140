// The console. It shows what /events tells and asks for reals and prefixes only while they are looked at.
// Nothing is ever put into the page as HTML: text goes in as text.

const $ = (id) => document.getElementById(id);
const STEP = 100; // rows that are shown before somebody asks for more
const OPEN_AT_ONCE = 10; // services whose reals are kept fresh

const model = { view: {}, history: [], events: [], tick: 0, may: "read" };

// Making elements

function element(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
	made.append(...children);
	return made;
}

const state = (word, kind) => element("span", { class: `state ${kind}` }, word);
const address = (text) => element("span", { class: "address" }, text);

// Numbers and times, as one reads them

function short(number) {
	for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]])
		if (number >= limit) return `${(number / (unit === "k" ? 1e3 : limit)).toPrecision(3)} ${unit}`;
	return number >= 100 || Number.isInteger(number) ? Math.round(number).toLocaleString("en") : number.toFixed(1);
}
const bits = (bytes) => `${short(bytes * 8)}${bytes * 8 >= 1e4 ? "" : " "}bit/s`;
const perSecond = (number) => `${short(number)}/s`;
function ago(seconds) {
	const s = Math.max(0, Math.round(seconds));
	if (s < 120) return `${s} s`;
	if (s < 7200) return `${Math.floor(s / 60)} min`;
	if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d`;
}
const since = (time) => (time ? ago(Date.now() / 1000 - time) : "");

// Tables: rows by key, made once; a cell is touched only when what it says has changed

class Table {
	// columns: [title, value(item, key) -> text or node, class]
	constructor(id, columns, more) {
		this.columns = columns;
		this.rows = new Map();
		this.limit = STEP;
		const head = element("tr", { role: "row" }, ...columns.map(([title, , kind]) =>
			element("th", { scope: "col", role: "columnheader", class: kind },
				...(title ? [title] : [element("span", { class: "visually-hidden" }, "Actions")]))));
		this.body = element("tbody", { role: "rowgroup" });
		this.table = typeof id === "string" ? $(id) : id;
		this.table.replaceChildren(element("thead", { role: "rowgroup" }, head), this.body);
		this.more = more;
		more?.addEventListener("click", () => { this.limit += STEP; render(); });
	}

	show(items) {
		const shown = items.slice(0, this.limit);
		const wanted = new Set(shown.map(([key]) => key));
		for (const [key, row] of this.rows) if (!wanted.has(key)) { this.removed?.(key); row.remove(); this.rows.delete(key); }
		let before = null;
		for (const [key, item] of shown) {
			const row = this.rows.get(key) ?? this.add(key);
			const next = before ? (before.detail ?? before).nextSibling : this.body.firstChild;
			if (next !== row) { this.body.insertBefore(row, next); if (row.detail) row.after(row.detail); }
			this.columns.forEach(([, value], i) => fill(row.cells[i], value(item, key)));
			before = row;
		}
		this.table.hidden = !items.length;
		if (this.more) {
			this.more.hidden = items.length <= this.limit;
			this.more.textContent = `Show more: ${items.length - shown.length} are left`;
		}
	}

	add(key) {
		const row = element("tr", { role: "row" }, ...this.columns.map(([title, , kind]) =>
			element("td", { role: "cell", class: kind, "data-label": title })));
		this.rows.set(key, row);
		return row;
	}
}

function fill(cell, value) {
	const mark = value instanceof Node ? value.outerHTML : String(value ?? "");
	if (cell.mark === mark) return;
	if (cell.contains(document.activeElement) && cell.mark !== undefined && value instanceof Node) return; // not under a finger
	cell.mark = mark;
	cell.toggleAttribute("data-empty", !mark);
	cell.replaceChildren(value instanceof Node ? value : mark);
}

// Graphs

const GRAPHS = [ // title, column of a point, text, bad when above 0
	["Packets", 1, (n) => [short(n), "/s"]],
	["Bits", 2, (n) => [short(n * 8), "bit/s"]],
	["New flows", 3, (n) => [short(n), "/s"]],
	["Sessions", 4, (n) => [short(n), ""]],
	["Dropped", 5, (n) => [short(n), "/s"], true],
].map(([title, column, text, warns]) => {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	svg.setAttribute("viewBox", "0 0 300 42");
	svg.setAttribute("preserveAspectRatio", "none");
	svg.setAttribute("role", "img");
	const [area, curve] = ["area", "curve"].map((kind) => {
		const path = document.createElementNS(svg.namespaceURI, "path");
		path.setAttribute("class", kind);
		svg.append(path);
		return path;
	});
	const now = element("p");
	const box = element("div", { class: "graph" }, element("h3", {}, title), now, svg);
	$("graphs").append(box);
	return { title, column, text, warns, svg, area, curve, now, box };
});

function drawGraphs() {
	const points = model.history;
	const last = points.at(-1);
	for (const graph of GRAPHS) {
		const values = points.map((point) => point[graph.column]);
		const most = Math.max(1e-9, ...values);
		const [number, unit] = last ? graph.text(last[graph.column]) : ["–", ""];
		graph.now.replaceChildren(`${number} `, element("small", {}, unit));
		graph.box.classList.toggle("bad", Boolean(graph.warns && last?.[graph.column] > 0));
		const [from, to] = [points[0]?.[0] ?? 0, last?.[0] ?? 1];
		const line = points.map((point, i) =>
			`${(((point[0] - from) / Math.max(1, to - from)) * 300).toFixed(1)},${(40 - (values[i] / most) * 37).toFixed(1)}`);
		graph.curve.setAttribute("d", line.length > 1 ? `M${line.join("L")}` : "");
		graph.area.setAttribute("d", line.length > 1 ? `M0,42L${line.join("L")}L300,42Z` : "");
		const [top, topUnit] = graph.text(Math.max(0, ...values));
		graph.svg.setAttribute("aria-label", `${graph.title}: ${number} ${unit} now, at most ${top} ${topUnit} in the last ${ago(to - from)}`);
	}
}

// What is shown

function vipState(vip) {
	if (!vip.up) return state("down", "bad");
	if (vip.leaving) return state("leaving", "warn");
	return vip.announced ? state("announced", "good") : state("up, not announced", "warn");
}

const isDrained = (wanted) => (model.view.host.drained ?? []).some((target) =>
	["kind", "vip", "service", "real"].every((name) => target[name] === wanted[name]));

function drainButton(target, name) {
	if (model.may === "read") return "";
	const drained = isDrained(target);
	const button = element("button", { type: "button", class: "small", "data-target": JSON.stringify(target), "aria-label": `${drained ? "Undrain" : "Drain"} ${name}` },
		drained ? "Undrain" : "Drain");
	button.addEventListener("click", () => ask(isDrained(target) ? "undrain" : "drain", target, name));
	return button;
}

const vips = new Table("vips", [
	["VIP", (_, key) => address(key)],
	["State", (vip) => vipState(vip)],
	["For", (vip) => since(vip.since), "number"],
	["Why", (vip) => vip.why],
	["", (_, key) => drainButton({ kind: "vip", vip: key }, `VIP ${key}`)],
], $("vips-more"));

const bgp = new Table("bgp", [
	["Session", (_, key) => address(key)],
	["State", (session) => state(session.info || "down", session.up ? "good" : "bad")],
	["Since", (session) => session.since],
]);

const peers = new Table("peers", [
	["Load balancer", (_, key) => address(key)],
	["Name", (peer) => peer.name],
	["Document", (peer) => state(`${peer.digest.slice(7, 19)}${peer.agrees ? "" : ", another than here"}`, peer.agrees ? "good" : "warn")],
	["Doing", (peer) => [peer.learning && "learning", peer.moving && "in transition"].filter(Boolean).join(", ")],
]);

function showFleet() {
	const { fleet, peers: others } = model.view;
	$("fleet").hidden = !fleet?.documents;
	if ($("fleet").hidden) return;
	const list = (reals) => reals.map(({ real, service }) => `${real} of ${service}`).join(", ");
	$("fleet-says").textContent = [
		fleet.agreed ? "All have the same document." : `${Object.keys(fleet.documents).length} documents: transitions last until all agree.`,
		!fleet.learned && "Learning what the others hold.",
		fleet.held.length && `Held until all have them: ${list(fleet.held)}.`,
		fleet.kept.length && `Kept by another's word: ${list(fleet.kept)}.`,
	].filter(Boolean).join(" ");
	peers.show(Object.entries(others ?? {}).sort(([, a], [, b]) => a.name.localeCompare(b.name)));
}

const troubled = (service) => service.accepting < Math.max(1, service.need) || service.down > 0 || service.draining > 0;

function serviceState(service) {
	if (service.accepting < Math.max(1, service.need)) return state(`${service.accepting} of ${service.reals}, needs ${service.need}`, "bad");
	const words = [`${service.accepting} of ${service.reals}`];
	if (service.draining) words.push(`${service.draining} draining`);
	if (service.down) words.push(`${service.down} down`);
	return state(words.join(", "), service.down ? "bad" : service.draining ? "warn" : "good");
}

const opened = new Map(); // service -> {table, before}

const services = new Table("services", [
	["Service", (service, key) => openButton(service, key)],
	["Reals accepting", serviceState],
	["Packets", (service) => perSecond(service.packets), "number"],
	["Bits", (service) => bits(service.bytes), "number"],
	["New flows", (service) => perSecond(service.flows), "number"],
	["Sessions", (service) => short(service.sessions), "number"],
	["Slots moving", (service) => (service.transition ? short(service.transition) : ""), "number"],
], $("services-more"));
services.removed = (key) => close(key);

function openButton(service, key) {
	const button = element("button", { type: "button", class: "open", "aria-expanded": String(opened.has(key)), "data-service": key }, address(key), service.name ? ` ${service.name}` : "");
	button.addEventListener("click", () => (opened.has(key) ? close(key) : open(key)));
	return button;
}

function open(key) {
	const row = services.rows.get(key);
	const table = element("table", { role: "table", "aria-label": `Reals of ${key}` });
	row.detail = element("tr", { class: "detail", role: "row" }, element("td", { colspan: services.columns.length, role: "cell" }, table));
	row.after(row.detail);
	opened.set(key, { table: realsTable(table, key), before: null });
	refresh(row, key, true);
}

function close(key) {
	const row = services.rows.get(key);
	opened.delete(key);
	if (!row) return;
	row.detail?.remove();
	row.detail = undefined;
	refresh(row, key, false);
}

function refresh(row, key, expanded) {
	row.querySelector(".open")?.setAttribute("aria-expanded", String(expanded));
	if (expanded) showReals(key);
}

const REAL_KINDS = { accepting: "good", draining: "warn", down: "bad" };

function realsTable(table, key) {
	return new Table(table, [
		["Real", (_, real) => address(real)],
		["State", (real) => state(real.configured === false ? `${real.state}, leaving` : real.state ?? "unknown", REAL_KINDS[real.state] ?? "plain")],
		["For", (real) => since(real.since), "number"],
		["Last check", (real) => (real.checked ? `${since(real.checked.when)} ago, ${(real.checked.seconds * 1000).toFixed(1)} ms` : "none yet"), "number"],
		["Reason", (real) => [real.reason, real.disabled && "disabled (*)", real.drained && "drained by hand"].filter(Boolean).join("; ")],
		["MAC", (real) => (real.mac ? address(real.mac) : "not known")],
		["VLAN", (real) => real.vlan || "untagged", "number"],
		["Share", (real) => `${((real.share ?? 0) * 100).toFixed(1)} %`, "number"],
		["Sessions", (real) => short(real.sessions ?? 0), "number"],
		["Packets", (real) => perSecond(real.rates?.packets ?? 0), "number"],
		["Bits", (real) => bits(real.rates?.bytes ?? 0), "number"],
		["New flows", (real) => perSecond(real.rates?.flows ?? 0), "number"],
		["", (_, real) => drainButton({ kind: "real", service: key, real }, `real ${real} of ${key}`)],
	]);
}

async function showReals(key) {
	const shown = opened.get(key);
	if (!shown || shown.asking) return;
	shown.asking = true;
	try {
		const answer = await (await fetch(`reals.json?service=${encodeURIComponent(key)}`)).json();
		const seconds = shown.before ? answer.time - shown.before.time : 0;
		for (const [name, real] of Object.entries(answer.reals)) {
			const before = shown.before?.reals[name];
			if (before && seconds <= 0) real.rates = before.rates;
			else if (before) real.rates = Object.fromEntries(["packets", "bytes", "flows"].map((what) => [what, Math.max(0, (real[what] ?? 0) - (before[what] ?? 0)) / seconds]));
		}
		shown.before = answer;
		shown.table.show(Object.entries(answer.reals));
	} catch { /* the next second asks again; that the connection is lost is said elsewhere */ } finally {
		shown.asking = false;
	}
}

const VERDICTS = { drop: ["dropped", "bad"], note: ["noted", "warn"], answer: ["answered", "good"], pass: ["left to the host", "plain"] };
const reasons = new Table("reasons", [
	["", (_, key) => state(...(VERDICTS[key.split("_")[0]] ?? [key, "plain"]))],
	["Packets", (reason) => short(reason.count), "number"],
	["Now", (reason) => (reason.rate ? perSecond(reason.rate) : ""), "number"],
	["Reason", (reason) => reason.words],
]);

const LEVELS = { debug: "plain", info: "plain", notice: "good", warning: "warn", error: "bad" };

function showLog() {
	const names = Object.keys(LEVELS);
	const least = names.indexOf($("log-level").value);
	const wanted = model.events.filter((event) => names.indexOf(event.level) >= least).slice(-STEP).reverse();
	const mark = `${wanted[0]?.number} ${wanted.length} ${least}`;
	if ($("log").mark === mark) return;
	$("log").mark = mark;
	$("log").replaceChildren(...wanted.map((event) => {
		const time = new Date(event.time * 1000);
		return element("li", {},
			element("time", { datetime: time.toISOString(), class: "quiet" }, time.toTimeString().slice(0, 8)),
			state(event.level, LEVELS[event.level] ?? "plain"),
			element("strong", {}, event.event),
			element("span", {}, Object.entries(event.values).map(([name, value]) => `${name}=${value}`).join("  ")));
	}));
}

function showHost() {
	const { host, bgp: bird } = model.view;
	const interfaces = Object.entries(host.interfaces ?? {});
	const facts = [
		["version", host.version],
		["generation", `${host.generation}${host.live ? `, ${since(host.live)} old` : ""}`],
		["document", (host.digest ?? "").slice(0, 19)],
		["running for", since(host.started)],
		["interfaces", interfaces.map(([name, mode]) => `${name} ${mode || "without the program"}`).join(", ")],
	];
	const mark = JSON.stringify(facts);
	if ($("host").mark !== mark) {
		$("host").mark = mark;
		$("host").replaceChildren(...facts.filter(([, text]) => text).map(([name, text]) =>
			element("div", {}, element("dt", {}, name), element("dd", {}, text))));
	}
	const notices = [];
	if (host.host && host.host !== $("where").textContent) name(host.host);
	const off = model.view.fleet?.off;
	if (off) notices.push(`Flows are not shared with other load balancers: ${off}`);
	if (host.reload_failure) notices.push(`The last reload failed, and changed nothing: ${host.reload_failure.message} ${host.reload_failure.hint}`);
	for (const [name, mode] of interfaces) if (!mode) notices.push(`${name} is without the program: no VIP is announced.`);
	const drained = (host.drained ?? []).map((target) => (target.kind === "host" ? "this load balancer" : `${target.kind} ${target[target.kind]}${target.kind === "real" && target.service ? ` of ${target.service}` : ""}`));
	if (drained.length) notices.push(`Drained by hand: ${drained.join(", ")}.`);
	if ($("notices").mark !== notices.join("\n")) {
		$("notices").mark = notices.join("\n");
		$("notices").replaceChildren(...notices.map((text) => element("p", { class: "notice" }, text)));
	}
	const routes = Object.values(model.view.vips ?? {}).filter((vip) => vip.announced).length;
	$("bgp-why").textContent = [`${routes} ${routes === 1 ? "route" : "routes"} announced.`, bird?.why && `Sessions: ${bird.why}.`].filter(Boolean).join(" ");
	bgp.show(Object.entries(bird?.sessions ?? {}));
	$("do-drain").textContent = `${isDrained({ kind: "host" }) ? "Undrain" : "Drain"} this load balancer`;
}

function showServices() {
	const text = $("filter-text").value.trim().toLowerCase();
	const trouble = $("filter-trouble").checked;
	const all = Object.entries(model.view.services ?? {});
	const wanted = all.filter(([key, service]) => (!text || `${key} ${service.name}`.toLowerCase().includes(text)) && (!trouble || troubled(service)));
	$("services-count").textContent = wanted.length === all.length ? `${all.length}` : `${wanted.length} of ${all.length}`;
	services.show(wanted);
	[...opened.keys()].slice(-OPEN_AT_ONCE).forEach(showReals);
}

function render() {
	if (!model.view.host) return;
	showHost();
	showFleet();
	drawGraphs();
	vips.show(Object.entries(model.view.vips ?? {}));
	const counted = Object.entries(model.view.reasons ?? {}).filter(([, reason]) => reason.count);
	const order = ([key]) => Object.keys(VERDICTS).indexOf(key.split("_")[0]);
	reasons.show(counted.sort((a, b) => order(a) - order(b)));
	$("reasons-none").hidden = counted.length > 0;
	showServices();
	showLog();
}

// News

function connect() {
	const source = new EventSource("events");
	const live = (word, kind) => { if ($("connection").textContent !== word) $("connection").textContent = word; $("connection").className = kind; };
	source.addEventListener("open", () => live("live", "live"));
	source.addEventListener("error", () => live("connection lost, trying again", "lost"));
	source.addEventListener("state", (event) => {
		Object.assign(model, JSON.parse(event.data));
		render();
	});
	source.addEventListener("delta", (event) => {
		const news = JSON.parse(event.data);
		if (news.tick <= model.tick) return;
		model.tick = news.tick;
		for (const [section, { changed, gone }] of Object.entries(news.changes)) {
			const there = (model.view[section] ??= {});
			Object.assign(there, changed);
			for (const key of gone) delete there[key];
		}
		if (news.point) model.history = [...model.history, news.point].slice(-300);
		const known = model.events.at(-1)?.number ?? 0;
		model.events = [...model.events, ...news.events.filter((each) => each.number > known)].slice(-300);
		if (!document.hidden) render();
	});
}

// Changing things: only when the server says that this may be

async function act(command, body) {
	$("operate-says").textContent = "…";
	let said;
	try {
		const answer = await fetch(command, { method: "POST", body: JSON.stringify(body),
			headers: { "Content-Type": "application/json", "X-VC5-Console": model.may === "token" ? $("token").value : "write" } });
		const value = await answer.json();
		said = answer.ok ? `${command}: done` : [value.error, value.hint].filter(Boolean).join(". ");
	} catch {
		said = `${command}: no answer`;
	}
	$("operate-says").textContent = said;
	$("operate-says").scrollIntoView({ block: "nearest" });
}

function ask(command, target, name) {
	$("ask-text").textContent = `${command[0].toUpperCase()}${command.slice(1)} ${name}?`;
	$("ask-force").checked = false;
	$("ask-force-label").hidden = command !== "drain";
	$("ask").returnValue = "no";
	$("ask").onclose = () => {
		if ($("ask").returnValue === "yes") act(command, target ? { target, force: $("ask-force").checked } : {});
	};
	$("ask").showModal();
}

async function offer() {
	model.may = (await (await fetch("access.json")).json()).may;
	$("operate-form").hidden = model.may === "read";
	$("token-label").hidden = model.may !== "token";
	$("operate-how").textContent = { read: "Read-only: vc5d has no console token. vc5ctl changes things.", token: "What changes something needs the token; it stays in this page.", write: "" }[model.may];
	render();
}

// The map. Order 10: 1024 × 1024 cells of a /20; index along the curve = the upper 20 bits of the address.

const SIDE = 1024;
const map = { counts: null, most: 1, image: null, at: null };

function toPlace(index) {
	let [x, y] = [0, 0];
	for (let size = 1, rest = index; size < SIDE; size *= 2, rest >>>= 2) {
		const right = 1 & (rest >>> 1);
		const down = 1 & (rest ^ right);
		if (!down) { if (right) { x = size - 1 - x; y = size - 1 - y; } [x, y] = [y, x]; }
		x += size * right;
		y += size * down;
	}
	return [x, y];
}

function toIndex(x, y) {
	let index = 0;
	for (let size = SIDE / 2; size > 0; size >>>= 1) {
		const right = x & size ? 1 : 0;
		const down = y & size ? 1 : 0;
		index += size * size * ((3 * right) ^ down);
		if (!down) { if (right) { x = SIDE - 1 - x; y = SIDE - 1 - y; } [x, y] = [y, x]; }
	}
	return index;
}

const prefix = (index) => `${index >>> 12}.${(index >>> 4) & 255}.${(index & 15) << 4}.0/20`;
const RAMPS = { light: [[214, 228, 240], [76, 150, 200], [10, 72, 130], [60, 0, 60]], dark: [[30, 56, 82], [32, 134, 168], [120, 205, 120], [255, 240, 120]] };
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour(level) {
	const ramp = RAMPS[dark.matches ? "dark" : "light"];
	const at = Math.min(level, 0.999) * (ramp.length - 1);
	const [low, high] = [ramp[Math.floor(at)], ramp[Math.floor(at) + 1]];
	return low.map((value, i) => value + (high[i] - value) * (at % 1));
}

const LEVEL_STEPS = 256;
function drawMap() {
	const context = $("map-picture").getContext("2d");
	const picture = context.createImageData(SIDE, SIDE);
	const palette = Array.from({ length: LEVEL_STEPS }, (_, i) => colour(i / (LEVEL_STEPS - 1)));
	const scale = (LEVEL_STEPS - 1) / Math.log(Math.max(2, map.most));
	map.counts.forEach((count, index) => {
		if (!count) return;
		const [x, y] = toPlace(index);
		const [r, g, b] = palette[Math.min(LEVEL_STEPS - 1, Math.round(Math.log(count) * scale))];
		// A lone cell is less than a dot on most screens: it is drawn as two by two.
		for (const [i, j] of [[x, y], [x ^ 1, y], [x, y ^ 1], [x ^ 1, y ^ 1]]) {
			const at = 4 * (j * SIDE + i);
			if ((i === x && j === y) || !picture.data[at + 3]) picture.data.set([r, g, b, 255], at);
		}
	});
	context.clearRect(0, 0, SIDE, SIDE);
	context.putImageData(picture, 0, 0);
	drawSquares(context);
	map.image = context.getImageData(0, 0, SIDE, SIDE);
	const legend = $("map-scale").getContext("2d");
	const strip = legend.createImageData(LEVEL_STEPS, 1);
	palette.forEach((rgb, i) => strip.data.set([...rgb, 255], 4 * i));
	legend.putImageData(strip, 0, 0);
	$("map-most").textContent = short(map.most);
	mark();
}

function drawSquares(context) {
	context.strokeStyle = dark.matches ? "#ffffff1c" : "#0000001c";
	context.fillStyle = dark.matches ? "#ffffff66" : "#00000080";
	context.font = "18px system-ui, sans-serif";
	for (let octet = 0; octet < 256; octet++) {
		const [x, y] = toPlace(octet << 12).map((at) => at & ~63);
		context.strokeRect(x + 0.5, y + 0.5, 64, 64);
		context.fillText(octet, x + 4, y + 19);
	}
}

function mark() {
	if (!map.image) return;
	const context = $("map-picture").getContext("2d");
	context.putImageData(map.image, 0, 0);
	if (!map.at) return;
	const [x, y] = map.at;
	context.strokeStyle = dark.matches ? "#fff" : "#000";
	context.lineWidth = 2;
	context.strokeRect(x - 6, y - 6, 13, 13);
	context.lineWidth = 1;
	const index = toIndex(x, y);
	$("map-says").replaceChildren(address(prefix(index)), `: ${short(map.counts[index])} packets`);
}

async function loadMap() {
	const answer = await fetch("prefixes.json");
	if (!answer.ok) { $("map-says").textContent = (await answer.text()).trim(); return; }
	map.counts = await answer.json();
	map.most = map.counts.reduce((a, b) => Math.max(a, b), 1);
	const top = map.counts.map((count, index) => [index, count]).filter(([, count]) => count).sort(([, a], [, b]) => b - a).slice(0, 10);
	const six = Object.entries(await (await fetch("prefixes6.json")).json()).slice(0, 10);
	mapTop.show([...top.map(([index, count]) => [prefix(index), count]), ...six].sort(([, a], [, b]) => b - a));
	drawMap();
}

const mapTop = new Table("map-top", [
	["Prefix", (_, key) => address(key)],
	["Packets", (count) => short(count), "number"],
]);

function pointAt(event) {
	const box = $("map-picture").getBoundingClientRect();
	map.at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((at) => Math.max(0, Math.min(SIDE - 1, Math.floor(at * SIDE))));
	mark();
}

function moveMark(event) {
	const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
	const way = ways[event.key];
	if (!way || !map.counts) return;
	event.preventDefault();
	const step = event.shiftKey ? 32 : 1;
	map.at = (map.at ?? [0, 0]).map((at, i) => Math.max(0, Math.min(SIDE - 1, at + way[i] * step)));
	mark();
}

// Beginning

// The address is "localhost" by way of SSH, whichever load balancer it is: its own name comes with its state.
const name = (host) => {
	$("where").textContent = host;
	document.title = `VC5 ${host}`;
};
name(location.hostname);
for (const id of ["filter-text", "filter-trouble", "log-level"]) $(id).addEventListener("input", render);
for (const id of ["filter", "log-filter", "operate-form"]) $(id).addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("visibilitychange", () => { if (!document.hidden) render(); });
$("do-reload").addEventListener("click", () => ask("reload", null, "the document"));
$("do-drain").addEventListener("click", () => ask(isDrained({ kind: "host" }) ? "undrain" : "drain", { kind: "host" }, "this load balancer"));
$("map").addEventListener("toggle", () => { if ($("map").open) loadMap(); });
setInterval(() => { if ($("map").open && !document.hidden) loadMap(); }, 10000);
$("map-picture").addEventListener("pointermove", pointAt);
$("map-picture").addEventListener("keydown", moveMark);
dark.addEventListener("change", () => { if (map.counts) drawMap(); });
connect();
offer();
