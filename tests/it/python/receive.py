"""Prints what the CloudEvents SDK reads from a stream: receive.py URL SUBJECT COUNT

For each message a line of JSON: its headers, its payload, and the attributes and data that the SDK (`core`) and its
older interface (`v1`) make of them; `null` where one refuses the message.
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

import nats
from cloudevents.core.bindings import http
from cloudevents.v1.http import from_http


def text(value):
    """Times in one form, to be compared."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def core(headers, payload):
    event = http.from_http_event(http.HTTPMessage(headers, payload))
    attributes = {name: text(value) for name, value in event.get_attributes().items()}
    return {"attributes": attributes, "data": event.get_data()}


def v1(headers, payload):
    event = from_http(headers, payload)
    return {"attributes": dict(event.get_attributes()), "data": event.get_data()}


def read(reader, message):
    try:
        return reader(message.headers or {}, message.data)
    except Exception as error:
        print(f"{reader.__name__}: {error!r}", file=sys.stderr)
        return None


async def main(url, subject, count):
    client = await nats.connect(url)
    subscription = await client.jetstream().pull_subscribe(subject)
    missing = count
    while missing > 0:
        for message in await subscription.fetch(missing, timeout=60):
            await message.ack()
            missing -= 1
            seen = {
                "headers": message.headers,
                "payload": json.loads(message.data),
                "core": read(core, message),
                "v1": read(v1, message),
            }
            print(json.dumps(seen))
    await client.close()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
