import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The annual count with Kafka Streams, exactly_once_v2: rows by request in a store, counters by cell in another, a
 * repartition topic between them. Arguments: bootstrap, topic, threads, records, sum of all counters, state folder,
 * seconds at most.
 */
public final class AnnualFold {
    static final int PARTITIONS = 4;
    static final ObjectMapper JSON = new ObjectMapper();
    static final AtomicLong SEEN = new AtomicLong();
    static final Set<String> COUNTED = Set.of("open", "stopped", "answered", "closed");
    static final Set<String> ENDED = Set.of("answered", "closed");

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static final class Event {
        public long sequence;
        public Data data;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static final class Data {
        public Request request;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static final class Request {
        public String organ;
        public String state;
        public String outcome;
        @JsonProperty("received_on")
        public String receivedOn;
        @JsonProperty("closed_on")
        public String closedOn;

        String received() {
            return receivedOn == null || !COUNTED.contains(state)
                    ? null : organ + "|" + receivedOn.substring(0, 4) + "|received";
        }

        String closed() {
            return received() == null || closedOn == null || !ENDED.contains(state)
                    ? null : organ + "|" + closedOn.substring(0, 4) + "|" + (outcome == null ? "other" : outcome);
        }
    }

    public static final class Row {
        public long sequence;
        public Request request;
    }

    /** Turns each event into the moves of its request from cell to cell. */
    static final class Fold implements Processor<String, Event, String, Long> {
        private ProcessorContext<String, Long> context;
        private KeyValueStore<String, Row> rows;

        @Override
        public void init(ProcessorContext<String, Long> given) {
            context = given;
            rows = given.getStateStore("rows");
        }

        @Override
        public void process(Record<String, Event> record) {
            SEEN.incrementAndGet();
            Row before = rows.get(record.key());
            if (before != null && record.value().sequence <= before.sequence) {
                return;
            }
            Row now = new Row();
            now.sequence = record.value().sequence;
            now.request = record.value().data.request;
            rows.put(record.key(), now);
            Request was = before == null ? null : before.request;
            move(record, was == null ? null : was.received(), now.request == null ? null : now.request.received());
            move(record, was == null ? null : was.closed(), now.request == null ? null : now.request.closed());
        }

        private void move(Record<String, Event> record, String left, String entered) {
            if (Objects.equals(left, entered)) {
                return;
            }
            if (left != null) {
                context.forward(record.withKey(left).withValue(-1L));
            }
            if (entered != null) {
                context.forward(record.withKey(entered).withValue(1L));
            }
        }
    }

    static <T> Serde<T> json(Class<T> shape) {
        ObjectReader reader = JSON.readerFor(shape);
        ObjectWriter writer = JSON.writerFor(shape);
        return Serdes.serdeFrom((topic, value) -> {
            try {
                return value == null ? null : writer.writeValueAsBytes(value);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }, (topic, bytes) -> {
            try {
                return bytes == null ? null : reader.readValue(bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    static Topology topology(String topic) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("rows"), Serdes.String(), json(Row.class)).withCachingEnabled());
        builder.stream(topic, Consumed.with(Serdes.String(), json(Event.class)))
                .process(Fold::new, "rows")
                .repartition(Repartitioned.with(Serdes.String(), Serdes.Long())
                        .withName("moves").withNumberOfPartitions(PARTITIONS))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
                .reduce(Long::sum, Materialized.<String, Long>as(Stores.persistentKeyValueStore("cells"))
                        .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()));
        return builder.build();
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = args[1];
        long total = Long.parseLong(args[3]);
        long sum = Long.parseLong(args[4]);
        double limit = Double.parseDouble(args[6]);
        String id = "streams-" + UUID.randomUUID();
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(args[2]));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        KafkaStreams streams = new KafkaStreams(topology(topic), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        long began = System.nanoTime();
        streams.start();
        Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        long first = 0;
        long firstAt = 0;
        long half = 0;
        long halfAt = 0;
        Map<String, Long> cells = new TreeMap<>();
        while (seconds(System.nanoTime() - began) < limit) {
            long seen = SEEN.get();
            long now = System.nanoTime();
            if (seen > 0 && firstAt == 0) {
                first = seen;
                firstAt = now;
                tell("FIRST");
            }
            if (2 * seen >= total && halfAt == 0) {
                half = seen;
                halfAt = now;
            }
            if (seen >= total && read(streams, cells) == sum && committed(admin, id, topic)) {
                break;
            }
            Thread.sleep(seen >= total ? 10 : 2);
        }
        long doneAt = System.nanoTime();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("records", SEEN.get());
        told.put("rate", (total - first) / seconds(doneAt - firstAt));
        told.put("second_half", (total - half) / seconds(doneAt - halfAt));
        told.put("cells", cells);
        tell("DONE " + JSON.writeValueAsString(told));
        System.in.read();
        System.exit(0);
    }

    static void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static double seconds(long nanos) {
        return nanos / 1e9;
    }

    /** The counters now, and what they come to; -1 while they can't be read. */
    static long read(KafkaStreams streams, Map<String, Long> into) {
        long sum = 0;
        into.clear();
        try {
            ReadOnlyKeyValueStore<String, Long> store = streams.store(
                    StoreQueryParameters.fromNameAndType("cells", QueryableStoreTypes.<String, Long>keyValueStore()));
            try (KeyValueIterator<String, Long> all = store.all()) {
                while (all.hasNext()) {
                    KeyValue<String, Long> each = all.next();
                    sum += each.value;
                    if (each.value != 0) {
                        into.put(each.key, each.value);
                    }
                }
            }
        } catch (InvalidStateStoreException e) {
            return -1;
        }
        return sum;
    }

    /** Whether all that the group reads is committed to the end; behind the last move stands a transaction's marker. */
    static boolean committed(Admin admin, String group, String topic) throws ExecutionException, InterruptedException {
        Map<TopicPartition, OffsetAndMetadata> at =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        String between = group + "-moves-repartition";
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (int p = 0; p < PARTITIONS; p++) {
            asked.put(new TopicPartition(topic, p), OffsetSpec.latest());
            asked.put(new TopicPartition(between, p), OffsetSpec.latest());
        }
        for (var end : admin.listOffsets(asked).all().get().entrySet()) {
            long wanted = end.getValue().offset() - (end.getKey().topic().equals(between) ? 1 : 0);
            OffsetAndMetadata found = at.get(end.getKey());
            if (wanted > 0 && (found == null || found.offset() < wanted)) {
                return false;
            }
        }
        return true;
    }
}
