"""Run by the Python of an Airflow: a broker of Kafka, the one that librdkafka brings for tests,
with two messages in the topic `incoming`. Prints its address; for each topic on a line of standard
input it prints the messages in it as JSON. Ends with its input.
"""

import json
import sys

from confluent_kafka import (  # type: ignore[import-not-found,unused-ignore]
    Consumer,
    Producer,
    TopicPartition,
)

SENT = [{"id": 1, "city": "Trier"}, {"id": 2, "city": 'O\'Hara \\ "x" <b>'}]
LIMIT_S = 20.0


def main() -> None:
    broker = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    (found,) = broker.list_topics(timeout=LIMIT_S).brokers.values()
    address = f"{found.host}:{found.port}"
    for one in SENT:
        broker.produce("incoming", value=json.dumps(one), partition=0)
    broker.flush(LIMIT_S)
    print(address, flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(messages(address, line.strip())), flush=True)  # noqa: T201


def messages(address: str, topic: str) -> list[object]:
    """Every message of a topic, in all its partitions."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test"})
    found = consumer.list_topics(topic, timeout=LIMIT_S).topics[topic]
    heard: list[object] = []
    for number in found.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=LIMIT_S)
        consumer.assign([TopicPartition(topic, number, low)])
        heard += (json.loads(one.value()) for one in consumer.consume(high - low, LIMIT_S))
    consumer.close()
    return heard


if __name__ == "__main__":
    main()
