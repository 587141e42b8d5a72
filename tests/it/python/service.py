"""A service as it was written before: nats-py, pydantic and flat JSON. service.py URL COUNT

It confirms each booked visit and ends after COUNT of them.
"""

import asyncio
import sys
from datetime import datetime, timezone
from typing import Literal
from uuid import UUID, uuid4

import nats
from pydantic import BaseModel, Field


class BaseEvent(BaseModel):
    event_id: UUID = Field(default_factory=uuid4)
    timestamp: datetime = Field(default_factory=lambda: datetime.now(timezone.utc))
    correlation_id: str | None = None


class VisitBookedEvent(BaseEvent):
    event_type: Literal["visit.booked"]
    visit_id: UUID
    room: str
    minutes: int = Field(ge=5, le=480)
    note: str | None = None


class VisitConfirmedEvent(BaseEvent):
    event_type: str = "visit.confirmed"
    visit_id: UUID
    room: str
    booked_at: datetime
    minutes: int


async def main(url, count):
    client = await nats.connect(url)
    jetstream = client.jetstream()
    subscription = await jetstream.pull_subscribe("visit.booked", durable="confirmations")
    for _ in range(count):
        [message] = await subscription.fetch(1, timeout=60)
        booked = VisitBookedEvent.model_validate_json(message.data)
        confirmed = VisitConfirmedEvent(
            correlation_id=booked.correlation_id,
            visit_id=booked.visit_id,
            room=booked.room,
            booked_at=booked.timestamp,
            minutes=booked.minutes,
        )
        await jetstream.publish("visit.confirmed", confirmed.model_dump_json().encode())
        await message.ack()
    await client.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
