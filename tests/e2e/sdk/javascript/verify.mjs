// verify.mjs: reads lines of JSON {"secret", "headers", "body" in base64} and prints for each what the
// reference library of Standard Webhooks says of it: "accepted", or "refused" and why.
import { createInterface } from "node:readline";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
	const { secret, headers, body } = JSON.parse(line);
	try {
		new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
		console.log("accepted");
	} catch (error) {
		if (!(error instanceof WebhookVerificationError)) throw error;
		console.log("refused:", error.message);
	}
}
