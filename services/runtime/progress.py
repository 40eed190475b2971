"""How far a service has applied each partition: rows ``<schema>.progress``, written with the rows they speak of."""

from collections.abc import Collection

from aiokafka import TopicPartition

from services.runtime.database import Conn, Pool


class ProgressWentBack(RuntimeError):
    """A position was to be stored below the one that is; positions only grow."""


async def positions(pool: Pool, schema: str, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The stored next offsets of ``partitions``; one never stored is left out."""
    rows = await pool.fetch(
        f"SELECT p.topic, p.partition, p.next_offset FROM {schema}.progress p "
        "JOIN unnest($1::text[], $2::int[]) AS w(topic, partition) USING (topic, partition)",
        [tp.topic for tp in partitions],
        [tp.partition for tp in partitions],
    )
    return {TopicPartition(r["topic"], r["partition"]): r["next_offset"] for r in rows}


async def lock(conn: Conn, schema: str, topic: str, partition: int) -> int:
    """The next offset of a partition, its row created at 0 if need be and locked until the transaction ends.

    The lock fences a worker that lost the partition and does not know it yet: it waits here, then finds its records
    applied. Call it inside a transaction.
    """
    select = f"SELECT next_offset FROM {schema}.progress WHERE topic = $1 AND partition = $2 FOR UPDATE"
    position: int | None = await conn.fetchval(select, topic, partition)
    if position is None:
        await conn.execute(
            f"INSERT INTO {schema}.progress (topic, partition, next_offset) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
            topic,
            partition,
        )
        position = await conn.fetchval(select, topic, partition)
        assert position is not None
    return position


async def advance(conn: Conn, schema: str, topic: str, partition: int, next_offset: int) -> None:
    """Store the next offset of a partition whose row is locked. Raises :class:`ProgressWentBack`."""
    done = await conn.execute(
        f"UPDATE {schema}.progress SET next_offset = $3, "
        # What is repeated moves nothing, and proves nothing about the record at the position.
        "attempts = CASE WHEN next_offset < $3 THEN 0 ELSE attempts END, "
        "alone = CASE WHEN next_offset < $3 THEN 0 ELSE alone END "
        "WHERE topic = $1 AND partition = $2 AND next_offset <= $3",
        topic,
        partition,
        next_offset,
    )
    if done != "UPDATE 1":
        raise ProgressWentBack(f"{schema}: {topic} partition {partition} is not locked or already beyond {next_offset}")


async def attempt(pool: Pool, schema: str, topic: str, partition: int) -> int:
    """Note, for good, that a process begins on what stands at a partition's position; how often that was noted since
    the position last moved, this time counted."""
    noted: int = await pool.fetchval(
        f"INSERT INTO {schema}.progress AS p (topic, partition, next_offset, attempts) VALUES ($1, $2, 0, 1) "
        "ON CONFLICT (topic, partition) DO UPDATE SET attempts = p.attempts + 1 RETURNING attempts",
        topic,
        partition,
    )
    return noted


async def alone(pool: Pool, schema: str, topic: str, partition: int, position: int, at_least: int) -> int | None:
    """Note that a process begins on the one record at ``position``; how often it was noted before.

    The attempts are then ``at_least`` that many, so that a start after it goes on record by record. None if the
    partition stands elsewhere.
    """
    noted: int | None = await pool.fetchval(
        f"UPDATE {schema}.progress SET alone = alone + 1, attempts = greatest(attempts, $4) "
        "WHERE topic = $1 AND partition = $2 AND next_offset = $3 RETURNING alone",
        topic,
        partition,
        position,
        at_least,
    )
    return None if noted is None else noted - 1


async def take_back(pool: Pool, schema: str, topic: str, partition: int, position: int, alone: int) -> None:
    """Take back one note of what stands at ``position``, and ``alone`` of the record there tried alone; nothing where
    the partition has moved on."""
    await pool.execute(
        f"UPDATE {schema}.progress SET attempts = greatest(attempts - 1, 0), alone = greatest(alone - $4, 0) "
        "WHERE topic = $1 AND partition = $2 AND next_offset = $3",
        topic,
        partition,
        position,
        alone,
    )


async def forget_attempts(pool: Pool, schema: str, topic: str, partition: int) -> None:
    """Clear a partition's notes: what stopped the process is known, and was not caused by the records."""
    await pool.execute(
        f"UPDATE {schema}.progress SET attempts = 0, alone = 0 WHERE topic = $1 AND partition = $2", topic, partition
    )
