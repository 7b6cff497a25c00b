"""verify.py: reads lines of JSON {"secret", "headers", "body" in base64} and prints for each what the
reference library of Standard Webhooks says of it: "accepted", or "refused" and why."""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    case = json.loads(line)
    try:
        Webhook(case["secret"]).verify(base64.b64decode(case["body"]), case["headers"])
        print("accepted")
    except WebhookVerificationError as error:
        print("refused:", error)
