import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Acts on goal events once each: java -cp 'jars/*' Subscriber.java BOOTSTRAP TOPIC GROUP FILE. */
public class Subscriber {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        Path file = Path.of(args[3]);
        Set<String> known = known(file);
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0],
            "group.id", args[2],
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false",
            "key.deserializer", ByteArrayDeserializer.class,
            "value.deserializer", ByteArrayDeserializer.class);
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings)) {
            consumer.subscribe(List.of(args[1]));
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    handle(file, known, JSON.readTree(record.value()));
                }
                consumer.commitSync(); // only after the effects
            }
        }
    }

    /** Acts unless the id is known; the line is both the effect and the memory of it. */
    static void handle(Path file, Set<String> known, JsonNode event) throws Exception {
        String id = event.get("id").asText();
        if (!known.add(id)) return;
        String text = String.format("%s %s: %s of %s", event.get("kind").asText(),
            event.get("goal").asText(), event.get("actual").asText(), event.get("plan").asText());
        Files.writeString(file, id + " " + text + "\n",
            StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.SYNC);
        System.out.println(text);
    }

    /** Returns the ids of the whole lines; one cut short by a crash is taken away, and acts again. */
    static Set<String> known(Path file) throws Exception {
        Set<String> ids = new HashSet<>();
        if (!Files.exists(file)) return ids;
        String text = Files.readString(file);
        String whole = text.substring(0, text.lastIndexOf('\n') + 1);
        if (!whole.equals(text)) Files.writeString(file, whole);
        whole.lines().forEach(line -> ids.add(line.substring(0, line.indexOf(' '))));
        return ids;
    }
}
