// tour.mjs LINE URL TOKEN RECEIVER: what a user of the JavaScript SDK does, from the first call to the
// last, with line 1 or 2 of it. Prints a line "step result" for each; an error of the SDK ends it.
import { setTimeout as sleep } from "node:timers/promises";

const DEADLINE_MS = 60_000;
const [line, serverUrl, token, receiver] = process.argv.slice(2);
const { Svix, ApiException } = await import(line === "1" ? "svix-v1" : "svix");
const svix = new Svix(token, { serverUrl });
const type = `tour.${process.pid}`;

const app = (await svix.application.create({ name: "tour" })).id;
say("application", app);
say("event-type", (await svix.eventType.create({ name: type, description: "of the tour" })).name);
const types = line === "1" ? { filterTypes: [type] } : { eventTypes: [type] };
const endpoint = (await svix.endpoint.create(app, { url: receiver, ...types })).id;
say("endpoint", endpoint);
say("secret", (await svix.endpoint.getSecret(app, endpoint)).key);

const first = await send(1);
say("message", first.id);
say("by-message", await answers(first.id, 1));
const byEndpoint = await svix.messageAttempt.listByEndpoint(app, endpoint);
say("by-endpoint", byEndpoint.data.map((attempt) => attempt.msgId));
say("messages", (await svix.message.list(app)).data.map((message) => message.id));

const wanted = { headers: { "X-Tour": "javascript", Authorization: "a secret" } };
if (line === "1") await svix.endpoint.updateHeaders(app, endpoint, wanted);
else await svix.endpoint.setHeaders(app, endpoint, wanted);
const { headers, sensitive } = await svix.endpoint.getHeaders(app, endpoint);
say("headers", [...Object.entries(headers).map((pair) => pair.join("=")), ...sensitive]);

await svix.endpoint.rotateSecret(app, endpoint, {});
say("rotated", (await svix.endpoint.getSecret(app, endpoint)).key);
await svix.messageAttempt.resend(app, first.id, endpoint);
say("resend", await answers(first.id, 2));

// The receiver says 410 to this one, which disables the endpoint; its owner mends it, and recovers.
const lost = await send(2);
say("lost", await answers(lost.id, 1));
await until(async () => (await svix.endpoint.get(app, endpoint)).disabled);
await svix.endpoint.patch(app, endpoint, { disabled: false });
const task = await svix.endpoint.recover(app, endpoint, { since: first.timestamp });
await until(async () => (await svix.backgroundTask.get(task.id)).status === "finished");
say("recover", await answers(lost.id, 2));

const access = await svix.authentication.appPortalAccess(app, {});
const portal = new Svix(access.token, { serverUrl });
say("portal", (await portal.endpoint.list(app)).data.map((row) => row.id));

await svix.endpoint.delete(app, endpoint);
await svix.application.delete(app);
await svix.eventType.delete(type);
say("deleted", await refusal(svix.application.get(app)));

function send(n) {
	return svix.message.create(app, { eventType: type, payload: { n } });
}

// The status codes of a message's attempts, oldest first, as soon as there are that many.
async function answers(message, count) {
	const { data } = await until(async () => {
		const page = await svix.messageAttempt.listByMsg(app, message);
		return page.data.length >= count && page;
	});
	return data.map((attempt) => attempt.responseStatusCode).reverse();
}

async function until(condition) {
	const end = Date.now() + DEADLINE_MS;
	for (;;) {
		const value = await condition();
		if (value) return value;
		if (Date.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${condition}`);
		await sleep(50);
	}
}

async function refusal(call) {
	try {
		await call;
	} catch (error) {
		if (error instanceof ApiException) return `${error.code} ${error.body.code}`;
		throw error;
	}
	return "accepted";
}

function say(step, result) {
	console.log(step, Array.isArray(result) ? result.join(" ") : result);
}
