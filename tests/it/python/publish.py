"""Publishes events with the CloudEvents SDK and nats-py: publish.py URL EVENTS

EVENTS is a JSON array. Each event has a `subject`, its `attributes` and `data`, and says which `sdk` writes it
(`core`, `v03` or `v1`) in which `mode` (`binary`, `structured`, or `headerless`: structured mode as the NATS binding
of CloudEvents 1.0.2 has it). With `bytes`, data is handed to the SDK as bytes.
"""

import asyncio
import json
import sys
from datetime import datetime

import nats
from cloudevents.core.bindings import http
from cloudevents.core.v03.event import CloudEvent as CloudEventV03
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion
from cloudevents.v1.http import CloudEvent as OldCloudEvent


def written(event):
    """The headers and the payload that the SDK makes of an event."""
    attributes, data = dict(event["attributes"]), event["data"]
    structured = event["mode"] != "binary"
    if event.get("bytes"):
        data = json.dumps(data).encode() if not isinstance(data, str) else data.encode()
    if event["sdk"] == "v1":
        write = conversion.to_structured if structured else conversion.to_binary
        headers, payload = write(OldCloudEvent(attributes, data))
        # it leaves numbers and booleans as they are
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in headers.items()}, payload
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    kind = CloudEventV03 if event["sdk"] == "v03" else CloudEvent
    write = http.to_structured_event if structured else http.to_binary_event
    message = write(kind(attributes, data))
    return message.headers, message.body


async def main(url, events):
    client = await nats.connect(url)
    jetstream = client.jetstream()
    for event in events:
        headers, payload = written(event)
        if event["mode"] == "headerless":
            headers = None
        await jetstream.publish(event["subject"], payload, headers=headers)
    await client.close()


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
