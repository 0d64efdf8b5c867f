import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The job of `paceline bench fold` on Kafka Streams, exactly once: decode, drop what is malformed,
 * drop what a state store has seen, group, sum and count, put the sums out.
 *
 * <p>Arguments: KAFKA INPUT OUTPUT APPLICATION STATE_FOLDER THREADS EVENTS, where EVENTS is how many
 * count. Prints as JSON the seconds from the first record to the last sum; the last commit is not
 * in them.
 */
public final class Fold {
    private static final String SEEN = "seen";
    private static final AtomicLong BEGAN = new AtomicLong();
    private static final AtomicLong SUMMED = new AtomicLong();
    private static final CountDownLatch DONE = new CountDownLatch(1);
    private static volatile long ended;

    private Fold() {}

    /** What is read of an event. */
    private record Event(String group, long cents) {}

    public static void main(String[] given) throws InterruptedException {
        long wanted = Long.parseLong(given[6]);
        Topology topology = topology(given[1], given[2], wanted);
        KafkaStreams streams = new KafkaStreams(topology, settings(given));
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(1);
                    return null;
                });
        streams.start();
        DONE.await();
        streams.close();
        System.out.printf(
                "{\"seconds\": %.3f, \"summed\": %d}%n",
                (ended - BEGAN.get()) / 1e9, SUMMED.get());
    }

    private static Properties settings(String[] given) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, given[4]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(given[5]));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Integer.getInteger("commit", 1000));
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 5000);
        return settings;
    }

    private static Topology topology(String input, String output, long wanted) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(
                Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(SEEN), Serdes.Bytes(), Serdes.ByteArray()));
        builder.stream(input, Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
                .process(Reading::new, SEEN)
                .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
                .aggregate(
                        () -> new byte[16],
                        (group, cents, sum) -> add(sum, cents, wanted),
                        Materialized.with(Serdes.String(), Serdes.ByteArray()))
                .toStream()
                .to(output, Produced.with(Serdes.String(), Serdes.ByteArray()));
        return builder.build();
    }

    /** Returns sum (cents) and count, eight bytes each, with one event more. */
    private static byte[] add(byte[] sum, long cents, long wanted) {
        ByteBuffer before = ByteBuffer.wrap(sum);
        byte[] after = new byte[16];
        ByteBuffer.wrap(after).putLong(before.getLong() + cents).putLong(before.getLong() + 1);
        if (SUMMED.incrementAndGet() == wanted) {
            ended = System.nanoTime();
            DONE.countDown();
        }
        return after;
    }

    /** Reads events; forwards those that are whole and were not seen before. */
    private static final class Reading implements Processor<Bytes, byte[], String, Long> {
        private static final byte[] SEEN_BEFORE = {1};
        private final JsonFactory json = new JsonFactory();
        private ProcessorContext<String, Long> context;
        private KeyValueStore<Bytes, byte[]> seen;

        @Override
        public void init(ProcessorContext<String, Long> context) {
            this.context = context;
            this.seen = context.getStateStore(SEEN);
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            BEGAN.compareAndSet(0, System.nanoTime());
            Event event = read(record.value());
            if (event != null && seen.putIfAbsent(record.key(), SEEN_BEFORE) == null) {
                context.forward(record.withKey(event.group()).withValue(event.cents()));
            }
        }

        private Event read(byte[] value) {
            String tenant = null, type = null, campaign = null, channel = null, time = null;
            long cents = -1;
            try (JsonParser parser = json.createParser(value)) {
                int depth = 0;
                for (JsonToken token = parser.nextToken(); ; token = parser.nextToken()) {
                    if (token == null) {
                        return null; // cut off
                    } else if (token == JsonToken.START_OBJECT) {
                        depth++;
                    } else if (token == JsonToken.END_OBJECT) {
                        if (--depth == 0) {
                            break;
                        }
                    } else if (token != JsonToken.FIELD_NAME) {
                        switch (parser.currentName()) {
                            case "tenant" -> tenant = parser.getText();
                            case "type" -> type = parser.getText(); // the event's own comes last
                            case "time" -> time = parser.getText();
                            case "channel" -> channel = parser.getText();
                            case "campaign" -> campaign = parser.getText();
                            case "amount" -> {
                                if (!token.isNumeric()) {
                                    return null;
                                }
                                cents = parser.getDecimalValue().movePointRight(2).longValueExact();
                            }
                            default -> { }
                        }
                    }
                }
                if (tenant == null || campaign == null || channel == null || time == null || cents < 0) {
                    return null;
                }
                long minute = Instant.parse(time).getEpochSecond() / 60;
                String group = String.join("|", tenant, type, channel, campaign, Long.toString(minute));
                return new Event(group, cents);
            } catch (IOException | DateTimeException | ArithmeticException error) {
                return null;
            }
        }
    }
}
