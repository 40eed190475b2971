"""How a broker is configured: its properties, logging and command line, and how it is asked whether it is ready."""

import hashlib
import socket
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from aiokafka.protocol.admin import SaslAuthenticateRequest_v1, SaslHandShakeRequest_v1
from aiokafka.protocol.api import RequestHeader_v1
from aiokafka.protocol.metadata import MetadataRequest_v1, MetadataResponse_v1

from services.local.secret import USER

HEAP = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
"""What its libraries do of old; Java 25 would warn of it at each start."""

_LOG4J = """\
status=warn
shutdownHook=disable
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={folder}/kafka.log
appender.file.filePattern={folder}/kafka.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}} %-5p %c{{1}} %m%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
"""


def server_properties(
    *,
    node_id: int,
    port: int,
    controller_port: int,
    voters: Mapping[int, str],
    data: Path,
    replication: int,
    advertised_port: int | None = None,
    password: str = "",
) -> str:
    """``server.properties`` of a node that is broker and controller, listening on 127.0.0.1 only.

    ``advertised_port`` is the port that clients are given, if that is not ``port``. ``password``: what clients, and
    the node itself, have to log in with (SASL PLAIN: between processes of one machine nobody listens); empty: nobody.
    """
    name = "SASL_PLAINTEXT" if password else "PLAINTEXT"
    values = {
        "process.roles": "broker,controller",
        "node.id": node_id,
        "controller.quorum.voters": ",".join(f"{voter}@{address}" for voter, address in sorted(voters.items())),
        "listeners": f"{name}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"{name}://127.0.0.1:{advertised_port or port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CONTROLLER:{name},{name}:{name}",
        "inter.broker.listener.name": name,
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replication,
        "min.insync.replicas": max(1, replication - 1),
        "offsets.topic.replication.factor": replication,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": max(1, replication - 1),
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": max(1, replication - 1),
        "share.coordinator.state.topic.num.partitions": 1,
        # After a kill -9 the controller takes no new registration before the old one's session is over: by default
        # that is nine seconds in which a restarted broker waits.
        "broker.session.timeout.ms": 3000 if len(voters) == 1 else 6000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,
        # The log is kept for ever unless a topic says otherwise.
        "log.retention.ms": -1,
        "log.cleaner.dedupe.buffer.size": 2097152,
        # A killed broker loses nothing: what it wrote is the kernel's. A power cut loses what was not flushed, so one
        # node by itself flushes each second.
        "log.flush.interval.ms": 1000,
        "log.flush.scheduler.interval.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    if password:
        values |= _login(password)
    return "".join(f"{key}={_escaped(str(value))}\n" for key, value in values.items())


def _login(password: str) -> dict[str, str]:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    # The one account there is, as a client (user name and password) and as it is checked (user_NAME).
    jaas = f'{module} required username="{USER}" password="{password}" user_{USER}="{password}";'
    return {
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": jaas,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": jaas,
    }


def log4j_properties(folder: Path) -> str:
    """Log4j's configuration: ``kafka.log`` in ``folder``, 30 MB at most."""
    return _LOG4J.format(folder=_escaped(str(folder)))


def _escaped(value: str) -> str:
    """As Java's properties files want it: ASCII, with ``\\uXXXX`` for each UTF-16 unit of the rest."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 127 else f"\\u{code:04x}" for code in codes)


def java_command(java: Path, classpath: Sequence[Path], options: Sequence[str], main: str, *rest: str) -> list[str]:
    return [str(java), *HEAP, *QUIET, *options, "-cp", ":".join(map(str, classpath)), main, *rest]


def aot_key(java: Path, classpath: Sequence[Path]) -> str:
    """Names the AOT cache for this JVM, class path and options: Java refuses one made for others."""
    digest = hashlib.sha256(repr((HEAP, QUIET)).encode())
    for path in (java.parent.parent / "release", *classpath):
        stat = path.stat()
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def brokers(port: int, timeout: float = 2.0, password: str = "") -> set[int]:
    """The ids of the brokers that the one on ``port`` knows as alive, by a Metadata request; ``password``: where one
    has to log in.

    Raises OSError when nothing answers, ValueError when what answers isn't Kafka.
    """
    requests: list[Any] = [MetadataRequest_v1([])]
    if password:
        login = f"\0{USER}\0{password}".encode()
        requests = [SaslHandShakeRequest_v1("PLAIN"), SaslAuthenticateRequest_v1(login), *requests]
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection,
        connection.makefile("rb") as file,
    ):
        for number, request in enumerate(requests, 1):
            header = RequestHeader_v1(request, correlation_id=number, client_id="shixian-ready").encode()
            payload = header + request.encode()
            connection.sendall(len(payload).to_bytes(4, "big") + payload)
            answer = file.read(int.from_bytes(file.read(4), "big"))
            if len(answer) < 8:
                raise ConnectionError(f"port {port} closed the connection")
    response = MetadataResponse_v1.decode(BytesIO(answer[4:]))
    return {broker[0] for broker in response.brokers}
