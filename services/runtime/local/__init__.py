"""The local stack: a real Kafka broker and a real PostgreSQL server that need nothing but Python on the machine."""
