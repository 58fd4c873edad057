"""The story that every sender tells; see ../README.md."""

import sys

if len(sys.argv) != 5:
    sys.exit("usage: python <sender>.py <host> <write key> <account> <user>")

host, write_key, group_id, user_id = sys.argv[1:]
anonymous_id = f"anon-{user_id}"


def tell(analytics):
    """Makes every call of the story through a module with the SDKs' common interface."""
    context = {"groupId": group_id}
    for step in ("start", "end"):
        analytics.track(anonymous_id=anonymous_id, event="Tour Taken", properties={"step": step})
    analytics.identify(
        user_id,
        {"email": f"{user_id}@acme.example", "name": "Ada Lovelace", "title": "VP of Engineering", "plan": "free"},
    )
    analytics.group(
        user_id, group_id, {"name": "Acme", "plan": "free", "employees": 120, "website": "https://acme.example"}
    )
    for i in range(12):
        analytics.track(user_id, "Task Created", {"board": ("b1", "b2")[i % 2], "minutes": i + 1}, context=context)
    for name in ("ben", "cem", "dia", "eva", "ben"):
        analytics.track(user_id, "User Invited", {"email": f"{name}@acme.example"}, context=context)
    analytics.page(user_id, "Docs", "Pricing", {"url": "https://acme.example/pricing"})
    analytics.screen(user_id, "App", "Board", {"board": "b1"})
    analytics.alias(anonymous_id, user_id)
