"""A broker with TLS and a login: everything that reaches Kafka gets through, and nothing without the password."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from services.events import brokers
from services.events.topics import create_topics, topics
from services.local import kafka_files
from services.local.kafka import KafkaNode
from services.local.process import free_port
from tests.support import ORGAN, ServiceProcess, answered, eventually, raw, received, service

PASSWORD = "p@ss/wörd:1"
QUOTED = "p%40ss%2Fw%C3%B6rd%3A1"


@pytest.fixture(scope="module")
def secured(session_folder: Path, classpath: list[Path]) -> Iterator[tuple[int, Path]]:
    """The TLS port of a broker and the authority that signed its certificate."""
    folder = session_folder / "secured"
    folder.mkdir()
    key, certificate, both = folder / "key.pem", folder / "ca.pem", folder / "server.pem"
    openssl = shutil.which("openssl")
    assert openssl is not None
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text(key.read_text() + certificate.read_text())
    port = free_port()
    plain = kafka_files.server_properties

    def properties(**given: Any) -> str:
        text = plain(**given)
        text = text.replace("listeners=PLAINTEXT", f"listeners=SASL_SSL://127.0.0.1:{port},PLAINTEXT", 1)
        text = text.replace("advertised.listeners=", f"advertised.listeners=SASL_SSL://127.0.0.1:{port},", 1)
        text = text.replace("PLAINTEXT:PLAINTEXT\n", "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL\n", 1)
        login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_shixian="' + PASSWORD + '";'
        more = {
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": kafka_files._escaped(login),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": both,
        }
        return text + "".join(f"{name}={value}\n" for name, value in more.items())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_files, "server_properties", properties)
        node = KafkaNode(folder / "kafka", classpath)
        node.start()
    yield port, certificate
    node.stop(30)


def address(secured: tuple[int, Path], password: str = QUOTED) -> str:
    port, ca = secured
    return f"sasl_ssl://shixian:{password}@127.0.0.1:{port}?mechanism=PLAIN&ca={ca}"


async def test_a_wrong_password_or_an_unknown_authority_is_refused(secured: tuple[int, Path]) -> None:
    for wrong in (address(secured, "guess"), address(secured).partition("&ca")[0]):
        with pytest.raises((KafkaError, OSError)):
            await create_topics(wrong, topics("refused.", 1, 1))


def post(intake: ServiceProcess, *facts: dict[str, Any]) -> None:
    batch = intake.http.post(
        "/v1/events", json=list(facts), headers={"content-type": "application/cloudevents-batch+json"}
    )
    assert batch.status_code == 202, batch.text


def test_the_services_work_over_tls_with_a_login(secured: tuple[int, Path], postgres: str, folder: Path) -> None:
    url = folder / "kafka-url"
    url.write_text(address(secured) + "\n")
    env = {
        "SHIXIAN_KAFKA_FILE": str(url),
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": "secured.",
        "SHIXIAN_PARTITIONS": "2",
        "SHIXIAN_LOG_LEVEL": "warning",
    }
    with service("intake", env) as intake, service("tracker", env) as tracker, service("stats", env) as stats:
        for one in (intake, tracker, stats):
            one.wait_ready()
        post(intake, raw("organ-registered", "gz-psb", ORGAN))
        post(intake, received("S-1", "2024-03-04", "in-person"), answered("S-1", "2024-03-06"))
        series = 'shixian_requests_answered_total{organ="gz-psb",outcome="granted",timeliness="in-time",year="2024"} 1'
        eventually(lambda: series in stats.http.get("/metrics").text or None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://h:1", "expected one of ssl://"),
        ("sasl_ssl://u:secret?secret@h:1", "percent-encode"),
        ("sasl_ssl://u:secret#secret@h:1", "percent-encode"),
        ("u:secret@h:1", "a user needs sasl_ssl://"),
        ("u:secret://h:1", "expected one of ssl://"),
        ("sasl_ssl://h:1", "expects user:password@"),
        ("sasl_ssl://u:secret@h:1?mechanism=GSSAPI", "mechanism: expected one of"),
        ("ssl://u:secret@h:1", "takes no user"),
        ("ssl://h:1?ca=/nowhere/ca.pem", "No such file"),
        ("sasl_plaintext://u:secret@h:1?ca=x", "ca: expected of sasl_plaintext://"),
        ("ssl://?ca=x", "expected host:port"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(text: str, told: str) -> None:
    with pytest.raises(brokers.BadAddress) as refused:
        brokers.client(text)
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_plain_address_stays_what_it_is() -> None:
    assert brokers.client("a:9092, b:9092") == {"bootstrap_servers": "a:9092,b:9092"}
    found = brokers.client("sasl_plaintext://u:p%25w@a:1,b:2")
    assert found == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p%w",
    }
