"""Sends the story with segment-analytics-python, as its documentation shows."""

import sys

import segment.analytics as analytics

import story

failures = []
analytics.write_key = story.write_key
analytics.host = story.host
analytics.on_error = lambda error, items: failures.append(error)

story.tell(analytics)
analytics.shutdown()
if failures:
    sys.exit(f"the SDK reported: {failures}")
