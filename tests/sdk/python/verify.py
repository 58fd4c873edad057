"""Verifies delivered webhooks with the Standard Webhooks project's own library.

Standard input: one JSON object a line with `headers`, `body`; argument: the secret. Fails at the first that does not verify.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook

webhook = Webhook(sys.argv[1])
verified = 0
for line in sys.stdin:
    delivery = json.loads(line)
    webhook.verify(delivery["body"], delivery["headers"])
    verified += 1
print(verified)
