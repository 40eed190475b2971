#!/bin/sh
# Post one fact with curl. --retry repeats the same call, with the same id, on 429, 503 and broken connections.
set -eu
id=${1:?the id of the event}
curl --silent --show-error --fail-with-body \
  --retry 8 --retry-connrefused --retry-max-time 60 \
  ${SHIXIAN_TOKEN:+-H "Authorization: Bearer $SHIXIAN_TOKEN"} \
  -H 'Content-Type: application/cloudevents+json' \
  --data-binary @- "${SHIXIAN_INTAKE:-http://127.0.0.1:8701}/v1/events" <<EVENT
{
  "specversion": "1.0",
  "type": "org.shixian.receipt-confirmed.v1",
  "source": "urn:example:intake",
  "id": "$id",
  "subject": "2025-0001",
  "data": {"confirmed_on": "2025-03-03"}
}
EVENT
echo
