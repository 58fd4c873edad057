"""Sends the story with rudder-sdk-python, as its documentation shows; its default is gzip."""

import sys

import rudderstack.analytics as analytics

import story

failures = []
analytics.write_key = story.write_key
analytics.dataPlaneUrl = story.host
analytics.on_error = lambda error, items: failures.append(error)

story.tell(analytics)
analytics.shutdown()
if failures:
    sys.exit(f"the SDK reported: {failures}")
